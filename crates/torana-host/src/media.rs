//! Files of messages in the state directory: one private file per digest, written whole or not at all.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use torana_core::media::is_digest;
use torana_core::port::{BoxFuture, MediaFailure, MediaStore};

use crate::files;

/// Largest file that is read back, bytes: twice what is accepted, so that only a foreign file is refused.
const READ_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A folder of files named by their digest, in 256 folders by its first two digits.
#[derive(Debug, Clone)]
pub struct MediaFolder {
    root: PathBuf,
}

impl MediaFolder {
    /// The folder; it is made when the first file comes.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a digest is kept. Anything else is refused, so that no name leads out of the folder (S-020).
    fn path(&self, digest: &str) -> Result<PathBuf, MediaFailure> {
        if !is_digest(digest) {
            return Err(MediaFailure::Other("not a digest".to_owned()));
        }
        Ok(self.root.join(&digest[..2]).join(digest))
    }
}

fn failure(error: &io::Error) -> MediaFailure {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => MediaFailure::Full,
        _ => MediaFailure::Other(error.to_string()),
    }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The name is the content, so what is there already is right, unless it was cut.
    if std::fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        files::private_dir(folder)?;
        if let Some(root) = folder.parent() {
            files::sync_dir(root)?;
        }
    }
    files::replace(path, bytes)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, MediaFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| failure(&error)),
        Err(error) => Err(MediaFailure::Other(error.to_string())),
    }
}

impl MediaStore for MediaFolder {
    fn put(&self, digest: String, bytes: Bytes) -> BoxFuture<'_, Result<(), MediaFailure>> {
        Box::pin(async move {
            let path = self.path(&digest)?;
            blocking(move || put(&path, &bytes)).await
        })
    }

    fn get(&self, digest: String) -> BoxFuture<'_, Result<Option<Bytes>, MediaFailure>> {
        Box::pin(async move {
            let path = self.path(&digest)?;
            blocking(move || match files::read_capped(&path, READ_BYTES_MAX) {
                Ok(bytes) => Ok(Some(Bytes::from(bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            })
            .await
        })
    }

    fn remove(&self, digest: String) -> BoxFuture<'_, Result<(), MediaFailure>> {
        Box::pin(async move {
            let path = self.path(&digest)?;
            blocking(move || match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
            .await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn bytes_are_kept_privately_under_their_digest_and_nowhere_else() {
        let folder = std::env::temp_dir().join(format!("torana-media-{}", crate::world().uuid()));
        let media = MediaFolder::new(&folder);
        let digest = "ab".repeat(32);
        assert_eq!(media.get(digest.clone()).await, Ok(None));
        let bytes = Bytes::from_static(b"hello");
        media
            .put(digest.clone(), bytes.clone())
            .await
            .expect("kept");
        media
            .put(digest.clone(), bytes.clone())
            .await
            .expect("kept again");
        assert_eq!(media.get(digest.clone()).await, Ok(Some(bytes)));
        let path = folder.join("ab").join(&digest);
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        media.remove(digest.clone()).await.expect("removed");
        media.remove(digest.clone()).await.expect("removed again");
        assert_eq!(media.get(digest).await, Ok(None));
        for bad in ["../../etc/passwd", "", "ab"] {
            assert!(media.get(bad.to_owned()).await.is_err(), "{bad}");
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
