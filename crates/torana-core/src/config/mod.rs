//! The configuration: one typed tree, read strictly, edited without losing comments.
//!
//! [`load()`] goes from text to a [`Config`] and reports everything wrong at once; start there.
//! [`edit`] changes a text, [`TreeSchema`] describes the tree (schema, redaction), [`ReloadPlan`] says what a change
//! needs, [`reference_markdown`] prints the manual.
//! The doc comments in `tree/` are the user manual. This is one of the few places in core that may name OpenClaw,
//! because its key names are ours.

mod accepted;
mod document;
pub mod edit;
mod effective;
mod env;
mod finding;
mod forms;
mod guard;
mod hints;
mod include;
mod load;
mod parse;
mod path;
mod redact;
mod reference;
mod references;
mod reload;
mod roster;
mod schema;
mod secret;
mod show;
mod suggest;
#[cfg(test)]
mod tests;
pub mod tree;
mod validate;
mod walk;

pub use document::Document;
pub use effective::{AgentSettings, IMPLICIT_AGENT, ModelRef};
pub use finding::{Finding, Part, Place, Refusal};
pub use hints::{Described, DescribedChild};
pub use include::{IncludeLoader, IncludeRequest, Included};
pub use load::{LoadInput, Loaded, NOT_BUILT, load};
pub use parse::TEXT_BYTES_MAX;
pub use path::{KeyPath, PathError, Segment};
pub use redact::RestoreError;
pub use reference::reference_markdown;
pub use references::SecretReference;
pub use reload::ReloadPlan;
pub use roster::{RosterError, add_agent, agent_id_of, change_agent, remove_agent};
pub use schema::{ChannelSection, Knowledge, TreeSchema};
pub use secret::{REDACTED, Secret};
pub use show::{ReturnError, changed_paths, read_text};
pub use tree::Config;
