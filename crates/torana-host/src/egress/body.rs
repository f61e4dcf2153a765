//! Reading an answer with a bound that does not trust its length header (S-058).

use bytes::{Bytes, BytesMut};
use reqwest::Response;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes came than allowed.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The connection failed in the middle.
    #[error("the connection failed while the answer was read: {0}")]
    Connection(String),
}

/// Reads a body of at most `bytes_max` bytes, counting what really arrives.
pub async fn read_capped(mut response: Response, bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| BodyError::Connection(super::client::describe(&error)))?;
        let Some(chunk) = chunk else {
            return Ok(body.freeze());
        };
        if body.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
}
