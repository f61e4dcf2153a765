//! The order of checks for every request, in one place: head → proxy attribution → Host → Origin → credential → body.
//!
//! Nothing here waits for a body before the credential is right, and the path that was routed is the path that was
//! judged (threat model section 4). The checks themselves are in `head` and `authority`, what is answered in `routes`.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use hyper::body::{Body, Incoming};
use hyper::{Method, Request, StatusCode};

use super::answer::{Answer, Checked, closing, common_headers, other_method, unavailable};
use super::head::{Arrival, check_host, host, is_read, peer, refuse_foreign_page, target};
use super::path::{self, Route};
use super::peer::{Peer, network};
use super::pipeline::{Exchange, Link, Pipeline, Visit};
use super::seats::SeatSource;
use super::{stage, upgrade, webhook};

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
            return self.hook(exchange, &path, &peer).await;
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
        let visit = Visit {
            link,
            peer: &peer,
            front: &front,
        };
        self.dispatch(&visit, exchange, route).await
    }

    fn is_hook(&self, path: &str) -> bool {
        self.context
            .engine
            .webhook_paths()
            .iter()
            .any(|known| known == path)
    }

    /// A request of a platform. Its secret is the only authority, and tunnels present any host (decision 38).
    async fn hook(&self, exchange: &mut Exchange, path: &str, peer: &Peer) -> Checked<Answer> {
        refuse_foreign_page(&exchange.parts.headers, peer)?;
        if exchange.parts.method != Method::POST {
            return Ok(other_method(&exchange.parts.method, "POST"));
        }
        Ok(webhook::serve(&self.context, exchange, path, &peer.source()).await)
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
            return Err(Box::new(closing(unavailable(message))));
        }
        *link.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
        Ok(answer)
    }
}
