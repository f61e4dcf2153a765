//! The socket under a dialect, and connections that end.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::rig::{Rig, Script, read_all};
use crate::front::outgoing::{Encoded, Fate, Outgoing};
use crate::front::patience::{Patient, SENDING_BYTES};
use crate::front::socket::{Incoming, WebSocket};
use crate::front::stream::Stream;

/// Both ends of a WebSocket over loopback.
async fn pair() -> (WebSocketStream<TcpStream>, WebSocket, Arc<Outgoing>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("an address"))
        .await
        .expect("a connection");
    let (server, _) = listener.accept().await.expect("a connection");
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let world = torana_host::world();
    (
        client,
        WebSocket::new(
            Stream::Plain(Patient::new(server, world.clone())),
            &[],
            world,
        ),
        Outgoing::new(),
    )
}

/// The server side: echoes texts until the end, which it returns.
async fn echo(mut socket: WebSocket, outgoing: Arc<Outgoing>) -> (u16, String) {
    loop {
        match socket.turn(&outgoing).await {
            Incoming::Text(text) => {
                outgoing.text(text.as_str().to_owned());
            }
            Incoming::Binary(_) | Incoming::Pong => {}
            Incoming::Gone => return (0, String::new()),
            Incoming::End { code, reason } => {
                socket.close(code, &reason).await;
                return (code, reason);
            }
        }
    }
}

#[tokio::test]
async fn texts_events_and_pings_arrive_in_order() {
    let (mut client, socket, outgoing) = pair().await;
    let queue = Arc::clone(&outgoing);
    let server = tokio::spawn(echo(socket, outgoing));
    queue.text("{\"challenge\":1}");
    let tick = Encoded::new("{\"type\":\"event\"}", Fate::Drop);
    queue.event(&tick);
    queue.event(&tick);
    queue.ping();
    client.send(Message::text("hello")).await.expect("sent");
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.push(
            client
                .next()
                .await
                .expect("a message")
                .expect("readable")
                .to_string(),
        );
    }
    assert_eq!(
        seen[..3],
        [
            "{\"challenge\":1}",
            "{\"type\":\"event\",\"seq\":1}",
            "{\"type\":\"event\",\"seq\":2}"
        ]
    );
    assert!(seen.contains(&"hello".to_owned()));
    queue.close(1012, "service restart");
    let close = client.next().await.expect("a frame").expect("readable");
    assert!(
        matches!(&close, Message::Close(Some(frame)) if u16::from(frame.code) == 1012 && frame.reason == "service restart"),
        "{close:?}"
    );
    drop(client);
    assert_eq!(
        server.await.expect("ended"),
        (1012, "service restart".to_owned())
    );
}

#[tokio::test]
async fn payloads_of_every_size_arrive_whole() {
    let (mut client, mut socket, outgoing) = pair().await;
    socket.set_message_bytes_max(4 << 20);
    let server = tokio::spawn(echo(socket, outgoing));
    for size in [0, 1, 125, 126, 65_535, 65_536, 300_000, 3_000_000] {
        let text = "x".repeat(size);
        let (mut sink, mut stream) = (&mut client).split();
        let send = sink.send(Message::text(text.clone()));
        let (sent, back) = tokio::join!(send, stream.next());
        sent.expect("sent");
        assert_eq!(
            back.expect("a message")
                .expect("readable")
                .into_data()
                .len(),
            size
        );
    }
    client.close(None).await.expect("closed");
    assert_eq!(server.await.expect("ended").0, 0);
}

/// A masked client frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short");
    let mut bytes = vec![first, 0x80 | length, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_close_code() {
    let long = {
        let mut bytes = vec![0x81, 0x80 | 127];
        bytes.extend_from_slice(&100_000_u64.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes
    };
    let mut fragments = frame(0x01, b"a");
    (0..2_000).for_each(|_| fragments.extend(frame(0x00, b"a")));
    let corpus: [(&str, Vec<u8>, u16); 9] = [
        ("unmasked", vec![0x81, 1, b'a'], 1002),
        ("reserved bit", frame(0xc1, b"a"), 1002),
        ("reserved opcode", frame(0x83, b"a"), 1002),
        ("fragmented control", frame(0x09, b"a"), 1002),
        (
            "long control",
            {
                let mut ping = vec![0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0];
                ping.extend([0; 126]);
                ping
            },
            1002,
        ),
        ("lone continuation", frame(0x80, b"a"), 1002),
        ("not UTF-8", frame(0x81, &[0xff]), 1007),
        ("too long before hello", long, 1009),
        ("too many fragments", fragments, 1009),
    ];
    for (name, bytes, code) in corpus {
        let (client, socket, outgoing) = pair().await;
        let server = tokio::spawn(echo(socket, outgoing));
        let mut raw = client.into_inner();
        raw.write_all(&bytes).await.expect("written");
        let mut answer = [0; 4];
        raw.read_exact(&mut answer).await.expect("a close frame");
        drop(raw);
        assert_eq!(server.await.expect("ended").0, code, "{name}");
        assert_eq!(
            (answer[0], u16::from_be_bytes([answer[2], answer[3]])),
            (0x88, code),
            "{name}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_flood_of_pings_ends_the_connection_and_pongs_do_not_pile_up() {
    let (client, socket, outgoing) = pair().await;
    let server = tokio::spawn(echo(socket, outgoing));
    let mut raw = client.into_inner();
    let pings: Vec<u8> = (0..2_000).flat_map(|_| frame(0x89, b"ping")).collect();
    raw.write_all(&pings).await.ok();
    assert_eq!(server.await.expect("ended").0, 1008);
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off() {
    let (client, socket, outgoing) = pair().await;
    let queue = Arc::clone(&outgoing);
    let server = tokio::spawn(echo(socket, outgoing));
    let event = Encoded::new(format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)), Fate::Keep);
    while queue.event(&event) {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        server.await.expect("ended"),
        (1008, "slow consumer".to_owned())
    );
    drop(client);
}

#[tokio::test]
async fn what_a_client_takes_slowly_counts_as_being_written() {
    let (mut client, mut socket, outgoing) = pair().await;
    assert!(!socket.is_writing(&outgoing));
    // More than the system takes between both ends before somebody reads, and no more than a client takes at once.
    let size = 15 << 20;
    outgoing.text("x".repeat(size));
    tokio::select! {
        biased;
        incoming = socket.turn(&outgoing) => panic!("nobody said anything: {incoming:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert!(socket.is_writing(&outgoing));
    let reading = async {
        let whole = client.next().await.expect("a message").expect("readable");
        assert_eq!(whole.into_data().len(), size);
        client.send(Message::text("got it")).await.expect("sent");
    };
    let (incoming, ()) = tokio::join!(socket.turn(&outgoing), reading);
    assert!(matches!(incoming, Incoming::Text(_)), "{incoming:?}");
    assert!(!socket.is_writing(&outgoing));
}

#[tokio::test]
async fn malformed_upgrades_are_answered_and_closed() {
    let rig = Rig::start(Script::Echo).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cases = [
        (
            "GET",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n",
            key,
            "426",
        ),
        (
            "GET",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
            "",
            "400",
        ),
        (
            "POST",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
            key,
            "400",
        ),
        (
            "GET",
            "Upgrade: h2c\r\nConnection: Upgrade, close\r\n",
            "",
            "200",
        ),
    ];
    for (method, fields, key, status) in cases {
        let text = rig
            .raw(format!(
                "{method} / HTTP/1.1\r\nHost: localhost\r\n{fields}{key}\r\n"
            ))
            .await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}")),
            "{fields} got {text}"
        );
    }
}

#[tokio::test]
async fn an_upgrade_agrees_to_no_extension() {
    let rig = Rig::start(Script::Echo).await;
    let head = "GET /any/path HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: x\r\n\r\n";
    let mut stream = rig.connect(head).await;
    let text = super::rig::read_until(&mut stream, "\r\n\r\n")
        .await
        .to_ascii_lowercase();
    assert!(
        text.starts_with("http/1.1 101")
            && text.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{text}"
    );
    assert!(
        !text.contains("sec-websocket-extensions") && !text.contains("sec-websocket-protocol"),
        "{text}"
    );
}

#[tokio::test]
async fn a_drain_finishes_answers_and_closes_the_listener() {
    let mut rig = Rig::start(Script::Echo).await;
    let mut idle = rig.connect("").await;
    assert_eq!(rig.send("GET", "/healthz", &[], "").await.status, 200);
    rig.stop.cancel();
    assert_eq!(read_all(&mut idle).await, "");
    (&mut rig.served).await.expect("served");
    assert!(TcpStream::connect(rig.address).await.is_err());
}

/// Bytes the system keeps for a connection to this listener; the client's end goes with it.
async fn kept_of(listener: &TcpListener) -> u32 {
    let address = listener.local_addr().expect("an address");
    let _client = TcpStream::connect(address).await.expect("a connection");
    let (server, _) = listener.accept().await.expect("a connection");
    let server = TcpSocket::from_std_stream(server.into_std().expect("a socket"));
    server.send_buffer_size().expect("readable")
}

#[tokio::test]
async fn little_waits_in_the_system_for_a_slow_client_also_after_a_restart() {
    let wanted = 2 * u32::try_from(SENDING_BYTES).expect("small");
    let place = crate::front::Place::Loopback(0);
    let own = crate::front::bind(&place).expect("listeners");
    assert!(kept_of(&own[0]).await <= wanted, "a new socket");
    let mut inherited = vec![std::net::TcpListener::bind("127.0.0.1:0").expect("a listener")];
    let adopted = crate::front::bind_or_adopt(&place, &mut inherited).expect("listeners");
    assert!(inherited.is_empty());
    assert!(kept_of(&adopted[0]).await <= wanted, "an inherited one");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let held = crate::front::bind(&crate::front::Place::Loopback(0)).expect("listeners");
    let port = held[0].local_addr().expect("an address").port();
    let error = crate::front::bind(&crate::front::Place::Loopback(port)).expect_err("taken");
    assert!(
        matches!(error, crate::front::BindError::InUse { .. }),
        "{error}"
    );
}

/// S-049 for messages: what is begun must be whole in half a minute.
#[tokio::test(start_paused = true)]
async fn s_049_a_message_that_is_begun_and_never_finished_ends_the_connection() {
    let world = torana_host::world();
    let (mut client, mut socket, outgoing) = pair().await;
    // A masked text of five bytes, three of which never come.
    let begun = [0x81, 0x85, 1, 2, 3, 4, b'h' ^ 1, b'e' ^ 2];
    client.get_mut().write_all(&begun).await.expect("written");
    let began_ms = world.monotonic_ms();
    tokio::select! {
        () = world.sleep_ms(60_000) => panic!("it is waited for"),
        incoming = socket.turn(&outgoing) => {
            assert!(matches!(incoming, Incoming::End { code: 1008, .. }), "{incoming:?}");
        }
    }
    assert_eq!(world.monotonic_ms() - began_ms, 30_000);
}
