//! Deciding, also when somebody else was first.

use serde_json::{Value, json};

use super::waiting::waiting;
use crate::cli::args::Decision;
use crate::cli::command::operate::{find, joined, short};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::rpc::{Client, method};
use crate::cli::words::{items_of, text_of};

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::AllowOnce => "allow-once",
        Decision::AllowAlways => "allow-always",
        Decision::Deny => "deny",
    }
}

/// Decides; what was decided before under the same id is told as well.
pub(crate) async fn resolve(
    client: &mut Client,
    wanted: &str,
    decision: Decision,
    expires_in_days: Option<u16>,
) -> Result<(String, Value), Failure> {
    let all = waiting(client).await?;
    let ids = all.iter().map(|item| text_of(item, "id"));
    let id = match find(ids, wanted, "torana approvals pending") {
        Ok(id) => id,
        // A whole id may be one that was decided already.
        Err(failure)
            if all
                .iter()
                .all(|item| !text_of(item, "id").starts_with(wanted)) =>
        {
            let known = client
                .call(method::APPROVAL_GET, json!({ "id": wanted }))
                .await;
            known.map_err(|_| failure)?;
            wanted.to_owned()
        }
        Err(failure) => return Err(failure),
    };
    let known = client
        .call(method::APPROVAL_GET, json!({ "id": id }))
        .await?;
    let presentation = &known["approval"]["presentation"];
    let decision = word(decision);
    let allowed = items_of(presentation, "allowedDecisions");
    let is_pending = text_of(&known["approval"], "status") == "pending";
    if is_pending && !allowed.is_empty() && allowed.iter().all(|one| one != decision) {
        return Err(
            Failure::failed(format!("`{decision}` is no decision for this")).hint(format!(
                "decide one of: {}",
                joined(presentation, "allowedDecisions")
            )),
        );
    }
    let mut params =
        json!({ "id": id, "kind": text_of(presentation, "kind"), "decision": decision });
    if let Some(days) = expires_in_days {
        params["grantExpiresInDays"] = json!(days);
    }
    let answer = client.call(method::APPROVAL_RESOLVE, params).await?;
    Ok((id, answer))
}

/// Says what holds now. Somebody else may have been first, with the same decision or another.
pub(crate) fn settled(
    invocation: &Invocation,
    id: &str,
    decision: Decision,
    answer: &Value,
) -> Result<(), Failure> {
    let (id, wanted) = (short(id), word(decision));
    let was_first = answer["applied"].as_bool() == Some(true);
    let approval = &answer["approval"];
    match text_of(approval, "decision") {
        held if held == wanted => {
            let mut value = answer.clone();
            value["alreadyResolved"] = json!(!was_first);
            invocation.output.either(&value, || {
                let before = if was_first { "" } else { " already" };
                let remark = text_of(answer, "cliReason");
                let remark = if remark.is_empty() {
                    String::new()
                } else {
                    format!(" ({remark})")
                };
                format!("{id}: {wanted}{before}{remark}")
            })
        }
        "" => Err(Failure::failed(format!(
            "{id} was not decided: it is {}",
            text_of(approval, "status")
        ))),
        held => Err(Failure::failed(format!("{id} was decided already: {held}"))),
    }
}
