//! What a turn says to the agent: the words of its messages, with their senders and the context before them.
//!
//! Names, quotes and group context are other people's words, so they are fenced and never look like instructions
//! of ours (S-085).

use torana_core::ask::Attached;
use torana_core::id::InboxId;
use torana_core::message::{Inbound, PeerKind, Sender};
use torana_core::run::{Entry, Role, Settled};

use super::adopted::{Adopted, parts_of};
use crate::session::{TurnPlan, Work};
use crate::store::inbox::{ClientInput, Payload};

/// The best name of a sender, without control characters and short enough for a prompt.
pub(crate) fn sender_name(sender: &Sender) -> String {
    let name = sender
        .display
        .as_deref()
        .or(sender.username.as_deref())
        .unwrap_or(&sender.id);
    clean(name, 64)
}

fn clean(text: &str, chars_max: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(chars_max)
        .collect()
}

/// The words of one message as the transcript keeps them.
pub(crate) fn entry_of(work: &Work) -> Entry {
    let (text, sender, at_ms, attached) = match work.payload.as_ref() {
        Payload::Channel(inbound) => (
            channel_text(inbound),
            Some(sender_name(&inbound.sender)),
            inbound.sent_at_ms,
            Attached::default(),
        ),
        Payload::Client(input) => (
            client_text(input),
            None,
            work.handle.accepted_at_ms,
            Attached {
                results: input.attached.results.clone(),
                ..Attached::default()
            },
        ),
    };
    let media = match work.payload.as_ref() {
        Payload::Channel(_) => Vec::new(),
        Payload::Client(input) => input.media.clone(),
    };
    Entry {
        run_id: Some(work.run_id.clone()),
        sender,
        media,
        attached,
        ..Entry::new(Role::User, text, at_ms)
    }
}

/// What the client says came before its message, as the transcript keeps it.
pub(crate) fn prelude_of(work: &Work) -> Vec<Entry> {
    let Payload::Client(input) = work.payload.as_ref() else {
        return Vec::new();
    };
    let kept = input.prelude.iter().map(|entry| {
        let mut entry = entry.clone();
        note_images(&mut entry.text, &entry.attached);
        entry.attached.images.clear();
        entry
    });
    kept.collect()
}

/// The words of a client, with a note for each image: the model sees an image in its own turn only.
fn client_text(input: &ClientInput) -> String {
    let mut text = input.text.clone();
    note_images(&mut text, &input.attached);
    text
}

fn note_images(text: &mut String, attached: &Attached) {
    for image in &attached.images {
        if !text.is_empty() {
            text.push('\n');
        }
        let kind = clean(&image.kind, 32);
        text.push_str(&format!("[an image ({kind}) came with this message]"));
    }
}

fn channel_text(inbound: &Inbound) -> String {
    let mut text = String::new();
    if let Some(origin) = &inbound.forwarded_from {
        text.push_str(&format!("[forwarded from {}]\n", clean(origin, 64)));
    }
    if let Some(quote) = &inbound.quote {
        text.push_str(&format!("[in reply to {}]\n", clean(&quote.sender, 64)));
        for line in quote.text.lines().take(20) {
            text.push_str("> ");
            text.push_str(line);
            text.push('\n');
        }
        // In Markdown the line after a quote belongs to it.
        text.push('\n');
    }
    text.push_str(&inbound.text);
    for attachment in &inbound.attachments {
        // Media comes with a later version; the agent must know that something came (decision 53).
        let name = attachment
            .name
            .as_deref()
            .map(|name| format!(" \"{}\"", clean(name, 80)))
            .unwrap_or_default();
        text.push_str(&format!(
            "\n[a {}{name} came with this message; its content is not available]",
            clean(&attachment.kind, 32)
        ));
    }
    text.trim().to_owned()
}

/// One line for messages that were pushed out of a full queue.
pub(crate) fn summary_entry(works: &[Work], at_ms: i64) -> Option<Entry> {
    if works.is_empty() {
        return None;
    }
    let mut text = format!(
        "[{} shortened because the queue was full]",
        match works.len() {
            1 => "1 earlier message was".to_owned(),
            count => format!("{count} earlier messages were"),
        }
    );
    for work in works {
        let words: String = clean(work.payload.text(), 120);
        text.push_str("\n- ");
        text.push_str(&words);
    }
    Some(Entry::new(Role::User, text, at_ms))
}

/// Everything the turn says, in the form the model reads, with messages that joined an earlier run of the same turn.
/// The history ends before it, so that an agent that keeps its own hears it too.
pub(crate) fn input_of(plan: &TurnPlan, adopted: &Adopted, context: &[(String, String)]) -> String {
    let mut parts = Vec::new();
    if !context.is_empty() {
        let lines: Vec<String> = context
            .iter()
            .map(|(sender, text)| format!("{sender}: {}", text.replace('\n', " ")))
            .collect();
        parts.push(format!(
            "[Chat messages since your last reply - for context]\n{}",
            lines.join("\n")
        ));
        parts.push("[Current message - respond to this]".to_owned());
    }
    let summarised: Vec<Work> = plan.summarised.iter().flat_map(parts_of).collect();
    if let Some(summary) = summary_entry(&summarised, 0) {
        parts.push(summary.text);
    }
    let mut works: Vec<&Work> = plan
        .merged
        .iter()
        .chain(&adopted.joined)
        .chain([&plan.lead])
        .collect();
    works.retain(|work| !adopted.gone.contains(&work.id));
    works.sort_by_key(|work| work.id);
    for work in works {
        for work in work.fragments.iter().chain([work]) {
            if let Payload::Client(input) = work.payload.as_ref() {
                parts.extend(input.preface.clone());
            }
            let entry = entry_of(work);
            let in_group = matches!(work.payload.as_ref(),
                Payload::Channel(inbound) if inbound.conversation.peer.kind != PeerKind::Direct);
            match entry.sender.filter(|_| in_group) {
                Some(sender) => parts.push(format!("{sender}: {}", entry.text)),
                None => parts.push(entry.text),
            }
        }
    }
    parts.join("\n")
}

/// What a person on a platform reads when a turn failed.
pub(crate) fn error_text(settled: &Settled, inbox: InboxId) -> String {
    let reason = settled
        .error
        .as_ref()
        .map_or("the agent failed without a reason", |error| {
            error.message.as_str()
        });
    format!("I could not answer: {reason} (reference {inbox})")
}
