//! Who was let in, and with what.

use torana_core::auth::{Role, ScopeSet};
use torana_core::id::DeviceId;
use torana_engine::service::devices::IssuedToken;

/// A connection that was let in.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// Operator or node.
    pub(crate) role: Role,
    /// What dispatch enforces and hello tells.
    pub(crate) scopes: ScopeSet,
    /// `none`, `token`, `password`, `device-token`, `bootstrap-token`, `trusted-proxy`, `tailscale`.
    pub(crate) method: &'static str,
    /// The device, when it proved itself.
    pub(crate) device: Option<DeviceId>,
    /// Its token.
    pub(crate) token: Option<IssuedToken>,
    /// Tokens for the roles a setup code granted, handed over once.
    pub(crate) handoff: Vec<(Role, IssuedToken)>,
    /// The shared secret, straight from this machine, without a device.
    pub(crate) local_tool: bool,
}
