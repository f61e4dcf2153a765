//! Strangers and floods over real sockets: origins, odd credentials, frames before hello, requests that pile up.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::super::connection::REQUESTS_PER_CLIENT_MIN;
use super::rig::{Client, Rig, TOKEN, connect, device_id};

/// Twenty pages that are not ours, some of which look as if they were.
fn hostile(port: u16) -> Vec<String> {
    let plain = [
        "http://evil.example",
        "https://evil.example",
        "null",
        "file://",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://0f0f",
        "http://localhost.evil.example",
        "http://localhost",
        "http://127.0.0.1",
        "http://localhost:1",
        "http://127.0.0.1:8080",
        "ws://127.0.0.1",
        "*",
        "http://",
        "https://localhost",
    ];
    let ported = [
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://127.0.0.1:{port}@evil.example"),
        format!("http://localhost:{port}.evil.example"),
        format!("http://evil.example:{port}"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://user@127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}#x"),
    ];
    plain.map(str::to_owned).into_iter().chain(ported).collect()
}

#[tokio::test]
async fn s_002_no_foreign_page_gets_a_hello_whatever_it_calls_itself() {
    let rig = Rig::start().await;
    let origins = hostile(rig.address.port());
    assert!(origins.len() >= 20);
    let clients = [
        ("openclaw-control-ui", "webchat"),
        ("cli", "cli"),
        ("gateway-client", "backend"),
    ];
    for origin in &origins {
        for (id, mode) in clients {
            let mut page = rig.visitor("", Some(origin)).await;
            let params = connect(id, mode, &["operator.admin"], json!({ "token": TOKEN }));
            let answer = page.ask("connect", params).await;
            let code = &answer["error"]["details"]["code"];
            assert_eq!(
                code, "CONTROL_UI_ORIGIN_NOT_ALLOWED",
                "{origin} as {id}: {answer}"
            );
            assert_eq!(page.answer().await.expect_err("closed").0, 1008);
        }
    }
    // Our own page is let in, under either name of this machine.
    for host in ["127.0.0.1", "localhost"] {
        let own = format!("http://{host}:{}", rig.address.port());
        let mut page = rig.visitor("", Some(&own)).await;
        let params = connect("cli", "cli", &[], json!({ "token": TOKEN }));
        assert_eq!(page.ask("connect", params).await["ok"], true, "{own}");
    }
}

#[tokio::test]
async fn s_001_nothing_that_only_resembles_the_secret_opens_the_door() {
    let rig = Rig::hurried().await;
    let half = &TOKEN[..TOKEN.len() / 2];
    let texts = [
        String::new(),
        " ".to_owned(),
        half.to_owned(),
        format!("{TOKEN} "),
        format!(" {TOKEN}"),
        format!("{TOKEN}\0"),
        format!("{TOKEN}{TOKEN}"),
        TOKEN.to_uppercase(),
        "undefined".to_owned(),
        "null".to_owned(),
    ];
    let odd = [
        json!([TOKEN]),
        json!({ "0": TOKEN }),
        json!(true),
        json!(0),
        json!(null),
    ];
    let values = texts.iter().map(|text| json!(text)).chain(odd);
    for value in values {
        for field in ["token", "password", "deviceToken", "bootstrapToken"] {
            let mut stranger = rig.client().await;
            let params = connect("cli", "cli", &["operator.admin"], json!({ field: value }));
            let answer = stranger.ask("connect", params).await;
            assert_eq!(answer["ok"], false, "{field} {value}: {answer}");
            assert_eq!(stranger.answer().await.expect_err("closed").0, 1008);
        }
    }
}

#[tokio::test]
async fn s_069_a_token_in_the_address_opens_nothing() {
    let rig = Rig::start().await;
    for tail in [
        format!("?token={TOKEN}"),
        format!("ws?token={TOKEN}"),
        format!("?auth={TOKEN}&password={TOKEN}"),
    ] {
        let mut client = rig.visitor(&tail, None).await;
        let params = connect("cli", "cli", &["operator.admin"], json!({}));
        let answer = client.ask("connect", params).await;
        assert_eq!(answer["error"]["code"], "NOT_PAIRED", "{tail}: {answer}");
    }
}

async fn end_of(client: &mut Client) -> u16 {
    loop {
        match client.frame().await {
            Err((code, _)) => return code,
            Ok(frame) => assert_ne!(frame["ok"], true),
        }
    }
}

/// One piece of a text message.
fn piece(bytes: usize, first: bool) -> Message {
    let kind = if first { Data::Text } else { Data::Continue };
    Message::Frame(Frame::message(vec![b' '; bytes], OpCode::Data(kind), false))
}

#[tokio::test]
async fn s_047_before_hello_only_small_text_frames_are_taken() {
    let rig = Rig::start().await;
    let mut binary = rig.client().await;
    binary.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(end_of(&mut binary).await, 1003);
    let mut garbage = rig.client().await;
    garbage.say("\u{1}\u{2} no frame").await;
    assert_eq!(end_of(&mut garbage).await, 1000);
    // What counts is the sum: no piece is large.
    let mut pieces = rig.client().await;
    for number in 0..140 {
        pieces.send(piece(512, number == 0)).await;
    }
    assert!([1009, 1006].contains(&end_of(&mut pieces).await));
    // What comes while a connect is judged is bounded too.
    let mut eager = rig.client().await;
    for _ in 0..3 {
        eager.say("{}").await;
    }
    assert_eq!(end_of(&mut eager).await, 1008);
}

/// S-056: one client's flood is refused with advice, and another's question is answered meanwhile.
#[tokio::test]
async fn s_056_requests_that_pile_up_are_refused_and_others_are_served() {
    let rig = Rig::start().await;
    let mut flooder = rig.operator(&["operator.write"]).await;
    let mut other = rig.operator(&["operator.read", "operator.write"]).await;
    let limit = torana_core::limit::REQUESTS_PER_CLIENT_MAX;
    let wait = json!({ "runId": "nobody", "timeoutMs": 60_000 });
    for number in 0..3_000 {
        flooder
            .begin(&format!("w{number}"), "agent.wait", wait.clone())
            .await;
        if number == 1_500 {
            let health = other.ask("health", json!({})).await;
            assert_eq!(health["ok"], true, "{health}");
        }
    }
    for _ in limit..3_000 {
        let refused = flooder.answer().await.expect("an answer");
        let error = &refused["error"];
        assert_eq!(
            (&error["code"], &error["retryable"], &error["retryAfterMs"]),
            (&json!("UNAVAILABLE"), &json!(true), &json!(1_000)),
            "{refused}"
        );
    }
    assert_eq!(rig.dialect.waiting(), limit);
    // All connections together have a bound of their own, and whoever leaves makes room. Those who wait for little are
    // served all the same.
    let rest = torana_core::limit::REQUESTS_MAX - limit;
    let held: Vec<_> = (0..rest).map(|_| rig.dialect.wait()).collect();
    assert_eq!(other.ask("health", json!({})).await["ok"], true);
    for number in 0..REQUESTS_PER_CLIENT_MIN {
        other
            .begin(&format!("w{number}"), "agent.wait", wait.clone())
            .await;
    }
    let refused = other.ask("health", json!({})).await;
    assert_eq!(refused["error"]["code"], "UNAVAILABLE");
    drop(held);
    assert_eq!(other.ask("health", json!({})).await["ok"], true);
}

/// S-055: a client that asks for much and reads nothing is not worked for; its memory stays small, others are served.
#[tokio::test]
async fn s_055_answers_nobody_reads_are_not_made() {
    let rig = Rig::start().await;
    let mut lazy = rig.operator(&["operator.read"]).await;
    let mut other = rig.operator(&["operator.read"]).await;
    let first = lazy.ask("config.schema", json!({})).await;
    let size = first.to_string().len();
    let asked = 400;
    for number in 0..asked {
        lazy.begin(&format!("s{number}"), "config.schema", json!({}))
            .await;
        if number % 100 == 99 {
            assert_eq!(other.ask("health", json!({})).await["ok"], true);
        }
    }
    let clients = rig.dialect.hub().clients();
    let queued = clients.iter().map(|client| client.outgoing.bytes()).max();
    let queued = queued.unwrap_or_default();
    let soft = torana_core::limit::CLIENT_BUFFER_BYTES_SOFT;
    assert!(
        queued < 2 * soft && queued < asked * size / 2,
        "{queued} bytes wait, an answer has {size}"
    );
    for _ in 0..asked {
        let answer = lazy
            .answer()
            .await
            .expect("every answer comes once it is read");
        assert_eq!(answer["ok"], true);
    }
}

/// S-113: who we are exactly is nobody's business before hello.
#[tokio::test]
async fn s_113_no_version_is_told_before_hello() {
    let rig = Rig::start().await;
    let mut stranger = rig.client().await;
    let params = connect("cli", "cli", &[], json!({ "token": "wrong" }));
    let refused = stranger.ask("connect", params).await.to_string();
    for version in ["0.0.0-test", super::super::quirks::COMPATIBLE_RELEASE] {
        assert!(!refused.contains(version), "{refused}");
    }
    let events: Vec<Value> = stranger.events.drain(..).collect();
    assert!(events.is_empty(), "{events:?}");
    assert!(!refused.contains(&device_id(1)));
}
