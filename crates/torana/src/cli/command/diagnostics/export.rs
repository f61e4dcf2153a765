//! Collects the parts of an export, and writes it for its owner only.
//!
//! Without a gateway, with a wrong configuration or without a log it is still made, from what there is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use torana_core::config::Config;
use torana_host::files::{create_private, private_dir};
use torana_host::logs::{Redactor, TailRequest, tail};
use torana_host::moment::rfc3339;

use super::archive::{Part, pack};
use super::{bundle, facts, lines, shape};
use crate::cli::args::ExportFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::facts as rows;
use crate::cli::rpc::method;
use crate::cli::words::bytes as sized;
use crate::compose;
use crate::configuration;
use crate::disk_hint::disk_hint;

/// How long the gateway has for each of its answers, milliseconds (OpenClaw 2026.9.6).
const ASK_MS: u64 = 3_000;
/// Events of the running gateway; it keeps no more.
const EVENTS_MAX: u64 = 1_000;
/// What is left out, for whoever gets the file.
const PRIVACY: &str = "Left out: what people and agents said, secrets, addresses, names of people, chats, accounts and machines, and texts of errors. Look through it before you pass it on.";

/// Makes the file and says where it is.
pub(crate) async fn run(invocation: &mut Invocation, flags: ExportFlags) -> Result<(), Failure> {
    let now_ms = invocation.world.wall_ms();
    let path = target(invocation, flags.output.as_deref(), now_ms)?;
    let parts = collect(invocation, &flags, now_ms).await?;
    let files: Vec<Value> = parts
        .iter()
        .map(|part| json!({ "path": part.path, "mediaType": part.media_type, "bytes": part.text.len() }))
        .collect();
    let archive = pack(&parts).map_err(|error| cannot(&path, &error))?;
    create_private(&path, &archive).map_err(|error| cannot(&path, &error))?;
    let value = json!({
        "path": path.to_string_lossy(), "bytes": archive.len(), "files": files, "privacy": PRIVACY,
    });
    invocation.output.either(&value, || {
        let size = u64::try_from(archive.len()).unwrap_or(u64::MAX);
        let names: Vec<&str> = parts.iter().map(|part| part.path).collect();
        let facts = rows([
            ("Written", path.display().to_string()),
            ("Size", sized(size)),
            ("Holds", names.join(", ")),
        ]);
        format!("{facts}\n\n{PRIVACY}")
    })
}

fn target(invocation: &Invocation, wanted: Option<&Path>, now_ms: i64) -> Result<PathBuf, Failure> {
    let moment: String = rfc3339(now_ms)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let name = format!("torana-diagnostics-{moment}.zip");
    match wanted {
        Some(path) if path.is_dir() => Ok(path.join(name)),
        Some(path) => Ok(path.to_owned()),
        None => {
            let folder = invocation.paths.state.join("logs").join("support");
            private_dir(&folder).map_err(|error| cannot(&folder, &error))?;
            Ok(folder.join(name))
        }
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::new(
        Exit::Disk,
        format!("{} cannot be written: {error}", path.display()),
    );
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::failed(format!("{} is there already", path.display()))
                .hint("name another file with --output")
        }
        std::io::ErrorKind::NotFound => {
            failure.hint("make its folder first, or name another with --output")
        }
        _ => Failure {
            hint: disk_hint(error).map(str::to_owned),
            ..failure
        },
    }
}

/// What the running gateway says, or how it failed.
struct Told {
    status: Value,
    health: Value,
    stability: Option<Value>,
}

async fn collect(
    invocation: &mut Invocation,
    flags: &ExportFlags,
    now_ms: i64,
) -> Result<Vec<Part>, Failure> {
    invocation.wait_ms = Some(flags.wait.wait_ms.unwrap_or(ASK_MS));
    let told = ask(invocation).await;
    let read = invocation.configuration().ok();
    let config = read.as_ref().and_then(|read| read.loaded.config.clone());
    let redactor = redactor(invocation, config.as_ref());
    let config = json!({
        "exists": read.as_ref().is_some_and(|read| read.exists),
        "valid": config.is_some(),
        "problems": read.as_ref().map_or(0, |read| read.loaded.problems.len()),
        "warnings": read.as_ref().map_or(0, |read| read.loaded.warnings.len()),
        "refusals": read.as_ref().map_or(0, |read| read.loaded.refusals.len()),
        "shape": read.as_ref().map(|read| {
            shape::shape(&configuration::value_of(&read.loaded), configuration::schema().as_value())
        }),
    });
    let (log, log_facts) = log(invocation, flags, &redactor);
    let stability = match &flags.bundle {
        Some(wanted) => Some(bundle::wanted(invocation, wanted)?),
        None if flags.no_stability_bundle => told.stability,
        None => told.stability.or_else(|| bundle::newest(invocation)),
    };
    let summary = json!({
        "generatedAt": rfc3339(now_ms), "version": env!("CARGO_PKG_VERSION"),
        "platform": std::env::consts::OS, "arch": std::env::consts::ARCH,
        "gateway": told.status, "health": told.health,
        "config": { "exists": config["exists"], "valid": config["valid"], "problems": config["problems"] },
        "logs": log_facts, "stability": stability.as_ref().map(|told| told["count"].clone()),
    });
    let mut parts = vec![
        json_part("diagnostics.json", &summary),
        json_part("config/sanitized.json", &config),
        json_part("status/gateway-status.json", &told.status),
        json_part("health/gateway-health.json", &told.health),
        Part {
            path: "logs/torana-sanitized.jsonl",
            media_type: "application/x-ndjson",
            text: log,
        },
    ];
    if let Some(stability) = &stability {
        parts.push(json_part("stability/latest.json", stability));
    }
    parts.insert(
        0,
        Part {
            path: "summary.md",
            media_type: "text/markdown",
            text: in_words(&summary),
        },
    );
    // A last look over everything: what is known to be a secret is in none of it.
    for part in &mut parts {
        part.text = redactor.redact(&part.text).into_owned();
    }
    let files: Vec<Value> = parts
        .iter()
        .map(|part| json!({ "path": part.path, "bytes": part.text.len() }))
        .collect();
    let manifest = json!({
        "schemaVersion": 1, "generatedAt": rfc3339(now_ms), "toranaVersion": env!("CARGO_PKG_VERSION"),
        "files": files, "privacy": PRIVACY,
    });
    parts.insert(0, json_part("manifest.json", &manifest));
    Ok(parts)
}

fn json_part(path: &'static str, value: &Value) -> Part {
    let mut text = format!("{value:#}");
    text.push('\n');
    Part {
        path,
        media_type: "application/json",
        text,
    }
}

async fn ask(invocation: &Invocation) -> Told {
    let silent = |failure: &Failure| json!({ "reachable": false, "exitCode": failure.exit.code() });
    let mut client = match invocation.connect().await {
        Ok(client) => client,
        Err(failure) => {
            let value = silent(&failure);
            return Told {
                status: value.clone(),
                health: value,
                stability: None,
            };
        }
    };
    let own = client.call(method::OWN_STATUS, json!({})).await;
    let health = client.call(method::HEALTH, json!({})).await;
    let events = client
        .call(
            method::DIAGNOSTICS_STABILITY,
            json!({ "limit": EVENTS_MAX }),
        )
        .await;
    client.close().await;
    Told {
        status: own.map_or_else(|failure| silent(&failure), |own| facts::status(&own)),
        health: health.map_or_else(|failure| silent(&failure), |health| facts::health(&health)),
        stability: events.ok().map(|events| facts::stability(&events)),
    }
}

/// Knows every secret this machine knows.
fn redactor(invocation: &Invocation, config: Option<&Config>) -> Redactor {
    let redactor = Redactor::new();
    if let Some(secret) = invocation.own_secret(config) {
        redactor.register(secret.expose());
    }
    if let Some(config) = config {
        let variables = invocation.variables();
        let builtin = compose::agents::builtin(config, &variables.merged());
        let (accounts, _) = compose::channels::accounts(config, &|name| variables.get(name));
        compose::secrets::register(&redactor, config, &builtin, &accounts);
    }
    redactor
}

/// The end of the log of this machine, and figures about it.
fn log(invocation: &Invocation, flags: &ExportFlags, redactor: &Redactor) -> (String, Value) {
    let request = TailRequest {
        cursor: None,
        lines_max: usize::from(flags.log_lines),
        bytes_max: u64::from(flags.log_bytes),
    };
    let Ok(read) = tail(&invocation.log_file(), request) else {
        return (String::new(), json!({ "readable": false }));
    };
    let text: String = read
        .lines
        .iter()
        .map(|line| format!("{}\n", lines::harmless(line, redactor)))
        .collect();
    let facts = json!({ "readable": true, "bytes": read.size, "lines": read.lines.len(), "truncated": read.truncated });
    (text, facts)
}

fn in_words(summary: &Value) -> String {
    let said = |value: &Value| match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let reachable = summary["gateway"]["reachable"].as_bool() != Some(false);
    format!(
        "# Torana diagnostics\n\n- Made: {}\n- Torana: {} on {} {}\n- Gateway answers: {}\n- Healthy: {}\n- Configuration valid: {}\n- Lines of the log: {}\n\n{PRIVACY}\n",
        said(&summary["generatedAt"]),
        said(&summary["version"]),
        said(&summary["platform"]),
        said(&summary["arch"]),
        if reachable { "yes" } else { "no" },
        said(&summary["health"]["ok"]),
        said(&summary["config"]["valid"]),
        said(&summary["logs"]["lines"]),
    )
}

#[cfg(test)]
mod tests {
    use torana_host::env::Environment;

    use super::*;
    use crate::cli::args::{Global, WaitFlag};

    /// Secrets in every place that goes into an export, and words of people.
    const PLANTED: [&str; 8] = [
        "planted-gateway-token-0123456789",
        "123456789:planted-bot-token-abcdefghijkl",
        "sk-plantedproviderkey0123456789",
        "planted-variable-value",
        "planted-webhook-secret-0123456789",
        "planted words of a person",
        "planted-account-name",
        "planted-host.example.org",
    ];

    fn plant(state: &Path) {
        let [gateway, bot, key, variable, webhook, words, account, host] = PLANTED;
        let config = format!(
            r#"{{ gateway: {{ auth: {{ token: "{gateway}" }} }},
                env: {{ vars: {{ PLANTED: "{variable}" }} }},
                models: {{ providers: {{ p: {{ apiKey: "{key}", baseUrl: "https://{host}/v1" }} }} }},
                channels: {{ telegram: {{ accounts: {{ "{account}": {{ botToken: "{bot}", webhookSecret: "{webhook}" }} }} }} }} }}"#
        );
        std::fs::create_dir_all(state.join("logs").join("stability")).expect("folders");
        std::fs::write(state.join("torana.json"), config).expect("written");
        let line = |target: &str| {
            json!({ "timestamp": "2026-11-20T00:00:00Z", "level": "INFO", "target": target,
                "message": format!("It is {gateway}."), "text": words, "error": format!("{host} {key}") })
        };
        let log = format!("{}\n{}\n{words}\n", line("torana::x"), line("hyper"));
        std::fs::write(state.join("logs").join("gateway.log"), log).expect("written");
        let kept = json!({ "snapshot": { "count": 1, "events": [{ "seq": 1, "type": "a", "text": words, "source": bot, "provider": host, "model": account }] } });
        let path = state
            .join("logs")
            .join("stability")
            .join("torana-stability-1.json");
        std::fs::write(path, kept.to_string()).expect("written");
    }

    #[tokio::test]
    async fn an_export_holds_no_secret_and_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let name = format!("torana-export-{}", torana_host::world().uuid());
        let state = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&state).expect("a folder");
        plant(&state);
        let text = state.to_string_lossy().into_owned();
        let environment = Environment::from_pairs([
            ("TORANA_STATE_DIR", text.as_str()),
            // Nobody listens there.
            ("TORANA_GATEWAY_PORT", "1"),
        ]);
        let mut invocation = Invocation::of(&Global::default(), environment).expect("places");
        let path = state.join("export.zip");
        let flags = || ExportFlags {
            output: Some(path.clone()),
            log_lines: 100,
            log_bytes: 100_000,
            no_stability_bundle: false,
            bundle: None,
            wait: WaitFlag::default(),
        };
        run(&mut invocation, flags()).await.expect("made");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let parts = super::super::archive::unpack(&std::fs::read(&path).expect("read"));
        let names: Vec<&str> = parts.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "config/sanitized.json",
                "diagnostics.json",
                "health/gateway-health.json",
                "logs/torana-sanitized.jsonl",
                "manifest.json",
                "stability/latest.json",
                "status/gateway-status.json",
                "summary.md",
            ]
        );
        for (name, text) in &parts {
            for secret in PLANTED {
                assert!(!text.contains(secret), "{secret} in {name}: {text}");
            }
        }
        assert!(
            parts["config/sanitized.json"].contains("botToken"),
            "the shape is told"
        );
        assert!(parts["logs/torana-sanitized.jsonl"].contains("It is [redacted]."));
        assert!(parts["stability/latest.json"].contains("\"type\": \"a\""));
        let manifest: Value = serde_json::from_str(&parts["manifest.json"]).expect("JSON");
        for file in manifest["files"].as_array().expect("a list") {
            let path = file["path"].as_str().expect("a path");
            assert_eq!(file["bytes"], parts[path].len(), "{path}");
        }

        let again = run(&mut invocation, flags()).await;
        assert!(
            again.is_err_and(|failure| failure.message.contains("is there already")),
            "nothing is overwritten"
        );
        std::fs::remove_dir_all(state).ok();
    }
}
