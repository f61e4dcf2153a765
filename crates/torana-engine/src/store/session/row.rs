//! The row of a session.

use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use torana_core::message::ReplyTarget;
use torana_core::run::Usage;

use super::manner::Manner;
use crate::store::StoreError;

/// A stored session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// Canonical key.
    pub key: String,
    /// Agent.
    pub agent: String,
    /// Uuid of the current transcript.
    pub session_id: String,
    /// First use of the key, Unix milliseconds.
    pub created_at_ms: i64,
    /// Start of the current transcript.
    pub started_at_ms: i64,
    /// Last message of a person.
    pub last_interaction_at_ms: i64,
    /// Last change of any kind.
    pub updated_at_ms: i64,
    /// `direct`, `group` or `channel`.
    pub chat_type: Option<String>,
    /// Channel it was last used on.
    pub channel: Option<String>,
    /// Title of the chat on its platform.
    pub title: Option<String>,
    /// Name given by a person.
    pub label: Option<String>,
    /// Chosen model, `provider/model`.
    pub model: Option<String>,
    /// Chosen thinking level.
    pub thinking: Option<String>,
    /// Chosen queue mode.
    pub queue_mode: Option<String>,
    /// Hidden from lists.
    pub archived: bool,
    /// Kept on top of lists.
    pub pinned: bool,
    /// Has an answer nobody looked at.
    pub unread: bool,
    /// Lines in the current transcript.
    pub entries: i64,
    /// Beginning of the first message.
    pub first_text: Option<String>,
    /// Beginning of the newest line.
    pub last_text: Option<String>,
    /// `running`, `done`, `failed`, `killed`, `timeout`.
    pub status: Option<String>,
    /// Start of the last run.
    pub run_started_at_ms: Option<i64>,
    /// End of the last run.
    pub run_ended_at_ms: Option<i64>,
    /// All tokens and money since the session began.
    pub usage: Usage,
    /// Tokens in the context at the last answer.
    pub context_tokens: i64,
    /// Provider of the last answer.
    pub last_provider: Option<String>,
    /// Model of the last answer.
    pub last_model: Option<String>,
    /// Where the last message came from.
    pub last_target: Option<ReplyTarget>,
    /// Last line of the branch in use, while that is not the newest line.
    pub leaf: Option<i64>,
    /// Group that a person put it in.
    pub category: Option<String>,
    /// Session it was made from or for.
    pub parent: Option<String>,
    /// Where its first lines were copied from.
    pub fork: Option<ForkSource>,
    /// How pages show it.
    pub face: Face,
    /// How its answers are made, shown and sent.
    pub manner: Manner,
    /// When it was archived, Unix milliseconds.
    pub archived_at_ms: Option<i64>,
    /// When it was pinned, Unix milliseconds.
    pub pinned_at_ms: Option<i64>,
    /// When somebody last looked at it, Unix milliseconds.
    pub read_at_ms: Option<i64>,
    /// When somebody marked it unread, Unix milliseconds.
    pub marked_unread_at_ms: Option<i64>,
    /// Wire id of the last run.
    pub last_run: Option<String>,
    /// Why the last run failed, when it did.
    pub last_error: Option<String>,
    /// How often it was compacted.
    pub compactions: i64,
}

/// How pages show a session; nothing of it reaches an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Face {
    /// Name given when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Name a page made up from the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_label: Option<String>,
    /// Icon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// Where a fork's first lines came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkSource {
    /// The session.
    pub key: String,
    /// Its transcript.
    pub session_id: String,
    /// The last line that was copied; 0 when none was.
    pub sequence: i64,
}

impl SessionRow {
    /// Last line of the branch in use; 0 when it is empty.
    pub fn branch_leaf(&self) -> i64 {
        self.leaf.unwrap_or(self.entries)
    }
}

pub(super) const COLUMNS: &str = "key, agent, session_id, created_at, started_at, last_interaction_at, updated_at, chat_type, \
     channel, title, label, model, thinking, queue_mode, archived, pinned, unread, entries, first_text, last_text, \
     status, run_started_at, run_ended_at, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, \
     cost_usd, context_tokens, last_provider, last_model, last_target_json, leaf, category, parent_key, fork_json, \
     face_json, archived_at, pinned_at, read_at, marked_unread_at, last_run, last_error, compactions, manner_json";

fn tokens(row: &Row<'_>, index: usize) -> Result<u64, rusqlite::Error> {
    row.get::<_, i64>(index)
        .map(|value| u64::try_from(value).unwrap_or(0))
}

pub(super) fn read(row: &Row<'_>) -> Result<SessionRow, StoreError> {
    let target: Option<String> = row.get(31)?;
    let cost: f64 = row.get(27)?;
    let (fork, face, manner): (Option<String>, Option<String>, Option<String>) =
        (row.get(35)?, row.get(36)?, row.get(44)?);
    Ok(SessionRow {
        key: row.get(0)?,
        agent: row.get(1)?,
        session_id: row.get(2)?,
        created_at_ms: row.get(3)?,
        started_at_ms: row.get(4)?,
        last_interaction_at_ms: row.get(5)?,
        updated_at_ms: row.get(6)?,
        chat_type: row.get(7)?,
        channel: row.get(8)?,
        title: row.get(9)?,
        label: row.get(10)?,
        model: row.get(11)?,
        thinking: row.get(12)?,
        queue_mode: row.get(13)?,
        archived: row.get(14)?,
        pinned: row.get(15)?,
        unread: row.get(16)?,
        entries: row.get(17)?,
        first_text: row.get(18)?,
        last_text: row.get(19)?,
        status: row.get(20)?,
        run_started_at_ms: row.get(21)?,
        run_ended_at_ms: row.get(22)?,
        usage: Usage {
            input: tokens(row, 23)?,
            output: tokens(row, 24)?,
            cache_read: tokens(row, 25)?,
            cache_write: tokens(row, 26)?,
            cost_usd: (cost > 0.0).then_some(cost),
        },
        context_tokens: row.get(28)?,
        last_provider: row.get(29)?,
        last_model: row.get(30)?,
        last_target: target.map(|text| serde_json::from_str(&text)).transpose()?,
        leaf: row.get(32)?,
        category: row.get(33)?,
        parent: row.get(34)?,
        fork: fork.map(|text| serde_json::from_str(&text)).transpose()?,
        face: face
            .map(|text| serde_json::from_str(&text))
            .transpose()?
            .unwrap_or_default(),
        manner: manner
            .map(|text| serde_json::from_str(&text))
            .transpose()?
            .unwrap_or_default(),
        archived_at_ms: row.get(37)?,
        pinned_at_ms: row.get(38)?,
        read_at_ms: row.get(39)?,
        marked_unread_at_ms: row.get(40)?,
        last_run: row.get(41)?,
        last_error: row.get(42)?,
        compactions: row.get(43)?,
    })
}

/// A session by its canonical key.
pub(crate) fn get(connection: &Connection, key: &str) -> Result<Option<SessionRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM session WHERE key = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(read).transpose()
}
