//! Delivery of updates by webhook: in order, one at a time, repeated until accepted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use torana_host::egress::{Client, Egress, EgressOptions};

use super::shared::Fake;
use super::state::Webhook;

/// First wait after a failed delivery, milliseconds; Telegram's own is unknown, tests want a short one.
const RETRY_MS_FIRST: u64 = 100;
/// Longest wait between two deliveries, milliseconds.
const RETRY_MS_MAX: u64 = 2_000;
/// How long the bot has to answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Delivers for one bot until its webhook changes.
pub(super) async fn pump(fake: Arc<Fake>, token: String, generation: u64) {
    let egress = Egress::new(EgressOptions::default());
    let mut retry_ms = RETRY_MS_FIRST;
    loop {
        let Some(changed) = fake.with_bot(&token, |bot| Arc::clone(&bot.changed)) else {
            return;
        };
        let mut woken = std::pin::pin!(changed.notified());
        woken.as_mut().enable();
        let Some((webhook, next)) = next(&fake, &token, generation) else {
            return;
        };
        let Some((update_id, update)) = next else {
            woken.await;
            continue;
        };
        let outcome = match webhook
            .url
            .parse()
            .ok()
            .map(|url| egress.operator(&url, false))
        {
            Some(Ok(client)) => deliver(&client, &webhook, update).await,
            Some(Err(error)) => Err(error.to_string()),
            None => Err("bad URL".to_owned()),
        };
        let accepted = outcome.is_ok();
        fake.with_bot(&token, |bot| {
            if bot.generation != generation {
                return;
            }
            if accepted {
                let now_ms = fake.wall_ms();
                bot.confirm(update_id + 1, now_ms);
                bot.delivered += 1;
            }
            if let Some(webhook) = &mut bot.webhook {
                webhook.last_error = outcome.err();
            }
        });
        if accepted {
            retry_ms = RETRY_MS_FIRST;
        } else {
            fake.sleep_ms(retry_ms).await;
            retry_ms = (retry_ms * 2).min(RETRY_MS_MAX);
        }
    }
}

/// The webhook and the first waiting update; nothing when another webhook took over.
fn next(fake: &Fake, token: &str, generation: u64) -> Option<(Webhook, Option<(i64, Bytes)>)> {
    let now_ms = fake.wall_ms();
    fake.with_bot(token, |bot| {
        if bot.generation != generation {
            return None;
        }
        bot.expire(now_ms);
        let webhook = bot.webhook.clone()?;
        Some((
            webhook,
            bot.queue
                .front()
                .map(|queued| (queued.id, queued.json.clone())),
        ))
    })?
}

async fn deliver(client: &Client, webhook: &Webhook, update: Bytes) -> Result<(), String> {
    let mut request = client
        .post(&webhook.url)
        .timeout(TIMEOUT)
        .header("content-type", "application/json")
        .body(update);
    if let Some(secret) = &webhook.secret {
        request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!(
            "Wrong response from the webhook: {}",
            answer.status()
        )),
        Err(error) => Err(error.without_url().to_string()),
    }
}
