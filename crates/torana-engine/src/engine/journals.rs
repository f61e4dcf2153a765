//! What a person does to a single row of a journal: try it again, or drop it.

use torana_core::id::{InboxId, IntentId};
use torana_core::message::{Operation, ReplyTarget};
use torana_core::problem::{Code, Problem};

use super::Engine;
use crate::store::{StoreError, inbox, outbox};

impl Engine {
    /// Puts a parked message back in its lane.
    pub async fn retry_inbox(&self, id: InboxId) -> Result<(), Problem> {
        let at_ms = self.shared.world.wall_ms();
        let (row, merged) = self
            .shared
            .store
            .write(move |connection| {
                inbox::unpark(connection, id, at_ms)?;
                Ok((
                    inbox::get(connection, id)?,
                    inbox::merged_into(connection, id)?,
                ))
            })
            .await
            .map_err(|error| {
                self.missing(&error, || format!("no parked message has the id {id}"))
            })?;
        if let Some(row) = row {
            self.restore(merged, row, true);
        }
        Ok(())
    }

    /// Puts a parked intent back in the queue, with another text when given.
    pub async fn retry_intent(
        &self,
        id: IntentId,
        new_text: Option<String>,
    ) -> Result<(), Problem> {
        let engine = self.clone();
        let at_ms = self.shared.world.wall_ms();
        let intent = self
            .shared
            .store
            .write(move |connection| {
                let Some(parked) = outbox::get(connection, id)? else {
                    return Err(StoreError::Moved);
                };
                let operation = match new_text {
                    Some(text) => edited(&engine, parked.operation, &text),
                    None => parked.operation,
                };
                outbox::replay(connection, id, &operation, at_ms)?;
                outbox::get(connection, id)
            })
            .await
            .map_err(|error| {
                self.missing(&error, || format!("no parked delivery has the id {id}"))
            })?;
        self.shared
            .delivery
            .submit(intent.into_iter().collect(), false);
        Ok(())
    }

    /// Removes a waiting or parked intent for good.
    pub async fn drop_intent(&self, id: IntentId) -> Result<(), Problem> {
        let at_ms = self.shared.world.wall_ms();
        self.shared
            .store
            .write(move |connection| outbox::discard(connection, id, at_ms))
            .await
            .map_err(|error| {
                self.missing(&error, || {
                    format!("no waiting or parked delivery has the id {id}")
                })
            })
    }

    /// A row that is not as it was expected is not there for who asks for it by its id.
    fn missing(&self, error: &StoreError, message: impl FnOnce() -> String) -> Problem {
        match error {
            StoreError::Moved => Problem::new(Code::NotFound, message()),
            other => self.problem(other),
        }
    }
}

/// An operation with another text, rendered for the same place. Only the first message of a longer text fits one row.
fn edited(engine: &Engine, operation: Operation, text: &str) -> Operation {
    let target = match &operation {
        Operation::Text { target, .. } => target.clone(),
        Operation::Edit { conversation, .. }
        | Operation::Delete { conversation, .. }
        | Operation::Typing { conversation }
        | Operation::Draft { conversation, .. } => ReplyTarget {
            conversation: conversation.clone(),
            reply_to: None,
        },
    };
    let previews: Vec<String> = match &operation {
        Operation::Edit { message_id, .. } => vec![message_id.clone()],
        _ => Vec::new(),
    };
    crate::reply::operations(engine, text, &target, &previews)
        .into_iter()
        .next()
        .unwrap_or(operation)
}
