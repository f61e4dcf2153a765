//! The fake's own rules: markup, numbering, conflicts, bodies of every kind, webhooks.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use expect_test::expect;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::html::visible_text;
use super::params::Params;
use super::{FakeServer, Options};
use crate::telegram::tests::support::{Sleep, world};

#[test]
fn markup_is_judged_in_telegrams_words() {
    let sources = [
        "<b>bold &amp; <i>both</i></b> &lt;tag&gt; &unknown; a & b",
        "<a href=\"https://example.org/?a>b\">link</a><pre><code class=\"language-rust\">x</code></pre>",
        "<span class=\"tg-spoiler\">s</span><tg-spoiler>t</tg-spoiler><blockquote expandable>q</blockquote>",
        "a < b",
        "<b>open",
        "<b><i>crossed</b></i>",
        "</b>",
        "<blink>x</blink>",
        "<span>x</span>",
        "<b",
        "<b>x</b",
    ];
    let shown: Vec<String> = sources
        .iter()
        .map(|source| visible_text(source).unwrap_or_else(|error| error))
        .collect();
    expect![[r#"
        bold & both <tag> &unknown; a & b
        linkx
        stq
        Bad Request: can't parse entities: Unsupported start tag "" at byte offset 2
        Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"
        Bad Request: can't parse entities: Unmatched end tag at byte offset 13, expected "</i>", found "</b>"
        Bad Request: can't parse entities: Unexpected end tag at byte offset 0
        Bad Request: can't parse entities: Unsupported start tag "blink" at byte offset 0
        Bad Request: can't parse entities: Tag "span" must have class "tg-spoiler" at byte offset 0
        Bad Request: can't parse entities: Unclosed start tag at byte offset 0
        Bad Request: can't parse entities: Unclosed end tag at byte offset 4"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn parameters_come_in_every_way_telegram_takes() {
    let json = Params::read(
        None,
        "application/json; charset=utf-8",
        br#"{"chat_id":7,"text":"a b"}"#,
    );
    let form = Params::read(
        Some("chat_id=7"),
        "application/x-www-form-urlencoded",
        b"text=a+b",
    );
    let body = b"--XX\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--XX\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\na b\r\n--XX--\r\n";
    let multipart = Params::read(None, "multipart/form-data; boundary=XX", body);
    for params in [json, form, multipart] {
        let params = params.expect("parameters");
        assert_eq!(
            (params.integer("chat_id"), params.text("text").as_deref()),
            (Some(7), Some("a b"))
        );
    }
    assert!(Params::read(None, "application/json", b"[1]").is_none());
}

struct Line {
    server: FakeServer,
    client: reqwest::Client,
}

impl Line {
    async fn new() -> Self {
        torana_host::egress::install_crypto();
        let server = FakeServer::start(Options::default(), world(Sleep::Jump).0)
            .await
            .expect("a server");
        Self {
            server,
            client: reqwest::Client::new(),
        }
    }

    async fn call(&self, token: &str, method: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/bot{token}/{method}", self.server.api_root());
        let answer = self
            .client
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn control(&self, what: &str, body: Value) -> Value {
        let url = format!("{}/control/{what}", self.server.api_root());
        self.client
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }
}

#[tokio::test]
async fn bots_are_apart_and_messages_are_numbered_per_chat() {
    let line = Line::new().await;
    assert_eq!(line.call("nonsense", "getMe", json!({})).await.0, 404);
    assert_eq!(line.call("1:a", "noSuchMethod", json!({})).await.0, 404);
    for chat in [7, 8] {
        line.control(
            "message",
            json!({ "token": "1:a", "chatId": chat, "text": "/start" }),
        )
        .await;
    }
    let (_, first) = line
        .call("1:a", "sendMessage", json!({ "chat_id": 7, "text": "x" }))
        .await;
    let (_, second) = line
        .call("1:a", "sendMessage", json!({ "chat_id": "8", "text": "x" }))
        .await;
    assert_eq!(
        (
            &first["result"]["message_id"],
            &second["result"]["message_id"]
        ),
        (&json!(2), &json!(2))
    );
    let (status, other) = line
        .call("2:b", "sendMessage", json!({ "chat_id": 7, "text": "x" }))
        .await;
    assert_eq!(
        (status, &other["description"]),
        (400, &json!("Bad Request: chat not found"))
    );
    let (_, updates) = line.call("2:b", "getUpdates", json!({})).await;
    assert_eq!(updates["result"], json!([]));
    let (_, updates) = line.call("1:a", "getUpdates", json!({ "limit": 1 })).await;
    assert_eq!(
        updates["result"][0]["message"]["entities"],
        json!([{ "type": "bot_command", "offset": 0, "length": 6 }])
    );
    assert_eq!(updates["result"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn many_messages_come_in_batches_and_are_confirmed_by_offset() {
    let line = Line::new().await;
    let made = line
        .control(
            "messages",
            json!({ "token": "1:a", "count": 250, "chats": 10 }),
        )
        .await;
    let last = made["last_update_id"].as_i64().expect("an id");
    let mut offset = 0;
    let mut sizes = Vec::new();
    loop {
        let (_, answer) = line
            .call("1:a", "getUpdates", json!({ "offset": offset }))
            .await;
        let updates = answer["result"].as_array().expect("a list").clone();
        let Some(newest) = updates.last() else { break };
        sizes.push(updates.len());
        offset = newest["update_id"].as_i64().expect("an id") + 1;
    }
    assert_eq!((sizes, offset), (vec![100, 100, 50], last + 1));
}

#[tokio::test]
async fn a_webhook_gets_updates_in_order_until_it_accepts_them() {
    let line = Line::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (heard, mut hearing) = tokio::sync::mpsc::channel(16);
    let refusals = Arc::new(Mutex::new(1_u32));
    let serve = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (heard, refusals) = (heard.clone(), Arc::clone(&refusals));
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let (heard, refusals) = (heard.clone(), Arc::clone(&refusals));
                async move {
                    let secret = request.headers()["x-telegram-bot-api-secret-token"]
                        .to_str()
                        .expect("text")
                        .to_owned();
                    let body = request.into_body().collect().await?.to_bytes();
                    let update: Value = serde_json::from_slice(&body).expect("JSON");
                    let mut response = hyper::Response::new(Full::new(Bytes::new()));
                    let is_refused = std::mem::take(&mut *refusals.lock().expect("no panic")) > 0;
                    if is_refused {
                        *response.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
                    }
                    heard
                        .send((secret, update["message"]["text"].clone()))
                        .await
                        .expect("the test listens");
                    Ok::<_, hyper::Error>(response)
                }
            });
            tokio::spawn(async move {
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    let (status, _) = line
        .call(
            "1:a",
            "setWebhook",
            json!({ "url": url, "secret_token": "abc" }),
        )
        .await;
    assert_eq!(status, 200);
    for text in ["one", "two"] {
        line.control("message", json!({ "chatId": 7, "text": text }))
            .await;
    }
    let mut texts = Vec::new();
    for _ in 0..3 {
        let (secret, text) = hearing.recv().await.expect("a delivery");
        assert_eq!(secret, "abc");
        texts.push(text);
    }
    assert_eq!(texts, ["one", "one", "two"]);
    let (status, answer) = line.call("1:a", "getUpdates", json!({})).await;
    assert_eq!(status, 409, "{answer}");
    serve.abort();
}

#[tokio::test]
async fn faults_hit_what_they_are_meant_for() {
    let line = Line::new().await;
    line.control(
        "message",
        json!({ "token": "1:a", "chatId": 7, "text": "hi" }),
    )
    .await;
    line.control("faults", json!([
        { "method": "sendMessage", "kind": "error", "code": 400, "description": "Bad Request: PEER_ID_INVALID", "count": 2, "chatId": 7 },
        { "method": "*", "kind": "429", "retry_after": 3, "token": "2:b" },
    ]))
    .await;
    let send = json!({ "chat_id": 7, "text": "x" });
    let (_, answer) = line.call("1:a", "sendMessage", send.clone()).await;
    assert_eq!(answer["description"], "Bad Request: PEER_ID_INVALID");
    let (status, answer) = line.call("2:b", "getMe", json!({})).await;
    assert_eq!(
        (status, &answer["parameters"]["retry_after"]),
        (429, &json!(3))
    );
    assert_eq!(line.call("1:a", "sendMessage", send.clone()).await.0, 400);
    assert_eq!(line.call("1:a", "sendMessage", send).await.0, 200);
    let refused = line
        .control("faults", json!({ "method": "x", "kind": "no such kind" }))
        .await;
    assert!(refused["error"].is_string());
}
