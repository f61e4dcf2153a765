//! `torana devices`: browsers and programs that asked to be let in.

use serde_json::{Value, json};

use super::operate::short;
use crate::cli::args::{DevicesCommand, TokenFlags};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::{Client, method};
use crate::cli::words::{age, count, items_of, number_of, text_of};

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: DevicesCommand,
) -> Result<(), Failure> {
    let command = match command {
        DevicesCommand::JoinCode { public_url } => {
            return super::setup::join_code(invocation, public_url).await;
        }
        DevicesCommand::Clear { yes: false, .. } => {
            return Err(Failure::new(
                Exit::Usage,
                "forgetting every device needs --yes",
            )
            .hint("look at `torana devices list` first; the device of this command is forgotten as well"));
        }
        other => other,
    };
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
        DevicesCommand::Approve { request: None, .. } => {
            let latest = items_of(list, "pending")
                .iter()
                .max_by_key(|entry| number_of(entry, "ts"))
                .ok_or_else(|| Failure::failed("no device waits"))?;
            // Who asks last may be anybody: a person looks first and names the request.
            invocation.output.either(latest, || {
                let request = short(text_of(latest, "requestId"));
                format!(
                    "{}\n\nlet it in with `torana devices approve {request}`",
                    shown(&json!({ "pending": [latest] }), invocation.world.wall_ms())
                )
            })
        }
        DevicesCommand::Approve {
            request: Some(request),
            ..
        } => {
            let id = find(list, "pending", "requestId", &request)?;
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
            let id = find(list, "pending", "requestId", &request)?;
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
        DevicesCommand::Clear { pending, .. } => clear(invocation, client, list, pending).await,
        DevicesCommand::Remove { device } => {
            let id = find(list, "paired", "deviceId", &device.given())?;
            let answer = client
                .call(method::DEVICES_REMOVE, json!({ "deviceId": id }))
                .await?;
            invocation.output.either(&answer, || {
                format!("device {} is forgotten and must ask again", short(&id))
            })
        }
        DevicesCommand::Rename { device, name } => {
            let id = find(list, "paired", "deviceId", &device.given())?;
            let name = name.given();
            let params = json!({ "deviceId": id, "label": name });
            let answer = client.call(method::DEVICES_RENAME, params).await?;
            invocation.output.either(&answer, || {
                format!("device {} is called {name}", short(&id))
            })
        }
        DevicesCommand::Rotate {
            token,
            scope,
            no_scopes,
        } => {
            let scopes = (no_scopes || !scope.is_empty()).then_some(scope);
            rotate(invocation, client, list, token, scopes).await
        }
        DevicesCommand::Revoke { token } => revoke(invocation, client, list, token).await,
        DevicesCommand::JoinCode { .. } => Ok(()),
    }
}

async fn rotate(
    invocation: &Invocation,
    client: &mut Client,
    list: &Value,
    token: TokenFlags,
    scopes: Option<Vec<String>>,
) -> Result<(), Failure> {
    let TokenFlags { device, role } = token;
    let id = find(list, "paired", "deviceId", &device.given())?;
    let mut params = json!({ "deviceId": id, "role": role });
    if let Some(scopes) = scopes {
        params["scopes"] = json!(scopes);
    }
    let answer = client.call(method::DEVICES_TOKEN_ROTATE, params).await?;
    invocation.output.either(&answer, || {
        let mut text = format!("device {} has a new token for the role {role}", short(&id));
        match text_of(&answer, "token") {
            "" => text.push_str("; it gets it when it connects with the gateway's secret"),
            token => text.push_str(&format!(": {token}")),
        }
        text
    })
}

async fn revoke(
    invocation: &Invocation,
    client: &mut Client,
    list: &Value,
    token: TokenFlags,
) -> Result<(), Failure> {
    let TokenFlags { device, role } = token;
    let id = find(list, "paired", "deviceId", &device.given())?;
    let params = json!({ "deviceId": id, "role": role });
    let answer = client.call(method::DEVICES_TOKEN_REVOKE, params).await?;
    invocation.output.either(&answer, || {
        format!(
            "the token of device {} for the role {role} no longer opens anything",
            short(&id)
        )
    })
}

/// Forgets every device; one that this command came with is the last, because its connection ends with it.
async fn clear(
    invocation: &Invocation,
    client: &mut Client,
    list: &Value,
    pending: bool,
) -> Result<(), Failure> {
    let mut sent_away = Vec::new();
    if pending {
        for entry in items_of(list, "pending") {
            let request = text_of(entry, "requestId");
            client
                .call(method::DEVICES_REJECT, json!({ "requestId": request }))
                .await?;
            sent_away.push(request.to_owned());
        }
    }
    let own = crate::cli::rpc::Identity::known(&invocation.paths.credentials());
    let mut ids: Vec<&str> = items_of(list, "paired")
        .iter()
        .map(|entry| text_of(entry, "deviceId"))
        .collect();
    ids.sort_by_key(|id| own.as_deref() == Some(*id));
    let mut forgotten = Vec::new();
    for id in ids {
        client
            .call(method::DEVICES_REMOVE, json!({ "deviceId": id }))
            .await?;
        forgotten.push(id.to_owned());
    }
    let value = json!({ "clearedDevices": forgotten, "rejectedRequests": sent_away });
    invocation.output.either(&value, || {
        let devices = i64::try_from(forgotten.len()).unwrap_or(i64::MAX);
        let requests = i64::try_from(sent_away.len()).unwrap_or(i64::MAX);
        format!(
            "{} forgotten, {} sent away",
            count(devices, "device"),
            count(requests, "request")
        )
    })
}

fn find(list: &Value, part: &str, field: &str, wanted: &str) -> Result<String, Failure> {
    let ids = items_of(list, part)
        .iter()
        .map(|entry| text_of(entry, field));
    super::operate::find(ids, wanted, "torana devices list")
}

fn shown(list: &Value, now_ms: i64) -> String {
    let name = |entry: &Value| {
        let name = ["operatorLabel", "displayName", "clientId"]
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
