//! The dialect against itself: dialogues over a real socket, the handshake's outcomes, scopes, events, the codec.

mod approvals;
mod artifacts;
mod avatars;
mod codec;
mod config;
mod device_matrix;
mod devices;
mod dialogues;
mod events;
mod handshake;
mod injection;
mod leaks;
mod legacy;
mod lifecycle;
mod limits;
mod machine;
mod nodes;
mod parameters;
mod platform;
mod published;
mod replies;
mod rig;
mod scopes;
mod secrets;
mod sessions;
mod surface;
