//! Strangers at the door (R-25, S-046 to S-049): connections that say nothing, say it slowly, or take every descriptor.
//! Others are served meanwhile, each is closed at its deadline, and nothing stays behind.
//!
//! The deadlines are seconds, so the gateway's monotonic clock is moved instead of waiting for them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::gateway::Gateway;
use super::http;
use super::kill::{self, SHORT, say};
use super::scene::Scene;
use super::shim::{Faults, Shim};
use crate::wait;

/// Strangers of each kind; all together stay below the bound for this machine (256), so that nobody has to leave early.
const EACH: usize = 45;
/// Somebody else is answered in this time; the promise of 200 ms is for a release build on an idle machine.
const OTHERS_MAX: Duration = Duration::from_secs(2);
/// Real time for the gateway to do what the moved clock says is due.
const DUE_MAX: Duration = Duration::from_secs(10);
/// What each kind says before it falls silent, and its last moment, milliseconds after connecting.
const KINDS: [(&str, &str, i64); 4] = [
    ("silence", "", 11_000),
    ("half a head", "GET /health HTTP/1.1\r\nHo", 11_000),
    (
        "half a body",
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"model\"",
        31_000,
    ),
    (
        "half a handshake",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        16_000,
    ),
];

/// Descriptors in the shortage: the gateway's own and a few more.
const SPARE: usize = 24;
/// Connections that want one.
const CROWD: usize = 120;
/// What an accept loop may use of a processor in a shortage (R-25: 20 %), and what people's messages cost beside it.
const BUSY_SHARE: f64 = 0.6;

fn strangers(address: SocketAddr, what: &str, count: usize) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(address).expect("the door is open");
        stream.write_all(what.as_bytes()).expect("it listens");
        stream.set_nonblocking(true).expect("a socket can be asked");
        stream
    };
    (0..count).map(connect).collect()
}

/// Whether the other side has closed; what it said before does not matter.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}

fn open(streams: &mut Vec<TcpStream>) -> usize {
    streams.retain_mut(|stream| !is_closed(stream));
    streams.len()
}

#[test]
fn slow_strangers_are_served_last_and_sent_away_in_time() {
    let seed = kill::seed();
    let mut scene = Scene::new("siege", seed, SHORT);
    let Some(shim) = Shim::of("siege", &scene) else {
        return scene.clean();
    };
    say(&format!(
        "crash siege: seed {seed}, {} slow strangers",
        KINDS.len() * EACH
    ));
    scene.place.environment = shim.environment(Faults::default());
    let mut gateway = scene.place.start().ready();
    let before = gateway.descriptors();
    let token = std::fs::read_to_string(scene.place.state.join("credentials/gateway-token"));
    let token = token.expect("the gateway made itself a token");
    let address = scene.place.address();
    let mut crowd: Vec<(&str, Vec<TcpStream>, i64)> = KINDS
        .into_iter()
        .map(|(name, what, until_ms)| {
            let what = what.replace("TOKEN", token.trim());
            (name, strangers(address, &what, EACH), until_ms)
        })
        .collect();
    scene.write_for(Duration::from_millis(300));
    let took = gateway.health();
    assert!(
        took < OTHERS_MAX,
        "health took {took:?} among slow strangers"
    );
    for (name, streams, _) in &mut crowd {
        assert_eq!(open(streams), EACH, "{name}: they have more time than this");
    }
    let mut deadlines: Vec<i64> = crowd.iter().map(|(_, _, until_ms)| *until_ms).collect();
    deadlines.sort_unstable();
    deadlines.dedup();
    for now_ms in deadlines {
        shim.set_clock(now_ms, now_ms);
        for (name, streams, until_ms) in &mut crowd {
            if *until_ms <= now_ms {
                wait::until(&format!("{name}: all are closed"), DUE_MAX, || {
                    // Asking wakes the gateway up, so that it looks at its clock.
                    gateway.health();
                    (open(streams) == 0).then_some(())
                });
            }
        }
    }
    drop(crowd);
    // A few for what came and went with people's messages.
    wait::until("no descriptor is left behind", DUE_MAX, || {
        (gateway.descriptors() <= before + 16).then_some(())
    });
    gateway.expect_alive();
    let is_settled = scene.settle(|| gateway.expect_alive());
    assert!(is_settled, "work does not go on by itself");
    gateway.kill();
    scene.place.environment.clear();
    kill::finish("siege", seed, scene, 0);
}

#[test]
fn a_shortage_of_descriptors_stops_nobody_for_long() {
    let seed = kill::seed();
    let mut scene = Scene::new("shortage", seed, SHORT);
    say(&format!(
        "crash shortage: seed {seed}, {CROWD} connections for {SPARE} descriptors"
    ));
    let mut gateway = scene.place.start().ready();
    // So that its own connections are there before it becomes tight.
    scene.write_for(Duration::from_millis(500));
    let own = gateway.descriptors();
    gateway.limit_descriptors(u64::try_from(own + SPARE).expect("few"));
    let address = scene.place.address();
    let crowd = strangers(address, "", CROWD);
    let share = {
        let share = gateway.processor_share(Duration::from_millis(1_500));
        scene.write_for(Duration::from_millis(800));
        share
    };
    assert!(
        share < BUSY_SHARE,
        "{share:.2} of a processor while nothing can be accepted"
    );
    // The one that has been silent longest leaves for somebody who speaks.
    wait::until("somebody new is answered in the shortage", DUE_MAX, || {
        answers(&gateway, address)
    });
    drop(crowd);
    wait::until("it recovers", DUE_MAX, || answers(&gateway, address));
    let is_settled = scene.settle(|| gateway.expect_alive());
    assert!(is_settled, "work does not go on by itself");
    let status = gateway.stop();
    assert!(status.success(), "it ended with {status}");
    kill::finish("shortage", seed, scene, 0);
}

fn answers(_gateway: &Gateway, address: SocketAddr) -> Option<()> {
    matches!(http::get(address, "/health"), Ok((200, _))).then_some(())
}
