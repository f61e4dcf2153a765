//! What the screen looks like: the state goes in, cells come out.

mod markdown;
mod overlay;
mod page;
mod talk;
mod wrap;

pub(crate) use page::draw;
