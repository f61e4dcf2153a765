//! Why a change was not made.

use thiserror::Error;

use crate::config::finding::Finding;

/// Why an edit was refused; the file stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The text cannot be parsed, so nothing can be changed in it.
    #[error("the file cannot be edited: {0}")]
    Unreadable(String),
    /// There is nothing at the path.
    #[error("`{0}` is not set")]
    NotSet(String),
    /// The path leads through a value that has no parts.
    #[error("`{0}` holds a plain value, so nothing can be set below it")]
    NotAContainer(String),
    /// The path leads to a list item that cannot exist.
    #[error("`{path}` has {len} items; the next one is number {len}")]
    NoSuchItem {
        /// The list.
        path: String,
        /// How many items it has.
        len: usize,
    },
    /// The value comes from an included file, or would be mixed with what comes from there.
    #[error("{}", included(.0))]
    Included(String),
    /// A patch would drop list entries that it did not name.
    #[error("the patch would remove entries of the list `{0}`; name it as replaced to do so")]
    RemovesEntries(String),
    /// The value holds the placeholder of a hidden secret.
    #[error("`{0}` would be set to the placeholder of a hidden value")]
    Placeholder(String),
    /// The changed text does not read as the intended value.
    #[error("the change cannot be written into this file without disturbing it; edit it by hand")]
    Diverged,
}

fn included(path: &str) -> String {
    if path.is_empty() {
        "the file takes in others with `$include` at its top, so this key could belong to any of them; write it by hand"
            .to_owned()
    } else {
        format!("`{path}` comes from an included file; change it there")
    }
}

/// Why a finished text must not replace the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteRefusal {
    /// The result is not a valid configuration.
    #[error("the result is not a valid configuration ({} problems)", .0.len())]
    Invalid(Vec<Finding>),
    /// `gateway.mode` was set and would be gone, which looks like a damaged file.
    #[error("`gateway.mode` would vanish")]
    ModeVanishes,
    /// The file would lose more than half of its size.
    #[error("the file would shrink from {before} to {after} bytes")]
    Shrinks {
        /// Bytes now.
        before: usize,
        /// Bytes after the write.
        after: usize,
    },
}
