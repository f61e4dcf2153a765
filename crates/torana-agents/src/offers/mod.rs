//! Which models this machine could use: keys in the environment, and local servers when a person asks (decision 33).
//!
//! An offer is only words and a command; nothing is used before config names it.

mod environment;
mod local;
mod offer;

pub use environment::from_environment;
pub use local::probe_local;
pub use offer::Offer;
