//! The gateway's shared secret: whether it is needed, whether it is right, and what is said when it is not.

use super::doorkeeper::Doorkeeper;
use super::refusal::{AuthFault, Refusal};
use crate::context::AuthMode;
use crate::front::gate::{GateOutcome, Source};
use crate::front::peer::{Peer, Via};
use crate::openclaw::connect::Connect;

/// What clients know about one kind of secret: its name, and each fault as reason and code.
struct Words {
    name: &'static str,
    not_configured: (&'static str, &'static str),
    missing: (&'static str, &'static str),
    mismatch: (&'static str, &'static str),
}

const TOKEN: Words = Words {
    name: "token",
    not_configured: ("token_missing_config", "AUTH_TOKEN_NOT_CONFIGURED"),
    missing: ("token_missing", "AUTH_TOKEN_MISSING"),
    mismatch: ("token_mismatch", "AUTH_TOKEN_MISMATCH"),
};

const PASSWORD: Words = Words {
    name: "password",
    not_configured: ("password_missing_config", "AUTH_PASSWORD_NOT_CONFIGURED"),
    missing: ("password_missing", "AUTH_PASSWORD_MISSING"),
    mismatch: ("password_mismatch", "AUTH_PASSWORD_MISMATCH"),
};

// === impl Words ===

impl Words {
    fn not_configured(&self) -> AuthFault {
        let Self { name, .. } = self;
        let (reason, code) = self.not_configured;
        let message = format!("gateway {name} not configured on gateway (set gateway.auth.{name})");
        AuthFault::new(reason, code, "update_auth_configuration", message)
    }

    fn missing(&self, hint: &str) -> AuthFault {
        let (reason, code) = self.missing;
        let message = format!("gateway {} missing ({hint})", self.name);
        AuthFault::new(reason, code, "update_auth_configuration", message)
    }

    /// Another secret; a paired device may have one of its own that is right.
    fn mismatch(&self, hint: &str, can_retry_with_device_token: bool) -> AuthFault {
        let (reason, code) = self.mismatch;
        let message = format!("gateway {} mismatch ({hint})", self.name);
        let next = if can_retry_with_device_token {
            "retry_with_device_token"
        } else {
            "update_auth_credentials"
        };
        AuthFault::new(reason, code, next, message).or_device_token(can_retry_with_device_token)
    }
}

/// Where the client finds the secret.
fn hint(connect: &Connect, peer: &Peer) -> &'static str {
    if connect.is_page() {
        "open the dashboard URL and paste the token in Control UI settings"
    } else if connect.client_id == "cli" && peer.direct_local {
        "use this gateway's gateway.auth.token or pair the device"
    } else if connect.client_id == "cli" {
        "set gateway.remote.token to match gateway.auth.token"
    } else {
        "provide gateway auth token"
    }
}

impl Doorkeeper<'_> {
    /// Checks the shared secret in either field; answers with the name of what let the client in. `has_device`: it may
    /// come again with a token of its device instead.
    pub(super) async fn check_shared(
        &self,
        connect: &Connect,
        source: &Source,
        has_device: bool,
    ) -> Result<&'static str, Refusal> {
        if let Some(identity) = &self.peer.identity {
            return Ok(match identity.via {
                Via::TrustedProxy => "trusted-proxy",
                Via::Tailscale => "tailscale",
            });
        }
        let words = match self.front.auth {
            AuthMode::None => return Ok("none"),
            AuthMode::Token => &TOKEN,
            AuthMode::Password => &PASSWORD,
            // The command line of this machine comes past the proxy, with the secret.
            AuthMode::TrustedProxy if self.is_local_program() => &TOKEN,
            AuthMode::TrustedProxy => {
                let (code, next) = ("AUTH_UNAUTHORIZED", "review_auth_configuration");
                let message = "the proxy named nobody who may come in";
                return Err(
                    AuthFault::new("trusted_proxy_user_missing", code, next, message).into(),
                );
            }
        };
        if self.front.secret.is_none() {
            return Err(words.not_configured().into());
        }
        let auth = &connect.auth;
        let mut presented: Vec<&str> = [&auth.token, &auth.password]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        presented.dedup();
        let hint = hint(connect, self.peer);
        if presented.is_empty() {
            return Err(words.missing(hint).into());
        }
        for secret in presented {
            match self.gate.check_shared(self.front, secret, source).await {
                GateOutcome::Accepted => return Ok(words.name),
                GateOutcome::Limited { retry_after_ms } => {
                    return Err(AuthFault::limited(retry_after_ms).into());
                }
                GateOutcome::Wrong => {}
            }
        }
        let may_retry = has_device && auth.token.is_some() && auth.password.is_none();
        Err(words.mismatch(hint, may_retry).into())
    }
}
