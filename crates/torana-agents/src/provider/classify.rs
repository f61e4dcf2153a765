//! Reads what a provider's refusal means. Providers disagree on codes, so status, code words and well-known phrases are
//! all looked at; of the body itself only a short reason goes further, and only to the log.

use torana_core::run::FailureKind;
use torana_host::egress::header::HeaderMap;
use torana_host::moment::read_http_date;

use super::failure::{ProviderFailure, RejectedField};

/// A wait beyond a day is not a wait but a mistake or a closed account.
const RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// Characters of a reason in the log: enough for a sentence or two.
const REASON_CHARS_MAX: usize = 300;
/// Where providers put what they have to say: the last two are FastAPI's, as in vLLM, and the empty one is a bare text.
const REASON_PLACES: [&str; 8] = [
    "",
    "/error/message",
    "/error/0/message",
    "/0/error/message",
    "/message",
    "/error",
    "/detail",
    "/detail/0/msg",
];

/// What a refusal says about itself, on one line and bounded, for the operator's log. Where it says nothing in a known
/// place, the rest may repeat what somebody wrote to the model, which is only for those who look at every detail.
pub(crate) fn reason_of(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let said = REASON_PLACES
        .iter()
        .find_map(|place| value.pointer(place)?.as_str());
    if let Some(said) = said {
        return one_line(said);
    }
    tracing::debug!(body = %one_line(&String::from_utf8_lossy(body)), "A model provider gave no reason in a known place.");
    format!("(no reason given; {} bytes)", body.len())
}

/// The words of a text with single spaces between them, as far as they are kept.
fn one_line(text: &str) -> String {
    let mut words = text
        .split(|ch: char| ch.is_whitespace() || ch.is_control())
        .filter(|word| !word.is_empty());
    let mut reason = words.next().unwrap_or_default().to_owned();
    for word in words {
        // A few words more than are kept, not all of a long page.
        if reason.len() > 4 * REASON_CHARS_MAX {
            break;
        }
        reason.push(' ');
        reason.push_str(word);
    }
    if let Some((end, _)) = reason.char_indices().nth(REASON_CHARS_MAX) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

/// Classifies an HTTP refusal.
pub(crate) fn classify(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    wall_ms: i64,
) -> ProviderFailure {
    let text = String::from_utf8_lossy(body).to_lowercase();
    let kind = match status {
        401 | 403 => match kind_of_text(&text) {
            Some(FailureKind::Billing) => FailureKind::Billing,
            _ => FailureKind::Auth,
        },
        402 => FailureKind::Billing,
        404 => FailureKind::ModelNotFound,
        408 => FailureKind::Timeout,
        413 => FailureKind::ContextLength,
        429 => match kind_of_text(&text) {
            Some(FailureKind::Billing) => FailureKind::Billing,
            _ => FailureKind::RateLimit,
        },
        // Anthropic's "overloaded".
        529 => FailureKind::RateLimit,
        409 | 425 | 500..=599 => match kind_of_text(&text) {
            // llama.cpp and Ollama report an overlong prompt as 500.
            Some(FailureKind::ContextLength) => FailureKind::ContextLength,
            _ => FailureKind::Unavailable,
        },
        300..=399 => FailureKind::Format,
        _ => kind_of_text(&text).unwrap_or(FailureKind::Format),
    };
    let refused = matches!(status, 400 | 422) && kind == FailureKind::Format;
    let rejected = match () {
        () if refused && text.contains("stream_options") => Some(RejectedField::StreamOptions),
        () if refused && text.contains("max_completion_tokens") => Some(RejectedField::MaxTokens),
        () => None,
    };
    let detail = if (300..400).contains(&status) {
        "the address redirects elsewhere, which is not followed".to_owned()
    } else {
        format!("status {status}")
    };
    ProviderFailure {
        kind,
        status: Some(status),
        retry_after_ms: retry_after_ms(headers, wall_ms),
        detail,
        unreadable: false,
        rejected,
    }
}

/// Classifies an error that came inside a stream that had begun with 200.
pub(crate) fn classify_in_stream(error: &serde_json::Value) -> ProviderFailure {
    tracing::warn!(reason = %reason_of(error.to_string().as_bytes()), "A model provider broke off its answer.");
    let status = ["code", "status", "status_code"]
        .iter()
        .filter_map(|name| error.get(name)?.as_u64())
        .find_map(|code| {
            u16::try_from(code)
                .ok()
                .filter(|code| (400..600).contains(code))
        });
    if let Some(status) = status {
        return classify(status, &HeaderMap::new(), error.to_string().as_bytes(), 0);
    }
    let kind = kind_of_text(&error.to_string().to_lowercase()).unwrap_or(FailureKind::Unavailable);
    ProviderFailure::new(
        kind,
        "the provider reported an error in the middle of its answer",
    )
}

/// Code words and phrases of the providers we know, in lower case; the first match wins.
fn kind_of_text(text: &str) -> Option<FailureKind> {
    const PHRASES: &[(FailureKind, &[&str])] = &[
        (
            FailureKind::ContextLength,
            &[
                "context_length",
                "context length",
                "context window",
                "context size",
                "prompt is too long",
                "too many tokens",
                "maximum number of tokens",
                "input is too long",
                "exceed_context",
                "num_ctx",
                "reduce the length",
                "request_too_large",
            ],
        ),
        (
            FailureKind::Billing,
            &[
                "insufficient_quota",
                "insufficient credits",
                "insufficient balance",
                "credit balance",
                "billing",
                "payment required",
                "out of credits",
                "exceeded your current quota",
            ],
        ),
        (
            FailureKind::Auth,
            &[
                "authentication_error",
                "invalid_api_key",
                "invalid api key",
                "incorrect api key",
                "permission_error",
                "api key not valid",
                "unauthorized",
            ],
        ),
        (
            FailureKind::ModelNotFound,
            &[
                "model_not_found",
                "not_found_error",
                "no such model",
                "unknown model",
                "is not a valid model",
                "invalid model",
            ],
        ),
        (
            FailureKind::Refusal,
            &[
                "content_policy",
                "content_filter",
                "content management policy",
                "safety_violations",
                "prohibited_content",
            ],
        ),
        (
            FailureKind::RateLimit,
            &[
                "overloaded",
                "rate_limit",
                "rate limit",
                "too many requests",
                "resource_exhausted",
                "capacity exceeded",
            ],
        ),
        (
            FailureKind::Timeout,
            &["timeout_error", "timed out", "deadline_exceeded"],
        ),
        (
            FailureKind::Unavailable,
            &[
                "api_error",
                "server_error",
                "internal error",
                "service unavailable",
                "bad gateway",
            ],
        ),
        (FailureKind::Format, &["invalid_request"]),
    ];
    let matches = |phrases: &&[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    PHRASES
        .iter()
        .find(|(_, phrases)| matches(phrases))
        .map(|(kind, _)| *kind)
}

/// The server's own wait: `retry-after-ms`, or `Retry-After` in seconds or as a date.
fn retry_after_ms(headers: &HeaderMap, wall_ms: i64) -> Option<u64> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    if let Some(ms) = text("retry-after-ms").and_then(|value| value.parse::<u64>().ok()) {
        return Some(ms.min(RETRY_AFTER_MS_MAX));
    }
    let value = text("retry-after")?;
    let ms = match value
        .split_once('.')
        .map_or(value, |(whole, _)| whole)
        .parse::<u64>()
    {
        // A fraction is rounded up: too early is worse than too late.
        Ok(seconds) => seconds
            .saturating_add(u64::from(value.contains('.')))
            .saturating_mul(1_000),
        Err(_) => u64::try_from(read_http_date(value)?.saturating_sub(wall_ms)).unwrap_or(0),
    };
    Some(ms.min(RETRY_AFTER_MS_MAX))
}

#[cfg(test)]
mod tests {
    use torana_host::egress::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn refusals_are_classified_by_what_to_do() {
        let cases: &[(u16, &str, FailureKind)] = &[
            (401, "{}", FailureKind::Auth),
            (
                403,
                r#"{"error":{"type":"permission_error"}}"#,
                FailureKind::Auth,
            ),
            (402, "", FailureKind::Billing),
            (404, "", FailureKind::ModelNotFound),
            (
                429,
                r#"{"error":{"code":"rate_limit_exceeded"}}"#,
                FailureKind::RateLimit,
            ),
            (
                429,
                r#"{"error":{"code":"insufficient_quota"}}"#,
                FailureKind::Billing,
            ),
            (529, "overloaded_error", FailureKind::RateLimit),
            (
                400,
                r#"{"error":{"code":"context_length_exceeded"}}"#,
                FailureKind::ContextLength,
            ),
            (
                400,
                "Your credit balance is too low to access the Anthropic API",
                FailureKind::Billing,
            ),
            (
                400,
                "prompt is too long: 210000 tokens > 200000 maximum",
                FailureKind::ContextLength,
            ),
            (
                400,
                r#"{"error":{"code":"model_not_found"}}"#,
                FailureKind::ModelNotFound,
            ),
            (
                400,
                r#"{"error":{"code":"content_filter"}}"#,
                FailureKind::Refusal,
            ),
            (
                400,
                r#"{"error":{"type":"invalid_request_error"}}"#,
                FailureKind::Format,
            ),
            (
                500,
                "the request exceeds the available context size",
                FailureKind::ContextLength,
            ),
            (503, "", FailureKind::Unavailable),
            (302, "", FailureKind::Format),
        ];
        for (status, body, kind) in cases {
            assert_eq!(
                classify(*status, &HeaderMap::new(), body.as_bytes(), 0).kind,
                *kind,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_reason_is_one_bounded_line_wherever_the_provider_puts_it() {
        for (body, expected) in [
            (
                r#"{"error":{"message":"temperature: must be\n at most 2","code":"x"}}"#,
                "temperature: must be at most 2",
            ),
            (r#"{"message":"no such field"}"#, "no such field"),
            (r#"{"error":"model is loading"}"#, "model is loading"),
            (
                r#"{"detail":[{"loc":["body"],"msg":"Extra inputs"}]}"#,
                "Extra inputs",
            ),
            (r#"[{"error":{"message":"quota"}}]"#, "quota"),
            (r#""something\u0007 broke""#, "something broke"),
            // What is anywhere else may be somebody's conversation.
            (r#"[{"error":1}]"#, "(no reason given; 13 bytes)"),
            (r#"{"input":"dear diary"}"#, "(no reason given; 22 bytes)"),
            ("<html> Bad Gateway", "(no reason given; 18 bytes)"),
            ("", "(no reason given; 0 bytes)"),
        ] {
            assert_eq!(reason_of(body.as_bytes()), expected, "{body:?}");
        }
        for long in ["é", "é "] {
            let body = format!(r#"{{"message":"{}"}}"#, long.repeat(70_000));
            assert_eq!(reason_of(body.as_bytes()).chars().count(), 301);
        }
    }

    #[test]
    fn fields_a_strict_server_refuses_are_noticed() {
        let body = br#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#;
        assert_eq!(
            classify(422, &HeaderMap::new(), body, 0).rejected,
            Some(RejectedField::StreamOptions)
        );
    }

    #[test]
    fn waits_come_in_seconds_fractions_milliseconds_and_dates() {
        // 2026-10-21 07:28:00 UTC.
        let wall = 1_792_567_680_000;
        for (pairs, expected) in [
            (headers(&[("retry-after", "7")]), Some(7_000)),
            (headers(&[("retry-after", "1.5")]), Some(2_000)),
            (
                headers(&[("retry-after-ms", "250"), ("retry-after", "1")]),
                Some(250),
            ),
            (
                headers(&[("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")]),
                Some(30_000),
            ),
            (
                headers(&[("retry-after", "Wed, 21 Oct 2020 07:28:30 GMT")]),
                Some(0),
            ),
            (headers(&[("retry-after", "soon")]), None),
            (headers(&[]), None),
        ] {
            assert_eq!(retry_after_ms(&pairs, wall), expected, "{pairs:?}");
        }
    }

    #[test]
    fn errors_inside_a_stream_use_code_or_words() {
        let kind = |text: &str| classify_in_stream(&serde_json::from_str(text).expect("JSON")).kind;
        assert_eq!(
            kind(r#"{"code":429,"message":"slow down"}"#),
            FailureKind::RateLimit
        );
        assert_eq!(
            kind(r#"{"type":"overloaded_error"}"#),
            FailureKind::RateLimit
        );
        assert_eq!(kind(r#""something broke""#), FailureKind::Unavailable);
    }
}
