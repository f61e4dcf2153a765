//! The host's policy document for commands, `exec-approvals.json`, in the form of OpenClaw 2026.9.6
//! (`ExecApprovalsFile`), so that its command line and its pages can edit it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The only version there is.
const VERSION: u64 = 1;
/// Agents in one document; hundreds of agents are the largest installations we plan for.
const AGENTS_MAX: usize = 4_096;
/// Entries of one agent's list; a person maintains it.
const ALLOWLIST_MAX: usize = 10_000;

/// Whether commands run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// None.
    Deny,
    /// Those of the list.
    Allowlist,
    /// All.
    Full,
}

/// When a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Always.
    Always,
    /// When the list has no entry.
    OnMiss,
    /// Never.
    Off,
}

/// What holds when nothing more is said (decisions-control-and-agents 43).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// Whether commands run.
    pub security: Security,
    /// When a person is asked.
    pub ask: Ask,
    /// What holds when nobody can be asked.
    pub ask_fallback: Security,
    /// Commands that belong to skills need no entry.
    pub auto_allow_skills: bool,
}

impl Default for Resolved {
    fn default() -> Self {
        Self {
            security: Security::Allowlist,
            ask: Ask::OnMiss,
            ask_fallback: Security::Deny,
            auto_allow_skills: false,
        }
    }
}

/// Why a document is refused: what and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct PolicyFault {
    /// Where, as a path of keys.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

fn fault(path: impl Into<String>, message: impl Into<String>) -> PolicyFault {
    PolicyFault {
        path: path.into(),
        message: message.into(),
    }
}

/// The document, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument(Map<String, Value>);

impl Default for PolicyDocument {
    fn default() -> Self {
        let empty = || Value::Object(Map::new());
        Self(Map::from_iter([
            ("version".to_owned(), VERSION.into()),
            ("defaults".to_owned(), empty()),
            ("agents".to_owned(), empty()),
        ]))
    }
}

impl PolicyDocument {
    /// Checks a document.
    pub fn new(value: Value) -> Result<Self, PolicyFault> {
        let Value::Object(map) = value else {
            return Err(fault("file", "must be an object"));
        };
        if map.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(fault("file.version", "must be 1"));
        }
        only(&map, "file", &["version", "socket", "defaults", "agents"])?;
        if let Some(defaults) = map.get("defaults") {
            let defaults = object(defaults, "file.defaults")?;
            only(defaults, "file.defaults", DEFAULT_KEYS)?;
            levels(defaults, "file.defaults")?;
        }
        if let Some(agents) = map.get("agents") {
            let agents = object(agents, "file.agents")?;
            if agents.len() > AGENTS_MAX {
                return Err(fault(
                    "file.agents",
                    format!("more than {AGENTS_MAX} agents"),
                ));
            }
            for (id, agent) in agents {
                let path = format!("file.agents.{id}");
                let agent = object(agent, &path)?;
                levels(agent, &path)?;
                allowlist(agent, &path)?;
            }
        }
        Ok(Self(map))
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, PolicyFault> {
        let value = serde_json::from_str(text).map_err(|error| fault("file", error.to_string()))?;
        Self::new(value)
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.0).expect("a JSON map is encodable");
        text.push('\n');
        text
    }

    /// What clients see: everything but the socket's secret.
    pub fn redacted(&self) -> Value {
        let mut map = self.0.clone();
        if let Some(Value::Object(socket)) = map.get_mut("socket") {
            socket.remove("token");
        }
        Value::Object(map)
    }

    /// Keeps the socket's secret of the stored document when a client, which never saw it, sends the rest back.
    #[must_use]
    pub fn keeping_secret_of(mut self, stored: &Self) -> Self {
        let token = stored
            .0
            .get("socket")
            .and_then(|socket| socket.get("token"));
        if let (Some(token), Some(Value::Object(socket))) = (token, self.0.get_mut("socket")) {
            socket.entry("token").or_insert_with(|| token.clone());
        }
        self
    }

    /// What holds for an agent without settings of its own.
    pub fn resolved(&self) -> Resolved {
        let mut resolved = Resolved::default();
        let Some(defaults) = self.0.get("defaults") else {
            return resolved;
        };
        let read = |name: &str| defaults.get(name).cloned().unwrap_or_default();
        if let Ok(security) = serde_json::from_value(read("security")) {
            resolved.security = security;
        }
        if let Ok(ask) = serde_json::from_value(read("ask")) {
            resolved.ask = ask;
        }
        if let Ok(fallback) = serde_json::from_value(read("askFallback")) {
            resolved.ask_fallback = fallback;
        }
        if let Some(auto) = defaults.get("autoAllowSkills").and_then(Value::as_bool) {
            resolved.auto_allow_skills = auto;
        }
        resolved
    }

    /// Names one state of the file, so that two editors notice one another.
    pub fn hash_of(text: Option<&str>) -> String {
        let digest = Sha256::digest(text.unwrap_or_default().as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

const DEFAULT_KEYS: &[&str] = &["security", "ask", "askFallback", "autoAllowSkills"];

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, PolicyFault> {
    value
        .as_object()
        .ok_or_else(|| fault(path, "must be an object"))
}

fn only(map: &Map<String, Value>, path: &str, known: &[&str]) -> Result<(), PolicyFault> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => {
            let key: String = key.chars().take(64).collect();
            Err(fault(
                format!("{path}.{key}"),
                format!("is unknown; there is {}", known.join(", ")),
            ))
        }
        None => Ok(()),
    }
}

/// Words for levels; a typo must not quietly mean something weaker.
fn levels(map: &Map<String, Value>, path: &str) -> Result<(), PolicyFault> {
    let securities = ["deny", "allowlist", "full"];
    for (name, words) in [
        ("security", &securities),
        ("ask", &["off", "on-miss", "always"]),
        ("askFallback", &securities),
    ] {
        let Some(value) = map.get(name) else { continue };
        if !value.as_str().is_some_and(|word| words.contains(&word)) {
            return Err(fault(
                format!("{path}.{name}"),
                format!("must be one of {}", words.join(", ")),
            ));
        }
    }
    match map.get("autoAllowSkills") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err(fault(
            format!("{path}.autoAllowSkills"),
            "must be true or false",
        )),
    }
}

fn allowlist(agent: &Map<String, Value>, path: &str) -> Result<(), PolicyFault> {
    let Some(list) = agent.get("allowlist") else {
        return Ok(());
    };
    let path = format!("{path}.allowlist");
    let list = list
        .as_array()
        .ok_or_else(|| fault(path.as_str(), "must be a list"))?;
    if list.len() > ALLOWLIST_MAX {
        return Err(fault(path, format!("more than {ALLOWLIST_MAX} entries")));
    }
    for (index, entry) in list.iter().enumerate() {
        let pattern = entry.get("pattern").and_then(Value::as_str);
        if pattern.is_none_or(|pattern| pattern.trim().is_empty()) {
            return Err(fault(format!("{path}[{index}].pattern"), "must be a text"));
        }
    }
    Ok(())
}
