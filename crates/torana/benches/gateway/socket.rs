//! A WebSocket client that costs next to nothing, so that a run measures the gateway and not its load.
//!
//! It sends whole text frames, masked with zeros (which leaves the bytes as they are), and hands out the bytes of the
//! frames it gets without looking at them.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Fault;

/// First read buffer of a connection; 5,000 idle clients must fit beside the gateway.
const READ_BYTES: usize = 4 * 1024;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// One connection.
pub(super) struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Socket {
    /// Connects and upgrades.
    pub(super) async fn connect(port: u16) -> Result<Self, Fault> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut socket = Self {
            stream,
            buffer: BytesMut::with_capacity(READ_BYTES),
        };
        loop {
            if let Some(end) = socket
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head = socket.buffer.split_to(end + 4);
                if head.starts_with(b"HTTP/1.1 101") {
                    return Ok(socket);
                }
                return Err(format!("no upgrade: {}", String::from_utf8_lossy(&head)).into());
            }
            socket.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        self.buffer.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    /// Sends one text frame.
    pub(super) async fn send(&mut self, text: &str) -> Result<(), Fault> {
        self.frame(TEXT, text.as_bytes()).await
    }

    async fn frame(&mut self, opcode: u8, payload: &[u8]) -> Result<(), Fault> {
        let mut frame = Vec::with_capacity(payload.len() + 14);
        frame.push(0x80 | opcode);
        match u16::try_from(payload.len()) {
            Ok(length @ 0..126) => frame.push(0x80 | length.to_be_bytes()[1]),
            Ok(length) => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&u64::try_from(payload.len())?.to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    /// The next text frame. Pings are answered on the way.
    pub(super) async fn next(&mut self) -> Result<Bytes, Fault> {
        loop {
            let Some((opcode, payload)) = take(&mut self.buffer) else {
                self.fill().await?;
                continue;
            };
            match opcode {
                TEXT => return Ok(payload),
                PING => self.frame(10, &payload).await?,
                CLOSE => {
                    return Err(format!(
                        "closed: {}",
                        String::from_utf8_lossy(payload.get(2..).unwrap_or_default())
                    )
                    .into());
                }
                _ => {}
            }
        }
    }
}

/// Takes a whole frame out of the buffer, if one is there. Servers send every message in one frame.
fn take(buffer: &mut BytesMut) -> Option<(u8, Bytes)> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (head, length) = match second & 0x7f {
        126 => (
            4,
            usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    if buffer.len() < head + length {
        return None;
    }
    buffer.advance(head);
    Some((first & 0x0f, buffer.split_to(length).freeze()))
}
