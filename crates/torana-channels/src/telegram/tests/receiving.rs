//! Polling and connecting against local servers: the fake, and one that answers by script.

use serde_json::json;
use torana_core::port::ReceiveFailure;

use super::stage::Stage;
use super::support::{Scripted, Sleep, TOKEN, parts, parts_with, world};
use crate::telegram::fake::{FakeServer, Options};

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_with_the_same_id() {
    let mut stage = Stage::new().await;
    stage.hears("one").await;
    stage.hears("two").await;
    let receive = stage.account.receive.as_mut().expect("polling");
    let first = receive.next().await.expect("a batch");
    let again = receive.next().await.expect("a batch");
    assert_eq!(first, again);
    let (texts, position) = stage.next_texts().await;
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(
        stage.get("acks").await["confirmed"],
        0,
        "nothing is confirmed before it is durable"
    );
    stage.acknowledge(position).await;
    stage.hears("three").await;
    assert_eq!(stage.next_texts().await.0, ["three"]);
    assert_eq!(stage.get("acks").await["confirmed"], position + 1);
}

#[tokio::test]
async fn a_new_start_gets_what_the_last_one_left() {
    let mut stage = Stage::new().await;
    stage.hears("one").await;
    let (_, position) = stage.next_texts().await;
    stage.acknowledge(position).await;
    // The confirmation would have gone with the next poll; the process ends before.
    stage.account = parts(&stage.server.api_root());
    assert_eq!(stage.next_texts().await.0, ["one"]);
}

#[tokio::test]
async fn an_empty_poll_is_an_empty_batch() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.next_texts().await, (Vec::new(), 0));
    stage.acknowledge(0).await;
    stage.hears("one").await;
    assert_eq!(stage.next_texts().await.0, ["one"]);
}

#[tokio::test]
async fn lower_ids_after_a_renumbering_are_taken_and_confirmed() {
    let mut stage = Stage::new().await;
    stage.hears("old").await;
    let (_, position) = stage.next_texts().await;
    stage.acknowledge(position).await;
    let (jumping, clock) = world(Sleep::Jump);
    stage.account = parts_with(&stage.server.api_root(), json!({}), jumping);
    stage.next_texts().await;
    stage.acknowledge(position).await;
    stage.next_texts().await;
    stage.post("bot", json!({ "nextUpdateId": 5 })).await;
    stage.hears("new").await;
    clock.advance(25 * 3_600_000);
    let (texts, position) = stage.next_texts().await;
    assert_eq!((texts, position), (vec!["new".to_owned()], 5));
    stage.acknowledge(position).await;
    assert_eq!(stage.next_texts().await.0, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_poller_is_a_conflict_and_an_active_webhook_is_removed_once() {
    let mut stage = Stage::new().await;
    stage.hears("kept").await;
    stage.fault("getUpdates", "409", json!({})).await;
    let receive = stage.account.receive.as_mut().expect("polling");
    assert!(matches!(
        receive.next().await,
        Err(ReceiveFailure::Conflict { .. })
    ));
    // Set by hand at the server: a webhook that nobody serves.
    let url = format!(
        "{}/bot{TOKEN}/setWebhook?url=http://127.0.0.1:1/x",
        stage.server.api_root()
    );
    stage
        .client
        .get(&url)
        .send()
        .await
        .expect("the fake answers");
    assert_eq!(stage.next_texts().await.0, Vec::<String>::new());
    assert_eq!(stage.next_texts().await.0, ["kept"]);
    stage
        .client
        .get(&url)
        .send()
        .await
        .expect("the fake answers");
    let receive = stage.account.receive.as_mut().expect("polling");
    assert!(
        matches!(receive.next().await, Err(ReceiveFailure::Conflict { .. })),
        "never a fight"
    );
}

#[tokio::test]
async fn the_older_of_two_waiting_polls_is_ended() {
    torana_host::egress::install_crypto();
    let server = FakeServer::start(Options::default(), world(Sleep::Never).0)
        .await
        .expect("a server");
    let mut first = parts(&server.api_root()).receive.expect("polling");
    let mut second = parts(&server.api_root()).receive.expect("polling");
    let waiting = tokio::spawn(async move { first.next().await });
    // Whichever poll arrives first is the one that ends.
    let other = tokio::spawn(async move { second.next().await });
    let ended = tokio::select! {
        ended = waiting => ended,
        ended = other => ended,
    };
    assert!(matches!(
        ended.expect("no panic"),
        Err(ReceiveFailure::Conflict { .. })
    ));
}

#[tokio::test]
async fn failures_of_polling_say_what_to_do() {
    let cases: &[(u16, &str, &str)] = &[
        (
            401,
            r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
            "signed out",
        ),
        (
            404,
            r#"{"ok":false,"error_code":404,"description":"Not Found"}"#,
            "signed out",
        ),
        (404, r#"{"message":"no route"}"#, "retry None"),
        (
            429,
            r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":4}}"#,
            "retry Some(4000)",
        ),
        (
            409,
            r#"{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"}"#,
            "conflict",
        ),
        (502, "<html>bad gateway</html>", "retry None"),
        (200, "<html>", "retry None"),
        (
            200,
            r#"{"ok":true,"result":{"not":"a list"}}"#,
            "retry None",
        ),
        (
            500,
            r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#,
            "retry None",
        ),
    ];
    for (status, body, expected) in cases {
        let server = Scripted::start([(*status, *body)]).await;
        let outcome = parts(&server.api_root)
            .receive
            .expect("polling")
            .next()
            .await;
        let shown = match outcome {
            Ok(batch) => format!("batch of {}", batch.updates.len()),
            Err(ReceiveFailure::Retry { after_ms, .. }) => format!("retry {after_ms:?}"),
            Err(ReceiveFailure::Conflict { .. }) => "conflict".to_owned(),
            Err(ReceiveFailure::SignedOut { .. }) => "signed out".to_owned(),
        };
        assert_eq!(&shown, expected, "{status} {body}");
    }
    let failure = parts("http://127.0.0.1:1")
        .receive
        .expect("polling")
        .next()
        .await
        .expect_err("nobody listens");
    assert!(
        matches!(&failure, ReceiveFailure::Retry { .. }) && !failure.to_string().contains("AAtest"),
        "{failure}"
    );
}

#[tokio::test]
async fn one_unreadable_update_does_not_hide_the_others() {
    let list = r#"{"ok":true,"result":[{"update_id":5,"message":7},{"nothing":1},
        {"update_id":6,"message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"text":"cut \ud83d emoji"}}]}"#;
    let server = Scripted::start([(200, list)]).await;
    let batch = parts(&server.api_root)
        .receive
        .expect("polling")
        .next()
        .await
        .expect("a batch");
    let texts: Vec<&str> = batch
        .updates
        .iter()
        .map(|inbound| inbound.text.as_str())
        .collect();
    assert_eq!(texts, ["unreadable update", "cut \u{fffd} emoji"]);
    assert_eq!(batch.position, 6);
}

#[tokio::test]
async fn polls_that_bring_nothing_keep_a_floor() {
    let empty = (200, r#"{"ok":true,"result":[]}"#);
    let server = Scripted::start([empty, empty, empty]).await;
    let (world, clock) = world(Sleep::Jump);
    let mut receive = parts_with(&server.api_root, json!({}), world.clone())
        .receive
        .expect("polling");
    let began = world.monotonic_ms();
    for _ in 0..3 {
        receive.next().await.expect("a batch");
    }
    assert!(world.monotonic_ms() >= began + 600, "two waits of 300 ms");
    clock.advance(1);
}

// === Connecting ===

#[tokio::test]
async fn connecting_learns_the_name_and_fills_the_menu() {
    let mut stage = Stage::with(
        json!({ "customCommands": [{ "command": "/Tea", "description": "Brew" }], "groups": { "*": { "requireMention": false } } }),
        Options::default(),
    )
    .await;
    stage.post("bot", json!({ "username": "torana_bot" })).await;
    let identity = stage.account.connect.connect().await.expect("connected");
    assert_eq!(
        (identity.id.as_ref(), identity.username.as_deref()),
        ("4242", Some("torana_bot"))
    );
    assert!(
        identity
            .notices
            .iter()
            .any(|notice| notice.contains("privacy mode")),
        "{:?}",
        identity.notices
    );
    let menu = stage.get("stats").await["commands"].clone();
    assert_eq!(
        menu,
        json!([{ "command": "tea", "description": "Brew" }, { "command": "status", "description": "Show the state" }])
    );
    stage
        .post(
            "message",
            json!({ "chatId": -5, "chatType": "group", "text": "hi @torana_bot" }),
        )
        .await;
    let batch = stage
        .account
        .receive
        .as_mut()
        .expect("polling")
        .next()
        .await
        .expect("a batch");
    assert!(batch.updates[0].addressed.mention);
}

#[tokio::test]
async fn a_server_without_optional_methods_still_connects() {
    let me = (
        200,
        r#"{"ok":true,"result":{"id":666,"is_bot":true,"first_name":"T","username":"TestNameBot"}}"#,
    );
    let missing = (404, r#"{"message":"no such route"}"#);
    let server = Scripted::start([me, missing, missing]).await;
    let identity = parts(&server.api_root)
        .connect
        .connect()
        .await
        .expect("connected");
    assert_eq!((identity.id.as_ref(), identity.notices.len()), ("666", 2));
}

#[tokio::test]
async fn connecting_says_why_it_cannot() {
    let refused = (
        401,
        r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
    );
    let server = Scripted::start([refused]).await;
    let failure = parts(&server.api_root)
        .connect
        .connect()
        .await
        .expect_err("refused");
    assert!(matches!(failure, ReceiveFailure::SignedOut { .. }));
    let server = Scripted::start([(
        404,
        r#"{"ok":false,"error_code":404,"description":"Not Found"}"#,
    )])
    .await;
    let failure = parts(&server.api_root)
        .connect
        .connect()
        .await
        .expect_err("refused");
    assert!(failure.to_string().contains("/bot<token>"), "{failure}");
}
