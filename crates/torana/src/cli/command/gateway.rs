//! `torana gateway status|stop|restart`: whether a gateway runs, where, and how to end it or begin it anew.

use std::io::IsTerminal as _;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use torana_core::config::tree::AuthMode;
use torana_core::limit::DRAIN_MS;
use torana_host::lock::{Holder, StateLock};

use crate::cli::args::RestartFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::facts;
use crate::cli::rpc::method;
use crate::cli::words::{items_of, text_of, uptime};

/// How long a stop may take: the drain, and what closing store and sockets needs after it.
const STOP_MS_MAX: u64 = DRAIN_MS + 5_000;
/// How long a gateway that shall end at once has for each of the ways to say so: closing the store takes a fraction.
const AT_ONCE_MS: u64 = 3_000;
/// How often we look whether it is gone; short against the time a stop takes when nothing runs.
const LOOK_MS: u64 = 50;

/// Prints whether the gateway runs. Exit 69 when it does not.
pub(crate) async fn status(invocation: &mut Invocation) -> Result<(), Failure> {
    let holder = own_holder(invocation);
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
    let endpoint = invocation.endpoint()?;
    let elsewhere = endpoint.is_elsewhere().then(|| endpoint.url());
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
        "url": elsewhere,
        "uptimeMs": uptime_ms,
        "version": env!("CARGO_PKG_VERSION"),
        "compatibleVersion": text_of(&hello["server"], "version"),
        "channels": { "connected": connected, "configured": configured },
        "sessions": total,
        "stateDir": invocation.paths.state.to_string_lossy(),
        "configPath": invocation.paths.config.to_string_lossy(),
    });
    invocation.output.either(&value, || {
        let place = elsewhere.clone().unwrap_or_else(|| port.to_string());
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

/// The gateway of this state directory, when it is the one that is meant.
fn own_holder(invocation: &Invocation) -> Option<Holder> {
    invocation.holder().filter(|_| !invocation.is_elsewhere())
}

/// Prints what this machine knows of its gateway, without asking it. Exit 69 when none runs.
pub(crate) fn look(invocation: &Invocation) -> Result<(), Failure> {
    let holder = invocation.holder();
    let (gateway, other) = split(holder);
    let config = invocation.config().ok();
    let port = invocation.port(config.as_ref())?;
    let value = json!({
        "running": gateway.is_some(),
        "pid": gateway.as_ref().map(|gateway| gateway.pid),
        "heldBy": other.as_ref().map(|other| other.pid),
        "port": port,
        "stateDir": invocation.paths.state.to_string_lossy(),
        "configPath": invocation.paths.config.to_string_lossy(),
    });
    invocation.output.either(&value, || {
        let pid = gateway.as_ref().map(|gateway| gateway.pid.to_string());
        let running = match (&gateway, &other) {
            (Some(_), _) => "yes".to_owned(),
            (None, Some(other)) => format!("no; {}", other.stranger().0),
            (None, None) => "no".to_owned(),
        };
        facts([
            ("Running", running),
            ("PID", pid.unwrap_or_else(|| "-".to_owned())),
            ("Port", port.to_string()),
            ("State", invocation.paths.state.display().to_string()),
            ("Config", invocation.paths.config.display().to_string()),
        ])
    })?;
    match gateway {
        Some(_) => Ok(()),
        None => Err(Failure::said(Exit::Unreachable)),
    }
}

/// The gateway, or the process that has the state directory and is none.
fn split(holder: Option<Holder>) -> (Option<Holder>, Option<Holder>) {
    match holder {
        Some(holder) if holder.listens() => (Some(holder), None),
        other => (None, other),
    }
}

fn unreachable(
    invocation: &Invocation,
    holder: Option<Holder>,
    failure: Failure,
) -> Result<(), Failure> {
    if failure.exit != Exit::Unreachable {
        return Err(failure);
    }
    let (gateway, other) = split(holder);
    let value = json!({
        "running": gateway.is_some(),
        "pid": gateway.as_ref().map(|gateway| gateway.pid),
        "heldBy": other.as_ref().map(|other| other.pid),
        "reason": failure.message,
        "stateDir": invocation.paths.state.to_string_lossy(),
        "configPath": invocation.paths.config.to_string_lossy(),
    });
    invocation.output.either(&value, || {
        let running = match (&gateway, &other) {
            (Some(gateway), _) => format!("process {}, which does not answer", gateway.pid),
            (None, Some(other)) => format!("no; {}", other.stranger().0),
            (None, None) => "no".to_owned(),
        };
        facts([
            ("Running", running),
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

/// Prints the token of the gateway of this machine, to a person and to nobody else: what goes through a pipe ends up in
/// files and logs.
pub(crate) fn auth_token(invocation: &Invocation) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(
            Failure::new(Exit::Usage, "the token is printed to a terminal only")
                .hint("run this at the machine of the gateway, without a pipe"),
        );
    }
    if invocation.is_elsewhere() {
        return Err(Failure::new(
            Exit::Usage,
            "this is the command line of a gateway elsewhere, whose token is not ours to print",
        )
        .hint("run it at the machine of that gateway"));
    }
    let config = invocation.config()?;
    let none = match config.gateway.auth.effective_mode() {
        AuthMode::Token | AuthMode::TrustedProxy => None,
        AuthMode::Password => Some("`gateway.auth.mode` is `password`; there is no token"),
        AuthMode::None => Some("`gateway.auth.mode` is `none`; there is no token"),
    };
    if let Some(why) = none {
        return Err(Failure::failed(why));
    }
    let secret = invocation.own_secret(Some(&config)).ok_or_else(|| {
        Failure::failed("this gateway has no token yet").hint("start it once: it makes one")
    })?;
    invocation.output.text(secret.expose())
}

/// Stops the gateway and waits until it is gone.
pub(crate) async fn stop(invocation: &mut Invocation, at_once: bool) -> Result<(), Failure> {
    // A gateway elsewhere that cannot be reached must not cost the one of this machine its life.
    let holder = own_holder(invocation).filter(Holder::listens);
    if at_once {
        return stop_at_once(invocation, holder).await;
    }
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
            if invocation.is_elsewhere() {
                return said(invocation, None, "the gateway was asked to stop");
            }
        }
        Err(failure) => {
            let Some(holder) = &holder else {
                return Err(failure);
            };
            signal(holder, Signal::TERM)?;
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

/// Ends the gateway of this machine without waiting for what runs; the journals hold it until the next start.
async fn stop_at_once(invocation: &Invocation, holder: Option<Holder>) -> Result<(), Failure> {
    let Some(holder) = holder else {
        return Err(nothing_to_end(invocation));
    };
    // The first one begins the drain, the second ends it.
    for _ in 0..2 {
        signal(&holder, Signal::TERM)?;
        if gone(invocation, AT_ONCE_MS).await {
            return said(invocation, Some(holder.pid), "the gateway stopped");
        }
    }
    signal(&holder, Signal::KILL)?;
    if gone(invocation, AT_ONCE_MS).await {
        return said(
            invocation,
            Some(holder.pid),
            "the gateway did not answer and was ended",
        );
    }
    Err(Failure::failed(format!(
        "process {} cannot be ended",
        holder.pid
    )))
}

fn nothing_to_end(invocation: &Invocation) -> Failure {
    if invocation.is_elsewhere() {
        return Failure::new(
            Exit::Usage,
            "--force ends a process of this machine, not a gateway elsewhere",
        );
    }
    match invocation.holder() {
        Some(other) => {
            let (what, hint) = other.stranger();
            Failure::new(Exit::Unreachable, what).hint(hint)
        }
        None => Failure::not_running(),
    }
}

/// Restarts the gateway, and waits for the next one unless something runs that comes first. Whoever says how long that
/// may take is waited with.
pub(crate) async fn restart(
    invocation: &mut Invocation,
    flags: RestartFlags,
    at_once: bool,
) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let boot = text_of(&client.hello()["server"], "bootId").to_owned();
    let mut params = json!({
        "reason": "torana gateway restart", "skipDeferral": at_once || flags.skip_deferral,
    });
    if let Some(wait_ms) = flags.drain_ms {
        params["restartIntent"] = json!({ "waitMs": wait_ms });
    }
    let answer = match client.call(method::GATEWAY_RESTART, params).await {
        // It was quicker than its answer; then we only have to wait.
        Err(failure) if failure.exit == Exit::Unreachable => json!({ "status": "scheduled" }),
        answer => answer?,
    };
    client.close().await;
    // Nobody waits here without an end: the gateway does.
    let bounded_ms = flags.drain_ms.filter(|wait_ms| *wait_ms > 0);
    match (text_of(&answer, "status"), bounded_ms) {
        ("scheduled", _) | ("deferred", Some(_)) => {}
        ("deferred", None) => {
            let summary = text_of(&answer["preflight"], "summary");
            return told(invocation, &answer, || {
                format!("the gateway restarts when what runs is over: {summary}")
            });
        }
        _ => {
            return told(invocation, &answer, || {
                "a restart was asked for already; this is the same one".to_owned()
            });
        }
    }
    let delay_ms = answer["restart"]["delayMs"].as_u64().unwrap_or(0);
    let wait_ms = delay_ms
        .saturating_add(bounded_ms.unwrap_or(0))
        .saturating_add(STOP_MS_MAX);
    if !began_anew(invocation, &boot, wait_ms).await {
        return Err(
            Failure::failed("the gateway was asked to restart, but no new one answers")
                .hint("look at `torana logs`; nothing accepted is lost"),
        );
    }
    told(invocation, &answer, || "the gateway restarted".to_owned())
}

fn told(
    invocation: &Invocation,
    answer: &Value,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    invocation.output.either(answer, text)
}

/// Waits for a gateway that is not the one of this boot. One that begins refuses nobody, so a look at it may also take
/// as long as its start.
async fn began_anew(invocation: &mut Invocation, boot: &str, wait_ms: u64) -> bool {
    let deadline_ms = invocation.world.monotonic_ms().saturating_add(wait_ms);
    while invocation.world.monotonic_ms() < deadline_ms {
        invocation.world.sleep_ms(LOOK_MS).await;
        if let Ok(client) = invocation.connect().await {
            let is_new = text_of(&client.hello()["server"], "bootId") != boot;
            client.close().await;
            if is_new {
                return true;
            }
        }
    }
    false
}

fn said(invocation: &Invocation, pid: Option<u32>, text: &str) -> Result<(), Failure> {
    invocation
        .output
        .either(&json!({ "ok": true, "pid": pid }), || match pid {
            Some(pid) => format!("{text} (process {pid})"),
            None => text.to_owned(),
        })
}

/// Sends a signal to the process that holds the state directory. It holds the lock at this moment, so its pid is its own.
pub(super) fn signal(holder: &Holder, signal: Signal) -> Result<(), Failure> {
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else {
        return Err(Failure::failed(format!(
            "{} is not a process id",
            holder.pid
        )));
    };
    kill_process(pid, signal).map_err(|error| {
        Failure::failed(format!(
            "process {} cannot be sent a signal: {error}",
            holder.pid
        ))
        .hint("do it as the user who started it")
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
