//! The host's policy document for commands: read, and replaced when nobody else changed it meanwhile.

use serde_json::{Value, json};
use torana_core::approval::PolicyDocument;

use crate::context::ExecPolicyFile;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Answer, Call, Running};

fn document(file: &ExecPolicyFile) -> Result<PolicyDocument, WireError> {
    let Some(text) = &file.text else {
        return Ok(PolicyDocument::default());
    };
    PolicyDocument::parse(text).map_err(|fault| {
        WireError::new(
            UNAVAILABLE,
            format!("the stored policy cannot be read: {fault}"),
        )
    })
}

fn snapshot(file: &ExecPolicyFile) -> Answer {
    let document = document(file)?;
    Ok(Payload::of(&json!({
        "path": file.path,
        "exists": file.text.is_some(),
        "hash": PolicyDocument::hash_of(file.text.as_deref()),
        "file": document.redacted(),
        "resolvedDefaults": document.resolved(),
    })))
}

pub(in crate::openclaw::methods) fn policy(call: Call) -> Running {
    Box::pin(async move {
        let file = call.gateway.context().host.exec_policy().await?;
        snapshot(&file)
    })
}

pub(in crate::openclaw::methods) fn set_policy(call: Call) -> Running {
    Box::pin(async move {
        let host = &call.gateway.context().host;
        let stored = host.exec_policy().await?;
        match call.params.word("baseHash") {
            None if stored.text.is_some() => {
                return Err(WireError::invalid(
                    "exec approvals base hash required; re-run exec.approvals.get and retry with baseHash",
                ));
            }
            Some(base) if base != PolicyDocument::hash_of(stored.text.as_deref()) => {
                return Err(stale());
            }
            _ => {}
        }
        let value: Value = call.params.get("file").cloned().unwrap_or_default();
        let new = PolicyDocument::new(value)
            .map_err(|fault| WireError::invalid(format!("invalid exec approvals: {fault}")))?
            .keeping_secret_of(&document(&stored)?);
        record(&call, &stored.path).await?;
        let written = host
            .set_exec_policy(stored.text, new.to_text())
            .await?
            .ok_or_else(stale)?;
        snapshot(&written)
    })
}

/// Writes down who replaces which programs may run there (S-105). Nothing is replaced that cannot be written down.
pub(super) async fn record(call: &Call, target: &str) -> Result<(), WireError> {
    let act = call.act("exec-policy", target, None);
    call.gateway.audit().record(act).await?;
    Ok(())
}

fn stale() -> WireError {
    WireError::invalid(
        "exec approvals changed since last load; re-run exec.approvals.get and retry",
    )
}
