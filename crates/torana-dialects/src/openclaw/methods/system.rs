//! Health, status, presence, logs.

use serde_json::{Value, json};
use torana_engine::service::presence::PresenceEntry;

use super::{Answer, Call, Running};
use crate::context::LogsRequest;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::{health as cache, hello, quirks};

/// Lines of a log page when no limit is asked for (OpenClaw 2026.9.6).
const LOG_LINES_DEFAULT: usize = 500;
/// Bytes of a log page when no limit is asked for (OpenClaw 2026.9.6).
const LOG_BYTES_DEFAULT: usize = 250_000;

pub(super) fn health(call: Call) -> Running {
    Box::pin(async move {
        let health = call.gateway.health();
        // A probe wants to know how it is now, not how it was a second ago.
        let payload = match call.params.flag("probe") {
            Some(true) if call.client.reads() => health.look().await?,
            _ => health.get().await?,
        };
        Ok(if call.client.reads() {
            payload.full.clone()
        } else {
            payload.reduced.clone()
        })
    })
}

pub(super) fn status(call: Call) -> Running {
    Box::pin(async move { full_status(&call).await })
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
        .map(|row| {
            let limit = agent.map_or(0, |agent| agent.context_tokens);
            json!({
                "agentId": row.agent, "key": row.key, "kind": row.chat_type.as_deref().unwrap_or("direct"),
                "sessionId": row.session_id, "updatedAt": row.updated_at_ms,
                "age": snapshot.at_ms.saturating_sub(row.updated_at_ms).max(0), "totalTokens": row.context_tokens,
                "totalTokensFresh": row.context_tokens > 0, "contextTokens": limit,
                "model": row.last_model.clone().or_else(|| model.as_ref().map(|model| model.model.clone())),
                "flags": [],
            })
        })
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
            &entries.iter().map(hello::presence).collect::<Vec<_>>(),
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
        Ok(Payload::of(&json!({
            "file": page.file, "cursor": page.cursor, "size": page.size, "lines": lines,
            "truncated": page.truncated, "reset": page.reset,
        })))
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
    json!({
        "0": json!({ "subsystem": subsystem }).to_string(),
        "1": format!("{message}{extras}"),
        "_meta": { "logLevelName": level, "date": time },
        "time": time,
    })
    .to_string()
}

/// A moment as `2026-09-23T16:33:12.144Z`.
pub(super) fn rfc3339(at_ms: i64) -> String {
    // Civil date from days, after Howard Hinnant's `civil_from_days`; shifting the era keeps every step positive.
    let (days, rest_ms) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let seconds = rest_ms / 1_000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        rest_ms % 1_000
    )
}
