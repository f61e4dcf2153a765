//! Paired devices and their tokens: who was let in, with what, until when.
//!
//! Start with [`Devices`] in `registry`; `upgrade` lets a connected device ask for more than it has.

mod registry;
mod upgrade;

pub(crate) use registry::too_much;
pub use registry::{Devices, Grant, IssuedToken, LABEL_CHARS_MAX, ProvenDevice};
pub use upgrade::Upgrade;
