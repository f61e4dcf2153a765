//! Where the gateway listens: the sockets of its own port and of webhook accounts, and whether other machines may reach
//! them.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use torana_core::config::Config;
use torana_dialects::front::{self, BindError, Listeners, Place};
use torana_dialects::{AuthMode, Context, FrontSettings};
use torana_host::process::listening_on;
use torana_host::sockets::Handover;

use super::failure::{EXIT_CONFIG, EXIT_IO, EXIT_TAKEN, Failure};
use super::options::RunOptions;
use super::parts::Parts;
use crate::compose;
use crate::configuration::Variables;
use crate::paths::Paths;

/// How often and how long a taken port is tried again (decision 27: 2 s).
const BIND_TRIES: u32 = 8;
const BIND_WAIT_MS: u64 = 250;

/// Takes the gateway's port and those of webhook accounts; `true` when other machines reach it.
pub(super) async fn listen(
    config: &Config,
    paths: &Paths,
    parts: &Parts,
    options: &RunOptions,
    variables: &Variables,
    context: &Arc<Context>,
    inherited: &mut Vec<TcpListener>,
) -> Result<(Listeners, bool), Failure> {
    let port = context.front.load().port;
    let in_container = compose::front::in_container(&variables.merged());
    let addresses = compose::front::addresses(config, options.bind.as_deref(), port, in_container)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    let open_to_others = addresses.iter().any(|address| !address.ip().is_loopback());
    guard_exposure(&context.front.load(), open_to_others)?;
    let tls =
        compose::tls::load(config, paths, &addresses, context.engine.world()).map_err(|error| {
            Failure::new(EXIT_CONFIG, format!("`gateway.tls`: {error}"))
                .hint("mend the files, or switch `gateway.tls.enabled` off")
        })?;
    let place = if open_to_others {
        Place::Addresses(addresses)
    } else {
        Place::Loopback(port)
    };
    let gateway = bind(&place, context, inherited).await?;
    let bound = gateway.first();
    let bound = bound.and_then(|listener| listener.local_addr().ok());
    let bound_port = bound.map_or(port, |address| address.port());
    let mut front = context.front.load().as_ref().clone();
    front.port = bound_port;
    context.front.store(Arc::new(front));
    let listeners = Listeners {
        gateway,
        webhooks: webhook_listeners(parts, inherited),
        tls,
        // The next one, as OpenClaw 2026.9.6 does; after the last one the system chooses.
        stage_port: bound_port.checked_add(1).unwrap_or(0),
    };
    inherited.clear();
    Ok((listeners, open_to_others))
}

/// Listens on the gateway's port, which the process before this one may still hold for a moment.
async fn bind(
    place: &Place,
    context: &Context,
    inherited: &mut Vec<TcpListener>,
) -> Result<Vec<tokio::net::TcpListener>, Failure> {
    let mut tries = 0;
    loop {
        match front::bind_or_adopt(place, inherited) {
            Ok(listeners) => return Ok(listeners),
            // What another configuration listened on, such as the same port of another address, is in the way.
            Err(BindError::InUse { .. }) if !inherited.is_empty() => inherited.clear(),
            Err(BindError::InUse { .. }) if tries < BIND_TRIES => {
                tries += 1;
                context.engine.world().sleep_ms(BIND_WAIT_MS).await;
            }
            Err(BindError::InUse { .. }) => return Err(taken(context.front.load().port)),
            Err(ref error @ BindError::Failed { ref source, .. }) => {
                return Err(not_listening(error.to_string(), source.kind()));
            }
        }
    }
}

/// What keeps us from listening, other than somebody who has the port.
fn not_listening(message: String, kind: ErrorKind) -> Failure {
    match kind {
        ErrorKind::PermissionDenied => Failure::new(EXIT_CONFIG, message)
            .hint("choose a port above 1023; lower ones need a permission of the system"),
        // It may come with the network, so whatever supervises us shall try again.
        ErrorKind::AddrNotAvailable => Failure::new(EXIT_IO, message)
            .hint("give an address of this machine with `--bind`, `gateway.bind` or `gateway.customBindHost`"),
        _ => Failure::new(EXIT_IO, message),
    }
}

/// Somebody else has the port.
fn taken(port: u16) -> Failure {
    match listening_on(port) {
        Some(holder) => Failure::new(EXIT_TAKEN, format!("port {port} is taken by {holder}"))
            .hint("stop that process, or start on another port with `--port`"),
        None => Failure::new(
            EXIT_TAKEN,
            format!("port {port} is taken by a process that cannot be looked at from here"),
        )
        .hint("start on another port with `--port`, or find the holder with `sudo ss -ltnp`"),
    }
}

/// Webhook accounts may also listen where the system they come from did (decision 51).
fn webhook_listeners(
    parts: &Parts,
    inherited: &mut Vec<TcpListener>,
) -> Vec<tokio::net::TcpListener> {
    let mut wanted: Vec<SocketAddr> = parts
        .accounts
        .iter()
        .filter(|account| account.enabled)
        .filter_map(|account| {
            let listener = account.webhook_listener.as_ref()?;
            Some(SocketAddr::from((
                listener.host.parse::<IpAddr>().ok()?,
                listener.port,
            )))
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut listeners = Vec::new();
    for address in wanted {
        let place = Place::Addresses(vec![address]);
        let mut bound = front::bind_or_adopt(&place, inherited);
        if matches!(bound, Err(BindError::InUse { .. })) && !inherited.is_empty() {
            inherited.clear();
            bound = front::bind_or_adopt(&place, inherited);
        }
        match bound {
            Ok(found) => listeners.extend(found),
            Err(error) => {
                tracing::error!(%error, "A webhook listener cannot start; the webhook path on the gateway's own port still works.")
            }
        }
    }
    listeners
}

/// Other machines may only reach a gateway that asks for a strong secret (S-005, S-011).
pub(super) fn guard_exposure(front: &FrontSettings, open_to_others: bool) -> Result<(), Failure> {
    if !open_to_others {
        return Ok(());
    }
    match (&front.auth, front.secret.as_deref()) {
        (AuthMode::None, _) => Err(Failure::new(
            EXIT_CONFIG,
            "`gateway.auth.mode` is `none`, which is only allowed on loopback",
        )
        .hint("set `gateway.auth.mode` to `token`, or `gateway.bind` to `loopback`")),
        (
            AuthMode::Token | AuthMode::TrustedProxy,
            Some(secret),
        ) if secret.len() < 24 => {
            Err(Failure::new(EXIT_CONFIG, "the gateway token is shorter than 24 characters, too weak for a gateway other machines can reach")
                .hint("remove `gateway.auth.token` to use the generated one, or choose a longer one"))
        }
        (AuthMode::Password, Some(secret)) if secret.len() < 12 => {
            Err(Failure::new(EXIT_CONFIG, "the gateway password is shorter than 12 characters, too weak for a gateway other machines can reach")
                .hint("choose a longer `gateway.auth.password`"))
        }
        _ => Ok(()),
    }
}

/// Keeps hold of what is listened on, for a restart.
pub(super) fn keep_sockets(listeners: &Listeners) -> Handover {
    let all = listeners.gateway.iter().chain(&listeners.webhooks);
    Handover::of(all).unwrap_or_else(|error| {
        tracing::warn!(%error, "Sockets cannot be handed over; a restart refuses who connects meanwhile.");
        Handover::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_later_try_cannot_mend_ends_the_service() {
        for (kind, code, hint) in [
            (
                ErrorKind::PermissionDenied,
                EXIT_CONFIG,
                Some("port above 1023"),
            ),
            (
                ErrorKind::AddrNotAvailable,
                EXIT_IO,
                Some("address of this machine"),
            ),
            (ErrorKind::Other, EXIT_IO, None),
        ] {
            let failure = not_listening("no".to_owned(), kind);
            assert_eq!(failure.code, code, "{kind}");
            assert_eq!(failure.hint.is_some(), hint.is_some(), "{kind}");
            assert!(
                failure
                    .hint
                    .unwrap_or_default()
                    .contains(hint.unwrap_or_default())
            );
        }
    }

    #[test]
    fn s_011_other_machines_meet_only_a_strong_secret() {
        let strong = "0123456789abcdef01234567";
        for (auth, secret, is_fit) in [
            (AuthMode::None, "", false),
            (AuthMode::Token, "short", false),
            (AuthMode::Token, &strong[1..], false),
            (AuthMode::Token, strong, true),
            (AuthMode::TrustedProxy, "short", false),
            (AuthMode::TrustedProxy, strong, true),
            (AuthMode::Password, "eleven-char", false),
            (AuthMode::Password, "twelve-chars", true),
        ] {
            let front = FrontSettings::new(auth.clone(), Some(secret.into()), 1);
            assert!(guard_exposure(&front, false).is_ok(), "this machine alone");
            let beyond = guard_exposure(&front, true);
            assert_eq!(beyond.is_ok(), is_fit, "{auth:?} {secret}");
        }
    }
}
