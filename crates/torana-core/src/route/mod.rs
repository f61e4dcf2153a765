//! Bindings and routing rules → agent, session key, and why that rule won.
//!
//! Pure: the routing table is a value built from config. Bindings never grant access; they apply after admission.

mod choose;
mod reset;
mod table;
#[cfg(test)]
mod tests;

pub use choose::{NoAgent, Route, Tier, route};
pub use reset::{Expiry, Lifetime, ResetKind, ResetRule, ResetRules};
pub use table::{Binding, BindingMatch, Routing};
