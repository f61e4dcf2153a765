//! What any client may ask of the gateway, in plain Rust types: one file per family, no wire format.
//!
//! A dialect decodes a request, calls one of these, and encodes the answer.

pub mod devices;
pub mod health;
pub mod history;
pub mod journal;
pub mod login;
pub mod models;
pub mod pairing;
pub mod presence;
pub mod sessions;
#[cfg(test)]
mod tests;
