//! The model loop as the engine sees it: conversations without state of their own, over settings that can be swapped.

use std::sync::{Arc, PoisonError, RwLock};

use torana_core::id::AgentId;
use torana_core::media::MediaKind;
use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, OpenRequest, RunStream, Steer,
    TurnRequest, World,
};
use torana_host::egress::Egress;

use super::compiled::Compiled;
use super::settings::BuiltinSettings;
use super::turn::Turn;
use crate::emit::stream_of;

/// The built-in agent backend. Cheap to clone; clones share settings and cooldowns.
#[derive(Clone)]
pub struct BuiltinBackend {
    shared: Arc<Shared>,
}

struct Shared {
    world: World,
    egress: Egress,
    compiled: RwLock<Arc<Compiled>>,
}

impl BuiltinBackend {
    /// Makes the backend. Nothing is sent before the first turn.
    pub fn new(world: World, egress: Egress, settings: BuiltinSettings) -> Self {
        let compiled = Arc::new(Compiled::new(&world, &egress, settings));
        Self {
            shared: Arc::new(Shared {
                world,
                egress,
                compiled: RwLock::new(compiled),
            }),
        }
    }

    /// Uses other settings from the next turn on; running turns keep theirs. Unchanged settings change nothing.
    pub fn swap(&self, settings: BuiltinSettings) {
        if self.compiled().settings == settings {
            return;
        }
        let compiled = Arc::new(Compiled::new(
            &self.shared.world,
            &self.shared.egress,
            settings,
        ));
        *self
            .shared
            .compiled
            .write()
            .unwrap_or_else(PoisonError::into_inner) = compiled;
    }

    /// The settings in use.
    pub fn settings(&self) -> BuiltinSettings {
        self.compiled().settings.clone()
    }

    fn compiled(&self) -> Arc<Compiled> {
        Arc::clone(
            &self
                .shared
                .compiled
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl AgentBackend for BuiltinBackend {
    fn open(
        &self,
        request: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        let conversation = Conversation {
            backend: self.clone(),
            agent: request.agent,
        };
        Box::pin(std::future::ready(Ok(
            Box::new(conversation) as Box<dyn AgentConversation>
        )))
    }

    fn takes(&self, kind: MediaKind) -> bool {
        match kind {
            // Whether the chosen model has eyes is the provider's to say; both wire formats carry these.
            MediaKind::Image | MediaKind::Document | MediaKind::Text => true,
            MediaKind::Other => false,
        }
    }

    fn takes_wishes(&self) -> bool {
        true
    }
}

struct Conversation {
    backend: BuiltinBackend,
    agent: AgentId,
}

impl AgentConversation for Conversation {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        let world = self.backend.shared.world.clone();
        let compiled = self.backend.compiled();
        let agent = self.agent.clone();
        stream_of(|emitter| async move {
            Turn::new(world, compiled, &agent, request, emitter)
                .run()
                .await
        })
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}
