//! What all connections of the dialect share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;
use torana_core::auth::{Role, ScopeSet};
use torana_core::id::ConnectionId;
use torana_core::media::MediaRef;
use torana_core::problem::{Code, Problem};
use torana_engine::service::approvals::Approvals;
use torana_engine::service::audit::Audit;
use torana_engine::service::devices::Devices;
use torana_engine::service::health::Health;
use torana_engine::service::login::{LoginCode, LoginCodes};
use torana_engine::service::nodes::Nodes;
use torana_engine::service::presence::Presence;

use super::desk::Desk;
use super::events::Hub;
use super::frame::StateVersion;
use super::health::HealthCache;
use super::presence;
use super::quirks;
use super::rate::WriteRate;
use super::stability::{self, Stability};
use super::surface::Surfaces;
use crate::context::Context;
use crate::front::gate::Gate;
use crate::front::stage::Stage;

/// The dialect.
pub struct OpenClaw {
    context: Arc<Context>,
    gate: Gate,
    hub: Arc<Hub>,
    presence: Presence,
    devices: Devices,
    approvals: Approvals,
    nodes: Nodes,
    health: HealthCache,
    writes: WriteRate,
    surfaces: Surfaces,
    stage: Stage,
    desk: Desk,
    audit: Audit,
    stability: Arc<Stability>,
    started_ms: u64,
    next_connection: AtomicI64,
    waiting: Arc<AtomicUsize>,
    /// Methods to which newer clients sent keys we do not know.
    unknown_keys: Mutex<BTreeSet<&'static str>>,
}

/// A request that waits for its answer; dropping it makes room.
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl OpenClaw {
    /// Builds the dialect on an engine and starts its few shared tasks.
    pub fn new(context: Arc<Context>, gate: Gate) -> Arc<Self> {
        let engine = &context.engine;
        let world = engine.world().clone();
        let own = presence::of_gateway(&context);
        let devices = Devices::new(engine.clone(), context.install_key);
        let rules = Arc::clone(&context);
        let nodes = Nodes::new(engine.clone(), devices.clone(), move || {
            rules.front.load().nodes.commands.clone()
        });
        let dialect = Arc::new(Self {
            hub: Hub::start(engine),
            presence: Presence::new(world.clone(), engine.bus().clone(), own),
            devices,
            nodes,
            approvals: Approvals::start(engine),
            surfaces: Surfaces::new(&world),
            stage: Stage::default(),
            health: HealthCache::new(Health::new(engine.clone()), world.clone()),
            writes: WriteRate::default(),
            desk: Desk::new(),
            audit: Audit::start(engine),
            stability: Stability::start(engine),
            started_ms: world.monotonic_ms(),
            next_connection: AtomicI64::new(1),
            waiting: Arc::default(),
            unknown_keys: Mutex::default(),
            gate,
            context: Arc::clone(&context),
        });
        dialect.start_tasks();
        dialect
    }

    /// The context.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// The gate for secrets.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Events.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Who is connected.
    pub(crate) fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Paired devices and their tokens.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// What waits for a person's word.
    pub(crate) fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// Nodes.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Sign-in codes.
    pub(crate) fn logins(&self) -> &LoginCodes {
        &self.context.logins
    }

    /// A fresh single-use sign-in code, for a printed link.
    pub fn issue_login(&self) -> LoginCode {
        self.context.logins.issue_login()
    }

    /// What a device token carried as a bearer grants; `None` when it is no live token.
    pub(crate) async fn verify_bearer(&self, token: &str) -> Result<Option<ScopeSet>, Problem> {
        self.devices.verify_bearer(token).await
    }

    /// Clients that are connected and authenticated.
    pub fn clients(&self) -> usize {
        self.hub.clients().len()
    }

    pub(crate) fn health(&self) -> &HealthCache {
        &self.health
    }

    /// Where the configuration is shown and changed.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What happened last, as `diagnostics.stability` tells it, all of it.
    pub fn last_events(&self) -> Value {
        let world = self.context.engine.world();
        self.stability
            .page(stability::CAPACITY, None, None)
            .told(world.wall_ms())
    }

    /// The last things that happened.
    pub(crate) fn stability(&self) -> &Stability {
        &self.stability
    }

    /// The audit log.
    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Addresses that were given out.
    pub(crate) fn surfaces(&self) -> &Surfaces {
        &self.surfaces
    }

    /// Where documents of agents run.
    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// A token in an address opens the canvas.
    pub(crate) fn opens_canvas(&self, token: &str) -> bool {
        self.surfaces.opens_canvas(token)
    }

    /// The file of a conversation that a token in an address opens.
    pub(crate) fn download(&self, token: &str) -> Option<MediaRef> {
        self.surfaces.download(token)
    }

    /// A client is gone, or was never fully there.
    pub(crate) fn forget(&self, id: ConnectionId) {
        self.hub.leave(id);
        self.presence.leave(id);
        self.surfaces.revoke(id);
    }

    pub(crate) fn writes(&self) -> &WriteRate {
        &self.writes
    }

    pub(crate) fn uptime_ms(&self) -> u64 {
        self.context
            .engine
            .world()
            .monotonic_ms()
            .saturating_sub(self.started_ms)
    }

    pub(crate) fn state_version(&self) -> StateVersion {
        StateVersion {
            presence: self.presence.version(),
            health: self.health.version(),
        }
    }

    /// Requests of all connections that wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether nobody sent unknown keys to this method before.
    pub(crate) fn is_first_of(&self, method: &'static str) -> bool {
        let mut methods = self
            .unknown_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        methods.insert(method)
    }

    /// Counts a request until its answer is made.
    pub(crate) fn wait(&self) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(&self.waiting))
    }

    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// Ends the connections of a device whose credential is gone, of one role or of all (S-040: within a second).
    pub(crate) fn invalidate(&self, device_id: &str, role: Option<Role>, reason: &str) {
        for client in self.hub.clients().iter() {
            let is_its = client
                .device
                .as_ref()
                .is_some_and(|device| device.as_str() == device_id);
            if is_its && role.is_none_or(|role| role == client.role) {
                self.surfaces.revoke(client.id);
                client.outgoing.close(
                    quirks::close::CREDENTIAL,
                    format!("client invalidated: {reason}"),
                );
            }
        }
    }

    /// Carries out what must not stop halfway, such as taking a credential away and ending its connections: a call ends
    /// with the connection it came by, this does not.
    pub(crate) async fn carry<T: Send + 'static>(
        &self,
        name: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        let (done, outcome) = oneshot::channel();
        self.context.engine.tasks().spawn(name, async move {
            // Whoever asked may be gone.
            drop(done.send(work.await));
        });
        let lost = |_| Problem::new(Code::Internal, "the work was not carried out");
        outcome.await.map_err(lost)
    }

    /// Ends every connection: the shared secret changed.
    pub fn invalidate_all(&self) {
        for client in self.hub.clients().iter() {
            self.surfaces.revoke(client.id);
            client
                .outgoing
                .close(quirks::close::CREDENTIAL, "gateway auth changed");
        }
    }
}
