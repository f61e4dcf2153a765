//! Approvals and questions, and the policy documents for commands of the host and of nodes.

mod answer;
mod ask;
mod node_policy;
mod policy;
mod question;

pub(super) use answer::{get, history, listed, resolve, resolve_any};
pub(super) use ask::{details, request_exec, request_plugin, wait};
pub(super) use node_policy::{node_policy, set_node_policy};
pub(super) use policy::{policy, set_policy};
pub(super) use question::{ask_question, questions, resolve_question, show_question, wait_answer};
