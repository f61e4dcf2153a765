//! Clients that come: socket, challenge, `connect` and hello, thirty-two at once, beside a bare upgrade with one echo.

use std::time::{Duration, Instant};

use super::client::Client;
use super::clock::{self, ms, percentile, rate};
use super::floor::Floor;
use super::gateway::{Gateway, Home};
use super::report::Report;
use super::socket::Socket;
use super::{Bench, Fault};

/// Clients under way at once, as the budget says.
const AT_ONCE: usize = 32;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let time = Duration::from_millis(if bench.smoke { 100 } else { 2_000 });
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &bench.world.config())?;
    let floor = Floor::start("echo", bench.world.provider.address())?;
    let runtime = &bench.world.runtime;
    let bare = || async {
        let mut socket = Socket::connect(floor.port).await?;
        socket.send("{}").await?;
        socket.next().await.map(drop)
    };
    let (mut floor_times, floor_rate) = runtime.block_on(measure(bare, time))?;
    let ours = || async { Client::connect(&gateway, &[]).await.map(drop) };
    let (mut times, per_second) = runtime.block_on(measure(ours, time))?;
    // At full load the time of one is only the number under way divided by the rate, so it is taken from bursts.
    let (mut bursts, mut floor_bursts) = (Vec::new(), Vec::new());
    for _ in 0..bench.count(40, 2) {
        floor_bursts.extend(runtime.block_on(burst(&bare))?);
        bursts.extend(runtime.block_on(burst(&ours))?);
    }
    report.note(&format!(
        "under full load half take less than {:.1} ms, a bare upgrade {:.1} ms",
        ms(percentile(&mut times, 0.5)),
        ms(percentile(&mut floor_times, 0.5))
    ));
    report.figure(
        "connect_p50_ms_max",
        "connect to hello in bursts of 32, p50",
        ms(percentile(&mut bursts, 0.5)),
        "ms",
        Some(ms(percentile(&mut floor_bursts, 0.5))),
    );
    report.figure(
        "connects_per_second_min",
        "connects a second",
        per_second,
        "/s",
        Some(floor_rate),
    );
    gateway.stop()
}

/// The time of each and how many a second, with [`AT_ONCE`] under way all the time.
async fn measure<F>(connect: impl Fn() -> F, time: Duration) -> Result<(Vec<Duration>, f64), Fault>
where
    F: Future<Output = Result<(), Fault>>,
{
    let begun = clock::now();
    let until = begun + time;
    let workers = (0..AT_ONCE).map(|_| again(&connect, until));
    let mut times = Vec::new();
    for done in futures_util::future::join_all(workers).await {
        times.extend(done?);
    }
    let per_second = rate(times.len(), begun.elapsed());
    Ok((times, per_second))
}

async fn again<F>(connect: &impl Fn() -> F, until: Instant) -> Result<Vec<Duration>, Fault>
where
    F: Future<Output = Result<(), Fault>>,
{
    let mut times = Vec::new();
    while clock::now() < until {
        let begun = clock::now();
        connect().await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// The time of each of [`AT_ONCE`] that come together after a quiet moment.
async fn burst<F>(connect: &impl Fn() -> F) -> Result<Vec<Duration>, Fault>
where
    F: Future<Output = Result<(), Fault>>,
{
    tokio::time::sleep(Duration::from_millis(10)).await;
    let one = || async {
        let begun = clock::now();
        connect().await?;
        Ok::<_, Fault>(begun.elapsed())
    };
    let all = futures_util::future::join_all((0..AT_ONCE).map(|_| one())).await;
    all.into_iter().collect()
}
