//! One intent on its way: each attempt is on disk before its first byte, and what follows a failure is carried out as
//! `torana_core::deliver` decides.

use std::sync::Arc;

use torana_core::deliver::{self, Attempt, Freshness, Importance, Next, ParkReason};
use torana_core::event::{AccountState, Event};
use torana_core::message::{Operation, Receipt, ReplyTarget};
use torana_core::port::SendFailure;

use super::lanes::Queued;
use super::pump::Pump;
use crate::store::outbox::{self, Intent};
use crate::store::{STORE_RETRY_MS, StoreError};

/// How often a conversation may have moved on during one delivery. A group becomes a large group once in its life;
/// platforms that send us round in circles must not keep the conversation busy for ever.
const MOVES_MAX: u32 = 3;
/// Note before a reply that is late (decision 13); plain characters are the same in every markup.
const DELAYED_NOTE: &str = "(delayed) ";
/// A stored due time may lie far ahead when the wall clock jumped; an hour bounds the damage.
const WAIT_MS_MAX: u64 = 3_600_000;

/// When an intent is tried again, and on whose account it waits.
struct Later {
    after_ms: u64,
    whole_account: bool,
    /// The platform asked for it, so it is no failure of this intent.
    limited: bool,
}

impl Pump {
    /// Sends one intent to its end or to its next wait. Returns the following intent when its attempt joined the
    /// receipt.
    pub(super) async fn send(&self, queued: Queued) -> Option<Queued> {
        let mut intent = self.load(&queued).await?;
        let Some((transmit, idempotent)) = self.transmit() else {
            self.put_back(queued.begun, intent);
            return None;
        };
        let now_ms = self.world().wall_ms();
        let wait_ms = u64::try_from(intent.due_at_ms.saturating_sub(now_ms)).unwrap_or(0);
        if !queued.begun && wait_ms > 0 && intent.state == "retry" {
            self.hold(wait_ms.min(WAIT_MS_MAX), false);
            self.put_back(false, intent);
            return None;
        }
        let age_ms = self.age_ms(&intent);
        if deliver::freshness(age_ms) == Freshness::Stale {
            self.park(&intent, ParkReason::Stale.as_str()).await;
            return None;
        }
        let facts = |intent: &Intent, resent: bool| Attempt {
            importance: Importance::Final,
            failures: intent.failures,
            age_ms,
            idempotent,
            edits: matches!(
                intent.operation,
                Operation::Edit { .. } | Operation::Delete { .. }
            ),
            resent,
            jitter: self.world().below(u64::MAX),
        };
        let mut resend = false;
        if queued.after_crash {
            // The process died between request and receipt. Every death is its own doubt, so earlier ones do not count.
            resend = deliver::after_unknown(&facts(&intent, false)) == Next::ResendFlagged;
        }
        if !queued.begun && !self.begin(&mut intent, resend).await {
            return None;
        }
        let mut moves = 0;
        loop {
            let operation = dressed(&intent, age_ms);
            let outcome = self
                .attempt(transmit.as_ref(), &operation, &intent.nonce)
                .await;
            let failure = match outcome {
                Ok(receipt) => return self.accept(&intent, receipt).await,
                Err(failure) => failure,
            };
            let resent = intent.resent > 0 && !queued.after_crash;
            let mut next = deliver::after_failure(&facts(&intent, resent), &failure);
            moves += u32::from(next == Next::Move);
            if moves > MOVES_MAX {
                next = Next::Park(ParkReason::Rejected);
            }
            if !self.follow(&mut intent, &failure, next).await {
                return None;
            }
        }
    }

    /// How old an intent is. Only what another life left is judged by the wall clock, which may have jumped.
    fn age_ms(&self, intent: &Intent) -> i64 {
        match intent.taken_ms {
            Some(taken_ms) => {
                let age_ms = self.world().monotonic_ms().saturating_sub(taken_ms);
                i64::try_from(age_ms).unwrap_or(i64::MAX)
            }
            None => {
                let steady_ms = self.delivery.inner.steady.now_ms(self.world());
                steady_ms.saturating_sub(intent.created_at_ms)
            }
        }
    }

    /// The intent as it is kept in memory, or as it is in the store; `None` when it is not open any more.
    pub(super) async fn load(&self, queued: &Queued) -> Option<Intent> {
        if let Some(intent) = &queued.intent {
            return Some(intent.as_ref().clone());
        }
        let id = queued.id;
        let store = &self.delivery.inner.store;
        loop {
            match store
                .read(move |connection| outbox::get(connection, id))
                .await
            {
                Ok(found) => {
                    return found.filter(|intent| {
                        matches!(
                            intent.state.as_str(),
                            "queued" | "attempting" | "retry" | "unknown"
                        )
                    });
                }
                Err(StoreError::Closed) => return None,
                Err(error) => {
                    tracing::error!(%error, intent = %id, "An intent could not be read.");
                    self.world().sleep_ms(STORE_RETRY_MS).await;
                }
            }
        }
    }

    /// Writes until it is on disk; `None` when the row was moved by somebody else or the store is closed.
    async fn persist<T, F>(&self, write: F) -> Option<T>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        let store = &self.delivery.inner.store;
        loop {
            let write = write.clone();
            match store.write(move |connection| write(connection)).await {
                Ok(told) => return Some(told),
                Err(StoreError::Moved | StoreError::Closed | StoreError::Flush) => return None,
                Err(error @ (StoreError::Full | StoreError::Database(_))) => {
                    tracing::error!(%error, "A delivery record could not be written; trying again.");
                    self.world().sleep_ms(STORE_RETRY_MS).await;
                }
            }
        }
    }

    /// Records an attempt before it is made; `false` when the intent is not ours to send any more.
    async fn begin(&self, intent: &mut Intent, resend: bool) -> bool {
        let (id, at_ms) = (intent.id, self.world().wall_ms());
        let begun = self.persist(move |connection| outbox::begin(connection, id, resend, at_ms));
        if begun.await.is_none() {
            return false;
        }
        self.begun(intent, resend);
        true
    }

    /// Notes in memory that an attempt is on disk.
    fn begun(&self, intent: &mut Intent, resend: bool) {
        intent.attempt += 1;
        if resend {
            intent.resent += 1;
            self.publish(Event::IntentResent {
                intent: intent.id,
                conversation: intent.operation.conversation().clone(),
            });
        }
    }

    /// Stores the receipt, and in the same commit the attempt of the intent behind it, which is returned.
    async fn accept(&self, intent: &Intent, receipt: Receipt) -> Option<Queued> {
        let at_ms = self.world().wall_ms();
        let next = self
            .delivery
            .lock()
            .get_mut(&self.key)
            .and_then(|out| out.next_now(&self.lane, self.world().monotonic_ms()));
        let (id, next_id) = (intent.id, next.as_ref().map(|queued| queued.id));
        let stored = self.persist(move |connection| {
            outbox::accept(connection, id, &receipt, at_ms)?;
            let Some(next_id) = next_id else {
                return Ok(false);
            };
            match outbox::begin(connection, next_id, false, at_ms) {
                Ok(()) => Ok(true),
                // An operator gave the next one up meanwhile; that must not cost this one its receipt.
                Err(StoreError::Moved) => Ok(false),
                Err(error) => Err(error),
            }
        });
        let Some(begun) = stored.await else {
            if let Some(queued) = next {
                self.requeue(queued);
            }
            return None;
        };
        self.publish(Event::IntentAccepted {
            intent: id,
            conversation: intent.operation.conversation().clone(),
            latency_ms: at_ms.saturating_sub(intent.created_at_ms),
        });
        next.filter(|_| begun).map(|mut queued| {
            queued.begun = true;
            if let Some(intent) = &mut queued.intent {
                intent.attempt += 1;
            }
            queued
        })
    }

    /// Gives an intent up, where people see it.
    pub(super) async fn park(&self, intent: &Intent, reason: &str) {
        let (id, at_ms, why) = (intent.id, self.world().wall_ms(), reason.to_owned());
        let parked = self.persist(move |connection| outbox::park(connection, id, &why, at_ms));
        if parked.await.is_some() {
            self.publish(Event::IntentParked {
                intent: id,
                conversation: intent.operation.conversation().clone(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Carries out what was decided after a failure. `true`: try again right now.
    async fn follow(&self, intent: &mut Intent, failure: &SendFailure, next: Next) -> bool {
        let reason = failure.to_string();
        match next {
            Next::Retry {
                after_ms,
                whole_account,
                counts,
            } => {
                let later = Later {
                    after_ms,
                    whole_account,
                    limited: !counts,
                };
                self.retry_later(intent, later, &reason).await;
            }
            Next::Plain => match intent.operation.without_markup() {
                Some(plain) => return self.again(intent, plain, false, &reason).await,
                None => self.park(intent, &format!("rejected: {reason}")).await,
            },
            Next::SendInstead => match as_new_message(&intent.operation) {
                Some(text) => return self.again(intent, text, false, &reason).await,
                // Nothing was to be edited, so nothing can be gone; the words must not count as sent.
                None if !matches!(intent.operation, Operation::Delete { .. }) => {
                    self.park(intent, &format!("rejected: {reason}")).await;
                }
                None => {
                    // The message to delete is gone already: that is what was wanted.
                    let (id, at_ms) = (intent.id, self.world().wall_ms());
                    self.persist(move |connection| {
                        outbox::accept(connection, id, &Receipt::default(), at_ms)
                    })
                    .await;
                }
            },
            Next::Move => {
                let mut operation = intent.operation.clone();
                if let SendFailure::Moved { peer_id } = failure {
                    move_to(&mut operation, peer_id);
                }
                return self.again(intent, operation, false, &reason).await;
            }
            Next::ResendFlagged => {
                let operation = intent.operation.clone();
                return self.again(intent, operation, true, &reason).await;
            }
            Next::Park(why) => {
                let why = format!("{}: {reason}", why.as_str());
                self.park(intent, &why).await;
            }
            Next::Discard => self.park(intent, &reason).await,
            Next::StopAccount => {
                let later = Later {
                    after_ms: 1,
                    whole_account: false,
                    limited: true,
                };
                self.retry_later(intent, later, &reason).await;
                self.delivery.detach(&self.key.0, &self.key.1);
                self.publish(Event::Account {
                    channel: self.key.0.clone(),
                    account: self.key.1.clone(),
                    state: AccountState::Stopped(reason),
                });
            }
        }
        false
    }

    /// Records a changed operation and its next attempt, to be made at once.
    async fn again(
        &self,
        intent: &mut Intent,
        operation: Operation,
        resend: bool,
        reason: &str,
    ) -> bool {
        let (id, at_ms) = (intent.id, self.world().wall_ms());
        let (stored, why) = (operation.clone(), reason.to_owned());
        let written = self.persist(move |connection| {
            if resend {
                outbox::unknown(connection, id, &why, at_ms)?;
            } else {
                outbox::retry(connection, id, &stored, at_ms, false, &why, at_ms)?;
            }
            outbox::begin(connection, id, resend, at_ms)
        });
        if written.await.is_none() {
            return false;
        }
        intent.operation = operation;
        self.begun(intent, resend);
        true
    }

    async fn retry_later(&self, intent: &mut Intent, later: Later, reason: &str) {
        let Later {
            after_ms,
            whole_account,
            limited,
        } = later;
        let at_ms = self.world().wall_ms();
        let due_at_ms = at_ms.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX));
        let (id, operation, why) = (intent.id, intent.operation.clone(), reason.to_owned());
        let written = self.persist(move |connection| {
            outbox::retry(connection, id, &operation, due_at_ms, !limited, &why, at_ms)
        });
        if written.await.is_none() {
            return;
        }
        intent.failures += u32::from(!limited);
        intent.state = "queued".to_owned();
        self.publish(Event::IntentRetried {
            intent: id,
            conversation: intent.operation.conversation().clone(),
            after_ms,
            reason: reason.to_owned(),
            limited,
        });
        self.hold(after_ms, whole_account);
        self.put_back(false, intent.clone());
    }
}

/// Adds the note to a late reply; only its first part carries it.
fn dressed(intent: &Intent, age_ms: i64) -> Operation {
    let mut operation = intent.operation.clone();
    if deliver::freshness(age_ms) == Freshness::Delayed
        && intent.part == 0
        && let Operation::Text { text, .. } | Operation::Edit { text, .. } = &mut operation
    {
        text.markup.insert_str(0, DELAYED_NOTE);
        text.plain.insert_str(0, DELAYED_NOTE);
    }
    operation
}

/// What says the words of an edit when the message to edit is gone.
fn as_new_message(operation: &Operation) -> Option<Operation> {
    match operation {
        Operation::Edit {
            conversation,
            text,
            plain,
            ..
        } => Some(Operation::Text {
            target: ReplyTarget {
                conversation: conversation.clone(),
                reply_to: None,
            },
            text: text.clone(),
            plain: *plain,
        }),
        Operation::Text { .. }
        | Operation::Delete { .. }
        | Operation::Typing { .. }
        | Operation::Draft { .. } => None,
    }
}

/// Rewrites the conversation of an operation after its chat moved.
fn move_to(operation: &mut Operation, peer_id: &Arc<str>) {
    let conversation = match operation {
        Operation::Text { target, .. } => {
            // A message id of the old chat means nothing in the new one.
            target.reply_to = None;
            &mut target.conversation
        }
        Operation::Edit { conversation, .. }
        | Operation::Delete { conversation, .. }
        | Operation::Typing { conversation }
        | Operation::Draft { conversation, .. } => conversation,
    };
    conversation.peer.id = Arc::clone(peer_id);
}
