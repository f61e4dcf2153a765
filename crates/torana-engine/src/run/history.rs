//! What was said before a turn, and the files that belong to it, as far as an agent is shown them.

use rusqlite::Connection;
use torana_core::media::MediaRef;
use torana_core::message::PeerKind;
use torana_core::port::Media;
use torana_core::run::{Entry, FailureKind, Role, Settled};

use super::context::{BYTES_PER_TOKEN, Room};
use super::{Adopted, context};
use crate::engine::Engine;
use crate::session::TurnPlan;
use crate::store;
use crate::store::inbox::Payload;
use crate::store::session::SessionRow;
use crate::store::{StoreError, session, transcript};

/// Lines of history offered to a model at most; context windows are full long before.
const HISTORY_LINES_MAX: usize = 1_000;

/// Files the agent is shown: those of this turn, and of what was said before as far as they fit. Also words about new
/// ones that are gone.
pub(super) async fn media(
    engine: &Engine,
    agent: &crate::settings::AgentSettings,
    plan: &TurnPlan,
    adopted: &Adopted,
    history: &[Entry],
) -> (Vec<Media>, String) {
    let old = history.iter().flat_map(|entry| entry.media.iter().cloned());
    let works = plan
        .merged
        .iter()
        .chain(&adopted.joined)
        .chain([&plan.lead]);
    let new: Vec<MediaRef> = works
        .flat_map(|work| work.payload.media().iter().cloned())
        .collect();
    let found = engine
        .shared
        .media
        .read(agent, old.collect(), new.clone())
        .await;
    let missing = new
        .iter()
        .filter(|file| {
            !found
                .iter()
                .any(|media| media.reference.digest == file.digest)
        })
        .map(|file| {
            let name = file.name.as_deref().unwrap_or(&file.mime);
            format!("\n[the file \"{name}\" came with this message; its content is not available]")
        })
        .collect();
    (found, missing)
}

/// What was said before a turn.
#[derive(Default)]
pub(super) struct Said {
    /// The conversation, oldest first.
    pub(super) entries: Vec<Entry>,
    /// Unanswered group messages: sender and text.
    pub(super) context: Vec<(String, String)>,
    /// Nothing was left out for want of room.
    pub(super) is_whole: bool,
}

/// Reads what was said, as far as there is room for it.
pub(super) async fn history(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    context_tokens: usize,
) -> Result<Said, Settled> {
    let in_group = is_of_group(&plan.lead.payload);
    if adopted.first_sequence <= 1 && !in_group {
        return Ok(Said {
            is_whole: true,
            ..Said::default()
        });
    }
    let (session_id, before, key, lead) = (
        adopted.row.session_id.clone(),
        adopted.first_sequence,
        plan.lead.session.clone(),
        plan.lead.id,
    );
    let turns = dm_turns(engine, &plan.lead.payload);
    let read = engine
        .shared
        .store
        .read(move |connection| {
            // The turn's own lines are on the branch already; a summary may follow them.
            let row =
                session::get(connection, key.as_str())?.filter(|row| row.session_id == session_id);
            let leaf = row.map_or(before, |row| row.branch_leaf().max(before));
            let place = (session_id.as_str(), leaf, before);
            let found = shown(connection, place, context_tokens, turns)?;
            let context = if in_group {
                store::context::before(connection, key.as_str(), lead)?
            } else {
                Vec::new()
            };
            Ok((found, context))
        })
        .await;
    match read {
        Ok((found, context)) => Ok(Said {
            entries: found.entries,
            context,
            is_whole: found.is_whole,
        }),
        Err(error) => {
            tracing::error!(%error, session = %plan.lead.session, "The history of a session could not be read.");
            Err(Settled::failed(
                FailureKind::Internal,
                "the history of this conversation could not be read",
            ))
        }
    }
}

/// What of a transcript the model is shown.
pub(crate) struct Shown {
    /// The lines, oldest first.
    pub(crate) entries: Vec<Entry>,
    /// The first of them is the summary of what came before.
    pub(crate) has_summary: bool,
    /// Nothing was left out for want of room.
    pub(crate) is_whole: bool,
}

/// What the next turn of a session would be shown.
pub(crate) fn upcoming(
    connection: &Connection,
    row: &SessionRow,
    context_tokens: usize,
    turns: Option<usize>,
) -> Result<Shown, StoreError> {
    let place = (row.session_id.as_str(), row.branch_leaf(), i64::MAX);
    shown(connection, place, context_tokens, turns)
}

/// What is shown of a transcript up to a leaf, before a line.
fn shown(
    connection: &Connection,
    (session_id, leaf, before): (&str, i64, i64),
    context_tokens: usize,
    turns: Option<usize>,
) -> Result<Shown, StoreError> {
    let branch = transcript::tree(connection, session_id)?.path(leaf);
    let room = Room {
        before,
        lines: HISTORY_LINES_MAX,
        bytes: context_tokens.saturating_mul(BYTES_PER_TOKEN),
    };
    let found = context::read(connection, session_id, &branch, room)?;
    let (is_whole, has_summary) = (found.is_whole, found.summary.is_some());
    let mut entries = found.into_entries();
    let first = turns.map_or(0, |turns| first_of_last_turns(&entries, turns));
    entries.drain(..first);
    Ok(Shown {
        entries,
        has_summary: has_summary && first == 0,
        is_whole,
    })
}

/// Whether a message came from a group, whose unanswered messages are shown too.
pub(crate) fn is_of_group(payload: &Payload) -> bool {
    matches!(payload, Payload::Channel(inbound) if inbound.conversation.peer.kind != PeerKind::Direct)
}

/// How many turns of this direct chat the model may see, where config limits it.
pub(crate) fn dm_turns(engine: &Engine, payload: &Payload) -> Option<usize> {
    let Payload::Channel(inbound) = payload else {
        return None;
    };
    let conversation = &inbound.conversation;
    if conversation.peer.kind != PeerKind::Direct {
        return None;
    }
    let account = engine
        .settings()
        .account(&conversation.channel, &conversation.account);
    account
        .dm_turns_by_sender
        .get(inbound.sender.id.as_ref())
        .copied()
        .or(account.dm_turns)
}

/// Where the last so many turns begin; a turn begins with what a person said.
fn first_of_last_turns(entries: &[Entry], turns: usize) -> usize {
    let said = entries
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, entry)| entry.role == Role::User);
    match turns.checked_sub(1) {
        None => entries.len(),
        Some(skipped) => said.map(|(index, _)| index).nth(skipped).unwrap_or(0),
    }
}
