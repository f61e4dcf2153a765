//! The inbox: every message that was accepted, what became of it, and what must still be done.
//!
//! States (decision 1): `queued` → `adopted` → `done`, or `merged`, `held`, `parked`. A statement that moves a row
//! names the state it expects, so two owners cannot both move it. How long ended rows stay is in `retention`.

mod retention;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use torana_core::ask::{Attached, Wishes};
use torana_core::id::{AccountId, AgentId, ChannelId, InboxId, RunId};
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_core::message::{Inbound, ReplyTarget};
use torana_core::run::{Entry, Sampling};

pub(crate) use retention::{Surplus, prune, prune_early, surplus};

use super::StoreError;

/// Where a row is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Accepted; waits for its turn.
    Queued,
    /// A run works on it.
    Adopted,
    /// Belongs to another row's turn.
    Merged,
    /// Waits for something outside, such as an approval.
    Held,
    /// Given up for now; visible, can be retried.
    Parked,
    /// Answered, or silent, dropped or failed with a reason.
    Done,
}

impl State {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Adopted => "adopted",
            Self::Merged => "merged",
            Self::Held => "held",
            Self::Parked => "parked",
            Self::Done => "done",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        [
            Self::Queued,
            Self::Adopted,
            Self::Merged,
            Self::Held,
            Self::Parked,
            Self::Done,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| StoreError::Database(format!("unknown inbox state {text}")))
    }
}

/// What a person or program said, as stored until the turn is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Payload {
    /// A platform message.
    Channel(Box<Inbound>),
    /// A message of a control-plane client.
    Client(Box<ClientInput>),
}

/// A message of a control-plane client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientInput {
    /// The text.
    pub text: String,
    /// Instructions that hold for this turn only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Thinking level for this turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Model for this turn, `provider/model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How the model is to choose its words in this turn.
    #[serde(default, skip_serializing_if = "Sampling::is_default")]
    pub sampling: Sampling,
    /// Deadline of the turn, milliseconds from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Also deliver the answer to this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_to: Option<ReplyTarget>,
    /// The chat the session belongs to from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<ReplyTarget>,
    /// The client acts as an owner (`operator.admin`).
    #[serde(default)]
    pub owner: bool,
    /// Queue mode chosen by the client for this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_mode: Option<String>,
    /// Files that come with it; their bytes are stored already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaRef>,
    /// Images, and results of the client's own tools.
    #[serde(default, skip_serializing_if = "Attached::is_empty")]
    pub attached: Attached,
    /// What else is asked of the answer.
    #[serde(default, skip_serializing_if = "Wishes::is_empty")]
    pub wishes: Wishes,
    /// The text is no command, whatever it looks like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub literal: bool,
    /// A person typed it, so that a bare word such as `stop` is a command as it is on a platform. What a program sends may
    /// be anything, for example a word to translate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub typed: bool,
    /// The agent's own instructions are left out of this turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
    /// Words for the agent before the message: what it answers, what the person looks at. The transcript leaves them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preface: Option<String>,
    /// Lines the client says came before; they join the transcript ahead of the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prelude: Vec<Entry>,
}

impl Payload {
    /// The words themselves.
    pub fn text(&self) -> &str {
        match self {
            Self::Channel(inbound) => &inbound.text,
            Self::Client(input) => &input.text,
        }
    }
}

impl Payload {
    /// Files that came with it and are stored.
    pub fn media(&self) -> &[MediaRef] {
        match self {
            Self::Channel(_) => &[],
            Self::Client(input) => &input.media,
        }
    }
}

/// A new row.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Id taken from [`super::Store::next_inbox_id`].
    pub id: InboxId,
    /// Channel.
    pub channel: ChannelId,
    /// Configured account.
    pub account: AccountId,
    /// The platform's own id of the account.
    pub platform_account: String,
    /// Native event id.
    pub event_id: String,
    /// First state.
    pub state: State,
    /// Reason, for rows that are done at once.
    pub reason: Option<String>,
    /// Session, when routed.
    pub session: Option<SessionKey>,
    /// Agent, when routed.
    pub agent: Option<AgentId>,
    /// Which routing rule won.
    pub tier: Option<&'static str>,
    /// Wire id of the turn.
    pub run_id: Option<RunId>,
    /// Who wrote it.
    pub sender: Option<String>,
    /// Digest of what a repeat must equal (decisions-control-and-agents 5).
    pub digest: Option<String>,
    /// What is kept of it (decision 8).
    pub payload: Option<Payload>,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A stored row.
#[derive(Debug, Clone)]
pub struct InboxRow {
    /// Row id.
    pub id: InboxId,
    /// Channel.
    pub channel: String,
    /// Configured account.
    pub account: String,
    /// Native event id.
    pub event_id: String,
    /// State.
    pub state: State,
    /// Reason of the state.
    pub reason: Option<String>,
    /// Runs so far.
    pub attempt: u32,
    /// Deaths of the process during its runs that name nobody.
    pub deaths: u32,
    /// Panics and deaths of the process that are attributed to it.
    pub strikes: u32,
    /// The row whose turn includes this one.
    pub merged_into: Option<InboxId>,
    /// Session.
    pub session: Option<String>,
    /// Agent.
    pub agent: Option<String>,
    /// Routing rule.
    pub tier: Option<String>,
    /// Wire id of the turn.
    pub run_id: Option<String>,
    /// Sender.
    pub sender: Option<String>,
    /// Digest of the body.
    pub digest: Option<String>,
    /// Stored words, until done.
    pub payload: Option<Payload>,
    /// Stored outcome, for repeats of client requests.
    pub result: Option<serde_json::Value>,
    /// When it was accepted, Unix milliseconds.
    pub received_at_ms: i64,
    /// Last change, Unix milliseconds.
    pub updated_at_ms: i64,
}

const COLUMNS: &str = "id, channel, account, event_id, state, reason, attempt, deaths, panics, merged_into, session, \
     agent, tier, run_id, sender, digest, payload_json, result_json, received_at, updated_at";

fn read(row: &Row<'_>) -> Result<InboxRow, StoreError> {
    let payload: Option<String> = row.get(16)?;
    let result: Option<String> = row.get(17)?;
    Ok(InboxRow {
        id: InboxId(row.get(0)?),
        channel: row.get(1)?,
        account: row.get(2)?,
        event_id: row.get(3)?,
        state: State::parse(
            row.get_ref(4)?
                .as_str()
                .map_err(|error| StoreError::Database(error.to_string()))?,
        )?,
        reason: row.get(5)?,
        attempt: row.get(6)?,
        deaths: row.get(7)?,
        strikes: row.get(8)?,
        merged_into: row.get::<_, Option<i64>>(9)?.map(InboxId),
        session: row.get(10)?,
        agent: row.get(11)?,
        tier: row.get(12)?,
        run_id: row.get(13)?,
        sender: row.get(14)?,
        digest: row.get(15)?,
        payload: payload
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
        result: result.map(|text| serde_json::from_str(&text)).transpose()?,
        received_at_ms: row.get(18)?,
        updated_at_ms: row.get(19)?,
    })
}

/// Adds a row. `false` means the event is already there and nothing was written.
pub fn insert(connection: &Connection, row: &NewRow) -> Result<bool, StoreError> {
    let payload = row
        .payload
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO inbox (id, channel, account, platform_account, event_id, state, reason, attempt, session, agent,
           tier, run_id, sender, digest, payload_json, refused, received_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17)
         ON CONFLICT (channel, platform_account, event_id) DO NOTHING",
    )?;
    let written = statement.execute(params![
        row.id.0,
        row.channel.as_str(),
        row.account.as_str(),
        row.platform_account,
        row.event_id,
        row.state.as_str(),
        row.reason,
        i64::from(row.state == State::Adopted),
        row.session.as_ref().map(SessionKey::as_str),
        row.agent.as_ref().map(AgentId::as_str),
        row.tier,
        row.run_id.as_ref().map(RunId::as_str),
        row.sender,
        row.digest,
        payload,
        // Refused from the start: its trace is kept for a shorter time, and nothing of its words (decision 8).
        row.state == State::Done,
        row.at_ms,
    ])?;
    Ok(written == 1)
}

/// A row by id.
pub(crate) fn get(connection: &Connection, id: InboxId) -> Result<Option<InboxRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM inbox WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(read).transpose()
}

/// The row of a platform or client event.
pub(crate) fn by_event(
    connection: &Connection,
    channel: &str,
    platform_account: &str,
    event_id: &str,
) -> Result<Option<InboxRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM inbox WHERE channel = ?1 AND platform_account = ?2 AND event_id = ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([channel, platform_account, event_id])?;
    rows.next()?.map(read).transpose()
}

/// The row that leads the turn with this wire id.
pub(crate) fn by_run(
    connection: &Connection,
    run_id: &str,
) -> Result<Option<InboxRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM inbox WHERE run_id = ?1 ORDER BY id DESC LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([run_id])?;
    rows.next()?.map(read).transpose()
}

/// The newest row, for `torana explain last`. Refused messages count too: they are what people ask about.
pub(crate) fn last(connection: &Connection) -> Result<Option<InboxRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM inbox ORDER BY id DESC LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map(read).transpose()
}

/// Rows merged into a turn, oldest first.
pub(crate) fn merged_into(
    connection: &Connection,
    lead: InboxId,
) -> Result<Vec<InboxRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM inbox WHERE merged_into = ?1 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([lead.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Open rows after an id, oldest first, at most `limit`.
pub(crate) fn open_after(
    connection: &Connection,
    after: InboxId,
    limit: usize,
) -> Result<Vec<InboxRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM inbox WHERE state IN ('queued', 'adopted', 'held') AND id > ?1 ORDER BY id LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query([after.0, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Parked rows, newest first, at most `limit`.
pub(crate) fn parked(connection: &Connection, limit: usize) -> Result<Vec<InboxRow>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM inbox WHERE state = 'parked' ORDER BY id DESC LIMIT ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query([limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn moved(changed: usize) -> Result<(), StoreError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::Moved)
    }
}

/// A run takes the row: `queued` or, after a crash, `adopted` → `adopted(attempt + 1)`. Returns the attempt.
pub(crate) fn adopt(connection: &Connection, id: InboxId, at_ms: i64) -> Result<u32, StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE inbox SET state = 'adopted', attempt = attempt + 1, updated_at = ?2
         WHERE id = ?1 AND state IN ('queued', 'adopted', 'held') RETURNING attempt",
    )?;
    statement
        .query_row(params![id.0, at_ms], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::Moved)
}

/// The row becomes part of another, open row's turn, and so does what was merged into it before; repeating it changes
/// nothing.
pub(crate) fn merge(
    connection: &Connection,
    id: InboxId,
    lead: InboxId,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE inbox SET state = 'merged', merged_into = ?2, updated_at = ?3
         WHERE id = ?1 AND state IN ('queued', 'adopted', 'merged')
           AND EXISTS (SELECT 1 FROM inbox WHERE id = ?2 AND state IN ('queued', 'adopted', 'held'))",
    )?;
    moved(statement.execute(params![id.0, lead.0, at_ms])?)?;
    // A turn of an earlier process may have taken messages in before it was itself taken in.
    connection
        .prepare_cached(
            "UPDATE inbox SET merged_into = ?2, updated_at = ?3 WHERE merged_into = ?1 AND state = 'merged'",
        )?
        .execute(params![id.0, lead.0, at_ms])?;
    Ok(())
}

/// Ends an open row, and the rows merged into it, and erases what was kept of them. `result` is what repeats get.
pub(crate) fn finish(
    connection: &Connection,
    id: InboxId,
    reason: &str,
    result: Option<&serde_json::Value>,
    at_ms: i64,
) -> Result<(), StoreError> {
    let result = result.map(serde_json::to_string).transpose()?;
    let mut statement = connection.prepare_cached(
        "UPDATE inbox SET state = 'done', reason = ?2, result_json = ?3, payload_json = NULL, updated_at = ?4
         WHERE id = ?1 AND state IN ('queued', 'adopted', 'held')",
    )?;
    moved(statement.execute(params![id.0, reason, result, at_ms])?)?;
    let mut statement = connection.prepare_cached(
        "UPDATE inbox SET state = 'done', reason = 'merged', payload_json = NULL, updated_at = ?2
         WHERE merged_into = ?1 AND state = 'merged'",
    )?;
    statement.execute(params![id.0, at_ms])?;
    Ok(())
}

/// Sets an open row aside; its words stay, so it can be retried.
pub fn park(
    connection: &Connection,
    id: InboxId,
    reason: &str,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE inbox SET state = 'parked', reason = ?2, updated_at = ?3
         WHERE id = ?1 AND state IN ('queued', 'adopted', 'held')",
    )?;
    moved(statement.execute(params![id.0, reason, at_ms])?)
}

/// Puts a parked row back in the queue, with its counters cleared.
pub(crate) fn unpark(connection: &Connection, id: InboxId, at_ms: i64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE inbox SET state = 'queued', reason = NULL, deaths = 0, panics = 0, updated_at = ?2
         WHERE id = ?1 AND state = 'parked'",
    )?;
    moved(statement.execute(params![id.0, at_ms])?)
}

/// Counts a death of the process while the row was adopted. Returns the count.
pub(crate) fn count_death(connection: &Connection, id: InboxId) -> Result<u32, StoreError> {
    let mut statement = connection
        .prepare_cached("UPDATE inbox SET deaths = deaths + 1 WHERE id = ?1 RETURNING deaths")?;
    Ok(statement.query_row([id.0], |row| row.get(0))?)
}

/// Counts a panic or a death of the process that is attributed to the row's run. Returns the count.
pub(crate) fn count_strike(connection: &Connection, id: InboxId) -> Result<u32, StoreError> {
    let mut statement = connection
        .prepare_cached("UPDATE inbox SET panics = panics + 1 WHERE id = ?1 RETURNING panics")?;
    statement
        .query_row([id.0], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::Moved)
}

/// How many rows are in each state, with the oldest acceptance of each.
pub fn census(connection: &Connection) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT state, count(*), min(received_at) FROM inbox
         WHERE state IN ('queued', 'adopted', 'held', 'parked') GROUP BY state",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
