//! `/context`: what the next turn of a conversation would send before its message, part by part, as the run reads it.
//!
//! Sizes are bytes of text; tokens are estimated from them, because only the provider counts them truly.

use std::fmt::Write as _;

use rusqlite::Connection;
use serde_json::{Value, json};
use torana_core::command::ContextAction;
use torana_core::id::InboxId;
use torana_core::run::{Entry, Role, estimated_tokens};

use super::status::{Facts, model_text};
use crate::engine::Engine;
use crate::run::history::{Shown, dm_turns, is_of_group, upcoming};
use crate::session::Work;
use crate::settings::{NoteSize, Settings};
use crate::store::session::SessionRow;
use crate::store::{self, StoreError};

/// What is known of the window before the command is written.
pub(super) struct Window {
    form: Form,
    /// Bytes of the instructions without the notes.
    instructions: usize,
    notes: Vec<NoteSize>,
    turns: Option<usize>,
    in_group: bool,
}

/// How it is told.
enum Form {
    List,
    Detail,
    Json,
}

/// Collects it; the refused word when nobody knows such a form.
pub(super) fn window<'a>(
    engine: &Engine,
    settings: &Settings,
    work: &Work,
    action: &'a ContextAction,
) -> Result<Window, &'a str> {
    let form = match action {
        ContextAction::List => Form::List,
        ContextAction::Detail => Form::Detail,
        ContextAction::Json => Form::Json,
        ContextAction::Invalid { word } => return Err(word),
    };
    let agent = settings.agents.get(&work.agent);
    let notes = agent.map_or_else(Vec::new, |agent| agent.notes.clone());
    let told: usize = notes.iter().map(|note| note.told).sum();
    Ok(Window {
        form,
        instructions: agent.map_or(0, |agent| agent.system.len().saturating_sub(told)),
        notes,
        turns: dm_turns(engine, &work.payload),
        in_group: is_of_group(&work.payload),
    })
}

/// The answer to `/context`.
pub(super) fn text(
    connection: &Connection,
    row: &SessionRow,
    facts: &Facts,
    window: &Window,
    command: InboxId,
) -> Result<String, StoreError> {
    let shown = upcoming(connection, row, facts.context_tokens, window.turns)?;
    let overheard = if window.in_group {
        store::context::before(connection, &row.key, command)?
    } else {
        Vec::new()
    };
    let report = Report::of(facts, row, window, &shown, &overheard);
    Ok(match window.form {
        Form::List => report.text(false),
        Form::Detail => report.text(true),
        Form::Json => format!("```json\n{:#}\n```", report.json()),
    })
}

/// So many pieces of text with so many bytes.
#[derive(Clone, Copy, Default)]
struct Part {
    count: usize,
    bytes: usize,
}

impl Part {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn words(self) -> String {
        format!(
            "{} bytes, about {} tokens",
            self.bytes,
            estimated_tokens(self.bytes)
        )
    }

    fn json(self) -> Value {
        json!({ "count": self.count, "bytes": self.bytes, "tokens": estimated_tokens(self.bytes) })
    }
}

struct Report<'a> {
    row: &'a SessionRow,
    model: String,
    window_tokens: usize,
    window: &'a Window,
    summary: Part,
    people: Part,
    agent: Part,
    notices: Part,
    overheard: Part,
    /// Files of the conversation; the newest are shown again.
    files: Part,
    is_whole: bool,
}

impl<'a> Report<'a> {
    fn of(
        facts: &Facts,
        row: &'a SessionRow,
        window: &'a Window,
        shown: &Shown,
        overheard: &[(String, String)],
    ) -> Self {
        let mut report = Self {
            row,
            model: model_text(facts, row),
            window_tokens: facts.context_tokens,
            window,
            summary: Part::default(),
            people: Part::default(),
            agent: Part::default(),
            notices: Part::default(),
            overheard: Part::default(),
            files: Part::default(),
            is_whole: shown.is_whole,
        };
        for (index, entry) in shown.entries.iter().enumerate() {
            report.count(entry, shown.has_summary && index == 0);
        }
        for (sender, text) in overheard {
            report.overheard.add(sender.len() + text.len());
        }
        report
    }

    fn count(&mut self, entry: &Entry, is_summary: bool) {
        let results = entry
            .attached
            .results
            .iter()
            .map(|result| result.text.len());
        let bytes = entry.text.len() + results.sum::<usize>();
        match entry.role {
            _ if is_summary => self.summary.add(bytes),
            Role::User => self.people.add(bytes),
            Role::Assistant => self.agent.add(bytes),
            Role::System => self.notices.add(bytes),
        }
        for file in &entry.media {
            self.files
                .add(usize::try_from(file.bytes).unwrap_or(usize::MAX));
        }
    }

    fn conversation(&self) -> Part {
        let parts = [self.summary, self.people, self.agent, self.notices];
        Part {
            count: parts.iter().map(|part| part.count).sum(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
        }
    }

    fn tokens(&self) -> u64 {
        let told = self.window.notes.iter().map(|note| note.told);
        let bytes = told.chain([
            self.window.instructions,
            self.conversation().bytes,
            self.overheard.bytes,
        ]);
        bytes.map(estimated_tokens).sum()
    }

    fn text(&self, detailed: bool) -> String {
        let instructions = Part {
            count: 1,
            bytes: self.window.instructions,
        };
        let mut text = format!(
            "**Context**\nModel: {}\nInstructions: {}\n",
            self.model,
            instructions.words()
        );
        let mut line = |words: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            writeln!(text, "{words}").unwrap_or_default();
        };
        if self.window.notes.is_empty() {
            line(format_args!("Workspace files: none"));
        } else {
            line(format_args!("Workspace files:"));
        }
        for note in &self.window.notes {
            line(format_args!("- `{}`: {}", note.name, note_words(note)));
        }
        let said = self.conversation();
        line(format_args!(
            "Conversation: {}, {}",
            counted(said.count, "message"),
            said.words()
        ));
        let parts = [
            ("Summary of what came before", self.summary),
            ("From people", self.people),
            ("From the agent", self.agent),
            ("Notices", self.notices),
        ];
        for (name, part) in parts {
            if detailed && part.count > 0 {
                line(format_args!("- {name}: {}, {}", part.count, part.words()));
            }
        }
        if !self.is_whole {
            line(format_args!(
                "Older messages are left out: there is no room for them. `/compact` summarises them."
            ));
        }
        if let Some(turns) = self.window.turns {
            line(format_args!(
                "This chat shows its last {turns} turns only, as configured."
            ));
        }
        if self.overheard.count > 0 {
            line(format_args!(
                "Unanswered in the group: {}, {}",
                counted(self.overheard.count, "message"),
                self.overheard.words()
            ));
        }
        if self.files.count > 0 {
            line(format_args!(
                "Files in the conversation: {}, {} bytes, not estimated",
                self.files.count, self.files.bytes
            ));
        }
        line(format_args!("Tools: none"));
        line(format_args!("Together: {}", self.share()));
        if self.row.context_tokens > 0 {
            line(format_args!(
                "With its last answer the model reported {} tokens.",
                self.row.context_tokens
            ));
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn share(&self) -> String {
        let (tokens, window) = (self.tokens(), self.window_tokens);
        let percent = u64::try_from(window)
            .ok()
            .and_then(|window| (tokens * 100).checked_div(window));
        match percent {
            Some(percent) => format!("about {tokens} of {window} tokens ({percent} %)"),
            None => format!("about {tokens} tokens"),
        }
    }

    fn json(&self) -> Value {
        let notes = self.window.notes.iter().map(|note| {
            json!({
                "name": note.name, "bytes": note.bytes, "toldBytes": note.told, "isCut": note.is_cut,
                "tokens": estimated_tokens(note.told),
            })
        });
        json!({
            "sessionKey": self.row.key,
            "model": self.model,
            "contextTokens": self.window_tokens,
            "estimatedTokens": self.tokens(),
            "reportedTokens": self.row.context_tokens,
            "instructions": {
                "bytes": self.window.instructions, "tokens": estimated_tokens(self.window.instructions),
            },
            "workspaceFiles": notes.collect::<Vec<_>>(),
            "conversation": {
                "summary": self.summary.json(), "people": self.people.json(), "agent": self.agent.json(),
                "notices": self.notices.json(), "isWhole": self.is_whole, "turnsMax": self.window.turns,
            },
            "unansweredInGroup": self.overheard.json(),
            "files": { "count": self.files.count, "bytes": self.files.bytes },
            "tools": [],
        })
    }
}

fn note_words(note: &NoteSize) -> String {
    let tokens = estimated_tokens(note.told);
    if note.is_cut {
        let (bytes, told) = (note.bytes, note.told);
        format!("{bytes} bytes, of which {told} are told, about {tokens} tokens")
    } else {
        format!("{} bytes, about {tokens} tokens", note.told)
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
