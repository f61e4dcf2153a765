//! `torana nodes`: phones and machines that lend the gateway their hands.

use serde_json::{Value, json};

use super::capture;
use super::node::{find_node, given, invoke, name};
use super::operate::{ask, find, joined, object, short};
use crate::cli::args::{CanvasCommand, LocationCommand, NodesCommand, NodesFilter};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::method;
use crate::cli::words::{age, items_of, number_of, plain, text_of};

/// Runs one of the commands.
pub(crate) async fn run(invocation: &mut Invocation, command: NodesCommand) -> Result<(), Failure> {
    match command {
        NodesCommand::List(filter) => list(invocation, &filter, true).await,
        NodesCommand::Status(filter) => list(invocation, &filter, false).await,
        NodesCommand::Pending => pending(invocation).await,
        NodesCommand::Describe { node } => describe(invocation, &node.given()).await,
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
            let id = find_node(invocation, &node.given()).await?;
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
            let id = find_node(invocation, &node.given()).await?;
            let name = name.given();
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
            run,
        } => {
            let params = object(&params)?;
            let answer = invoke(invocation, &node, &command, params, run).await?;
            invocation.output.value(&answer)
        }
        NodesCommand::Location { command } => location(invocation, command).await,
        NodesCommand::Camera { command } => capture::camera(invocation, command).await,
        NodesCommand::Screen { command } => capture::screen(invocation, command).await,
        NodesCommand::Canvas { command } => canvas(invocation, command).await,
        NodesCommand::Notify {
            node,
            title,
            body,
            sound,
            priority,
            delivery,
            run,
        } => {
            let mut params = json!({ "delivery": delivery });
            let texts = [
                ("title", title),
                ("body", body),
                ("sound", sound),
                ("priority", priority),
            ];
            for (name, text) in texts {
                if let Some(text) = text {
                    params[name] = json!(text);
                }
            }
            let answer = invoke(invocation, &node, "system.notify", params, run).await?;
            invocation
                .output
                .either(&answer, || "the node was told".to_owned())
        }
    }
}

async fn location(invocation: &Invocation, command: LocationCommand) -> Result<(), Failure> {
    let LocationCommand::Get {
        node,
        accuracy,
        max_age,
        location_timeout,
        run,
    } = command;
    let params = given([
        ("desiredAccuracy", json!(accuracy)),
        ("maxAgeMs", json!(max_age)),
        ("timeoutMs", json!(location_timeout)),
    ]);
    let answer = invoke(invocation, &node, "location.get", params, run).await?;
    let place = &answer["payload"];
    invocation.output.either(place, || {
        match (place["lat"].as_f64(), place["lon"].as_f64()) {
            (Some(latitude), Some(longitude)) => {
                let exact = place["accuracyMeters"].as_f64();
                let exact = exact.map(|meters| format!(" ±{meters:.1} m"));
                format!("{latitude},{longitude}{}", exact.unwrap_or_default())
            }
            _ => plain(place),
        }
    })
}

async fn canvas(invocation: &Invocation, command: CanvasCommand) -> Result<(), Failure> {
    let (node, name, params, run) = match command {
        CanvasCommand::Present {
            node,
            target,
            x,
            y,
            width,
            height,
            run,
        } => {
            let place = given([
                ("x", json!(x)),
                ("y", json!(y)),
                ("width", json!(width)),
                ("height", json!(height)),
            ]);
            let has_place = place.as_object().is_some_and(|fields| !fields.is_empty());
            let place = if has_place { place } else { Value::Null };
            let params = given([("url", json!(target)), ("placement", place)]);
            (node, "canvas.present", params, run)
        }
        CanvasCommand::Hide { node, run } => (node, "canvas.hide", json!({}), run),
        CanvasCommand::Navigate { target, node, run } => {
            (node, "canvas.navigate", json!({ "url": target }), run)
        }
    };
    let answer = invoke(invocation, &node, name, params, run).await?;
    invocation
        .output
        .either(&answer, || "the node did it".to_owned())
}

/// Nodes that fit a filter, and in front of them those that wait.
async fn list(
    invocation: &Invocation,
    filter: &NodesFilter,
    with_waiting: bool,
) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let mut answer = client.call(method::NODE_LIST, json!({})).await?;
    let now_ms = invocation.world.wall_ms();
    if let Some(nodes) = answer.get_mut("nodes").and_then(Value::as_array_mut) {
        nodes.retain(|node| fits(node, filter, now_ms));
    }
    if with_waiting {
        let pairing = client.call(method::NODE_PAIR_LIST, json!({})).await?;
        answer["pending"] = json!(items_of(&pairing, "pending"));
    }
    client.close().await;
    invocation.output.either(&answer, || {
        let mut parts = Vec::new();
        if !items_of(&answer, "pending").is_empty() {
            parts.push(format!(
                "waiting; let one in with `torana nodes approve <request>`\n{}",
                waiting(&answer, now_ms)
            ));
        }
        let nodes = items_of(&answer, "nodes");
        if !nodes.is_empty() {
            parts.push(table(
                ["node", "name", "platform", "state", "seen", "commands"],
                nodes.iter().map(|node| row(node, now_ms)),
            ));
        }
        if parts.is_empty() {
            "no node is there".to_owned()
        } else {
            parts.join("\n\n")
        }
    })
}

fn fits(node: &Value, filter: &NodesFilter, now_ms: i64) -> bool {
    let connected = node["connected"].as_bool() == Some(true);
    let seen = ["lastSeenAtMs", "lastConnectedAtMs", "connectedAtMs"]
        .iter()
        .filter_map(|field| number_of(node, field))
        .max();
    let is_recent = filter.last_connected.is_none_or(|within_ms| {
        let since_ms = now_ms.saturating_sub(i64::try_from(within_ms).unwrap_or(i64::MAX));
        connected || seen.is_some_and(|at_ms| at_ms >= since_ms)
    });
    is_recent && (connected || !filter.connected)
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
        if items_of(&answer, "pending").is_empty() {
            "no node waits".to_owned()
        } else {
            waiting(&answer, now_ms)
        }
    })
}

fn waiting(answer: &Value, now_ms: i64) -> String {
    let rows = items_of(answer, "pending").iter().map(|node| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_those_that_are_or_were_lately_there() {
        let now_ms = 10_000_000;
        let node =
            |connected: bool, seen: i64| json!({ "connected": connected, "lastSeenAtMs": seen });
        let hour = NodesFilter {
            connected: false,
            last_connected: Some(3_600_000),
        };
        assert!(fits(&node(false, now_ms - 3_000_000), &hour, now_ms));
        assert!(!fits(&node(false, now_ms - 4_000_000), &hour, now_ms));
        assert!(fits(&node(true, 0), &hour, now_ms), "it is there now");
        assert!(!fits(&json!({}), &hour, now_ms));
        let there = NodesFilter {
            connected: true,
            last_connected: None,
        };
        assert!(!fits(&node(false, now_ms), &there, now_ms));
        assert!(fits(&node(true, 0), &there, now_ms));
    }
}
