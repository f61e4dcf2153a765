//! Restarting and suspending the gateway, and what is refused while it does either.
//!
//! Texts, codes and figures are those of OpenClaw 2026.9.6 unless a comment says otherwise.

use serde_json::{Value, json};
use torana_core::auth::{Role, Scope};
use torana_core::event::SuspensionPhase;
use torana_core::limit::{RESTART_DEFERRAL_MS, SUSPENSION_RETRY_MS};
use torana_engine::{Blocking, Engine, Lease, Phase, Prepared, Resumed, Suspend, SuspensionState};

use super::{Answer, Call, Running};
use crate::context::RestartRequest;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::openclaw::handshake::{Principal, Refusal};
use crate::openclaw::quirks::close;

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 200;
/// When a refused client should try again.
const RETRY_MS: u64 = 1_000;
/// How long a restart leaves its answer to be written and read, milliseconds. The original does not wait, and clients
/// of it lose the answer now and then.
const ANSWER_MS: u64 = 200;
/// What a restart is called that nobody gave a reason for.
const REASON_DEFAULT: &str = "gateway.restart.safe";

/// Methods that go on under a suspension.
const OF_SUSPENSION: &[&str] = &[
    "gateway.suspend.prepare",
    "gateway.suspend.status",
    "gateway.suspend.resume",
    "gateway.suspend.handoff",
];
/// Methods a running turn may need to come to its end.
const OF_RUNNING_WORK: &[&str] = &[
    "node.invoke.progress",
    "node.invoke.result",
    "question.get",
    "question.resolve",
    "exec.approval.resolve",
    "plugin.approval.resolve",
    "approval.resolve",
    // These are refused by the original. They only make a drain shorter, so they are let through.
    "chat.abort",
    "sessions.abort",
    "torana.gateway.stop",
];

// === What is refused meanwhile ===

/// What keeps requests out now.
struct Closed {
    operation: &'static str,
    reason: &'static str,
    phase: &'static str,
}

impl Closed {
    fn of(engine: &Engine) -> Option<Self> {
        if engine.phase() == Phase::Draining {
            // The original says restart for a stop too.
            return Some(Self {
                operation: "restart",
                reason: "gateway-restarting",
                phase: SuspensionPhase::Draining.as_str(),
            });
        }
        match engine.suspension_phase() {
            SuspensionPhase::Accepting => None,
            phase => Some(Self {
                operation: "suspension",
                reason: "gateway-suspending",
                phase: phase.as_str(),
            }),
        }
    }

    fn is_restart(&self) -> bool {
        self.operation == "restart"
    }

    fn error(&self, method: &str) -> WireError {
        WireError::new(
            UNAVAILABLE,
            format!("{method} unavailable during gateway {}", self.operation),
        )
        .retry_after(RETRY_MS)
        .details(json!({ "method": method, "reason": self.reason, "phase": self.phase }))
    }

    fn refusal(&self) -> Refusal {
        Refusal {
            error: Some(self.error("connect")),
            code: close::TRY_AGAIN,
            reason: format!("gateway {} in progress", self.operation),
        }
    }
}

/// Refuses a method while the gateway goes or is suspended.
pub(crate) fn fence(engine: &Engine, method: &str) -> Result<(), WireError> {
    let Some(closed) = Closed::of(engine) else {
        return Ok(());
    };
    let is_let_through = OF_RUNNING_WORK.contains(&method)
        || (!closed.is_restart() && OF_SUSPENSION.contains(&method));
    if is_let_through {
        Ok(())
    } else {
        Err(closed.error(method))
    }
}

/// Refuses who comes while the gateway goes, before looking at credentials.
pub(crate) fn door_before(engine: &Engine) -> Result<(), Refusal> {
    match Closed::of(engine) {
        Some(closed) if closed.is_restart() => Err(closed.refusal()),
        _ => Ok(()),
    }
}

/// Refuses who comes while the gateway is suspended, except whoever may end the suspension: a lease whose holder lost
/// its connection could not be ended otherwise.
pub(crate) fn door_after(engine: &Engine, principal: &Principal) -> Result<(), Refusal> {
    let may_end = principal.role == Role::Operator && principal.scopes.allows(Scope::Admin);
    match Closed::of(engine) {
        Some(closed) if closed.is_restart() || !may_end => Err(closed.refusal()),
        _ => Ok(()),
    }
}

// === Restart ===

fn blockers(blocking: Blocking) -> Vec<Value> {
    [
        ("reply", blocking.replies, "replies are on their way"),
        ("embedded-run", blocking.runs, "answers are being written"),
        ("root-request", blocking.passing, "requests are being answered"),
    ]
    .into_iter()
    .filter(|(_, count, _)| *count > 0)
    .map(|(kind, count, what)| {
        json!({ "kind": kind, "count": count, "message": format!("{count} {what}") })
    })
    .collect()
}

/// What a restart would interrupt, and whether that is nothing.
fn look_ahead(engine: &Engine) -> (bool, Value) {
    let blocking = engine.blocking();
    let waiting = engine.load().1;
    let active = blocking.total() + waiting;
    let mut blockers = blockers(blocking);
    if waiting > 0 {
        blockers.push(json!({
            "kind": "queued-turn", "count": waiting, "message": format!("{waiting} messages wait for their turn"),
        }));
    }
    let summary = if active == 0 {
        "Nothing runs; a restart interrupts nobody.".to_owned()
    } else {
        format!(
            "{} running, {waiting} waiting; they go on after a restart.",
            blocking.total()
        )
    };
    let value = json!({
        "safe": active == 0,
        "counts": {
            "queueSize": waiting, "pendingReplies": blocking.replies, "embeddedRuns": blocking.runs, "cronRuns": 0,
            "backgroundExecSessions": 0, "rootRequests": blocking.passing, "activeTasks": 0, "totalActive": active,
        },
        "blockers": blockers,
        "summary": summary,
    });
    (blocking.total() == 0, value)
}

pub(super) fn preflight(call: Call) -> Running {
    Box::pin(async move { Ok(Payload::of(&look_ahead(call.engine()).1)) })
}

pub(super) fn restart(call: Call) -> Running {
    Box::pin(async move { restarted(call).await })
}

/// Checks the process a client means. Its owner's id is in a lock file of the original's that is not ours, so only a
/// restart that says `safe` can mean this gateway.
fn check_target(call: &Call) -> Result<(), WireError> {
    let Some(target) = call.params.get("target") else {
        return Ok(());
    };
    let number = |name: &str| target[name].as_u64().filter(|number| *number > 0);
    let owner = target["ownerId"].as_str().filter(|owner| !owner.is_empty());
    let (Some(pid), Some(port), Some(_)) = (number("pid"), number("port"), owner) else {
        return Err(WireError::invalid("invalid targeted gateway restart"));
    };
    let is_safe = match call.params.get("safe") {
        None => false,
        Some(Value::Bool(safe)) => *safe,
        Some(_) => return Err(WireError::invalid("invalid safe targeted restart mode")),
    };
    if is_safe && call.params.get("restartIntent").is_some() {
        return Err(WireError::invalid(
            "safe targeted restart does not accept intent",
        ));
    }
    let context = call.gateway.context();
    let is_ours = pid == u64::from(context.host.site().machine().pid)
        && port == u64::from(context.front.load().port);
    if is_safe && is_ours {
        return Ok(());
    }
    Err(WireError::invalid(
        "target gateway no longer owns the active lock",
    ))
}

/// How long a restart waits for what runs. The original takes a wait only from its own signal file; here the request
/// says it, in the same words, and `0` waits without an end.
fn patience(call: &Call) -> Result<u64, WireError> {
    // Only a true `true` skips the wait.
    if call.params.flag("skipDeferral") == Some(true) {
        return Ok(0);
    }
    match call.params.get("restartIntent") {
        Some(Value::Object(intent)) => match intent.get("waitMs").map(Value::as_u64) {
            None => Ok(RESTART_DEFERRAL_MS),
            Some(Some(0)) => Ok(u64::MAX),
            Some(Some(wait_ms)) => Ok(wait_ms),
            Some(None) => Err(WireError::invalid("invalid gateway restart intent")),
        },
        None => Ok(RESTART_DEFERRAL_MS),
        Some(_) => Err(WireError::invalid("invalid gateway restart intent")),
    }
}

async fn restarted(call: Call) -> Answer {
    check_target(&call)?;
    let patience_ms = patience(&call)?;
    let given = call.params.word("reason");
    let reason: String = given
        .unwrap_or(REASON_DEFAULT)
        .chars()
        .take(REASON_CHARS_MAX)
        .collect();
    let (is_free, preflight) = look_ahead(call.engine());
    let context = call.gateway.context();
    let plan = context.host.restart(RestartRequest {
        reason: reason.clone(),
        delay_ms: ANSWER_MS,
        patience_ms,
    })?;
    let status = if plan.joined {
        "coalesced"
    } else if patience_ms == 0 || is_free {
        "scheduled"
    } else {
        "deferred"
    };
    let detail = json!({ "reason": reason, "status": status });
    let act = call.act("gateway", "gateway", Some(detail));
    call.gateway.audit().keep(act).await;
    Ok(Payload::of(&json!({
        "ok": true,
        "status": status,
        "preflight": preflight,
        "restart": {
            "ok": true,
            "pid": context.host.site().machine().pid,
            // Quirk: the original restarts itself by a signal and names it; clients expect the word.
            "signal": "SIGUSR1",
            "mode": "emit",
            "delayMs": plan.delay_ms,
            "reason": reason,
            "coalesced": plan.joined,
            "cooldownMsApplied": plan.cooldown_ms,
        },
    })))
}

// === Suspension ===

/// A word that names something; only spaces are none.
fn name(call: &Call, field: &str) -> Result<String, WireError> {
    let word = call.params.word(field).map(str::to_owned);
    word.ok_or_else(|| WireError::invalid(format!("invalid {} params", call.method)))
}

fn conflict(call: &Call, which: &str, expires_at_ms: i64) -> WireError {
    let left_ms = u64::try_from(expires_at_ms.saturating_sub(call.now_ms())).unwrap_or(0);
    WireError::new(
        UNAVAILABLE,
        format!("{which} gateway suspension is {}", {
            if which == "another" {
                "already prepared"
            } else {
                "prepared"
            }
        }),
    )
    .retry_after(left_ms)
    .details(json!({ "reason": "gateway-suspension-conflict", "expiresAtMs": expires_at_ms }))
}

fn blocked(value: &mut Value, blocking: Blocking) {
    value["activeCount"] = json!(blocking.total());
    value["blockers"] = json!(blockers(blocking));
}

fn lease_word(lease: &Lease) -> &'static str {
    if lease.is_ready { "ready" } else { "draining" }
}

pub(super) fn prepare(call: Call) -> Running {
    Box::pin(async move {
        let suspend = Suspend {
            request: name(&call, "requestId")?,
            drain: call.params.flag("drain") == Some(true),
            ends_terminals: call.params.word("terminalPolicy") == Some("terminate"),
        };
        let mut value = match call.engine().suspend(suspend) {
            Prepared::Taken(expires_at_ms) => {
                return Err(conflict(&call, "another", expires_at_ms));
            }
            Prepared::Held(lease) => {
                let mut value = json!({
                    "status": lease_word(&lease), "suspensionId": lease.id, "expiresAtMs": lease.expires_at_ms,
                });
                blocked(&mut value, lease.blocking);
                value
            }
            Prepared::Busy(blocking) => {
                let mut value = json!({ "status": "busy", "reason": "active-work" });
                blocked(&mut value, blocking);
                value
            }
            Prepared::Leaving(blocking) => {
                let mut value = json!({ "status": "busy", "reason": "gateway-draining" });
                blocked(&mut value, blocking);
                value
            }
        };
        if value["status"] != "ready" {
            value["retryAfterMs"] = json!(SUSPENSION_RETRY_MS);
        }
        if value["status"] != "busy" {
            note(&call, &value).await;
        }
        Ok(Payload::of(&value))
    })
}

/// Who suspends and who ends it is in the audit log.
async fn note(call: &Call, value: &Value) {
    let detail = json!({ "status": value["status"], "expiresAtMs": value.get("expiresAtMs") });
    let act = call.act("gateway", "gateway", Some(detail));
    call.gateway.audit().keep(act).await;
}

pub(super) fn suspension(call: Call) -> Running {
    Box::pin(async move {
        let id = name(&call, "suspensionId")?;
        let value = match call.engine().suspension(&id) {
            SuspensionState::Running => json!({ "status": "running" }),
            SuspensionState::Other(expires_at_ms) => {
                return Err(conflict(&call, "a different", expires_at_ms));
            }
            SuspensionState::Held(lease) => {
                let mut value =
                    json!({ "status": lease_word(&lease), "expiresAtMs": lease.expires_at_ms });
                if !lease.is_ready {
                    blocked(&mut value, lease.blocking);
                    value["retryAfterMs"] = json!(SUSPENSION_RETRY_MS);
                }
                value
            }
        };
        Ok(Payload::of(&value))
    })
}

pub(super) fn resume(call: Call) -> Running {
    Box::pin(async move {
        let id = name(&call, "suspensionId")?;
        let resumed = match call.engine().resume(&id) {
            Resumed::Ended => true,
            Resumed::WasRunning => false,
            Resumed::Other => {
                return Err(WireError::invalid("gateway suspension id does not match"));
            }
        };
        let value = json!({ "ok": true, "status": "running", "resumed": resumed });
        if resumed {
            note(&call, &value).await;
        }
        Ok(Payload::of(&value))
    })
}

/// Whoever holds the lease is about to end this process and start the next: clients are then told to come back.
pub(super) fn hand_over(call: Call) -> Running {
    Box::pin(async move {
        let id = name(&call, "suspensionId")?;
        let context = call.gateway.context();
        let target = call.params.get("target").cloned().unwrap_or_default();
        let is_ours = target["pid"].as_u64() == Some(u64::from(context.host.site().machine().pid))
            && target["processInstanceId"].as_str().map(str::trim) == Some(&context.boot_id);
        if !is_ours {
            return Err(WireError::new(
                UNAVAILABLE,
                "gateway process changed after preflight",
            ));
        }
        let Some(expires_at_ms) = call.engine().hand_over(&id) else {
            return Err(WireError::new(
                UNAVAILABLE,
                "gateway suspension id does not match",
            ));
        };
        let value = json!({ "status": "armed", "suspensionId": id, "expiresAtMs": expires_at_ms });
        note(&call, &value).await;
        Ok(Payload::of(&value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ran a moment ago may be over while a reply begins.
    #[test]
    fn a_gateway_that_is_not_at_rest_is_not_called_ready() {
        let mut lease = Lease {
            id: "l".to_owned(),
            expires_at_ms: 0,
            is_ready: false,
            blocking: Blocking::default(),
        };
        assert_eq!(lease_word(&lease), "draining");
        lease.is_ready = true;
        assert_eq!(lease_word(&lease), "ready");
    }
}
