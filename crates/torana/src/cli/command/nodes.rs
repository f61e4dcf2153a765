//! `torana nodes`: phones and machines that lend the gateway their hands.

use serde_json::{Value, json};

use super::operate::{ask, find, joined, object, short};
use crate::cli::args::NodesCommand;
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::method;
use crate::cli::words::{age, items_of, number_of, plain, text_of};

/// Time beyond a node's own for its answer to come back, milliseconds.
const MARGIN_MS: u64 = 5_000;

/// Runs one of the commands.
pub(crate) async fn run(invocation: &mut Invocation, command: NodesCommand) -> Result<(), Failure> {
    match command {
        NodesCommand::List => list(invocation).await,
        NodesCommand::Pending => pending(invocation).await,
        NodesCommand::Describe { node } => describe(invocation, &node).await,
        NodesCommand::Approve { request } => {
            decide(
                invocation,
                method::NODE_PAIR_APPROVE,
                &request,
                "may offer its commands",
            )
            .await
        }
        NodesCommand::Reject { request } => {
            decide(
                invocation,
                method::NODE_PAIR_REJECT,
                &request,
                "was refused",
            )
            .await
        }
        NodesCommand::Remove { node } => {
            let id = find_node(invocation, &node).await?;
            let answer = ask(
                invocation,
                method::NODE_PAIR_REMOVE,
                json!({ "nodeId": id }),
            )
            .await?;
            invocation.output.either(&answer, || {
                format!("node {} is forgotten and must ask again", short(&id))
            })
        }
        NodesCommand::Rename { node, name } => {
            let id = find_node(invocation, &node).await?;
            let params = json!({ "nodeId": id, "displayName": name });
            let answer = ask(invocation, method::NODE_RENAME, params).await?;
            invocation
                .output
                .either(&answer, || format!("node {} is called {name}", short(&id)))
        }
        NodesCommand::Invoke {
            node,
            command,
            params,
            timeout,
        } => {
            let params = object(&params)?;
            let id = find_node(invocation, &node).await?;
            let wait_ms = timeout.clamp(1, 3_600).saturating_mul(1_000);
            let call = json!({
                "nodeId": id, "command": command, "params": params, "timeoutMs": wait_ms,
                "idempotencyKey": invocation.world.uuid(),
            });
            let mut client = invocation.connect().await?;
            let answer = client
                .call_within(method::NODE_INVOKE, call, wait_ms + MARGIN_MS)
                .await;
            client.close().await;
            invocation.output.value(&answer?)
        }
    }
}

async fn list(invocation: &Invocation) -> Result<(), Failure> {
    let answer = ask(invocation, method::NODE_LIST, json!({})).await?;
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&answer, || {
        let nodes = items_of(&answer, "nodes");
        if nodes.is_empty() {
            return "no node is paired".to_owned();
        }
        table(
            ["node", "name", "platform", "state", "seen", "commands"],
            nodes.iter().map(|node| row(node, now_ms)),
        )
    })
}

fn name(node: &Value) -> String {
    ["displayName", "label", "clientId"]
        .iter()
        .map(|field| text_of(node, field))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn state(node: &Value) -> &'static str {
    match (
        node["connected"].as_bool(),
        text_of(node, "approvalState"),
        node["paired"].as_bool(),
    ) {
        (_, "pending-approval", _) => "waits for approval",
        (Some(true), ..) => "connected",
        (_, _, Some(false)) => "not paired",
        _ => "away",
    }
}

fn row(node: &Value, now_ms: i64) -> [String; 6] {
    [
        short(text_of(node, "nodeId")),
        name(node),
        text_of(node, "platform").to_owned(),
        state(node).to_owned(),
        number_of(node, "lastSeenAtMs")
            .map(|at_ms| age(now_ms, at_ms))
            .unwrap_or_default(),
        joined(node, "commands"),
    ]
}

async fn pending(invocation: &Invocation) -> Result<(), Failure> {
    let answer = ask(invocation, method::NODE_PAIR_LIST, json!({})).await?;
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&answer, || {
        let waiting = items_of(&answer, "pending");
        if waiting.is_empty() {
            return "no node waits".to_owned();
        }
        let rows = waiting.iter().map(|node| {
            [
                short(text_of(node, "requestId")),
                short(text_of(node, "nodeId")),
                name(node),
                text_of(node, "platform").to_owned(),
                joined(node, "commands"),
                number_of(node, "ts")
                    .map(|at_ms| age(now_ms, at_ms))
                    .unwrap_or_default(),
            ]
        });
        table(
            [
                "request",
                "node",
                "name",
                "platform",
                "wants to offer",
                "age",
            ],
            rows,
        )
    })
}

async fn decide(
    invocation: &Invocation,
    method: &str,
    request: &str,
    done: &str,
) -> Result<(), Failure> {
    let waiting = ask(invocation, method::NODE_PAIR_LIST, json!({})).await?;
    let ids = items_of(&waiting, "pending")
        .iter()
        .map(|node| text_of(node, "requestId"));
    let id = find(ids, request, "torana nodes pending")?;
    let node = items_of(&waiting, "pending")
        .iter()
        .find(|node| text_of(node, "requestId") == id)
        .map(|node| short(text_of(node, "nodeId")))
        .unwrap_or_default();
    let answer = ask(invocation, method, json!({ "requestId": id })).await?;
    invocation
        .output
        .either(&answer, || format!("node {node} {done}"))
}

async fn find_node(invocation: &Invocation, wanted: &str) -> Result<String, Failure> {
    let answer = ask(invocation, method::NODE_LIST, json!({})).await?;
    let nodes = items_of(&answer, "nodes");
    let named: Vec<&Value> = nodes.iter().filter(|node| name(node) == wanted).collect();
    if let [node] = named.as_slice() {
        return Ok(text_of(node, "nodeId").to_owned());
    }
    find(
        nodes.iter().map(|node| text_of(node, "nodeId")),
        wanted,
        "torana nodes list",
    )
}

async fn describe(invocation: &Invocation, wanted: &str) -> Result<(), Failure> {
    let id = find_node(invocation, wanted).await?;
    let answer = ask(invocation, method::NODE_DESCRIBE, json!({ "nodeId": id })).await?;
    invocation.output.either(&answer, || {
        let shown = answer
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let value = match value {
                    Value::Array(_) => joined(&answer, name),
                    other => plain(other),
                };
                (name.as_str(), value)
            });
        facts(shown)
    })
}
