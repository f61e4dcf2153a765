//! The session that was on show last, by gateway, so that one goes on where one left.
//!
//! It is a convenience: a file that is damaged or cannot be written only means that one begins in the main session.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use torana_host::files;

use crate::cli::rpc::{Client, method};

/// File in the state directory.
const FILE: &str = "tui-sessions.json";
/// Bytes of it: many gateways with long keys.
const BYTES_MAX: u64 = 64 * 1024;
/// Gateways remembered; above it the file is begun anew.
const ORIGINS_MAX: usize = 64;

fn read(state: &Path) -> BTreeMap<String, String> {
    files::read_capped(&state.join(FILE), BYTES_MAX)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// The session shown last at this gateway, when it still exists.
pub(super) async fn find(state: &Path, origin: &str, client: &mut Client) -> Option<String> {
    let session = read(state).remove(origin)?;
    let found = client
        .call(method::SESSIONS_DESCRIBE, json!({ "key": session }))
        .await;
    found
        .is_ok_and(|answer| answer["session"].is_object())
        .then_some(session)
}

/// Remembers the session on show. Nothing is made for it: without a state directory there is nothing to remember in.
pub(super) fn keep(state: &Path, origin: &str, session: &str) {
    let mut sessions = read(state);
    if !state.is_dir() || sessions.get(origin).is_some_and(|known| known == session) {
        return;
    }
    if sessions.len() >= ORIGINS_MAX {
        sessions.clear();
    }
    sessions.insert(origin.to_owned(), session.to_owned());
    if let Ok(bytes) = serde_json::to_vec_pretty(&sessions) {
        drop(files::replace(&state.join(FILE), &bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_has_its_own_and_damage_is_forgotten() {
        let world = torana_host::world();
        let state = std::env::temp_dir().join(format!("torana-last-{}", world.uuid()));
        keep(&state, "ws://a", "agent:main:x");
        assert!(!state.exists(), "nothing is made for it");
        std::fs::create_dir_all(&state).expect("a folder");
        keep(&state, "ws://a", "agent:main:x");
        keep(&state, "ws://b", "agent:main:y");
        assert_eq!(read(&state)["ws://a"], "agent:main:x");
        assert_eq!(read(&state).len(), 2);
        std::fs::write(state.join(FILE), b"{").expect("written");
        assert!(read(&state).is_empty());
        std::fs::remove_dir_all(&state).ok();
    }
}
