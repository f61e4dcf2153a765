//! The Control UI: files embedded in the binary, served with a policy that lets the page talk to us and nobody else
//! (S-062). Any page path without a file extension gets `index.html`; what has one and is unknown is missing.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use rust_embed::RustEmbed;
use torana_host::file_tree::TreeFile;

use super::answer::{Answer, not_found, text, wrong_method};
use super::asset::{Asset, kind, tag, tag_of};
use super::coding::gzip;
use super::dress::Dressed;
use super::head::is_read;
use super::stage;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

pub(super) const INDEX: &str = "index.html";
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// All files of the page.
pub(super) struct Site {
    assets: BTreeMap<String, Asset>,
    /// Of an operator's own page, the sources of its script policy; ours has no inline scripts.
    script_hashes: Option<String>,
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
    /// The page travels over TLS.
    pub(super) is_tls: bool,
    /// Where documents run that the page shows.
    pub(super) stage_port: Option<u16>,
}

// === impl Site ===

impl Site {
    /// Reads the embedded files.
    pub(super) fn embedded() -> Self {
        let file = |path: &str| {
            let file = Files::get(path)?;
            let bytes = match file.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
            };
            // Hashed by the build: the pages of the binary they are in stay on disk until somebody asks for them.
            let digest = Some(file.metadata.sha256_hash());
            Some(Found {
                bytes,
                digest,
                modified_s: None,
            })
        };
        Self {
            assets: assets(Files::iter().map(std::borrow::Cow::into_owned), file),
            script_hashes: None,
        }
    }

    /// Takes the files of an operator's folder, with its page made ready. Texts nobody packed are packed here.
    pub(super) fn of_folder(files: BTreeMap<String, TreeFile>, dressed: Dressed) -> Self {
        let file = |path: &str| {
            let file = files.get(path)?;
            Some(Found {
                bytes: file.bytes.clone(),
                digest: None,
                modified_s: Some(file.modified_s),
            })
        };
        let mut assets = assets(files.keys().cloned(), file);
        let page = Asset::made(HTML, dressed.page.into());
        assets.insert(INDEX.to_owned(), page);
        for asset in assets.values_mut().filter(|asset| asset.brotli.is_none()) {
            let kind = asset.kind.to_str().unwrap_or_default();
            asset.gzip = asset.gzip.take().or_else(|| gzip(kind, &asset.plain));
        }
        Self {
            assets,
            script_hashes: Some(dressed.script_hashes),
        }
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
        let is_read = is_read(request.method);
        match inside.strip_prefix('/') {
            None => redirect(request.base_path),
            Some(file) if file != INDEX && self.assets.contains_key(file) => {
                match self.assets.get(file) {
                    Some(asset) if is_read => asset.answer(request.method, request.headers),
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
        let mut answer = match &self.script_hashes {
            Some(_) => asset.answer(request.method, request.headers),
            None => {
                // Built with relative paths, so that any prefix works; a deep link needs them from the root.
                let page = String::from_utf8_lossy(&asset.plain)
                    .replace("=\"./", &format!("=\"{}/", request.base_path));
                Asset::made(HTML, page.into()).answer(request.method, request.headers)
            }
        };
        page_headers(answer.headers_mut(), request, self.script_hashes.as_deref());
        answer
    }
}

/// A file where it was found.
struct Found {
    bytes: Bytes,
    /// Its SHA-256, where somebody computed it already.
    digest: Option<[u8; 32]>,
    modified_s: Option<u64>,
}

/// Files with their compressed copies. `file` finds one by its path.
fn assets(
    paths: impl Iterator<Item = String>,
    file: impl Fn(&str) -> Option<Found>,
) -> BTreeMap<String, Asset> {
    let plain_paths = paths.filter(|path| !path.ends_with(".br") && !path.ends_with(".gz"));
    let copy = |path: &str, suffix: &str| file(&format!("{path}{suffix}")).map(|found| found.bytes);
    let found = plain_paths.filter_map(|path| {
        let found = file(&path)?;
        let asset = Asset {
            tag: found
                .digest
                .as_ref()
                .map_or_else(|| tag(&found.bytes), tag_of),
            brotli: copy(&path, ".br"),
            gzip: copy(&path, ".gz"),
            kind: HeaderValue::from_static(kind(&path)),
            is_hashed: path.starts_with("assets/"),
            plain: found.bytes,
            modified_s: found.modified_s,
        };
        Some((path, asset))
    });
    found.collect()
}

/// What a page may do: load from us, connect to us, be framed by nobody. An operator's own page may also run the scripts
/// that stand in it and style itself inline; where it may connect to stays the same.
fn page_headers(headers: &mut HeaderMap, request: &PageRequest<'_>, script_hashes: Option<&str>) {
    let host = request.host;
    // A TLS page reaches no plain socket; a plain one may be behind a proxy that speaks TLS.
    let sockets = if request.is_tls {
        format!("wss://{host}")
    } else {
        format!("ws://{host} wss://{host}")
    };
    let stage = request
        .stage_port
        .map(|port| format!(" {}", stage::origin(host, port, request.is_tls)))
        .unwrap_or_default();
    let policy = match script_hashes {
        None => format!(
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
             connect-src 'self' {sockets}; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
             form-action 'self'; require-trusted-types-for 'script'"
        ),
        // The official page loads pictures of a conversation from `data:` addresses it was sent (OpenClaw 2026.9.6);
        // nobody hears of that.
        Some(script_hashes) => format!(
            "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; \
             frame-src 'self'{stage}; script-src 'self'{script_hashes} 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data: blob: https:; media-src 'self' data: blob:; font-src 'self' data:; \
             worker-src 'self' blob:; connect-src 'self' data: {sockets}"
        ),
    };
    // The host was checked to be a plain name or address.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if request.is_tls {
        let always = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, always);
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
