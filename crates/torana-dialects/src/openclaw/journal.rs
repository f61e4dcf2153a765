//! The journals as `torana.explain` and its kind show them; the command line shows the same without a gateway.

use serde_json::{Value, json};
use torana_core::message::Operation;
use torana_engine::service::journal::Story;
use torana_engine::store::inbox::InboxRow;
use torana_engine::store::outbox::Intent;

/// The answer of `torana.explain`.
pub fn story(story: &Story) -> Value {
    let steps: Vec<Value> = story
        .steps
        .iter()
        .map(|step| json!({ "at": step.at_ms, "stage": step.stage, "text": step.text }))
        .collect();
    let merged: Vec<i64> = story.merged.iter().map(|id| id.0).collect();
    let intents: Vec<Value> = story.intents.iter().map(intent).collect();
    json!({
        "message": message(&story.row), "merged": merged, "intents": intents, "steps": steps, "text": story.text(),
    })
}

/// The answer of `torana.inbox.parked`.
pub fn messages(rows: &[InboxRow]) -> Value {
    json!({ "messages": rows.iter().map(message).collect::<Vec<_>>() })
}

/// The answer of `torana.outbox.list`.
pub fn intents(intents: &[Intent]) -> Value {
    json!({ "intents": intents.iter().map(intent).collect::<Vec<_>>() })
}

fn message(row: &InboxRow) -> Value {
    json!({
        "id": row.id.0, "channel": row.channel, "account": row.account, "eventId": row.event_id,
        "state": row.state.as_str(), "reason": row.reason, "attempt": row.attempt, "session": row.session,
        "agent": row.agent, "rule": row.tier, "runId": row.run_id, "sender": row.sender,
        "receivedAt": row.received_at_ms, "updatedAt": row.updated_at_ms,
        "text": row.payload.as_ref().map(|payload| payload.text()),
    })
}

fn intent(intent: &Intent) -> Value {
    let text = match &intent.operation {
        Operation::Text { text, .. }
        | Operation::Edit { text, .. }
        | Operation::Draft { text, .. } => Some(text.plain.as_str()),
        Operation::Delete { .. } | Operation::Typing { .. } => None,
    };
    json!({
        "id": intent.id.0, "message": intent.inbox.map(|id| id.0), "runId": intent.run_id, "channel": intent.channel,
        "account": intent.account, "to": intent.operation.conversation().peer.id, "lane": intent.lane,
        "state": intent.state, "attempt": intent.attempt, "failures": intent.failures, "resent": intent.resent,
        "reason": intent.reason, "dueAt": intent.due_at_ms, "createdAt": intent.created_at_ms, "text": text,
        "platformIds": intent.receipt.as_ref().map(|receipt| receipt.message_ids.clone()),
    })
}
