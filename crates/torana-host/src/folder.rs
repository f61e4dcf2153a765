//! A folder that others name files in: nothing outside of it can be reached, not even through links (S-021).
//!
//! Every step is opened below the handle of the one before and refuses symbolic links, so a link that appears between
//! a check and a use changes nothing.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use torana_core::port::Entropy;

use crate::entropy::SystemEntropy;
use crate::served::ServedFile;

/// Steps of a path; deeper trees are not notes any more.
const DEPTH_MAX: usize = 32;
/// Entries of one listing; a folder with more is shown in part.
const ENTRIES_MAX: usize = 10_000;

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name.
    pub name: String,
    /// It is a folder.
    pub is_folder: bool,
    /// Bytes of a file.
    pub size: u64,
    /// Last change, Unix milliseconds.
    pub modified_ms: i64,
}

/// A file with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFile {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Last change, Unix milliseconds.
    pub modified_ms: i64,
}

/// An open folder.
pub struct Folder(OwnedFd);

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// A link on the way is a mistake of whoever named the path, not of the disk.
fn opened(outcome: rustix::io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    outcome.map_err(|error| {
        if error == rustix::io::Errno::LOOP {
            invalid("links are not followed")
        } else {
            error.into()
        }
    })
}

/// The steps of a relative path, each a plain name.
fn steps(path: &str) -> io::Result<Vec<&str>> {
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
    let is_plain = |step: &&str| !matches!(*step, "." | "..") && !step.contains('\0');
    if path.starts_with('/') || !steps.iter().all(is_plain) {
        return Err(invalid("the path must stay inside the folder"));
    }
    if steps.len() > DEPTH_MAX {
        return Err(invalid("the path is too deep"));
    }
    Ok(steps)
}

fn modified_ms(stat: &Stat) -> i64 {
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    stat.st_mtime
        .saturating_mul(1_000)
        .saturating_add(nanoseconds / 1_000_000)
}

fn size_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

impl Folder {
    /// Opens an existing folder. The folder itself may be reached through links: its owner chose it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(
            CWD,
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?))
    }

    fn below(parent: BorrowedFd<'_>, steps: &[&str]) -> io::Result<OwnedFd> {
        let mut folder = parent.try_clone_to_owned()?;
        for step in steps {
            folder = opened(rustix::fs::openat(
                &folder,
                *step,
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            ))?;
        }
        Ok(folder)
    }

    /// What is in the folder at a path: folders first, then files, each by name. Links and devices are left out.
    pub fn list(&self, path: &str) -> io::Result<Vec<FolderEntry>> {
        let folder = Self::below(self.0.as_fd(), &steps(path)?)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Ok(text) = name.to_str() else { continue };
            if matches!(text, "." | "..") || entries.len() >= ENTRIES_MAX {
                continue;
            }
            // It may be gone meanwhile.
            let Ok(stat) = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let is_folder = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => true,
                FileType::RegularFile => false,
                _ => continue,
            };
            entries.push(FolderEntry {
                name: text.to_owned(),
                is_folder,
                size: size_of(&stat),
                modified_ms: modified_ms(&stat),
            });
        }
        entries.sort_by(|a, b| {
            b.is_folder
                .cmp(&a.is_folder)
                .then_with(|| a.name.cmp(&b.name))
        });
        Ok(entries)
    }

    /// A regular file, open.
    fn regular(&self, path: &str) -> io::Result<(OwnedFd, Stat)> {
        let steps = steps(path)?;
        let (name, parents) = steps
            .split_last()
            .ok_or_else(|| invalid("a file must be named"))?;
        let folder = Self::below(self.0.as_fd(), parents)?;
        let file = opened(rustix::fs::openat(
            &folder,
            *name,
            // A pipe must not make us wait for its writer.
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        ))?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(invalid("it is not a regular file"));
        }
        Ok((file, stat))
    }

    /// Opens a file that is read piece by piece.
    pub fn open_file(&self, path: &str) -> io::Result<ServedFile> {
        let (file, stat) = self.regular(path)?;
        Ok(ServedFile {
            file: File::from(file),
            size: size_of(&stat),
            modified_s: stat.st_mtime,
            modified_ns: i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
            number: stat.st_ino,
        })
    }

    /// Reads a file; one larger than `bytes_max` is refused.
    pub fn read(&self, path: &str, bytes_max: u64) -> io::Result<FolderFile> {
        let (file, stat) = self.regular(path)?;
        let mut bytes = Vec::new();
        File::from(file)
            .take(bytes_max.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the file is too large",
            ));
        }
        Ok(FolderFile {
            bytes,
            modified_ms: modified_ms(&stat),
        })
    }

    /// Replaces a file as a whole; after any crash the old or the new content is there.
    pub fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let steps = steps(path)?;
        let (name, parents) = steps
            .split_last()
            .ok_or_else(|| invalid("a file must be named"))?;
        let folder = Self::below(self.0.as_fd(), parents)?;
        let mut random = [0_u8; 8];
        SystemEntropy.fill(&mut random);
        let temporary = format!(".{name}.{:016x}", u64::from_le_bytes(random));
        let mut file = File::from(rustix::fs::openat(
            &folder,
            temporary.as_str(),
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )?);
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| {
                rustix::fs::renameat_with(
                    &folder,
                    temporary.as_str(),
                    &folder,
                    *name,
                    RenameFlags::empty(),
                )?;
                rustix::fs::fsync(&folder)?;
                Ok(())
            });
        if written.is_err() {
            // Only in the way; its loss matters to nobody.
            rustix::fs::unlinkat(&folder, temporary.as_str(), AtFlags::empty()).ok();
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::Scratch;

    #[test]
    fn a_file_is_written_whole_read_back_and_listed() {
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.0.join("sub")).expect("a folder");
        let folder = Folder::open(&scratch.0).expect("opened");
        folder.write("AGENTS.md", b"one").expect("written");
        folder.write("AGENTS.md", b"two").expect("replaced");
        folder.write("sub/x.txt", b"deep").expect("written");
        assert_eq!(folder.read("AGENTS.md", 10).expect("read").bytes, b"two");
        assert_eq!(folder.read("sub/x.txt", 4).expect("read").bytes, b"deep");
        assert!(folder.read("sub/x.txt", 3).is_err());
        let names: Vec<(String, bool)> = folder
            .list("")
            .expect("listed")
            .into_iter()
            .map(|entry| (entry.name, entry.is_folder))
            .collect();
        assert_eq!(
            names,
            [("sub".to_owned(), true), ("AGENTS.md".to_owned(), false)]
        );
    }

    #[test]
    fn nothing_outside_is_reached() {
        let scratch = Scratch::new();
        let outside = Scratch::new();
        std::fs::write(outside.0.join("secret"), b"s").expect("written");
        std::os::unix::fs::symlink(outside.0.join("secret"), scratch.0.join("link"))
            .expect("linked");
        std::os::unix::fs::symlink(&outside.0, scratch.0.join("folder")).expect("linked");
        let folder = Folder::open(&scratch.0).expect("opened");
        for path in [
            "link",
            "folder/secret",
            "../x",
            "/etc/passwd",
            "a/../../x",
            "",
            ".",
        ] {
            assert!(folder.read(path, 100).is_err(), "{path}");
        }
        // A link is replaced, what it led to is not.
        folder.write("link", b"mine").expect("written");
        assert_eq!(std::fs::read(outside.0.join("secret")).expect("read"), b"s");
        assert!(folder.list("folder").is_err());
        assert!(
            folder
                .list("")
                .expect("listed")
                .iter()
                .all(|entry| entry.name != "folder")
        );
    }

    /// S-021: notes are their owner's alone, a write that fails leaves nothing behind, and a path has an end.
    #[test]
    fn s_021_a_write_is_private_and_leaves_nothing_when_it_fails() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.0.join("taken")).expect("a folder");
        let folder = Folder::open(&scratch.0).expect("opened");
        folder.write("NOTE.md", b"x").expect("written");
        let note = std::fs::metadata(scratch.0.join("NOTE.md")).expect("there");
        assert_eq!(note.permissions().mode() & 0o777, 0o600);
        assert!(folder.write("taken", b"x").is_err());
        assert_eq!(folder.list("").expect("listed").len(), 2);
        let deep = folder.read(&"a/".repeat(DEPTH_MAX + 1), 1);
        let kind = deep.expect_err("too deep").kind();
        assert_eq!(kind, io::ErrorKind::InvalidInput);
    }
}
