//! `torana gateway suspend|resume`: nothing new begins while the machine below is paused, moved or saved.

use serde_json::{Value, json};
use torana_host::moment::rfc3339;

use super::operate::ask;
use crate::cli::args::SuspendFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::facts;
use crate::cli::rpc::method;
use crate::cli::words::{items_of, number_of, text_of};

/// Between two questions while something runs, milliseconds; a gateway that wants longer says so.
const RETRY_MS_MIN: u64 = 250;

/// Asks for a suspension, again and again when told to wait. Exit 1 when something still runs.
pub(crate) async fn suspend(
    invocation: &mut Invocation,
    flags: SuspendFlags,
) -> Result<(), Failure> {
    let request = flags.request_id.unwrap_or_else(|| invocation.world.uuid());
    let began_ms = invocation.world.monotonic_ms();
    let wait_ms = flags.wait_seconds.unwrap_or(0).saturating_mul(1_000);
    let deadline_ms = began_ms.saturating_add(wait_ms);
    loop {
        let params = json!({ "requestId": request });
        let mut answer = ask(invocation, method::GATEWAY_SUSPEND_PREPARE, params).await?;
        answer["requestId"] = json!(request);
        if text_of(&answer, "status") == "ready" {
            return invocation.output.either(&answer, || ready(&answer));
        }
        let left_ms = deadline_ms.saturating_sub(invocation.world.monotonic_ms());
        if left_ms == 0 {
            return busy(invocation, &answer, flags.wait_seconds.is_some());
        }
        let retry_ms = answer["retryAfterMs"].as_u64().unwrap_or(0);
        let pause_ms = retry_ms.max(RETRY_MS_MIN).min(left_ms);
        invocation.world.sleep_ms(pause_ms).await;
    }
}

fn ready(answer: &Value) -> String {
    let id = text_of(answer, "suspensionId");
    let until = number_of(answer, "expiresAtMs").map(rfc3339);
    let shown = facts([
        ("Suspension", id.to_owned()),
        ("Until", until.unwrap_or_default()),
    ]);
    format!("{shown}\nnothing new begins; end it with `torana gateway resume {id}`")
}

fn busy(invocation: &Invocation, answer: &Value, waited: bool) -> Result<(), Failure> {
    if invocation.output.json {
        invocation.output.value(answer)?;
        return Err(Failure::said(Exit::Failed));
    }
    let what: Vec<&str> = items_of(answer, "blockers")
        .iter()
        .map(|blocker| text_of(blocker, "message"))
        .collect();
    let failure = Failure::failed(format!("something still runs: {}", what.join(", ")));
    Err(if waited {
        failure
    } else {
        failure.hint("try again later, or let it ask again with --wait <seconds>")
    })
}

/// Ends a suspension.
pub(crate) async fn resume(invocation: &mut Invocation, id: &str) -> Result<(), Failure> {
    let params = json!({ "suspensionId": id });
    let answer = ask(invocation, method::GATEWAY_SUSPEND_RESUME, params).await?;
    invocation.output.either(&answer, || {
        if answer["resumed"].as_bool() == Some(true) {
            "the gateway goes on".to_owned()
        } else {
            "there is no such suspension (any more); the gateway runs".to_owned()
        }
    })
}
