//! The host of an origin.

/// The host, in lower case and without its port.
pub(crate) fn host_of(origin: &str) -> Option<String> {
    let rest = origin.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| {
            if port.chars().all(|character| character.is_ascii_digit()) {
                host
            } else {
                authority
            }
        });
    Some(host.to_ascii_lowercase())
}
