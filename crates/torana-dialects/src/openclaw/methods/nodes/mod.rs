//! `node.*`: what operators ask about nodes and of them, and what nodes answer.

mod caller;
mod invoke;
mod look;
mod pair;
mod publish;
mod report;
mod shape;
mod work;

pub(super) use invoke::{bad, content, invoke, scope_of_invoke};
pub(super) use look::{describe, list, rename};
pub(super) use pair::{approve, pair_list, pending_surfaces, reject, remove};
pub(super) use publish::{runners, skills, tools};
pub(super) use report::{event, progress, result};
pub(super) use work::{acknowledge, drain, enqueue, pull};
