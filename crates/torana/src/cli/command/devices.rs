//! `torana devices`: browsers and programs that asked to be let in.

use serde_json::{Value, json};

use crate::cli::args::DevicesCommand;
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::{Client, method};
use crate::cli::words::{age, items_of, number_of, text_of};

/// Characters of an id that are shown: enough to tell a handful of devices apart.
const ID_CHARS_SHOWN: usize = 12;
/// Characters of an id that name it; fewer would match by accident.
const ID_CHARS_MIN: usize = 4;

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: DevicesCommand,
) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let list = client.call(method::DEVICES_LIST, json!({})).await?;
    let outcome = act(invocation, &mut client, &list, command).await;
    client.close().await;
    outcome
}

async fn act(
    invocation: &Invocation,
    client: &mut Client,
    list: &Value,
    command: DevicesCommand,
) -> Result<(), Failure> {
    match command {
        DevicesCommand::List => invocation
            .output
            .either(list, || shown(list, invocation.world.wall_ms())),
        DevicesCommand::Approve { request } => {
            let id = find(items_of(list, "pending"), "requestId", &request)?;
            let answer = client
                .call(method::DEVICES_APPROVE, json!({ "requestId": id }))
                .await?;
            invocation.output.either(&answer, || {
                format!(
                    "device {} is let in",
                    short(text_of(&answer["device"], "deviceId"))
                )
            })
        }
        DevicesCommand::Reject { request } => {
            let id = find(items_of(list, "pending"), "requestId", &request)?;
            let answer = client
                .call(method::DEVICES_REJECT, json!({ "requestId": id }))
                .await?;
            invocation.output.either(&answer, || {
                format!(
                    "device {} was sent away",
                    short(text_of(&answer, "deviceId"))
                )
            })
        }
        DevicesCommand::Remove { device } => {
            let id = find(items_of(list, "paired"), "deviceId", &device)?;
            let answer = client
                .call(method::DEVICES_REMOVE, json!({ "deviceId": id }))
                .await?;
            invocation.output.either(&answer, || {
                format!("device {} is forgotten and must ask again", short(&id))
            })
        }
    }
}

fn short(id: &str) -> String {
    id.chars().take(ID_CHARS_SHOWN).collect()
}

/// The one entry whose id begins with what was typed.
fn find(entries: &[Value], field: &str, wanted: &str) -> Result<String, Failure> {
    let fits: Vec<&str> = entries
        .iter()
        .map(|entry| text_of(entry, field))
        .filter(|id| id.starts_with(wanted))
        .collect();
    match fits.as_slice() {
        [id] if wanted.chars().count() >= ID_CHARS_MIN || *id == wanted => Ok((*id).to_owned()),
        [_] => Err(
            Failure::failed(format!("`{wanted}` is too short to name a device"))
                .hint("give more of the id"),
        ),
        [] => Err(
            Failure::failed(format!("nothing waits or is paired under `{wanted}`"))
                .hint("list them with `torana devices list`"),
        ),
        _ => Err(Failure::failed(format!("`{wanted}` fits several")).hint("give more of the id")),
    }
}

fn shown(list: &Value, now_ms: i64) -> String {
    let name = |entry: &Value| {
        let name = ["label", "displayName", "clientId"]
            .iter()
            .map(|field| text_of(entry, field))
            .find(|text| !text.is_empty());
        format!(
            "{} {}",
            name.unwrap_or_default(),
            text_of(entry, "platform")
        )
        .trim()
        .to_owned()
    };
    let scopes = |entry: &Value| {
        let scopes: Vec<&str> = items_of(entry, "scopes")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        scopes.join(" ").replace("operator.", "")
    };
    let mut parts = Vec::new();
    let pending = items_of(list, "pending");
    if !pending.is_empty() {
        let rows = pending.iter().map(|entry| {
            let at = number_of(entry, "ts")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default();
            [
                short(text_of(entry, "requestId")),
                name(entry),
                text_of(entry, "remoteIp").to_owned(),
                scopes(entry),
                at,
            ]
        });
        parts.push(format!(
            "waiting; let one in with `torana devices approve <request>`\n{}",
            table(["request", "device", "from", "wants", "age"], rows)
        ));
    }
    let paired = items_of(list, "paired");
    if !paired.is_empty() {
        let rows = paired.iter().map(|entry| {
            let seen = number_of(entry, "lastSeenAtMs")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default();
            let seen = if entry["connected"].as_bool() == Some(true) {
                "connected".to_owned()
            } else {
                seen
            };
            [
                short(text_of(entry, "deviceId")),
                name(entry),
                text_of(entry, "role").to_owned(),
                scopes(entry),
                seen,
            ]
        });
        parts.push(table(["device", "name", "role", "may", "seen"], rows));
    }
    if parts.is_empty() {
        "no device is paired and none waits".to_owned()
    } else {
        parts.join("\n\n")
    }
}
