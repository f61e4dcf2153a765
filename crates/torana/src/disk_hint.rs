//! What to do about what a disk refuses.

use std::io;

/// What to do about a file that the disk or the system refuses.
pub(crate) fn disk_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(
            "run this as the user it belongs to, or name another state directory with TORANA_STATE_DIR",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("name a state directory that can be written with TORANA_STATE_DIR")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space and start again; nothing accepted is lost")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Some("name a folder with TORANA_STATE_DIR")
        }
        _ => None,
    }
}
