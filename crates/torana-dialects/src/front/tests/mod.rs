//! The front over real sockets: raw requests against a whole engine with a scripted agent.

mod corpus;
mod headers;
mod rig;
mod sockets;

pub(crate) use rig::{Rig, Script, TOKEN, drive, read_until};
