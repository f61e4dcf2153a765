//! The source tree as rules see it: paths, text, and for Rust the text without comments and strings.
//! Start with `tree`; `rust` is the small scanner below it.

mod rust;
mod tree;

pub(crate) use rust::{identifiers, is_word_at, line_of, match_close, word_positions};
pub(crate) use tree::{RustFile, Tree, workspace_root};

#[cfg(test)]
mod tests;
