//! Digests by which files and requests are recognised.

use sha2::{Digest, Sha256};

/// The digest of bytes by which files are named.
pub(crate) fn hex_digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of several parts; where one ends is part of it.
pub(crate) fn hex_digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
