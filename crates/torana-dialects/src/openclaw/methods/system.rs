//! Health, status, presence, logs.

use serde_json::{Value, json};
use torana_core::id::AgentId;
use torana_engine::Settings;
use torana_engine::service::presence::PresenceEntry;
use torana_engine::store::session::SessionRow;

use super::{Answer, Call, Running, channels};
use crate::context::LogsRequest;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::openclaw::{health as cache, presence, quirks};

/// Lines of a log page when no limit is asked for (OpenClaw 2026.9.6).
const LOG_LINES_DEFAULT: usize = 500;
/// Bytes of a log page when no limit is asked for (OpenClaw 2026.9.6).
const LOG_BYTES_DEFAULT: usize = 250_000;

pub(super) fn health(call: Call) -> Running {
    Box::pin(async move {
        if !call.client.reads() {
            return Ok(call.gateway.health().get().await?.reduced.clone());
        }
        if call.params.flag("probe") == Some(true) {
            return probed(&call).await;
        }
        Ok(call.gateway.health().get().await?.full.clone())
    })
}

/// How it is now, not how it was a second ago, and what the platforms say of each account.
async fn probed(call: &Call) -> Answer {
    let looked = call.gateway.health().look().await?;
    let accounts = call.engine().accounts();
    if accounts.is_empty() {
        return Ok(looked.full.clone());
    }
    let probes = channels::probes(call, &accounts).await;
    let mut answer: Value = serde_json::from_slice(&looked.full.0)
        .map_err(|_| WireError::new(UNAVAILABLE, "the health of this gateway cannot be read"))?;
    let defaults = cache::channels(&accounts).defaults;
    for (status, probe) in accounts.iter().zip(&probes) {
        let (channel, account) = (status.channel.as_str(), status.account.as_str());
        let mut entry = cache::account(status);
        if let Some(probe) = probe {
            channels::tell_probe(&mut entry, probe);
        }
        let summary = &mut answer["channels"][channel];
        if let (Some(probe), Some(default)) = (probe, defaults.get(channel))
            && default.as_str() == Some(account)
        {
            channels::tell_probe(summary, probe);
        }
        summary["accounts"][account] = entry;
    }
    Ok(Payload::of(&answer))
}

pub(super) fn status(call: Call) -> Running {
    Box::pin(async move { full_status(&call).await })
}

/// A session as the status tables of the command lines print it.
fn recent_session(settings: &Settings, row: &SessionRow, now_ms: i64) -> Value {
    let agent = AgentId::new(&row.agent)
        .ok()
        .and_then(|id| settings.agents.get(&id));
    let configured = || Some(agent?.model.as_ref()?.model.clone());
    let limit = agent.map_or(0, |agent| agent.context_tokens);
    let (used, limit) = (row.context_tokens, i64::try_from(limit).unwrap_or(i64::MAX));
    let mut flags = Vec::new();
    if let Some(level) = &row.thinking {
        flags.push(format!("think:{level}"));
    }
    if let Some(level) = &row.manner.verbose {
        flags.push(format!("verbose:{level}"));
    }
    let mut value = json!({
        "agentId": row.agent, "key": row.key, "kind": row.chat_type.as_deref().unwrap_or("direct"),
        "sessionId": row.session_id, "updatedAt": row.updated_at_ms, "age": now_ms.saturating_sub(row.updated_at_ms).max(0),
        "inputTokens": row.usage.input, "outputTokens": row.usage.output, "totalTokens": used,
        "totalTokensFresh": used > 0, "contextTokens": limit,
        "model": row.last_model.clone().or_else(configured), "flags": flags,
    });
    if used > 0 && limit > 0 {
        value["remainingTokens"] = json!(limit.saturating_sub(used).max(0));
        value["percentUsed"] = json!(used.saturating_mul(100) / limit);
    }
    if let Some(level) = &row.thinking {
        value["thinkingLevel"] = json!(level);
    }
    value
}

async fn full_status(call: &Call) -> Answer {
    let snapshot = call.gateway.health().snapshot().await?;
    let engine = call.engine();
    let settings = engine.settings();
    let default = snapshot
        .agents
        .iter()
        .find(|agent| agent.is_default)
        .or(snapshot.agents.first());
    let default_id = default.map_or("main", |agent| agent.id.as_str());
    let agent = settings
        .default_agent()
        .and_then(|agent| settings.agents.get(agent));
    let model = agent.and_then(|agent| agent.model.clone());
    let recent: Vec<Value> = snapshot
        .recent
        .iter()
        .map(|row| recent_session(&settings, row, snapshot.at_ms))
        .collect();
    let heartbeat: Vec<Value> = snapshot
        .agents
        .iter()
        .map(|agent| json!({ "agentId": agent.id.as_str(), "enabled": false, "every": "disabled", "everyMs": null }))
        .collect();
    let summary: Vec<String> = snapshot
        .accounts
        .iter()
        .map(|account| {
            format!(
                "{} {}: {}",
                cache::label(account.channel.as_str()),
                account.account,
                state_word(&account.state)
            )
        })
        .collect();
    // Background tasks come with sub-agents; clients print the counts, so they are all there.
    let none = json!({
        "total": 0, "active": 0, "terminal": 0, "failures": 0,
        "byStatus": { "queued": 0, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "lost": 0 },
        "byRuntime": { "subagent": 0, "acp": 0, "cli": 0, "cron": 0 },
    });
    let audit = json!({
        "total": 0, "warnings": 0, "errors": 0,
        "byCode": {
            "stale_queued": 0, "stale_running": 0, "lost": 0, "delivery_failed": 0, "missing_cleanup": 0,
            "inconsistent_timestamps": 0,
        },
    });
    Ok(Payload::of(&json!({
        "runtimeVersion": quirks::COMPATIBLE_RELEASE,
        "heartbeat": { "defaultAgentId": default_id, "agents": heartbeat },
        "channelSummary": summary,
        "queuedSystemEvents": [],
        "degradedSecretOwners": [],
        "degradedPlugins": [],
        "tasks": none,
        "taskAudit": audit,
        "sessions": {
            "paths": [],
            "count": snapshot.sessions,
            "defaults": {
                "model": model.map(|model| model.model), "contextTokens": agent.map_or(0, |agent| agent.context_tokens),
            },
            "recent": recent,
            "byAgent": [{ "agentId": default_id, "path": "torana.db", "count": snapshot.sessions, "recent": recent }],
        },
    })))
}

/// An account's state in one word.
pub(super) fn state_word(state: &torana_core::event::AccountState) -> &'static str {
    use torana_core::event::AccountState;
    match state {
        AccountState::Starting => "starting",
        AccountState::Running => "running",
        AccountState::Failing(_) => "failing",
        AccountState::Stopped(_) => "stopped",
    }
}

pub(super) fn presence(call: Call) -> Running {
    Box::pin(async move {
        let (_, entries) = call.gateway.presence().snapshot();
        Ok(Payload::of(
            &entries.iter().map(presence::told).collect::<Vec<_>>(),
        ))
    })
}

pub(super) fn event(call: Call) -> Running {
    Box::pin(async move {
        let params = &call.params;
        let word = |name: &str| {
            params
                .word(name)
                .map(|text| text.chars().take(200).collect::<String>())
        };
        let text = word("text").ok_or_else(|| WireError::invalid("text required"))?;
        let name = word("instanceId")
            .or_else(|| word("host"))
            .unwrap_or_else(|| text.clone());
        let entry = PresenceEntry {
            host: word("host"),
            ip: word("ip"),
            version: word("version"),
            platform: word("platform"),
            device_family: word("deviceFamily"),
            mode: word("mode"),
            reason: word("reason"),
            instance_id: word("instanceId"),
            text: Some(text),
            tags: params.texts("tags").into_iter().take(16).collect(),
            ..PresenceEntry::default()
        };
        call.gateway.presence().report(name, entry);
        Ok(Payload::of(&json!({ "ok": true })))
    })
}

pub(super) fn last_heartbeat(_call: Call) -> Running {
    Box::pin(async move { Ok(Payload::of(&Value::Null)) })
}

pub(super) fn logs(call: Call) -> Running {
    Box::pin(async move {
        let params = &call.params;
        let request = LogsRequest {
            cursor: params
                .int("cursor")
                .and_then(|cursor| u64::try_from(cursor).ok()),
            limit: params.count("limit").unwrap_or(LOG_LINES_DEFAULT),
            max_bytes: params.count("maxBytes").unwrap_or(LOG_BYTES_DEFAULT),
        };
        let page = call.gateway.context().host.logs(request).await?;
        let lines: Vec<String> = page.lines.iter().map(|line| log_line(line)).collect();
        let mut answer = json!({
            "file": page.file, "cursor": page.cursor, "size": page.size, "lines": lines,
            "truncated": page.truncated, "reset": page.reset,
        });
        if let Some(bytes) = page.skipped_bytes {
            answer["skippedBytes"] = json!(bytes);
        }
        Ok(Payload::of(&answer))
    })
}

/// One of our log lines in the record shape that the original's command line reads.
fn log_line(line: &str) -> String {
    let Ok(Value::Object(record)) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let word = |name: &str| record.get(name).and_then(Value::as_str);
    let fields = record.get("fields");
    let message = word("message")
        .or_else(|| fields.and_then(|fields| fields["message"].as_str()))
        .unwrap_or_default();
    let time = word("time")
        .or_else(|| word("timestamp"))
        .unwrap_or_default();
    let level = word("level").unwrap_or("INFO").to_uppercase();
    let subsystem = word("target").unwrap_or("gateway");
    // The other fields stay readable behind the message.
    let skipped = [
        "message",
        "time",
        "timestamp",
        "level",
        "target",
        "fields",
        "span",
        "spans",
    ];
    let own = record
        .iter()
        .filter(|(name, _)| !skipped.contains(&name.as_str()));
    let nested = fields
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.as_str() != "message");
    let extras: String = own
        .chain(nested)
        .map(|(name, value)| {
            value.as_str().map_or_else(
                || format!(" {name}={value}"),
                |text| format!(" {name}={text}"),
            )
        })
        .collect();
    let name = json!({ "subsystem": subsystem }).to_string();
    let message = format!("{message}{extras}");
    // Quirk: the command line reads the numbered parts, the page the named ones (2026.9.6).
    json!({
        "0": name,
        "1": message,
        "_meta": { "logLevelName": level, "date": time, "name": name },
        "time": time,
        "message": message,
    })
    .to_string()
}
