//! Reads request bodies: never more than allowed, never longer than allowed (S-049, S-051, S-052).

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, StatusCode, header};
use torana_core::port::World;

use super::answer::{Answer, closing, refusal};

/// Time for a whole body (threat model section 7).
const BODY_MS_MAX: u64 = 30_000;
/// Grace before the slowest rate is asked for; a body of a few hundred bytes may take its time.
const SLOW_GRACE_MS: u64 = 5_000;
/// Slowest rate after the grace, bytes a second (S-049).
const RATE_BYTES_MIN: u64 = 1_024;
/// Bytes reserved at once on the word of a client; the rest grows as it arrives.
const RESERVE_BYTES_MAX: u64 = 64 * 1024;

/// Reads a body of at most `bytes_max`. The refusal says what was wrong and closes the connection.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Incoming,
    bytes_max: usize,
    world: &World,
) -> Result<Bytes, Box<Answer>> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        let message = "request bodies must not be compressed";
        return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let too_large = || {
        refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("the body may have at most {bytes_max} bytes"),
        )
    };
    let claimed = body.size_hint().lower();
    if claimed > bytes_max as u64 {
        return Err(too_large());
    }
    let begun_ms = world.monotonic_ms();
    let deadline = world.sleep_ms(BODY_MS_MAX);
    tokio::pin!(deadline);
    let mut bytes =
        BytesMut::with_capacity(usize::try_from(claimed.min(RESERVE_BYTES_MAX)).unwrap_or(0));
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut deadline => return Err(too_slow()),
            () = world.sleep_ms(SLOW_GRACE_MS) => return Err(too_slow()),
        };
        match frame {
            None => return Ok(bytes.freeze()),
            Some(Err(_)) => {
                return Err(refused(
                    StatusCode::BAD_REQUEST,
                    "the body could not be read",
                ));
            }
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                if bytes.len() + data.len() > bytes_max {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&data);
            }
        }
        let taken_ms = world.monotonic_ms().saturating_sub(begun_ms);
        if taken_ms > SLOW_GRACE_MS && (bytes.len() as u64) * 1_000 < RATE_BYTES_MIN * taken_ms {
            return Err(too_slow());
        }
    }
}

fn too_slow() -> Box<Answer> {
    refused(StatusCode::REQUEST_TIMEOUT, "the body took too long")
}

fn refused(status: StatusCode, message: &str) -> Box<Answer> {
    Box::new(closing(refusal(status, "invalid_request_error", message)))
}
