//! From a request to a running method: role, scope, what goes on now, limit and parameters are checked here, in this order.

use std::sync::Arc;

use torana_core::auth::{Role, Scope};
use torana_core::port::BoxFuture;

use super::{Call, Method, Needs, find, lifecycle};
use crate::openclaw::client::Client;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::{self, Request};
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::params;
use crate::openclaw::quirks::PROTOCOL;

/// Characters of a method name that are repeated in an answer.
const NAME_CHARS_MAX: usize = 128;

/// Starts a request, or says why not.
pub(crate) fn admit(
    gateway: &Arc<OpenClaw>,
    client: &Arc<Client>,
    request: Request,
) -> Result<BoxFuture<'static, ()>, (String, WireError)> {
    let Request { id, method, params } = request;
    let row = match permit(client, &method, &params) {
        Ok(row) => row,
        Err(error) => return Err((id, error)),
    };
    if let Err(error) = lifecycle::fence(&gateway.context().engine, row.name) {
        return Err((id, error));
    }
    if row.write {
        let device = client.device.as_ref().map_or("", |device| device.as_str());
        let now_ms = gateway.context().engine.world().monotonic_ms();
        if let Err(error) =
            gateway
                .writes()
                .take(row.name, &format!("{device}\n{}", client.address), now_ms)
        {
            return Err((id, error));
        }
    }
    // What a newer client knows and we do not is ignored, and said once per method (control decision 24).
    let unknown = client
        .newer
        .then(|| params::check(&row.params, &params, false).err())
        .flatten();
    let params = match frame::read_params(row.name, &row.params, params, client.newer) {
        Ok(params) => params,
        Err(error) => return Err((id, error)),
    };
    if let Some(what) = unknown.filter(|_| gateway.is_first_of(row.name)) {
        tracing::info!(method = row.name, %what, "A newer client sends what this release does not know; it is ignored.");
    }
    let outgoing = Arc::clone(&client.outgoing);
    let call = Call {
        method: row.name,
        gateway: Arc::clone(gateway),
        client: Arc::clone(client),
        id: id.clone(),
        params,
    };
    let waiting = gateway.wait();
    let running = (row.run)(call);
    Ok(Box::pin(async move {
        let _waiting = waiting;
        let frame = match running.await {
            Ok(payload) => frame::answer(&id, &payload),
            Err(error) => frame::failure(&id, &error),
        };
        outgoing.text(frame);
    }))
}

/// Finds the method and checks that the client may call it.
pub(crate) fn permit(
    client: &Client,
    name: &str,
    params: &serde_json::Value,
) -> Result<&'static Method, WireError> {
    if name == "connect" {
        return Err(WireError::invalid(
            "connect is only valid as the first request",
        ));
    }
    let row = find(name);
    if let Some(row) = row
        && matches!(row.needs, Needs::Nothing)
    {
        return Ok(row);
    }
    let of_node = row.and_then(|row| match row.needs {
        Needs::Node { old } => Some((row, old)),
        _ => None,
    });
    match (client.role, of_node) {
        (Role::Node, Some((row, old))) if old || client.protocol >= PROTOCOL => return Ok(row),
        (Role::Operator, None) => {}
        // S-089: neither side reaches the other's methods, whatever its scopes.
        (Role::Node | Role::Operator, _) => {
            return Err(WireError::invalid(format!(
                "unauthorized role: {}",
                client.role.as_str()
            )));
        }
    }
    let Some(row) = row else {
        // Whoever may not do everything does not learn what exists.
        if !client.scopes.allows(Scope::Admin) {
            return Err(WireError::missing_scope(Scope::Admin));
        }
        let short: String = name.chars().take(NAME_CHARS_MAX).collect();
        return Err(WireError::invalid(format!("unknown method: {short}")));
    };
    let needed = match row.needs {
        Needs::Nothing | Needs::Operator | Needs::Node { .. } => return Ok(row),
        Needs::Scope(scope) => scope,
        Needs::Depends(_, decide) => decide(params),
    };
    if client.scopes.allows(needed) {
        Ok(row)
    } else {
        Err(WireError::missing_scope(needed))
    }
}
