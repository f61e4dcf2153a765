//! The front over real sockets: raw requests against a whole engine with a scripted agent.

mod corpus;
mod endpoints;
mod folder;
mod headers;
mod methods;
mod rig;
mod sockets;
mod tls;

pub(crate) use rig::{Reply, Rig, Script, TOKEN, drive, read_all, read_until};
