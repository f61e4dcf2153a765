//! The gateway as a process on a machine: identity, diagnostics, wake-ups.

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use torana_core::auth::Scope;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::problem::{Code, Problem};
use torana_engine::store::inbox::ClientInput;
use torana_engine::{ClientTurn, Engine, Phase};

use super::chat::session_of;
use super::{Answer, Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;

/// Events of a diagnostics answer when no limit is asked for (OpenClaw 2026.9.6).
const EVENTS_DEFAULT: usize = 50;
/// Characters of a wake-up: it becomes part of a prompt.
const WAKE_CHARS_MAX: usize = 16_000;

pub(super) fn info(call: Call) -> Running {
    Box::pin(async move {
        let context = call.gateway.context();
        let machine = context.host.site().machine();
        let mut value = json!({
            "machineName": machine.hostname,
            "hostname": machine.hostname,
            "platform": machine.platform,
            "release": machine.release,
            "arch": machine.arch,
            "osLabel": machine.system,
            "port": context.front.load().port,
            // No Node runs here; the field must be there, so it says what does.
            "nodeVersion": format!("torana {}", context.version),
            "pid": machine.pid,
            "processInstanceId": context.boot_id,
            "uptimeMs": call.gateway.uptime_ms(),
            "cpuCount": machine.processors,
            "memoryTotalBytes": machine.memory_total,
            "memoryFreeBytes": machine.memory_free,
        });
        if let Some(processor) = &machine.processor {
            value["cpuModel"] = json!(processor);
        }
        if let Some(load) = machine.load {
            value["loadAverage"] = json!(load);
        }
        if let Some(bytes) = machine.process_memory {
            // There is no JavaScript heap, so its figures are truly zero.
            value["processMemory"] = json!({
                "rssBytes": bytes, "heapUsedBytes": 0, "heapTotalBytes": 0, "externalBytes": 0, "arrayBuffersBytes": 0,
            });
        }
        if let (Some(total), Some(free)) = (machine.disk_total, machine.disk_free) {
            let path = context.state_dir.display().to_string();
            value["disks"] = json!([{ "path": path, "totalBytes": total, "availableBytes": free }]);
            value["diskTotalBytes"] = json!(total);
            value["diskAvailableBytes"] = json!(free);
            value["diskPath"] = json!(path);
        }
        Ok(Payload::of(&value))
    })
}

/// The gateway's own key pair is derived from the install key, so it needs no file and never changes.
pub(super) fn identity(call: Call) -> Running {
    Box::pin(async move {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&call.gateway.context().install_key)
                .expect("a key of any length is accepted");
        mac.update(b"torana gateway identity v1");
        let seed: [u8; 32] = mac.finalize().into_bytes().into();
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        let id = Sha256::digest(public.as_bytes())
            .iter()
            .fold(String::with_capacity(64), |text, byte| {
                text + &format!("{byte:02x}")
            });
        let encoder = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        Ok(Payload::of(&json!({
            "deviceId": id, "publicKey": encoder.encode(public.as_bytes()),
        })))
    })
}

pub(super) fn lanes(call: Call) -> Running {
    Box::pin(async move {
        let engine = call.engine();
        let (running, waiting) = engine.load();
        Ok(Payload::of(&json!({
            "ts": call.now_ms(),
            "lanes": [{
                "lane": "main", "queuedCount": waiting, "activeCount": running,
                "maxConcurrent": engine.settings().runs_max, "draining": engine.phase() == Phase::Draining,
                "generation": 0, "blockedBy": null,
            }],
            "dynamic": null,
        })))
    })
}

pub(super) fn recent(call: Call) -> Running {
    Box::pin(async move {
        let limit = call.params.count("limit").unwrap_or(EVENTS_DEFAULT);
        let since = call
            .params
            .int("sinceSeq")
            .and_then(|sequence| u64::try_from(sequence).ok());
        let page = call
            .gateway
            .stability()
            .page(limit, call.params.word("type"), since);
        Ok(Payload::of(&page.told(call.now_ms())))
    })
}

pub(super) fn update_status(_call: Call) -> Running {
    Box::pin(async move {
        // Torana does not update itself; the package manager or the container does.
        Ok(Payload::of(&json!({
            "sentinel": null,
            "updateAvailable": null,
            "effectiveChannel": "stable",
            "schedule": { "channel": "stable", "autoEnabled": false, "install": { "kind": "package" } },
        })))
    })
}

pub(super) fn wake(call: Call) -> Running {
    Box::pin(async move { woken(call).await })
}

/// A line for the agent: a turn of its own now, or a remark before its next one.
async fn woken(call: Call) -> Answer {
    let engine = call.engine();
    let key = session_of(&call, "sessionKey")?;
    engine.agent_of(&key)?;
    let text = call.params.word("text").unwrap_or_default();
    if text.chars().count() > WAKE_CHARS_MAX {
        return Err(WireError::invalid(format!(
            "the text is longer than {WAKE_CHARS_MAX} characters"
        )));
    }
    if call.params.word("mode") == Some("now") {
        let input = ClientInput {
            text: format!("[System event] {text}"),
            owner: call.scopes().allows(Scope::Admin),
            ..ClientInput::default()
        };
        let turn = ClientTurn {
            method: "wake",
            session: key,
            key: engine.world().uuid(),
            input,
            origin: Some(call.client.id),
        };
        engine.submit(turn).await?;
    } else {
        remark(engine, &key, text).await?;
    }
    Ok(Payload::of(&json!({ "ok": true })))
}

/// No heartbeat runs, so the line becomes part of the transcript, which the next turn reads.
pub(super) async fn remark(engine: &Engine, key: &SessionKey, text: &str) -> Result<(), Problem> {
    let line = || {
        let label = Some("System event".to_owned());
        engine.inject(key, format!("[System event] {text}"), label)
    };
    match line().await {
        Err(problem) if problem.code == Code::SessionNotFound => {
            engine.reset_session(key, "new").await?;
            line().await?;
        }
        outcome => {
            outcome?;
        }
    }
    Ok(())
}

pub(super) fn environments(call: Call) -> Running {
    Box::pin(async move {
        let platform = call.gateway.context().host.site().machine().platform;
        Ok(Payload::of(&json!({
            "environments": [{
                "id": "gateway", "type": "local", "label": "Gateway local", "status": "available",
                "platform": platform, "sessionHost": true, "trust": "persistent",
                "capabilities": ["agent.run", "sessions", "workspace"],
            }],
        })))
    })
}

/// A question about one runtime needs more than reading (OpenClaw 2026.9.6).
pub(super) fn scope_of_environments(params: &Value) -> Scope {
    if params.get("runtimeId").is_some() {
        Scope::Write
    } else {
        Scope::Read
    }
}

pub(super) fn projects(call: Call) -> Running {
    Box::pin(async move {
        let site = call.gateway.context().host.site();
        let projects: Vec<Value> = call
            .engine()
            .settings()
            .agents
            .keys()
            .map(|agent| {
                let folder = site.workspace(agent.as_str());
                let name = folder.file_name().map_or_else(
                    || agent.to_string(),
                    |name| name.to_string_lossy().into_owned(),
                );
                json!({
                    "id": format!("workspace:{agent}"), "displayName": name,
                    "repoRoot": folder.display().to_string(), "source": "workspace", "agentId": agent.as_str(),
                })
            })
            .collect();
        Ok(Payload::of(&json!({ "projects": projects, "recents": [] })))
    })
}

/// The agent a page asks about, or the default one.
fn agent_of(call: &Call) -> Result<AgentId, WireError> {
    let engine = call.engine();
    let key = match call.params.word("agentId") {
        Some(agent) => engine.parse_key(&format!("agent:{agent}:main"))?,
        None => engine.parse_key("main")?,
    };
    Ok(engine.agent_of(&key)?)
}

pub(super) fn skills(call: Call) -> Running {
    Box::pin(async move {
        let agent = agent_of(&call)?;
        let context = call.gateway.context();
        Ok(Payload::of(&json!({
            "workspaceDir": context.host.site().workspace(agent.as_str()).display().to_string(),
            "managedSkillsDir": context.state_dir.join("skills").display().to_string(),
            "agentId": agent.as_str(),
            "skills": [],
        })))
    })
}

pub(super) fn hooks(call: Call) -> Running {
    Box::pin(async move {
        let agent = agent_of(&call)?;
        let context = call.gateway.context();
        Ok(Payload::of(&json!({
            "workspaceDir": context.host.site().workspace(agent.as_str()).display().to_string(),
            "managedHooksDir": context.state_dir.join("hooks").display().to_string(),
            "hooks": [],
        })))
    })
}

pub(super) fn tools(call: Call) -> Running {
    Box::pin(async move {
        let agent = agent_of(&call)?;
        let profiles = [
            ("minimal", "Minimal"),
            ("coding", "Coding"),
            ("messaging", "Messaging"),
            ("full", "Full"),
        ]
        .map(|(id, label)| json!({ "id": id, "label": label }));
        Ok(Payload::of(
            &json!({ "agentId": agent.as_str(), "profiles": profiles, "groups": [] }),
        ))
    })
}

pub(super) fn tools_now(call: Call) -> Running {
    Box::pin(async move {
        let engine = call.engine();
        let agent = engine.agent_of(&session_of(&call, "sessionKey")?)?;
        Ok(Payload::of(
            &json!({ "agentId": agent.as_str(), "profile": "full", "groups": [] }),
        ))
    })
}

pub(super) fn tool(call: Call) -> Running {
    Box::pin(async move {
        let name: String = call
            .params
            .word("name")
            .unwrap_or_default()
            .chars()
            .take(64)
            .collect();
        Ok(Payload::of(&json!({
            "ok": false, "toolName": name,
            "error": { "code": "not_found", "message": format!("Tool not available: {name}") },
        })))
    })
}

pub(super) fn commands(call: Call) -> Running {
    Box::pin(async move {
        use torana_core::command::COMMANDS;
        if call.params.word("agentId").is_some() {
            agent_of(&call)?;
        }
        let with_args = call.params.flag("includeArgs").unwrap_or(true);
        let list: Vec<Value> = COMMANDS
            .iter()
            .map(|command| {
                let aliases: Vec<String> = std::iter::once(&command.name)
                    .chain(command.aliases)
                    .map(|name| format!("/{name}"))
                    .collect();
                let takes = command.usage.contains(' ');
                let mut value = json!({
                    "name": command.name, "nativeName": command.name, "textAliases": aliases,
                    "description": command.summary, "category": category(command.name), "source": "native",
                    "scope": "both", "acceptsArgs": takes,
                });
                if takes && with_args {
                    let usage = command.usage.split_once(' ').map_or("", |(_, rest)| rest);
                    let mut argument =
                        json!({ "name": "args", "description": usage, "type": "string" });
                    if let Some(words) = choices(usage) {
                        argument["choices"] = json!(words);
                    }
                    value["args"] = json!([argument]);
                }
                value
            })
            .collect();
        Ok(Payload::of(&json!({ "commands": list })))
    })
}

/// The words a command takes first, where it takes no others: pages offer them.
fn choices(usage: &str) -> Option<Vec<Value>> {
    let (words, _) = usage.strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = words.split('|').collect();
    let is_list = words.len() > 1 && !words.contains(&"name");
    is_list.then(|| {
        let choice = |word: &&str| json!({ "value": word, "label": word });
        words.iter().map(choice).collect()
    })
}

fn category(name: &str) -> &'static str {
    match name {
        "new" | "reset" | "stop" => "session",
        "model" | "models" | "queue" | "think" | "verbose" | "reasoning" | "usage" | "send"
        | "activation" => "options",
        _ => "status",
    }
}
