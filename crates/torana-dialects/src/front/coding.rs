//! Which coding of a file a client gets (RFC 9110, section 12.5.3), and the coding we make ourselves.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header;

/// Shorter texts fit into one packet with their header, so packing them saves no round trip.
const BYTES_MIN: usize = 1_024;

/// How the bytes of a file travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Brotli.
    Brotli,
    /// Gzip.
    Gzip,
    /// As they are.
    Plain,
}

// === impl Coding ===

impl Coding {
    /// Its name in a header field.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Plain => "identity",
        }
    }
}

/// The best of the packed codings that a client takes. A client that refuses everything gets the plain bytes, for an
/// error would help it even less.
pub(super) fn choose(request: &HeaderMap, packed: impl Iterator<Item = Coding>) -> Coding {
    let wishes = wishes(request);
    let of = |name: &str| wishes.iter().find(|(known, _)| known == name);
    let weight = |name: &str| {
        of(name)
            .or_else(|| of("*"))
            .map_or(0, |(_, weight)| *weight)
    };
    // What is not named at all comes after everything that is.
    let plain = of(Coding::Plain.name()).map_or(0, |(_, weight)| *weight);
    let mut best = (Coding::Plain, plain.max(1));
    for coding in packed {
        let weight = weight(coding.name());
        let is_better = match best.0 {
            Coding::Plain => weight >= best.1,
            Coding::Brotli | Coding::Gzip => weight > best.1,
        };
        if is_better {
            best = (coding, weight);
        }
    }
    best.0
}

/// Codings with their weights in thousandths. One that cannot be read counts as refused.
fn wishes(request: &HeaderMap) -> Vec<(String, u16)> {
    let values = request.get_all(header::ACCEPT_ENCODING).iter();
    let items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    items
        .map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            (name, weight.map_or(1_000, thousandths))
        })
        .collect()
}

/// Reads `0.25` as 250: one digit and at most three more (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let is_plain = rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if is_plain => 1_000,
        "0" if is_plain => format!("{rest:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// A text packed with gzip, when that makes it smaller.
pub(super) fn gzip(kind: &str, plain: &[u8]) -> Option<Bytes> {
    if plain.len() < BYTES_MIN || !is_text(kind) {
        return None;
    }
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    let written = packer.write_all(plain).and_then(|()| packer.finish());
    // Writing into memory does not fail; if it ever did, the plain bytes are as good.
    written
        .ok()
        .filter(|packed| packed.len() < plain.len())
        .map(Bytes::from)
}

/// Everything else a page consists of is packed by its own format.
fn is_text(kind: &str) -> bool {
    kind.starts_with("text/") || kind.contains("json") || kind == "image/svg+xml"
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_best_coding_is_sent_that_the_client_takes() {
        use Coding::{Brotli, Gzip, Plain};
        for (wish, wanted) in [
            ("", Plain),
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip", Gzip),
            ("GZip;Q=0.5", Gzip),
            ("br;q=0, gzip", Gzip),
            ("br;q=0.000", Plain),
            ("br;q=0.2, gzip;q=0.8", Gzip),
            ("identity, gzip;q=0.5", Plain),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
            ("identity;q=0, gzip;q=0.001", Gzip),
            ("*", Brotli),
            ("*;q=0", Plain),
            ("br;q=0, *", Gzip),
            ("identity;q=0", Plain),
            ("identity;q=0, *;q=0", Plain),
            ("br;q=2, gzip;q=x", Plain),
            ("br;q=0.1234", Plain),
            ("brr, xgzip", Plain),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(wish));
            assert_eq!(
                choose(&request, [Brotli, Gzip].into_iter()),
                wanted,
                "{wish}"
            );
        }
        let mut twice = HeaderMap::new();
        twice.append(header::ACCEPT_ENCODING, HeaderValue::from_static("deflate"));
        twice.append(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(choose(&twice, [Gzip].into_iter()), Gzip);
        assert_eq!(choose(&twice, std::iter::empty()), Plain);
        assert_eq!(choose(&HeaderMap::new(), [Brotli].into_iter()), Plain);
    }

    #[test]
    fn long_texts_become_smaller_and_come_back_whole() {
        use std::io::Read as _;
        let long = b"the same words again and again ".repeat(100);
        let packed = gzip("text/css; charset=utf-8", &long).expect("smaller");
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_end(&mut back)
            .expect("gzip");
        assert_eq!(back, long);
        assert_eq!(gzip("text/css", b"short"), None);
        assert_eq!(gzip("image/png", &long), None);
    }
}
