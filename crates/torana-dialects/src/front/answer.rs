//! Answers: their bodies, the headers every one of them carries (S-064), and refusals in one shape.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

/// What was checked, or the refusal; boxed because the good way should stay light.
pub(super) type Checked<T> = Result<T, Box<Answer>>;

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// Everything at once.
    Whole(Bytes),
    /// Pieces as they come; dropped when the client goes away.
    Stream(BoxStream<'static, Bytes>),
}

/// An answer to an HTTP request.
pub(crate) type Answer = Response<AnswerBody>;

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(pieces) => pieces
                .poll_next_unpin(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An answer with a body of a given type.
pub(crate) fn whole(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(AnswerBody::Whole(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
    whole(status, JSON, value.to_string())
}

/// A plain text answer.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    whole(status, TEXT, body)
}

/// A refusal in the shape the APIs of this port share.
pub(crate) fn refusal(status: StatusCode, kind: &str, message: &str) -> Answer {
    json(
        status,
        &json!({ "error": { "message": message, "type": kind } }),
    )
}

/// A refusal that may be repeated later.
pub(crate) fn retry_later(status: StatusCode, kind: &str, message: &str, after_ms: u64) -> Answer {
    let mut answer = refusal(status, kind, message);
    answer.headers_mut().insert(
        header::RETRY_AFTER,
        HeaderValue::from(after_ms.div_ceil(1_000).max(1)),
    );
    answer
}

/// The method is not among those of the path.
pub(crate) fn wrong_method(allow: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

/// Nothing is there.
pub(crate) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "Not Found")
}

/// What is said to a method that a path does not have: `OPTIONS` asks which it has, everything else is a mistake. There
/// are no `Access-Control-*` fields in either, so a page of another site learns nothing it could use (S-067).
pub(super) fn other_method(method: &Method, allow: &'static str) -> Answer {
    if method != Method::OPTIONS {
        return wrong_method(allow);
    }
    let mut answer = text(StatusCode::NO_CONTENT, "");
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

/// Nothing is there, said to a program.
pub(super) fn api_nothing() -> Answer {
    let error = json!({ "ok": false, "error": { "type": "not_found" } });
    json(StatusCode::NOT_FOUND, &error)
}

/// There is no room now; a second later there may be.
pub(super) fn unavailable(message: &str) -> Answer {
    retry_later(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        message,
        1_000,
    )
}

/// Ends the connection after this answer.
pub(super) fn closing(mut answer: Answer) -> Answer {
    answer
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Refuses in the shape the APIs of this port share.
pub(super) fn refuse<T>(status: StatusCode, kind: &str, message: &str) -> Checked<T> {
    Err(Box::new(refusal(status, kind, message)))
}

/// Refuses what cannot be read, and ends the connection.
pub(super) fn malformed<T>(message: &'static str) -> Checked<T> {
    Err(Box::new(closing(text(StatusCode::BAD_REQUEST, message))))
}

/// Adds what every answer carries; what an answer says itself stays. What says nothing of caching is `no-store`.
pub(super) fn common_headers(headers: &mut HeaderMap) {
    const COMMON: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(self), geolocation=()",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in COMMON {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
}
