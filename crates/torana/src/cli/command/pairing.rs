//! `torana pairing`: strangers on platforms who asked to be let in.

use serde_json::{Value, json};
use torana_host::moment::read_rfc3339;

use crate::cli::access::Access;
use crate::cli::args::PairingCommand;
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::{Client, method};
use crate::cli::words::{age, items_of, span, text_of};

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: PairingCommand,
) -> Result<(), Failure> {
    match command {
        PairingCommand::List { channel } => list(invocation, channel).await,
        PairingCommand::Approve {
            channel,
            code,
            account,
        } => approve(invocation, &channel, account.as_deref(), &code).await,
        PairingCommand::Deny {
            channel,
            code,
            account,
        } => deny(invocation, &channel, account.as_deref(), &code).await,
    }
}

async fn list(invocation: &Invocation, channel: Option<String>) -> Result<(), Failure> {
    let channel = channel.map(|channel| channel_id(&channel));
    let answer = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let answer = client
                .call(
                    method::PAIRING_LIST,
                    channel.map_or(json!({}), |channel| json!({ "channel": channel })),
                )
                .await?;
            client.close().await;
            answer
        }
        Access::Store(store) => store.pairing(channel).await?,
    };
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&answer, || {
        let requests = items_of(&answer, "requests");
        if requests.is_empty() {
            return "nobody waits to be let in".to_owned();
        }
        let rows = requests.iter().map(|request| {
            let expires_ms = read_rfc3339(text_of(request, "expiresAt"))
                .unwrap_or(now_ms)
                .saturating_sub(now_ms)
                .max(0);
            [
                text_of(request, "channel").to_owned(),
                text_of(request, "accountId").to_owned(),
                text_of(&request["metadata"], "code").to_owned(),
                format!(
                    "{} ({})",
                    text_of(request, "senderLabel"),
                    text_of(request, "senderId")
                ),
                read_rfc3339(text_of(request, "createdAt"))
                    .map(|at_ms| age(now_ms, at_ms))
                    .unwrap_or_default(),
                span(expires_ms.unsigned_abs() / 1_000),
            ]
        });
        table(
            ["channel", "account", "code", "sender", "age", "valid for"],
            rows,
        )
    })
}

/// The channel's own name for any spelling of it.
fn channel_id(name: &str) -> String {
    torana_channels::kind(name).map_or_else(|| name.to_ascii_lowercase(), |kind| kind.id.to_owned())
}

/// The live request with a code, as the gateway lists it.
async fn find(
    client: &mut Client,
    channel: &str,
    account: Option<&str>,
    code: &str,
) -> Result<Value, Failure> {
    let list = client
        .call(method::PAIRING_LIST, json!({ "channel": channel }))
        .await?;
    let wanted = code.trim().to_ascii_uppercase();
    let matches = |request: &&Value| {
        let is_account = account.is_none_or(|account| text_of(request, "accountId") == account);
        is_account
            && (text_of(&request["metadata"], "code") == wanted
                || text_of(request, "requestId") == code)
    };
    items_of(&list, "requests")
        .iter()
        .find(matches)
        .cloned()
        .ok_or_else(|| unknown(channel))
}

fn unknown(channel: &str) -> Failure {
    Failure::failed(format!("nobody on {channel} waits with this code"))
        .hint("list the requests with `torana pairing list`; a code lives for one hour")
}

async fn approve(
    invocation: &Invocation,
    channel: &str,
    account: Option<&str>,
    code: &str,
) -> Result<(), Failure> {
    let channel = channel_id(channel);
    let answer = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let request = find(&mut client, &channel, account, code).await?;
            let params = json!({
                "channel": channel, "accountId": request["accountId"], "requestId": request["requestId"], "processNow": true,
            });
            let mut answer = client.call(method::PAIRING_APPROVE, params).await?;
            client.close().await;
            answer["channel"] = json!(channel);
            answer["senderLabel"] = request["senderLabel"].clone();
            answer
        }
        Access::Store(store) => store.approve(&channel, account, code).await?,
    };
    invocation.output.either(&answer, || {
        let owner = if text_of(&answer, "commandOwnerBootstrap") == "configured" {
            ", as the owner of this gateway"
        } else {
            ""
        };
        format!(
            "{} ({}) may talk on {channel}{owner}",
            text_of(&answer, "senderLabel"),
            text_of(&answer, "senderId")
        )
    })
}

async fn deny(
    invocation: &Invocation,
    channel: &str,
    account: Option<&str>,
    code: &str,
) -> Result<(), Failure> {
    let channel = channel_id(channel);
    let answer = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let request = find(&mut client, &channel, account, code).await?;
            let params = json!({ "channel": channel, "accountId": request["accountId"], "requestId": request["requestId"] });
            let answer = client.call(method::PAIRING_DENY, params).await?;
            client.close().await;
            answer
        }
        Access::Store(store) => store.deny(&channel, account, code).await?,
    };
    invocation.output.either(&answer, || {
        format!(
            "the request of {} was removed",
            text_of(&answer, "senderId")
        )
    })
}
