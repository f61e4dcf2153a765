//! The handshake: from a `connect` request to a principal, or to a refusal with the exact words clients know.
//!
//! Start with `admission`, which keeps the order: version, role, origin, device proof, credential, pairing.

mod admission;
mod credential;
mod doorkeeper;
mod pairing;
mod principal;
mod refusal;
mod secret;

pub(crate) use doorkeeper::Doorkeeper;
pub(crate) use principal::Principal;
pub(crate) use refusal::Refusal;
