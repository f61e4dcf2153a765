//! The two older guides over real sockets: what they get, and that they get no more than the command line would.

use serde_json::{Value, json};
use torana_core::auth::ScopeSet;

use super::rig::{Client, Rig, TOKEN, connect};

async fn closed(client: &mut Client) -> (u16, String) {
    loop {
        if let Err(end) = client.frame().await {
            break end;
        }
    }
}

/// Says a bare frame and waits for the frame with its id.
async fn bare(client: &mut Client, frame: Value) -> Value {
    let id = frame["id"].clone();
    client.say(frame.to_string()).await;
    loop {
        let answer = client.frame().await.expect("a frame");
        if answer["id"] == id && answer.get("event").is_none() {
            return answer;
        }
        client.events.push(answer);
    }
}

fn auth(secret: &str) -> Value {
    json!({ "id": 1, "method": "auth", "params": { "token": secret } })
}

#[tokio::test]
async fn a_bare_client_without_a_secret_is_told_where_to_put_it() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let refused = bare(&mut client, json!({ "id": 1, "method": "auth" })).await;
    let words =
        "unauthorized: gateway token missing (send it as params.token or params.password of auth)";
    assert_eq!(refused["error"]["message"], words);
    assert_eq!(refused["error"]["details"]["code"], "AUTH_TOKEN_MISSING");
    assert_eq!(closed(&mut client).await, (1008, words.to_owned()));
}

#[tokio::test]
async fn a_bare_client_talks_and_hears_the_guides_events() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let hello = bare(&mut client, auth(TOKEN)).await;
    assert_eq!(hello["result"]["authenticated"], true, "{hello}");
    let info = bare(&mut client, json!({ "id": "i", "method": "gateway.info" })).await;
    assert_eq!(info["result"]["name"], "torana");
    let send = json!({ "id": 2, "method": "chat.send", "params": { "sessionKey": "main", "message": "hi" } });
    let sent = bare(&mut client, send).await;
    assert_eq!(sent["result"]["status"], "started", "{sent}");
    client.until(|event| event["event"] == "agent.done").await;
    let text: String = client
        .events
        .iter()
        .filter(|event| event["event"] == "agent.text")
        .filter_map(|event| event["data"]["text"].as_str())
        .collect();
    assert_eq!(text, "echo: hi");
    let known = [
        "agent.text",
        "agent.thinking",
        "agent.tool.start",
        "agent.tool.result",
        "agent.done",
        "presence",
        "typing",
        "message",
        "session.created",
        "session.updated",
        "session.pruned",
    ];
    for event in &client.events {
        let name = event["event"].as_str().unwrap_or_default();
        assert!(known.contains(&name), "{event}");
        assert!(event.get("data").is_some() && event.get("seq").is_none());
    }
    let unknown = bare(&mut client, json!({ "id": 3, "method": "no.such" })).await;
    assert_eq!(unknown["error"]["message"], "unknown method: no.such");
    let second = bare(&mut client, json!({ "id": 4, "method": "connect" })).await;
    assert_eq!(
        second["error"]["message"],
        "connect is only valid as the first request"
    );
    client
        .say(r#"{"type":"req","id":"1","method":"health"}"#)
        .await;
    let framed = client.frame().await.expect("an answer");
    assert_eq!(
        framed["error"]["code"], "INVALID_REQUEST",
        "one connection speaks one dialect"
    );
}

#[tokio::test]
async fn a_bare_client_needs_the_secret_like_anybody() {
    let rig = Rig::start().await;
    let mut wrong = rig.client().await;
    let answer = bare(&mut wrong, auth("wrong")).await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    assert_eq!(closed(&mut wrong).await.0, 1008);
    let mut none = rig.client().await;
    let answer = bare(
        &mut none,
        json!({ "id": 1, "method": "auth", "params": {} }),
    )
    .await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_TOKEN_MISSING");
    assert_eq!(closed(&mut none).await.0, 1008);
    for odd in [json!([TOKEN]), json!({ "a": 1 }), json!(true), json!(7)] {
        let mut client = rig.client().await;
        let frame = json!({ "id": 1, "method": "auth", "params": { "token": odd } });
        let answer = bare(&mut client, frame).await;
        assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
        assert_eq!(closed(&mut client).await.0, 1008);
    }
    let mut early = rig.client().await;
    early.say(r#"{"method":"chat.send","params":{}}"#).await;
    assert_eq!(
        closed(&mut early).await,
        (1008, "invalid request frame".to_owned())
    );
}

#[tokio::test]
async fn moltbots_seven_is_answered_with_seven_and_nothing_else_is_loosened() {
    let rig = Rig::start().await;
    let seven = |auth: Value| {
        let mut params = connect("cli-abc123", "operator", &["operator.read"], auth);
        (params["minProtocol"], params["maxProtocol"]) = (json!(7), json!(7));
        params
    };
    let mut client = rig.client().await;
    let hello = client
        .ask("connect", seven(json!({ "token": TOKEN })))
        .await;
    assert_eq!(hello["payload"]["protocol"], 7, "{hello}");
    assert_eq!(hello["payload"]["auth"]["scopes"], json!(["operator.read"]));
    let refused = client.ask("chat.send", json!({})).await;
    assert_eq!(refused["error"]["message"], "missing scope: operator.write");
    let mut wrong = rig.client().await;
    let answer = wrong
        .ask("connect", seven(json!({ "token": "wrong" })))
        .await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    let mut closed_schema = seven(json!({ "token": TOKEN }));
    closed_schema["extra"] = json!(1);
    let mut client = rig.client().await;
    let answer = client.ask("connect", closed_schema).await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .contains("unexpected property")
    );
    let mut ordinary = connect("cli-abc123", "cli", &[], json!({ "token": TOKEN }));
    ordinary["maxProtocol"] = json!(7);
    let mut client = rig.client().await;
    let answer = client.ask("connect", ordinary).await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .starts_with("invalid connect params: at /client/id"),
        "a range that includes ours is held to our schema"
    );
}

/// From elsewhere they get exactly what the operator lists.
#[tokio::test]
async fn remote_guides_get_only_the_listed_scopes() {
    let mut door = super::handshake::Door::open().await;
    door.remote();
    let mut params = connect(
        "cli-abc123",
        "operator",
        &["operator.admin", "operator.read"],
        json!({ "token": TOKEN }),
    );
    (params["minProtocol"], params["maxProtocol"]) = (json!(7), json!(7));
    for (listed, expected) in [
        (&[][..], ""),
        (&["operator.read"], "operator.read"),
        (&["operator.write"], "operator.read"),
    ] {
        let listed = ScopeSet::parse(listed);
        let principal = door
            .knock_with(&params, |front| front.legacy_scopes = listed)
            .await
            .expect("let in");
        assert_eq!(principal.scopes.to_string(), expected);
    }
}
