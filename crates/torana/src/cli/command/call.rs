//! `torana gateway call|probe|discover`: any method by name, and which gateways can be reached.

use serde_json::json;
use torana_host::lock::StateLock;

use super::operate::object;
use crate::cli::args::CallFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::{Caller, Client, Endpoint, Persona, method};
use crate::cli::words::{text_of, uptime};
use crate::paths::{DEFAULT_PORT, DEV_PORT};

/// Longest `--timeout`: a day, so that a typing error is no promise for years.
const WAIT_SECONDS_MAX: u64 = 86_400;
/// Folders of profiles looked at in a home; nobody has more.
const PROFILES_MAX: usize = 100;

/// Calls a method and prints what it answers.
pub(crate) async fn call(invocation: &mut Invocation, flags: CallFlags) -> Result<(), Failure> {
    let params = object(&flags.params)?;
    let wait_ms = flags
        .timeout
        .clamp(1, WAIT_SECONDS_MAX)
        .saturating_mul(1_000);
    let mut client = invocation.connect().await?;
    let answer = if flags.expect_final {
        client.call_to_the_end(&flags.method, params, wait_ms).await
    } else {
        client.call_within(&flags.method, params, wait_ms).await
    };
    client.close().await;
    invocation.output.value(&answer?)
}

/// Asks one gateway whether it lives and what it lets us do, without changing anything.
pub(crate) async fn probe(invocation: &mut Invocation) -> Result<(), Failure> {
    let started_ms = invocation.world.monotonic_ms();
    let place = invocation.endpoint()?.url();
    let mut client = match invocation.connect_as(&Persona::PROBE).await {
        Ok(client) => client,
        Err(failure) => {
            let value = json!({ "ok": false, "url": place, "error": failure.message });
            invocation.output.either(&value, || {
                facts([("Gateway", place.clone()), ("Reachable", "no".to_owned())])
            })?;
            return if invocation.output.json {
                Err(Failure::said(failure.exit))
            } else {
                Err(failure)
            };
        }
    };
    let hello = client.hello().clone();
    let connected_ms = invocation.world.monotonic_ms().saturating_sub(started_ms);
    let health = client.call(method::HEALTH, json!({})).await;
    client.close().await;
    let health = health?;
    let scopes = super::operate::joined(&hello["auth"], "scopes");
    let is_well = health["ok"].as_bool() == Some(true);
    let value = json!({
        "ok": is_well, "url": place, "connectMs": connected_ms, "auth": hello["auth"]["method"],
        "scopes": hello["auth"]["scopes"], "version": hello["server"]["version"],
        "uptimeMs": hello["snapshot"]["uptimeMs"],
    });
    invocation.output.either(&value, || {
        facts([
            ("Gateway", place.clone()),
            ("Reachable", format!("yes, in {connected_ms} ms")),
            ("Healthy", if is_well { "yes" } else { "no" }.to_owned()),
            ("Signed in", text_of(&hello["auth"], "method").to_owned()),
            (
                "May",
                if scopes.is_empty() {
                    "only ask whether it is well".to_owned()
                } else {
                    scopes.clone()
                },
            ),
            ("Speaks as", text_of(&hello["server"], "version").to_owned()),
            (
                "Uptime",
                uptime(hello["snapshot"]["uptimeMs"].as_u64().unwrap_or(0)),
            ),
        ])
    })?;
    if is_well {
        Ok(())
    } else {
        Err(Failure::said(Exit::Failed))
    }
}

/// Looks for gateways on this machine: those of every profile, and the usual ports.
pub(crate) async fn discover(invocation: &mut Invocation) -> Result<(), Failure> {
    let mut found: Vec<(u16, Option<u32>, String)> = profiles(invocation);
    for port in [DEFAULT_PORT, DEV_PORT] {
        if found.iter().all(|(known, ..)| *known != port) {
            found.push((port, None, String::new()));
        }
    }
    let mut gateways = Vec::new();
    for (port, pid, state) in found {
        let answers = answers(invocation, port).await;
        if pid.is_some() || answers {
            gateways.push(json!({
                "url": format!("ws://127.0.0.1:{port}"), "port": port, "pid": pid,
                "stateDir": Some(state).filter(|state| !state.is_empty()), "answers": answers,
            }));
        }
    }
    let value = json!({ "gateways": gateways });
    invocation.output.either(&value, || {
        if gateways.is_empty() {
            return "no gateway runs on this machine".to_owned();
        }
        let rows = gateways.iter().map(|gateway| {
            let answers = if gateway["answers"].as_bool() == Some(true) {
                "answers"
            } else {
                "does not answer"
            };
            [
                text_of(gateway, "url").to_owned(),
                answers.to_owned(),
                gateway["pid"]
                    .as_u64()
                    .map(|pid| pid.to_string())
                    .unwrap_or_default(),
                text_of(gateway, "stateDir").to_owned(),
            ]
        });
        table(["gateway", "state", "process", "folder"], rows)
    })
}

/// Gateways that hold the state directory of a profile.
fn profiles(invocation: &Invocation) -> Vec<(u16, Option<u32>, String)> {
    let mut folders = vec![invocation.paths.state.clone()];
    let home = invocation.environment.home();
    let entries = home.and_then(|home| std::fs::read_dir(home).ok());
    let named = entries
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name == ".torana" || name.starts_with(".torana-")
        });
    folders.extend(named.map(|entry| entry.path()).take(PROFILES_MAX));
    folders.sort();
    folders.dedup();
    folders
        .iter()
        .filter_map(|folder| {
            let holder = StateLock::running(folder)?;
            Some((holder.port?, Some(holder.pid), folder.display().to_string()))
        })
        .collect()
}

/// A gateway listens there. It needs no secret to say so: being refused by one is an answer as well.
async fn answers(invocation: &Invocation, port: u16) -> bool {
    let credentials = invocation.paths.credentials();
    let caller = Caller {
        persona: &Persona::PROBE,
        credentials: &credentials,
        world: &invocation.world,
        may_sign: false,
    };
    match Client::connect(&Endpoint::local(port, None), &caller).await {
        Ok(client) => {
            client.close().await;
            true
        }
        Err(failure) => failure.reason == crate::cli::failure::Reason::Refused,
    }
}
