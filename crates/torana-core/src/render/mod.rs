//! Markdown to platform text: parsing, markup, chunking, reply directives and previews.
//!
//! One reply is laid out once as visible text plus style spans (`flow`, filled by `layout` or
//! `passthrough`), cut into chunks that fit a platform's limits (`chunk`) and written in the
//! platform's markup (`markup`). What the agent says to the gateway rather than to people is in
//! `directive` and `preview`.

mod chunk;
mod directive;
mod flow;
mod format;
mod fuzz;
mod layout;
mod marks;
mod markup;
mod passthrough;
mod prefix;
mod preview;
mod table;
mod unclosed;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use chunk::{Chunk, chunks, render};
pub use directive::{
    Directives, NOTHING_TO_ADD, Reply, ReplyContext, ReplyTo, SilentReason, finalise,
    strip_directives,
};
pub use format::{ChunkMode, Counts, Format, LengthUnit, Limits, Markup, TableMode};
pub use fuzz::fuzz_render;
pub use prefix::{PrefixValues, apply_prefix, expand_prefix};
pub use preview::preview;
