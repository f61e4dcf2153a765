//! Agent backends and model providers.
//!
//! [`builtin`] is the gateway's own model loop over the wire formats in [`provider`]; [`demo`] answers without any model
//! until one is configured; [`offers`] finds out which models this machine could use.

pub mod builtin;
pub mod demo;
mod emit;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod offers;
pub mod presets;
pub mod provider;

#[cfg(test)]
mod testing;
