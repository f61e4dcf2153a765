//! The journals as people see them: the story of one message, what waits to be sent, what was set aside.

use torana_core::admit::DropReason;
use torana_core::id::{InboxId, IntentId};
use torana_core::problem::{Code, Problem};

use crate::engine::Engine;
use crate::store::inbox::{self, InboxRow, State};
use crate::store::outbox::{self, Intent};

/// Rows a list shows at most; more are counted by health.
pub const LIST_MAX: usize = 1_000;

/// Which message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest, whatever became of it.
    Last,
    /// By row.
    Row(i64),
    /// By wire id of its turn.
    Run(String),
}

/// One thing that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When, Unix milliseconds; `None` where only the order is known.
    pub at_ms: Option<i64>,
    /// Which part of the gateway: `received`, `admitted`, `routed`, `run`, `reply`, `delivery`.
    pub stage: &'static str,
    /// What happened, for people.
    pub text: String,
}

/// The story of one message.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its row.
    pub row: InboxRow,
    /// Rows that became part of its turn.
    pub merged: Vec<InboxId>,
    /// What it caused on platforms.
    pub intents: Vec<Intent>,
    /// In order.
    pub steps: Vec<Step>,
}

impl Story {
    /// The story as text, one line per step.
    pub fn text(&self) -> String {
        let mut text = format!("message {} ({})", self.row.id, self.row.state.as_str());
        for step in &self.steps {
            text.push_str("\n  ");
            text.push_str(step.stage);
            text.push_str(": ");
            text.push_str(&step.text);
        }
        text
    }
}

/// The story of a message; `None` when there is no such message.
pub async fn explain(engine: &Engine, which: Which) -> Result<Option<Story>, Problem> {
    let found = engine
        .read(move |connection| {
            let row = match which {
                Which::Last => inbox::last(connection)?,
                Which::Row(id) => inbox::get(connection, InboxId(id))?,
                Which::Run(run_id) => inbox::by_run(connection, &run_id)?,
            };
            let Some(row) = row else { return Ok(None) };
            let merged = inbox::merged_into(connection, row.id)?;
            let intents = outbox::of_inbox(connection, row.id)?;
            Ok(Some((row, merged, intents)))
        })
        .await?;
    Ok(found.map(|(row, merged, intents)| {
        let merged: Vec<InboxId> = merged.iter().map(|row| row.id).collect();
        let steps = steps(&row, &merged, &intents);
        Story {
            row,
            merged,
            intents,
            steps,
        }
    }))
}

fn steps(row: &InboxRow, merged: &[InboxId], intents: &[Intent]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |at_ms: Option<i64>, stage: &'static str, text: String| {
        steps.push(Step { at_ms, stage, text })
    };
    let sender = row
        .sender
        .as_deref()
        .map(|sender| format!(" from {sender}"))
        .unwrap_or_default();
    add(
        Some(row.received_at_ms),
        "received",
        format!(
            "on {} account {}{sender}, event {}",
            row.channel, row.account, row.event_id
        ),
    );
    let reason = row.reason.as_deref();
    if let Some(dropped) = reason.and_then(|reason| reason.strip_prefix("dropped:")) {
        add(
            Some(row.updated_at_ms),
            "admitted",
            match DropReason::parse(dropped) {
                Some(reason) => format!("no: {} ({dropped})", reason.explain()),
                None => format!("no: {dropped}; nothing was answered"),
            },
        );
        return steps;
    }
    if let Some(kept) = reason.and_then(kept_out) {
        add(Some(row.updated_at_ms), "admitted", kept.to_owned());
        for intent in intents {
            add(Some(intent.created_at_ms), "delivery", intent_text(intent));
        }
        return steps;
    }
    if let Some(session) = &row.session {
        let agent = row.agent.as_deref().unwrap_or("?");
        let rule = row
            .tier
            .as_deref()
            .map(|tier| format!(" by rule \"{tier}\""))
            .unwrap_or_default();
        add(None, "admitted", "yes".to_owned());
        add(
            None,
            "routed",
            format!("to agent {agent}, session {session}{rule}"),
        );
    }
    if !merged.is_empty() {
        let ids: Vec<String> = merged.iter().map(ToString::to_string).collect();
        add(
            None,
            "run",
            format!("messages {} joined this turn", ids.join(", ")),
        );
    }
    add(Some(row.updated_at_ms), "run", run_text(row));
    for intent in intents {
        add(Some(intent.created_at_ms), "delivery", intent_text(intent));
    }
    let answers_here = row.merged_into.is_none() && row.state == State::Done;
    if answers_here && intents.is_empty() && row.channel == torana_core::id::WEBCHAT {
        add(
            None,
            "delivery",
            "the reply is in the session's history; no platform was involved".to_owned(),
        );
    }
    steps
}

/// Why a message caused no turn although it was not dropped, told by its stored reason.
fn kept_out(reason: &str) -> Option<&'static str> {
    match reason {
        "pairing" => Some(
            "not yet: the sender is unknown and `dmPolicy` is `pairing`; the latest message is answered after \
             `torana pairing approve` (pairing)",
        ),
        "context" => Some(
            "no: nobody addressed the agent and the group requires a mention; kept as context for the next one (context)",
        ),
        _ => None,
    }
}

fn run_text(row: &InboxRow) -> String {
    if let (State::Merged | State::Done, Some(lead)) = (row.state, row.merged_into) {
        return format!("belongs to the turn of message {lead}");
    }
    let reason = row
        .reason
        .as_deref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let attempts = match row.attempt {
        0 => "not started".to_owned(),
        1 => "run once".to_owned(),
        number => format!("run {number} times"),
    };
    match row.state {
        State::Queued => format!("waits for its turn{reason}, {attempts}"),
        State::Adopted => format!("under way, {attempts}"),
        State::Merged => "belongs to another message's turn".to_owned(),
        State::Held => format!("held{reason}"),
        State::Parked => {
            format!("set aside{reason}, {attempts}; retry with `torana inbox retry <id>`")
        }
        State::Done => match failure_of(row) {
            Some(words) => format!("done{reason}, {attempts}: {words}"),
            None => format!("done{reason}, {attempts}"),
        },
    }
}

/// What a failed turn said.
fn failure_of(row: &InboxRow) -> Option<&str> {
    row.result.as_ref()?.get("error")?.get("message")?.as_str()
}

fn intent_text(intent: &Intent) -> String {
    let mut text = format!("intent {} to {}: {}", intent.id, intent.lane, intent.state);
    if intent.attempt > 1 {
        text.push_str(&format!(", {} attempts", intent.attempt));
    }
    if intent.resent > 0 {
        text.push_str(", sent again after an unknown outcome");
    }
    if let Some(receipt) = &intent.receipt {
        text.push_str(&format!(
            ", platform ids {}",
            receipt.message_ids.join(", ")
        ));
    }
    if let Some(reason) = &intent.reason {
        text.push_str(&format!(", {reason}"));
    }
    text
}

/// Open and parked intents, oldest first.
pub async fn outbox_list(engine: &Engine, limit: usize) -> Result<Vec<Intent>, Problem> {
    let limit = limit.clamp(1, LIST_MAX);
    engine
        .read(move |connection| outbox::pending(connection, limit))
        .await
}

/// Puts a parked intent back in its queue, perhaps with other words.
pub async fn outbox_retry(
    engine: &Engine,
    id: i64,
    new_text: Option<String>,
) -> Result<(), Problem> {
    if new_text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Problem::new(Code::InvalidRequest, "text required"));
    }
    engine.retry_intent(IntentId(id), new_text).await
}

/// Gives an intent up for good.
pub async fn outbox_drop(engine: &Engine, id: i64) -> Result<(), Problem> {
    engine.drop_intent(IntentId(id)).await
}

/// Messages that were set aside, newest first.
pub async fn parked(engine: &Engine, limit: usize) -> Result<Vec<InboxRow>, Problem> {
    let limit = limit.clamp(1, LIST_MAX);
    engine
        .read(move |connection| inbox::parked(connection, limit))
        .await
}
