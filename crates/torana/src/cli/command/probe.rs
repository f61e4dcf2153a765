//! `torana gateway probe`: whether one gateway lives and what it lets us do, without changing anything.

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use torana_host::mdns;

use crate::cli::args::ProbeFlags;
use crate::cli::failure::{Exit, Failure, Reason};
use crate::cli::invocation::Invocation;
use crate::cli::output::facts;
use crate::cli::rpc::{Caller, Client, Endpoint, Persona, method};
use crate::cli::tunnel::{self, SshTarget, Tunnel, Way};
use crate::cli::words::{text_of, uptime, yes_or_no};
use crate::paths::DEFAULT_PORT;

/// Signing in to another machine takes a few round trips and a key exchange.
const SSH_MS: u64 = 10_000;
/// How long the network is listened to for a machine, milliseconds.
const LISTEN_MS: u64 = 2_000;

/// Asks the gateway that is meant, or one of another machine through a tunnel.
pub(crate) async fn run(invocation: &mut Invocation, flags: ProbeFlags) -> Result<(), Failure> {
    if flags.ssh.is_none() && !flags.ssh_auto {
        if flags.ssh_identity.is_some() {
            return Err(
                Failure::new(Exit::Usage, "--ssh-identity is a key for --ssh")
                    .hint("name the machine with --ssh"),
            );
        }
        let endpoint = invocation.endpoint()?;
        let place = endpoint.url();
        let asked = ask(invocation, &endpoint).await;
        return tell(invocation, &place, None, asked);
    }
    let deadline_ms = invocation
        .world
        .monotonic_ms()
        .saturating_add(invocation.wait_ms.unwrap_or(SSH_MS));
    // What `ssh` started must end with us, whoever ends us.
    let listen = |kind| {
        signal(kind)
            .map_err(|error| Failure::failed(format!("signals cannot be received: {error}")))
    };
    let mut terminated = listen(SignalKind::terminate())?;
    let mut hung_up = listen(SignalKind::hangup())?;
    tokio::select! {
        done = through(invocation, flags, deadline_ms) => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::failed("interrupted")),
        _ = terminated.recv() => Err(Failure::failed("ended by a signal")),
        _ = hung_up.recv() => Err(Failure::failed("ended by a signal")),
    }
}

async fn through(
    invocation: &mut Invocation,
    flags: ProbeFlags,
    deadline_ms: u64,
) -> Result<(), Failure> {
    let (target, found_port) = match flags.ssh {
        Some(target) => (target, None),
        None => heard(invocation, deadline_ms).await?,
    };
    let port = invocation
        .wanted_port()
        .or(found_port)
        .unwrap_or(DEFAULT_PORT);
    let way = Way {
        target: &target,
        identity: flags.ssh_identity.as_deref(),
        port,
    };
    let place = format!("ws://127.0.0.1:{port}/");
    let left_ms = |invocation: &Invocation| {
        deadline_ms
            .saturating_sub(invocation.world.monotonic_ms())
            .max(1)
    };
    let (environment, world) = (&invocation.environment, &invocation.world);
    let opened = Tunnel::open(
        tunnel::program()?,
        &way,
        environment,
        world,
        left_ms(invocation),
    )
    .await;
    let tunnel = match opened {
        Ok(tunnel) => tunnel,
        Err(failure) => return tell(invocation, &place, Some(&target), Err(failure)),
    };
    invocation.wait_ms = Some(left_ms(invocation));
    // Only what the command line says is meant for a gateway elsewhere (S-004).
    let endpoint = invocation.near(tunnel.port());
    let mut asking = std::pin::pin!(ask(invocation, &endpoint));
    let asked = tokio::select! {
        biased;
        asked = &mut asking => asked,
        // Whoever asks is told by the connection that the way is gone.
        _ = tunnel.carry() => asking.await,
    };
    tell(invocation, &place, Some(&target), asked)
}

/// The first machine that says that it has a gateway, by the address it was heard from: what it says of itself is only
/// a word, and an unknown machine is not trusted either way.
async fn heard(
    invocation: &Invocation,
    deadline_ms: u64,
) -> Result<(SshTarget, Option<u16>), Failure> {
    let left_ms = deadline_ms.saturating_sub(invocation.world.monotonic_ms());
    let found = mdns::search(&invocation.world, LISTEN_MS.min(left_ms / 2)).await;
    let found = found.map_err(|error| Failure::failed(error.to_string()))?;
    found
        .iter()
        .find_map(|heard| {
            let address = heard.addresses.first()?;
            Some((SshTarget::host(address.to_string())?, Some(heard.port)))
        })
        .ok_or_else(|| {
            Failure::new(
                Exit::Unreachable,
                "no gateway was heard in the local network",
            )
            .hint("name the machine with --ssh")
        })
}

/// What a gateway answered.
struct Answer {
    hello: Value,
    health: Value,
    connected_ms: u64,
    /// A secret went along; a gateway that wants one refuses a wrong one.
    gave_secret: bool,
}

async fn ask(invocation: &Invocation, endpoint: &Endpoint) -> Result<Answer, Failure> {
    let started_ms = invocation.world.monotonic_ms();
    let credentials = invocation.paths.credentials();
    let caller = Caller {
        persona: &Persona::PROBE,
        credentials: &credentials,
        world: &invocation.world,
        may_sign: false,
        wait_ms: invocation.wait_ms,
        expects_final: false,
    };
    let mut client = Client::connect(endpoint, &caller).await?;
    let connected_ms = invocation.world.monotonic_ms().saturating_sub(started_ms);
    let hello = client.hello().clone();
    let health = client.call(method::HEALTH, json!({})).await;
    client.close().await;
    Ok(Answer {
        hello,
        health: health?,
        connected_ms,
        gave_secret: endpoint.has_secret(),
    })
}

/// Prints what was found, and ends well only when the gateway is well.
fn tell(
    invocation: &Invocation,
    place: &str,
    target: Option<&SshTarget>,
    asked: Result<Answer, Failure>,
) -> Result<(), Failure> {
    let shown = match target {
        Some(target) => format!("{place} of {target}"),
        None => place.to_owned(),
    };
    let answer = match asked {
        Ok(answer) => answer,
        Err(failure) => return tell_failure(invocation, place, target, &shown, failure),
    };
    let Answer {
        hello,
        health,
        connected_ms,
        gave_secret,
    } = answer;
    let scopes = super::operate::joined(&hello["auth"], "scopes");
    let is_well = health["ok"].as_bool() == Some(true);
    let mut value = json!({
        "ok": is_well, "url": place, "connectMs": connected_ms, "auth": hello["auth"]["method"],
        "scopes": hello["auth"]["scopes"], "version": hello["server"]["version"],
        "uptimeMs": hello["snapshot"]["uptimeMs"],
    });
    with_target(&mut value, target);
    invocation.output.either(&value, || {
        facts([
            ("Gateway", shown.clone()),
            ("Reachable", format!("yes, in {connected_ms} ms")),
            ("Healthy", yes_or_no(is_well).to_owned()),
            (
                "Signed in",
                signed_in(text_of(&hello["auth"], "method"), &scopes, gave_secret).to_owned(),
            ),
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

fn with_target(value: &mut Value, target: Option<&SshTarget>) {
    if let Some(target) = target {
        value["ssh"] = json!(target.to_string());
    }
}

fn tell_failure(
    invocation: &Invocation,
    place: &str,
    target: Option<&SshTarget>,
    shown: &str,
    failure: Failure,
) -> Result<(), Failure> {
    // Whoever refuses us is there.
    let answers = matches!(
        failure.reason,
        Reason::Refused | Reason::PairingRequired | Reason::TokenStale
    );
    let mut value =
        json!({ "ok": false, "url": place, "reachable": answers, "error": failure.message });
    with_target(&mut value, target);
    invocation.output.either(&value, || {
        let reachable = if answers {
            "yes, and it does not let us in"
        } else {
            "no"
        };
        facts([
            ("Gateway", shown.to_owned()),
            ("Reachable", reachable.to_owned()),
        ])
    })?;
    if invocation.output.json {
        Err(Failure::said(failure.exit))
    } else {
        Err(failure)
    }
}

/// By which proof the gateway knows us, as far as it says so.
fn signed_in<'a>(method: &'a str, scopes: &str, gave_secret: bool) -> &'a str {
    match (method, scopes) {
        ("", "") if gave_secret => "the secret was accepted",
        ("", "") => "not tried",
        ("", _) => "yes",
        (method, _) => method,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_tried_did_not_fail() {
        assert_eq!(signed_in("", "", false), "not tried");
        assert_eq!(signed_in("", "", true), "the secret was accepted");
        assert_eq!(signed_in("", "operator.read", true), "yes");
        assert_eq!(signed_in("device-token", "", true), "device-token");
    }
}
