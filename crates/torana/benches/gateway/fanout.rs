//! One streaming run to a thousand listeners.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::client::{Client, SCOPED, field, is_event};
use super::clock::{median, rate};
use super::floor::Floor;
use super::gateway::{Gateway, Home};
use super::report::Report;
use super::socket::Socket;
use super::{Bench, Fault, clock};

const LISTENERS: usize = 1_000;
/// Pieces of the answer: enough that a thousand listeners keep two cores busy for a second.
const PIECES: usize = 400;
/// Longest a listener waits for the end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let listeners = bench.count(LISTENERS, 20);
    bench.world.pieces(PIECES);
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &bench.world.config())?;
    let floor = Floor::start("fanout", bench.world.provider.address())?;
    let runtime = &bench.world.runtime;
    let (mut ours, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0);
    for round in 0..bench.count(3, 1) {
        let heard = runtime.block_on(gateway_run(&gateway, listeners, round))?;
        ours.push(rate(heard.events, heard.time));
        bytes = heard.bytes / heard.events.max(1);
        bare.push(runtime.block_on(floor_run(&floor, listeners, bytes))?);
    }
    report.note(&format!(
        "{listeners} listeners, about {bytes} bytes an event"
    ));
    report.figure(
        "fanout_events_per_second_min",
        "events delivered",
        median(ours),
        "/s",
        Some(median(bare)),
    );
    gateway.stop()
}

/// What all listeners heard together.
struct Heard {
    events: usize,
    bytes: usize,
    time: Duration,
}

async fn gateway_run(gateway: &Gateway, listeners: usize, round: usize) -> Result<Heard, Fault> {
    let mut sockets = Vec::new();
    for _ in 0..listeners {
        sockets.push(Client::connect(gateway, &[]).await?.socket);
    }
    let mut speaker = Client::connect(gateway, SCOPED).await?;
    let params = json!({
        "sessionKey": format!("agent:main:fanout-{round}"),
        "message": "Tell a thousand people. ".repeat(25),
        "idempotencyKey": format!("fanout-{round}-{}", std::process::id()),
    });
    let begun = clock::now();
    let mut tasks = JoinSet::new();
    for socket in sockets {
        tasks.spawn(tokio::time::timeout(PATIENCE, listen(socket)));
    }
    speaker.call("chat.send", &params).await?;
    let (mut events, mut bytes) = (0, 0);
    while let Some(done) = tasks.join_next().await {
        let (more_events, more_bytes) = done???;
        events += more_events;
        bytes += more_bytes;
    }
    Ok(Heard {
        events,
        bytes,
        time: begun.elapsed(),
    })
}

/// Counts the events of the run until its last.
async fn listen(mut socket: Socket) -> Result<(usize, usize), Fault> {
    let (mut events, mut bytes) = (0, 0);
    loop {
        let frame = socket.next().await?;
        let is_chat = is_event(&frame, "chat");
        if !is_chat && !is_event(&frame, "agent") {
            continue;
        }
        events += 1;
        bytes += frame.len();
        if is_chat {
            match field(std::str::from_utf8(&frame)?, "state") {
                Some("final") => return Ok((events, bytes)),
                Some("error" | "aborted") => {
                    return Err(String::from_utf8_lossy(&frame).into_owned().into());
                }
                _ => {}
            }
        }
    }
}

/// As many frames of the same size from the bare server.
async fn floor_run(floor: &Floor, listeners: usize, bytes: usize) -> Result<f64, Fault> {
    let mut sockets = Vec::new();
    for _ in 0..listeners {
        sockets.push(Socket::connect(floor.port).await?);
    }
    let mut speaker = Socket::connect(floor.port).await?;
    let begun = clock::now();
    let mut tasks = JoinSet::new();
    for mut socket in sockets {
        tasks.spawn(async move {
            for _ in 0..PIECES {
                socket.next().await?;
            }
            Ok::<_, Fault>(())
        });
    }
    speaker.send(&format!("go {PIECES} {bytes}")).await?;
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(rate(listeners * PIECES, begun.elapsed()))
}
