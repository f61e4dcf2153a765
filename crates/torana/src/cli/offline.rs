//! The store without a gateway (decision 52): under the same lock, through the same engine, without starting anything.
//!
//! Answers have the shape of the gateway's own, so commands print both alike. Work that an approval or a retry puts
//! into the journals waits there: nothing is run here, and the next start takes it up.

use std::sync::Arc;

use serde_json::{Value, json};
use torana_agents::builtin::BuiltinBackend;
use torana_core::config::Config;
use torana_core::id::{InboxId, IntentId};
use torana_core::run::Role;
use torana_dialects::openclaw::journal as shown;
use torana_engine::service::history::{self, HistoryPage};
use torana_engine::service::journal::{self, Which as StoredWhich};
use torana_engine::service::{pairing, sessions};
use torana_engine::store::OpenError;
use torana_engine::store::session::{Archived, Filter, SessionRow};
use torana_engine::{Bus, Engine, Store};
use torana_host::egress::Egress;
use torana_host::lock::StateLock;
use torana_host::moment::rfc3339;

use super::failure::{Exit, Failure};
use super::invocation::Invocation;
use super::which::Which;
use crate::compose;

/// Bytes of history read for one page; a terminal shows far less.
const HISTORY_BYTES_MAX: usize = 1024 * 1024;

/// The store of a gateway that does not run. Dropping it releases the lock.
pub(crate) struct Offline {
    engine: Engine,
    _lock: StateLock,
}

// === impl Offline ===

impl Offline {
    /// Locks the state directory and opens its store. Without a store there is nothing to look at.
    pub(crate) async fn open(invocation: &Invocation) -> Result<Self, Failure> {
        let paths = &invocation.paths;
        if !paths.database().exists() {
            return Err(Failure::not_running());
        }
        if torana_host::files::is_empty(&paths.database()) {
            return Err(OpenError::Damaged("the file is empty".to_owned()).into());
        }
        let lock = StateLock::acquire(&paths.state, invocation.world.wall_ms())?;
        let store = Store::open(torana_engine::store::Options::new(paths.database()))?;
        // A file that is wrong must not keep people from their messages: without it the defaults name sessions.
        let config = invocation
            .configuration()
            .ok()
            .and_then(|configuration| configuration.loaded.config)
            .unwrap_or_default();
        let settings = settings(invocation, &config)?;
        let options = torana_engine::Options {
            store,
            world: invocation.world.clone(),
            settings,
            bus: Bus::default(),
        };
        Ok(Self {
            engine: Engine::open(options).await?,
            _lock: lock,
        })
    }

    /// As `sessions.list`.
    pub(crate) async fn sessions(
        &self,
        agent: Option<String>,
        search: Option<String>,
        active_since_ms: Option<i64>,
        limit: usize,
    ) -> Result<Value, Failure> {
        let filter = Filter {
            agents: agent.map(|agent| vec![agent]),
            search,
            archived: Archived::Shown,
            active_since_ms,
            limit,
            ..Filter::default()
        };
        let page = sessions::list(&self.engine, filter).await?;
        let rows: Vec<Value> = page
            .sessions
            .iter()
            .map(|view| session(&view.row))
            .collect();
        Ok(json!({ "count": rows.len(), "totalCount": page.total, "sessions": rows }))
    }

    /// As `chat.history`.
    pub(crate) async fn history(&self, key: &str, limit: usize) -> Result<Value, Failure> {
        let key = self.engine.parse_key(key)?;
        let page = history::read(
            &self.engine,
            &key,
            HistoryPage {
                limit,
                bytes_max: HISTORY_BYTES_MAX,
                ..HistoryPage::default()
            },
        )
        .await?;
        let messages: Vec<Value> = page
            .entries
            .iter()
            .map(|stored| {
                let role = match stored.entry.role {
                    Role::User => "user",
                    Role::Assistant | Role::System => "assistant",
                };
                json!({ "role": role, "content": stored.entry.text, "timestamp": stored.entry.at_ms })
            })
            .collect();
        Ok(json!({
            "sessionKey": key.as_str(),
            "messages": messages,
            "hasMore": page.has_more,
            "totalMessages": page.total,
            "sessionInfo": page.row.as_ref().map(session),
        }))
    }

    /// As `channels.pairing.list`.
    pub(crate) async fn pairing(&self, channel: Option<String>) -> Result<Value, Failure> {
        let list = pairing::list(&self.engine, channel, None).await?;
        let requests: Vec<Value> = list
            .waiting
            .iter()
            .map(|waiting| {
                let request = &waiting.request;
                json!({
                    "requestId": waiting.request_id, "channel": request.channel, "accountId": request.account,
                    "senderId": request.sender, "senderLabel": request.name.as_ref().unwrap_or(&request.sender),
                    "metadata": { "code": request.code },
                    "createdAt": rfc3339(request.created_at_ms), "expiresAt": rfc3339(request.expires_at_ms),
                })
            })
            .collect();
        Ok(json!({ "requests": requests, "commandOwnerConfigured": list.owner_known }))
    }

    /// As `channels.pairing.approve`; the kept message is queued and answered after the next start.
    pub(crate) async fn approve(
        &self,
        channel: &str,
        account: Option<&str>,
        code: &str,
    ) -> Result<Value, Failure> {
        // A turn this queues is only spawned, and this thread's runtime ends before it could begin.
        let approved = self
            .engine
            .approve_pairing(channel, account, code, true)
            .await?;
        Ok(json!({
            "channel": approved.channel, "senderId": approved.sender,
            "senderLabel": approved.name.as_ref().unwrap_or(&approved.sender),
            "commandOwnerBootstrap": if approved.owner { "configured" } else { "not-requested" },
        }))
    }

    /// As `channels.pairing.deny`.
    pub(crate) async fn deny(
        &self,
        channel: &str,
        account: Option<&str>,
        code: &str,
    ) -> Result<Value, Failure> {
        let found = pairing::find(&self.engine, channel, account, code).await?;
        self.engine.deny_pairing(channel, account, code).await?;
        Ok(json!({ "senderId": found.map(|waiting| waiting.request.sender) }))
    }

    /// As `torana.outbox.list`.
    pub(crate) async fn outbox(&self, limit: usize) -> Result<Value, Failure> {
        let intents = journal::outbox_list(&self.engine, limit).await?;
        Ok(shown::intents(&intents))
    }

    /// As `torana.outbox.retry` and `torana.outbox.edit`.
    pub(crate) async fn retry_intent(
        &self,
        id: i64,
        text: Option<String>,
    ) -> Result<Value, Failure> {
        journal::outbox_retry(&self.engine, id, text).await?;
        Ok(json!({ "ok": true, "id": IntentId(id).0 }))
    }

    /// As `torana.outbox.drop`.
    pub(crate) async fn drop_intent(&self, id: i64) -> Result<Value, Failure> {
        journal::outbox_drop(&self.engine, id).await?;
        Ok(json!({ "ok": true, "id": id }))
    }

    /// As `torana.inbox.parked`.
    pub(crate) async fn parked(&self, limit: usize) -> Result<Value, Failure> {
        let rows = journal::parked(&self.engine, limit).await?;
        Ok(shown::messages(&rows))
    }

    /// As `torana.inbox.retry`; it is answered after the next start.
    pub(crate) async fn retry_message(&self, id: i64) -> Result<Value, Failure> {
        self.engine.retry_inbox(InboxId(id)).await?;
        Ok(json!({ "ok": true, "id": id }))
    }

    /// As `torana.explain`.
    pub(crate) async fn explain(&self, which: &Which) -> Result<Option<Value>, Failure> {
        let which = match which {
            Which::Last => StoredWhich::Last,
            Which::Row(id) => StoredWhich::Row(*id),
            Which::Run(id) => StoredWhich::Run(id.clone()),
        };
        let story = journal::explain(&self.engine, which).await?;
        Ok(story.as_ref().map(shown::story))
    }
}

/// The engine's settings, so that keys and policies mean what they mean to the gateway.
fn settings(invocation: &Invocation, config: &Config) -> Result<torana_engine::Settings, Failure> {
    let variables = invocation.variables();
    let builtin = compose::agents::builtin(config, &variables.merged());
    let (accounts, _) = compose::channels::accounts(config, &|name| variables.get(name));
    let backend = BuiltinBackend::new(invocation.world.clone(), Egress::default(), builtin.clone());
    compose::engine::settings(&compose::engine::Sources {
        config,
        backend: Arc::new(backend),
        builtin: &builtin,
        accounts: &accounts,
        notes: &|_| compose::workspace::Notes::default(),
    })
    .map_err(|message| Failure::new(Exit::Config, message))
}

fn session(row: &SessionRow) -> Value {
    json!({
        "key": row.key, "agentId": row.agent, "sessionId": row.session_id, "updatedAt": row.updated_at_ms,
        "createdAt": row.created_at_ms, "status": row.status, "label": row.label, "displayName": row.title,
        "derivedTitle": row.first_text, "channel": row.channel, "archived": row.archived, "pinned": row.pinned,
        "model": row.model.as_ref().or(row.last_model.as_ref()), "inputTokens": row.usage.input,
        "outputTokens": row.usage.output, "estimatedCostUsd": row.usage.cost_usd,
    })
}
