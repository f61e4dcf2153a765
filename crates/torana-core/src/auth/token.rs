//! Secrets: digests at rest, constant-time comparison, and device tokens that are derived instead of stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::scope::Role;
use crate::id::DeviceId;

/// SHA-256 of a secret: what is stored and compared in its place (decision 47).
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Lower-case hex, for the store.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Reads what [`Digest::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A digest of a weak password could be guessed offline, so it is not shown either.
        formatter.write_str("Digest(…)")
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// The digest of a secret.
pub fn digest(secret: &str) -> Digest {
    Digest(Sha256::digest(secret.as_bytes()).into())
}

/// Compares two secrets in time that depends on neither their content nor their common prefix.
pub fn same_secret(left: &str, right: &str) -> bool {
    digest(left) == digest(right)
}

/// The token of a device: the same string at every hello, although only its digest is stored
/// (decisions-control-and-agents 6). Rotating is the next generation.
pub fn derive_device_token(
    install_key: &[u8; 32],
    device: &DeviceId,
    role: Role,
    generation: u64,
) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(install_key).expect("HMAC takes a key of any length");
    mac.update(
        format!(
            "torana device token v1|{device}|{}|{generation}",
            role.as_str()
        )
        .as_bytes(),
    );
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}
