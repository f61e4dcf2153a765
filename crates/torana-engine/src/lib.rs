//! What the gateway does: journals, lanes, runs, delivery and services.
//!
//! The engine carries out what `torana-core` decides. It knows no platform, no protocol and no operating system;
//! those come in through the ports. Start with [`Engine`], then follow a message: `ingress`, `session`, `run`,
//! `reply`, `delivery`.

mod account;
mod bus;
mod command;
mod delivery;
mod digest;
mod engine;
mod ingress;
mod maintenance;
mod media;
mod pairing;
mod recovery;
mod reply;
mod run;
pub mod service;
mod session;
mod settings;
mod steady;
pub mod store;
mod supervise;
mod suspension;
#[cfg(test)]
mod tests;
mod turn;

pub use account::{AccountStatus, Probe, WebhookOutcome};
pub use bus::{Bus, Counters, Sink};
pub use delivery::{Delivery, Passed};
pub use engine::{Engine, Options, Phase};
pub use ingress::{ClientTurn, Deed, SendRequest, Sent, SubmitStatus, Submitted};
pub use media::Upload;
pub use pairing::Approved;
pub use recovery::Recovered;
pub use run::{CompactRequest, Compaction, EphemeralTurn, Uncompacted};
pub use settings::{
    AccountSettings, AgentRules, AgentSettings, LocalZone, ModelInfo, ModelPrice, NoteSize,
    ReplyToMode, Settings, StreamMode, TypingMode,
};
pub use store::Store;
pub use supervise::{Supervisor, Trouble};
pub use suspension::{Blocking, Lease, Passing, Prepared, Resumed, Suspend, SuspensionState};
pub use turn::{Finished, StopReason, TurnHandle};
