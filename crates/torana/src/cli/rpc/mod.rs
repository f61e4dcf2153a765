//! Talking to a running gateway over its own protocol, as one of the clients it knows (decision 34).

mod client;
mod endpoint;
mod frame;
mod identity;
pub(crate) mod method;
mod persona;
#[cfg(test)]
mod tests;

pub(crate) use client::{Caller, Client, Incoming};
pub(crate) use endpoint::Endpoint;
pub(crate) use identity::Identity;
pub(crate) use persona::Persona;
