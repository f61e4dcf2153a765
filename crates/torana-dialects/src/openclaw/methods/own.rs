//! What only Torana has, under `torana.`.

use serde_json::{Value, json};
use torana_core::id::InboxId;
use torana_engine::Phase;
use torana_engine::service::health::Census;
use torana_engine::service::journal::{self, Which};

use super::system::state_word;
use super::{Answer, Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::journal as shown;

/// Rows of a list when no limit is asked for.
const LIST_LIMIT_DEFAULT: usize = 100;

fn census(rows: &[Census]) -> Value {
    let entry = |row: &Census| json!({ "state": row.state, "count": row.count, "oldestAt": row.oldest_at_ms });
    rows.iter().map(entry).collect()
}

pub(super) fn status(call: Call) -> Running {
    Box::pin(async move {
        let context = call.gateway.context();
        let snapshot = call.gateway.health().snapshot().await?;
        let phase = match snapshot.phase {
            Phase::Starting => "starting",
            Phase::Accepting => "accepting",
            Phase::Draining => "draining",
        };
        let accounts: Vec<Value> = snapshot
            .accounts
            .iter()
            .map(|account| {
                let reason = match &account.state {
                    torana_core::event::AccountState::Failing(reason)
                    | torana_core::event::AccountState::Stopped(reason) => Some(reason.as_str()),
                    _ => None,
                };
                json!({
                    "channel": account.channel.as_str(), "account": account.account.as_str(),
                    "state": state_word(&account.state), "reason": reason, "mode": account.mode,
                    "username": account.identity.as_ref().and_then(|identity| identity.username.clone()),
                    "notices": account.identity.as_ref().map(|identity| identity.notices.clone()).unwrap_or_default(),
                    "lastInboundAt": account.last_inbound_ms, "lastAliveAt": account.last_alive_ms,
                })
            })
            .collect();
        let counters: serde_json::Map<String, Value> = call
            .engine()
            .bus()
            .counters()
            .values()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        Ok(Payload::of(&json!({
            "version": context.version,
            "phase": phase,
            "uptimeMs": call.gateway.uptime_ms(),
            "bootId": context.boot_id,
            "storageFull": snapshot.storage_full,
            "modelConfigured": snapshot.model_configured,
            "sessions": snapshot.sessions,
            "running": snapshot.running,
            "waiting": snapshot.waiting,
            "clients": call.gateway.clients(),
            "inbox": census(&snapshot.inbox),
            "outbox": census(&snapshot.outbox),
            "accounts": accounts,
            "counters": counters,
        })))
    })
}

pub(super) fn explain(call: Call) -> Running {
    Box::pin(async move {
        let which = match (call.params.int("id"), call.params.word("runId")) {
            (Some(id), _) => Which::Row(id),
            (None, Some(run_id)) => Which::Run(run_id.to_owned()),
            (None, None) => Which::Last,
        };
        let story = journal::explain(call.engine(), which).await?;
        let Some(story) = story else {
            return Err(WireError::invalid("no such message"));
        };
        Ok(Payload::of(&shown::story(&story)))
    })
}

fn limit(call: &Call) -> usize {
    call.params.count("limit").unwrap_or(LIST_LIMIT_DEFAULT)
}

pub(super) fn outbox(call: Call) -> Running {
    Box::pin(async move {
        let intents = journal::outbox_list(call.engine(), limit(&call)).await?;
        Ok(Payload::of(&shown::intents(&intents)))
    })
}

fn done(call: &Call) -> Answer {
    Ok(Payload::of(
        &json!({ "ok": true, "id": call.params.int("id") }),
    ))
}

pub(super) fn retry_intent(mut call: Call) -> Running {
    Box::pin(async move {
        let text = call.params.take_text("text");
        journal::outbox_retry(call.engine(), call.params.int("id").unwrap_or(0), text).await?;
        done(&call)
    })
}

pub(super) fn drop_intent(call: Call) -> Running {
    Box::pin(async move {
        journal::outbox_drop(call.engine(), call.params.int("id").unwrap_or(0)).await?;
        done(&call)
    })
}

pub(super) fn parked(call: Call) -> Running {
    Box::pin(async move {
        let rows = journal::parked(call.engine(), limit(&call)).await?;
        Ok(Payload::of(&shown::messages(&rows)))
    })
}

pub(super) fn retry_inbox(call: Call) -> Running {
    Box::pin(async move {
        call.engine()
            .retry_inbox(InboxId(call.params.int("id").unwrap_or(0)))
            .await?;
        done(&call)
    })
}

pub(super) fn login(call: Call) -> Running {
    Box::pin(async move {
        let code = call.gateway.issue_login();
        Ok(Payload::of(
            &json!({ "code": code.code, "expiresAtMs": code.expires_at_ms }),
        ))
    })
}

pub(super) fn offers(call: Call) -> Running {
    Box::pin(async move {
        let probe = call.params.flag("probe").unwrap_or(false);
        let offers = call.gateway.context().host.offers(probe).await;
        Ok(Payload::of(&json!({ "offers": offers })))
    })
}

pub(super) fn stop(call: Call) -> Running {
    Box::pin(async move {
        let reason = call.params.word("reason").unwrap_or("asked by a client");
        call.gateway.context().host.stop(reason);
        Ok(Payload::of(&json!({ "ok": true })))
    })
}
