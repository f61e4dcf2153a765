//! One turn at a time, durable: from `chat.send` to `final`, without the time the model takes for itself.

use std::time::Duration;

use super::clock::{ms, percentile};
use super::drive::{Plan, drive};
use super::floor::{Floor, question};
use super::gateway::{Gateway, Home};
use super::http::Caller;
use super::report::Report;
use super::socket::Socket;
use super::{Bench, Fault, clock};

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let turns = bench.count(2_000, 50);
    bench.world.pieces(4);
    let runtime = &bench.world.runtime;
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &bench.world.config())?;
    let floor = Floor::start("turn", bench.world.provider.address())?;
    let plan = Plan {
        connections: 1,
        in_flight: 1,
        turns,
    };
    // The first turns open connections and fill caches.
    runtime.block_on(drive(
        &gateway,
        Plan {
            turns: turns / 10,
            ..plan
        },
    ))?;
    let mut model = runtime.block_on(model(bench, turns))?;
    let mut bare = runtime.block_on(bare(&floor, turns))?;
    let mut ours = runtime.block_on(drive(&gateway, plan))?.latencies;
    gateway.stop()?;
    let model = percentile(&mut model, 0.5);
    report.note(&format!("the model itself takes {:.2} ms", ms(model)));
    for (budget, what, part) in [
        ("turn_p50_ms_max", "one turn, p50", 0.5),
        ("turn_p99_ms_max", "one turn, p99", 0.99),
    ] {
        let (ours, bare) = (percentile(&mut ours, part), percentile(&mut bare, part));
        let added = |time: Duration| ms(time.saturating_sub(model));
        report.figure(budget, what, added(ours), "ms", Some(added(bare)));
    }
    Ok(())
}

async fn model(bench: &Bench, turns: usize) -> Result<Vec<Duration>, Fault> {
    let mut caller = Caller::connect(bench.world.provider.address(), None).await?;
    let question = question("How long does it take you to say all of this again?");
    let mut times = Vec::new();
    for _ in 0..turns {
        let begun = clock::now();
        caller.post("/v1/chat/completions", &question).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

async fn bare(floor: &Floor, turns: usize) -> Result<Vec<Duration>, Fault> {
    let mut socket = Socket::connect(floor.port).await?;
    let mut times = Vec::new();
    for number in 0..turns {
        let begun = clock::now();
        socket
            .send(&format!(
                "turn {number}: how long does it take you to say all of this again?"
            ))
            .await?;
        while !socket.next().await?.starts_with(b"final") {}
        times.push(begun.elapsed());
    }
    Ok(times)
}
