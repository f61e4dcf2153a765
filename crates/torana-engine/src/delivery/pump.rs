//! The pump of one conversation: one step after the other, as its lane says, until there is nothing left.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use torana_core::event::Event;
use torana_core::id::IntentId;
use torana_core::limit::{POISON_NAMED_MAX, PREVIEW_STALE_MS};
use torana_core::message::{Operation, Receipt};
use torana_core::port::{SendFailure, Transmit, World};

use super::lanes::{AccountOut, Passing, Queued, Step};
use super::shared::{AccountKey, Delivery};
use crate::store::STORE_RETRY_MS;
use crate::store::outbox::Intent;
use crate::supervise::panic_text;

/// Longest a platform may take for one request, milliseconds; after it the outcome is unknown.
const TRANSMIT_MS_MAX: u64 = 60_000;

/// The pump of one conversation of an account.
pub(super) struct Pump {
    pub(super) delivery: Delivery,
    pub(super) key: AccountKey,
    pub(super) lane: String,
}

impl Pump {
    /// Runs until the lane is empty.
    pub(super) async fn run(self) {
        let mut panics = BTreeMap::new();
        loop {
            match self.step() {
                Step::End => return,
                Step::Rest => {
                    let mut resting = self.delivery.inner.resting.subscribe();
                    if resting.wait_for(|resting| !resting).await.is_err() {
                        return;
                    }
                }
                Step::Wait(wait_ms) => self.world().sleep_ms(wait_ms.max(1)).await,
                Step::Pass(passing) => {
                    let passed = AssertUnwindSafe(self.pass(passing));
                    if let Err(panic) = passed.catch_unwind().await {
                        // It is only shown in passing: the replies behind it go on.
                        let text = panic_text(panic.as_ref());
                        drop(panic);
                        let task = format!("preview {}/{}", self.key.0, self.key.1);
                        tracing::error!(task, panic = %text, "A preview panicked.");
                        self.publish(Event::TaskPanicked { task });
                    }
                }
                Step::Send(queued) => self.send_on(queued, &mut panics).await,
            }
        }
    }

    fn step(&self) -> Step {
        let now_ms = self.world().monotonic_ms();
        let mut accounts = self.delivery.lock();
        // What is begun goes out in any case: nothing is begun while delivery rests.
        match accounts.get_mut(&self.key) {
            Some(_) if self.delivery.is_resting() => Step::Rest,
            Some(out) => out.step(&self.lane, now_ms),
            None => Step::End,
        }
    }

    /// Sends an intent, and those whose attempt began with the receipt of the one before.
    async fn send_on(&self, first: Queued, panics: &mut BTreeMap<IntentId, u32>) {
        let mut next = Some(first);
        while let Some(queued) = next {
            let id = queued.id;
            let sending = AssertUnwindSafe(self.send(queued));
            next = match sending.catch_unwind().await {
                Ok(next) => next,
                Err(panic) => {
                    let count = panics.entry(id).or_insert(0);
                    *count += 1;
                    let text = panic_text(panic.as_ref());
                    drop(panic);
                    self.stumbled(id, *count, &text).await;
                    None
                }
            };
        }
    }

    /// Sending one intent panicked: the store still has it, so it is taken up again a little later, and set aside when
    /// it does so each time.
    async fn stumbled(&self, id: IntentId, panics: u32, text: &str) {
        tracing::error!(intent = %id, panic = %text, "A delivery panicked.");
        self.publish(Event::TaskPanicked {
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
            if let Some(intent) = self.load(&queued).await {
                let why = "poison: it crashed the gateway's own code three times";
                self.park(&intent, why).await;
            }
            return;
        }
        self.hold(STORE_RETRY_MS << panics.min(5), false);
        self.requeue(queued);
    }

    /// Shows something that only matters now.
    async fn pass(&self, passing: Passing) {
        let age_ms = self.world().monotonic_ms().saturating_sub(passing.at_ms);
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
        let Some((transmit, _)) = self.transmit() else {
            return;
        };
        let outcome = self
            .attempt(transmit.as_ref(), &passing.operation, "")
            .await;
        if let Err(SendFailure::Retry {
            after_ms: Some(after_ms),
            whole_account,
            ..
        }) = &outcome
        {
            self.hold(*after_ms, *whole_account);
        }
        // The run that asked may be gone; then nobody needs to know.
        drop(passing.outcome.send(outcome));
    }

    /// The way out, and whether the platform recognises our nonce.
    pub(super) fn transmit(&self) -> Option<(Arc<dyn Transmit>, bool)> {
        let accounts = self.delivery.lock();
        let out = accounts.get(&self.key)?;
        Some((Arc::clone(out.transmit.as_ref()?), out.limits.idempotent))
    }

    /// One request to the platform.
    pub(super) async fn attempt(
        &self,
        transmit: &dyn Transmit,
        operation: &Operation,
        nonce: &str,
    ) -> Result<Receipt, SendFailure> {
        let slots = self.delivery.slots(&self.key);
        let _slot = slots.acquire().await;
        tokio::select! {
            biased;
            outcome = transmit.transmit(operation, nonce) => outcome,
            () = self.world().sleep_ms(TRANSMIT_MS_MAX) => {
                Err(SendFailure::Unknown { reason: "the platform did not answer within 60 s".to_owned() })
            }
        }
    }

    /// Nothing goes out in this conversation, or on the whole account, for a while.
    pub(super) fn hold(&self, wait_ms: u64, whole_account: bool) {
        let until_ms = self.world().monotonic_ms().saturating_add(wait_ms);
        self.with_account(|out| out.hold(&self.lane, until_ms, whole_account));
    }

    /// The intent is the next one of its conversation again.
    pub(super) fn put_back(&self, begun: bool, intent: Intent) {
        self.requeue(Queued {
            id: intent.id,
            intent: Some(Box::new(intent)),
            begun,
            after_crash: false,
        });
    }

    pub(super) fn requeue(&self, queued: Queued) {
        self.with_account(|out| out.put_back(&self.lane, queued));
    }

    /// Nothing to do when the account is gone: the store has what was open.
    fn with_account(&self, change: impl FnOnce(&mut AccountOut)) {
        if let Some(out) = self.delivery.lock().get_mut(&self.key) {
            change(out);
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.delivery.inner.world
    }

    pub(super) fn publish(&self, event: Event) {
        self.delivery.inner.bus.publish(event);
    }
}
