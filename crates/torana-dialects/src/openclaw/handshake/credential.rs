//! The credential of a device: a code of ours, its own token, or the shared secret.

use torana_core::auth::{Role, ScopeSet};
use torana_engine::service::devices::ProvenDevice;
use torana_engine::service::login::Setup;

use super::doorkeeper::Doorkeeper;
use super::refusal::{AuthFault, Refusal};
use crate::front::gate::{Class, GateOutcome, Source, digest};
use crate::openclaw::connect::Connect;

/// How the credential was right.
pub(super) enum Proof {
    /// The shared secret, or mode `none`: everything may be asked for.
    Shared(&'static str),
    /// A code of ours: a sign-in code lets ask for everything, a setup code for what its profile grants, and the
    /// device is paired with it.
    Bootstrap(Option<Setup>),
    /// A device token with what it grants.
    Device {
        /// What was presented; a credential.
        presented: String,
        granted: ScopeSet,
    },
}

impl Doorkeeper<'_> {
    /// Finds out by what a device is let in.
    pub(super) async fn check_credential(
        &self,
        connect: &Connect,
        role: Role,
        device: &ProvenDevice,
        source: &Source,
    ) -> Result<Proof, Refusal> {
        let auth = &connect.auth;
        let has_shared = auth.token.is_some() || auth.password.is_some();
        if let Some(code) = auth.bootstrap.as_deref().filter(|_| !has_shared) {
            return self.check_code(code, role, source).await;
        }
        // A right device token is found before anything counts as a wrong guess at the shared secret.
        for presented in [&auth.device_token, &auth.token].into_iter().flatten() {
            let granted = self
                .devices
                .verify_token(&device.id, role, presented)
                .await?;
            if let Some(granted) = granted {
                return self.check_own_token(presented, granted, source).await;
            }
        }
        if let Some(presented) = auth.device_token.as_deref().filter(|_| !has_shared) {
            let outcome = self.look_at(Class::Device, presented, None, source).await;
            return Err(match outcome {
                GateOutcome::Limited { retry_after_ms } => AuthFault::limited(retry_after_ms),
                GateOutcome::Accepted | GateOutcome::Wrong => AuthFault::device_token_mismatch(),
            }
            .into());
        }
        self.check_shared(connect, source, true)
            .await
            .map(Proof::Shared)
    }

    /// A setup code for any role it grants, or a sign-in code for an operator; each works once.
    async fn check_code(&self, code: &str, role: Role, source: &Source) -> Result<Proof, Refusal> {
        let expected = self.logins.is_live(code).then(|| digest(code));
        match self.look_at(Class::Login, code, expected, source).await {
            GateOutcome::Accepted => {
                if let Some(setup) = self.logins.redeem_setup(code, role) {
                    return Ok(Proof::Bootstrap(Some(setup)));
                }
                // A node is never let in by a code that was printed for a page.
                if role == Role::Operator && self.logins.redeem_login(code) {
                    return Ok(Proof::Bootstrap(None));
                }
            }
            GateOutcome::Limited { retry_after_ms } => {
                return Err(AuthFault::limited(retry_after_ms).into());
            }
            GateOutcome::Wrong => {}
        }
        let message = "setup code invalid, expired, revoked, or already used; print a new link with \
                       `torana dashboard`";
        let (code, next) = ("AUTH_BOOTSTRAP_TOKEN_INVALID", "review_auth_configuration");
        Err(AuthFault::new("bootstrap_token_invalid", code, next, message).into())
    }

    /// A token that is right still waits its turn.
    async fn check_own_token(
        &self,
        presented: &str,
        granted: ScopeSet,
        source: &Source,
    ) -> Result<Proof, Refusal> {
        let expected = Some(digest(presented));
        match self
            .look_at(Class::Device, presented, expected, source)
            .await
        {
            GateOutcome::Limited { retry_after_ms } => {
                Err(AuthFault::limited(retry_after_ms).into())
            }
            GateOutcome::Accepted | GateOutcome::Wrong => Ok(Proof::Device {
                presented: presented.to_owned(),
                granted,
            }),
        }
    }
}
