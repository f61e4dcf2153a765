//! Ingress: dedupe, admit, route and store a message in one commit; only then is anybody told it was received.
//!
//! Platform messages come in through `accept`, client requests through `client`; both are stored by `insert` and go on to
//! their lane in `arrival`.

mod accept;
mod arrival;
mod client;
mod insert;

pub(crate) use accept::plain_operation;
pub use client::{ClientTurn, Deed, SendRequest, Sent, SubmitStatus, Submitted};
pub(crate) use insert::Inserted;
