//! The configuration in force, as whoever changes it and whoever shows it share it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use torana_core::config::Config;

/// A configuration that is in force.
pub(crate) struct Running {
    /// Hash of its text.
    pub(crate) hash: String,
    /// Its merged value.
    pub(crate) value: Arc<Value>,
    /// What it means.
    pub(crate) config: Config,
}

/// The configuration in force, and the key its hash is made with.
pub(crate) struct InForce {
    install_key: [u8; 32],
    running: ArcSwap<Running>,
}

// === impl InForce ===

impl InForce {
    /// This text is in force, which has this value and this meaning.
    pub(crate) fn new(install_key: [u8; 32], text: &str, value: Value, config: Config) -> Self {
        let hash = hash_of(&install_key, text);
        let running = Running {
            hash,
            value: Arc::new(value),
            config,
        };
        Self {
            install_key,
            running: ArcSwap::from_pointee(running),
        }
    }

    /// What is in force now.
    pub(crate) fn load(&self) -> Arc<Running> {
        self.running.load_full()
    }

    /// From now on this is in force.
    pub(crate) fn store(&self, running: Running) {
        self.running.store(Arc::new(running));
    }

    /// The hash by which clients know a text.
    pub(crate) fn hash_of(&self, text: &str) -> String {
        hash_of(&self.install_key, text)
    }
}

/// A keyed hash of a config text: clients compare it, and it leaks nothing (decisions-control-and-agents 31).
fn hash_of(install_key: &[u8; 32], text: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(install_key)
        .expect("a key of any length is accepted");
    mac.update(b"torana config v1\0");
    mac.update(text.as_bytes());
    let digest: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("hmac-sha256:v1:{digest}")
}
