//! Paired devices and their tokens: who was let in, with what, until when.
//!
//! Start with [`Devices`] in `registry`. Devices come in through `pairing` and prove themselves by `tokens`; `upgrade`
//! lets a connected device ask for more than it has, and `scopes` says what nobody may give.

mod decisions;
mod pairing;
mod registry;
mod scopes;
mod tokens;
mod upgrade;

pub use pairing::ProvenDevice;
pub use registry::{Devices, Grant, LABEL_CHARS_MAX};
pub(crate) use scopes::too_much;
pub use tokens::IssuedToken;
pub use upgrade::Upgrade;
