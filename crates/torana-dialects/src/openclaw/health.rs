//! The `health` payload: computed at most once a second, encoded once, handed out as bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use serde_json::{Map, Value, json};
use torana_core::event::AccountState;
use torana_core::id::AgentId;
use torana_core::port::World;
use torana_core::problem::Problem;
use torana_engine::AccountStatus;
use torana_engine::service::health::{Census, Health, HealthSnapshot};

use super::frame::Payload;

/// How long a payload stays good, milliseconds: pages poll every few seconds.
const FRESH_MS: u64 = 1_000;
/// How old a payload may be that a newcomer is told, milliseconds: everybody is told a new one each minute.
const RECENT_MS: u64 = 60_000;

/// A payload in its two forms.
pub(crate) struct Encoded {
    /// With `operator.read`.
    pub(crate) full: Payload,
    /// Without: that we live, and nothing else (decision 41).
    pub(crate) reduced: Payload,
    /// When we looked, and until when it answers questions; monotonic.
    at_ms: u64,
    until_ms: u64,
}

/// Hands out payloads.
pub(crate) struct HealthCache {
    health: Health,
    world: World,
    last: ArcSwapOption<Encoded>,
    version: AtomicU64,
    /// One look at a time: after a restart all clients come at once.
    turn: tokio::sync::Mutex<()>,
}

impl HealthCache {
    pub(crate) fn new(health: Health, world: World) -> Self {
        Self {
            health,
            world,
            last: ArcSwapOption::empty(),
            version: AtomicU64::new(1),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Grows with every change worth an event.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// Something changed: the next question looks again.
    pub(crate) fn changed(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
        self.last.store(None);
    }

    /// What was handed out last, however old.
    pub(crate) fn last(&self) -> Option<Arc<Encoded>> {
        self.last.load_full()
    }

    /// A payload that a newcomer may be told: as old as one that everybody is told once a minute.
    pub(crate) async fn recent(&self) -> Result<Arc<Encoded>, Problem> {
        let now_ms = self.world.monotonic_ms();
        let recent = |last: &Encoded| now_ms.saturating_sub(last.at_ms) < RECENT_MS;
        // A newcomer's look makes nobody's answer older.
        self.last_or_look(recent, 0).await
    }

    /// A payload that is at most a second old.
    pub(crate) async fn get(&self) -> Result<Arc<Encoded>, Problem> {
        let now_ms = self.world.monotonic_ms();
        let fresh = |last: &Encoded| last.until_ms > now_ms;
        self.last_or_look(fresh, now_ms.saturating_add(FRESH_MS))
            .await
    }

    /// What was handed out last if it will do, else a payload of this moment.
    async fn last_or_look(
        &self,
        will_do: impl Fn(&Encoded) -> bool,
        until_ms: u64,
    ) -> Result<Arc<Encoded>, Problem> {
        if let Some(last) = self.last().filter(|last| will_do(last)) {
            return Ok(last);
        }
        let _turn = self.turn.lock().await;
        match self.last().filter(|last| will_do(last)) {
            Some(last) => Ok(last),
            None => self.look_until(until_ms).await,
        }
    }

    /// A payload of this moment.
    pub(crate) async fn look(&self) -> Result<Arc<Encoded>, Problem> {
        let until_ms = self.world.monotonic_ms().saturating_add(FRESH_MS);
        self.look_until(until_ms).await
    }

    async fn look_until(&self, until_ms: u64) -> Result<Arc<Encoded>, Problem> {
        let snapshot = self.health.snapshot().await?;
        let encoded = Arc::new(Encoded {
            full: Payload::of(&full(&snapshot)),
            reduced: Payload::of(
                &json!({ "ok": true, "ts": snapshot.at_ms, "durationMs": snapshot.duration_ms }),
            ),
            at_ms: self.world.monotonic_ms(),
            until_ms,
        });
        self.last.store(Some(Arc::clone(&encoded)));
        Ok(encoded)
    }

    /// The facts behind the payload.
    pub(crate) async fn snapshot(&self) -> Result<HealthSnapshot, Problem> {
        match self.health.last() {
            Some(last)
                if self
                    .last
                    .load()
                    .as_ref()
                    .is_some_and(|last| last.until_ms > self.world.monotonic_ms()) =>
            {
                Ok(last)
            }
            _ => self.health.snapshot().await,
        }
    }
}

/// A channel's name for people.
pub(crate) fn label(channel: &str) -> String {
    let mut letters = channel.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// An account as an entry of `channels.status`.
pub(crate) fn account(status: &AccountStatus) -> Value {
    let (running, error) = match &status.state {
        AccountState::Running => (true, None),
        AccountState::Starting => (false, None),
        AccountState::Failing(reason) | AccountState::Stopped(reason) => {
            (false, Some(reason.as_str()))
        }
    };
    let stopped = matches!(status.state, AccountState::Stopped(_));
    let health = match &status.state {
        AccountState::Running => "healthy",
        AccountState::Starting => "starting",
        AccountState::Failing(_) => "failing",
        AccountState::Stopped(_) => "stopped",
    };
    let mut value = json!({
        "accountId": status.account.as_str(), "enabled": true, "configured": true, "linked": status.identity.is_some(),
        "running": !stopped, "connected": running, "lastError": error, "healthState": health, "mode": status.mode,
        "lastInboundAt": status.last_inbound_ms, "lastTransportActivityAt": status.last_alive_ms,
    });
    let username = status
        .identity
        .as_ref()
        .and_then(|identity| identity.username.as_ref());
    if let Some(name) = status.name.as_ref().or(username) {
        value["name"] = json!(name);
    }
    value
}

/// Channels grouped as `channels.status` and `health` show them: order, labels, summaries, accounts.
pub(crate) struct Channels {
    pub(crate) order: Vec<String>,
    pub(crate) labels: Map<String, Value>,
    pub(crate) summaries: Map<String, Value>,
    pub(crate) accounts: Map<String, Value>,
    pub(crate) defaults: Map<String, Value>,
}

/// Groups accounts by channel.
pub(crate) fn channels(statuses: &[AccountStatus]) -> Channels {
    let (mut order, mut labels, mut summaries) = (Vec::new(), Map::new(), Map::new());
    let (mut accounts, mut defaults) = (Map::new(), Map::new());
    for status in statuses {
        let channel = status.channel.as_str().to_owned();
        let entry = account(status);
        if !order.contains(&channel) {
            order.push(channel.clone());
            labels.insert(channel.clone(), label(&channel).into());
            let summary = json!({
                "configured": true, "running": entry["running"], "connected": entry["connected"], "lastError": entry["lastError"],
            });
            summaries.insert(channel.clone(), summary);
            defaults.insert(channel.clone(), status.account.as_str().into());
        }
        if status.is_default {
            defaults.insert(channel.clone(), status.account.as_str().into());
        }
        if let Value::Array(list) = accounts.entry(channel).or_insert_with(|| json!([])) {
            list.push(entry);
        }
    }
    Channels {
        order,
        labels,
        summaries,
        accounts,
        defaults,
    }
}

fn failed(queue: &str, census: &[Census]) -> Option<Value> {
    let parked = census
        .iter()
        .find(|row| row.state == "parked")
        .filter(|row| row.count > 0)?;
    Some(
        json!({ "queueName": queue, "count": parked.count, "oldestFailedAt": parked.oldest_at_ms.max(0) }),
    )
}

fn full(snapshot: &HealthSnapshot) -> Value {
    let channels = channels(&snapshot.accounts);
    let recent = |of: Option<&AgentId>| -> Vec<Value> {
        let rows = snapshot.recent.iter();
        rows.filter(|row| of.is_none_or(|agent| row.agent == agent.as_str()))
            .map(|row| json!({ "key": row.key, "updatedAt": row.updated_at_ms, "age": (snapshot.at_ms - row.updated_at_ms).max(0) }))
            .collect()
    };
    let sessions =
        json!({ "path": "torana.db", "count": snapshot.sessions, "recent": recent(None) });
    let agents: Vec<Value> = snapshot
        .agents
        .iter()
        .map(|agent| {
            let mut own = json!({
                "agentId": agent.id.as_str(),
                "isDefault": agent.is_default,
                "heartbeat": {
                    "enabled": false, "every": "disabled", "everyMs": null, "prompt": "", "target": "none", "ackMaxChars": 0,
                },
                // Counting per agent would read every row; the whole count stands below.
                "sessions": { "path": "torana.db", "count": if agent.is_default { snapshot.sessions } else { 0 }, "recent": recent(Some(&agent.id)) },
            });
            if !agent.name.is_empty() {
                own["name"] = json!(agent.name);
            }
            own
        })
        .collect();
    let parked: Vec<Value> = [
        failed("inbox", &snapshot.inbox),
        failed("outbox", &snapshot.outbox),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut value = json!({
        "ok": true,
        "ts": snapshot.at_ms,
        "durationMs": snapshot.duration_ms,
        "plugins": { "loaded": [], "errors": [], "unavailable": [] },
        "configReload": { "hotReloadStatus": "active" },
        "channels": channels.summaries,
        "channelOrder": channels.order,
        "channelLabels": channels.labels,
        // No scheduler runs yet, so no heartbeat does (decisions-control-and-agents 34).
        "heartbeatSeconds": 0,
        "agents": agents,
        "sessions": sessions,
    });
    if let Some(default) = snapshot.agents.iter().find(|agent| agent.is_default) {
        value["defaultAgentId"] = json!(default.id.as_str());
    }
    if !parked.is_empty() {
        value["deliveryQueues"] = json!({ "failed": parked });
    }
    value
}
