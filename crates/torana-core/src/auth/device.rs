//! Device identity: an Ed25519 key, its fingerprint, and a signature bound to one connection (S-009).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::token::hex;
use crate::id::DeviceId;

/// How far `signedAt` may be from our clock, milliseconds (OpenClaw 2026.9.6; S-009).
pub const SIGNED_AT_SKEW_MS: i64 = 120_000;

/// DER prefix of an Ed25519 `SubjectPublicKeyInfo` (RFC 8410); the raw key follows.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// Longest spelling of a key we read: a PEM block with room for line breaks.
const KEY_TEXT_BYTES_MAX: usize = 512;

/// A device's public key: 32 raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads base64url, base64 or PEM.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > KEY_TEXT_BYTES_MAX {
            return None;
        }
        let bytes = if text.starts_with("-----BEGIN PUBLIC KEY-----") {
            let body: String = text
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .map(str::trim)
                .collect();
            STANDARD.decode(body).ok()?
        } else {
            decode_any(text)?
        };
        let raw = match bytes.strip_prefix(&SPKI_PREFIX) {
            Some(raw) => raw,
            None => &bytes[..],
        };
        raw.try_into().ok().map(Self)
    }

    /// Base64url without padding: the canonical spelling, as stored.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The device's name: lower-case hex SHA-256 of the raw key.
    pub fn device_id(self) -> DeviceId {
        DeviceId::new(hex(&Sha256::digest(self.0))).expect("a hex digest is a valid identifier")
    }

    /// Checks a signature over a text.
    fn verify(self, text: &str, signature: &Signature) -> bool {
        // Strict: a weak key would make any text look signed.
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(text.as_bytes(), signature).is_ok())
    }
}

fn decode_any(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .or_else(|_| STANDARD.decode(text))
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .ok()
}

/// What a client says about its device, with everything the signature covers, exactly as sent.
#[derive(Debug, Clone, Copy)]
pub struct DeviceClaim<'a> {
    /// Claimed fingerprint.
    pub id: &'a str,
    /// Public key.
    pub public_key: &'a str,
    /// Signature, base64url or base64.
    pub signature: &'a str,
    /// When it was signed, Unix milliseconds.
    pub signed_at_ms: i64,
    /// The challenge it answers.
    pub nonce: &'a str,
    /// Client id.
    pub client_id: &'a str,
    /// Client mode.
    pub client_mode: &'a str,
    /// Role as sent.
    pub role: &'a str,
    /// Scopes as sent, in order.
    pub scopes: &'a [&'a str],
    /// The token the signature is bound to; empty when there is none.
    pub token: &'a str,
    /// Platform.
    pub platform: &'a str,
    /// Device family; empty when there is none.
    pub device_family: &'a str,
}

/// Why a device's proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceFault {
    /// The id is not the fingerprint of the key.
    IdMismatch,
    /// `signedAt` is too far away.
    SignatureStale,
    /// No nonce.
    NonceMissing,
    /// Another connection's nonce.
    NonceMismatch,
    /// The signature does not fit.
    Signature,
    /// The key cannot be read.
    PublicKey,
}

impl DeviceClaim<'_> {
    /// The signed text of the second version.
    pub fn text_v2(&self) -> String {
        format!(
            "v2|{}|{}|{}|{}|{}|{}|{}|{}",
            self.id,
            self.client_id,
            self.client_mode,
            self.role,
            self.scopes.join(","),
            self.signed_at_ms,
            self.token,
            self.nonce
        )
    }

    /// The signed text of the third version, which adds platform and family.
    pub fn text_v3(&self) -> String {
        let plain = |text: &str| text.trim().to_ascii_lowercase();
        format!(
            "v3|{}|{}|{}",
            &self.text_v2()["v2|".len()..],
            plain(self.platform),
            plain(self.device_family)
        )
    }
}

/// Proves that the client holds the key it names, for this connection, now. Checks in the order clients expect.
pub fn verify_device(
    claim: &DeviceClaim<'_>,
    nonce: &str,
    now_ms: i64,
) -> Result<PublicKey, DeviceFault> {
    let key = PublicKey::parse(claim.public_key);
    if key.is_none_or(|key| key.device_id().as_str() != claim.id) {
        return Err(DeviceFault::IdMismatch);
    }
    if now_ms.abs_diff(claim.signed_at_ms) > SIGNED_AT_SKEW_MS.unsigned_abs() {
        return Err(DeviceFault::SignatureStale);
    }
    let sent = claim.nonce.trim();
    if sent.is_empty() {
        return Err(DeviceFault::NonceMissing);
    }
    if !super::token::same_secret(sent, nonce) {
        return Err(DeviceFault::NonceMismatch);
    }
    let key = key.ok_or(DeviceFault::PublicKey)?;
    let signature = decode_any(claim.signature.trim())
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or(DeviceFault::Signature)?;
    if key.verify(&claim.text_v3(), &signature) || key.verify(&claim.text_v2(), &signature) {
        Ok(key)
    } else if VerifyingKey::from_bytes(&key.0).is_err() {
        Err(DeviceFault::PublicKey)
    } else {
        Err(DeviceFault::Signature)
    }
}
