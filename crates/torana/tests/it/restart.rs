//! A restart of the real process by a client's word: the same process and port, and nobody who connects meanwhile is
//! refused.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::cli::{Home, Running};
use crate::wait;

/// The start of a development build on a busy machine, and a drain.
const ANSWER_MAX: Duration = Duration::from_secs(60);

fn facts(home: &Home) -> Value {
    let ran = home.run("gateway status --json");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// What became of the attempts to reach the gateway.
#[derive(Default)]
struct Tally {
    served: u32,
    refused: u32,
}

/// Connects again and again, as a client does that does not know of the restart.
fn knock(address: SocketAddr, over: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    while !over.load(Ordering::SeqCst) {
        let mut stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                tally.refused += 1;
                continue;
            }
            Err(_) => continue,
        };
        drop(stream.set_read_timeout(Some(ANSWER_MAX)));
        let request = "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        // One that was accepted right before the end may be closed without an answer; it was not refused.
        let is_served = stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200");
        tally.served += u32::from(is_served);
    }
    tally
}

#[test]
fn a_restart_keeps_process_and_port_and_refuses_nobody_who_connects_meanwhile() {
    let home = Home::new("restart");
    let _gateway = Running::start(&home);
    let before = facts(&home);
    let port = u16::try_from(before["port"].as_u64().expect("a port")).expect("a port");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let over = Arc::new(AtomicBool::new(false));
    let knocking = std::thread::spawn({
        let over = Arc::clone(&over);
        move || knock(address, &over)
    });
    let ran = home.run("gateway restart");
    over.store(true, Ordering::SeqCst);
    let tally = knocking.join().expect("no panic");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "the gateway restarted\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(tally.refused, 0, "{} were served", tally.served);
    assert!(tally.served > 0);
    let after = facts(&home);
    assert_eq!(
        (&after["pid"], &after["port"]),
        (&before["pid"], &before["port"])
    );
    assert!(after["uptimeMs"].as_u64() < before["uptimeMs"].as_u64().map(|time| time + 60_000));
    let acts = home.run("gateway call torana.audit.list --json");
    assert!(
        acts.stdout.contains("gateway.restart.request"),
        "{}",
        acts.stdout
    );
}

/// The same port of other addresses is in the way of itself until the old sockets are let go.
#[test]
fn a_gateway_that_listens_elsewhere_after_a_change_is_the_same_process() {
    let home = Home::new("rebind");
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("a free port").port();
    home.write_config(&format!("{{ gateway: {{ port: {port} }} }}"));
    let _gateway = Running::run(&home, "gateway run");
    let before = facts(&home);
    for (bind, address) in [("lan", "0.0.0.0"), ("loopback", "127.0.0.1")] {
        let ran = home.run(&format!("config set gateway.bind {bind}"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let listens = format!("{address}:{port}");
        wait::until(&listens, ANSWER_MAX, || {
            let sockets = std::fs::read_to_string("/proc/net/tcp").expect("a list");
            sockets.contains(&hex(address, port)).then_some(())
        });
        wait::until("an answer", ANSWER_MAX, || {
            (home.run("health").code == Some(0)).then_some(())
        });
        assert_eq!(facts(&home)["pid"], before["pid"], "{bind}");
    }
}

/// A listening socket as the kernel lists it (proc(5), `/proc/net/tcp`).
fn hex(address: &str, port: u16) -> String {
    let address: std::net::Ipv4Addr = address.parse().expect("an address");
    let number = u32::from_ne_bytes(address.octets());
    format!("{number:08X}:{port:04X} 00000000:0000 0A")
}
