//! One node: found by any of its names, and asked to do something.

use serde_json::{Value, json};

use super::operate::{ask, find, short};
use crate::cli::args::InvokeFlags;
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::rpc::method;
use crate::cli::words::{items_of, text_of};

/// Time beyond a node's own for its answer to come back, milliseconds.
const MARGIN_MS: u64 = 5_000;

/// The id of the node somebody means.
pub(super) async fn find_node(invocation: &Invocation, wanted: &str) -> Result<String, Failure> {
    let answer = ask(invocation, method::NODE_LIST, json!({})).await?;
    meant(items_of(&answer, "nodes"), wanted)
}

/// The node somebody means: the one with this id, else the only one with this name or address, else the only one whose
/// id begins so. A node names itself, so its name never stands for the id of another, not even for the beginning of it
/// that the lists show.
fn meant(nodes: &[Value], wanted: &str) -> Result<String, Failure> {
    let ids = || nodes.iter().map(|node| text_of(node, "nodeId"));
    if ids().any(|id| id == wanted) {
        return Ok(wanted.to_owned());
    }
    let named: Vec<&str> = nodes
        .iter()
        .filter(|node| name(node) == wanted || text_of(node, "remoteIp") == wanted)
        .map(|node| text_of(node, "nodeId"))
        .collect();
    let [id] = named.as_slice() else {
        return find(ids(), wanted, "torana nodes list");
    };
    if ids().any(|other| other != *id && short(other) == wanted) {
        return Err(Failure::failed(format!(
            "`{wanted}` is the name of a node and the id of another"
        ))
        .hint("give the whole id, as `torana nodes list --json` prints it"));
    }
    Ok((*id).to_owned())
}

/// What people call a node.
pub(super) fn name(node: &Value) -> String {
    ["displayName", "label", "clientId"]
        .iter()
        .map(|field| text_of(node, field))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// Asks a node to carry out a command.
pub(super) async fn invoke(
    invocation: &Invocation,
    node: &str,
    command: &str,
    params: Value,
    run: InvokeFlags,
) -> Result<Value, Failure> {
    let id = find_node(invocation, node).await?;
    let key = run.idempotency_key;
    let call = json!({
        "nodeId": id, "command": command, "params": params, "timeoutMs": run.invoke_timeout,
        "idempotencyKey": key.unwrap_or_else(|| invocation.world.uuid()),
    });
    // The gateway waits for the node, and we for the gateway: not shorter, or the answer comes to nobody.
    let least_ms = run.invoke_timeout.saturating_add(MARGIN_MS);
    let wait_ms = invocation.wait_ms.map_or(least_ms, |ms| ms.max(least_ms));
    let mut client = invocation.connect().await?;
    let answer = client.call_within(method::NODE_INVOKE, call, wait_ms).await;
    client.close().await;
    answer
}

/// Parameters without those nobody gave.
pub(super) fn given<const COUNT: usize>(fields: [(&str, Value); COUNT]) -> Value {
    let mut params = json!({});
    for (name, value) in fields {
        if !value.is_null() {
            params[name] = value;
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_calls_itself_like_the_id_of_another_is_not_taken_for_it() {
        let (first, second) = ("a1b2c3d4e5f60718", "0011223344556677");
        let node = |id: &str, name: &str| json!({ "nodeId": id, "displayName": name, "remoteIp": "10.0.0.7" });
        let nodes = [node(first, "kitchen"), node(second, first)];
        let found = |nodes: &[Value], wanted: &str| meant(nodes, wanted).ok();
        assert_eq!(found(&nodes, first).as_deref(), Some(first), "the id first");
        assert_eq!(found(&nodes, "kitchen").as_deref(), Some(first));
        assert_eq!(found(&nodes, "0011").as_deref(), Some(second));
        assert_eq!(found(&nodes, "10.0.0.7"), None, "both have this address");
        // The lists show the beginning of an id, and that is what people type.
        let nodes = [node(first, "kitchen"), node(second, &short(first))];
        assert_eq!(
            found(&nodes, &short(first)),
            None,
            "which of them is unclear"
        );
    }
}
