//! Reads a folder of small files into memory, within limits: what is served from there afterwards needs no path any
//! more, so no request can leave the folder (S-020).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::folder::Folder;

/// Files in one folder tree; a large web page has a few hundred.
pub const FILES_MAX: usize = 4_096;
/// Bytes of all files together; a large web page with its compressed copies has about twenty million.
pub const BYTES_MAX: u64 = 96 * 1024 * 1024;
/// Levels below the folder.
const DEPTH_MAX: usize = 16;

/// A file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Its content.
    pub bytes: Bytes,
    /// When it was changed, Unix seconds.
    pub modified_s: u64,
}

/// Reads every regular file below `root`, by its path with slashes. Hidden files and links are left out: neither is
/// meant to be served, and a link could lead anywhere.
pub fn read(root: &Path) -> io::Result<BTreeMap<String, TreeFile>> {
    let mut reading = Reading {
        root: Folder::open(root)?,
        files: BTreeMap::new(),
        bytes_left: BYTES_MAX,
    };
    reading.folder("", DEPTH_MAX)?;
    Ok(reading.files)
}

struct Reading {
    root: Folder,
    files: BTreeMap<String, TreeFile>,
    bytes_left: u64,
}

impl Reading {
    fn folder(&mut self, path: &str, depth_left: usize) -> io::Result<()> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return Err(too_much(path, "is nested too deeply"));
        };
        for entry in self.root.list(path)? {
            if entry.name.starts_with('.') {
                continue;
            }
            let below = if path.is_empty() {
                entry.name
            } else {
                format!("{path}/{}", entry.name)
            };
            if entry.is_folder {
                self.folder(&below, depth_left)?;
            } else {
                self.file(below)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String) -> io::Result<()> {
        if self.files.len() >= FILES_MAX {
            return Err(too_much(&path, "is one file too many"));
        }
        let file = self
            .root
            .read(&path, self.bytes_left)
            .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        self.bytes_left = self.bytes_left.saturating_sub(file.bytes.len() as u64);
        let file = TreeFile {
            bytes: Bytes::from(file.bytes),
            modified_s: u64::try_from(file.modified_ms / 1_000).unwrap_or(0),
        };
        self.files.insert(path, file);
        Ok(())
    }
}

fn too_much(path: &str, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("{path} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_and_hidden_files_are_left_out() {
        let base = std::env::temp_dir().join(format!("torana-folder-{}", crate::world().uuid()));
        let root = base.join("site");
        std::fs::create_dir_all(root.join("assets")).expect("folders");
        std::fs::write(base.join("secret.txt"), "sentinel").expect("written");
        std::fs::write(root.join("index.html"), "page").expect("written");
        std::fs::write(root.join("assets/app.js"), "code").expect("written");
        std::fs::write(root.join(".env"), "sentinel").expect("written");
        std::os::unix::fs::symlink(base.join("secret.txt"), root.join("link.txt")).expect("linked");
        std::os::unix::fs::symlink(&base, root.join("up")).expect("linked");
        let files = read(&root).expect("readable");
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["assets/app.js", "index.html"]);
        assert!(read(&base.join("missing")).is_err());
        std::fs::remove_dir_all(base).ok();
    }
}
