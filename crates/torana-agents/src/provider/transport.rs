//! Carries one request to a provider and its answer back, with bounded waiting and bounded size.
//!
//! The wire formats are pure machines behind [`Wire`]; this file owns the socket. Any byte resets the idle timeout.

use super::output::CallPiece;
use std::collections::BTreeMap;

use bytes::Bytes;
use torana_core::port::{BoxFuture, World};
use torana_core::run::{FailureKind, Usage};
use torana_host::egress::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use torana_host::egress::{Egress, EgressError, Response, Url, is_local_server};
use torana_host::secret::Secret;
use torana_host::sse::{SseEvent, SseParser};

use super::classify::{classify, reason_of};
use super::failure::ProviderFailure;
use super::output::Output;
use super::request::Finish;
use super::settings::{ProviderApi, ProviderSettings};

/// First byte and silence in between (decision 32).
const PATIENCE_MS: u64 = 60_000;
/// The same for servers that load weights first and for models that think before they speak (decision 32).
const PATIENCE_LONG_MS: u64 = 300_000;
/// An error body is only looked at for its code.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// The version of Anthropic's format that this build speaks.
const ANTHROPIC_VERSION: &str = "2023-06-01";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// After the last event the connection's end is awaited this long, so that it can be used again; a reader is not kept
/// waiting longer for that.
const LINGER_MS: u64 = 20;

/// Something a wire format read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delta {
    /// Append to the answer.
    Text(String),
    /// Append to the reasoning.
    Thinking(String),
    /// Figures of this attempt so far.
    Usage(Usage),
    /// More of a call: pieces with the same index belong together.
    Call(CallPiece),
}

/// A wire format: reads events, gives deltas, knows when the answer is whole. Pure.
pub(crate) trait Wire: Send {
    /// Reads one event of a stream.
    fn event(&mut self, event: &SseEvent, deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure>;
    /// Reads an answer that came as one JSON document.
    fn document(&mut self, body: &[u8], deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure>;
    /// True once nothing more is expected.
    fn is_over(&self) -> bool;
    /// The connection has ended: how did the answer end?
    fn finish(&mut self, deltas: &mut Vec<Delta>) -> Result<Finish, ProviderFailure>;
}

/// Any event is read or refused, never a panic.
pub(super) fn fuzz_wire<W: Wire + Default>(bytes: &[u8]) {
    let (mut wire, mut deltas) = (W::default(), Vec::new());
    let event = SseEvent {
        data: String::from_utf8_lossy(bytes).into_owned(),
        ..SseEvent::default()
    };
    drop(wire.event(&event, &mut deltas));
    drop(wire.document(bytes, &mut deltas));
    drop(wire.finish(&mut deltas));
}

/// Where a provider lives and how to speak to it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) egress: Egress,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) has_credential: bool,
}

impl Endpoint {
    /// Reads a provider's settings; nothing is sent. `path` makes the path to ask out of the one people wrote, which
    /// has no slash at its end.
    pub(crate) fn new(
        settings: &ProviderSettings,
        egress: Egress,
        path: impl FnOnce(&str) -> String,
    ) -> Result<Self, ProviderFailure> {
        let refused = |detail| ProviderFailure::new(FailureKind::NotConfigured, detail);
        let mut url = Url::parse(settings.base_url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
            .ok_or_else(|| refused("the base URL is not an http(s) address"))?;
        let asked = path(url.path().trim_end_matches('/'));
        url.set_path(&asked);
        let mut headers = HeaderMap::new();
        if settings.api == ProviderApi::AnthropicMessages {
            let version = HeaderValue::from_static(ANTHROPIC_VERSION);
            headers.insert("anthropic-version", version);
        }
        let key = settings.api_key.as_ref().filter(|key| !key.is_empty());
        if let Some(key) = key {
            let (name, value) = match settings.api {
                ProviderApi::AnthropicMessages => (X_API_KEY, secret_header(key.expose())),
                ProviderApi::OpenAiCompletions => {
                    let bearer = format!("Bearer {}", key.expose());
                    (AUTHORIZATION, secret_header(&bearer))
                }
            };
            let value =
                value.ok_or_else(|| refused("the key contains characters that no key has"))?;
            headers.insert(name, value);
        }
        configured_headers(&mut headers, &settings.headers)?;
        Ok(Self {
            egress,
            url,
            headers,
            has_credential: key.is_some() || !settings.headers.is_empty(),
        })
    }

    /// How long to wait for a byte.
    fn patience_ms(&self, thinking: bool) -> u64 {
        if thinking || is_local_server(&self.url) {
            PATIENCE_LONG_MS
        } else {
            PATIENCE_MS
        }
    }
}

/// Adds configured headers; a name or value that HTTP cannot carry is a configuration error.
fn configured_headers(
    headers: &mut HeaderMap,
    configured: &BTreeMap<String, Secret>,
) -> Result<(), ProviderFailure> {
    for (name, value) in configured {
        let refused = || {
            ProviderFailure::new(
                FailureKind::NotConfigured,
                format!("the header `{name}` is not valid"),
            )
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        headers.insert(name, secret_header(value.expose()).ok_or_else(refused)?);
    }
    Ok(())
}

/// A header value that is never shown in debug output.
fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends `body` and reads the answer through `wire` into `output`.
pub(crate) async fn exchange(
    endpoint: &Endpoint,
    body: Vec<u8>,
    thinking: bool,
    wire: &mut dyn Wire,
    output: &mut Output,
) -> Result<Finish, ProviderFailure> {
    let patience_ms = endpoint.patience_ms(thinking);
    let mut watchdog = Watchdog::new(output.world().clone(), patience_ms);
    let mut reply = Reply {
        response: send(endpoint, body, &mut watchdog).await?,
        watchdog,
    };
    if !reply.response.status().is_success() {
        return Err(reply.refusal(output).await);
    }
    let mut shape = Shape::Unknown(Vec::new());
    let mut deltas = Vec::new();
    while let Some(bytes) = reply.next(output).await? {
        let read = shape.push(&bytes, wire, &mut deltas);
        deliver(&mut deltas, output).await;
        read?;
        if wire.is_over() {
            reply.linger().await;
            break;
        }
    }
    let finish = shape
        .end(wire, &mut deltas)
        .and_then(|()| wire.finish(&mut deltas));
    deliver(&mut deltas, output).await;
    finish
}

async fn deliver(deltas: &mut Vec<Delta>, output: &mut Output) {
    let mut spoke = false;
    for delta in deltas.drain(..) {
        match delta {
            Delta::Text(text) => {
                spoke = true;
                output.text(text).await;
            }
            Delta::Thinking(text) => {
                spoke = true;
                output.thinking(text).await;
            }
            Delta::Usage(usage) => output.set_usage(usage),
            Delta::Call(piece) => output.call(piece),
        }
    }
    if !spoke {
        output.progress().await;
    }
}

async fn send(
    endpoint: &Endpoint,
    body: Vec<u8>,
    watchdog: &mut Watchdog,
) -> Result<Response, ProviderFailure> {
    let client = endpoint
        .egress
        .operator(&endpoint.url, endpoint.has_credential)
        .map_err(|error| from_egress(&error))?;
    let mut headers = endpoint.headers.clone();
    let accepted = HeaderValue::from_static("text/event-stream, application/json");
    headers.entry(ACCEPT).or_insert(accepted);
    let request = client
        .post(endpoint.url.clone())
        .headers(headers)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(body)
        .send();
    tokio::select! {
        biased;
        sent = request => sent.map_err(|error| from_egress(&EgressError::from(error))),
        () = watchdog.expired() => Err(watchdog.failure()),
    }
}

pub(super) fn from_egress(error: &EgressError) -> ProviderFailure {
    let kind = match error {
        EgressError::BadUrl | EgressError::PlainCredential | EgressError::Blocked => {
            FailureKind::NotConfigured
        }
        EgressError::Redirects | EgressError::Client(_) | EgressError::Connection(_) => {
            FailureKind::Unavailable
        }
    };
    ProviderFailure::new(kind, error.to_string())
}

struct Reply {
    response: Response,
    watchdog: Watchdog,
}

impl Reply {
    /// The next bytes, or `None` at the end.
    async fn next(&mut self, output: &mut Output) -> Result<Option<Bytes>, ProviderFailure> {
        let bytes = tokio::select! {
            biased;
            chunk = self.response.chunk() => chunk.map_err(|error| from_egress(&EgressError::from(error)))?,
            () = self.watchdog.expired() => return Err(self.watchdog.failure()),
        };
        self.watchdog.touch();
        if let Some(bytes) = &bytes {
            output.count(bytes.len())?;
        }
        Ok(bytes)
    }

    /// Waits for the connection's end for a moment; what comes after the last event does not matter.
    async fn linger(&mut self) {
        let pause = self.watchdog.world.sleep_ms(LINGER_MS);
        tokio::select! {
            biased;
            _ = self.response.chunk() => {}
            () = pause => {}
        }
    }

    async fn refusal(&mut self, output: &mut Output) -> ProviderFailure {
        let status = self.response.status().as_u16();
        let headers = self.response.headers().clone();
        let mut body = Vec::new();
        // A body that breaks off still says something, and the status says the most.
        while let Ok(Some(bytes)) = self.next(output).await {
            let room = ERROR_BYTES_MAX - body.len();
            body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if body.len() == ERROR_BYTES_MAX {
                break;
            }
        }
        let failure = classify(status, &headers, &body, output.world().wall_ms());
        let reason = reason_of(&body);
        if failure.rejected.is_some() {
            // Asked again at once in the server's own way.
            tracing::debug!(status, %reason, "A model provider refused a field.");
        } else {
            tracing::warn!(status, %reason, "A model provider refused a request.");
        }
        failure
    }
}

/// The form of an answer, found from its first byte: servers label streams and documents wrongly too often to trust the
/// content type.
enum Shape {
    Unknown(Vec<u8>),
    Stream {
        parser: SseParser,
        events: Vec<SseEvent>,
    },
    Document(Vec<u8>),
}

impl Shape {
    fn push(
        &mut self,
        bytes: &[u8],
        wire: &mut dyn Wire,
        deltas: &mut Vec<Delta>,
    ) -> Result<(), ProviderFailure> {
        match self {
            Self::Unknown(held) => {
                held.extend_from_slice(bytes);
                let held = std::mem::take(held);
                let text = held.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&held);
                *self = match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
                    None => Self::Unknown(Vec::new()),
                    Some(b'{') => Self::Document(held),
                    Some(b'<' | b'[' | b'"') => return Err(not_a_model()),
                    Some(_) => {
                        *self = Self::Stream {
                            parser: SseParser::new(),
                            events: Vec::new(),
                        };
                        return self.push(&held, wire, deltas);
                    }
                };
                Ok(())
            }
            Self::Document(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
            Self::Stream { parser, events } => {
                let pushed = parser.push(bytes, events);
                let read = read_events(events, wire, deltas);
                read.and(pushed.map_err(|error| ProviderFailure::unreadable(error.to_string())))
            }
        }
    }

    fn end(self, wire: &mut dyn Wire, deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure> {
        match self {
            Self::Unknown(_) => Err(ProviderFailure::cut_off()),
            Self::Document(body) => wire.document(&body, deltas),
            Self::Stream { parser, .. } => match parser.finish() {
                Some(event) if !wire.is_over() => wire.event(&event, deltas),
                _ => Ok(()),
            },
        }
    }
}

fn read_events(
    events: &mut Vec<SseEvent>,
    wire: &mut dyn Wire,
    deltas: &mut Vec<Delta>,
) -> Result<(), ProviderFailure> {
    for event in events.drain(..) {
        if wire.is_over() {
            break;
        }
        wire.event(&event, deltas)?;
    }
    Ok(())
}

fn not_a_model() -> ProviderFailure {
    ProviderFailure::unreadable("the answer is not a model's answer but something like a web page")
}

/// Notices silence. Touching it only moves a number; the timer looks again when it fires.
struct Watchdog {
    world: World,
    patience_ms: u64,
    deadline_ms: u64,
    timer: Option<(u64, BoxFuture<'static, ()>)>,
}

impl Watchdog {
    fn new(world: World, patience_ms: u64) -> Self {
        let deadline_ms = world.monotonic_ms().saturating_add(patience_ms);
        Self {
            world,
            patience_ms,
            deadline_ms,
            timer: None,
        }
    }

    fn touch(&mut self) {
        self.deadline_ms = self.world.monotonic_ms().saturating_add(self.patience_ms);
    }

    async fn expired(&mut self) {
        loop {
            let (until_ms, timer) = self.timer.get_or_insert_with(|| {
                (
                    self.deadline_ms,
                    self.world.clock.sleep_until(self.deadline_ms),
                )
            });
            timer.await;
            let expired = *until_ms >= self.deadline_ms;
            self.timer = None;
            if expired {
                return;
            }
        }
    }

    fn failure(&self) -> ProviderFailure {
        let seconds = self.patience_ms / 1_000;
        ProviderFailure::new(
            FailureKind::Timeout,
            format!("nothing came for {seconds} seconds"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use torana_host::egress::EgressOptions;

    #[test]
    fn only_web_addresses_are_asked() {
        let url = |base: &str| {
            let settings = ProviderSettings {
                base_url: base.to_owned(),
                ..ProviderSettings::default()
            };
            let egress = Egress::new(EgressOptions::default());
            let endpoint = Endpoint::new(&settings, egress, |path| format!("{path}/models"));
            endpoint.map(|endpoint| endpoint.url.to_string()).ok()
        };
        let asked = url(" https://a.test/v1/ ");
        assert_eq!(asked.as_deref(), Some("https://a.test/v1/models"));
        assert_eq!(url("ftp://a.test"), None);
        assert_eq!(url("file:///x"), None);
        assert_eq!(url("a.test"), None);
    }
}
