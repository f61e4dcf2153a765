//! The admission ladder: may this message cause work, and if not, why.
//!
//! One gate for every kind of event and every channel (S-030 to S-034). Pure: facts in, verdict out.

mod ladder;
mod policy;
#[cfg(test)]
mod tests;

pub use ladder::{DropReason, Facts, Verdict, admit};
pub use policy::{
    AccountPolicy, BotPolicy, DmPolicy, GroupPolicy, GroupRule, MentionPatterns, MentionScope,
    SenderList,
};
