//! The stage: a second port on which documents of agents run, so that nothing of ours has their origin (S-065).
//!
//! The official page shows a document in two frames: one of another origin, which is our own page here, and within it
//! one without any origin, which gets the document (OpenClaw 2026.9.6, whose listener is opened on demand, too). The
//! stage has nothing else: no data, no credential, no other path.

use std::sync::{Mutex, PoisonError};

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use super::answer::{Answer, not_found, whole, wrong_method};
use super::head::is_read;
use super::listen::BindError;
use super::path::Route;

/// The path the official page insists on (OpenClaw 2026.9.6).
pub(crate) const PATH: &str = "/mcp-app-sandbox";

/// The page of the stage. It takes one document at a time from the gateway's page and from nobody else, puts it into a
/// frame that may run scripts but has no origin, and tells when it is there and how high it wants to be. Names of
/// messages are OpenClaw's (2026.9.6); what a document says beside its height goes nowhere.
const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Document</title>
<style>html, body { height: 100%; margin: 0 } iframe { display: block; width: 100%; height: 100%; border: 0 }</style>
<body>
<script>
"use strict";
{
  const gateway = new URL(`${location.protocol}//${location.hostname}:GATEWAY_PORT`).origin;
  const tell = (method, params) => parent.postMessage({ jsonrpc: "2.0", method, params }, gateway);
  let shown;
  const show = ({ html, renderId, allowScripts }) => {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", allowScripts === false ? "" : "allow-scripts");
    frame.addEventListener("load", () => frame === shown && tell("ui/notifications/sandbox-resource-loaded", { renderId }), { once: true });
    frame.srcdoc = String(html);
    shown?.remove();
    shown = frame;
    document.body.append(frame);
  };
  addEventListener("message", ({ source, origin, data }) => {
    if (source === parent && origin === gateway) {
      if (data?.method === "ui/notifications/sandbox-resource-ready") show(data.params ?? {});
    } else if (shown !== undefined && source === shown.contentWindow && data?.type === "openclaw:widget-size" && Number.isFinite(data.height)) {
      parent.postMessage({ type: data.type, height: data.height }, gateway);
    }
  });
  tell("ui/notifications/sandbox-proxy-ready", { sandboxUrl: location.href });
}
</script>
"#;

/// What a document may do: run what stands in it. The frame within takes this over from the page around it, so nothing
/// is loaded from anywhere and nothing leaves by walking away to another address. WebRTC is beyond any policy that
/// browsers know (Chromium 2026 calls `webrtc` an unknown directive).
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; \
    media-src data: blob:; font-src data:; connect-src 'none'; frame-src 'none'; worker-src 'none'; \
    object-src 'none'; base-uri 'none'; form-action 'none'";
/// No abilities of the browser.
const NO_PERMISSIONS: HeaderValue =
    HeaderValue::from_static("camera=(), microphone=(), geolocation=(), clipboard-write=()");

/// Where documents run, opened when the first one is shown.
#[derive(Default)]
pub(crate) struct Stage(Mutex<State>);

#[derive(Default)]
enum State {
    /// Nobody listens at all.
    #[default]
    Closed,
    /// It can be opened.
    Ready {
        /// The port; with 0 the system chooses one.
        port: u16,
        open: Opener,
    },
    /// It is open on this port.
    Open(u16),
}

/// Opens the port and says which one it is; the system chooses with 0.
type Opener = Box<dyn Fn(u16) -> Result<u16, BindError> + Send>;

// === impl Stage ===

impl Stage {
    /// Says on which port it can be opened, and how.
    pub(super) fn prepare(
        &self,
        port: u16,
        open: impl Fn(u16) -> Result<u16, BindError> + Send + 'static,
    ) {
        let open = Box::new(open);
        *self.state() = State::Ready { port, open };
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port it has or will have, where that is known.
    pub(crate) fn port(&self) -> Option<u16> {
        let port = match &*self.state() {
            State::Closed => return None,
            State::Ready { port, .. } | State::Open(port) => *port,
        };
        (port > 0).then_some(port)
    }

    /// Its port. The first call opens it.
    pub(crate) fn open(&self) -> Result<u16, String> {
        let mut state = self.state();
        let port = match &*state {
            State::Closed => return Err("the gateway does not listen".to_owned()),
            State::Open(port) => return Ok(*port),
            State::Ready { port, open } => open(*port).map_err(|error| error.to_string())?,
        };
        *state = State::Open(port);
        Ok(port)
    }
}

/// Where the frame of a page is, for the policy of that page: the host it was loaded from, on another port.
pub(super) fn origin(host: &str, port: u16, is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}:{port}", name_of(host))
}

/// A checked `Host` without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Answers a request on the stage. `gateway_port` is where the only page lives that may show it.
pub(super) fn answer(
    method: &Method,
    route: &Route,
    host: &str,
    gateway_port: u16,
    is_tls: bool,
) -> Answer {
    match route {
        Route::Other(path) if path == PATH => {}
        _ => return not_found(),
    }
    if !is_read(method) {
        return wrong_method("GET, HEAD");
    }
    let page = PAGE.replace("GATEWAY_PORT", &gateway_port.to_string());
    let mut answer = whole(
        StatusCode::OK,
        HeaderValue::from_static("text/html; charset=utf-8"),
        page,
    );
    let policy = format!(
        "{POLICY}; frame-ancestors {}",
        origin(host, gateway_port, is_tls)
    );
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        // The host was checked to be a plain name or address.
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(POLICY)),
    );
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        NO_PERMISSIONS,
    );
    // A process of its own, where the browser has them.
    headers.insert(
        HeaderName::from_static("origin-agent-cluster"),
        HeaderValue::from_static("?1"),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_of_a_page_is_its_own_host_on_another_port() {
        for (host, is_tls, wanted) in [
            ("127.0.0.1:18789", false, "http://127.0.0.1:9"),
            ("[::1]:18789", false, "http://[::1]:9"),
            ("[::1]", true, "https://[::1]:9"),
            ("box.lan", true, "https://box.lan:9"),
        ] {
            assert_eq!(origin(host, 9, is_tls), wanted);
        }
    }
}
