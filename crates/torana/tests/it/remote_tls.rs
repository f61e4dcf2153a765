//! A gateway elsewhere behind TLS: the certificate is pinned, or believed by the system, and otherwise nothing is sent.

use serde_json::Value;

use crate::cli::{Home, Running};

struct Place {
    url: String,
    token: String,
    fingerprint: String,
    _gateway: Running,
    _home: Home,
}

/// A gateway with a certificate of its own making.
fn place(name: &str) -> Place {
    let home = Home::new(name);
    home.write_config("{ gateway: { tls: { enabled: true } } }\n");
    let gateway = Running::start(&home);
    let status = home.run("gateway status --json");
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    let token = home.path.join(".torana/credentials/gateway-token");
    let token = std::fs::read_to_string(token).expect("the secret");
    let log = home.run("logs --tail 200");
    let fingerprint = log
        .stdout
        .split(|character: char| !character.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
        .expect("the gateway prints its fingerprint")
        .to_owned();
    Place {
        url: format!("wss://127.0.0.1:{}", status["port"]),
        token: token.trim().to_owned(),
        fingerprint,
        _gateway: gateway,
        _home: home,
    }
}

#[test]
fn only_the_pinned_certificate_is_talked_to() {
    let Place {
        url,
        token,
        fingerprint,
        ..
    } = &place("tls-gateway");
    let away = Home::new("tls-client");
    let call = format!("gateway call health --url {url} --token {token}");

    let unknown = away.run(&call);
    assert_eq!(unknown.code, Some(1), "{}", unknown.stderr);
    for part in [
        "is not trusted: no authority this system trusts has signed it",
        fingerprint,
        "--tls-fingerprint",
    ] {
        assert!(unknown.stderr.contains(part), "{part}: {}", unknown.stderr);
    }
    assert!(!unknown.stderr.contains(token), "secrets are not printed");

    let pairs: Vec<&str> = (0..32).map(|at| &fingerprint[at * 2..at * 2 + 2]).collect();
    let printed = pairs.join(":").to_uppercase();
    let known = away.run(&format!("{call} --tls-fingerprint {printed}"));
    assert_eq!(known.code, Some(0), "{}", known.stderr);
    let health: Value = serde_json::from_str(&known.stdout).expect("JSON");
    assert_eq!(health["ok"], true);

    let other = "0".repeat(64);
    let wrong = away.run(&format!("{call} --tls-fingerprint {other}"));
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
    assert!(
        wrong
            .stderr
            .contains("another certificate than the pinned one")
            && wrong.stderr.contains(fingerprint),
        "{}",
        wrong.stderr
    );
    let plain = url.replace("wss://", "ws://");
    for (line, code, said) in [
        (
            format!("{call} --tls-fingerprint AB:CD"),
            2,
            "is not the SHA-256",
        ),
        (
            format!("gateway call health --url {plain} --token {token} --tls-fingerprint {other}"),
            2,
            "is not encrypted",
        ),
        (
            format!("gateway call health --url {plain} --token {token}"),
            69,
            "wss://",
        ),
    ] {
        let ran = away.run(&line);
        assert_eq!(ran.code, Some(code), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_configuration_for_a_gateway_elsewhere_serves_every_command() {
    let Place {
        url,
        token,
        fingerprint,
        ..
    } = &place("remote-mode-gateway");
    let away = Home::new("remote-mode-client");
    let remote = |rest: &str| {
        away.write_config(&format!(
            "{{ gateway: {{ mode: 'remote', remote: {{ url: '{url}', {rest} }} }} }}\n"
        ));
    };
    remote(&format!(
        "tlsFingerprint: '{fingerprint}', token: '{token}'"
    ));
    for line in [
        "health",
        "status",
        "sessions",
        "devices",
        "nodes",
        "users",
        "audit",
        "models",
        "agents",
        "channels status",
        "approvals get",
        "approvals grants",
        "system presence",
        "outbox list",
        "gateway probe",
        "gateway health",
        "gateway stability",
        "logs --tail 1",
    ] {
        let ran = away.run(line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
    }
    let status = away.run("gateway status --json");
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert!(
        status["url"]
            .as_str()
            .is_some_and(|told| told.starts_with(url)),
        "{status}"
    );
    let expected = away.run("gateway call health --expect-url ws://127.0.0.1:1");
    assert_eq!(expected.code, Some(2), "{}", expected.stderr);
    // A gateway of this machine is no substitute for one elsewhere, least of all for stopping it.
    let local = Home::new("remote-mode-local");
    let _running = Running::start(&local);
    let stopped = local.run("gateway stop --url ws://127.0.0.1:1 --token t");
    assert_eq!(stopped.code, Some(69), "{}", stopped.stderr);
    assert_eq!(local.run("health").code, Some(0), "it still runs");
    let refused = away.run("gateway run");
    assert_eq!(refused.code, Some(78), "{}", refused.stderr);
}

#[test]
fn a_secret_goes_only_where_it_was_meant_for() {
    let Place {
        url,
        token,
        fingerprint,
        ..
    } = &place("remote-secret-gateway");
    let away = Home::new("remote-secret-client");
    let remote = |rest: &str| {
        away.write_config(&format!(
            "{{ gateway: {{ mode: 'remote', remote: {{ url: '{url}', {rest} }} }} }}\n"
        ));
    };
    remote(&format!(
        "tlsFingerprint: '{fingerprint}', token: '{token}'"
    ));
    // Another address inherits nothing of it, and this machine is still reached by its port.
    let elsewhere = away.run("health --url wss://127.0.0.1:1");
    assert_eq!(elsewhere.code, Some(2), "{}", elsewhere.stderr);
    let here = away.run("health --port 1");
    assert!(
        here.stderr.contains("no gateway is running"),
        "{}",
        here.stderr
    );

    // Without a pin, with a wrong one, and with a secret that is not there, nothing is sent.
    for (rest, said) in [
        (format!("token: '{token}'"), "is not trusted"),
        (
            format!("token: '{token}', tlsFingerprint: '{}'", "0".repeat(64)),
            "another certificate",
        ),
        (
            format!("token: '${{NOT_SET}}', tlsFingerprint: '{fingerprint}'"),
            "NOT_SET",
        ),
        (format!("tlsFingerprint: '{fingerprint}'"), "needs --token"),
    ] {
        remote(&rest);
        let ran = away.run("health");
        assert_ne!(ran.code, Some(0), "{rest}");
        assert!(ran.stderr.contains(said), "{rest}: {}", ran.stderr);
    }
    remote("tlsFingerprint: 'AB'");
    let broken = away.run("health");
    assert_eq!(broken.code, Some(78), "{}", broken.stderr);
    remote(&format!("tlsFingerprint: '{fingerprint}'"));
    let mut command = away.command("health");
    let ran = command
        .env("OPENCLAW_GATEWAY_TOKEN", token)
        .output()
        .expect("it ran");
    assert!(ran.status.success(), "the environment's secret is used");
    // The environment may also name the place; only its own secrets go there, and the pin still holds.
    away.write_config(&format!(
        "{{ gateway: {{ remote: {{ url: '{url}', tlsFingerprint: '{fingerprint}', token: 'not-for-this' }} }} }}\n"
    ));
    for (with_token, is_well) in [(true, true), (false, false)] {
        let mut command = away.command("health");
        command.env("TORANA_GATEWAY_URL", url);
        if with_token {
            command.env("TORANA_GATEWAY_TOKEN", token);
        }
        assert_eq!(command.output().expect("it ran").status.success(), is_well);
    }
}
