//! A backend that only has the demo model.

use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, OpenRequest, World,
};
use torana_host::egress::Egress;

use super::settings::DemoSettings;
use crate::builtin::{BuiltinBackend, BuiltinSettings};

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
