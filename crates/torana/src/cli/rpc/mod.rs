//! Talking to a running gateway over its own protocol, as the client `cli` (decision 34).

mod client;
mod endpoint;
mod frame;
pub(crate) mod method;

pub(crate) use client::{Client, Incoming};
pub(crate) use endpoint::Endpoint;
