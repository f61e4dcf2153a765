//! Files that come with messages: checked, kept through the host, handed to agents, and forgotten when there are too many.
//!
//! A row is written before the bytes are, so nothing is ever kept that nobody knows of; bytes without a message are
//! evicted like any others.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::params;
use torana_core::limit::{
    MEDIA_BYTES_MAX, MEDIA_FILE_BYTES_MAX, MEDIA_FILES_MAX, MEDIA_IMAGE_BYTES_MAX,
};
use torana_core::media::{MediaKind, MediaRef};
use torana_core::port::{MediaFailure, MediaStore};
use torana_core::problem::{Code, Problem};

use crate::digest::hex_digest_of;
use crate::engine::Engine;
use crate::store::StoreError;

pub(crate) mod vault;

/// Files evicted in one round of housekeeping.
const EVICTED_PER_ROUND: i64 = 200;
/// Files younger than this are never evicted, milliseconds: their turn may not have begun.
const FRESH_MS: i64 = 3_600_000;
/// Characters of a file's name.
const NAME_CHARS_MAX: usize = 200;

/// A file as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Media type, as the client says.
    pub mime: Option<String>,
    /// Name, as the client says.
    pub name: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

impl Engine {
    /// Says who keeps the bytes of files. Without it, messages with files are refused. The first call counts.
    pub fn keep_media(&self, keeper: Arc<dyn MediaStore>) {
        if self.shared.media.keeper.set(keeper).is_err() {
            tracing::debug!("The keeper of files was set before.");
        }
    }

    /// Keeps files that come with a message for an agent. When this returns they are on disk.
    pub async fn accept_media(
        &self,
        agent: &torana_core::id::AgentId,
        uploads: Vec<Upload>,
    ) -> Result<Vec<MediaRef>, Problem> {
        if uploads.is_empty() {
            return Ok(Vec::new());
        }
        let Some(keeper) = self.shared.media.keeper.get().map(Arc::clone) else {
            return Err(Problem::invalid("this gateway keeps no files"));
        };
        if uploads.len() > MEDIA_FILES_MAX {
            return Err(Problem::invalid(format!(
                "a message can have at most {MEDIA_FILES_MAX} attachments"
            )));
        }
        let settings = self.settings();
        let backend = settings
            .agents
            .get(agent)
            .map(|agent| Arc::clone(&agent.backend));
        let mut checked = Vec::with_capacity(uploads.len());
        for upload in uploads {
            let reference = check(&upload)?;
            let kind = MediaKind::of(&reference.mime);
            if !backend.as_ref().is_some_and(|backend| backend.takes(kind)) {
                return Err(Problem::invalid(format!(
                    "agent \"{agent}\" cannot be shown files of type {}",
                    reference.mime
                )));
            }
            checked.push((reference, upload.bytes));
        }
        let rows: Vec<MediaRef> = checked.iter().map(|(row, _)| row.clone()).collect();
        self.record(rows.clone()).await?;
        for (reference, bytes) in checked {
            keeper
                .put(reference.digest, bytes)
                .await
                .map_err(|error| match error {
                    MediaFailure::Full => self.problem(&StoreError::Full),
                    MediaFailure::Other(text) => self.problem(&StoreError::Database(text)),
                })?;
        }
        Ok(rows)
    }

    async fn record(&self, rows: Vec<MediaRef>) -> Result<(), Problem> {
        let at_ms = self.shared.world.wall_ms();
        self.write(move |connection| {
                for row in &rows {
                    connection
                        .prepare_cached(
                            "INSERT INTO media (digest, mime, bytes, created_at, used_at) VALUES (?1, ?2, ?3, ?4, ?4)
                             ON CONFLICT (digest) DO UPDATE SET used_at = excluded.used_at",
                        )?
                        .execute(params![
                            row.digest,
                            row.mime,
                            i64::try_from(row.bytes).unwrap_or(i64::MAX),
                            at_ms
                        ])?;
                }
                Ok(())
            }).await
    }

    /// The bytes of a stored file; `None` when they are not kept any more.
    pub async fn media(&self, reference: &MediaRef) -> Option<Bytes> {
        let keeper = self.shared.media.keeper.get()?;
        keeper.get(reference.digest.clone()).await.ok().flatten()
    }

    /// Evicts the files that were used the longest time ago while there are more bytes than may be kept (S-104).
    pub(crate) async fn evict_media(&self) -> Result<usize, StoreError> {
        let Some(keeper) = self.shared.media.keeper.get().map(Arc::clone) else {
            return Ok(0);
        };
        let before_ms = self.shared.world.wall_ms() - FRESH_MS;
        let over = self
            .shared
            .store
            .read(move |connection| {
                let total: i64 = connection
                    .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM media")?
                    .query_row([], |row| row.get(0))?;
                let mut over = total - MEDIA_BYTES_MAX;
                let mut digests = Vec::new();
                if over <= 0 {
                    return Ok(digests);
                }
                let mut statement = connection.prepare_cached(
                    "SELECT digest, bytes FROM media WHERE used_at < ?1 ORDER BY used_at LIMIT ?2",
                )?;
                let mut rows = statement.query(params![before_ms, EVICTED_PER_ROUND])?;
                while let Some(row) = rows.next()? {
                    if over <= 0 {
                        break;
                    }
                    over -= row.get::<_, i64>(1)?;
                    digests.push(row.get::<_, String>(0)?);
                }
                Ok(digests)
            })
            .await?;
        for digest in &over {
            // The bytes go first: a row without bytes is evicted again, bytes without a row never would be.
            if let Err(error) = keeper.remove(digest.clone()).await {
                tracing::warn!(%error, "A file of a message could not be removed.");
                return Ok(0);
            }
        }
        let evicted = over.len();
        if evicted > 0 {
            self.shared
                .store
                .write(move |connection| {
                    for digest in &over {
                        connection
                            .prepare_cached("DELETE FROM media WHERE digest = ?1")?
                            .execute([digest])?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(evicted)
    }
}

/// Measures and names a file.
fn check(upload: &Upload) -> Result<MediaRef, Problem> {
    let bytes = upload.bytes.len();
    if bytes == 0 {
        return Err(Problem::invalid("an attachment is empty"));
    }
    let said = upload
        .mime
        .as_deref()
        .map(|mime| {
            mime.split(';')
                .next()
                .unwrap_or(mime)
                .trim()
                .to_ascii_lowercase()
        })
        .filter(|mime| is_media_type(mime));
    // A picture says itself what it is; a model provider would refuse one under a wrong name.
    let mime = MediaKind::sniff(&upload.bytes)
        .map(str::to_owned)
        .or(said)
        .unwrap_or_else(|| guess(&upload.bytes).to_owned());
    let kind = MediaKind::of(&mime);
    let max = if kind == MediaKind::Image {
        MEDIA_IMAGE_BYTES_MAX
    } else {
        MEDIA_FILE_BYTES_MAX
    };
    if bytes > max {
        return Err(Problem::new(
            Code::InvalidRequest,
            format!("an attachment of {bytes} bytes is larger than the {max} that are allowed"),
        ));
    }
    if kind == MediaKind::Image && MediaKind::sniff(&upload.bytes).is_none() {
        return Err(Problem::invalid(format!(
            "an attachment of type {mime} is no such picture"
        )));
    }
    if kind == MediaKind::Text && std::str::from_utf8(&upload.bytes).is_err() {
        return Err(Problem::invalid(format!(
            "an attachment of type {mime} is not UTF-8 text"
        )));
    }
    let name = upload.name.as_deref().map(|name| {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        last.chars()
            .filter(|character| !character.is_control())
            .take(NAME_CHARS_MAX)
            .collect::<String>()
    });
    Ok(MediaRef {
        digest: hex_digest_of(&upload.bytes),
        mime,
        name: name.filter(|name| !name.is_empty()),
        bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    })
}

fn is_media_type(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    text.len() <= 127
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| part(kind) && part(rest))
}

fn guess(bytes: &[u8]) -> &'static str {
    if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) {
        "text/plain"
    } else {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(mime: Option<&str>, bytes: &'static [u8]) -> Upload {
        Upload {
            mime: mime.map(str::to_owned),
            name: Some("../secret/na\nme.txt".to_owned()),
            bytes: Bytes::from_static(bytes),
        }
    }

    #[test]
    fn bytes_say_what_a_file_is_and_its_name_is_only_a_name() {
        let picture =
            check(&upload(Some("image/jpeg"), b"\x89PNG\r\n\x1a\nrest")).expect("a picture");
        assert_eq!(picture.mime, "image/png");
        assert_eq!(picture.name.as_deref(), Some("name.txt"));
        assert!(torana_core::media::is_digest(&picture.digest));
        let text = check(&upload(None, b"hello")).expect("text");
        assert_eq!(text.mime, "text/plain");
        let other = check(&upload(Some("text/html; charset=utf-8"), b"<p>")).expect("text");
        assert_eq!(other.mime, "text/html");
    }

    #[test]
    fn what_is_not_what_it_says_is_refused() {
        for (mime, bytes) in [
            (Some("image/png"), b"GARBAGE".as_slice()),
            (Some("text/plain"), b"\xff\xfe\x00".as_slice()),
            (Some("text/plain"), b"".as_slice()),
        ] {
            assert!(check(&upload(mime, bytes)).is_err(), "{mime:?}");
        }
        assert_eq!(
            check(&upload(Some("not a type"), b"\0\x01"))
                .map(|file| file.mime)
                .as_deref(),
            Ok("application/octet-stream")
        );
    }
}
