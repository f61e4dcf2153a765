//! The real world of the gateway: clock, randomness, environment, outgoing connections, files and logs.
//!
//! This is the only crate that reads any of them; the rest of the gateway gets them handed in.
//! Start with [`world`] for the seams of the core, [`egress`] for HTTP clients and [`files`] for durable writes.

pub mod clock;
pub mod crash;
pub mod descriptors;
pub mod egress;
pub mod entropy;
pub mod env;
pub mod file_tree;
pub mod files;
pub mod folder;
pub mod json;
pub mod lock;
pub mod logs;
pub mod machine;
pub mod mdns;
pub mod media;
pub mod moment;
pub mod process;
pub mod reserve;
pub mod restart;
pub mod secret;
pub mod served;
pub mod sockets;
pub mod sse;
pub mod tls;
pub mod tls_client;

use std::sync::Arc;

use torana_core::port::World;

/// The real clock and the operating system's randomness, ready to be handed to everything.
pub fn world() -> World {
    World {
        clock: Arc::new(clock::SystemClock::new()),
        entropy: Arc::new(entropy::SystemEntropy),
    }
}
