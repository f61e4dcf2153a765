//! The Control UI: files embedded in the binary, served with a policy that lets the page talk to us and nobody else
//! (S-062). Any page path without a file extension gets `index.html`; what has one and is unknown is missing.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use rust_embed::RustEmbed;

use super::answer::{Answer, not_found, text, whole, wrong_method};

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

const INDEX: &str = "index.html";
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// Names of built assets contain a hash of their content, so they never change.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

struct Asset {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    tag: HeaderValue,
    kind: HeaderValue,
    is_hashed: bool,
}

/// All files of the page.
pub(super) struct Site {
    assets: BTreeMap<String, Asset>,
}

/// What is asked of the site.
pub(super) struct PageRequest<'a> {
    pub(super) method: &'a Method,
    /// Normalised path.
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// Checked `Host`, in lower case.
    pub(super) host: &'a str,
    /// Prefix of the page, without trailing slash.
    pub(super) base_path: &'a str,
}

// === impl Site ===

impl Site {
    /// Reads the embedded files.
    pub(super) fn embedded() -> Self {
        let bytes = |path: &str| {
            Files::get(path).map(|file| match file.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
            })
        };
        let mut assets = BTreeMap::new();
        for path in Files::iter().filter(|path| !path.ends_with(".br") && !path.ends_with(".gz")) {
            let Some(plain) = bytes(&path) else { continue };
            let asset = Asset {
                tag: tag(&plain),
                brotli: bytes(&format!("{path}.br")),
                gzip: bytes(&format!("{path}.gz")),
                kind: HeaderValue::from_static(kind(&path)),
                is_hashed: path.starts_with("assets/"),
                plain,
            };
            assets.insert(path.into_owned(), asset);
        }
        Self { assets }
    }

    /// Answers a request for a page or one of its files.
    pub(super) fn answer(&self, request: &PageRequest<'_>) -> Answer {
        let Some(inside) = request
            .path
            .strip_prefix(request.base_path)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        else {
            return if request.path == "/" {
                redirect(request.base_path)
            } else {
                not_found()
            };
        };
        let is_read = matches!(*request.method, Method::GET | Method::HEAD);
        match inside.strip_prefix('/') {
            None => redirect(request.base_path),
            Some(file) if file != INDEX && self.assets.contains_key(file) => {
                match self.assets.get(file) {
                    Some(asset) if is_read => asset.answer(request.headers),
                    Some(_) => wrong_method("GET, HEAD"),
                    None => not_found(),
                }
            }
            Some("") if !is_read => wrong_method("GET, HEAD"),
            Some(file) if is_read && (file == INDEX || is_page(file)) => self.index(request),
            Some(_) => not_found(),
        }
    }

    fn index(&self, request: &PageRequest<'_>) -> Answer {
        let Some(asset) = self.assets.get(INDEX) else {
            return text(StatusCode::NOT_FOUND, "This build has no Control UI.");
        };
        let page = String::from_utf8_lossy(&asset.plain);
        // Built with relative paths, so that any prefix works; a deep link needs them from the root.
        let page = page.replace("=\"./", &format!("=\"{}/", request.base_path));
        let tag = tag(page.as_bytes());
        if is_known(request.headers, &tag) {
            return not_modified(tag);
        }
        let mut answer = whole(StatusCode::OK, asset.kind.clone(), page);
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_CACHE);
        headers.insert(header::ETAG, tag);
        page_headers(headers, request.host);
        answer
    }
}

impl Asset {
    fn answer(&self, request: &HeaderMap) -> Answer {
        if is_known(request, &self.tag) {
            return not_modified(self.tag.clone());
        }
        let packed = [("br", &self.brotli), ("gzip", &self.gzip)].into_iter();
        let packed = packed.filter_map(|(name, bytes)| Some((name, bytes.as_ref()?)));
        let chosen = packed.into_iter().find(|(name, _)| accepts(request, name));
        let body = chosen.map_or(&self.plain, |(_, bytes)| bytes);
        let mut answer = whole(StatusCode::OK, self.kind.clone(), body.clone());
        let headers = answer.headers_mut();
        if let Some((name, _)) = chosen {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(
            header::CACHE_CONTROL,
            if self.is_hashed { IMMUTABLE } else { NO_CACHE },
        );
        headers.insert(header::ETAG, self.tag.clone());
        answer
    }
}

/// What a page may do: load from us, connect to us, be framed by nobody.
fn page_headers(headers: &mut HeaderMap, host: &str) {
    let policy = format!(
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
         connect-src 'self' ws://{host} wss://{host}; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self'; require-trusted-types-for 'script'"
    );
    // The host was checked to be a plain name or address.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let permissions = "camera=(self), microphone=(self), geolocation=(), clipboard-write=(self)";
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(permissions),
    );
}

/// A path a person navigates to; a name with an extension is a file.
fn is_page(file: &str) -> bool {
    !file.rsplit('/').next().unwrap_or_default().contains('.')
}

fn redirect(base_path: &str) -> Answer {
    let mut answer = text(StatusCode::FOUND, "");
    // Quirk-free by construction: the prefix comes from config, never from the request.
    if let Ok(location) = HeaderValue::from_str(&format!("{base_path}/")) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

fn not_modified(tag: HeaderValue) -> Answer {
    let mut answer = text(StatusCode::NOT_MODIFIED, "");
    answer.headers_mut().insert(header::ETAG, tag);
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    answer
}

fn tag(bytes: &[u8]) -> HeaderValue {
    let hex: String = digest_of(bytes)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

fn digest_of(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    known
        .split(',')
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}

fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let values = request
        .get_all(header::ACCEPT_ENCODING)
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
fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
