//! `health` over WebSocket, eight connections that ask one after the other, beside a bare echo.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, is_answer};
use super::clock::{median, rate};
use super::floor::Floor;
use super::gateway::{Gateway, Home};
use super::report::Report;
use super::socket::Socket;
use super::{Bench, Fault, clock};

const CONNECTIONS: usize = 8;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let time = Duration::from_millis(if bench.smoke { 100 } else { 1_500 });
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &bench.world.config())?;
    let floor = Floor::start("echo", bench.world.provider.address())?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // Alternately, so that a slow moment of the machine hits both.
    for _ in 0..bench.count(3, 1) {
        bare.push(
            bench
                .world
                .runtime
                .block_on(measure(|| Socket::connect(floor.port), time))?,
        );
        let client = || async { Ok(Client::connect(&gateway, &[]).await?.socket) };
        ours.push(bench.world.runtime.block_on(measure(client, time))?);
    }
    let (ours, bare) = (median(ours), median(bare));
    report.note(&format!("{ours:.0} answers a second; bare echo {bare:.0}"));
    report.figure(
        "health_floor_percent_min",
        "share of the bare echo",
        ours / bare * 100.0,
        "%",
        Some(100.0),
    );
    gateway.stop()
}

/// Answers a second over all connections.
async fn measure<F>(connect: impl Fn() -> F, time: Duration) -> Result<f64, Fault>
where
    F: Future<Output = Result<Socket, Fault>>,
{
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        sockets.push(connect().await?);
    }
    let begun = clock::now();
    let mut tasks = tokio::task::JoinSet::new();
    for socket in sockets {
        tasks.spawn(ask(socket, begun + time));
    }
    let mut answers = 0;
    while let Some(done) = tasks.join_next().await {
        answers += done??;
    }
    Ok(rate(answers, begun.elapsed()))
}

async fn ask(mut socket: Socket, until: Instant) -> Result<usize, Fault> {
    let mut answers = 0;
    while clock::now() < until {
        let request =
            json!({ "type": "req", "id": answers.to_string(), "method": "health", "params": {} })
                .to_string();
        socket.send(&request).await?;
        loop {
            let frame = socket.next().await?;
            // What an echo sends back is the request.
            if is_answer(&frame) || frame.starts_with(b"{\"type\":\"req\"") {
                break;
            }
        }
        answers += 1;
    }
    Ok(answers)
}
