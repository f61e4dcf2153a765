//! Operations become intents in the outbox, in the transaction of whatever they answer.

use rusqlite::Connection;
use torana_core::id::{InboxId, RunId};
use torana_core::message::Operation;

use crate::store::outbox::{self, Intent};
use crate::store::{Store, StoreError, inbox};

/// Stores operations as intents, in order. With `first_begins`, the first is stored as already attempting.
pub(crate) fn insert(
    connection: &Connection,
    store: &Store,
    inbox: Option<InboxId>,
    run_id: Option<&RunId>,
    operations: Vec<Operation>,
    first_begins: bool,
    at_ms: i64,
) -> Result<Vec<Intent>, StoreError> {
    let mut intents = Vec::with_capacity(operations.len());
    for (part, operation) in operations.into_iter().enumerate() {
        // Ids are taken inside the transaction, so that rows of one conversation ascend in commit order.
        let part = u32::try_from(part).unwrap_or(u32::MAX);
        let mut intent = Intent::new(
            store.next_intent_id(),
            inbox,
            run_id,
            part,
            operation,
            at_ms,
        );
        if first_begins && part == 0 {
            intent.state = "attempting".to_owned();
            intent.attempt = 1;
        }
        outbox::insert(connection, &intent)?;
        intents.push(intent);
    }
    Ok(intents)
}

/// Stores what removes the previews that earlier runs of a row, or of those merged into it, left behind.
pub(crate) fn take_back(
    connection: &Connection,
    store: &Store,
    inbox: InboxId,
    at_ms: i64,
) -> Result<Vec<Intent>, StoreError> {
    let operations = outbox::take_previews(connection, inbox)?;
    insert(connection, store, None, None, operations, false, at_ms)
}

/// Ends rows whose turn will not come, and takes back what earlier runs of them showed. A row that ended meanwhile
/// stays as it is.
pub(crate) fn withdraw(
    connection: &Connection,
    store: &Store,
    rows: &[InboxId],
    reason: &str,
    result: Option<&serde_json::Value>,
    at_ms: i64,
) -> Result<Vec<Intent>, StoreError> {
    let mut taken_back = Vec::new();
    for id in rows {
        match inbox::finish(connection, *id, reason, result, at_ms) {
            Ok(()) => taken_back.extend(take_back(connection, store, *id, at_ms)?),
            Err(StoreError::Moved) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken_back)
}
