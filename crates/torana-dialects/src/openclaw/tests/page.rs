//! What the official page (OpenClaw 2026.9.6) needs beside the published schema to show what is there.

use serde_json::{Value, json};

use super::rig::Rig;

#[tokio::test]
async fn what_was_written_while_the_gateway_was_away_is_sent() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = json!({
        "sessionKey": "main", "message": "hello", "idempotencyKey": "a", "__controlUiReconnectResume": true,
    });
    let answer = client.ask("chat.send", params).await;
    assert_eq!(answer["payload"]["status"], "started", "{answer}");
}

#[tokio::test]
async fn a_new_session_is_found_under_the_name_of_its_first_message() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = json!({ "agentId": "main", "message": "Plan the trip\nto the glacier." });
    let made = client.ask("sessions.create", params).await["payload"].clone();
    client
        .until(|event: &Value| event["payload"]["state"] == "final")
        .await;
    let query = json!({ "query": "glacier" });
    let bare = client.ask("sessions.search", query).await;
    assert_eq!(bare["payload"].get("sessions"), None, "{bare}");
    let query = json!({ "query": "glacier", "scope": { "excludeCron": true } });
    let found = client.ask("sessions.search", query).await["payload"].clone();
    let rows = found["sessions"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{found}");
    assert_eq!(rows[0]["key"], made["key"]);
    assert_eq!(rows[0]["displayName"], "Plan the trip to the glacier.");
}

#[tokio::test]
async fn a_session_is_described_without_a_title_unless_one_is_asked_for() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = json!({ "sessionKey": "main", "message": "hello", "idempotencyKey": "a" });
    client.ask("chat.send", params).await;
    client
        .until(|event: &Value| event["payload"]["state"] == "final")
        .await;
    let bare = client.ask("sessions.describe", json!({ "key": "main" }));
    assert_eq!(bare.await["payload"]["session"].get("derivedTitle"), None);
    let params = json!({ "key": "main", "includeDerivedTitles": true });
    let titled = client.ask("sessions.describe", params).await;
    assert_eq!(titled["payload"]["session"]["derivedTitle"], "hello");
}
