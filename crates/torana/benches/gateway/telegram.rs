//! A backlog on Telegram: 5,000 updates over 100 chats, from the moment they are there to the last reply.

use std::time::Duration;

use serde_json::{Value, json};
use torana_channels::telegram::fake::FakeServer;

use super::clock::{median, rate};
use super::gateway::{Gateway, Home};
use super::http::Caller;
use super::report::Report;
use super::world::{BOT, address_of};
use super::{Bench, Fault, clock, floor};

const CHATS: usize = 100;
/// Requests to the platform at once, as in the gateway.
const IN_FLIGHT: usize = 32;
/// Longest a backlog may take before something must be wrong.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let count = bench.count(5_000, 200);
    bench.world.pieces(1);
    let runtime = &bench.world.runtime;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..bench.count(3, 1) {
        let platform = bench.world.platform()?;
        bare.push(runtime.block_on(floor_run(&platform, count))?);
        let platform = bench.world.platform()?;
        let home = Home::new()?;
        let gateway = Gateway::start(&home, &bench.world.config_with_telegram(&platform))?;
        gateway.ready()?;
        ours.push(runtime.block_on(gateway_run(&platform, count))?);
        gateway.stop()?;
    }
    report.figure(
        "telegram_messages_per_second_min",
        "messages answered",
        median(ours),
        "/s",
        Some(median(bare)),
    );
    Ok(())
}

async fn inject(control: &mut Caller, count: usize) -> Result<(), Fault> {
    let body = json!({ "token": BOT, "count": count, "chats": CHATS, "text": "message {n}" });
    control.post("/control/messages", &body.to_string()).await?;
    Ok(())
}

async fn gateway_run(platform: &FakeServer, count: usize) -> Result<f64, Fault> {
    let mut control = Caller::connect(address_of(platform)?, None).await?;
    let begun = clock::now();
    inject(&mut control, count).await?;
    let wanted = u64::try_from(count)?;
    loop {
        let stats = control.get(&format!("/control/stats?token={BOT}")).await?;
        let sent = stats["calls"]["sendMessage"].as_u64().unwrap_or(0);
        if sent >= wanted {
            return Ok(rate(count, begun.elapsed()));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!(
                "{sent} of {wanted} replies came; errors: {}",
                stats["errors"]
            )
            .into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The same platform, polled, journaled and answered by a bare loop.
async fn floor_run(platform: &FakeServer, count: usize) -> Result<f64, Fault> {
    let address = address_of(platform)?;
    let mut control = Caller::connect(address, None).await?;
    let home = Home::new()?;
    let mut journal = floor::journal(&home.path)?;
    let mut callers = Vec::new();
    for _ in 0..IN_FLIGHT {
        callers.push(Caller::connect(address, None).await?);
    }
    let begun = clock::now();
    inject(&mut control, count).await?;
    let (mut offset, mut answered) = (0, 0);
    while answered < count {
        let poll = json!({ "offset": offset, "timeout": 5 }).to_string();
        let (answer, _) = control
            .post(&format!("/bot{BOT}/getUpdates"), &poll)
            .await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let updates = answer["result"].as_array().cloned().unwrap_or_default();
        offset = updates
            .last()
            .and_then(|update| update["update_id"].as_i64())
            .ok_or("no updates")?
            + 1;
        answered += updates.len();
        let texts: Vec<String> = updates.iter().map(Value::to_string).collect();
        floor::commit(&mut journal, texts.iter().map(String::as_str))?;
        send_all(&mut callers, updates).await?;
        floor::commit(&mut journal, texts.iter().map(String::as_str))?;
    }
    Ok(rate(count, begun.elapsed()))
}

/// Answers a batch of updates, over all connections at once.
async fn send_all(callers: &mut [Caller], updates: Vec<Value>) -> Result<(), Fault> {
    let share = updates.len().div_ceil(callers.len()).max(1);
    let path = format!("/bot{BOT}/sendMessage");
    let sends = callers
        .iter_mut()
        .zip(updates.chunks(share))
        .map(|(caller, updates)| {
            let path = &path;
            async move {
                for update in updates {
                    let message = &update["message"];
                    let body = json!({ "chat_id": message["chat"]["id"], "text": message["text"] });
                    caller.post(path, &body.to_string()).await?;
                }
                Ok::<_, Fault>(())
            }
        });
    for sent in futures_util::future::join_all(sends).await {
        sent?;
    }
    Ok(())
}
