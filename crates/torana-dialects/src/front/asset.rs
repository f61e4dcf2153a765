//! One file of a page and every way to ask for it: compressed copies, what the browser already has, and ranges.

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use torana_host::moment::http_date;

use super::answer::{Answer, text, whole};
use super::coding::{Coding, choose};

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// Names of built assets contain a hash of their content, so they never change.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file.
pub(super) struct Asset {
    pub(super) plain: Bytes,
    pub(super) brotli: Option<Bytes>,
    pub(super) gzip: Option<Bytes>,
    pub(super) tag: HeaderValue,
    pub(super) kind: HeaderValue,
    pub(super) is_hashed: bool,
    /// When it was changed, Unix seconds; unknown for embedded files.
    pub(super) modified_s: Option<u64>,
}

impl Asset {
    /// Bytes that were put together here.
    pub(super) fn made(kind: HeaderValue, plain: Bytes) -> Self {
        Self {
            tag: tag(&plain),
            kind,
            plain,
            brotli: None,
            gzip: None,
            is_hashed: false,
            modified_s: None,
        }
    }

    /// Answers a request for it; the method is `GET` or `HEAD`.
    pub(super) fn answer(&self, method: &Method, request: &HeaderMap) -> Answer {
        let packed = [(Coding::Brotli, &self.brotli), (Coding::Gzip, &self.gzip)];
        let packed = packed.iter().filter(|(_, bytes)| bytes.is_some());
        let coding = choose(request, packed.map(|(coding, _)| *coding));
        if self.is_known(request, &self.tag_of(coding)) {
            return self.headed(not_modified(self.tag.clone()), coding);
        }
        // `HEAD` has no range (RFC 9110, section 14.2).
        if method == Method::GET
            && let Some(range) = self.wanted_range(request)
        {
            return self.part(range);
        }
        let body = match coding {
            Coding::Brotli => self.brotli.as_ref(),
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Plain => None,
        };
        let body = body.unwrap_or(&self.plain).clone();
        let mut answer = whole(StatusCode::OK, self.kind.clone(), body);
        if coding != Coding::Plain {
            let name = HeaderValue::from_static(coding.name());
            answer.headers_mut().insert(header::CONTENT_ENCODING, name);
        }
        self.headed(answer, coding)
    }

    /// The tag of the file in a coding. Each has its own: a transfer that is continued must not get the bytes of another
    /// one (RFC 9110, section 8.8.3).
    fn tag_of(&self, coding: Coding) -> HeaderValue {
        let plain = self.tag.to_str().unwrap_or_default().trim_matches('"');
        let tag = match coding {
            Coding::Plain => return self.tag.clone(),
            Coding::Brotli | Coding::Gzip => format!("\"{plain}-{}\"", coding.name()),
        };
        HeaderValue::from_str(&tag).unwrap_or_else(|_| self.tag.clone())
    }

    /// What is said of the file with or without its bytes: a cache keeps what the last answer said.
    fn headed(&self, mut answer: Answer, coding: Coding) -> Answer {
        let headers = answer.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(
            header::CACHE_CONTROL,
            if self.is_hashed { IMMUTABLE } else { NO_CACHE },
        );
        headers.insert(header::ETAG, self.tag_of(coding));
        if let Some(date) = self.date() {
            headers.insert(header::LAST_MODIFIED, date);
        }
        answer
    }

    fn date(&self) -> Option<HeaderValue> {
        self.modified_s
            .and_then(|at_s| HeaderValue::from_str(&http_date(at_s)).ok())
    }

    /// The browser has this version: by its tag or, without one, by its date.
    fn is_known(&self, request: &HeaderMap, tag: &HeaderValue) -> bool {
        if request.contains_key(header::IF_NONE_MATCH) {
            return is_known(request, tag);
        }
        // Dates are compared as the text we sent: whoever made up another one gets the file.
        let since = request.get(header::IF_MODIFIED_SINCE);
        since.is_some() && since == self.date().as_ref()
    }

    /// One range of the plain bytes, when the version it continues is still this one.
    fn wanted_range(&self, request: &HeaderMap) -> Option<Result<(usize, usize), ()>> {
        let wanted = request.get(header::RANGE)?.to_str().ok()?;
        if let Some(version) = request.get(header::IF_RANGE)
            && *version != self.tag
        {
            return None;
        }
        range(wanted, self.plain.len())
    }

    fn part(&self, range: Result<(usize, usize), ()>) -> Answer {
        let size = self.plain.len();
        let (mut answer, shown) = match range {
            Ok((from, to)) => {
                let body = self.plain.slice(from..=to);
                let answer = whole(StatusCode::PARTIAL_CONTENT, self.kind.clone(), body);
                let answer = self.headed(answer, Coding::Plain);
                (answer, format!("bytes {from}-{to}/{size}"))
            }
            Err(()) => {
                let answer = text(StatusCode::RANGE_NOT_SATISFIABLE, "Range Not Satisfiable");
                (answer, format!("bytes */{size}"))
            }
        };
        if let Ok(shown) = HeaderValue::from_str(&shown) {
            answer.headers_mut().insert(header::CONTENT_RANGE, shown);
        }
        answer
    }
}

/// Reads `bytes=from-to`. `None` for what is not one range of bytes, which is answered whole (RFC 9110, section 14.2).
pub(super) fn range(wanted: &str, size: usize) -> Option<Result<(usize, usize), ()>> {
    let (from, to) = wanted.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| -> Option<usize> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { text.parse().ok() } else { None }
    };
    let last = size.checked_sub(1);
    let (from, to) = match (from, to) {
        ("", suffix) => {
            let count = number(suffix)?;
            match last {
                Some(last) if count > 0 => (size.saturating_sub(count), last),
                _ => return Some(Err(())),
            }
        }
        (from, "") => (number(from)?, last.unwrap_or(0)),
        (from, to) => {
            let (from, to) = (number(from)?, number(to)?);
            if from > to {
                return None;
            }
            (from, to.min(last.unwrap_or(0)))
        }
    };
    Some(if from < size { Ok((from, to)) } else { Err(()) })
}

/// The answer to somebody who has it.
pub(super) fn not_modified(tag: HeaderValue) -> Answer {
    let mut answer = text(StatusCode::NOT_MODIFIED, "");
    answer.headers_mut().insert(header::ETAG, tag);
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    answer
}

/// Names content by its hash.
pub(super) fn tag(bytes: &[u8]) -> HeaderValue {
    use sha2::Digest as _;
    tag_of(&sha2::Sha256::digest(bytes).into())
}

/// The same for content whose SHA-256 is known.
pub(super) fn tag_of(digest: &[u8; 32]) -> HeaderValue {
    let half = digest.iter().take(16);
    let hex: String = half.map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// Whether the browser named this tag.
pub(super) fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    known
        .split(',')
        .any(|known| known.trim() == "*" || known.trim().trim_start_matches("W/") == tag)
}

/// Types of what a page consists of; anything else is bytes.
pub(super) fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        "csv" => "text/csv; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (wanted, found) in [
            ("bytes=0-3", Some(Ok((0, 3)))),
            ("bytes=2-", Some(Ok((2, 9)))),
            ("bytes=-3", Some(Ok((7, 9)))),
            ("bytes=-30", Some(Ok((0, 9)))),
            ("bytes=5-99", Some(Ok((5, 9)))),
            ("bytes=10-", Some(Err(()))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=3-1", None),
            ("bytes=0-1,4-5", None),
            ("bytes=+1-2", None),
            ("bytes=a-b", None),
            ("lines=1-2", None),
            ("bytes=99999999999999999999-", None),
        ] {
            assert_eq!(range(wanted, 10), found, "{wanted}");
        }
        assert_eq!(range("bytes=0-", 0), Some(Err(())));
    }
}
