//! A kept-alive HTTP connection: one request at a time, answers read to the end.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::Fault;

/// One connection.
pub(super) struct Caller {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    authorization: Option<String>,
}

impl Caller {
    pub(super) async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; what it says then concerns nobody.
        drop(tokio::spawn(async move { drop(connection.await) }));
        Ok(Self {
            address,
            sender,
            authorization: token.map(|token| format!("Bearer {token}")),
        })
    }

    /// Posts JSON and counts the pieces its answer came in.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> Result<(Bytes, usize), Fault> {
        self.request("POST", path, body).await
    }

    /// The JSON of a `GET`.
    pub(super) async fn get(&mut self, path: &str) -> Result<Value, Fault> {
        let (body, _) = self.request("GET", path, "").await?;
        Ok(serde_json::from_slice(&body)?)
    }

    async fn request(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<(Bytes, usize), Fault> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let (mut whole, mut pieces) = (Vec::new(), 0);
        let mut stream = response.into_body();
        while let Some(frame) = stream.frame().await {
            if let Some(data) = frame?.data_ref() {
                whole.extend_from_slice(data);
                pieces += 1;
            }
        }
        if status != StatusCode::OK {
            return Err(format!("{path}: {status} {}", String::from_utf8_lossy(&whole)).into());
        }
        Ok((whole.into(), pieces))
    }
}
