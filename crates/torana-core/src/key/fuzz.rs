//! Fuzz entry: any bytes as a session key.

use super::{KeyContext, SessionKey, validate_caller_key};

/// Drives the key grammar with arbitrary bytes; panics when a promise is broken.
pub fn fuzz_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let context = KeyContext::default();
    if let Ok(key) = SessionKey::parse(&text, &context) {
        let again = SessionKey::parse(key.as_str(), &context);
        assert_eq!(again.as_ref(), Ok(&key), "the canonical spelling is stable");
        assert_eq!(key.agent().map(str::to_owned), key.parts().agent);
    }
    if let Ok(key) = validate_caller_key(&text, &context) {
        assert!(
            !key.is_reserved_namespace(),
            "callers never enter reserved namespaces"
        );
    }
}
