//! Approvals and questions, and the host's policy document for commands.

mod answer;
mod ask;
mod policy;
mod question;

pub(super) use answer::{get, history, listed, resolve, resolve_any};
pub(super) use ask::{details, request_exec, request_plugin, wait};
pub(super) use policy::{policy, set_policy};
pub(super) use question::{ask_question, questions, resolve_question, show_question, wait_answer};
