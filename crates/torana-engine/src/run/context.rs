//! What of a transcript an agent sees: the newest summary, the lines kept before it, and everything after it.

use rusqlite::Connection;
use torana_core::branch::Path;
use torana_core::run::{Entry, Role};

use crate::store::StoreError;
use crate::store::transcript::{self, StoredEntry};

/// Bytes of history per token of context: English text has about four, and a quarter is left for the answer.
pub(super) const BYTES_PER_TOKEN: usize = 3;

/// The part of a branch that an agent sees.
pub(crate) struct Context {
    /// The newest summary on the branch.
    pub(crate) summary: Option<StoredEntry>,
    /// Lines it does not stand for, oldest first.
    pub(crate) lines: Vec<StoredEntry>,
    /// Nothing had to be left out for want of room.
    pub(crate) is_whole: bool,
}

impl Context {
    /// The lines as an agent reads them, the summary first.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        let summary = self.summary.map(|stored| {
            let text = format!(
                "Summary of the conversation before this point:\n{}",
                stored.entry.text
            );
            Entry::new(Role::System, text, stored.entry.at_ms)
        });
        summary
            .into_iter()
            .chain(self.lines.into_iter().map(|line| line.entry))
            .collect()
    }
}

/// How much of a context is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Lines from this position on are left out: they are what is being said now.
    pub(crate) before: i64,
    /// Lines at most.
    pub(crate) lines: usize,
    /// Bytes of text at most, about.
    pub(crate) bytes: usize,
}

/// Reads the newest lines of what an agent sees of a branch.
pub(crate) fn read(
    connection: &Connection,
    session_id: &str,
    branch: &Path,
    room: Room,
) -> Result<Context, StoreError> {
    let (limit, bytes_max) = (room.lines, room.bytes);
    let summary = transcript::boundary(connection, session_id, branch)?;
    let (kept, after) = match &summary {
        None => (Path::default(), branch.clone()),
        Some(stored) => {
            let kept = stored.entry.boundary.map_or(0, |boundary| boundary.kept);
            (
                branch.before(stored.sequence).newest(kept),
                branch.after(stored.sequence),
            )
        }
    };
    let (kept, after) = (kept.before(room.before), after.before(room.before));
    let mut lines = transcript::newest(connection, session_id, &after, limit, bytes_max)?;
    if lines.len() == after.len() {
        let used: usize = lines.iter().map(|line| line.entry.text.len()).sum();
        let (limit, bytes) = (limit - lines.len(), bytes_max.saturating_sub(used));
        if limit > 0 && bytes > 0 {
            let mut older = transcript::newest(connection, session_id, &kept, limit, bytes)?;
            older.append(&mut lines);
            lines = older;
        }
    }
    let is_whole = lines.len() == after.len() + kept.len();
    // Older summaries among the kept lines are part of the newest one; asides were not said to the agent.
    lines.retain(|line| line.entry.boundary.is_none() && !line.entry.aside);
    Ok(Context {
        summary,
        lines,
        is_whole,
    })
}
