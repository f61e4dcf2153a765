//! The demo model: answers without any key or network, to show what a conversation looks like and how to set up a real one.
//!
//! It is a provider of the built-in loop (decisions-control-and-agents 59), used only while nothing is configured.

mod answers;
mod provider;
mod samples;

use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, OpenRequest, World,
};
use torana_host::egress::Egress;

pub use provider::DemoProvider;

use crate::builtin::{BuiltinBackend, BuiltinSettings};
use crate::offers::Offer;

/// How the demo behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoSettings {
    /// Models it may point out.
    pub offers: Vec<Offer>,
    /// Pause between two pieces of an answer, milliseconds; 0 streams without any pause.
    pub pace_ms: u64,
}

impl Default for DemoSettings {
    fn default() -> Self {
        // Fast enough to feel immediate, slow enough that the growing text is visible.
        Self {
            offers: Vec::new(),
            pace_ms: 45,
        }
    }
}

/// A backend that only has the demo model.
#[derive(Clone)]
pub struct DemoBackend {
    inner: BuiltinBackend,
}

impl DemoBackend {
    /// Makes the backend; it never sends anything anywhere.
    pub fn new(world: World, settings: DemoSettings) -> Self {
        let settings = BuiltinSettings {
            demo: Some(settings),
            ..BuiltinSettings::default()
        };
        Self {
            inner: BuiltinBackend::new(world, Egress::default(), settings),
        }
    }
}

impl AgentBackend for DemoBackend {
    fn open(
        &self,
        request: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        self.inner.open(request)
    }
}

#[cfg(test)]
mod tests;
