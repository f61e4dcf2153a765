//! The outbox: every operation that must reach a platform, in order per conversation.
//!
//! States (decision 1): `queued` → `attempting` → `accepted`, or `retry`, `unknown`, `parked`.

use rusqlite::{Connection, Row, params};
use torana_core::id::{InboxId, IntentId, RunId};
use torana_core::message::{Conversation, Operation, Receipt};

use super::StoreError;

/// An operation to carry out, or one that was.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Row id; the order within a conversation.
    pub id: IntentId,
    /// The message it answers.
    pub inbox: Option<InboxId>,
    /// The turn it belongs to.
    pub run_id: Option<String>,
    /// Position within the reply, from 0.
    pub part: u32,
    /// Channel.
    pub channel: String,
    /// Account.
    pub account: String,
    /// Conversation, as [`torana_core::message::Conversation::lane_name`].
    pub lane: String,
    /// State word.
    pub state: String,
    /// Same for every attempt; the platform's idempotence token where it has one.
    pub nonce: String,
    /// Attempts begun.
    pub attempt: u32,
    /// Failed attempts, rate limits not counted.
    pub failures: u32,
    /// Sent again after an unknown outcome.
    pub resent: u32,
    /// What to do.
    pub operation: Operation,
    /// Proof of acceptance.
    pub receipt: Option<Receipt>,
    /// Reason of the state, for people.
    pub reason: Option<String>,
    /// Not before, Unix milliseconds.
    pub due_at_ms: i64,
    /// When it was decided, Unix milliseconds.
    pub created_at_ms: i64,
    /// When this process was handed it, on the monotonic clock; not stored, and absent for what another life left.
    pub taken_ms: Option<u64>,
}

impl Intent {
    /// A new intent of a turn. The nonce depends on the row only, so a retry after a crash repeats it.
    pub fn new(
        id: IntentId,
        inbox: Option<InboxId>,
        run_id: Option<&RunId>,
        part: u32,
        operation: Operation,
        at_ms: i64,
    ) -> Self {
        let conversation = operation.conversation();
        Self {
            id,
            inbox,
            run_id: run_id.map(ToString::to_string),
            part,
            channel: conversation.channel.to_string(),
            account: conversation.account.to_string(),
            lane: conversation.lane_name(),
            state: "queued".to_owned(),
            nonce: format!("torana-{id}"),
            attempt: 0,
            failures: 0,
            resent: 0,
            operation,
            receipt: None,
            reason: None,
            due_at_ms: at_ms,
            created_at_ms: at_ms,
            taken_ms: None,
        }
    }
}

const COLUMNS: &str = "id, inbox, run_id, part, channel, account, lane, state, nonce, attempt, failures, resent, \
     operation_json, receipt_json, reason, due_at, created_at";

fn read(row: &Row<'_>) -> Result<Intent, StoreError> {
    let operation: String = row.get(12)?;
    let receipt: Option<String> = row.get(13)?;
    Ok(Intent {
        id: IntentId(row.get(0)?),
        inbox: row.get::<_, Option<i64>>(1)?.map(InboxId),
        run_id: row.get(2)?,
        part: row.get(3)?,
        channel: row.get(4)?,
        account: row.get(5)?,
        lane: row.get(6)?,
        state: row.get(7)?,
        nonce: row.get(8)?,
        attempt: row.get(9)?,
        failures: row.get(10)?,
        resent: row.get(11)?,
        operation: serde_json::from_str(&operation)?,
        receipt: receipt
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
        reason: row.get(14)?,
        due_at_ms: row.get(15)?,
        created_at_ms: row.get(16)?,
        taken_ms: None,
    })
}

fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Intent>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Adds an intent in the state it carries: `queued`, or `attempting` when it is sent right after this commit.
pub(crate) fn insert(connection: &Connection, intent: &Intent) -> Result<(), StoreError> {
    let operation = serde_json::to_string(&intent.operation)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO outbox (id, inbox, run_id, part, channel, account, lane, state, nonce, attempt, operation_json,
           due_at, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)",
    )?;
    statement.execute(params![
        intent.id.0,
        intent.inbox.map(|id| id.0),
        intent.run_id,
        intent.part,
        intent.channel,
        intent.account,
        intent.lane,
        intent.state,
        intent.nonce,
        intent.attempt,
        operation,
        intent.due_at_ms,
        intent.created_at_ms,
    ])?;
    Ok(())
}

/// An intent by id.
pub(crate) fn get(connection: &Connection, id: IntentId) -> Result<Option<Intent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(collect(statement.query([id.0])?)?.pop())
}

/// Open intents of one account, in order: id, lane and state only, so that a long outage costs little memory.
pub(crate) fn open_of_account(
    connection: &Connection,
    channel: &str,
    account: &str,
) -> Result<Vec<(IntentId, String, String)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, lane, state FROM outbox WHERE channel = ?1 AND account = ?2
         AND state IN ('queued', 'attempting', 'retry', 'unknown') ORDER BY id",
    )?;
    let rows = statement.query_map([channel, account], |row| {
        Ok((IntentId(row.get(0)?), row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Intents of one inbox row, in order.
pub(crate) fn of_inbox(connection: &Connection, inbox: InboxId) -> Result<Vec<Intent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE inbox = ?1 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    collect(statement.query([inbox.0])?)
}

/// Open and parked intents, oldest first, at most `limit`: what `torana outbox list` shows.
pub(crate) fn pending(connection: &Connection, limit: usize) -> Result<Vec<Intent>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE state IN ('queued', 'attempting', 'retry', 'unknown', 'parked')
         ORDER BY id LIMIT ?1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    collect(statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?)
}

fn moved(changed: usize) -> Result<(), StoreError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::Moved)
    }
}

/// An attempt begins: must be on disk before the first byte leaves.
pub(crate) fn begin(
    connection: &Connection,
    id: IntentId,
    resend: bool,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'attempting', attempt = attempt + 1, resent = resent + ?2, updated_at = ?3
         WHERE id = ?1 AND state IN ('queued', 'retry', 'unknown', 'attempting')",
    )?;
    moved(statement.execute(params![id.0, i64::from(resend), at_ms])?)
}

/// The platform accepted it.
pub(crate) fn accept(
    connection: &Connection,
    id: IntentId,
    receipt: &Receipt,
    at_ms: i64,
) -> Result<(), StoreError> {
    let receipt = serde_json::to_string(receipt)?;
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'accepted', receipt_json = ?2, reason = NULL, updated_at = ?3
         WHERE id = ?1 AND state = 'attempting'",
    )?;
    moved(statement.execute(params![id.0, receipt, at_ms])?)
}

/// It will be tried again, perhaps with another operation (plain text, new target, new message).
pub(crate) fn retry(
    connection: &Connection,
    id: IntentId,
    operation: &Operation,
    due_at_ms: i64,
    counts: bool,
    reason: &str,
    at_ms: i64,
) -> Result<(), StoreError> {
    let conversation = operation.conversation();
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'retry', operation_json = ?2, lane = ?3, due_at = ?4, failures = failures + ?5,
           reason = ?6, updated_at = ?7
         WHERE id = ?1 AND state IN ('attempting', 'queued', 'retry', 'unknown')",
    )?;
    moved(statement.execute(params![
        id.0,
        serde_json::to_string(operation)?,
        conversation.lane_name(),
        due_at_ms,
        i64::from(counts),
        reason,
        at_ms
    ])?)
}

/// Nobody knows whether it arrived.
pub(crate) fn unknown(
    connection: &Connection,
    id: IntentId,
    reason: &str,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'unknown', reason = ?2, updated_at = ?3 WHERE id = ?1 AND state = 'attempting'",
    )?;
    moved(statement.execute(params![id.0, reason, at_ms])?)
}

/// Given up for now; visible, editable, replayable.
pub(crate) fn park(
    connection: &Connection,
    id: IntentId,
    reason: &str,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'parked', reason = ?2, updated_at = ?3
         WHERE id = ?1 AND state IN ('queued', 'attempting', 'retry', 'unknown')",
    )?;
    moved(statement.execute(params![id.0, reason, at_ms])?)
}

/// Puts a parked intent back in the queue, perhaps edited; its age starts anew, because a person asked for it.
pub(crate) fn replay(
    connection: &Connection,
    id: IntentId,
    operation: &Operation,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'queued', reason = NULL, failures = 0, resent = 0, operation_json = ?2, due_at = ?3,
           created_at = ?3, updated_at = ?3
         WHERE id = ?1 AND state = 'parked'",
    )?;
    moved(statement.execute(params![id.0, serde_json::to_string(operation)?, at_ms])?)
}

/// Removes a parked or waiting intent for good: an operator's decision, kept as a row without words.
pub(crate) fn discard(connection: &Connection, id: IntentId, at_ms: i64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'discarded', updated_at = ?2 WHERE id = ?1 AND state IN ('parked', 'queued', 'retry')",
    )?;
    moved(statement.execute(params![id.0, at_ms])?)
}

/// How many intents are in each open or parked state, with the oldest of each.
pub fn census(connection: &Connection) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT state, count(*), min(created_at) FROM outbox
         WHERE state IN ('queued', 'attempting', 'retry', 'unknown', 'parked') GROUP BY state",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets delivered intents older than a moment, at most `limit` at once.
pub(crate) fn prune(
    connection: &Connection,
    before_ms: i64,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM outbox WHERE id IN (
           SELECT id FROM outbox WHERE state IN ('accepted', 'discarded') AND created_at < ?1 ORDER BY id LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before_ms, i64::try_from(limit).unwrap_or(i64::MAX)])?)
}

/// Remembers a message that shows a growing answer.
pub(crate) fn remember_preview(
    connection: &Connection,
    inbox: InboxId,
    part: u32,
    message_id: &str,
    conversation: &Conversation,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO preview (inbox, part, message_id, conversation_json) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            inbox.0,
            part,
            message_id,
            serde_json::to_string(conversation)?
        ])?;
    Ok(())
}

/// What takes back previews whose turn ended without its process: stopped, or set aside, right before a crash.
pub(crate) fn orphaned_previews(
    connection: &Connection,
) -> Result<Vec<(InboxId, Operation)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT inbox, message_id, conversation_json FROM preview WHERE inbox NOT IN
           (SELECT id FROM inbox WHERE state IN ('queued', 'adopted', 'held')) ORDER BY inbox, part",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let conversation: String = row.get(2)?;
        let operation = Operation::Delete {
            conversation: serde_json::from_str(&conversation)?,
            message_id: row.get(1)?,
        };
        found.push((InboxId(row.get(0)?), operation));
    }
    Ok(found)
}

/// Takes the previews of a row, and of those merged into it, off the books; gives what removes them from the platform.
/// For turns that end without a run, or with that of another row: an earlier run may have left them.
pub(crate) fn take_previews(
    connection: &Connection,
    inbox: InboxId,
) -> Result<Vec<Operation>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT inbox, message_id, conversation_json FROM preview
         WHERE inbox = ?1 OR inbox IN (SELECT id FROM inbox WHERE merged_into = ?1) ORDER BY inbox, part",
    )?;
    let mut rows = statement.query([inbox.0])?;
    let (mut owners, mut found) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let conversation: String = row.get(2)?;
        owners.push(InboxId(row.get(0)?));
        found.push(Operation::Delete {
            conversation: serde_json::from_str(&conversation)?,
            message_id: row.get(1)?,
        });
    }
    owners.dedup();
    for owner in owners {
        forget_previews(connection, owner)?;
    }
    Ok(found)
}

/// Messages that show the growing answer of a turn, in order.
pub(crate) fn previews(connection: &Connection, inbox: InboxId) -> Result<Vec<String>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT message_id FROM preview WHERE inbox = ?1 ORDER BY part")?;
    let rows = statement.query_map([inbox.0], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the previews of a turn whose reply is decided.
pub(crate) fn forget_previews(connection: &Connection, inbox: InboxId) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM preview WHERE inbox = ?1")?
        .execute([inbox.0])?;
    Ok(())
}
