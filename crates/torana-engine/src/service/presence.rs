//! Who is connected: a small in-memory map of clients beside the gateway's own entry, with a version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::event::Event;
use torana_core::id::ConnectionId;
use torana_core::port::World;

use crate::bus::Bus;

/// One entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresenceEntry {
    /// Name for people: a host or a display name.
    pub host: Option<String>,
    /// Address.
    pub ip: Option<String>,
    /// Version of the program.
    pub version: Option<String>,
    /// Operating system.
    pub platform: Option<String>,
    /// Phone, tablet, desktop.
    pub device_family: Option<String>,
    /// Hardware model.
    pub model_identifier: Option<String>,
    /// `gateway`, or the client's mode.
    pub mode: Option<String>,
    /// Why it is here: `self`, `connect`.
    pub reason: Option<String>,
    /// Words for people.
    pub text: Option<String>,
    /// Last news, Unix milliseconds.
    pub at_ms: i64,
    /// Since when it is connected, Unix milliseconds.
    pub online_since_ms: Option<i64>,
    /// Paired device behind it.
    pub device_id: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Sessions it shows.
    pub watched: Vec<String>,
    /// Id of the installation or process.
    pub instance_id: Option<String>,
    /// Free words of whoever reported the entry.
    pub tags: Vec<String>,
}

/// Names reported by `system-event` at once; the oldest go above it.
const REPORTED_MAX: usize = 200;

#[derive(Default)]
struct State {
    version: u64,
    gateway: PresenceEntry,
    clients: BTreeMap<ConnectionId, PresenceEntry>,
    reported: BTreeMap<String, PresenceEntry>,
}

/// The map. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    world: World,
    bus: Bus,
    state: Arc<Mutex<State>>,
}

impl Presence {
    /// Only the gateway itself.
    pub fn new(world: World, bus: Bus, gateway: PresenceEntry) -> Self {
        let state = State {
            version: 1,
            gateway,
            ..State::default()
        };
        Self {
            world,
            bus,
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client that people want to see came.
    pub fn join(&self, connection: ConnectionId, entry: PresenceEntry) {
        {
            let mut state = self.state();
            state.clients.insert(connection, entry);
            state.version += 1;
        }
        self.bus.publish(Event::Presence);
    }

    /// It went. Clients that never joined change nothing.
    pub fn leave(&self, connection: ConnectionId) {
        let left = {
            let mut state = self.state();
            let left = state.clients.remove(&connection).is_some();
            state.version += u64::from(left);
            left
        };
        if left {
            self.bus.publish(Event::Presence);
        }
    }

    /// Says which sessions a client shows. Clients that never joined change nothing.
    pub fn watch(&self, connection: ConnectionId, sessions: Vec<String>) {
        let changed = {
            let mut state = self.state();
            let entry = state.clients.get_mut(&connection);
            let changed = entry.is_some_and(|entry| {
                let other = entry.watched != sessions;
                entry.watched = sessions;
                other
            });
            state.version += u64::from(changed);
            changed
        };
        if changed {
            self.bus.publish(Event::Presence);
        }
    }

    /// Somebody reported an entry under a name; a later report replaces it.
    pub fn report(&self, name: String, mut entry: PresenceEntry) {
        entry.at_ms = self.world.wall_ms();
        {
            let mut state = self.state();
            state.reported.insert(name, entry);
            while state.reported.len() > REPORTED_MAX {
                let oldest = state
                    .reported
                    .iter()
                    .min_by_key(|(_, entry)| entry.at_ms)
                    .map(|(name, _)| name.clone());
                match oldest {
                    Some(name) => drop(state.reported.remove(&name)),
                    None => break,
                }
            }
            state.version += 1;
        }
        self.bus.publish(Event::Presence);
    }

    /// Version and entries, the gateway first.
    pub fn snapshot(&self) -> (u64, Vec<PresenceEntry>) {
        let state = self.state();
        let gateway = PresenceEntry {
            at_ms: self.world.wall_ms(),
            ..state.gateway.clone()
        };
        let others = state
            .clients
            .values()
            .chain(state.reported.values())
            .cloned();
        (
            state.version,
            std::iter::once(gateway).chain(others).collect(),
        )
    }

    /// The gateway's own entry as clients without read access may know it: nothing of its machine but the name.
    pub fn gateway(&self) -> PresenceEntry {
        PresenceEntry {
            at_ms: self.world.wall_ms(),
            ip: None,
            platform: None,
            text: None,
            ..self.state().gateway.clone()
        }
    }

    /// The version alone.
    pub fn version(&self) -> u64 {
        self.state().version
    }
}
