//! What the screen looks like: the state goes in, cells come out.

mod markdown;
mod overlay;
mod page;
mod repaint;
mod table;
mod talk;
mod wrap;

pub(crate) use page::draw;
pub(crate) use repaint::mark;
