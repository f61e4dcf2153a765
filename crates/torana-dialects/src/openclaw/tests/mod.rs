//! The dialect against itself: dialogues over a real socket, the handshake's outcomes, scopes, events, the codec.

mod codec;
mod dialogues;
mod events;
mod handshake;
mod rig;
mod scopes;
