//! Gateways that misbehave: silent, garbled, huge, or behind a certificate nobody asked for.

use std::path::Path;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use torana_core::auth::Fingerprint;
use torana_host::secret::Secret;
use torana_host::tls::{ServerTls, TlsFiles, own_names};

use super::{Caller, Client, Endpoint, Persona};
use crate::cli::args::SessionKeys;
use crate::cli::command::sessions::outcomes;
use crate::cli::failure::{Exit, Failure, Reason};

/// How long the client waits in these tests; a gateway here answers at once or never.
const WAIT_MS: u64 = 300;

async fn gateway() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

async fn connect(endpoint: &Endpoint) -> Result<Client, Failure> {
    let world = torana_host::world();
    let caller = Caller {
        persona: &Persona::CLI,
        credentials: Path::new("nowhere"),
        world: &world,
        may_sign: false,
        wait_ms: Some(WAIT_MS),
        expects_final: false,
    };
    Client::connect(endpoint, &caller).await
}

fn local(port: u16) -> Endpoint {
    Endpoint::local(port, Some(Secret::new("the-secret")))
}

/// Shakes hands as a gateway does and gives the socket.
async fn welcome(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("a client");
    let mut socket = tokio_tungstenite::accept_async(stream)
        .await
        .expect("an upgrade");
    let challenge = json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": 1 } });
    say(&mut socket, &challenge).await;
    let request = heard(&mut socket).await;
    let hello = json!({ "auth": { "scopes": ["operator.read"] } });
    say(
        &mut socket,
        &json!({ "type": "res", "id": request["id"], "ok": true, "payload": hello }),
    )
    .await;
    socket
}

async fn say(socket: &mut WebSocketStream<TcpStream>, frame: &Value) {
    let text = frame.to_string();
    socket.send(Message::text(text)).await.expect("sent");
}

async fn heard(socket: &mut WebSocketStream<TcpStream>) -> Value {
    let message = socket.next().await.expect("a frame").expect("whole");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

#[tokio::test]
async fn a_gateway_that_says_nothing_is_given_up_in_time() {
    let (listener, port) = gateway().await;
    let silent = async {
        let kept = listener.accept().await.expect("a client");
        std::future::pending::<()>().await;
        drop(kept);
    };
    let endpoint = local(port);
    let failure = tokio::select! {
        () = silent => panic!("it stays silent"),
        connected = connect(&endpoint) => connected.err().expect("no gateway"),
    };
    assert_eq!(failure.exit, Exit::Unreachable);
    assert!(failure.message.contains("300 ms"), "{}", failure.message);

    let (listener, port) = gateway().await;
    let stalls = async {
        let kept = welcome(&listener).await;
        std::future::pending::<()>().await;
        drop(kept);
    };
    let asks = async {
        let mut client = connect(&local(port)).await.expect("connected");
        client.call("health", json!({})).await
    };
    let answer = tokio::select! {
        () = stalls => panic!("it stays silent"),
        answer = asks => answer,
    };
    let failure = answer.expect_err("no answer");
    assert_eq!(failure.message, "no answer to `health` within 300 ms");
}

#[tokio::test]
async fn what_is_no_frame_ends_the_command_and_a_large_answer_does_not() {
    for (bytes, said) in [
        (Message::text("{\"type\": \"res\", "), "not a frame"),
        (Message::text("[]"), "not a frame"),
        (
            Message::text("{\"type\":\"res\",\"id\":2,\"ok\":\"yes\"}"),
            "not a frame",
        ),
        (Message::text("\u{fffd}"), "not a frame"),
    ] {
        let (listener, port) = gateway().await;
        let garbles = async {
            let mut socket = welcome(&listener).await;
            drop(heard(&mut socket).await);
            socket.send(bytes).await.expect("sent");
            drop(socket.next().await);
        };
        let asks = async {
            let mut client = connect(&local(port)).await.expect("connected");
            let answer = client.call("health", json!({})).await;
            client.close().await;
            answer
        };
        let (answer, ()) = tokio::join!(asks, garbles);
        let failure = answer.expect_err("no answer");
        assert!(failure.message.contains(said), "{}", failure.message);
    }
    let (listener, port) = gateway().await;
    let large = async {
        let mut socket = welcome(&listener).await;
        let request = heard(&mut socket).await;
        let newer = json!({ "type": "newer", "what": 1 });
        say(&mut socket, &newer).await;
        let payload = json!({ "text": "x".repeat(4 * 1024 * 1024) });
        say(
            &mut socket,
            &json!({ "type": "res", "id": request["id"], "ok": true, "payload": payload }),
        )
        .await;
    };
    let asks = async {
        let mut client = connect(&local(port)).await.expect("connected");
        client.call_within("chat.history", json!({}), 20_000).await
    };
    let (answer, ()) = tokio::join!(asks, large);
    let text = answer.expect("an answer")["text"].as_str().map(str::len);
    assert_eq!(text, Some(4 * 1024 * 1024));
}

#[tokio::test]
async fn bytes_that_are_no_text_end_the_connection_with_a_sentence() {
    let (listener, port) = gateway().await;
    let breaks = async {
        let mut socket = welcome(&listener).await;
        drop(heard(&mut socket).await);
        // A text frame of two bytes that are not UTF-8.
        use tokio::io::AsyncWriteExt as _;
        let stream = socket.get_mut();
        stream
            .write_all(&[0x81, 0x02, 0xff, 0xfe])
            .await
            .expect("sent");
        drop(socket.next().await);
    };
    let asks = async {
        let mut client = connect(&local(port)).await.expect("connected");
        client.call("health", json!({})).await
    };
    let (answer, ()) = tokio::join!(asks, breaks);
    let failure = answer.expect_err("no answer");
    assert_eq!(failure.exit, Exit::Unreachable, "{}", failure.message);
}

/// The secret is sent to nobody but the pinned certificate: the other end of the TLS connection reads nothing at all.
#[tokio::test]
async fn nothing_is_said_to_a_certificate_that_is_not_the_pinned_one() {
    let folder = std::env::temp_dir().join(format!("torana-pin-{}", torana_host::world().uuid()));
    let files = TlsFiles {
        cert: folder.join("cert.pem"),
        key: folder.join("key.pem"),
        ca: None,
    };
    let now_ms = torana_host::world().wall_ms();
    files
        .generate_missing(&own_names([], None), now_ms)
        .expect("a pair");
    let tls = ServerTls::load(files).expect("usable");
    let own = Fingerprint::parse(&tls.fingerprint()).expect("a fingerprint");
    for (pin, is_right) in [(Fingerprint::new([7; 32]), false), (own, true)] {
        let (listener, port) = gateway().await;
        let url = format!("wss://127.0.0.1:{port}");
        let endpoint = Endpoint::remote(&url, Some(Secret::new("the-secret")))
            .and_then(|endpoint| endpoint.trust_only(pin))
            .expect("an address");
        let listens = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut read = [0; 1_024];
            match tls.accept(stream).await {
                // The handshake may end before the client's refusal arrives; then there is nothing to read.
                Ok(mut stream) => stream.read(&mut read).await.unwrap_or(0),
                Err(_) => 0,
            }
        };
        let (connected, bytes) = tokio::join!(connect(&endpoint), listens);
        let failure = connected.err().expect("it is no gateway");
        if is_right {
            assert!(bytes > 0, "the upgrade is asked for");
        } else {
            assert_eq!(bytes, 0);
            assert_eq!(failure.reason, Reason::Untrusted);
            assert!(
                failure.message.contains(&tls.fingerprint().to_string()),
                "{}",
                failure.message
            );
        }
    }
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test]
async fn what_was_done_before_the_connection_ended_is_told() {
    let (listener, port) = gateway().await;
    let ends = async {
        let mut socket = welcome(&listener).await;
        for payload in [json!({ "session": {} }), json!({})] {
            let request = heard(&mut socket).await;
            let answer =
                json!({ "type": "res", "id": request["id"], "ok": true, "payload": payload });
            say(&mut socket, &answer).await;
        }
        heard(&mut socket).await;
    };
    let which = SessionKeys {
        keys: ["a", "b", "c"].map(str::to_owned).to_vec(),
        agent: None,
        dry_run: false,
    };
    let endpoint = local(port);
    let told = async {
        let mut client = connect(&endpoint).await.expect("a gateway");
        outcomes(&mut client, &which, "sessions.delete", &json!({})).await
    };
    let ((), (outcomes, exit)) = tokio::join!(ends, told);
    let done: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["ok"]).collect();
    assert_eq!(done, [true, false, false]);
    assert_eq!(exit, Some(Exit::Unreachable));
}
