//! Webhooks of channel accounts: read within their own limits, handed to the engine, answered once stored (S-038, S-039).

use hyper::StatusCode;
use hyper::http::request::Parts;
use torana_core::limit::HTTP_BODY_BYTES_WEBHOOK_MAX;
use torana_core::port::WebhookRequest;
use torana_engine::WebhookOutcome;

use super::answer::{Answer, retry_later, text};
use super::body;
use super::gate::Source;
use super::pipeline::Exchange;
use crate::context::Context;

/// When a platform should come again while nothing is accepted: long enough for a start or for space to be made.
const UNAVAILABLE_MS: u64 = 30_000;

/// Serves one webhook request.
pub(super) async fn serve(
    context: &Context,
    exchange: &mut Exchange,
    path: &str,
    source: &Source,
) -> Answer {
    let pass = match context.gate.hook(source) {
        Ok(pass) => pass,
        Err(after_ms) => {
            return retry_later(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "too many failed requests",
                after_ms,
            );
        }
    };
    let Some(incoming) = exchange.body.take() else {
        return text(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let read = body::read(
        &exchange.parts.headers,
        incoming,
        HTTP_BODY_BYTES_WEBHOOK_MAX,
        context.engine.world(),
    )
    .await;
    let body = match read {
        Ok(body) => body,
        Err(refusal) => {
            exchange.is_cut = true;
            return *refusal;
        }
    };
    let request = WebhookRequest {
        headers: fields(&exchange.parts),
        body,
    };
    match context.engine.webhook(path, request).await {
        WebhookOutcome::Accepted => {
            pass.genuine();
            text(StatusCode::OK, "OK")
        }
        WebhookOutcome::Forged => text(StatusCode::UNAUTHORIZED, "Unauthorized"),
        WebhookOutcome::Malformed => text(StatusCode::BAD_REQUEST, "Bad Request"),
        WebhookOutcome::NotFound => text(StatusCode::NOT_FOUND, "Not Found"),
        WebhookOutcome::Unavailable => {
            pass.forgive();
            retry_later(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "nothing is accepted now",
                UNAVAILABLE_MS,
            )
        }
    }
}

/// Header fields whose values are text; a platform's secrets and signatures are.
fn fields(parts: &Parts) -> Vec<(String, String)> {
    let text = |value: &hyper::header::HeaderValue| value.to_str().map(str::to_owned).ok();
    parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)))
        .collect()
}
