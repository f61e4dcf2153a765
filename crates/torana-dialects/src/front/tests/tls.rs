//! TLS on the port: who speaks it is served, who does not is told.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use torana_core::auth::Fingerprint;
use torana_host::tls::{ServerTls, TlsFiles, own_names};
use torana_host::tls_client::{ClientTls, Trust};

use super::rig::{Reply, Rig, TOKEN, read_all};

fn certificate() -> Arc<ServerTls> {
    let world = torana_host::world();
    let folder = std::env::temp_dir().join(format!("torana-front-tls-{}", world.uuid()));
    let files = TlsFiles {
        cert: folder.join("cert.pem"),
        key: folder.join("key.pem"),
        ca: None,
    };
    files
        .generate_missing(&own_names([], None), world.wall_ms())
        .expect("made");
    let tls = ServerTls::load(files).expect("usable");
    std::fs::remove_dir_all(folder).ok();
    Arc::new(tls)
}

async fn ask(rig: &Rig, tls: &ServerTls, path: &str, fields: &str) -> Reply {
    let stream = TcpStream::connect(rig.address).await.expect("connected");
    let pin = Fingerprint::parse(&tls.fingerprint()).expect("a fingerprint");
    let client = ClientTls::new(Trust::Pin(pin)).expect("a client");
    let connector = TlsConnector::from(client.config());
    let name = "localhost".try_into().expect("a name");
    let mut stream = connector.connect(name, stream).await.expect("a handshake");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n{fields}Connection: close\r\n\r\n",
        rig.address
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    Reply::read(&read_all(&mut stream).await)
}

#[tokio::test]
async fn a_page_over_tls_connects_to_nothing_plain() {
    let tls = certificate();
    let rig = Rig::secured(Arc::clone(&tls)).await;
    let reply = ask(&rig, &tls, "/", "").await;
    assert_eq!(reply.status, 200, "{}", reply.head);
    assert!(
        reply.head.contains("strict-transport-security: max-age="),
        "{}",
        reply.head
    );
    let sockets = format!("connect-src 'self' wss://{};", rig.address);
    assert!(reply.head.contains(&sockets), "{}", reply.head);
    assert!(!reply.head.contains(" ws://"), "{}", reply.head);
}

#[tokio::test]
async fn a_plain_request_is_told_to_use_tls() {
    let rig = Rig::secured(certificate()).await;
    let reply = rig.raw("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
    assert!(reply.contains("speaks TLS; use an https://"), "{reply}");
}

#[tokio::test]
async fn a_plain_page_is_foreign_where_tls_is_spoken() {
    let tls = certificate();
    let rig = Rig::secured(Arc::clone(&tls)).await;
    let own = format!("http://{}", rig.address);
    let models = ask(&rig, &tls, "/v1/models", &format!("Origin: {own}\r\n")).await;
    assert_eq!(models.status, 403, "{}", models.head);
    let own = format!("https://{}", rig.address);
    let models = ask(&rig, &tls, "/v1/models", &format!("Origin: {own}\r\n")).await;
    assert_eq!(models.status, 200, "{}", models.head);
}
