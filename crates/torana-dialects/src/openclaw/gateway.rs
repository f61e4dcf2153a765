//! What all connections of the dialect share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use torana_core::auth::{Audience, Role, Scope, ScopeSet};
use torana_core::event::Event;
use torana_core::id::ConnectionId;
use torana_core::limit::TICK_INTERVAL_MS;
use torana_core::media::MediaRef;
use torana_core::problem::{Code, Problem};
use torana_engine::service::approvals::Approvals;
use torana_engine::service::audit::Audit;
use torana_engine::service::devices::Devices;
use torana_engine::service::health::Health;
use torana_engine::service::login::{LoginCode, LoginCodes};
use torana_engine::service::nodes::Nodes;
use torana_engine::service::presence::{Presence, PresenceEntry};
use torana_engine::store::device::{DeviceFacts, DeviceRequest};

use super::client::Client;
use super::desk::Desk;
use super::events::Hub;
use super::frame::{self, StateVersion};
use super::health::HealthCache;
use super::hello;
use super::methods;
use super::quirks;
use super::rate::WriteRate;
use super::stability::{self, Stability};
use super::surface::Surfaces;
use crate::context::Context;
use crate::front::gate::Gate;
use crate::front::outgoing::Fate;
use crate::front::stage::Stage;

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
        let own = presence_of(&context);
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

    fn start_tasks(self: &Arc<Self>) {
        let engine = &self.context.engine;
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
    pub async fn verify_bearer(&self, token: &str) -> Option<ScopeSet> {
        self.devices.verify_bearer(token).await.ok().flatten()
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
                self.health.changed();
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
            Notice::DeviceRequest(id) => match self.devices.waiting(&id).await {
                Ok(Some(request)) => Some(("device.pair.requested", request_value(&request))),
                Ok(None) | Err(_) => None,
            },
            Notice::NodeRequest(id) => match self.nodes.waiting(&id).await {
                Ok(Some(view)) => {
                    methods::node_offer(&view).map(|offer| ("node.pair.requested", offer))
                }
                Ok(None) | Err(_) => None,
            },
            Notice::SetUp(id) => self
                .context
                .logins
                .setup_done(&id)
                .map(|done| ("device.pair.setup.completed", methods::setup_done(&done))),
        };
        if let Some((name, payload)) = told {
            let audience = Audience::Holding(Scope::Pairing);
            self.hub
                .send(frame::event(name, &payload), Fate::Keep, &|client| {
                    client.hears(audience)
                });
        }
    }

    fn tell_presence(&self) {
        let (_, entries) = self.presence.snapshot();
        let payload =
            json!({ "presence": entries.iter().map(hello::presence).collect::<Vec<_>>() });
        let frame = frame::versioned_event("presence", &payload, self.state_version());
        self.hub.send(frame, Fate::Drop, &Client::reads);
    }

    async fn tell_health(&self) {
        if self.hub.clients().is_empty() {
            return;
        }
        let Ok(payload) = self.health.get().await else {
            return;
        };
        for (payload, reads) in [(&payload.full, true), (&payload.reduced, false)] {
            let Ok(value) = serde_json::from_slice::<&serde_json::value::RawValue>(&payload.0)
            else {
                continue;
            };
            let frame = frame::versioned_event("health", &value, self.state_version());
            self.hub
                .send(frame, Fate::Drop, &|client| client.reads() == reads);
        }
    }

    /// Tells one client what is known of the gateway's health.
    pub(crate) fn offer_health(&self, client: &Client) {
        let Some(last) = self.health.last() else {
            return;
        };
        let payload = if client.reads() {
            &last.full
        } else {
            &last.reduced
        };
        if let Ok(value) = serde_json::from_slice::<&serde_json::value::RawValue>(&payload.0) {
            let frame = frame::versioned_event("health", &value, self.state_version());
            self.hub
                .send(frame, Fate::Drop, &|other| other.id == client.id);
        }
    }

    /// Tells readers that the configuration is another one; once per text, whoever noticed it first.
    pub(crate) async fn tell_config(&self) {
        let Ok(shown) = self.desk.shown(self.context.host.config_file()).await else {
            return;
        };
        let view = &shown.view;
        if !self.desk.is_news(&view.hash) {
            return;
        }
        let ts = self.context.engine.world().wall_ms();
        let payload = json!({ "path": view.path, "hash": view.hash, "ts": ts });
        self.hub.send(
            frame::event("config.changed", &payload),
            Fate::Keep,
            &Client::reads,
        );
    }

    async fn tick(self: Arc<Self>) {
        let world = self.context.engine.world().clone();
        let mut count = 0_u64;
        loop {
            world.sleep_ms(TICK_INTERVAL_MS).await;
            count += 1;
            self.hub.send(
                frame::event("tick", &json!({ "ts": world.wall_ms() })),
                Fate::Drop,
                &|_| true,
            );
            if count.is_multiple_of(HEALTH_TICKS) {
                self.tell_health().await;
            }
            if let Err(problem) = self.devices.flush_seen().await {
                tracing::warn!(%problem, "Device sightings were not written.");
            }
        }
    }
}

/// The gateway's own entry in presence.
fn presence_of(context: &Context) -> PresenceEntry {
    let machine = context.host.site().machine();
    let place = machine
        .address
        .map_or_else(String::new, |address| format!(" ({address})"));
    let release = quirks::COMPATIBLE_RELEASE;
    PresenceEntry {
        text: Some(format!(
            "Gateway: {}{place} · app {release} · mode gateway · reason self",
            machine.hostname
        )),
        host: Some(machine.hostname),
        ip: machine.address.map(|address| address.to_string()),
        version: Some(release.to_owned()),
        platform: Some(format!("{} {}", machine.platform, machine.release)),
        device_family: Some(family(machine.platform).to_owned()),
        mode: Some("gateway".to_owned()),
        reason: Some("self".to_owned()),
        instance_id: Some(context.boot_id.clone()),
        ..PresenceEntry::default()
    }
}

/// A kind of machine, as clients group them.
fn family(platform: &'static str) -> &'static str {
    match platform {
        "linux" => "Linux",
        "darwin" => "Mac",
        other => other,
    }
}

/// A pairing request, as listed and as told.
pub(crate) fn request_value(request: &DeviceRequest) -> Value {
    let mut value = json!({
        "requestId": request.request_id,
        "deviceId": request.device_id,
        "publicKey": request.public_key,
        "role": request.role,
        "roles": [request.role],
        "scopes": scope_words(&request.scopes),
        "silent": false,
        "isRepair": request.repair,
        "ts": request.created_at_ms,
    });
    add_facts(&mut value, &request.facts);
    value
}

/// What a device says about itself, as far as it does.
pub(crate) fn add_facts(value: &mut Value, facts: &DeviceFacts) {
    let texts = [
        ("displayName", &facts.display_name),
        ("platform", &facts.platform),
        ("deviceFamily", &facts.device_family),
        ("clientId", &facts.client_id),
        ("clientMode", &facts.client_mode),
        ("remoteIp", &facts.remote_ip),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            value[name] = json!(text);
        }
    }
}

/// Scopes as they are stored, one by one.
pub(crate) fn scope_words(scopes: &str) -> Vec<&str> {
    scopes
        .split(',')
        .filter(|scope| !scope.is_empty())
        .collect()
}
