//! `torana status --all`: machine, configuration, models, what waits for a person, and the last warnings.

use serde_json::{Value, json};

use crate::cli::args::Level;
use crate::cli::command::operate::if_offered;
use crate::cli::command::{approvals, logs};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::{Client, method};
use crate::cli::words::{bytes, count, items_of, number_of, plain, text_of};
use crate::configuration;

/// Lines of the log that are looked through, and warnings of them that are shown.
const LINES_MAX: usize = 1_000;
const WARNINGS_MAX: usize = 10;

/// Asks for what the short form leaves out.
pub(super) async fn gather(invocation: &Invocation, client: &mut Client) -> Result<Value, Failure> {
    let machine = if_offered(client, method::SYSTEM_INFO, json!({})).await?;
    let models = if_offered(client, method::MODELS_AUTH_STATUS, json!({})).await?;
    let devices = client.call(method::DEVICES_LIST, json!({})).await?;
    let nodes = client.call(method::NODE_LIST, json!({})).await?;
    let offers = client.call(method::NODE_PAIR_LIST, json!({})).await?;
    let strangers = if_offered(client, method::PAIRING_LIST, json!({})).await?;
    let approvals = approvals::waiting(client).await?;
    let log = client
        .call(method::LOGS_TAIL, json!({ "limit": LINES_MAX }))
        .await?;
    let is_connected = |node: &&Value| node["connected"].as_bool() == Some(true);
    let nodes = items_of(&nodes, "nodes");
    Ok(json!({
        "machine": machine,
        "config": config(invocation),
        "models": models["providers"],
        "nodes": { "known": nodes.len(), "connected": nodes.iter().filter(is_connected).count() },
        "waiting": {
            "devices": items_of(&devices, "pending").len(), "nodes": items_of(&offers, "pending").len(),
            "strangers": items_of(&strangers, "requests").len(), "approvals": approvals.len(),
        },
        "warnings": warnings(&log),
    }))
}

/// The configuration of this machine; that of a gateway elsewhere is not ours to judge.
fn config(invocation: &Invocation) -> Value {
    if invocation.is_elsewhere() {
        return Value::Null;
    }
    let path = invocation.paths.config.to_string_lossy();
    match invocation.configuration() {
        Ok(read) => json!({
            "path": path, "exists": read.exists, "problems": read.loaded.problems.len(),
            "warnings": configuration::warnings(&read.loaded).count(), "refusals": read.loaded.refusals.len(),
        }),
        Err(failure) => json!({ "path": path, "error": failure.message }),
    }
}

/// The last grave lines, as people read them.
fn warnings(log: &Value) -> Vec<String> {
    let lines: Vec<String> = items_of(log, "lines")
        .iter()
        .filter_map(Value::as_str)
        .filter(|line| logs::passes(line, Some(Level::Warn)))
        .filter_map(|line| Some(logs::Line::read(line)?.shown()))
        .collect();
    let from = lines.len().saturating_sub(WARNINGS_MAX);
    lines.into_iter().skip(from).collect()
}

/// The sections, in words.
pub(super) fn shown(all: &Value, now_ms: i64) -> Vec<String> {
    let mut parts = vec![facts(machine(&all["machine"]).into_iter().chain([
        ("Config", config_words(&all["config"])),
        ("Nodes", nodes_words(&all["nodes"])),
        ("Waiting", waiting_words(&all["waiting"])),
    ]))];
    let models = items_of(all, "models").iter().map(|provider| {
        [
            text_of(provider, "provider").to_owned(),
            text_of(provider, "status").to_owned(),
        ]
    });
    if models.len() > 0 {
        parts.push(table(["model service", "key"], models));
    }
    let warnings: Vec<String> = items_of(all, "warnings").iter().map(plain).collect();
    if !warnings.is_empty() {
        parts.push(format!(
            "last warnings, at {}\n{}",
            torana_host::moment::rfc3339(now_ms),
            warnings.join("\n")
        ));
    }
    parts
}

fn machine(machine: &Value) -> Vec<(&'static str, String)> {
    if machine.is_null() {
        return Vec::new();
    }
    let size = |field: &str| {
        machine[field]
            .as_u64()
            .map_or_else(|| "unknown".to_owned(), bytes)
    };
    let own = machine["processMemory"]["rssBytes"].as_u64();
    vec![
        ("System", text_of(machine, "osLabel").to_owned()),
        ("Process", plain(&machine["pid"])),
        (
            "Memory",
            format!(
                "{} of its own, {} of {} free",
                own.map_or_else(|| "unknown".to_owned(), bytes),
                size("memoryFreeBytes"),
                size("memoryTotalBytes")
            ),
        ),
        (
            "Disk",
            format!(
                "{} of {} free",
                size("diskAvailableBytes"),
                size("diskTotalBytes")
            ),
        ),
    ]
}

fn config_words(config: &Value) -> String {
    let number = |field: &str| number_of(config, field).unwrap_or(0);
    match (config.is_null(), text_of(config, "error")) {
        (true, _) => "that of a gateway elsewhere".to_owned(),
        (_, error) if !error.is_empty() => error.to_owned(),
        _ => format!(
            "{} ({}, {}, {} off)",
            text_of(config, "path"),
            count(number("problems"), "problem"),
            count(number("warnings"), "warning"),
            count(number("refusals"), "part"),
        ),
    }
}

fn nodes_words(nodes: &Value) -> String {
    let number = |field: &str| number_of(nodes, field).unwrap_or(0);
    format!("{} of {} connected", number("connected"), number("known"))
}

fn waiting_words(waiting: &Value) -> String {
    let kinds = [
        ("devices", "device"),
        ("nodes", "node"),
        ("strangers", "stranger"),
        ("approvals", "approval"),
    ];
    let some: Vec<String> = kinds
        .into_iter()
        .filter_map(|(field, one)| {
            Some(count(
                number_of(waiting, field).filter(|number| *number > 0)?,
                one,
            ))
        })
        .collect();
    if some.is_empty() {
        "nobody waits for a person".to_owned()
    } else {
        some.join(", ")
    }
}
