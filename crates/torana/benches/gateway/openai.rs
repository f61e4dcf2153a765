//! What `/v1/chat/completions` adds to a call of the model: eight callers, one call after the other each.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use super::clock::{ms, percentile};
use super::floor::question;
use super::gateway::{Gateway, Home};
use super::http::Caller;
use super::report::Report;
use super::{Bench, Fault, clock};

const CALLERS: usize = 8;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let calls = bench.count(400, 10);
    bench.world.pieces(4);
    let runtime = &bench.world.runtime;
    let home = Home::new()?;
    let gateway = Gateway::start(&home, &bench.world.config())?;
    gateway.ready()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.port));
    let body = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "How long does it take you?" }] });
    let body = body.to_string();
    // The first calls open connections.
    runtime.block_on(measure(address, Some(&gateway.token), &body, calls / 10))?;
    let mut direct = runtime.block_on(measure(
        bench.world.provider.address(),
        None,
        &question("How long does it take you?"),
        calls,
    ))?;
    let mut ours = runtime.block_on(measure(address, Some(&gateway.token), &body, calls))?;
    gateway.stop()?;
    let (direct, ours) = (percentile(&mut direct, 0.5), percentile(&mut ours, 0.5));
    report.note(&format!(
        "through the gateway {:.2} ms, the model itself {:.2} ms",
        ms(ours),
        ms(direct)
    ));
    report.figure(
        "openai_added_p50_ms_max",
        "added latency, p50",
        ms(ours.saturating_sub(direct)),
        "ms",
        Some(0.0),
    );
    Ok(())
}

async fn measure(
    address: SocketAddr,
    token: Option<&str>,
    body: &str,
    calls: usize,
) -> Result<Vec<Duration>, Fault> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let mut caller = Caller::connect(address, token).await?;
        let body = body.to_owned();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..calls {
                let begun = clock::now();
                caller.post("/v1/chat/completions", &body).await?;
                times.push(begun.elapsed());
            }
            Ok::<_, Fault>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}
