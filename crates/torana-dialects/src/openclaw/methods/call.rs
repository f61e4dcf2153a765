//! One call of a method: who calls, with what, and how it is answered.

use std::sync::Arc;

use serde_json::Value;
use torana_core::auth::ScopeSet;
use torana_core::port::BoxFuture;
use torana_engine::Engine;
use torana_engine::service::audit::Act;

use crate::openclaw::client::Client;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::params::Params;

/// The answer of a method.
pub(crate) type Answer = Result<Payload, WireError>;
/// A method at work.
pub(crate) type Running = BoxFuture<'static, Answer>;

/// One call.
pub(crate) struct Call {
    /// The dialect.
    pub(crate) gateway: Arc<OpenClaw>,
    /// Who calls.
    pub(crate) client: Arc<Client>,
    /// The method, for handlers that serve several.
    pub(crate) method: &'static str,
    /// Request id.
    pub(crate) id: String,
    /// Checked parameters.
    pub(crate) params: Params,
}

impl Call {
    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.gateway.context().engine
    }

    /// What the caller may do.
    pub(crate) fn scopes(&self) -> ScopeSet {
        self.client.scopes
    }

    /// Who calls, as the audit log names it: the device, else the address.
    pub(crate) fn actor(&self) -> String {
        let device = self.client.device.as_ref();
        device.map_or_else(
            || format!("address:{}", self.client.address),
            |device| format!("device:{device}"),
        )
    }

    /// What this call does, as the audit log keeps it.
    pub(crate) fn act(
        &self,
        kind: &'static str,
        target: impl Into<String>,
        detail: Option<Value>,
    ) -> Act {
        Act {
            kind,
            action: self.method.to_owned(),
            actor: self.actor(),
            target: target.into(),
            allowed: true,
            detail,
        }
    }

    /// Wall time, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.engine().world().wall_ms()
    }
}
