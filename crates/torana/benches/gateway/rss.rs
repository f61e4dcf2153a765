//! Memory: idle, after a day's work, and of every client that only listens.

use std::time::Duration;

use super::client::Client;
use super::drive::{Plan, drive};
use super::floor::Floor;
use super::gateway::{Gateway, Home, rss_kib};
use super::report::Report;
use super::socket::Socket;
use super::{Bench, Fault, clock};

const CLIENTS: usize = 5_000;
/// Handshakes at once: fewer than the strangers a gateway lets in.
const HANDSHAKES_MAX: usize = 64;
/// What is freed after a burst is given back within this time.
const REST: Duration = Duration::from_millis(1_500);

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let platform = bench.world.platform()?;
    let config = bench.world.config_with_telegram(&platform);
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &config)?;
    gateway.ready()?;
    clock::sleep(REST);
    let idle = gateway.rss_kib()?;
    report.figure(
        "rss_idle_mib_max",
        "idle, with UI, WebChat and a Telegram account",
        idle / 1024.0,
        "MiB",
        None,
    );
    clients(bench, &gateway, idle, report)?;
    gateway.stop()?;

    let home = Home::new()?;
    let gateway = Gateway::start(&home, &config)?;
    gateway.ready()?;
    let plan = Plan {
        connections: 8,
        in_flight: 1,
        turns: bench.count(10_000, 200),
    };
    bench.world.pieces(4);
    bench.world.runtime.block_on(drive(&gateway, plan))?;
    clock::sleep(REST);
    let used = gateway.rss_kib()? / 1024.0;
    report.figure(
        "rss_used_mib_max",
        "after 10,000 turns over 1,000 sessions",
        used,
        "MiB",
        None,
    );
    gateway.stop()
}

fn clients(bench: &Bench, gateway: &Gateway, idle: f64, report: &mut Report) -> Result<(), Fault> {
    let count = bench.count(CLIENTS, 50);
    let floor = Floor::start("echo", bench.world.provider.address())?;
    let runtime = &bench.world.runtime;
    let before = rss_kib(floor.pid())?;
    let bare = runtime.block_on(many(count, || Socket::connect(floor.port)))?;
    clock::sleep(REST);
    let bare_each = (rss_kib(floor.pid())? - before) / share(bare.len());
    drop(bare);
    let held = runtime.block_on(many(count, || Client::connect(gateway, &[])))?;
    clock::sleep(REST);
    let each = (gateway.rss_kib()? - idle) / share(held.len());
    report.figure(
        "rss_client_kib_max",
        "each idle client of 5,000",
        each,
        "KiB",
        Some(bare_each),
    );
    drop(held);
    Ok(())
}

fn share(count: usize) -> f64 {
    f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX))
}

/// Connects many times, a few at once.
async fn many<T, F>(count: usize, connect: impl Fn() -> F) -> Result<Vec<T>, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut found = Vec::with_capacity(count);
    while found.len() < count {
        let batch = (0..HANDSHAKES_MAX.min(count - found.len())).map(|_| connect());
        for connected in futures_util::future::join_all(batch).await {
            found.push(connected?);
        }
    }
    Ok(found)
}
