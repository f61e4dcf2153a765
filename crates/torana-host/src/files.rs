//! Files that must survive a crash and that nobody else may read: atomic replacement, private folders, free space.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use torana_core::port::Entropy;

use crate::entropy::SystemEntropy;

/// Only the owner reads and writes.
pub const MODE_PRIVATE: u32 = 0o600;

/// Creates a folder and its parents, readable by the owner only, and narrows an existing one.
pub fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Creates a new private file and makes it durable; fails when it exists or is a link.
pub fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_private(path, bytes, MODE_PRIVATE)?.sync_all()?;
    sync_dir(parent_of(path))
}

/// A private file to be made.
#[derive(Debug)]
pub struct NewFile {
    /// Where.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Creates new private files of one folder and makes them durable together; fails when one exists.
///
/// Each appears under its name only when all of it is on disk, and the names are made durable by one flush for all.
pub fn create_private_together(files: &[NewFile]) -> io::Result<()> {
    for file in files {
        if file.path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let temporary = temporary_beside(&file.path)?;
        let written = write_private(&temporary, &file.bytes, MODE_PRIVATE)
            .and_then(|written| written.sync_all())
            .and_then(|()| std::fs::rename(&temporary, &file.path));
        if written.is_err() {
            // It never got its name, so it is only in the way.
            drop(std::fs::remove_file(&temporary));
        }
        written?;
    }
    match files.first() {
        Some(file) => sync_dir(parent_of(&file.path)),
        None => Ok(()),
    }
}

/// Creates a new private file; fails when it exists or is a link. Nothing is flushed.
pub fn create_private_unflushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_private(path, bytes, MODE_PRIVATE).map(drop)
}

/// Gives a file that is complete its name, once everything in it is on disk.
///
/// The name itself is durable only after the next flush of the folder ([`sync_dir`]).
pub fn publish(complete: &Path, path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(complete)?.sync_all()?;
    std::fs::rename(complete, path)
}

/// Removes a file if there is one, and tells whether there was.
pub fn remove_if_there(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces a private file so that a reader sees the old or the new content, whole, without waiting for the disk.
///
/// For what means nothing once this process is gone, such as its pid: after a power cut the file may be empty.
pub fn replace_fleeting(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    let written = write_private(&temporary, bytes, MODE_PRIVATE)
        .and_then(|_| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The rename did not happen, so the temporary file is only in the way.
        drop(std::fs::remove_file(&temporary));
    }
    written
}

/// Replaces a file so that after any crash either the old or the new content is there, whole.
///
/// An existing file keeps its permissions, a new one is private. A symbolic link is followed to its target first, because
/// people keep their config under version control elsewhere and replacing the link would cut that.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mode = std::fs::metadata(&target).map_or(MODE_PRIVATE, |metadata| {
        metadata.permissions().mode() & 0o7777
    });
    let temporary = temporary_beside(&target)?;
    let written = write_and_rename(&temporary, &target, bytes, mode);
    if written.is_err() {
        // The rename did not happen, so the temporary file is only in the way; its loss matters to nobody.
        drop(std::fs::remove_file(&temporary));
    }
    written
}

fn write_and_rename(temporary: &Path, target: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_private(temporary, bytes, mode)?.sync_all()?;
    std::fs::rename(temporary, target)?;
    sync_dir(parent_of(target))
}

/// Writes a new file that nobody else could read at any moment, and leaves flushing it to the caller.
fn write_private(path: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE_PRIVATE)
        .open(path)?;
    file.write_all(bytes)?;
    if mode != MODE_PRIVATE {
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}

fn temporary_beside(target: &Path) -> io::Result<PathBuf> {
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    let mut random = [0_u8; 8];
    SystemEntropy.fill(&mut random);
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
    Ok(target.with_file_name(temporary))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names in a folder durable.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Opens or creates a private file for locking; a symbolic link in its place is refused, it could name somebody else's file.
pub fn open_private_no_link(path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE_PRIVATE)
        .custom_flags(no_follow)
        .open(path)
}

/// Reads a file of at most `bytes_max` bytes.
pub fn read_capped(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// There is a file, and nothing is in it.
pub fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// Size of a file system and what is left for us, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Everything.
    pub total: u64,
    /// What an ordinary user may still write.
    pub free: u64,
}

/// Asks how full the file system of a path is.
pub fn space(path: &Path) -> io::Result<Space> {
    let figures = rustix::fs::statvfs(path)?;
    Ok(Space {
        total: figures.f_blocks.saturating_mul(figures.f_frsize),
        free: figures.f_bavail.saturating_mul(figures.f_frsize),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A folder of its own for one test, removed afterwards.
    pub(crate) struct Scratch(pub(crate) PathBuf);

    impl Scratch {
        pub(crate) fn new() -> Self {
            let mut random = [0_u8; 8];
            SystemEntropy.fill(&mut random);
            let path = std::env::temp_dir()
                .join(format!("torana-host-{:016x}", u64::from_le_bytes(random)));
            private_dir(&path).expect("a temporary folder");
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn mode_of(path: &Path) -> u32 {
        std::fs::metadata(path)
            .expect("exists")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn replacement_is_private_keeps_an_existing_mode_and_leaves_nothing_behind() {
        let scratch = Scratch::new();
        let path = scratch.0.join("config");
        replace(&path, b"one").expect("written");
        assert_eq!(mode_of(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changed");
        replace(&path, b"two").expect("written");
        assert_eq!(
            (mode_of(&path), std::fs::read(&path).expect("read")),
            (0o640, b"two".to_vec())
        );
        assert_eq!(std::fs::read_dir(&scratch.0).expect("listed").count(), 1);
    }

    #[test]
    fn replacement_through_a_link_changes_the_target() {
        let scratch = Scratch::new();
        let (target, link) = (scratch.0.join("target"), scratch.0.join("link"));
        replace(&target, b"one").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        replace(&link, b"two").expect("written");
        assert!(
            std::fs::symlink_metadata(&link)
                .expect("exists")
                .file_type()
                .is_symlink()
        );
        assert_eq!(std::fs::read(&target).expect("read"), b"two");
    }

    #[test]
    fn creation_refuses_what_exists_and_locks_refuse_links() {
        let scratch = Scratch::new();
        let path = scratch.0.join("token");
        create_private(&path, b"x").expect("created");
        assert_eq!(mode_of(&path), 0o600);
        assert!(create_private(&path, b"y").is_err());
        let link = scratch.0.join("lock");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert!(open_private_no_link(&link).is_err());
    }

    #[test]
    fn files_made_together_are_private_whole_and_never_overwrite() {
        let scratch = Scratch::new();
        let file = |name: &str, text: &str| NewFile {
            path: scratch.0.join(name),
            bytes: text.as_bytes().to_vec(),
        };
        create_private_together(&[]).expect("nothing to do");
        create_private_together(&[file("a", "one"), file("b", "two")]).expect("created");
        assert_eq!(std::fs::read(scratch.0.join("b")).expect("read"), b"two");
        assert_eq!(mode_of(&scratch.0.join("a")), 0o600);
        create_private_together(&[file("c", "new"), file("a", "other")]).expect_err("a exists");
        assert_eq!(std::fs::read(scratch.0.join("a")).expect("read"), b"one");
        assert_eq!(std::fs::read_dir(&scratch.0).expect("listed").count(), 3);
    }

    #[test]
    fn a_fleeting_file_is_private_and_whole_and_a_complete_one_gets_its_name() {
        let scratch = Scratch::new();
        let path = scratch.0.join("pid");
        replace_fleeting(&path, b"one").expect("written");
        replace_fleeting(&path, b"two").expect("written");
        assert_eq!(
            (mode_of(&path), std::fs::read(&path).expect("read")),
            (0o600, b"two".to_vec())
        );
        publish(&path, &scratch.0.join("named")).expect("renamed");
        assert!(!remove_if_there(&path).expect("nothing is left to remove"));
        assert_eq!(std::fs::read_dir(&scratch.0).expect("listed").count(), 1);
    }

    #[test]
    fn wide_folder_is_narrowed() {
        let scratch = Scratch::new();
        let path = scratch.0.join("a").join("b");
        std::fs::create_dir_all(&path).expect("created");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("widened");
        private_dir(&path).expect("narrowed");
        assert_eq!(mode_of(&path), 0o700);
    }

    #[test]
    fn reading_is_bounded_and_space_is_known() {
        let scratch = Scratch::new();
        let path = scratch.0.join("file");
        replace(&path, b"12345").expect("written");
        assert_eq!(read_capped(&path, 5).expect("small enough"), b"12345");
        assert!(read_capped(&path, 4).is_err());
        let space = space(&scratch.0).expect("known");
        assert!(space.total >= space.free && space.total > 0);
    }
}
