//! A file that only takes room, so that there is some left when the disk is full (decision 16, R-18).
//!
//! It is released to let the store finish what it promised, and taken again once there is space.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

use crate::files;

const MIB: u64 = 1024 * 1024;

/// The reserve of one state directory.
#[derive(Debug, Clone)]
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// Decides the size from the file system: 1/32 of it, between 1 and 64 MiB. Nothing is written yet.
    pub fn new(state_dir: &Path) -> io::Result<Self> {
        let bytes = size_for(files::space(state_dir)?.total);
        Ok(Self {
            path: state_dir.join("reserve"),
            bytes,
        })
    }

    /// How much it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// True when exactly this room is taken.
    pub fn is_held(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == self.bytes)
    }

    /// Takes the room; fails when it is not there, leaving nothing behind.
    pub fn take(&self) -> io::Result<()> {
        if self.is_held() {
            return Ok(());
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(files::MODE_PRIVATE)
            .open(&self.path)?;
        let taken = match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            // A file system that cannot reserve (some network mounts) still gets the size, which is honest but weaker.
            Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(self.bytes),
            other => other.map_err(io::Error::from),
        };
        if taken.is_err() {
            self.release()?;
        }
        taken
    }

    /// Gives the room back, however much it is: the file system may have been another size when it was taken. False when
    /// there was none to give.
    pub fn release(&self) -> io::Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn size_for(total: u64) -> u64 {
    (total / 32).clamp(MIB, 64 * MIB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::Scratch;

    #[test]
    fn size_follows_the_file_system_within_bounds() {
        assert_eq!(size_for(8 * MIB), MIB);
        assert_eq!(size_for(320 * MIB), 10 * MIB);
        assert_eq!(size_for(u64::MAX), 64 * MIB);
    }

    #[test]
    fn room_is_taken_and_released_again() {
        let scratch = Scratch::new();
        let mut reserve = Reserve::new(&scratch.0).expect("sized");
        reserve.bytes = MIB;
        reserve.take().expect("room");
        reserve.take().expect("taking twice is fine");
        assert!(reserve.is_held());
        assert!(reserve.release().expect("released"));
        assert!(!reserve.release().expect("releasing twice is fine"));
        assert!(!reserve.is_held());
    }

    #[test]
    fn room_that_was_taken_on_another_size_is_given_back_too() {
        let scratch = Scratch::new();
        let mut reserve = Reserve::new(&scratch.0).expect("sized");
        reserve.bytes = MIB;
        reserve.take().expect("room");
        reserve.bytes = 2 * MIB;
        assert!(!reserve.is_held());
        assert!(reserve.release().expect("released"));
        assert!(!reserve.path.exists());
    }
}
