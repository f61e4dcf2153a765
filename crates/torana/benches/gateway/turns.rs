//! Turns per second: eight connections, answers in twenty pieces, durable.

use super::clock::{median, rate};
use super::drive::{Plan, drive};
use super::floor::Floor;
use super::gateway::{Gateway, Home};
use super::report::Report;
use super::socket::Socket;
use super::{Bench, Fault, clock};

/// Turns under way at once on each connection; people on one connection write in several sessions.
const IN_FLIGHT: usize = 8;
const CONNECTIONS: usize = 8;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let turns = bench.count(4_800, 128);
    bench.world.pieces(20);
    let runtime = &bench.world.runtime;
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &bench.world.config())?;
    let floor = Floor::start("turn", bench.world.provider.address())?;
    let plan = Plan {
        connections: CONNECTIONS,
        in_flight: IN_FLIGHT,
        turns,
    };
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..bench.count(3, 1) {
        bare.push(runtime.block_on(floor_turns(&floor, turns))?);
        let driven = runtime.block_on(drive(&gateway, plan))?;
        ours.push(rate(driven.latencies.len(), driven.elapsed));
    }
    report.figure(
        "turns_per_second_min",
        "turns, 8 connections with 8 sessions each",
        median(ours),
        "/s",
        Some(median(bare)),
    );
    gateway.stop()
}

/// The same load on the bare server.
async fn floor_turns(floor: &Floor, turns: usize) -> Result<f64, Fault> {
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        sockets.push(Socket::connect(floor.port).await?);
    }
    let begun = clock::now();
    let mut tasks = tokio::task::JoinSet::new();
    for socket in sockets {
        tasks.spawn(talk(socket, turns / CONNECTIONS));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(rate(turns, begun.elapsed()))
}

async fn talk(mut socket: Socket, turns: usize) -> Result<(), Fault> {
    let text = |number: usize| {
        format!("turn {number}: how long does it take you to say all of this again?")
    };
    let mut sent = IN_FLIGHT.min(turns);
    for number in 0..sent {
        socket.send(&text(number)).await?;
    }
    let mut finished = 0;
    while finished < turns {
        if !socket.next().await?.starts_with(b"final") {
            continue;
        }
        finished += 1;
        if sent < turns {
            socket.send(&text(sent)).await?;
            sent += 1;
        }
    }
    Ok(())
}
