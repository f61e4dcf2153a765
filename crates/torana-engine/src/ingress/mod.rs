//! Ingress: dedupe, admit, route and store a message in one commit; only then is anybody told it was received.
//!
//! Platform messages come in through `accept`, client requests through `client`; both go on to their lane in `arrival`.

mod accept;
mod arrival;
mod client;

pub(crate) use accept::plain_operation;
pub(crate) use arrival::Inserted;
pub(crate) use client::hex_digest_of;
pub use client::{ClientTurn, Deed, SendRequest, Sent, SubmitStatus, Submitted};
