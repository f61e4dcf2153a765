//! The pump of one conversation: one intent after the other, each with its attempt on disk before the first byte.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use torana_core::deliver::{self, Attempt, Freshness, Importance, Next, ParkReason};
use torana_core::event::Event;
use torana_core::id::IntentId;
use torana_core::limit::{POISON_NAMED_MAX, PREVIEW_STALE_MS};
use torana_core::message::{Operation, Receipt};
use torana_core::port::{SendFailure, Transmit};

use super::lanes::{Passing, Queued, Step};
use super::{AccountKey, Delivery};
use crate::store::StoreError;
use crate::store::outbox::{self, Intent};
use crate::supervise::panic_text;

/// Longest a platform may take for one request, milliseconds; after it the outcome is unknown.
const TRANSMIT_MS_MAX: u64 = 60_000;
/// Wait before a store write is repeated while the disk is full, milliseconds.
const STORE_RETRY_MS: u64 = 1_000;
/// How often a conversation may have moved on during one delivery. A group becomes a large group once in its life;
/// platforms that send us round in circles must not keep the conversation busy for ever.
const MOVES_MAX: u32 = 3;
/// Note before a reply that is late (decision 13); plain characters are the same in every markup.
const DELAYED_NOTE: &str = "(delayed) ";

/// Runs until the lane is empty.
pub(super) async fn run(delivery: Delivery, key: AccountKey, lane: String) {
    let mut panics = BTreeMap::new();
    loop {
        let now_ms = delivery.inner.world.monotonic_ms();
        let step = {
            let mut accounts = delivery.lock();
            let out = accounts.get_mut(&key);
            // What is begun goes out in any case: nothing is begun while delivery rests.
            match out {
                Some(_) if delivery.is_resting() => Step::Rest,
                Some(out) => out.step(&lane, now_ms),
                None => Step::End,
            }
        };
        match step {
            Step::End => return,
            Step::Rest => {
                let mut resting = delivery.inner.resting.subscribe();
                if resting.wait_for(|resting| !resting).await.is_err() {
                    return;
                }
            }
            Step::Wait(wait_ms) => delivery.inner.world.sleep_ms(wait_ms.max(1)).await,
            Step::Pass(passing) => {
                let passed = AssertUnwindSafe(pass(&delivery, &key, &lane, passing));
                if let Err(panic) = passed.catch_unwind().await {
                    // It is only shown in passing: the replies behind it go on.
                    let text = panic_text(panic.as_ref());
                    drop(panic);
                    let task = format!("preview {}/{}", key.0, key.1);
                    tracing::error!(task, panic = %text, "A preview panicked.");
                    delivery.inner.bus.publish(Event::TaskPanicked { task });
                }
            }
            Step::Send(queued) => {
                let mut next = Some(queued);
                while let Some(queued) = next {
                    let id = queued.id;
                    let sending = AssertUnwindSafe(send(&delivery, &key, &lane, queued));
                    next = match sending.catch_unwind().await {
                        Ok(next) => next,
                        Err(panic) => {
                            let count = panics.entry(id).or_insert(0);
                            *count += 1;
                            let text = panic_text(panic.as_ref());
                            drop(panic);
                            stumbled(&delivery, &key, &lane, id, *count, &text).await;
                            None
                        }
                    };
                }
            }
        }
    }
}

/// Sending one intent panicked: the store still has it, so it is taken up again a little later, and set aside when it
/// does so each time.
async fn stumbled(
    delivery: &Delivery,
    key: &AccountKey,
    lane: &str,
    id: IntentId,
    panics: u32,
    text: &str,
) {
    tracing::error!(intent = %id, panic = %text, "A delivery panicked.");
    delivery.inner.bus.publish(Event::TaskPanicked {
        task: format!("delivery of intent {id}"),
    });
    let queued = Queued {
        id,
        intent: None,
        begun: false,
        // Nobody knows how far it came.
        after_crash: true,
    };
    if panics >= POISON_NAMED_MAX {
        if let Some(intent) = load(delivery, &queued).await {
            let why = "poison: it crashed the gateway's own code three times";
            park(delivery, &intent, why).await;
        }
        return;
    }
    hold(delivery, key, lane, STORE_RETRY_MS << panics.min(5), false);
    if let Some(out) = delivery.lock().get_mut(key) {
        out.put_back(lane, queued);
    }
}

fn transmit_of(delivery: &Delivery, key: &AccountKey) -> Option<(Arc<dyn Transmit>, bool)> {
    let accounts = delivery.lock();
    let out = accounts.get(key)?;
    Some((Arc::clone(out.transmit.as_ref()?), out.limits.idempotent))
}

async fn attempt(
    delivery: &Delivery,
    key: &AccountKey,
    transmit: &dyn Transmit,
    operation: &Operation,
    nonce: &str,
) -> Result<Receipt, SendFailure> {
    let slots = delivery.slots(key);
    let _slot = slots.acquire().await;
    tokio::select! {
        biased;
        outcome = transmit.transmit(operation, nonce) => outcome,
        () = delivery.inner.world.sleep_ms(TRANSMIT_MS_MAX) => {
            Err(SendFailure::Unknown { reason: "the platform did not answer within 60 s".to_owned() })
        }
    }
}

async fn pass(delivery: &Delivery, key: &AccountKey, lane: &str, passing: Passing) {
    let age_ms = delivery
        .inner
        .world
        .monotonic_ms()
        .saturating_sub(passing.at_ms);
    // Nobody waits for it any more, or it would show something long past.
    if passing.outcome.is_closed()
        && !matches!(
            passing.operation,
            Operation::Delete { .. } | Operation::Typing { .. }
        )
        || age_ms > PREVIEW_STALE_MS
    {
        return;
    }
    let Some((transmit, _)) = transmit_of(delivery, key) else {
        return;
    };
    let outcome = attempt(delivery, key, transmit.as_ref(), &passing.operation, "").await;
    if let Err(SendFailure::Retry {
        after_ms: Some(after_ms),
        whole_account,
        ..
    }) = &outcome
    {
        let until_ms = delivery
            .inner
            .world
            .monotonic_ms()
            .saturating_add(*after_ms);
        if let Some(out) = delivery.lock().get_mut(key) {
            out.hold(lane, until_ms, *whole_account);
        }
    }
    // The run that asked may be gone; then nobody needs to know.
    drop(passing.outcome.send(outcome));
}

/// Sends one intent to its end or to its next wait. Returns the following intent when its attempt joined the receipt.
async fn send(delivery: &Delivery, key: &AccountKey, lane: &str, queued: Queued) -> Option<Queued> {
    let mut intent = load(delivery, &queued).await?;
    let Some((transmit, idempotent)) = transmit_of(delivery, key) else {
        put_back(delivery, key, lane, queued.begun, intent);
        return None;
    };
    let now_ms = delivery.inner.world.wall_ms();
    let wait_ms = u64::try_from(intent.due_at_ms.saturating_sub(now_ms)).unwrap_or(0);
    if !queued.begun && wait_ms > 0 && intent.state == "retry" {
        hold(
            delivery,
            key,
            lane,
            wait_ms.min(deliver_wait_ms_max()),
            false,
        );
        put_back(delivery, key, lane, false, intent);
        return None;
    }
    let age_ms = age_ms(delivery, &intent);
    if deliver::freshness(age_ms) == Freshness::Stale {
        park(delivery, &intent, deliver::ParkReason::Stale.as_str()).await;
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
        jitter: delivery.inner.world.below(u64::MAX),
    };
    let mut resend = false;
    if queued.after_crash {
        // The process died between request and receipt. Every death is its own doubt, so earlier ones do not count.
        resend = deliver::after_unknown(&facts(&intent, false)) == Next::ResendFlagged;
    }
    if !queued.begun && !begin(delivery, &mut intent, resend).await {
        return None;
    }
    let mut moves = 0;
    loop {
        let operation = dressed(&intent, age_ms);
        match attempt(delivery, key, transmit.as_ref(), &operation, &intent.nonce).await {
            Ok(receipt) => return accept(delivery, key, lane, &intent, receipt).await,
            Err(failure) => {
                let next = deliver::after_failure(
                    &facts(&intent, intent.resent > 0 && !queued.after_crash),
                    &failure,
                );
                moves += u32::from(next == Next::Move);
                let next = if moves > MOVES_MAX {
                    Next::Park(ParkReason::Rejected)
                } else {
                    next
                };
                if !follow(delivery, key, lane, &mut intent, &failure, next).await {
                    return None;
                }
            }
        }
    }
}

/// How old an intent is. Only what another life left is judged by the wall clock, which may have jumped.
fn age_ms(delivery: &Delivery, intent: &Intent) -> i64 {
    let world = &delivery.inner.world;
    match intent.taken_ms {
        Some(taken_ms) => {
            let age_ms = world.monotonic_ms().saturating_sub(taken_ms);
            i64::try_from(age_ms).unwrap_or(i64::MAX)
        }
        None => {
            let steady_ms = delivery.inner.steady.now_ms(world);
            steady_ms.saturating_sub(intent.created_at_ms)
        }
    }
}

fn deliver_wait_ms_max() -> u64 {
    // A stored due time may lie far ahead when the wall clock jumped; an hour bounds the damage.
    3_600_000
}

async fn load(delivery: &Delivery, queued: &Queued) -> Option<Intent> {
    if let Some(intent) = &queued.intent {
        return Some(intent.as_ref().clone());
    }
    let id = queued.id;
    loop {
        match delivery
            .inner
            .store
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
                delivery.inner.world.sleep_ms(STORE_RETRY_MS).await;
            }
        }
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

/// Writes until it is on disk; `false` when the row was moved by somebody else or the store is closed.
async fn persist<F>(delivery: &Delivery, write: F) -> bool
where
    F: Fn(&rusqlite::Connection) -> Result<(), StoreError> + Clone + Send + 'static,
{
    persisted(delivery, write).await.is_some()
}

/// The same for a write that has something to tell.
async fn persisted<T, F>(delivery: &Delivery, write: F) -> Option<T>
where
    T: Send + 'static,
    F: Fn(&rusqlite::Connection) -> Result<T, StoreError> + Clone + Send + 'static,
{
    loop {
        let write = write.clone();
        match delivery
            .inner
            .store
            .write(move |connection| write(connection))
            .await
        {
            Ok(told) => return Some(told),
            Err(StoreError::Moved | StoreError::Closed | StoreError::Flush) => return None,
            Err(error @ (StoreError::Full | StoreError::Database(_))) => {
                tracing::error!(%error, "A delivery record could not be written; trying again.");
                delivery.inner.world.sleep_ms(STORE_RETRY_MS).await;
            }
        }
    }
}

async fn begin(delivery: &Delivery, intent: &mut Intent, resend: bool) -> bool {
    let (id, at_ms) = (intent.id, delivery.inner.world.wall_ms());
    if !persist(delivery, move |connection| {
        outbox::begin(connection, id, resend, at_ms)
    })
    .await
    {
        return false;
    }
    intent.attempt += 1;
    if resend {
        intent.resent += 1;
        delivery.inner.bus.publish(Event::IntentResent {
            intent: id,
            conversation: intent.operation.conversation().clone(),
        });
    }
    true
}

async fn accept(
    delivery: &Delivery,
    key: &AccountKey,
    lane: &str,
    intent: &Intent,
    receipt: Receipt,
) -> Option<Queued> {
    let at_ms = delivery.inner.world.wall_ms();
    let next = delivery
        .lock()
        .get_mut(key)
        .and_then(|out| out.next_now(lane, delivery.inner.world.monotonic_ms()));
    let (id, next_id) = (intent.id, next.as_ref().map(|queued| queued.id));
    let stored = persisted(delivery, move |connection| {
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
    })
    .await;
    let Some(begun) = stored else {
        if let Some(queued) = next
            && let Some(out) = delivery.lock().get_mut(key)
        {
            out.put_back(lane, queued);
        }
        return None;
    };
    delivery.inner.bus.publish(Event::IntentAccepted {
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

fn hold(delivery: &Delivery, key: &AccountKey, lane: &str, wait_ms: u64, whole_account: bool) {
    let until_ms = delivery.inner.world.monotonic_ms().saturating_add(wait_ms);
    if let Some(out) = delivery.lock().get_mut(key) {
        out.hold(lane, until_ms, whole_account);
    }
}

fn put_back(delivery: &Delivery, key: &AccountKey, lane: &str, begun: bool, intent: Intent) {
    if let Some(out) = delivery.lock().get_mut(key) {
        out.put_back(
            lane,
            Queued {
                id: intent.id,
                intent: Some(Box::new(intent)),
                begun,
                after_crash: false,
            },
        );
    }
}

async fn park(delivery: &Delivery, intent: &Intent, reason: &str) {
    let (id, at_ms, stored_reason) = (intent.id, delivery.inner.world.wall_ms(), reason.to_owned());
    if persist(delivery, move |connection| {
        outbox::park(connection, id, &stored_reason, at_ms)
    })
    .await
    {
        delivery.inner.bus.publish(Event::IntentParked {
            intent: id,
            conversation: intent.operation.conversation().clone(),
            reason: reason.to_owned(),
        });
    }
}

/// Carries out what was decided after a failure. `true`: try again right now.
async fn follow(
    delivery: &Delivery,
    key: &AccountKey,
    lane: &str,
    intent: &mut Intent,
    failure: &SendFailure,
    next: Next,
) -> bool {
    let reason = failure.to_string();
    match next {
        Next::Retry {
            after_ms,
            whole_account,
            counts,
        } => {
            let limited = !counts;
            retry_later(
                delivery,
                key,
                lane,
                intent,
                after_ms,
                whole_account,
                &reason,
                limited,
            )
            .await;
            false
        }
        Next::Plain => match intent.operation.without_markup() {
            Some(plain) => again(delivery, intent, plain, false, &reason).await,
            None => {
                park(delivery, intent, &format!("rejected: {reason}")).await;
                false
            }
        },
        Next::SendInstead => match as_new_message(&intent.operation) {
            Some(text) => again(delivery, intent, text, false, &reason).await,
            None if !matches!(intent.operation, Operation::Delete { .. }) => {
                // Nothing was to be edited, so nothing can be gone; the words must not count as sent.
                park(delivery, intent, &format!("rejected: {reason}")).await;
                false
            }
            None => {
                // The message to delete is gone already: that is what was wanted.
                let (id, at_ms) = (intent.id, delivery.inner.world.wall_ms());
                persist(delivery, move |connection| {
                    outbox::accept(connection, id, &Receipt::default(), at_ms)
                })
                .await;
                false
            }
        },
        Next::Move => {
            let mut operation = intent.operation.clone();
            if let SendFailure::Moved { peer_id } = failure {
                Delivery::moved(&mut operation, peer_id);
            }
            again(delivery, intent, operation, false, &reason).await
        }
        Next::ResendFlagged => {
            let operation = intent.operation.clone();
            again(delivery, intent, operation, true, &reason).await
        }
        Next::Park(why) => {
            park(delivery, intent, &format!("{}: {reason}", why.as_str())).await;
            false
        }
        Next::Discard => {
            park(delivery, intent, &reason).await;
            false
        }
        Next::StopAccount => {
            retry_later(delivery, key, lane, intent, 1, false, &reason, true).await;
            delivery.detach(&key.0, &key.1);
            delivery.inner.bus.publish(Event::Account {
                channel: key.0.clone(),
                account: key.1.clone(),
                state: torana_core::event::AccountState::Stopped(reason),
            });
            false
        }
    }
}

fn as_new_message(operation: &Operation) -> Option<Operation> {
    match operation {
        Operation::Edit {
            conversation,
            text,
            plain,
            ..
        } => Some(Operation::Text {
            target: torana_core::message::ReplyTarget {
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

/// Records a changed operation and its next attempt, to be made at once.
async fn again(
    delivery: &Delivery,
    intent: &mut Intent,
    operation: Operation,
    resend: bool,
    reason: &str,
) -> bool {
    let (id, at_ms) = (intent.id, delivery.inner.world.wall_ms());
    let (stored, why) = (operation.clone(), reason.to_owned());
    let written = persist(delivery, move |connection| {
        if resend {
            outbox::unknown(connection, id, &why, at_ms)?;
        } else {
            outbox::retry(connection, id, &stored, at_ms, false, &why, at_ms)?;
        }
        outbox::begin(connection, id, resend, at_ms)
    })
    .await;
    if written {
        intent.operation = operation;
        intent.attempt += 1;
        if resend {
            intent.resent += 1;
            delivery.inner.bus.publish(Event::IntentResent {
                intent: id,
                conversation: intent.operation.conversation().clone(),
            });
        }
    }
    written
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call site per decision; a struct would only rename them"
)]
async fn retry_later(
    delivery: &Delivery,
    key: &AccountKey,
    lane: &str,
    intent: &mut Intent,
    after_ms: u64,
    whole_account: bool,
    reason: &str,
    limited: bool,
) {
    let at_ms = delivery.inner.world.wall_ms();
    let due_at_ms = at_ms.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX));
    let (id, operation, why) = (intent.id, intent.operation.clone(), reason.to_owned());
    if !persist(delivery, move |connection| {
        outbox::retry(connection, id, &operation, due_at_ms, !limited, &why, at_ms)
    })
    .await
    {
        return;
    }
    intent.failures += u32::from(!limited);
    intent.state = "queued".to_owned();
    delivery.inner.bus.publish(Event::IntentRetried {
        intent: id,
        conversation: intent.operation.conversation().clone(),
        after_ms,
        reason: reason.to_owned(),
        limited,
    });
    hold(delivery, key, lane, after_ms, whole_account);
    put_back(delivery, key, lane, false, intent.clone());
}
