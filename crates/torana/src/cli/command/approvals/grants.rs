//! Standing permissions of automations.

use serde_json::{Value, json};

use crate::cli::args::GrantsCommand;
use crate::cli::command::operate::{ask, short};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::method;
use crate::cli::words::{age, items_of, number_of, text_of};

/// Standing permissions.
pub(crate) async fn standing(
    invocation: &Invocation,
    command: GrantsCommand,
) -> Result<(), Failure> {
    match command {
        GrantsCommand::List { limit } => {
            let params = limit.map_or_else(|| json!({}), |limit| json!({ "limit": limit }));
            let answer = ask(invocation, method::EXEC_APPROVAL_GRANTS_LIST, params).await?;
            let now_ms = invocation.world.wall_ms();
            invocation
                .output
                .either(&answer, || grants(&answer, now_ms))
        }
        GrantsCommand::Revoke { grant } => {
            let params = json!({ "grantId": grant });
            let answer = ask(invocation, method::EXEC_APPROVAL_GRANTS_REVOKE, params).await?;
            match text_of(&answer, "outcome") {
                "not-found" => Err(Failure::failed(format!("there is no grant {grant}"))
                    .hint("list them with `torana approvals grants`")),
                outcome => invocation.output.either(&answer, || {
                    let was = if outcome == "already-revoked" {
                        "was taken back before"
                    } else {
                        "is taken back"
                    };
                    format!("{grant} {was}; the next time it is asked again")
                }),
            }
        }
    }
}

fn grants(answer: &Value, now_ms: i64) -> String {
    let grants = items_of(answer, "grants");
    if grants.is_empty() {
        return "no automation has a standing permission".to_owned();
    }
    let rows = grants.iter().map(|grant| {
        let subject = ["command", "commandText", "pattern"]
            .iter()
            .map(|name| text_of(grant, name))
            .find(|text| !text.is_empty());
        [
            short(text_of(grant, "id")),
            text_of(grant, "agentId").to_owned(),
            subject.unwrap_or_default().to_owned(),
            number_of(grant, "createdAtMs")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default(),
        ]
    });
    table(["grant", "agent", "may", "age"], rows)
}
