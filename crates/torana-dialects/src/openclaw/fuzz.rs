//! Fuzz entries: reading what clients send never panics.

use serde_json::Value;

use super::connect::Connect;
use super::frame;

/// Reads bytes as a frame and, when they are one, checks its parameters against every method.
pub fn fuzz_frame(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(request) = frame::read(&text) {
        for method in super::methods::TABLE {
            drop(frame::read_params(
                method.name,
                &method.params,
                request.params.clone(),
                false,
            ));
        }
    }
}

/// Reads bytes as the parameters of `connect`.
pub fn fuzz_connect(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        drop(Connect::read(&value));
    }
}
