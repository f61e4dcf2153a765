//! `torana approvals`: what agents may run, and what waits for a decision.

use std::path::PathBuf;

use serde_json::{Value, json};
use torana_core::config::edit::parse_value;

use super::operate::{ask, input};
use crate::cli::args::{AllowlistCommand, ApprovalsCommand, Decision};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;

mod decide;
mod grants;
mod rules;
mod waiting;

use decide::{resolve, settled};
use grants::standing;
use rules::{Change, Edit, Owner, allow, change, disallow, rules};
pub(super) use waiting::waiting;
use waiting::{entry, shown};

/// Bytes of a file with rules; a long one has some thousand entries.
const RULES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: ApprovalsCommand,
) -> Result<(), Failure> {
    match command {
        ApprovalsCommand::Get { whose } => {
            let owner = Owner::of(invocation, &whose).await?;
            let answer = ask(invocation, owner.get, owner.params()).await?;
            invocation.output.either(&answer, || rules(&answer))
        }
        ApprovalsCommand::Set { file, whose, .. } => {
            let rules = rules_of(file.filter(|file| file.as_os_str() != "-"))?;
            change(invocation, &whose, Change::All(rules)).await
        }
        ApprovalsCommand::Allowlist { command } => {
            let (edit, entry): (Edit, _) = match command {
                AllowlistCommand::Add { entry } => (allow, entry),
                AllowlistCommand::Remove { entry } => (disallow, entry),
            };
            let whose = entry.whose.clone();
            change(invocation, &whose, Change::Entry(edit, entry)).await
        }
        ApprovalsCommand::Pending => pending(invocation).await,
        ApprovalsCommand::Grants { command } => {
            standing(invocation, command.unwrap_or_default()).await
        }
        ApprovalsCommand::Resolve {
            id,
            decision,
            reason,
            expires_in_days,
        } => {
            if expires_in_days.is_some() && decision != Decision::AllowAlways {
                return Err(Failure::new(
                    Exit::Usage,
                    "--expires-in-days is for `allow-always`: nothing else lasts",
                ));
            }
            let mut client = invocation.connect().await?;
            let answer = resolve(&mut client, &id, decision, expires_in_days).await;
            client.close().await;
            let (id, mut answer) = answer?;
            if let Some(reason) = &reason {
                answer["cliReason"] = json!(reason);
            }
            settled(invocation, &id, decision, &answer)
        }
    }
}

/// Rules as somebody wrote them, in a file or on the input.
fn rules_of(file: Option<PathBuf>) -> Result<Value, Failure> {
    let text = if let Some(file) = file {
        let bytes = torana_host::files::read_capped(&file, RULES_BYTES_MAX).map_err(|error| {
            Failure::failed(format!("{} cannot be read: {error}", file.display()))
        })?;
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        input()?
    };
    parse_value(&text).ok_or_else(|| {
        Failure::new(Exit::Usage, "the rules are not JSON5")
            .hint("begin with what `torana approvals get --json` prints under `file`")
    })
}

/// Shows what waits.
async fn pending(invocation: &Invocation) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let waiting = waiting(&mut client).await;
    client.close().await;
    let waiting: Vec<Value> = waiting?.iter().map(entry).collect();
    let now_ms = invocation.world.wall_ms();
    invocation
        .output
        .either(&json!({ "approvals": waiting }), || shown(&waiting, now_ms))
}
