//! Reads request bodies: never more than allowed, never longer than allowed (S-049, S-051, S-052).

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
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
    mut body: impl Body<Data = Bytes> + Unpin,
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt as _;
    use futures_util::stream::{BoxStream, unfold};
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// Longer than any of these bodies becomes in time.
    const BYTES_MAX: usize = 1024 * 1024;

    /// A body that never ends: so many bytes at every tick.
    fn drips(
        world: &World,
        bytes: usize,
        every_ms: u64,
    ) -> BoxStream<'static, Result<Frame<Bytes>, Infallible>> {
        let next = move |world: World| async move {
            world.sleep_ms(every_ms).await;
            Some((Ok(Frame::data(Bytes::from(vec![b'x'; bytes]))), world))
        };
        unfold(world.clone(), next).boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn s_049_a_body_that_comes_too_slowly_is_given_up() {
        let world = torana_host::world();
        let mut ended_ms = Vec::new();
        // A pause, less than the slowest rate, and fast enough but without end.
        for (bytes, every_ms) in [(500_000, SLOW_GRACE_MS + 1), (1_000, 1_000), (2_048, 1_500)] {
            let began_ms = world.monotonic_ms();
            let body = StreamBody::new(drips(&world, bytes, every_ms));
            let read = read(&HeaderMap::new(), body, BYTES_MAX, &world).await;
            let status = read.expect_err("it has no end").status();
            ended_ms.push((status, world.monotonic_ms() - began_ms));
        }
        let after_ms = [SLOW_GRACE_MS, SLOW_GRACE_MS + 1_000, BODY_MS_MAX];
        let wanted = after_ms.map(|after_ms| (StatusCode::REQUEST_TIMEOUT, after_ms));
        assert_eq!(ended_ms, wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_may_take_its_time() {
        let world = torana_host::world();
        let body = StreamBody::new(drips(&world, 10, 1_000).take(5));
        let read = read(&HeaderMap::new(), body, BYTES_MAX, &world).await;
        assert_eq!(read.map(|bytes| bytes.len()).ok(), Some(50));
    }
}
