//! Principals, roles and scopes; device signatures, device tokens and codes; who may hear of what.
//!
//! Everything here is pure: keys, clocks and randomness are handed in.

mod audience;
mod code;
mod device;
mod fingerprint;
mod node;
mod scope;
#[cfg(test)]
mod tests;
mod token;

pub use audience::{Audience, audience};
pub use code::{PAIRING_ALPHABET, PAIRING_CODE_CHARS, login_code, pairing_code};
pub use device::{DeviceClaim, DeviceFault, PublicKey, SIGNED_AT_SKEW_MS, verify_device};
pub use fingerprint::Fingerprint;
pub use node::{CommandRules, NODE_COMMANDS_MAX, NODE_WORD_CHARS_MAX, Surface, is_executing};
pub use scope::{Role, Scope, ScopeSet};
pub use token::{Digest, derive_device_token, digest, same_secret};
