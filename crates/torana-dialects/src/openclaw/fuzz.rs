//! Fuzz entries: reading what clients send never panics.

use serde_json::Value;
use torana_core::auth::verify_device;

use super::connect::Connect;
use super::frame;
use super::legacy::{guide, moltbot};

/// Reads bytes as a frame and, when they are one, checks its parameters against every method.
pub fn fuzz_frame(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(request) = frame::read(&text) {
        for method in super::methods::rows() {
            drop(frame::read_params(
                method.name,
                &method.params,
                request.params.clone(),
                false,
            ));
        }
    }
}

/// Reads bytes as frames of the older guides: never a panic, and what opens the bare dialect is never a frame of ours.
pub fn fuzz_legacy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(request) = guide::opening(&text) {
        assert!(
            frame::read(&text).is_err(),
            "a frame belongs to one dialect"
        );
        drop(guide::connect(&request.params));
    }
    drop(guide::translate(bytes));
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        drop(moltbot::adapt(&value));
    }
}

/// Reads bytes as a device's proof: no bytes prove a device, because no fuzzer holds a key for our nonce.
pub fn fuzz_device(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Ok(connect) = Connect::read(&value) else {
        return;
    };
    if let Some(proof) = &connect.device {
        let checked = connect.with_claim(proof, |claim| {
            verify_device(claim, "a nonce nobody was given", proof.signed_at_ms)
        });
        assert!(checked.is_err());
    }
}

/// Reads bytes as the parameters of `connect`.
pub fn fuzz_connect(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        drop(Connect::read(&value));
    }
}

#[cfg(test)]
const CONNECT: &[u8] = br#"{"minProtocol":4,"maxProtocol":4,"client":{"id":"node-host","version":"1","platform":"linux","mode":"node"},"role":"node","commands":["system.run"],"permissions":{"camera":true},"device":{"id":"00","publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","signature":"AAAA","signedAt":1,"nonce":"a nonce nobody was given"},"auth":{"token":"x"}}"#;
#[cfg(test)]
const PEM: &[u8] = br#"{"minProtocol":7,"maxProtocol":7,"client":{"id":"cli","version":"1","platform":"linux","mode":"cli"},"device":{"id":"6c","publicKey":"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----","signature":"-","signedAt":0,"nonce":""}}"#;
#[cfg(test)]
const AUTH: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"method":"auth","params":{"token":"x","password":"y"}}"#;
#[cfg(test)]
const EVENT: &[u8] = br#"{"type":"event","event":"agent","payload":{"runId":"r","stream":"assistant","data":{"delta":"a"}}}"#;

#[cfg(test)]
#[test]
fn device() {
    crate::front::tests::drive(&[CONNECT, PEM], fuzz_device);
}

#[cfg(test)]
#[test]
fn connect() {
    crate::front::tests::drive(&[CONNECT, PEM], fuzz_connect);
}

#[cfg(test)]
#[test]
fn frame() {
    let frame = br#"{"type":"req","id":"1","method":"node.invoke.result","params":{"id":"1","nodeId":"2","ok":true}}"#;
    crate::front::tests::drive(&[frame, EVENT], fuzz_frame);
}

#[cfg(test)]
#[test]
fn legacy() {
    crate::front::tests::drive(&[AUTH, EVENT, PEM], fuzz_legacy);
}
