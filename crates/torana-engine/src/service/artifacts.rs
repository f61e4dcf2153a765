//! Files of a conversation: what people sent and agents made, found in the transcript and handed out from the store.
//!
//! A file belongs to the line it came with. Whoever asks names the session, and only files of lines on its branch in
//! use are listed; a single file is also found in an older transcript of the same session.

use rusqlite::{Connection, OptionalExtension};
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_core::problem::Problem;
use torana_core::run::Role;

use super::history::{self, Cursor};
use crate::engine::Engine;
use crate::store::transcript::StoredEntry;
use crate::store::{StoreError, inbox, session, transcript};

/// Files in one answer: pages show a few dozen, and an answer of this many stays below 100 KiB.
pub const ARTIFACTS_MAX: usize = 200;
/// Lines with files looked at in one step.
const LINES: usize = 256;
/// Steps of one question: sixteen thousand lines with files, most of them on branches nobody uses.
const STEPS_MAX: usize = 64;

/// Which file of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactId {
    /// The line it came with.
    pub line: Cursor,
    /// Its place among the files of the line, from 0.
    pub index: usize,
}

/// A file of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Which one.
    pub id: ArtifactId,
    /// Who it came from.
    pub role: Role,
    /// The turn it belongs to.
    pub run_id: Option<String>,
    /// The file.
    pub media: MediaRef,
    /// Its bytes are still kept.
    pub is_kept: bool,
}

/// Which files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this turn only.
    pub run_id: Option<String>,
    /// Made by the agent only.
    pub by_agent: bool,
    /// Pictures only.
    pub pictures: bool,
    /// Older than this one.
    pub before: Option<ArtifactId>,
    /// At most.
    pub limit: usize,
}

// === impl ArtifactId ===

impl ArtifactId {
    /// As clients see it: letters, digits, points and hyphens.
    pub fn to_text(&self) -> String {
        format!(
            "{}.{}.{}",
            self.line.session_id, self.line.sequence, self.index
        )
    }

    /// Reads it back.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().rsplitn(3, '.');
        let index = parts.next()?.parse().ok()?;
        let sequence: i64 = parts.next()?.parse().ok()?;
        let session_id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        (sequence > 0).then_some(Self {
            line: Cursor {
                session_id,
                sequence,
            },
            index,
        })
    }
}

fn is_kept(connection: &Connection, digest: &str) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM media WHERE digest = ?1")?
        .query_row([digest], |_| Ok(()))
        .optional()?
        .is_some())
}

impl Wanted {
    fn takes(&self, line: &StoredEntry, media: &MediaRef, id: &ArtifactId) -> bool {
        let entry = &line.entry;
        let is_before = self.before.as_ref().is_none_or(|before| {
            (id.line.sequence, id.index) < (before.line.sequence, before.index)
        });
        let run_id = entry.run_id.as_ref().map(|run_id| run_id.as_str());
        is_before
            && (!self.by_agent || entry.role == Role::Assistant)
            && (!self.pictures || media.mime.starts_with("image/"))
            && self
                .run_id
                .as_deref()
                .is_none_or(|wanted| run_id == Some(wanted))
    }
}

fn artifact(
    connection: &Connection,
    line: &StoredEntry,
    id: ArtifactId,
) -> Result<Option<Artifact>, StoreError> {
    let Some(media) = line.entry.media.get(id.index) else {
        return Ok(None);
    };
    Ok(Some(Artifact {
        is_kept: is_kept(connection, &media.digest)?,
        role: line.entry.role,
        run_id: line.entry.run_id.as_ref().map(ToString::to_string),
        media: media.clone(),
        id,
    }))
}

/// Files on the branch in use, the newest first, and whether there are older ones.
pub async fn list(
    engine: &Engine,
    key: &SessionKey,
    wanted: Wanted,
) -> Result<(Vec<Artifact>, bool), Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let mut found = Vec::new();
            let Some(row) = session::get(connection, &name)? else {
                return Ok((found, false));
            };
            let session_id = &row.session_id;
            let before = wanted.before.as_ref();
            if before.is_some_and(|before| before.line.session_id != *session_id) {
                return Ok((found, false));
            }
            let path = transcript::tree(connection, session_id)?.path(row.branch_leaf());
            let mut before = before.map_or(i64::MAX, |before| before.line.sequence + 1);
            for _ in 0..STEPS_MAX {
                // A sieve for lines that have files; what a person writes has its quotes escaped.
                let lines =
                    transcript::sieve(connection, session_id, before, "%\"media\":[%", LINES)?;
                for line in lines.iter().filter(|line| path.contains(line.sequence)) {
                    for (index, media) in line.entry.media.iter().enumerate().rev() {
                        let line_id = Cursor {
                            session_id: session_id.clone(),
                            sequence: line.sequence,
                        };
                        let id = ArtifactId {
                            line: line_id,
                            index,
                        };
                        if !wanted.takes(line, media, &id) {
                            continue;
                        }
                        if found.len() >= wanted.limit.min(ARTIFACTS_MAX) {
                            return Ok((found, true));
                        }
                        found.extend(artifact(connection, line, id)?);
                    }
                }
                match lines.last() {
                    Some(last) if lines.len() == LINES => before = last.sequence,
                    _ => break,
                }
            }
            Ok((found, false))
        })
        .await
}

/// One file of a session.
pub async fn get(
    engine: &Engine,
    key: &SessionKey,
    id: ArtifactId,
    wanted: Wanted,
) -> Result<Option<Artifact>, Problem> {
    let Some(line) = history::line(engine, key, id.line.clone()).await? else {
        return Ok(None);
    };
    engine
        .read(move |connection| {
            let media = line.entry.media.get(id.index);
            if !media.is_some_and(|media| wanted.takes(&line, media, &id)) {
                return Ok(None);
            }
            artifact(connection, &line, id)
        })
        .await
}

/// The session a turn belongs to.
pub async fn session_of_run(engine: &Engine, run_id: &str) -> Result<Option<String>, Problem> {
    let run_id = run_id.to_owned();
    engine
        .read(move |connection| Ok(inbox::by_run(connection, &run_id)?.and_then(|row| row.session)))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_nothing_else_is_one() {
        let id = ArtifactId {
            line: Cursor {
                session_id: "6f9619ff-8b86-4011-b42d-00c04fc964ff".to_owned(),
                sequence: 12,
            },
            index: 3,
        };
        assert_eq!(ArtifactId::parse(&id.to_text()), Some(id));
        for text in [
            "", "a", "a.b", "a.1", "a.-1.0", "a.0.0", ".1.0", "a.1.x", "../a/1",
        ] {
            assert_eq!(ArtifactId::parse(text), None, "{text}");
        }
    }
}
