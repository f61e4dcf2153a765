//! The two pages that every chat client reads when it opens: 200 of a hundred thousand sessions, and the newest 200 of
//! fifty thousand messages.

use serde_json::{Value, json};

use super::client::Client;
use super::clock::{self, ms, percentile};
use super::gateway::{Gateway, Home};
use super::report::Report;
use super::{Bench, Fault, stored};

const SESSIONS: usize = 100_000;
const LINES: usize = 50_000;
/// Rows of a page, as the pages of OpenClaw 2026.9.6 ask for.
const ROWS: usize = 200;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    bench.world.pieces(4);
    let config = bench.world.config();
    let home = Home::new()?;
    stored::fill(bench, &home, &config, bench.count(SESSIONS, 1_000), 1)?;
    stored::lengthen(&home, bench.count(LINES, 1_000))?;
    let gateway = Gateway::start(&home, &config)?;
    let list = json!({
        "limit": ROWS, "includeGlobal": true, "includeUnknown": true, "configuredAgentsOnly": true,
        "includeDerivedTitles": true, "includeLastMessage": true, "ownerFirst": true, "agentId": "main",
    });
    let history = json!({ "sessionKey": "agent:main:stored-1", "limit": ROWS });
    let times = bench.count(200, 5);
    let runtime = &bench.world.runtime;
    let sessions_ms = runtime.block_on(measure(&gateway, "sessions.list", &list, times))?;
    let history_ms = runtime.block_on(measure(&gateway, "chat.history", &history, times))?;
    report.figure(
        "sessions_page_ms_max",
        "200 of 100,000 sessions",
        sessions_ms,
        "ms",
        None,
    );
    report.figure(
        "history_page_ms_max",
        "200 of 50,000 messages",
        history_ms,
        "ms",
        None,
    );
    gateway.stop()
}

/// The median time of one call, milliseconds; the first fills caches and does not count.
async fn measure(
    gateway: &Gateway,
    method: &str,
    params: &Value,
    times: usize,
) -> Result<f64, Fault> {
    let mut client = Client::connect(gateway, &[]).await?;
    client.call(method, params).await?;
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = clock::now();
        client.call(method, params).await?;
        taken.push(begun.elapsed());
    }
    Ok(ms(percentile(&mut taken, 0.5)))
}
