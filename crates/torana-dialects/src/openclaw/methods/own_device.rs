//! Whose device a call may touch, and how what takes a credential away is carried out.

use std::sync::Arc;

use torana_core::auth::Scope;

use super::{Call, Running};
use crate::openclaw::error::WireError;

/// A caller that is no administrator touches only its own device (S-008).
///
/// Quirk: the official command line (2026.9.6) asks for `operator.pairing` alone and has no device of its own; it holds
/// the shared secret on this machine, with which it could ask for everything, so it may also touch others' devices.
pub(super) fn own_device(call: &Call, name: &str) -> Result<String, WireError> {
    let wanted = call.params.word(name).unwrap_or_default();
    if is_own(call, wanted) || call.client.local_tool || call.scopes().allows(Scope::Admin) {
        Ok(wanted.to_owned())
    } else {
        Err(WireError::missing_scope(Scope::Admin))
    }
}

/// The caller's own device.
pub(super) fn is_own(call: &Call, device_id: &str) -> bool {
    call.client
        .device
        .as_ref()
        .is_some_and(|device| device.as_str() == device_id)
}

/// Runs a call that takes a credential away to its end, even when the connection that asked for it ends before. What
/// is gone must not stay connected, so its connections end right after the commit and everything else comes later.
pub(super) fn to_the_end(call: Call, run: fn(Call) -> Running) -> Running {
    let gateway = Arc::clone(&call.gateway);
    Box::pin(async move { gateway.carry(call.method, run(call)).await? })
}
