//! `torana gateway status|stop`: whether a gateway runs, where, and how to end it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use torana_core::limit::DRAIN_MS;
use torana_host::lock::{Holder, StateLock};

use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::facts;
use crate::cli::rpc::method;
use crate::cli::words::{items_of, text_of, uptime};

/// How long a stop may take: the drain, and what closing store and sockets needs after it.
const STOP_MS_MAX: u64 = DRAIN_MS + 5_000;
/// How often we look whether it is gone; short against the time a stop takes when nothing runs.
const LOOK_MS: u64 = 50;

/// Prints whether the gateway runs. Exit 69 when it does not.
pub(crate) async fn status(invocation: &mut Invocation) -> Result<(), Failure> {
    let holder = invocation.holder();
    let mut client = match invocation.connect().await {
        Ok(client) => client,
        Err(failure) => return unreachable(invocation, holder, failure),
    };
    let hello = client.hello().clone();
    let channels = client.call(method::CHANNELS_STATUS, json!({})).await?;
    let sessions = client
        .call(method::SESSIONS_LIST, json!({ "limit": 1 }))
        .await?;
    client.close().await;
    let (connected, configured) = connected_accounts(&channels);
    let uptime_ms = hello["snapshot"]["uptimeMs"].as_u64().unwrap_or(0);
    let config = invocation.config().ok();
    let port = invocation.port(config.as_ref())?;
    let bind = config.as_ref().map_or_else(
        || "loopback".to_owned(),
        |config| bind_of(config, invocation),
    );
    let total = sessions["totalCount"]
        .as_i64()
        .or_else(|| sessions["count"].as_i64())
        .unwrap_or(0);
    let value = json!({
        "running": true,
        "phase": text_of(&hello["snapshot"]["suspension"], "phase"),
        "pid": holder.as_ref().map(|holder| holder.pid),
        "port": port,
        "bind": bind,
        "url": invocation.url,
        "uptimeMs": uptime_ms,
        "version": env!("CARGO_PKG_VERSION"),
        "compatibleVersion": text_of(&hello["server"], "version"),
        "channels": { "connected": connected, "configured": configured },
        "sessions": total,
        "stateDir": invocation.paths.state.to_string_lossy(),
        "configPath": invocation.paths.config.to_string_lossy(),
    });
    invocation.output.either(&value, || {
        let place = invocation.url.clone().unwrap_or_else(|| port.to_string());
        facts([
            ("Running", "yes".to_owned()),
            (
                "PID",
                holder.map_or_else(|| "-".to_owned(), |holder| holder.pid.to_string()),
            ),
            ("Uptime", uptime(uptime_ms)),
            ("Port", place),
            ("Bind", bind.clone()),
            ("Channels", format!("{connected} of {configured} connected")),
            ("Sessions", total.to_string()),
            ("State", invocation.paths.state.display().to_string()),
            ("Config", invocation.paths.config.display().to_string()),
        ])
    })
}

fn unreachable(
    invocation: &Invocation,
    holder: Option<Holder>,
    failure: Failure,
) -> Result<(), Failure> {
    if failure.exit != Exit::Unreachable {
        return Err(failure);
    }
    let value = json!({
        "running": false,
        "pid": holder.as_ref().map(|holder| holder.pid),
        "reason": failure.message,
        "stateDir": invocation.paths.state.to_string_lossy(),
        "configPath": invocation.paths.config.to_string_lossy(),
    });
    invocation.output.either(&value, || {
        facts([
            ("Running", "no".to_owned()),
            ("State", invocation.paths.state.display().to_string()),
            ("Config", invocation.paths.config.display().to_string()),
        ])
    })?;
    // The object already says why; stdout stays one document.
    if invocation.output.json {
        Err(Failure::said(Exit::Unreachable))
    } else {
        Err(failure)
    }
}

fn bind_of(config: &torana_core::config::Config, invocation: &Invocation) -> String {
    use torana_core::config::tree::Bind;
    match config.gateway.bind {
        Some(Bind::Loopback) => "loopback".to_owned(),
        Some(Bind::Lan) => "lan".to_owned(),
        Some(Bind::Auto) => "auto".to_owned(),
        Some(Bind::Custom) => config.gateway.custom_bind_host.clone().unwrap_or_default(),
        None if crate::compose::front::in_container(&invocation.environment) => {
            "all interfaces (container)".to_owned()
        }
        None => "loopback".to_owned(),
    }
}

/// Accounts that are connected, and all of them.
pub(super) fn connected_accounts(channels: &Value) -> (usize, usize) {
    let accounts: Vec<&Value> = channels["channelAccounts"]
        .as_object()
        .into_iter()
        .flat_map(|map| {
            map.keys()
                .flat_map(|channel| items_of(&channels["channelAccounts"], channel))
        })
        .collect();
    let connected = accounts.iter().filter(|account| {
        account["connected"]
            .as_bool()
            .or(account["running"].as_bool())
            == Some(true)
    });
    (connected.count(), accounts.len())
}

/// Stops the gateway and waits until it is gone.
pub(crate) async fn stop(invocation: &mut Invocation) -> Result<(), Failure> {
    let holder = invocation.holder();
    match invocation.connect().await {
        Ok(mut client) => {
            let asked = client
                .call(
                    method::GATEWAY_STOP,
                    json!({ "reason": "torana gateway stop" }),
                )
                .await;
            match asked {
                // It may close the connection before its answer is out; then we only have to wait.
                Err(failure) if failure.exit == Exit::Unreachable => {}
                answer => drop(answer?),
            }
            client.close().await;
            if invocation.url.is_some() {
                return said(invocation, None, "the gateway was asked to stop");
            }
        }
        Err(failure) => {
            let Some(holder) = &holder else {
                return Err(failure);
            };
            terminate(holder)?;
        }
    }
    if !gone(invocation, STOP_MS_MAX).await {
        let pid = holder.map_or_else(String::new, |holder| format!(" (process {})", holder.pid));
        return Err(Failure::failed(format!(
            "the gateway{pid} still runs after {} s",
            STOP_MS_MAX / 1_000
        ))
        .hint("look at `torana logs`; nothing accepted is lost if you end the process"));
    }
    said(
        invocation,
        holder.map(|holder| holder.pid),
        "the gateway stopped",
    )
}

fn said(invocation: &Invocation, pid: Option<u32>, text: &str) -> Result<(), Failure> {
    invocation
        .output
        .either(&json!({ "ok": true, "pid": pid }), || match pid {
            Some(pid) => format!("{text} (process {pid})"),
            None => text.to_owned(),
        })
}

/// Sends SIGTERM to the process that holds the state directory. It holds the lock at this moment, so its pid is its own.
fn terminate(holder: &Holder) -> Result<(), Failure> {
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else {
        return Err(Failure::failed(format!(
            "{} is not a process id",
            holder.pid
        )));
    };
    kill_process(pid, Signal::TERM).map_err(|error| {
        Failure::failed(format!(
            "process {} cannot be told to stop: {error}",
            holder.pid
        ))
        .hint("stop it as the user who started it")
    })
}

async fn gone(invocation: &Invocation, wait_ms: u64) -> bool {
    let deadline_ms = invocation.world.monotonic_ms().saturating_add(wait_ms);
    loop {
        if StateLock::running(&invocation.paths.state).is_none() {
            return true;
        }
        if invocation.world.monotonic_ms() >= deadline_ms {
            return false;
        }
        invocation.world.sleep_ms(LOOK_MS).await;
    }
}
