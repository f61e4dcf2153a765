//! Codes that people read aloud or click once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::port::World;

/// Letters and digits that cannot be mistaken for one another: no 0, O, 1 or I.
pub const PAIRING_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Length of a pairing code: 40 bits, which five tries in an hour (decision 49) cannot guess.
pub const PAIRING_CODE_CHARS: usize = 8;
/// Random bytes of a sign-in code: 192 bits, because it is a bearer credential for ten minutes.
const LOGIN_CODE_BYTES: usize = 24;

/// A fresh pairing code.
pub fn pairing_code(world: &World) -> String {
    let mut bytes = [0_u8; PAIRING_CODE_CHARS];
    world.entropy.fill(&mut bytes);
    // 256 is a multiple of 32, so every letter is equally likely.
    bytes
        .iter()
        .map(|byte| char::from(PAIRING_ALPHABET[usize::from(byte % 32)]))
        .collect()
}

/// A fresh code for a sign-in link; safe in a URL fragment.
pub fn login_code(world: &World) -> String {
    let mut bytes = [0_u8; LOGIN_CODE_BYTES];
    world.entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
