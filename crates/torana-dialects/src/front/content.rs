//! One stored file as an answer: whole, a range of it, only its head, or that nothing changed.
//!
//! Bytes are sent in pieces as the client takes them, so a slow client costs one piece of memory and not a file. What
//! must be in memory as a whole is not kept there for a client that stopped taking pieces.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use torana_core::port::World;
use torana_engine::Supervisor;
use torana_host::moment::http_date;
use torana_host::served::{PIECE_BYTES, ServedFile};

use super::answer::{Answer, AnswerBody, text, whole};
use super::asset::{is_known, not_modified, range};

/// Kept by whoever asked, asked for again before use, and by nobody in between.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// How long nobody may take a piece of a file in memory, milliseconds: a slow line takes one every few seconds, and a
/// client that only holds its connection open gives its place back after this.
const STALL_MS: u64 = 30_000;

/// Where the bytes are.
pub(super) enum Source {
    /// In an open file.
    File(Arc<ServedFile>),
    /// In memory, for a while.
    Memory(Kept),
    /// Not at hand; so many there are. Enough for an answer without a body.
    Size(u64),
}

/// A file in memory, with a place among those that may be there at once.
pub(super) struct Kept {
    /// The bytes.
    pub(super) bytes: Bytes,
    /// Given back when everything was sent, the client is gone, or it takes nothing any more.
    pub(super) place: OwnedSemaphorePermit,
    /// Where the sending runs: a client that does not read is not asked for the next piece.
    pub(super) tasks: Supervisor,
    /// Its time.
    pub(super) world: World,
}

impl Kept {
    /// Sends a range until it is sent, or nobody takes it any more.
    fn pieces(self, from: u64, length: u64) -> BoxStream<'static, Bytes> {
        let (taker, pieces) = mpsc::channel(1);
        let tasks = self.tasks.clone();
        tasks.spawn_until_stop("file in memory", self.feed(from, length, taker));
        stream::unfold(pieces, |mut pieces| async move {
            pieces.recv().await.map(|piece| (piece, pieces))
        })
        .boxed()
    }

    async fn feed(self, from: u64, length: u64, taker: mpsc::Sender<Bytes>) {
        let Self {
            bytes,
            place: _place,
            tasks: _,
            world,
        } = self;
        let range = usize::try_from(from).ok().zip(usize::try_from(length).ok());
        let wanted = range.and_then(|(from, length)| bytes.get(from..from.checked_add(length)?));
        let size = usize::try_from(PIECE_BYTES).unwrap_or(usize::MAX);
        for piece in wanted.unwrap_or_default().chunks(size) {
            // A copy: a part of the whole would hold the whole while it waits to be written.
            let piece = Bytes::copy_from_slice(piece);
            let taken = tokio::select! {
                biased;
                taken = taker.send(piece) => taken.is_ok(),
                () = world.sleep_ms(STALL_MS) => false,
            };
            if !taken {
                return;
            }
        }
    }
}

/// A file to send.
pub(super) struct Content {
    /// Media type.
    pub(super) kind: HeaderValue,
    /// Names this version of it.
    pub(super) tag: HeaderValue,
    /// When it was changed, Unix seconds, where that is known.
    pub(super) modified_s: Option<u64>,
    /// Its bytes.
    pub(super) source: Source,
}

impl Source {
    fn size(&self) -> u64 {
        match self {
            Self::File(file) => file.size(),
            Self::Memory(kept) => kept.bytes.len() as u64,
            Self::Size(size) => *size,
        }
    }

    /// The bytes of a range, a piece at a time. A file that became shorter meanwhile ends the connection: the client was
    /// promised more.
    fn pieces(self, from: u64, length: u64) -> BoxStream<'static, Bytes> {
        let file = match self {
            Self::File(file) => file,
            Self::Memory(kept) => return kept.pieces(from, length),
            Self::Size(_) => return stream::empty().boxed(),
        };
        let next = |(file, at, left): (Arc<ServedFile>, u64, u64)| async move {
            if left == 0 {
                return None;
            }
            let piece = match file.piece(at, left.min(PIECE_BYTES)).await {
                Ok(piece) => piece,
                Err(error) => {
                    tracing::debug!(%error, "A served file could not be read to its end.");
                    return None;
                }
            };
            let count = piece.len() as u64;
            (count > 0).then_some((piece, (file, at + count, left - count)))
        };
        stream::unfold((file, from, length), next).boxed()
    }
}

// === impl Content ===

impl Content {
    fn date(&self) -> Option<HeaderValue> {
        self.modified_s
            .and_then(|at_s| HeaderValue::from_str(&http_date(at_s)).ok())
    }

    /// Whether the answer to a request has any of its bytes, as far as that does not depend on a range.
    pub(super) fn has_body(&self, method: &Method, request: &HeaderMap) -> bool {
        method != Method::HEAD && !self.is_known(request, self.date().as_ref())
    }

    /// Answers a request for it; the method is `GET` or `HEAD`.
    pub(super) fn answer(self, method: &Method, request: &HeaderMap) -> Answer {
        let size = self.source.size();
        let date = self.date();
        let mut answer = if self.is_known(request, date.as_ref()) {
            not_modified(self.tag)
        } else {
            match self.wanted_range(method, request, size) {
                None => self.part(method, StatusCode::OK, 0, size),
                Some(Ok((from, to))) => {
                    let status = StatusCode::PARTIAL_CONTENT;
                    let mut answer = self.part(method, status, from, to - from + 1);
                    content_range(&mut answer, &format!("bytes {from}-{to}/{size}"));
                    answer
                }
                Some(Err(())) => {
                    let status = StatusCode::RANGE_NOT_SATISFIABLE;
                    let mut answer = text(status, "Range Not Satisfiable");
                    content_range(&mut answer, &format!("bytes */{size}"));
                    answer
                }
            }
        };
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, PRIVATE);
        if let Some(date) = date {
            headers.insert(header::LAST_MODIFIED, date);
        }
        answer
    }

    /// The client has this version: by its tag or, without one, by its date.
    fn is_known(&self, request: &HeaderMap, date: Option<&HeaderValue>) -> bool {
        if request.contains_key(header::IF_NONE_MATCH) {
            return is_known(request, &self.tag);
        }
        // Dates are compared as the text we sent: whoever made up another one gets the file.
        let since = request.get(header::IF_MODIFIED_SINCE);
        since.is_some() && since == date
    }

    /// One range of bytes, when the version it continues is still this one. `HEAD` has none (RFC 9110, section 14.2).
    fn wanted_range(
        &self,
        method: &Method,
        request: &HeaderMap,
        size: u64,
    ) -> Option<Result<(u64, u64), ()>> {
        if method == Method::HEAD {
            return None;
        }
        let wanted = request.get(header::RANGE)?.to_str().ok()?;
        if let Some(version) = request.get(header::IF_RANGE)
            && *version != self.tag
        {
            return None;
        }
        let found = range(wanted, usize::try_from(size).ok()?)?;
        Some(found.map(|(from, to)| (from as u64, to as u64)))
    }

    fn part(self, method: &Method, status: StatusCode, from: u64, length: u64) -> Answer {
        let mut answer = whole(status, self.kind, Bytes::new());
        if method != Method::HEAD && length > 0 {
            *answer.body_mut() = AnswerBody::Stream(self.source.pieces(from, length));
        }
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::ETAG, self.tag);
        answer
    }
}

fn content_range(answer: &mut Answer, range: &str) {
    if let Ok(range) = HeaderValue::from_str(range) {
        answer.headers_mut().insert(header::CONTENT_RANGE, range);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;
    use torana_engine::Bus;

    use super::*;

    /// The pieces of an answer of so many bytes from memory, and the places files may have there.
    async fn sent(size: usize) -> (BoxStream<'static, Bytes>, Arc<Semaphore>, World) {
        let world = torana_host::world();
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).acquire_owned().await.expect("free");
        let content = Content {
            kind: HeaderValue::from_static("text/plain"),
            tag: HeaderValue::from_static("\"1\""),
            modified_s: None,
            source: Source::Memory(Kept {
                bytes: Bytes::from(vec![b'x'; size]),
                place,
                tasks: Supervisor::new(Bus::default(), world.clone()),
                world: world.clone(),
            }),
        };
        let answer = content.answer(&Method::GET, &HeaderMap::new());
        let AnswerBody::Stream(pieces) = answer.into_body() else {
            panic!("it has a body");
        };
        (pieces, places, world)
    }

    const SIZE: usize = 1_000_000;

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_pieces_slowly_gets_them_all() {
        let (mut pieces, places, world) = sent(SIZE).await;
        let mut count = 0;
        while let Some(piece) = pieces.next().await {
            count += piece.len();
            world.sleep_ms(STALL_MS - 1_000).await;
        }
        assert_eq!(count, SIZE);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_any_more_gives_the_place_back() {
        let (mut pieces, places, world) = sent(SIZE).await;
        let first = pieces.next().await.expect("a piece");
        assert_eq!(places.available_permits(), 0);
        world.sleep_ms(STALL_MS + 1_000).await;
        assert_eq!(places.available_permits(), 1, "after half a minute");
        let rest: usize = pieces
            .map(|piece| piece.len())
            .collect::<Vec<_>>()
            .await
            .iter()
            .sum();
        assert!(first.len() + rest < SIZE, "and the answer ends unfinished");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_gives_the_place_back_at_once() {
        let (mut pieces, places, world) = sent(SIZE).await;
        assert!(pieces.next().await.is_some());
        drop(pieces);
        world.sleep_ms(1).await;
        assert_eq!(places.available_permits(), 1);
    }
}
