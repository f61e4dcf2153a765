//! What the dialect tells by itself: facts of the bus that need a look at the store first, and the tick.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;
use torana_core::auth::{Audience, Scope};
use torana_core::event::Event;
use torana_core::limit::TICK_INTERVAL_MS;

use super::client::Client;
use super::frame;
use super::gateway::OpenClaw;
use super::newcomer::{device_request, node_offer, setup_done};
use super::presence;
use crate::front::outgoing::Fate;

/// Notices that wait for the notice task; more of the same kind say nothing new.
const NOTICES_MAX: usize = 256;
/// Ticks between two `health` events: 60 s (OpenClaw 2026.9.6).
const HEALTH_TICKS: u64 = 2;

/// Facts of the bus that need a look at the store before they can be told.
enum Notice {
    Presence,
    Health,
    Config,
    DeviceRequest(String),
    NodeRequest(String),
    SetUp(String),
}

impl OpenClaw {
    /// Starts what the dialect does by itself.
    pub(super) fn start_tasks(self: &Arc<Self>) {
        let engine = &self.context().engine;
        let (notices, waiting) = mpsc::channel(NOTICES_MAX);
        engine.bus().attach(Arc::new(move |_, event| {
            let notice = match event {
                Event::Presence => Notice::Presence,
                Event::Health | Event::Account { .. } => Notice::Health,
                Event::ConfigChanged => Notice::Config,
                Event::DevicePairRequested { request_id, .. } => {
                    Notice::DeviceRequest(request_id.clone())
                }
                Event::NodePairRequested { request_id, .. } => {
                    Notice::NodeRequest(request_id.clone())
                }
                Event::DeviceSetUp { setup_id, .. } => Notice::SetUp(setup_id.clone()),
                _ => return,
            };
            // A full queue already holds a newer look at the same facts; a lost pairing notice is in the list.
            drop(notices.try_send(notice));
        }));
        // Lent to one life of the task after the other.
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let dialect = Arc::clone(self);
        engine.tasks().keep("openclaw notices", move || {
            Arc::clone(&dialect).tell_notices(Arc::clone(&waiting))
        });
        let dialect = Arc::clone(self);
        engine
            .tasks()
            .keep("openclaw tick", move || Arc::clone(&dialect).tick());
    }

    async fn tell_notices(
        self: Arc<Self>,
        waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Notice>>>,
    ) {
        let mut waiting = waiting.lock().await;
        while let Some(first) = waiting.recv().await {
            let (mut presence, mut health, mut config, mut told) =
                (false, false, false, Vec::new());
            let mut next = Some(first);
            while let Some(notice) = next {
                match notice {
                    Notice::Presence => presence = true,
                    Notice::Health => health = true,
                    Notice::Config => (health, config) = (true, true),
                    other => told.push(other),
                }
                next = waiting.try_recv().ok();
            }
            if presence {
                self.tell_presence();
            }
            if health {
                self.health().changed();
                self.tell_health().await;
            }
            if config {
                self.tell_config().await;
            }
            for notice in told {
                self.tell_pairing(notice).await;
            }
        }
    }

    /// Tells people who may let devices in; what is decided already is not told any more.
    async fn tell_pairing(&self, notice: Notice) {
        let told = match notice {
            Notice::Presence | Notice::Health | Notice::Config => None,
            Notice::DeviceRequest(id) => match self.devices().waiting(&id).await {
                Ok(Some(request)) => Some(("device.pair.requested", device_request(&request))),
                Ok(None) | Err(_) => None,
            },
            Notice::NodeRequest(id) => match self.nodes().waiting(&id).await {
                Ok(Some(view)) => node_offer(&view).map(|offer| ("node.pair.requested", offer)),
                Ok(None) | Err(_) => None,
            },
            Notice::SetUp(id) => self
                .context()
                .logins
                .setup_done(&id)
                .map(|done| ("device.pair.setup.completed", setup_done(&done))),
        };
        if let Some((name, payload)) = told {
            let audience = Audience::Holding(Scope::Pairing);
            self.hub()
                .send(frame::event(name, &payload), Fate::Keep, &|client| {
                    client.hears(audience)
                });
        }
    }

    fn tell_presence(&self) {
        let (_, entries) = self.presence().snapshot();
        let payload = json!({ "presence": entries.iter().map(presence::told).collect::<Vec<_>>() });
        let frame = frame::versioned_event("presence", &payload, self.state_version());
        self.hub().send(frame, Fate::Drop, &Client::reads);
    }

    async fn tell_health(&self) {
        if self.hub().clients().is_empty() {
            return;
        }
        let Ok(payload) = self.health().get().await else {
            return;
        };
        for (payload, reads) in [(&payload.full, true), (&payload.reduced, false)] {
            let Ok(value) = serde_json::from_slice::<&serde_json::value::RawValue>(&payload.0)
            else {
                continue;
            };
            let frame = frame::versioned_event("health", &value, self.state_version());
            self.hub()
                .send(frame, Fate::Drop, &|client| client.reads() == reads);
        }
    }

    /// Tells one client what is known of the gateway's health.
    pub(crate) fn offer_health(&self, client: &Client) {
        let Some(last) = self.health().last() else {
            return;
        };
        let payload = if client.reads() {
            &last.full
        } else {
            &last.reduced
        };
        if let Ok(value) = serde_json::from_slice::<&serde_json::value::RawValue>(&payload.0) {
            let frame = frame::versioned_event("health", &value, self.state_version());
            self.hub()
                .send(frame, Fate::Drop, &|other| other.id == client.id);
        }
    }

    /// Tells readers that the configuration is another one; once per text, whoever noticed it first.
    pub(crate) async fn tell_config(&self) {
        let Ok(shown) = self.desk().shown(self.context().host.config_file()).await else {
            return;
        };
        let view = &shown.view;
        if !self.desk().is_news(&view.hash) {
            return;
        }
        let ts = self.context().engine.world().wall_ms();
        let payload = json!({ "path": view.path, "hash": view.hash, "ts": ts });
        self.hub().send(
            frame::event("config.changed", &payload),
            Fate::Keep,
            &Client::reads,
        );
    }

    async fn tick(self: Arc<Self>) {
        let world = self.context().engine.world().clone();
        let mut count = 0_u64;
        loop {
            world.sleep_ms(TICK_INTERVAL_MS).await;
            count += 1;
            self.hub().send(
                frame::event("tick", &json!({ "ts": world.wall_ms() })),
                Fate::Drop,
                &|_| true,
            );
            if count.is_multiple_of(HEALTH_TICKS) {
                self.tell_health().await;
            }
            if let Err(problem) = self.devices().flush_seen().await {
                tracing::warn!(%problem, "Device sightings were not written.");
            }
        }
    }
}
