//! The nodes that are connected, and the handle everything else hangs on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use torana_core::auth::{CommandRules, Surface};
use torana_core::event::Event;
use torana_core::id::{ConnectionId, DeviceId};
use torana_core::problem::Problem;

use super::calls::{CallFault, Calls};
use crate::engine::Engine;
use crate::service::devices::Devices;
use crate::store::node::{Declared, NodeRequest};

/// Something a connected node is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Carry out a command and answer.
    Call {
        /// Repeated in the answer.
        id: String,
        /// The command.
        command: String,
        /// Its parameters, as JSON text.
        params_json: Option<String>,
        /// How long we wait, milliseconds.
        timeout_ms: u64,
        /// The caller's key.
        idempotency_key: String,
    },
    /// Nobody waits for the answer any more.
    Cancel {
        /// Which call.
        id: String,
    },
    /// The device is connected a second time; this connection is the older one.
    Replaced,
}

/// Says an order to a node's connection; `false` when it is ending. Never waits.
pub type Mouth = Arc<dyn Fn(Order) -> bool + Send + Sync>;

/// Instructions a node publishes for agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// The text.
    pub content: String,
}

/// A tool that a node publishes for agents.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeTool {
    /// The command by which it is used, when it has one.
    pub command: Option<String>,
    /// What the node says about it.
    pub descriptor: Value,
}

/// What a connected node publishes; it ends with the connection.
#[derive(Clone, Default)]
pub(super) struct Published {
    pub(super) skills: Arc<Vec<Skill>>,
    pub(super) tools: Arc<Vec<NodeTool>>,
    pub(super) runners: Option<Arc<Value>>,
}

/// A node that is connected.
pub(super) struct LiveNode {
    pub(super) connection: ConnectionId,
    pub(super) mouth: Mouth,
    pub(super) declared: Declared,
    pub(super) approved: Option<Surface>,
    pub(super) since_ms: i64,
    pub(super) active_at_ms: Option<i64>,
    pub(super) published: Published,
}

/// Which commands the operator's list lets nodes offer, asked anew for every use so that a change acts at once.
pub(super) type Rules = Arc<dyn Fn() -> CommandRules + Send + Sync>;

#[derive(Default)]
pub(super) struct State {
    pub(super) nodes: BTreeMap<DeviceId, LiveNode>,
    pub(super) calls: Calls,
}

/// Nodes. Cheap to clone.
#[derive(Clone)]
pub struct Nodes {
    pub(super) engine: Engine,
    pub(super) devices: Devices,
    rules: Rules,
    state: Arc<Mutex<State>>,
}

/// A node that says hello.
pub struct Arrival {
    /// Its device, proven and paired.
    pub device: DeviceId,
    /// Its connection.
    pub connection: ConnectionId,
    /// How to tell it something.
    pub mouth: Mouth,
    /// What it says.
    pub declared: Declared,
}

impl LiveNode {
    /// What it may be asked for right now.
    pub(super) fn effective(&self, rules: &CommandRules) -> Surface {
        let family = self.declared.device_family.as_deref().unwrap_or_default();
        let offered = self
            .declared
            .surface
            .filtered(rules, &self.declared.platform, family);
        match &self.approved {
            Some(approved) => offered.limited_to(approved),
            None => Surface::default(),
        }
    }
}

impl Nodes {
    /// Nodes of an engine; `rules` is the operator's list.
    pub fn new(
        engine: Engine,
        devices: Devices,
        rules: impl Fn() -> CommandRules + Send + Sync + 'static,
    ) -> Self {
        Self {
            engine,
            devices,
            rules: Arc::new(rules),
            state: Arc::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rules(&self) -> CommandRules {
        (self.rules)()
    }

    /// A node came. Its device must be paired; what it offers may still need an approval, which is returned.
    ///
    /// An older connection of the same device is told that it was replaced, and its calls end.
    pub async fn arrive(&self, arrival: Arrival) -> Result<Option<NodeRequest>, Problem> {
        let Arrival {
            device,
            connection,
            mouth,
            declared,
        } = arrival;
        let (approved, request) = self.reconcile(&device, &declared).await?;
        let since_ms = self.engine.world().wall_ms();
        let node = LiveNode {
            connection,
            mouth,
            declared,
            approved,
            since_ms,
            active_at_ms: None,
            published: Published::default(),
        };
        let older = {
            let mut state = self.state();
            let older = state.nodes.insert(device.clone(), node);
            if let Some(older) = &older {
                state.calls.end_connection(older.connection);
            }
            older
        };
        if let Some(older) = older {
            // A connection that is ending needs no word.
            (older.mouth)(Order::Replaced);
        }
        Ok(request)
    }

    /// A node's connection ended. Its calls end; a newer connection of the device is left alone.
    pub fn leave(&self, device: &DeviceId, connection: ConnectionId) {
        let had_activity = {
            let mut state = self.state();
            state.calls.end_connection(connection);
            let is_current = state
                .nodes
                .get(device)
                .is_some_and(|node| node.connection == connection);
            is_current
                && state
                    .nodes
                    .remove(device)
                    .is_some_and(|node| node.active_at_ms.is_some())
        };
        if had_activity {
            self.engine.bus().publish(Event::NodeActivity {
                node: device.clone(),
                active_at_ms: None,
            });
        }
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.state().nodes.len()
    }

    /// A node reports when somebody last used its device, or takes that back. `false` from an older connection.
    pub fn active(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        active_at_ms: Option<i64>,
    ) -> bool {
        {
            let mut state = self.state();
            let Some(node) = state
                .nodes
                .get_mut(device)
                .filter(|node| node.connection == connection)
            else {
                return false;
            };
            node.active_at_ms = active_at_ms;
        }
        self.engine.bus().publish(Event::NodeActivity {
            node: device.clone(),
            active_at_ms,
        });
        true
    }

    /// A node publishes its skills, in place of those before. `false` from an older connection.
    pub fn publish_skills(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        skills: Vec<Skill>,
    ) -> bool {
        self.publish(device, connection, |published| {
            published.skills = Arc::new(skills);
        })
    }

    /// The same for its tools.
    pub fn publish_tools(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        tools: Vec<NodeTool>,
    ) -> bool {
        self.publish(device, connection, |published| {
            published.tools = Arc::new(tools);
        })
    }

    /// The same for what it says about the programs it could run agents with.
    pub fn publish_runners(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        runners: Value,
    ) -> bool {
        self.publish(device, connection, |published| {
            published.runners = Some(Arc::new(runners));
        })
    }

    fn publish(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        change: impl FnOnce(&mut Published),
    ) -> bool {
        let mut state = self.state();
        let node = state
            .nodes
            .get_mut(device)
            .filter(|node| node.connection == connection);
        node.is_some_and(|node| {
            change(&mut node.published);
            true
        })
    }

    /// What connected and approved nodes publish for agents.
    pub fn skills(&self) -> Vec<(DeviceId, Arc<Vec<Skill>>)> {
        self.state()
            .nodes
            .iter()
            .filter(|(_, node)| node.approved.is_some() && !node.published.skills.is_empty())
            .map(|(device, node)| (device.clone(), Arc::clone(&node.published.skills)))
            .collect()
    }

    /// The node's mouth, if the command may be asked of it now.
    pub(super) fn may_call(
        state: &State,
        rules: &CommandRules,
        device: &DeviceId,
        command: &str,
    ) -> Result<(ConnectionId, Mouth), CallFault> {
        let node = state.nodes.get(device).ok_or(CallFault::NotConnected)?;
        if node.effective(rules).commands.contains(command) {
            return Ok((node.connection, Arc::clone(&node.mouth)));
        }
        let family = node.declared.device_family.as_deref().unwrap_or_default();
        let is_declared = node.declared.surface.commands.contains(command);
        Err(CallFault::NotAllowed(
            if !rules.admits(&node.declared.platform, family, command) {
                "command not allowlisted"
            } else if node.declared.surface.commands.is_empty() {
                "node did not declare commands"
            } else if !is_declared {
                "command not declared by node"
            } else {
                "command not approved"
            },
        ))
    }
}
