//! One file of a page and every way to ask for it: compressed copies, what the browser already has, and ranges.

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use torana_host::moment::http_date;

use super::answer::{Answer, text, whole};

pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
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
    /// Answers a request for it.
    pub(super) fn answer(&self, request: &HeaderMap) -> Answer {
        if self.is_known(request) {
            return self.dated(not_modified(self.tag.clone()));
        }
        if let Some(range) = self.wanted_range(request) {
            return self.dated(self.part(range));
        }
        let packed = [("br", &self.brotli), ("gzip", &self.gzip)].into_iter();
        let packed = packed.filter_map(|(name, bytes)| Some((name, bytes.as_ref()?)));
        let chosen = packed.into_iter().find(|(name, _)| accepts(request, name));
        let body = chosen.map_or(&self.plain, |(_, bytes)| bytes);
        let mut answer = self.headed(StatusCode::OK, body.clone());
        if let Some((name, _)) = chosen {
            let name = HeaderValue::from_static(name);
            answer.headers_mut().insert(header::CONTENT_ENCODING, name);
        }
        self.dated(answer)
    }

    fn headed(&self, status: StatusCode, body: Bytes) -> Answer {
        let mut answer = whole(status, self.kind.clone(), body);
        let headers = answer.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(
            header::CACHE_CONTROL,
            if self.is_hashed { IMMUTABLE } else { NO_CACHE },
        );
        headers.insert(header::ETAG, self.tag.clone());
        answer
    }

    fn dated(&self, mut answer: Answer) -> Answer {
        let date = self
            .modified_s
            .and_then(|at_s| HeaderValue::from_str(&http_date(at_s)).ok());
        if let Some(date) = date {
            answer.headers_mut().insert(header::LAST_MODIFIED, date);
        }
        answer
    }

    /// The browser has this version: by its tag or, without one, by its date.
    fn is_known(&self, request: &HeaderMap) -> bool {
        if request.contains_key(header::IF_NONE_MATCH) {
            return is_known(request, &self.tag);
        }
        let since = request
            .get(header::IF_MODIFIED_SINCE)
            .and_then(|value| value.to_str().ok());
        // Dates are compared as the text we sent: whoever made up another one gets the file.
        match (since, self.modified_s) {
            (Some(since), Some(at_s)) => since == http_date(at_s),
            _ => false,
        }
    }

    /// One range of bytes, when the version it continues is still this one.
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
                let answer = self.headed(StatusCode::PARTIAL_CONTENT, body);
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

fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let values = request
        .get_all(HeaderName::from_static("accept-encoding"))
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        is_named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
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
