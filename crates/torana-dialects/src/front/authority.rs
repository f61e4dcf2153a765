//! The credential of a request: the gateway's secret, the token of a device, or a name that the operator's proxy vouches
//! for.

use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use torana_core::auth::{Scope, ScopeSet};

use super::answer::{Checked, malformed, refusal, refuse, retry_later, unavailable};
use super::gate::GateOutcome;
use super::peer::Via;
use super::pipeline::{Exchange, Pipeline, Visit};
use crate::context::AuthMode;

impl Pipeline {
    /// A credential is optional here; a wrong one is still refused.
    pub(super) async fn is_known(&self, visit: &Visit<'_>, exchange: &Exchange) -> Checked<bool> {
        if !exchange.parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(false);
        }
        self.authorise(visit, exchange).await.map(|()| true)
    }

    /// Like [`Pipeline::authorise`], and a device's own token is as good: the page carries that after pairing.
    pub(super) async fn authorise_page(
        &self,
        visit: &Visit<'_>,
        exchange: &Exchange,
    ) -> Checked<()> {
        if self.device_scopes(exchange).await?.is_some() {
            return Ok(());
        }
        self.authorise(visit, exchange).await
    }

    /// The same for what only readers may see: the token of a device must be good for reading.
    pub(super) async fn authorise_reader(
        &self,
        visit: &Visit<'_>,
        exchange: &Exchange,
    ) -> Checked<()> {
        match self.device_scopes(exchange).await? {
            Some(scopes) if scopes.allows(Scope::Read) => Ok(()),
            // A right token is no guess of the gateway's secret.
            Some(_) => unauthorized(),
            None => self.authorise(visit, exchange).await,
        }
    }

    /// What the token of a device grants; `None` when there is none.
    async fn device_scopes(&self, exchange: &Exchange) -> Checked<Option<ScopeSet>> {
        let Some(presented) = bearer(&exchange.parts.headers)? else {
            return Ok(None);
        };
        // Looked up by digest among a few rows: a guesser learns nothing from being told no.
        let granted = self.dialect.verify_bearer(presented).await;
        granted.map_err(|_| Box::new(unavailable("credentials cannot be checked now")))
    }

    /// The gateway's secret, or somebody the operator's own proxy names.
    pub(super) async fn authorise(&self, visit: &Visit<'_>, exchange: &Exchange) -> Checked<()> {
        if has_token_in_query(&exchange.parts) {
            let message = "credentials belong in `Authorization: Bearer …`, never in the address";
            return refuse(StatusCode::BAD_REQUEST, "invalid_request_error", message);
        }
        // A tailnet's identity is for sockets and pages; APIs take a person only from the operator's own proxy.
        let is_named = visit
            .peer
            .identity
            .as_ref()
            .is_some_and(|identity| identity.via == Via::TrustedProxy);
        let Some(presented) = bearer(&exchange.parts.headers)? else {
            return if visit.front.auth == AuthMode::None || is_named {
                Ok(())
            } else {
                unauthorized()
            };
        };
        match self
            .context
            .gate
            .check_shared(visit.front, presented, &visit.peer.source())
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
        if visit.link.seat.authenticated().is_err() {
            let message = "too many clients are connected";
            return Err(Box::new(unavailable(message)));
        }
        Ok(())
    }
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

/// Refuses for want of a credential.
pub(super) fn unauthorized<T>() -> Checked<T> {
    let mut answer = refusal(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Err(Box::new(answer))
}
