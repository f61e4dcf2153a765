//! What a node may be asked for: pairing lets the device in, a person approves its commands (decision 32 of the
//! control plane). Local nodes are paired silently, their commands never are approved silently.

use serde_json::Value;
use torana_core::auth::{Role, Scope, ScopeSet, Surface};
use torana_core::event::{Event, NodeDecision};
use torana_core::id::DeviceId;
use torana_core::problem::{Code, Problem};

use super::registry::{NodeTool, Nodes};
use crate::service::devices::too_much;
use crate::store::device::DeviceRow;
use crate::store::node::{self, Declared, NodeRequest, NodeRow};

/// Characters of a node's name.
const NAME_CHARS_MAX: usize = 64;

/// How far a node's offer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Everything it offers was approved.
    Approved,
    /// Nothing was approved yet, and it waits.
    Pending,
    /// Something was approved, and it offers more.
    PendingMore,
    /// Nothing was approved and nothing waits.
    None,
}

/// A node as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeView {
    /// Its device.
    pub device_id: String,
    /// What it says, or said last.
    pub declared: Declared,
    /// Name given by a person, else its own.
    pub name: Option<String>,
    /// What it may be asked for now; for an absent node what was approved.
    pub effective: Surface,
    /// How far its offer has come.
    pub approval: Approval,
    /// The offer that waits.
    pub pending: Option<NodeRequest>,
    /// When it was approved, Unix milliseconds.
    pub approved_at_ms: Option<i64>,
    /// Its device was let in as a node and not removed; its token may be revoked.
    pub paired: bool,
    /// Since when it is connected, Unix milliseconds.
    pub connected_at_ms: Option<i64>,
    /// When its device was last seen, Unix milliseconds.
    pub last_seen_at_ms: Option<i64>,
    /// When somebody last used its device, Unix milliseconds.
    pub active_at_ms: Option<i64>,
    /// Names of the skills it publishes.
    pub skills: Vec<String>,
    /// Tools it publishes and may be asked for.
    pub tools: Vec<Value>,
    /// What it says about the programs it could run agents with.
    pub runners: Option<Value>,
}

fn unknown_request() -> Problem {
    Problem::new(Code::NotFound, "unknown requestId")
}

fn unknown_node() -> Problem {
    Problem::new(Code::NotFound, "unknown nodeId")
}

/// Scopes that approving a surface takes.
pub(super) fn needed(surface: &Surface) -> ScopeSet {
    let scopes = ScopeSet::NONE.with(Scope::Pairing);
    if surface.executes() {
        scopes.with(Scope::Admin)
    } else {
        scopes
    }
}

impl NodeView {
    /// Scopes that approving the waiting offer takes.
    pub fn needed_scopes(request: &NodeRequest) -> ScopeSet {
        needed(&request.surface)
    }
}

/// A device that was let in as a node; it stays one when its token is taken away, until it is removed.
fn is_node(row: &DeviceRow) -> bool {
    row.tokens
        .iter()
        .any(|token| token.role == Role::Node.as_str())
}

impl Nodes {
    /// Compares what a node says with what was approved, and leaves a request where it offers more.
    pub(super) async fn reconcile(
        &self,
        device: &DeviceId,
        declared: &Declared,
    ) -> Result<(Option<Surface>, Option<NodeRequest>), Problem> {
        let family = declared.device_family.as_deref().unwrap_or_default();
        let offered = declared
            .surface
            .filtered(&self.rules(), &declared.platform, family);
        let (id, known) = (device.to_string(), declared.clone());
        let world = self.engine.world();
        let (request_id, created_at_ms) = (world.uuid(), world.wall_ms());
        // The usual hello changes nothing and so writes nothing.
        let seen = self
            .engine
            .read({
                let id = id.clone();
                move |connection| {
                    Ok((
                        node::get(connection, &id)?,
                        node::request_of(connection, &id)?,
                    ))
                }
            })
            .await?;
        if let (Some(row), waiting) = &seen
            && row.declared == *declared
        {
            let approved = row.approved.clone();
            let is_settled = approved
                .as_ref()
                .is_some_and(|approved| offered.is_within(approved));
            let is_waiting = waiting
                .as_ref()
                .is_some_and(|request| request.surface == offered);
            if (is_settled || offered.is_empty()) && waiting.is_none() || is_waiting && !is_settled
            {
                return Ok((approved, waiting.clone()));
            }
        }
        let (approved, request, fresh) = self
            .engine
            .write(move |connection| {
                node::put_declared(connection, &id, &known)?;
                let approved = node::get(connection, &id)?.and_then(|row| row.approved);
                let is_settled = offered.is_empty()
                    || approved
                        .as_ref()
                        .is_some_and(|approved| offered.is_within(approved));
                if is_settled {
                    node::remove_request(connection, &id)?;
                    return Ok((approved, None, false));
                }
                if let Some(request) = node::request_of(connection, &id)?
                    && request.surface == offered
                {
                    return Ok((approved, Some(request), false));
                }
                let request = NodeRequest {
                    request_id,
                    device_id: id,
                    surface: offered,
                    created_at_ms,
                };
                node::put_request(connection, &request)?;
                Ok((approved, Some(request), true))
            })
            .await?;
        if let Some(request) = request.as_ref().filter(|_| fresh) {
            self.engine.bus().publish(Event::NodePairRequested {
                request_id: request.request_id.clone(),
                node: device.clone(),
            });
        }
        Ok((approved, request))
    }

    /// Every node: paired as one, or connected.
    pub async fn list(&self) -> Result<Vec<NodeView>, Problem> {
        let (_, devices) = self.devices.list().await?;
        let (rows, requests) = self
            .engine
            .read(|connection| Ok((node::list(connection)?, node::requests(connection)?)))
            .await?;
        let mut views: Vec<NodeView> = Vec::new();
        for device in devices.iter().filter(|row| is_node(row)) {
            let row = rows.iter().find(|row| row.device_id == device.device_id);
            let request = requests
                .iter()
                .find(|request| request.device_id == device.device_id);
            views.push(self.view(device, row, request));
        }
        Ok(views)
    }

    /// One node.
    pub async fn get(&self, node_id: &str) -> Result<NodeView, Problem> {
        let views = self.list().await?;
        views
            .into_iter()
            .find(|view| view.device_id == node_id)
            .ok_or_else(unknown_node)
    }

    /// The node of a waiting offer.
    pub async fn waiting(&self, request_id: &str) -> Result<Option<NodeView>, Problem> {
        let views = self.list().await?;
        Ok(views.into_iter().find(|view| {
            view.pending
                .as_ref()
                .is_some_and(|request| request.request_id == request_id)
        }))
    }

    fn view(
        &self,
        device: &DeviceRow,
        row: Option<&NodeRow>,
        request: Option<&NodeRequest>,
    ) -> NodeView {
        let rules = self.rules();
        let approved = row.and_then(|row| row.approved.clone());
        let state = self.state();
        let live = DeviceId::new(&device.device_id)
            .ok()
            .and_then(|id| state.nodes.get(&id));
        let declared = live
            .map(|node| node.declared.clone())
            .or_else(|| row.map(|row| row.declared.clone()))
            .unwrap_or_else(|| Declared {
                platform: device.facts.platform.clone().unwrap_or_default(),
                device_family: device.facts.device_family.clone(),
                display_name: device.facts.display_name.clone(),
                client_id: device.facts.client_id.clone().unwrap_or_default(),
                client_mode: device.facts.client_mode.clone().unwrap_or_default(),
                remote_ip: device.facts.remote_ip.clone(),
                ..Declared::default()
            });
        let effective = match (live, &approved) {
            (Some(node), _) => node.effective(&rules),
            (None, Some(approved)) => {
                let family = declared.device_family.as_deref().unwrap_or_default();
                approved.filtered(&rules, &declared.platform, family)
            }
            (None, None) => Surface::default(),
        };
        let approval = match (&approved, request) {
            (Some(_), Some(_)) => Approval::PendingMore,
            (None, Some(_)) => Approval::Pending,
            (Some(_), None) => Approval::Approved,
            (None, None) => Approval::None,
        };
        // A tool whose command nobody approved is not shown, like the command itself.
        let is_usable = |tool: &&NodeTool| match &tool.command {
            Some(command) => effective.commands.contains(command),
            None => approved.is_some(),
        };
        let tools = live
            .map(|node| node.published.tools.iter().filter(is_usable))
            .map(|tools| tools.map(|tool| tool.descriptor.clone()).collect())
            .unwrap_or_default();
        NodeView {
            device_id: device.device_id.clone(),
            name: row
                .and_then(|row| row.name.clone())
                .or_else(|| device.label.clone())
                .or_else(|| declared.display_name.clone()),
            effective,
            approval,
            pending: request.cloned(),
            approved_at_ms: row.and_then(|row| row.approved_at_ms),
            paired: true,
            connected_at_ms: live.map(|node| node.since_ms),
            last_seen_at_ms: device.last_seen_at_ms,
            active_at_ms: live.and_then(|node| node.active_at_ms),
            skills: live
                .map(|node| &node.published.skills)
                .map(|skills| skills.iter().map(|skill| skill.name.clone()).collect())
                .unwrap_or_default(),
            tools,
            runners: live.and_then(|node| node.published.runners.as_deref().cloned()),
            declared,
        }
    }

    /// Approves what a node offers; commands that run programs take an administrator (S-008).
    pub async fn approve(&self, request_id: &str, caller: ScopeSet) -> Result<NodeView, Problem> {
        let id = request_id.to_owned();
        let request = self
            .engine
            .read(move |connection| node::request(connection, &id))
            .await?
            .ok_or_else(unknown_request)?;
        let needed = needed(&request.surface);
        if !caller.covers(needed) {
            return Err(too_much(
                needed
                    .iter()
                    .filter(|scope| !caller.allows(*scope))
                    .collect(),
            ));
        }
        let at_ms = self.engine.world().wall_ms();
        let wanted = request.clone();
        // Exactly what the approver saw: an offer that changed meanwhile has another id.
        let approved = self
            .engine
            .write(move |connection| {
                if node::request(connection, &wanted.request_id)?.as_ref() != Some(&wanted) {
                    return Ok(false);
                }
                node::remove_request(connection, &wanted.device_id)?;
                node::approve(connection, &wanted.device_id, &wanted.surface, at_ms)
            })
            .await?;
        if !approved {
            return Err(unknown_request());
        }
        let device = DeviceId::new(&request.device_id)
            .map_err(|error| Problem::invalid(error.to_string()))?;
        if let Some(node) = self.state().nodes.get_mut(&device) {
            node.approved = Some(request.surface.clone());
        }
        self.resolved(request_id, device, NodeDecision::Approved);
        self.get(&request.device_id).await
    }

    /// Refuses what a node offers; what was approved before stays. Returns the node.
    pub async fn reject(&self, request_id: &str) -> Result<String, Problem> {
        let id = request_id.to_owned();
        let request = self
            .engine
            .write(move |connection| {
                let request = node::request(connection, &id)?;
                if let Some(request) = &request {
                    node::remove_request(connection, &request.device_id)?;
                }
                Ok(request)
            })
            .await?
            .ok_or_else(unknown_request)?;
        let device = DeviceId::new(&request.device_id)
            .map_err(|error| Problem::invalid(error.to_string()))?;
        self.resolved(request_id, device, NodeDecision::Rejected);
        Ok(request.device_id)
    }

    /// Takes the node role from a device, with everything that was approved and all work. Whoever calls closes its
    /// connections.
    pub async fn remove(&self, node_id: &str) -> Result<(), Problem> {
        let view = self.get(node_id).await?;
        self.devices.drop_role(node_id, Role::Node).await?;
        self.forget(&view.device_id).await?;
        let device =
            DeviceId::new(&view.device_id).map_err(|error| Problem::invalid(error.to_string()))?;
        self.resolved("", device, NodeDecision::Removed);
        Ok(())
    }

    /// Forgets what was approved for a device that is not paired as a node any more.
    pub async fn forget(&self, device_id: &str) -> Result<(), Problem> {
        let id = device_id.to_owned();
        self.engine
            .write(move |connection| node::remove(connection, &id))
            .await?;
        let gone = DeviceId::new(device_id)
            .ok()
            .and_then(|device| self.state().nodes.remove(&device));
        if let Some(gone) = gone {
            self.state().calls.end_connection(gone.connection);
        }
        Ok(())
    }

    /// Gives a node a name.
    pub async fn rename(&self, node_id: &str, name: &str) -> Result<String, Problem> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(Problem::invalid("displayName required"));
        }
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let view = self.get(node_id).await?;
        let (id, stored, declared) = (view.device_id, name.clone(), view.declared);
        self.engine
            .write(move |connection| {
                if node::get(connection, &id)?.is_none() {
                    node::put_declared(connection, &id, &declared)?;
                }
                node::rename(connection, &id, &stored)
            })
            .await?;
        self.engine.bus().publish(Event::DevicesChanged);
        Ok(name)
    }

    fn resolved(&self, request_id: &str, node: DeviceId, decision: NodeDecision) {
        self.engine.bus().publish(Event::NodePairResolved {
            request_id: request_id.to_owned(),
            node,
            decision,
        });
    }
}
