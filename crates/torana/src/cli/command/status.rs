//! `torana status` and `torana health`.

use serde_json::{Value, json};

use super::channels::PROBE_MS;
use super::gateway::connected_accounts;
use super::operate::if_offered;
use crate::cli::args::StatusFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::method;
use crate::cli::words::{age, count, items_of, number_of, plain, span, text_of, uptime, yes_or_no};

mod everything;

/// Sessions shown.
const RECENT_MAX: usize = 5;

/// Agents, channels, sessions and what waits; with `--all` everything somebody who helps would ask for.
pub(crate) async fn status(invocation: &mut Invocation, flags: StatusFlags) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let hello = client.hello().clone();
    let own = if_offered(&mut client, method::OWN_STATUS, json!({})).await?;
    let agents = client.call(method::AGENTS_LIST, json!({})).await?;
    let looks = flags.deep || flags.all;
    let looked = if looks {
        json!({ "probe": true, "timeoutMs": PROBE_MS })
    } else {
        json!({})
    };
    let channels = client.call(method::CHANNELS_STATUS, looked).await?;
    let sessions = client
        .call(
            method::SESSIONS_LIST,
            json!({ "limit": RECENT_MAX, "includeDerivedTitles": true }),
        )
        .await?;
    let mut value = json!({
        "uptimeMs": hello["snapshot"]["uptimeMs"], "version": env!("CARGO_PKG_VERSION"),
        "status": own, "agents": agents["agents"], "channels": channels["channelAccounts"], "sessions": sessions["sessions"],
    });
    if flags.usage {
        let params = flags
            .agent
            .as_ref()
            .map_or_else(|| json!({}), |agent| json!({ "agentId": agent }));
        value["usage"] = client.call(method::USAGE_STATUS, params).await?;
    }
    if flags.all {
        value["all"] = everything::gather(invocation, &mut client).await?;
    }
    client.close().await;
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&value, || {
        let uptime_ms = hello["snapshot"]["uptimeMs"].as_u64().unwrap_or(0);
        let mut parts = vec![summary(
            &own, &agents, &channels, &sessions, uptime_ms, now_ms,
        )];
        if flags.all {
            parts.extend(everything::shown(&value["all"], now_ms));
        }
        if looks {
            parts.push(super::channels::rows(&channels, now_ms));
        }
        if flags.usage {
            parts.push(quotas(&value["usage"], now_ms));
        }
        let recent = items_of(&sessions, "sessions");
        if !recent.is_empty() {
            parts.push(super::sessions::rows(recent, now_ms));
        }
        parts.join("\n\n")
    })
}

/// What is left of each service's quota.
fn quotas(usage: &Value, now_ms: i64) -> String {
    let rows: Vec<[String; 4]> = items_of(usage, "providers")
        .iter()
        .flat_map(|provider| {
            let name = text_of(provider, "displayName");
            let name = if name.is_empty() {
                text_of(provider, "provider")
            } else {
                name
            };
            items_of(provider, "windows").iter().map(move |window| {
                let left = window["usedPercent"]
                    .as_f64()
                    .map(|used| format!("{:.0}% left", (100.0 - used).clamp(0.0, 100.0)));
                let reset = number_of(window, "resetAt")
                    .map(|at_ms| span(at_ms.saturating_sub(now_ms).max(0).unsigned_abs() / 1_000));
                [
                    name.to_owned(),
                    text_of(window, "label").to_owned(),
                    left.unwrap_or_default(),
                    reset.unwrap_or_default(),
                ]
            })
        })
        .collect();
    if rows.is_empty() {
        return "no model service tells what is left of a quota".to_owned();
    }
    table(["service", "quota", "left", "new in"], rows)
}

fn summary(
    own: &Value,
    agents: &Value,
    channels: &Value,
    sessions: &Value,
    uptime_ms: u64,
    now_ms: i64,
) -> String {
    let names: Vec<String> = items_of(agents, "agents")
        .iter()
        .map(|agent| {
            let model = agent["model"]["primary"]
                .as_str()
                .unwrap_or("demo agent, no model configured");
            format!("{} ({model})", text_of(agent, "id"))
        })
        .collect();
    let (connected, configured) = connected_accounts(channels);
    let total = number_of(sessions, "totalCount")
        .or_else(|| number_of(sessions, "count"))
        .unwrap_or(0);
    let mut lines = vec![
        ("Gateway", format!("running for {}", uptime(uptime_ms))),
        ("Agents", names.join(", ")),
        (
            "Channels",
            if configured == 0 {
                "browser only".to_owned()
            } else {
                format!("{connected} of {configured} connected")
            },
        ),
        ("Sessions", total.to_string()),
        (
            "Lanes",
            format!(
                "{} running, {} waiting",
                count_of(own, "running"),
                count_of(own, "waiting")
            ),
        ),
        ("Inbox", journal(&own["inbox"], "message", now_ms)),
        ("Outbox", journal(&own["outbox"], "delivery", now_ms)),
    ];
    if own["storageFull"].as_bool() == Some(true) {
        lines.push((
            "Disk",
            "full: nothing new is accepted until there is space".to_owned(),
        ));
    }
    facts(lines)
}

fn count_of(own: &Value, field: &str) -> i64 {
    number_of(own, field)
        .or_else(|| number_of(&own["lanes"], field))
        .unwrap_or(0)
}

/// States of a journal, with the oldest row of each.
fn journal(census: &Value, one: &str, now_ms: i64) -> String {
    let states: Vec<String> = census
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| {
            let number = number_of(row, "count").filter(|number| *number > 0)?;
            let oldest = number_of(row, "oldestAtMs").or_else(|| number_of(row, "oldestAt"));
            let oldest = oldest
                .map(|at_ms| format!(", oldest {}", age(now_ms, at_ms)))
                .unwrap_or_default();
            Some(format!("{number} {}{oldest}", text_of(row, "state")))
        })
        .collect();
    if states.is_empty() {
        format!("no {one} waits")
    } else {
        states.join("; ")
    }
}

/// Asks the gateway whether all is well. Exit 1 when it says no.
pub(crate) async fn health(invocation: &mut Invocation) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let mut health = client.call(method::HEALTH, json!({})).await?;
    // The protocol's own answer knows no disk, and a gateway of another make knows no answer of ours.
    let own = client.call(method::OWN_STATUS, json!({})).await;
    client.close().await;
    let is_full = own.is_ok_and(|own| own["storageFull"].as_bool() == Some(true));
    if is_full {
        health["storageFull"] = json!(true);
    }
    let is_well = health["ok"].as_bool() == Some(true) && !is_full;
    invocation.output.either(&health, || {
        let verdict = match (is_well, is_full) {
            (true, _) => "healthy",
            (false, true) => {
                "not healthy: the disk is full, nothing new is accepted until there is space"
            }
            (false, false) => "not healthy",
        };
        let duration_ms = number_of(&health, "durationMs").unwrap_or(0);
        let mut text = format!("{verdict} ({duration_ms} ms)");
        let sessions = number_of(&health["sessions"], "count").unwrap_or(0);
        text.push_str(&format!(
            "\n{}, {}",
            count(
                i64::try_from(items_of(&health, "agents").len()).unwrap_or(0),
                "agent"
            ),
            count(sessions, "session")
        ));
        if let Some(channels) = health["channels"]
            .as_object()
            .filter(|channels| !channels.is_empty())
        {
            let rows = channels.iter().map(|(channel, state)| {
                let flag = |name: &str| state[name].as_bool().map(yes_or_no).unwrap_or_default();
                [
                    channel.clone(),
                    flag("configured").to_owned(),
                    flag("running").to_owned(),
                    state.get("lastError").map(plain).unwrap_or_default(),
                ]
            });
            text.push_str("\n\n");
            text.push_str(&table(
                ["channel", "configured", "running", "last error"],
                rows,
            ));
        }
        text
    })?;
    if is_well {
        Ok(())
    } else {
        Err(Failure::said(Exit::Failed))
    }
}
