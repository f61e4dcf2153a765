//! A gateway elsewhere: the command line proves its device, is told how to be let in, and then needs no secret any more.
//!
//! The way there is a proxy of this machine that says for whom it speaks, so that the gateway sees a client from afar.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use crate::cli::{Home, Running};

/// Largest head of an upgrade request we make.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Starts a proxy in front of a port and gives its own. Its threads end with the connections.
fn proxy(gateway: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || forward(client, gateway));
        }
    });
    port
}

fn forward(mut client: TcpStream, gateway: u16) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"X-Forwarded-For: 203.0.113.9\r\n\r\n");
    let mut server = TcpStream::connect(("127.0.0.1", gateway)).ok()?;
    server.write_all(&head).ok()?;
    let (mut back_from, mut back_to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    let back = std::thread::spawn(move || {
        drop(std::io::copy(&mut back_from, &mut back_to));
        drop(back_to.shutdown(Shutdown::Both));
    });
    drop(std::io::copy(&mut client, &mut server));
    drop(server.shutdown(Shutdown::Both));
    back.join().ok()
}

#[test]
fn a_device_is_let_in_once_and_then_needs_no_secret() {
    let home = Home::new("remote-gateway");
    home.write_config("{ gateway: { trustedProxies: [\"127.0.0.1\"] } }\n");
    let _gateway = Running::start(&home);
    let status = home.run("gateway status --json");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    let port = u16::try_from(status["port"].as_u64().expect("a port")).expect("small");
    let credentials = home.path.join(".torana").join("credentials");
    let token = std::fs::read_to_string(credentials.join("gateway-token")).expect("the secret");
    let token = token.trim();

    let away = Home::new("remote-client");
    let url = format!("ws://127.0.0.1:{}", proxy(port));
    let asked = away.run(&format!("sessions --url {url} --token {token}"));
    assert_eq!(asked.code, Some(1), "{}", asked.stderr);
    assert!(
        asked.stderr.contains("pairing required"),
        "{}",
        asked.stderr
    );
    let request = asked
        .stderr
        .split("torana devices approve ")
        .nth(1)
        .and_then(|rest| rest.split('`').next())
        .expect("what to do")
        .to_owned();
    assert!(!asked.stderr.contains(token), "secrets are not printed");

    let looked = home.run("devices approve");
    assert!(looked.stdout.contains(&request[..8]), "{}", looked.stdout);
    let approved = home.run(&format!("devices approve {request}"));
    assert_eq!(approved.code, Some(0), "{}", approved.stderr);

    let with_secret = away.run(&format!("sessions --url {url} --token {token}"));
    assert_eq!(with_secret.code, Some(0), "{}", with_secret.stderr);
    let without = away.run(&format!("sessions --url {url}"));
    assert_eq!(without.code, Some(0), "{}", without.stderr);
    let elsewhere = away.run("sessions --url ws://127.0.0.1:1");
    assert_eq!(elsewhere.code, Some(2), "its token goes nowhere else");

    for name in ["device-key", "device-tokens.json"] {
        let file = away.path.join(".torana").join("credentials").join(name);
        let mode = std::fs::metadata(file).expect("kept").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let wrong = away.run(&format!(
        "sessions --url {url} --token not-the-secret-of-this-gateway"
    ));
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
}

#[test]
fn operators_are_told_what_a_gateway_offers_and_what_not() {
    let home = Home::new("operate");
    let _gateway = Running::start(&home);
    let health = home.run("gateway call health");
    let value: serde_json::Value = serde_json::from_str(&health.stdout).expect("JSON");
    assert_eq!((health.code, value["ok"].as_bool()), (Some(0), Some(true)));
    let unknown = home.run("gateway call no.such.method");
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown
            .stderr
            .contains("this gateway does not offer `no.such.method`"),
        "{}",
        unknown.stderr
    );
    assert_eq!(home.run("gateway call health --params [1]").code, Some(2));
    let probe = home.run("gateway probe");
    assert_eq!(probe.code, Some(0), "{}", probe.stderr);
    assert!(probe.stdout.contains("Reachable  yes"), "{}", probe.stdout);
    assert!(
        probe.stdout.contains("Signed in  the secret was accepted"),
        "{}",
        probe.stdout
    );
    let found = home.run("gateway discover --json --timeout 100");
    let found: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert_eq!(
        found["gateways"][0]["answers"].as_bool(),
        Some(true),
        "{found}"
    );
    let agents = home.run("agents");
    assert!(
        agents.stdout.contains("main (default)"),
        "{}{}",
        agents.stdout,
        agents.stderr
    );
    // Offered or not, each of them ends with an answer or with a sentence, and never with a riddle.
    for line in [
        "devices",
        "nodes",
        "nodes pending",
        "approvals get",
        "approvals pending",
        "users",
        "audit",
        "system presence",
        "system heartbeat last",
        "models",
        "models status",
        "agents identity main",
    ] {
        let ran = home.run(line);
        let is_said = ran.stderr.contains("this gateway does not offer");
        assert!(
            ran.code == Some(0) && !ran.stdout.is_empty() || ran.code == Some(1) && is_said,
            "{line}: {:?} {}{}",
            ran.code,
            ran.stdout,
            ran.stderr
        );
    }
    let added = home.run("approvals allowlist add /usr/bin/rg --agent main");
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    assert!(added.stdout.contains("/usr/bin/rg"), "{}", added.stdout);
    let removed = home.run("approvals allowlist remove /usr/bin/rg --agent main");
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    assert!(
        !removed.stdout.contains("/usr/bin/rg"),
        "{}",
        removed.stdout
    );
    let again = home.run("approvals allowlist remove /usr/bin/rg --agent main");
    assert_eq!(again.code, Some(0), "so it is already: {}", again.stderr);
    assert_eq!(
        home.run("agents delete main").code,
        Some(2),
        "a script says --yes"
    );
}
