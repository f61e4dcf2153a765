//! The simulated world of the gateway: virtual time, seeded randomness, a scripted platform and a scripted agent.
//!
//! Everything stands behind the ports of `torana-core`, so the whole real gateway runs in it from one seed.
//! Platform and stage outlive the gateway's process and keep the truth of what people saw; [`checker`] compares it
//! with the journals. Start with [`Process`], then [`Platform`] and [`Stage`].

mod backend;
pub mod checker;
mod clock;
mod dice;
mod log;
mod marks;
mod media;
mod platform;
mod process;

pub use backend::{RunStart, ScriptedBackend, Stage, Temper, answer, question};
pub use clock::SimClock;
pub use dice::{Dice, SeededEntropy};
pub use log::Log;
pub use marks::SimMarks;
pub use media::MediaShelf;
pub use platform::{Bubble, Effect, EffectKind, Faults, Platform, Push, Update, Version};
pub use process::{Link, Process};
