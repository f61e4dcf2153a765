//! One HTTP request at a time on loopback, blocking: the harness itself must not depend on what it tests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Loopback answers at once; the largest log takes well under this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Status and body of a `GET`.
pub(super) fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    request(address, "GET", path, "", None)
}

/// The same with a secret.
pub(super) fn get_as(address: SocketAddr, path: &str, bearer: &str) -> io::Result<(u16, String)> {
    request(address, "GET", path, "", Some(bearer))
}

/// The JSON a control path answers.
pub(super) fn get_json(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path).expect("the fake server answers");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("control answers are JSON")
}

/// Posts JSON to a control path.
pub(super) fn post_json(address: SocketAddr, path: &str, body: &Value) -> Value {
    let (status, answer) =
        request(address, "POST", path, &body.to_string(), None).expect("the fake server answers");
    assert_eq!(status, 200, "{path}: {answer}");
    serde_json::from_str(&answer).expect("control answers are JSON")
}

/// Sends these bytes on a connection of their own, and reads until the other side closes.
pub(super) fn exchange(address: SocketAddr, bytes: &[u8]) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A refusal may come before everything is sent.
    drop(stream.write_all(bytes));
    answer(stream)
}

fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
    bearer: Option<&str>,
) -> io::Result<(u16, String)> {
    let authorization = bearer.map_or_else(String::new, |bearer| {
        format!("authorization: Bearer {bearer}\r\n")
    });
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    answer(stream)
}

fn answer(mut stream: TcpStream) -> io::Result<(u16, String)> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let answer = String::from_utf8_lossy(&bytes);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}
