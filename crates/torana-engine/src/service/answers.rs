//! Answers that a client may name later to go on from them: each belongs to a session and is forgotten with it.

use rusqlite::Connection;
use torana_core::key::SessionKey;
use torana_core::problem::{Code, Problem};

use crate::engine::Engine;
use crate::store::client_key::{self, ANSWER};
use crate::store::session;

/// These keys have no age: they go with their session, not with the other keys after a day.
const AT_NEVER: i64 = i64::MAX;

/// Remembers that an answer belongs to a session. The session exists by now.
pub async fn remember(engine: &Engine, id: &str, key: &SessionKey) -> Result<(), Problem> {
    let (id, key) = (id.to_owned(), key.clone());
    let write = move |connection: &Connection| {
        let Some(row) = session::get(connection, key.as_str())? else {
            return Ok(());
        };
        let result = serde_json::json!(key.as_str());
        client_key::remember(connection, ANSWER, &id, &row.session_id, &result, AT_NEVER)
    };
    let written = engine.store().write(write).await;
    written.map_err(|error| engine.problem(&error))
}

/// The session an answer belongs to; not found once that session was reset or deleted.
pub async fn session_of(engine: &Engine, id: &str) -> Result<SessionKey, Problem> {
    let wanted = id.to_owned();
    let read = move |connection: &Connection| {
        let Some((session_id, Some(key))) = client_key::known(connection, ANSWER, &wanted)? else {
            return Ok(None);
        };
        let Some(key) = key.as_str().map(str::to_owned) else {
            return Ok(None);
        };
        let row = session::get(connection, &key)?;
        Ok(row.filter(|row| row.session_id == session_id).map(|_| key))
    };
    let found = engine.store().read(read).await;
    let key = found
        .map_err(|error| engine.problem(&error))?
        .ok_or_else(|| Problem::new(Code::NotFound, format!("there is no answer \"{id}\"")))?;
    engine.parse_key(&key)
}
