//! Keys that HTTP callers invent: a narrow alphabet, and no way into the gateway's own namespaces.

use super::grammar::KeyError;
use super::session_key::{KeyContext, SessionKey, check_text};

/// The most characters of a caller's key (threat S-041).
pub const CALLER_KEY_CHARS_MAX: usize = 256;

/// Reads a key from an HTTP header, hook or request body.
///
/// Whether callers may choose keys at all, and with which prefixes, is the caller's own policy.
///
/// ```
/// use torana_core::key::{validate_caller_key, KeyContext, KeyError};
/// let context = KeyContext::default();
/// assert!(validate_caller_key("agent:main:shop/order-7", &context).is_ok());
/// assert_eq!(validate_caller_key("CRON:nightly", &context), Err(KeyError::Reserved));
/// ```
pub fn validate_caller_key(text: &str, context: &KeyContext<'_>) -> Result<SessionKey, KeyError> {
    check_text(text, CALLER_KEY_CHARS_MAX)?;
    let is_narrow = |ch: char| ch.is_ascii_alphanumeric() || ":._@+/-".contains(ch);
    // Two dots climb out of directories wherever a key is taken for a path.
    if !text.chars().all(is_narrow) || text.contains("..") {
        return Err(KeyError::Alphabet);
    }
    let key = SessionKey::parse(text, context)?;
    if key.is_reserved_namespace() {
        return Err(KeyError::Reserved);
    }
    Ok(key)
}
