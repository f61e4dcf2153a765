//! The order of checks for every request, in one place: head → proxy attribution → Host → Origin → credential → body.
//!
//! Nothing here waits for a body before the credential is right, and the path that was routed is the path that was
//! judged (threat model section 4).

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode, Version};
use tokio::sync::Semaphore;
use torana_core::auth::{Scope, ScopeSet};
use torana_core::id::AgentId;
use torana_core::limit::{HTTP_BODY_BYTES_COMPLETIONS_MAX, HTTP_BODY_BYTES_TOOLS_MAX};
use torana_engine::service::devices::Devices;

use super::answer::{
    Answer, closing, common_headers, json, not_found, refusal, retry_later, text, wrong_method,
};
use super::avatar::{self, Avatar};
use super::gate::GateOutcome;
use super::host::{is_host_allowed, is_origin_allowed};
use super::path::{self, Route, Surface, Token, route};
use super::peer::{ForwardFault, Peer, Via, attribute, network, proxied, tailnet, user_agent};
use super::seats::{Seat, SeatSource, Seats};
use super::static_ui::{PageRequest, Site};
use super::surface::{self, Look};
use super::{body, stage, upgrade, webhook};
use crate::context::{AuthMode, Context, FrontSettings};
use crate::openai;
use crate::openclaw::{OpenClaw, ui_config};
use crate::ops;
use crate::tools;

/// Bytes of a request target (threat model section 7).
const TARGET_BYTES_MAX: usize = 8 * 1024;

/// Everything requests are answered from.
pub(super) struct Pipeline {
    pub(super) context: Arc<Context>,
    pub(super) site: Site,
    pub(super) seats: Seats,
    pub(super) runs: openai::Runs,
    /// Places for files of conversations that are being sent.
    pub(super) files: Arc<Semaphore>,
    /// Takes the WebSockets.
    pub(super) dialect: Arc<OpenClaw>,
}

/// What one connection and its requests share.
pub(super) struct Link {
    pub(super) address: IpAddr,
    /// The connection is encrypted.
    pub(super) is_tls: bool,
    /// It came to the port that documents run on.
    pub(super) is_stage: bool,
    pub(super) seat: Seat,
    /// The current request must be the connection's last.
    pub(super) last: Arc<AtomicBool>,
    /// Requests so far.
    pub(super) requests: AtomicU64,
    /// An upgrade was agreed, with this peer.
    pub(super) upgraded: Mutex<Option<Peer>>,
    /// The last answer left a body unread.
    pub(super) unread: AtomicBool,
}

/// One request being answered.
pub(super) struct Exchange {
    pub(super) parts: Parts,
    /// The body, until somebody reads it.
    pub(super) body: Option<Incoming>,
    /// Reading the body was given up.
    pub(super) is_cut: bool,
}

/// A refusal on the way; boxed because the good way should stay light.
type Checked<T> = Result<T, Box<Answer>>;

fn refuse<T>(status: StatusCode, kind: &str, message: &str) -> Checked<T> {
    Err(Box::new(refusal(status, kind, message)))
}

fn malformed<T>(message: &'static str) -> Checked<T> {
    Err(Box::new(closing(text(StatusCode::BAD_REQUEST, message))))
}

// === impl Pipeline ===

impl Pipeline {
    /// Answers a request. Never fails: every fault is an answer.
    pub(super) async fn answer(&self, link: &Link, request: Request<Incoming>) -> Answer {
        if link.requests.fetch_add(1, Ordering::Relaxed) > 0 {
            link.seat.begin_again();
        }
        link.seat.heard();
        let (parts, body) = request.into_parts();
        let body = (!body.is_end_stream()).then_some(body);
        let mut exchange = Exchange {
            parts,
            body,
            is_cut: false,
        };
        let mut answer = match self.decide(link, &mut exchange).await {
            Ok(answer) => answer,
            Err(refusal) => *refusal,
        };
        let is_unread = exchange.is_cut || exchange.body.is_some();
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            if is_unread || link.last.load(Ordering::Relaxed) {
                link.unread.store(is_unread, Ordering::Relaxed);
                answer = closing(answer);
            }
            common_headers(answer.headers_mut());
        }
        answer
    }

    async fn decide(&self, link: &Link, exchange: &mut Exchange) -> Checked<Answer> {
        let front = self.context.front.load_full();
        let route = path::below(&front.base_path, target(&exchange.parts)?);
        let host = host(&exchange.parts)?;
        if link.is_stage {
            check_host(&host, &front)?;
            let method = &exchange.parts.method;
            return Ok(stage::answer(
                method,
                &route,
                &host,
                front.port,
                link.is_tls,
            ));
        }
        let hook = match &route {
            Route::Other(path) if self.is_hook(path) => Some(path.clone()),
            _ => None,
        };
        let peer = peer(
            link.address,
            &exchange.parts.headers,
            host,
            &front,
            Arrival {
                is_hook: hook.is_some(),
                is_tls: link.is_tls,
            },
        )?;
        if let Some(path) = hook {
            // Its secret is the only authority, and tunnels present any host (decision 38).
            refuse_foreign_page(&exchange.parts.headers, &peer)?;
            if exchange.parts.method != Method::POST {
                return Ok(other_method(&exchange.parts.method, "POST"));
            }
            return Ok(webhook::serve(&self.context, exchange, &path, &peer.source()).await);
        }
        let is_upgrade =
            matches!(route, Route::Other(_)) && upgrade::is_wanted(&exchange.parts.headers);
        if !is_upgrade || peer.origin.is_some() {
            check_host(&peer.host, &front)?;
        }
        if is_upgrade {
            return self.upgrade(link, exchange, peer);
        }
        // A page of ours is a stranger's to nobody, and an address that is a permission needs no origin: a document
        // without one asks for its own pictures.
        let is_open = matches!(
            route,
            Route::Other(_) | Route::Capability(..) | Route::Download(_)
        );
        if !(is_open && is_read(&exchange.parts.method)) {
            refuse_foreign_page(&exchange.parts.headers, &peer)?;
        }
        self.dispatch(link, exchange, route, &peer, &front).await
    }

    async fn dispatch(
        &self,
        link: &Link,
        exchange: &mut Exchange,
        route: Route,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<Answer> {
        let method = exchange.parts.method.clone();
        if let Some(allow) = wrong_verb(&route, &method) {
            return Ok(other_method(&method, allow));
        }
        match route {
            Route::Live => Ok(ops::live()),
            Route::Health => {
                let is_known = self.is_known(link, exchange, peer, front).await?;
                Ok(ops::health(&self.context, is_known))
            }
            Route::Ready => {
                let is_known = self.is_known(link, exchange, peer, front).await?;
                Ok(ops::ready(&self.context, is_known))
            }
            Route::Metrics => {
                self.authorise(link, exchange, peer, front).await?;
                Ok(ops::metrics(&self.context, self.seats.counts()).await)
            }
            Route::Models
            | Route::Model(_)
            | Route::ChatCompletions
            | Route::Responses
            | Route::Embeddings
            | Route::ToolsInvoke => self.api(link, exchange, route, peer, front).await,
            Route::UiConfig => self.ui_config(link, exchange, peer, front).await,
            Route::Capability(token, below) => self.by_address(exchange, &token, below).await,
            Route::Surface(below) => {
                self.authorise_reader(link, exchange, peer, front).await?;
                Ok(self.surface(exchange, below, false).await)
            }
            Route::Download(token) => self.download(link, exchange, token, peer, front).await,
            Route::ApiNothing => {
                self.authorise(link, exchange, peer, front).await?;
                Ok(api_nothing())
            }
            Route::Nothing => Ok(not_found()),
            Route::Other(path) if front.control_ui => {
                self.page(link, exchange, &path, peer, front).await
            }
            Route::Other(_) => Ok(not_found()),
        }
    }

    /// The page, and what it fetches beside its files.
    async fn page(
        &self,
        link: &Link,
        exchange: &Exchange,
        path: &str,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<Answer> {
        let method = &exchange.parts.method;
        let below = path.strip_prefix(front.base_path.as_str());
        let is_config = below == Some("/control-ui-config.json");
        let avatar = below.and_then(|below| below.strip_prefix("/avatar/"));
        let is_fetched = is_config || avatar.is_some();
        if method == Method::OPTIONS || (is_fetched && !is_read(method)) {
            return Ok(other_method(method, "GET, HEAD"));
        }
        if is_config {
            return self.ui_config(link, exchange, peer, front).await;
        }
        if let Some(id) = avatar {
            return self.avatar(link, exchange, id, peer, front).await;
        }
        let site = match &front.ui_folder {
            Some(folder) => folder.site.as_ref(),
            None => &self.site,
        };
        Ok(site.answer(&PageRequest {
            method,
            path,
            headers: &exchange.parts.headers,
            host: &peer.host,
            base_path: &front.base_path,
            is_tls: link.is_tls,
            stage_port: self.dialect.stage().port(),
        }))
    }

    /// The endpoints programs call, each behind the gateway secret and its own switch.
    async fn api(
        &self,
        link: &Link,
        exchange: &mut Exchange,
        route: Route,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<Answer> {
        let is_off = match route {
            Route::ChatCompletions => !front.chat_completions,
            Route::Responses => !front.responses,
            _ => false,
        };
        if is_off {
            return Ok(not_found());
        }
        self.authorise(link, exchange, peer, front).await?;
        let context = &self.context;
        match route {
            Route::Models => return Ok(openai::models(context)),
            Route::Model(id) => return Ok(openai::model(context, &id)),
            _ => {}
        }
        let bytes_max = match route {
            Route::ToolsInvoke => HTTP_BODY_BYTES_TOOLS_MAX,
            _ => HTTP_BODY_BYTES_COMPLETIONS_MAX,
        };
        let bytes = self.read_json(exchange, front, bytes_max).await?;
        let headers = &exchange.parts.headers;
        Ok(match route {
            Route::Responses => openai::responses(context, &self.runs, headers, bytes).await,
            Route::Embeddings => openai::embeddings(context, headers, &bytes).await,
            Route::ToolsInvoke => tools::invoke(&bytes),
            _ => openai::chat(context, &self.runs, headers, bytes).await,
        })
    }

    async fn ui_config(
        &self,
        link: &Link,
        exchange: &Exchange,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<Answer> {
        if !front.control_ui {
            return Ok(not_found());
        }
        refuse_foreign_page(&exchange.parts.headers, peer)?;
        self.authorise_page(link, exchange, peer, front).await?;
        Ok(ui_config(&self.context, front).await)
    }

    /// The picture of an agent, as a file or with `?meta=1` what is known of it. Tags of pictures cannot bring a token,
    /// so a page fetches it like everything else.
    async fn avatar(
        &self,
        link: &Link,
        exchange: &Exchange,
        id: &str,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<Answer> {
        self.authorise_reader(link, exchange, peer, front).await?;
        let known = AgentId::new(id).ok();
        let settings = self.context.engine.settings();
        let Some(agent) = known.filter(|agent| settings.agents.contains_key(agent)) else {
            return Ok(not_found());
        };
        let found = avatar::find(&self.context, &agent).await;
        let query = exchange.parts.uri.query().unwrap_or_default();
        if query.split('&').any(|pair| pair == "meta=1") {
            return Ok(json(StatusCode::OK, &found.meta(&front.base_path, &agent)));
        }
        let (method, headers) = (&exchange.parts.method, &exchange.parts.headers);
        Ok(match found {
            Avatar::File { kind, file, .. } => surface::picture(file, kind, method, headers),
            Avatar::Data(address) => match avatar::written_out(&address) {
                Some((kind, bytes)) => surface::drawn(kind, bytes, method, headers),
                None => not_found(),
            },
            Avatar::Unset | Avatar::Text(_) | Avatar::Remote(_) | Avatar::Unusable { .. } => {
                not_found()
            }
        })
    }

    /// What lies behind an address that is its own permission.
    async fn by_address(
        &self,
        exchange: &Exchange,
        token: &Token,
        below: Surface,
    ) -> Checked<Answer> {
        if !self.dialect.opens_canvas(&token.0) {
            return unauthorized();
        }
        Ok(self.surface(exchange, below, true).await)
    }

    async fn surface(&self, exchange: &Exchange, below: Surface, by_address: bool) -> Answer {
        let look = Look {
            method: &exchange.parts.method,
            headers: &exchange.parts.headers,
            by_address,
        };
        match below {
            Surface::Canvas(path) => surface::canvas(&self.context, &path, &look).await,
            Surface::Nothing => not_found(),
        }
    }

    /// A file of a conversation by its address. Whoever has a credential instead learns that there is no such address.
    async fn download(
        &self,
        link: &Link,
        exchange: &Exchange,
        token: Token,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<Answer> {
        let Some(media) = self.dialect.download(&token.0) else {
            refuse_foreign_page(&exchange.parts.headers, peer)?;
            self.authorise(link, exchange, peer, front).await?;
            return Ok(api_nothing());
        };
        let look = Look {
            method: &exchange.parts.method,
            headers: &exchange.parts.headers,
            by_address: true,
        };
        Ok(surface::download(&self.context, &self.files, &media, &look).await)
    }

    fn is_hook(&self, path: &str) -> bool {
        self.context
            .engine
            .webhook_paths()
            .iter()
            .any(|known| known == path)
    }

    fn upgrade(&self, link: &Link, exchange: &Exchange, peer: Peer) -> Checked<Answer> {
        if peer.origin.is_none() {
            refuse_foreign_page(&exchange.parts.headers, &peer)?;
        }
        let mut request = Request::new(());
        *request.method_mut() = exchange.parts.method.clone();
        *request.version_mut() = exchange.parts.version;
        *request.headers_mut() = exchange.parts.headers.clone();
        let answer = upgrade::accept(&request)?;
        let source = match (&peer.origin, peer.direct_local) {
            (Some(origin), _) => SeatSource::Origin(origin.clone()),
            (None, true) => SeatSource::Local,
            (None, false) => SeatSource::Remote(network(peer.remote)),
        };
        if link.seat.move_to(source).is_err() {
            let message = "too many connections wait to sign in";
            return Err(Box::new(closing(retry_later(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                message,
                1_000,
            ))));
        }
        *link.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
        Ok(answer)
    }

    /// A credential is optional here; a wrong one is still refused.
    async fn is_known(
        &self,
        link: &Link,
        exchange: &Exchange,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<bool> {
        if !exchange.parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(false);
        }
        self.authorise(link, exchange, peer, front)
            .await
            .map(|()| true)
    }

    /// Like [`Pipeline::authorise`], and a device's own token is as good: the page carries that after pairing.
    async fn authorise_page(
        &self,
        link: &Link,
        exchange: &Exchange,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<()> {
        if self.device_scopes(exchange).await?.is_some() {
            return Ok(());
        }
        self.authorise(link, exchange, peer, front).await
    }

    /// The same for what only readers may see: the token of a device must be good for reading.
    async fn authorise_reader(
        &self,
        link: &Link,
        exchange: &Exchange,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<()> {
        let scopes = self.device_scopes(exchange).await?;
        if scopes.is_some_and(|scopes| scopes.allows(Scope::Read)) {
            return Ok(());
        }
        self.authorise(link, exchange, peer, front).await
    }

    /// What the token of a device grants; `None` when there is none.
    async fn device_scopes(&self, exchange: &Exchange) -> Checked<Option<ScopeSet>> {
        let Some(presented) = bearer(&exchange.parts.headers)? else {
            return Ok(None);
        };
        let devices = Devices::new(self.context.engine.clone(), self.context.install_key);
        // Looked up by digest among a few rows: a guesser learns nothing from being told no.
        Ok(devices.verify_bearer(presented).await.ok().flatten())
    }

    async fn authorise(
        &self,
        link: &Link,
        exchange: &Exchange,
        peer: &Peer,
        front: &FrontSettings,
    ) -> Checked<()> {
        if has_token_in_query(&exchange.parts) {
            let message = "credentials belong in `Authorization: Bearer …`, never in the address";
            return refuse(StatusCode::BAD_REQUEST, "invalid_request_error", message);
        }
        // A tailnet's identity is for sockets and pages; APIs take a person only from the operator's own proxy.
        let is_named = peer
            .identity
            .as_ref()
            .is_some_and(|identity| identity.via == Via::TrustedProxy);
        let Some(presented) = bearer(&exchange.parts.headers)? else {
            return if front.auth == AuthMode::None || is_named {
                Ok(())
            } else {
                unauthorized()
            };
        };
        match self
            .context
            .gate
            .check_shared(front, presented, &peer.source())
            .await
        {
            GateOutcome::Accepted => {}
            GateOutcome::Wrong => return unauthorized(),
            GateOutcome::Limited { retry_after_ms } => {
                let message = "too many failed authentication attempts (retry later)";
                return Err(Box::new(retry_later(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate_limited",
                    message,
                    retry_after_ms,
                )));
            }
        }
        if link.seat.authenticated().is_err() {
            let message = "too many clients are connected";
            return Err(Box::new(retry_later(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                message,
                1_000,
            )));
        }
        Ok(())
    }

    async fn read_json(
        &self,
        exchange: &mut Exchange,
        front: &FrontSettings,
        bytes_max: usize,
    ) -> Checked<bytes::Bytes> {
        // Without a bearer only the content type keeps a page's simple request out (S-066).
        let is_json = exchange
            .parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let is_json =
            is_json.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
        if front.auth == AuthMode::None && !is_json {
            return refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request_error",
                "the body must be application/json",
            );
        }
        let Some(incoming) = exchange.body.take() else {
            return Ok(bytes::Bytes::new());
        };
        let world = self.context.engine.world();
        let read = body::read(&exchange.parts.headers, incoming, bytes_max, world).await;
        exchange.is_cut = read.is_err();
        read
    }
}

/// The methods of a path, when the request has another one. Pages decide for themselves.
fn wrong_verb(route: &Route, method: &Method) -> Option<&'static str> {
    match route {
        Route::Other(_) | Route::Nothing => None,
        Route::ChatCompletions | Route::Responses | Route::Embeddings | Route::ToolsInvoke => {
            (*method != Method::POST).then_some("POST")
        }
        Route::Live
        | Route::Health
        | Route::Ready
        | Route::Metrics
        | Route::Models
        | Route::Model(_)
        | Route::ApiNothing
        | Route::Capability(..)
        | Route::Surface(_)
        | Route::Download(_)
        | Route::UiConfig => (!is_read(method)).then_some("GET, HEAD"),
    }
}

/// What is said to a method that a path does not have: `OPTIONS` asks which it has, everything else is a mistake. There
/// are no `Access-Control-*` fields in either, so a page of another site learns nothing it could use (S-067).
fn other_method(method: &Method, allow: &'static str) -> Answer {
    if method != Method::OPTIONS {
        return wrong_method(allow);
    }
    let mut answer = text(StatusCode::NO_CONTENT, "");
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn api_nothing() -> Answer {
    let error = serde_json::json!({ "ok": false, "error": { "type": "not_found" } });
    json(StatusCode::NOT_FOUND, &error)
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The one reading of the target that routing and authority share.
fn target(parts: &Parts) -> Checked<Route> {
    if matches!(parts.method, Method::TRACE | Method::CONNECT) {
        return Err(Box::new(closing(wrong_method("GET, HEAD, POST"))));
    }
    if parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len())
        > TARGET_BYTES_MAX
    {
        return Err(Box::new(closing(text(
            StatusCode::URI_TOO_LONG,
            "URI Too Long",
        ))));
    }
    // Absolute targets are for proxies, and a second place to name a host.
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return malformed("Bad Request");
    }
    route(parts.uri.path()).or_else(|_| malformed("Bad Request"))
}

/// The `Host` header in lower case; exactly one.
fn host(parts: &Parts) -> Checked<String> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => match value.to_str() {
            Ok(host) => Ok(host.to_ascii_lowercase()),
            Err(_) => malformed("the Host header cannot be read"),
        },
        (None, _) if parts.version == Version::HTTP_10 => Ok(String::new()),
        (None, _) => malformed("the Host header is missing"),
        (Some(_), Some(_)) => malformed("the Host header stands twice"),
    }
}

/// How a request came.
#[derive(Clone, Copy)]
struct Arrival {
    is_hook: bool,
    is_tls: bool,
}

fn peer(
    address: IpAddr,
    headers: &HeaderMap,
    host: String,
    front: &FrontSettings,
    arrival: Arrival,
) -> Checked<Peer> {
    let mut identity = proxied(address, headers, front);
    let tailnet = tailnet(address, headers, &host, front);
    let (remote, direct_local) = match attribute(address, headers, &front.trusted_proxies) {
        // Whoever comes through a proxy is not here, whatever headers the proxy left out.
        Ok((remote, local)) => (remote, local && identity.is_none()),
        Err(ForwardFault::Untrusted) if tailnet.is_some() => {
            let (client, person) =
                tailnet.map_or((address, None), |(client, person)| (client, Some(person)));
            identity = person;
            (client, false)
        }
        Err(_) if arrival.is_hook => (address.to_canonical(), false),
        Err(ForwardFault::Untrusted) => {
            let message =
                "a proxy header came from an address that is not in gateway.trustedProxies";
            return refuse(StatusCode::FORBIDDEN, "proxy_attribution_required", message);
        }
        Err(ForwardFault::Unreadable) => return malformed("the forwarding headers cannot be read"),
    };
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => None,
        (Some(origin), None) => {
            Some(String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase())
        }
        (Some(_), Some(_)) => return malformed("the Origin header stands twice"),
    };
    let origin_ok = origin.as_deref().is_none_or(|origin| {
        is_origin_allowed(origin, &host, &front.allowed_origins, arrival.is_tls)
    });
    Ok(Peer {
        remote,
        direct_local,
        origin,
        origin_ok,
        host,
        user_agent: user_agent(headers),
        identity,
        is_tls: arrival.is_tls,
    })
}

fn check_host(host: &str, front: &FrontSettings) -> Checked<()> {
    match is_host_allowed(host, &front.public_hosts, &front.allowed_origins) {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "this gateway is not known under that host name; to allow it, set gateway.publicOrigin \
                           or add its origin to gateway.controlUi.allowedOrigins";
            refuse(StatusCode::MISDIRECTED_REQUEST, "host_not_allowed", message)
        }
        None => malformed("the Host header cannot be read"),
    }
}

/// Pages of other sites may not act through a person's browser, whatever credential they know (S-066).
fn refuse_foreign_page(headers: &HeaderMap, peer: &Peer) -> Checked<()> {
    let is_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    let is_ours = peer.origin.is_some() && peer.origin_ok;
    if !peer.origin_ok || (is_elsewhere && !is_ours) {
        return refuse(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "requests of other sites are not served",
        );
    }
    Ok(())
}

fn has_token_in_query(parts: &Parts) -> bool {
    parts.uri.query().is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair.split('=').next() == Some("token"))
    })
}

/// The bearer credential; `None` when there is none.
fn bearer(headers: &HeaderMap) -> Checked<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return malformed("the Authorization header stands twice"),
    };
    let credential = value.to_str().ok().and_then(|value| value.split_once(' '));
    let credential = credential
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, rest)| rest.trim());
    match credential.filter(|credential| !credential.is_empty()) {
        Some(credential) => Ok(Some(credential)),
        None => unauthorized(),
    }
}

fn unauthorized<T>() -> Checked<T> {
    let mut answer = refusal(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Err(Box::new(answer))
}
