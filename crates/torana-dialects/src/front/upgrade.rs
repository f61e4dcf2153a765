//! The WebSocket handshake of RFC 6455, section 4.2: no extension and no subprotocol is ever agreed (S-052, S-103).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{Answer, AnswerBody, closing, text};

/// The version of the protocol that everybody speaks.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Whether a request asks for a WebSocket, well-formed or not. Other upgrades (`h2c`) are ignored, as the standard asks.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
}

/// Checks the handshake and makes its answer, or says what is wrong with it.
pub(super) fn accept<B>(request: &Request<B>) -> Result<Answer, Box<Answer>> {
    let headers = request.headers();
    let refuse = |status, message: &'static str| Err(Box::new(closing(text(status, message))));
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return refuse(
            StatusCode::BAD_REQUEST,
            "a WebSocket upgrade is a GET request of HTTP/1.1",
        );
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "a WebSocket upgrade needs `Connection: Upgrade`",
        );
    }
    let has_body = headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING);
    if has_body
        && headers
            .get(header::CONTENT_LENGTH)
            .is_none_or(|length| length != "0")
    {
        return refuse(StatusCode::BAD_REQUEST, "a WebSocket upgrade has no body");
    }
    if single(headers, &header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        let mut answer = closing(text(
            StatusCode::UPGRADE_REQUIRED,
            "only WebSocket version 13 is spoken here",
        ));
        answer
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, VERSION);
        answer
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(Box::new(answer));
    }
    let key = single(headers, &header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let Some(key) = key else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "a WebSocket upgrade needs one `Sec-WebSocket-Key` of 16 bytes",
        );
    };
    let accepted = derive_accept_key(key.as_bytes());
    let Ok(accepted) = HeaderValue::from_str(&accepted) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the `Sec-WebSocket-Key` cannot be used",
        );
    };
    let mut answer = Response::new(AnswerBody::Whole(bytes::Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    Ok(answer)
}

fn is_key(key: &HeaderValue) -> bool {
    STANDARD
        .decode(key.as_bytes())
        .is_ok_and(|bytes| bytes.len() == 16)
}

/// The value of a header that may stand only once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, changed: &[(&str, &str)]) -> u16 {
        let mut fields = vec![
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("sec-websocket-protocol", "chat"),
        ];
        for (name, value) in changed {
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some(field) if *value != "again" => field.1 = value,
                Some(field) => {
                    let again = *field;
                    fields.push(again);
                }
                None => fields.push((name, value)),
            }
        }
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in fields {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let request = request.body(()).expect("a request");
        match accept(&request) {
            Ok(answer) => {
                assert!(
                    !answer
                        .headers()
                        .contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
                );
                assert!(
                    !answer
                        .headers()
                        .contains_key(header::SEC_WEBSOCKET_PROTOCOL)
                );
                assert_eq!(
                    answer.headers()[header::SEC_WEBSOCKET_ACCEPT],
                    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
                );
                answer.status().as_u16()
            }
            Err(answer) => {
                assert_eq!(answer.headers()[header::CONNECTION], "close");
                answer.status().as_u16()
            }
        }
    }

    #[test]
    fn a_good_handshake_is_accepted_without_extras() {
        assert_eq!(check("GET", &[]), 101);
    }

    #[test]
    fn each_fault_has_its_status() {
        assert_eq!(check("GET", &[("sec-websocket-version", "8")]), 426);
        assert_eq!(check("GET", &[("sec-websocket-version", "")]), 426);
        assert_eq!(check("GET", &[("sec-websocket-key", "")]), 400);
        assert_eq!(check("GET", &[("sec-websocket-key", "c2hvcnQ=")]), 400);
        assert_eq!(check("GET", &[("sec-websocket-key", "again")]), 400);
        assert_eq!(check("GET", &[("connection", "close")]), 400);
        assert_eq!(check("POST", &[]), 400);
        assert_eq!(check("GET", &[("content-length", "5")]), 400);
        assert_eq!(check("GET", &[("transfer-encoding", "chunked")]), 400);
    }
}
