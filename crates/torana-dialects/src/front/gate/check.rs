//! The asynchronous side of the gate: compares digests in constant time and waits out what the machines say.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use torana_core::port::World;

use super::hooks::Hooks;
use super::throttle::{Class, IN_FLIGHT_MAX, Lockout, Place, Source, Throttle};
use crate::context::{AuthMode, FrontSettings};

/// A shared secret at least this long is taken for 128 random bits (control decision 16).
const STRONG_CHARS_MIN: usize = 32;
/// Longest wait for a turn; half the handshake time, so that the client gets an answer.
const TURN_MS_MAX: u64 = 7_500;
/// Advice to somebody who was not let into the queue.
const CROWDED_MS: u64 = 1_000;
/// Spread added to a wait, so that turns go to whoever wakes first, not to whoever came first.
const JITTER_MS: u64 = 50;

/// The verdict on a presented secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateOutcome {
    /// Right.
    Accepted,
    /// Wrong; the answer was delayed already.
    Wrong,
    /// Not evaluated: too many wrong ones came from there.
    Limited {
        /// When to come again.
        retry_after_ms: u64,
    },
}

/// One presented secret.
pub(crate) struct Attempt<'a> {
    /// What was presented.
    pub(crate) presented: &'a str,
    /// SHA-256 of what is expected; `None` when nothing is, which is always wrong.
    pub(crate) expected: Option<[u8; 32]>,
    /// The expected secret has at least 128 random bits.
    pub(crate) strong: bool,
    /// What kind of credential it is.
    pub(crate) class: Class,
    /// Where it comes from.
    pub(crate) source: &'a Source,
}

/// Checks secrets for all dialects. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    throttle: Mutex<Throttle>,
    hooks: Mutex<Hooks>,
    world: World,
}

/// A webhook request that was let in; dropping it frees its place.
pub(crate) struct HookPass {
    gate: Gate,
    place: Place,
}

/// SHA-256 of a secret, the only form in which secrets are compared.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

// === impl Gate ===

impl Gate {
    /// A gate that has seen nobody yet.
    pub fn new(world: World) -> Self {
        Self {
            inner: Arc::new(Inner {
                throttle: Mutex::default(),
                hooks: Mutex::default(),
                world,
            }),
        }
    }

    /// Changes when sources are locked out. Those that are stay so, except this machine where it is exempt now.
    pub fn set_lockout(&self, lockout: Lockout) {
        self.throttle().lockout = lockout;
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.inner
            .throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        self.inner
            .hooks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.inner.world.monotonic_ms()
    }

    /// Checks the shared secret. In mode `None` anything is right: the listener is on loopback only.
    pub(crate) async fn check_shared(
        &self,
        front: &FrontSettings,
        presented: &str,
        source: &Source,
    ) -> GateOutcome {
        let strong = match front.auth {
            AuthMode::None => return GateOutcome::Accepted,
            // Behind an identity proxy the secret is for this machine only; elsewhere it proves nothing.
            AuthMode::TrustedProxy if source.place != Place::Local || source.origin.is_some() => {
                return GateOutcome::Wrong;
            }
            AuthMode::Token | AuthMode::TrustedProxy => front
                .secret
                .as_ref()
                .is_some_and(|secret| secret.len() >= STRONG_CHARS_MIN),
            // People choose passwords, so length says nothing about randomness.
            AuthMode::Password => false,
        };
        let expected = front
            .secret
            .as_deref()
            .filter(|secret| !secret.is_empty())
            .map(digest);
        self.check(Attempt {
            presented,
            expected,
            strong,
            class: Class::Shared,
            source,
        })
        .await
    }

    /// Checks a secret. A missing one is not an attempt: do not call this for it.
    ///
    /// A strong right secret is accepted at once from this machine whatever others do there, and a device token behind
    /// a verified signature from anywhere; comparing more of them a second tells a guesser nothing (decision 36).
    pub(crate) async fn check(&self, attempt: Attempt<'_>) -> GateOutcome {
        let Attempt {
            presented,
            expected,
            strong,
            class,
            source,
        } = attempt;
        let presented = digest(presented);
        // A missing expectation is compared like any other, and then refused.
        let is_equal = presented.ct_eq(&expected.unwrap_or_default());
        let is_right = bool::from(is_equal) && expected.is_some();
        let locked_ms = self.throttle().locked_ms(source, class, self.now_ms());
        let is_at_once = class == Class::Device
            || (strong && source.place == Place::Local && locked_ms.is_none());
        if is_right && is_at_once {
            self.throttle().succeeded(source, class);
            return GateOutcome::Accepted;
        }
        if let Some(retry_after_ms) = locked_ms {
            return GateOutcome::Limited { retry_after_ms };
        }
        let lot = self.inner.world.below(IN_FLIGHT_MAX as u64 + 1);
        let ticket =
            self.throttle()
                .enter(source, class, usize::try_from(lot).unwrap_or(IN_FLIGHT_MAX));
        let Some(ticket) = ticket else {
            return GateOutcome::Limited {
                retry_after_ms: CROWDED_MS,
            };
        };
        let _leave = Leave {
            gate: self,
            source,
            class,
            ticket: ticket.id,
        };
        tokio::select! {
            biased;
            () = ticket.dropped.cancelled() => GateOutcome::Limited { retry_after_ms: CROWDED_MS },
            outcome = self.in_turn(is_right, source, class) => outcome,
        }
    }

    async fn in_turn(&self, is_right: bool, source: &Source, class: Class) -> GateOutcome {
        let world = &self.inner.world;
        let deadline_ms = self.now_ms() + TURN_MS_MAX;
        loop {
            let now_ms = self.now_ms();
            let turn = self.throttle().evaluate(source, class, now_ms);
            match turn {
                Ok(()) => break,
                Err(wait_ms) if now_ms + wait_ms > deadline_ms => {
                    return GateOutcome::Limited {
                        retry_after_ms: wait_ms.max(CROWDED_MS),
                    };
                }
                Err(wait_ms) => world.sleep_ms(wait_ms + world.below(JITTER_MS)).await,
            }
        }
        // Others of the same source may have been wrong meanwhile.
        let locked_ms = self.throttle().locked_ms(source, class, self.now_ms());
        if let Some(retry_after_ms) = locked_ms {
            return GateOutcome::Limited { retry_after_ms };
        }
        if is_right {
            self.throttle().succeeded(source, class);
            return GateOutcome::Accepted;
        }
        let delay_ms = self.throttle().failed(source, class, self.now_ms());
        if delay_ms > 0 {
            world.sleep_ms(delay_ms).await;
        }
        GateOutcome::Wrong
    }

    /// Lets a webhook request in, or says after how many milliseconds to come again.
    pub(crate) fn hook(&self, source: &Source) -> Result<HookPass, u64> {
        let place = source.place.clone();
        self.hooks().begin(&place, self.now_ms())?;
        Ok(HookPass {
            gate: self.clone(),
            place,
        })
    }
}

struct Leave<'a> {
    gate: &'a Gate,
    source: &'a Source,
    class: Class,
    ticket: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.gate
            .throttle()
            .leave(self.source, self.class, self.ticket);
    }
}

// === impl HookPass ===

impl HookPass {
    /// The request proved genuine: nothing is held against its source.
    pub(crate) fn genuine(&self) {
        self.gate.hooks().genuine(&self.place);
    }
}

impl HookPass {
    /// The request could not be judged: it is not held against its source.
    pub(crate) fn forgive(&self) {
        self.gate.hooks().forgive(&self.place);
    }
}

impl Drop for HookPass {
    fn drop(&mut self) {
        self.gate.hooks().end(&self.place);
    }
}
