//! `torana gateway discover`: gateways of this machine, and those that say in the local network that they are there.
//!
//! What the network says is shown and never used: anybody in it can say anything (S-080).

use std::path::Path;

use serde_json::{Value, json};
use torana_core::auth::Fingerprint;
use torana_host::lock::StateLock;
use torana_host::mdns::{self, Heard};

use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::{Caller, Client, Endpoint, Persona};
use crate::cli::words::text_of;
use crate::configuration::{self, Variables};
use crate::paths::{CONFIG_FILE, DEFAULT_PORT, DEV_PORT, Paths};

/// Folders of profiles looked at in a home; nobody has more.
const PROFILES_MAX: usize = 100;
/// How long the network is listened to, milliseconds (OpenClaw 2026.9.6).
const LISTEN_MS: u64 = 2_000;
/// Longest useful one; whoever has not answered by then does not answer.
const LISTEN_MS_MAX: u64 = 60_000;

/// Looks on this machine and in the local network.
pub(crate) async fn run(invocation: &mut Invocation) -> Result<(), Failure> {
    let listen_ms = invocation
        .wait_ms
        .take()
        .unwrap_or(LISTEN_MS)
        .min(LISTEN_MS_MAX);
    let (here, heard) = tokio::join!(here(invocation), mdns::search(&invocation.world, listen_ms));
    let (heard, fault) = match heard {
        Ok(heard) => (heard, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let beacons: Vec<Value> = heard.iter().map(beacon).collect();
    let mut value = json!({
        "gateways": here, "timeoutMs": listen_ms, "domains": ["local."], "count": beacons.len(), "beacons": beacons,
    });
    if let Some(fault) = &fault {
        value["mdnsError"] = json!(fault);
        invocation.output.note(fault);
    }
    invocation.output.either(&value, || shown(&here, &beacons))
}

fn shown(here: &[Value], beacons: &[Value]) -> String {
    let mut parts = Vec::new();
    if here.is_empty() {
        parts.push("no gateway runs on this machine".to_owned());
    } else {
        let rows = here.iter().map(|gateway| {
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
        parts.push(table(["gateway", "state", "process", "folder"], rows));
    }
    if beacons.is_empty() {
        parts.push("no gateway was heard in the local network".to_owned());
    } else {
        let rows = beacons.iter().map(|beacon| {
            [
                text_of(beacon, "displayName").to_owned(),
                text_of(beacon, "wsUrl").to_owned(),
                text_of(beacon, "host").to_owned(),
            ]
        });
        // Not in the table: a fingerprint that is cut short cannot be compared.
        let certificates: String = beacons
            .iter()
            .filter(|beacon| !text_of(beacon, "gatewayTlsSha256").is_empty())
            .map(|beacon| {
                let (name, pin) = (
                    text_of(beacon, "displayName"),
                    text_of(beacon, "gatewayTlsSha256"),
                );
                format!("certificate of {name}\n  {pin}\n")
            })
            .collect();
        let certificates = if certificates.is_empty() {
            certificates
        } else {
            certificates + "\n"
        };
        parts.push(format!(
            "{}\n\n{certificates}The network said this, and anybody in it could have: compare a certificate with what the gateway prints when it starts.",
            table(["heard", "address", "machine"], rows)
        ));
    }
    parts.join("\n\n")
}

/// Where the network found it is an address; what it says of itself is only shown.
fn beacon(heard: &Heard) -> Value {
    let fact = |name: &str| heard.facts.get(name).map(String::as_str);
    let tls = fact("gatewayTls") == Some("1");
    let address = heard.addresses.first().map(|address| {
        let host = if address.is_ipv6() {
            format!("[{address}]")
        } else {
            address.to_string()
        };
        let scheme = if tls { "wss" } else { "ws" };
        format!("{scheme}://{host}:{}", heard.port)
    });
    let addresses: Vec<String> = heard.addresses.iter().map(ToString::to_string).collect();
    let mut value = json!({
        "instanceName": heard.name, "domain": "local.", "host": heard.host, "port": heard.port,
        "displayName": fact("displayName").unwrap_or(&heard.name), "addresses": addresses, "wsUrl": address, "tls": tls,
        "txt": heard.facts,
    });
    for name in ["lanHost", "tailnetDns", "cliPath", "gatewayTlsSha256"] {
        if let Some(text) = fact(name) {
            value[name] = json!(text);
        }
    }
    for name in ["gatewayPort", "sshPort"] {
        if let Some(port) = fact(name).and_then(|text| text.parse::<u16>().ok()) {
            value[name] = json!(port);
        }
    }
    value
}

/// Gateways of this machine: those of every profile, and the usual ports.
async fn here(invocation: &Invocation) -> Vec<Value> {
    let mut found: Vec<(u16, Option<u32>, String)> = profiles(invocation);
    for port in [DEFAULT_PORT, DEV_PORT] {
        if found.iter().all(|(known, ..)| *known != port) {
            found.push((port, None, String::new()));
        }
    }
    let mut gateways = Vec::new();
    for (port, pid, state) in found {
        let pin = pin(invocation, port, Path::new(&state));
        let answers = answers(invocation, port, pin).await;
        if pid.is_some() || answers {
            let scheme = if pin.is_some() { "wss" } else { "ws" };
            gateways.push(json!({
                "url": format!("{scheme}://127.0.0.1:{port}"), "port": port, "pid": pid,
                "stateDir": Some(state).filter(|state| !state.is_empty()), "answers": answers,
            }));
        }
    }
    gateways
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

/// A gateway of this machine may speak TLS, and then the certificate is in the files of its profile. An empty state
/// stands for a gateway nobody knows the profile of.
fn pin(invocation: &Invocation, port: u16, state: &Path) -> Option<Fingerprint> {
    let is_foreign = !state.as_os_str().is_empty() && state != invocation.paths.state;
    if is_foreign {
        let paths = Paths {
            state: state.to_owned(),
            config: state.join(CONFIG_FILE),
            config_is_explicit: false,
            profile: None,
        };
        let variables = Variables::read(invocation.environment.clone(), &paths);
        let read = configuration::read(&paths, &variables).ok()?;
        return crate::compose::tls::pin(&read.loaded.config?, &paths);
    }
    let config = invocation.config().ok()?;
    if invocation.port(Some(&config)).ok() != Some(port) {
        return None;
    }
    crate::compose::tls::pin(&config, &invocation.paths)
}

/// A gateway listens there. It needs no secret to say so: being refused by one is an answer as well. Whoever shows
/// another certificate than the gateway's is not it.
async fn answers(invocation: &Invocation, port: u16, pin: Option<Fingerprint>) -> bool {
    let credentials = invocation.paths.credentials();
    let caller = Caller {
        persona: &Persona::PROBE,
        credentials: &credentials,
        world: &invocation.world,
        may_sign: false,
        wait_ms: invocation.wait_ms,
        expects_final: false,
    };
    let endpoint = Endpoint::local(port, None).pinned(pin);
    match Client::connect(&endpoint, &caller).await {
        Ok(client) => {
            client.close().await;
            true
        }
        Err(failure) => failure.reason == crate::cli::failure::Reason::Refused,
    }
}

#[cfg(test)]
mod tests {
    use torana_host::env::Environment;
    use torana_host::tls::{ServerTls, TlsFiles, own_names};

    use super::*;
    use crate::cli::args::Global;

    /// Makes the certificate of a profile that has TLS on.
    fn certified(state: &Path) -> ServerTls {
        let own = |name: &str| state.join("gateway").join("tls").join(name);
        let files = TlsFiles {
            cert: own("cert.pem"),
            key: own("key.pem"),
            ca: None,
        };
        let now_ms = torana_host::world().wall_ms();
        files
            .generate_missing(&own_names([], None), now_ms)
            .expect("a pair");
        let config = "{ gateway: { tls: { enabled: true } } }";
        std::fs::write(state.join(CONFIG_FILE), config).expect("written");
        ServerTls::load(files).expect("usable")
    }

    #[tokio::test]
    async fn a_certificate_of_another_profile_is_known_and_a_wrong_one_is_no_answer() {
        let name = format!("torana-discover-{}", torana_host::world().uuid());
        let home = std::env::temp_dir().join(name);
        let (mine, other) = (home.join(".torana"), home.join(".torana-b"));
        let (own, others) = (certified(&mine), certified(&other));
        let text = home.to_string_lossy().into_owned();
        let environment = Environment::from_pairs([("HOME", text.as_str())]);
        let mut invocation = Invocation::of(&Global::default(), environment).expect("places");
        invocation.wait_ms = Some(2_000);
        for (state, tls) in [(&mine, &own), (&other, &others)] {
            let pin = pin(&invocation, DEFAULT_PORT, state).expect("a certificate");
            assert_eq!(pin, Fingerprint::parse(&tls.fingerprint()).expect("one"));
        }

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let wrong = Fingerprint::parse(&own.fingerprint());
        let stranger = async {
            let (stream, _) = listener.accept().await.expect("a client");
            // The client goes away as soon as it saw the certificate.
            drop(others.accept(stream).await);
        };
        let (answers, ()) = tokio::join!(answers(&invocation, port, wrong), stranger);
        assert!(!answers, "somebody else has the port");
        std::fs::remove_dir_all(home).ok();
    }

    #[test]
    fn a_liar_in_the_network_sets_neither_address_nor_trust() {
        let facts = [
            ("displayName", "Kitchen\u{1b}[2J"),
            ("lanHost", "evil.local"),
            ("gatewayPort", "1"),
            ("gatewayTls", "1"),
            ("gatewayTlsSha256", "00"),
            ("sshPort", "70000"),
        ];
        let heard = Heard {
            name: "Kitchen".to_owned(),
            host: "box.local".to_owned(),
            addresses: vec!["192.168.7.2".parse().expect("one")],
            port: 18_789,
            facts: facts
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        let value = beacon(&heard);
        assert_eq!(value["wsUrl"], "wss://192.168.7.2:18789");
        assert_eq!(value["sshPort"], Value::Null, "no port");
        assert_eq!(value["gatewayTlsSha256"], "00", "shown, and nothing else");
    }
}
