//! The way in: long polls that return what happened, or nothing, or fail.

use std::sync::Arc;

use torana_core::id::AccountId;
use torana_core::port::{Batch, BoxFuture, Receive, ReceiveFailure};

use super::fault::Faults;
use super::state::Platform;
use crate::process::Link;

/// A poll without news returns after this long, like the platforms we know.
const POLL_MS: u64 = 25_000;
/// Updates in one batch at most; platforms give up to a hundred, a few make more edges.
const BATCH_MAX: u64 = 12;

pub(super) struct ScriptedReceive {
    platform: Arc<Platform>,
    account: AccountId,
    faults: Faults,
    link: Link,
}

impl ScriptedReceive {
    pub(super) fn new(
        platform: Arc<Platform>,
        account: AccountId,
        faults: Faults,
        link: Link,
    ) -> Self {
        Self {
            platform,
            account,
            faults,
            link,
        }
    }

    fn failure(&self) -> ReceiveFailure {
        let after_ms = self
            .link
            .dice(|dice| dice.chance(300).then(|| dice.below(5_000)));
        ReceiveFailure::Retry {
            after_ms,
            reason: "the platform is not reachable".to_owned(),
        }
    }

    fn batch(&self, mut due: Vec<(u64, torana_core::message::Inbound)>) -> Batch {
        let size = usize::try_from(self.link.dice(|dice| dice.between(1, BATCH_MAX)))
            .expect("a small number");
        due.truncate(size);
        let position = due.last().map_or(0, |(position, _)| *position);
        let mut updates: Vec<_> = due.into_iter().map(|(_, inbound)| inbound).collect();
        if self.link.dice(|dice| dice.chance(self.faults.repeated)) {
            let back = self.link.dice(|dice| dice.below(10));
            if let Some(stale) = self.platform.stale(&self.account, back) {
                updates.insert(0, stale);
            }
            if let Some(twice) = updates.last().cloned() {
                updates.push(twice);
            }
        }
        Batch { updates, position }
    }
}

impl Receive for ScriptedReceive {
    fn next(&mut self) -> BoxFuture<'_, Result<Batch, ReceiveFailure>> {
        Box::pin(async move {
            self.link.process.pass().await;
            let delay_ms = self
                .link
                .dice(|dice| dice.delay_ms(self.faults.delay_ms_max));
            self.link.clock.sleep_ms(delay_ms).await;
            if self.link.dice(|dice| dice.chance(self.faults.receive)) {
                self.link.process.pass().await;
                return Err(self.failure());
            }
            let mut found = self
                .platform
                .pending(&self.account, self.link.clock.true_ms());
            if found.0.is_empty() {
                let wait_ms = found.1.map_or(POLL_MS, |next_ms| {
                    u64::try_from(next_ms - self.link.clock.true_ms())
                        .unwrap_or(0)
                        .min(POLL_MS)
                });
                self.link.clock.sleep_ms(wait_ms).await;
                found = self
                    .platform
                    .pending(&self.account, self.link.clock.true_ms());
            }
            self.link.process.pass().await;
            if found.0.is_empty() {
                return Ok(Batch {
                    updates: Vec::new(),
                    position: self.platform.position(&self.account),
                });
            }
            Ok(self.batch(found.0))
        })
    }

    fn acknowledge(&mut self, position: u64) -> BoxFuture<'_, Result<(), ReceiveFailure>> {
        Box::pin(async move {
            self.link.process.pass().await;
            let (fails, too_late) = self
                .link
                .dice(|dice| (dice.chance(self.faults.acknowledge), dice.chance(500)));
            if fails && !too_late {
                return Err(self.failure());
            }
            self.platform
                .acknowledge(&self.account, position, self.link.clock.true_ms());
            if fails { Err(self.failure()) } else { Ok(()) }
        })
    }
}
