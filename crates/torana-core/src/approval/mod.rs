//! Approvals: something asks whether it may be done, a person says yes or no, once.
//!
//! The record is here, with the rules that need no clock and no store: which decisions are offered, how text from
//! outside is shown, and what the policy document of the host says.

mod display;
mod policy;
mod record;
#[cfg(test)]
mod tests;

pub use display::{is_plain, shown};
pub use policy::{Ask, PolicyDocument, PolicyFault, Resolved, Security};
pub use record::{Approval, Decision, Ending, Kind, Resolver, Status};
