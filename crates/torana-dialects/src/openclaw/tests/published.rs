//! What nodes publish about themselves, and the words they listen for.

use serde_json::{Value, json};

use super::rig::{Client, Rig, device_id, node};

fn payload(answer: &Value) -> &Value {
    assert_eq!(answer["ok"], true, "{answer}");
    &answer["payload"]
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

async fn described(operator: &mut Client, seed: u8) -> Value {
    let params = json!({ "nodeId": device_id(seed) });
    payload(&operator.ask("node.describe", params).await).clone()
}

#[tokio::test]
async fn tools_of_a_node_are_shown_once_their_commands_are_approved() {
    let rig = Rig::start().await;
    let mut lent = rig.node(1, "linux", &["canvas.present"]).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let tools = json!([
        { "pluginId": "canvas", "name": "show", "command": "canvas.present", "parameters": { "type": "object" } },
        { "pluginId": "canvas", "name": "hide", "command": "canvas.hide" },
        { "pluginId": "docs", "name": "find", "mcp": { "server": "docs", "tool": "find" } },
    ]);
    let answer = lent
        .ask("node.pluginTools.update", json!({ "tools": tools }))
        .await;
    assert_eq!(
        payload(&answer),
        &json!({ "nodeId": device_id(1), "tools": tools })
    );
    assert!(described(&mut admin, 1).await["nodePluginTools"].is_null());
    let list = admin.ask("node.pair.list", json!({})).await;
    let request = payload(&list)["pending"][0]["requestId"].clone();
    payload(
        &admin
            .ask("node.pair.approve", json!({ "requestId": request }))
            .await,
    );
    let shown = described(&mut admin, 1).await;
    assert_eq!(shown["nodePluginTools"], json!([tools[0], tools[2]]));
    let empty = json!({ "tools": [] });
    payload(&lent.ask("node.pluginTools.update", empty).await);
    assert!(described(&mut admin, 1).await["nodePluginTools"].is_null());
}

#[tokio::test]
async fn what_a_node_publishes_is_checked_and_bounded() {
    let rig = Rig::start().await;
    let mut lent = rig.node(1, "linux", &[]).await;
    let tool = |name: &str| json!({ "pluginId": "p", "name": name });
    let large = json!({ "pluginId": "p", "name": "a", "parameters": { "x": "y".repeat(300_000) } });
    let many: Vec<Value> = (0..129).map(|number| tool(&format!("t{number}"))).collect();
    for tools in [
        json!([tool("1a")]),
        json!([tool("a b")]),
        json!([tool("a"), tool("a")]),
        json!([{ "name": "a" }]),
        json!([large]),
        json!(many),
        json!("x"),
    ] {
        let refused = lent
            .ask("node.pluginTools.update", json!({ "tools": tools }))
            .await;
        let text = message(&refused).to_owned();
        assert!(
            text.starts_with("invalid node.pluginTools.update params"),
            "{text}"
        );
    }
    for inventory in [
        json!({ "protocolFeatures": [1] }),
        json!({ "protocolFeatures": vec!["a"; 17] }),
        json!({ "protocolFeatures": ["a".repeat(129)] }),
        json!({ "protocolFeatures": [], "workerRuns": "y".repeat(20_000) }),
    ] {
        let refused = lent.ask("node.runnerInventory.update", inventory).await;
        assert!(message(&refused).starts_with("invalid node"), "{refused}");
    }
    let inventory = json!({ "protocolFeatures": ["node-worker-supervisor-v5"] });
    let taken = lent
        .ask("node.runnerInventory.update", inventory.clone())
        .await;
    assert_eq!(payload(&taken), &json!({ "nodeId": device_id(1) }));
    let mut reader = rig.operator(&["operator.read"]).await;
    let shown = described(&mut reader, 1).await;
    assert_eq!(shown["runnerInventory"], inventory);
    assert_eq!(shown["sessionHost"], false, "agents run here, not there");
    // It ends with the connection that said it.
    let _second = rig.node(1, "linux", &[]).await;
    assert!(described(&mut reader, 1).await["runnerInventory"].is_null());
}

#[tokio::test]
async fn wake_words_are_kept_and_told_to_readers_and_nodes() {
    let rig = Rig::start().await;
    let mut params = node("ios", &[]);
    params["caps"] = json!(["voiceWake"]);
    let (mut phone, _) = rig.device(params, 1).await;
    let usual = phone.event("voicewake.changed").await;
    assert_eq!(
        usual["payload"],
        json!({ "triggers": ["openclaw", "claude", "computer"] })
    );
    let mut deaf = rig.operator(&["operator.pairing"]).await;
    let mut reader = rig.operator(&["operator.read"]).await;
    let mut writer = rig.operator(&["operator.write"]).await;
    let refused = reader
        .ask("voicewake.set", json!({ "triggers": ["x"] }))
        .await;
    assert_eq!(message(&refused), "missing scope: operator.write");
    let words = json!({ "triggers": [" hey you "] });
    let kept = json!({ "triggers": ["hey you"] });
    assert_eq!(payload(&writer.ask("voicewake.set", words).await), &kept);
    for client in [&mut phone, &mut reader, &mut writer] {
        assert_eq!(client.event("voicewake.changed").await["payload"], kept);
    }
    assert_eq!(
        payload(&reader.ask("voicewake.get", json!({})).await),
        &kept
    );
    payload(&deaf.ask("health", json!({})).await);
    assert!(
        deaf.events
            .iter()
            .all(|event| event["event"] != "voicewake.changed")
    );
}
