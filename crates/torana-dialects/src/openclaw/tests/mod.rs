//! The dialect against itself: dialogues over a real socket, the handshake's outcomes, scopes, events, the codec.

mod approvals;
mod codec;
mod config;
mod devices;
mod dialogues;
mod events;
mod handshake;
mod legacy;
mod nodes;
mod rig;
mod scopes;
mod sessions;
