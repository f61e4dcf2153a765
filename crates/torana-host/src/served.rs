//! Files that are served piece by piece: opened below a folder that others fill, and read without ever holding them
//! whole in memory. Links are not followed on the way (S-021); see [`crate::folder`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::folder::Folder;

/// Bytes read at once: large enough that reading costs less than sending, small enough for ten thousand readers.
pub const PIECE_BYTES: u64 = 64 * 1024;

/// An open file.
#[derive(Debug)]
pub struct ServedFile {
    pub(crate) file: File,
    pub(crate) size: u64,
    pub(crate) modified_s: i64,
    pub(crate) modified_ns: i64,
    pub(crate) number: u64,
}

/// Opens a regular file below a folder, where opening may block. The folder itself may be reached through links, because
/// its owner chose it; nothing below it may.
pub async fn open(folder: PathBuf, path: String) -> io::Result<Arc<ServedFile>> {
    let work = move || Folder::open(&folder)?.open_file(&path).map(Arc::new);
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

// === impl ServedFile ===

impl ServedFile {
    /// Its bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Last change, Unix seconds.
    pub fn modified_s(&self) -> u64 {
        u64::try_from(self.modified_s).unwrap_or(0)
    }

    /// What tells this version from any other one under the same name: its number on disk, length and moment of change.
    pub fn version(&self) -> Vec<u8> {
        let mut version = Vec::with_capacity(32);
        version.extend_from_slice(&self.number.to_le_bytes());
        version.extend_from_slice(&self.size.to_le_bytes());
        version.extend_from_slice(&self.modified_s.to_le_bytes());
        version.extend_from_slice(&self.modified_ns.to_le_bytes());
        version
    }

    /// Up to `bytes_max` bytes from a place on, at most [`PIECE_BYTES`]; fewer at the end of the file.
    pub async fn piece(self: &Arc<Self>, at: u64, bytes_max: u64) -> io::Result<Bytes> {
        let this = Arc::clone(self);
        let wanted = usize::try_from(bytes_max.min(PIECE_BYTES)).unwrap_or(0);
        let work = move || {
            let mut piece = vec![0; wanted];
            let mut filled = 0;
            while filled < wanted {
                match this
                    .file
                    .read_at(&mut piece[filled..], at.saturating_add(filled as u64))
                {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            piece.truncate(filled);
            Ok(Bytes::from(piece))
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::Scratch;

    #[tokio::test]
    async fn a_file_is_read_from_any_place_and_another_version_is_told_apart() {
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.0.join("canvas")).expect("a folder");
        std::fs::write(scratch.0.join("canvas/page.html"), b"0123456789").expect("written");
        let open_it = || open(scratch.0.clone(), "canvas/page.html".to_owned());
        let file = open_it().await.expect("opened");
        assert_eq!(file.size(), 10);
        assert_eq!(&file.piece(3, 4).await.expect("read")[..], b"3456");
        assert_eq!(&file.piece(8, 4).await.expect("read")[..], b"89");
        assert!(file.piece(10, 4).await.expect("read").is_empty());
        let before = file.version();
        assert_eq!(before, open_it().await.expect("opened").version());
        std::fs::write(scratch.0.join("canvas/page.html"), b"other").expect("written");
        assert_ne!(before, open_it().await.expect("opened").version());
    }

    /// S-021: neither a link in the path nor a link as the file leads out, and what is no file is not opened.
    #[tokio::test]
    async fn links_and_other_things_are_not_opened() {
        let (scratch, outside) = (Scratch::new(), Scratch::new());
        std::fs::write(outside.0.join("secret"), b"s").expect("written");
        std::os::unix::fs::symlink(&outside.0, scratch.0.join("canvas")).expect("linked");
        std::os::unix::fs::symlink(outside.0.join("secret"), scratch.0.join("link"))
            .expect("linked");
        std::fs::create_dir(scratch.0.join("folder")).expect("a folder");
        for path in [
            "canvas/secret",
            "link",
            "folder",
            "../x",
            "/etc/passwd",
            "missing",
            "",
        ] {
            let opened = open(scratch.0.clone(), path.to_owned()).await;
            assert!(opened.is_err(), "{path}");
        }
    }

    /// S-021: a folder that becomes a link and back while it is read never shows what is outside.
    #[test]
    fn a_link_that_comes_and_goes_never_leads_out() {
        let (scratch, outside) = (Scratch::new(), Scratch::new());
        std::fs::write(outside.0.join("page"), b"outside").expect("written");
        let (canvas, kept) = (scratch.0.join("canvas"), scratch.0.join("kept"));
        std::fs::create_dir(&canvas).expect("a folder");
        std::fs::write(canvas.join("page"), b"inside").expect("written");
        let (root, target) = (scratch.0.clone(), outside.0.clone());
        std::thread::scope(|scope| {
            let flipping = scope.spawn(move || {
                for _ in 0..2_000 {
                    std::fs::rename(&canvas, &kept).expect("moved");
                    std::os::unix::fs::symlink(&target, &canvas).expect("linked");
                    std::fs::remove_file(&canvas).expect("removed");
                    std::fs::rename(&kept, &canvas).expect("moved back");
                }
            });
            let look = || Folder::open(&root).and_then(|folder| folder.open_file("canvas/page"));
            while !flipping.is_finished() {
                if let Ok(file) = look() {
                    assert_eq!(file.size(), 6, "what is outside has another length");
                }
            }
            assert!(look().is_ok(), "the file itself is still served");
        });
    }
}
