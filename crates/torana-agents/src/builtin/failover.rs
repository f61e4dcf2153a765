//! Decides after every attempt whether to try again, to change the model or to give up. Pure: time and randomness are
//! arguments, resting models are in [`Cooldowns`].
//!
//! The figures are those of behaviour §9, inside the ten minutes per turn of R-09.

use torana_core::run::{FailureKind, ModelRef};

use super::cooldown::Cooldowns;
use crate::provider::ProviderFailure;

/// Attempts at one model that keeps answering 429 (behaviour §9).
pub(crate) const LIMITED_ATTEMPTS_MAX: u32 = 10;
/// Retries of one model after other passing failures (behaviour §9).
pub(crate) const TRANSIENT_RETRIES_MAX: u32 = 8;
/// The time those retries may take, from the first failure on (behaviour §9).
pub(crate) const TRANSIENT_WINDOW_MS: u64 = 90_000;
/// No attempt begins later than this after the turn's first one.
pub(crate) const TURN_BUDGET_MS: u64 = 600_000;
/// A server that wants a longer wait is left for the next model (behaviour §9).
pub(crate) const SERVER_WAIT_MS_MAX: u64 = 60_000;
/// When every model rests, a rest that ends within this time is waited for: half a minute is what people bear.
pub(crate) const REST_WAIT_MS_MAX: u64 = 30_000;
/// First and longest pause between attempts (behaviour §9).
const PAUSE_MS_FIRST: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 30_000;
/// Full jitter may come out as nothing; this keeps a failing server from being asked in a tight loop.
const PAUSE_MS_MIN: u64 = 100;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Wait, then ask this model.
    Call {
        /// The model.
        model: ModelRef,
        /// Milliseconds to wait first.
        after_ms: u64,
        /// Why this attempt happens.
        because: Because,
    },
    /// Stop; this is the failure to report, of this model.
    GiveUp {
        /// Why.
        failure: ProviderFailure,
        /// The model that failed last.
        model: Option<ModelRef>,
        /// Attempts made at it.
        attempts: u32,
    },
}

/// Why an attempt happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Because {
    /// It is the first of the turn.
    First,
    /// The same model failed in a way that may pass.
    Retry {
        /// Number of this attempt, from 2.
        attempt: u32,
        /// What failed.
        reason: FailureKind,
    },
    /// Another model failed for good, or rests after it did.
    Fallback {
        /// Which.
        from: ModelRef,
        /// How.
        reason: FailureKind,
    },
}

/// The failover of one turn.
#[derive(Debug, Clone)]
pub struct Failover {
    candidates: Vec<ModelRef>,
    // Candidates not asked yet, by index.
    untried: Vec<usize>,
    current: Option<usize>,
    started_ms: u64,
    deadline_ms: u64,
    attempts: u32,
    limited: u32,
    transient: u32,
    transient_since_ms: Option<u64>,
    unreadable: u32,
    // The model is resting and asked once nevertheless, because nothing else is there.
    is_probe: bool,
}

impl Failover {
    /// A turn over these models, in order of preference. An explicit choice is a list of one, so it never falls back.
    pub fn new(candidates: Vec<ModelRef>, now_ms: u64, deadline_ms: u64) -> Self {
        let mut unique: Vec<ModelRef> = Vec::with_capacity(candidates.len());
        for model in candidates {
            if !unique.contains(&model) {
                unique.push(model);
            }
        }
        Self {
            untried: (0..unique.len()).collect(),
            candidates: unique,
            current: None,
            started_ms: now_ms,
            deadline_ms,
            attempts: 0,
            limited: 0,
            transient: 0,
            transient_since_ms: None,
            unreadable: 0,
            is_probe: false,
        }
    }

    /// The first step: the first model that is not resting; else the one whose rest ends soonest, after that rest when it
    /// is short, or at once as a probe. A person who just mended something should not have to wait minutes to see it.
    pub fn begin(&mut self, cooldowns: &Cooldowns, now_ms: u64) -> Step {
        let Some((index, wait_ms)) = self.choose(cooldowns, now_ms) else {
            let failure =
                ProviderFailure::new(FailureKind::NotConfigured, "no model is configured");
            return Step::GiveUp {
                failure,
                model: None,
                attempts: 0,
            };
        };
        self.is_probe =
            wait_ms > REST_WAIT_MS_MAX || !self.may_begin(now_ms.saturating_add(wait_ms));
        let after_ms = if self.is_probe { 0 } else { wait_ms };
        let because = match self.candidates.first() {
            // The preferred model still rests, so another one takes over from the start.
            Some(first) if index > 0 => Because::Fallback {
                from: first.clone(),
                reason: FailureKind::Unavailable,
            },
            _ => Because::First,
        };
        self.call(index, after_ms, because)
    }

    /// The attempt failed. `random` is any number; it only spreads the pauses.
    pub fn failed(
        &mut self,
        failure: ProviderFailure,
        cooldowns: &mut Cooldowns,
        now_ms: u64,
        random: u64,
    ) -> Step {
        let Some(model) = self.current.map(|index| self.candidates[index].clone()) else {
            return Step::GiveUp {
                failure,
                model: None,
                attempts: 0,
            };
        };
        match failure.kind {
            FailureKind::RateLimit | FailureKind::Timeout | FailureKind::Unavailable => {
                if let Some(pause_ms) = self.pause(&failure, now_ms, random) {
                    let because = Because::Retry {
                        attempt: self.attempts + 1,
                        reason: failure.kind,
                    };
                    return self.call_again(model, pause_ms, because);
                }
                cooldowns.rest(&model, now_ms, failure.retry_after_ms.unwrap_or(0));
                self.fall_back(failure, model, cooldowns, now_ms)
            }
            FailureKind::Auth | FailureKind::Billing => {
                cooldowns.disable(&model.provider, now_ms);
                self.fall_back(failure, model, cooldowns, now_ms)
            }
            FailureKind::ModelNotFound => {
                cooldowns.rest(&model, now_ms, 0);
                self.fall_back(failure, model, cooldowns, now_ms)
            }
            FailureKind::NotConfigured => self.fall_back(failure, model, cooldowns, now_ms),
            FailureKind::Format
                if failure.unreadable
                    && self.unreadable == 0
                    && self.may_begin(now_ms.saturating_add(PAUSE_MS_FIRST)) =>
            {
                self.unreadable += 1;
                let because = Because::Retry {
                    attempt: self.attempts + 1,
                    reason: failure.kind,
                };
                self.call_again(model, PAUSE_MS_FIRST, because)
            }
            // The question is the problem, so another model or another time would not help.
            FailureKind::Format
            | FailureKind::ContextLength
            | FailureKind::Refusal
            | FailureKind::Internal => self.give_up(failure, model),
        }
    }

    /// The attempt succeeded.
    pub fn succeeded(&self, cooldowns: &mut Cooldowns) {
        if let Some(index) = self.current {
            cooldowns.clear(&self.candidates[index]);
        }
    }

    /// The pause before the same model is asked again, or `None` when it has had its chances.
    fn pause(&mut self, failure: &ProviderFailure, now_ms: u64, random: u64) -> Option<u64> {
        if self.is_probe {
            return None;
        }
        let server_ms = failure.retry_after_ms.unwrap_or(0);
        if server_ms > SERVER_WAIT_MS_MAX {
            return None;
        }
        let limited = failure.kind == FailureKind::RateLimit;
        let failures = if limited {
            self.limited += 1;
            self.limited
        } else {
            self.transient += 1;
            self.transient
        };
        let pause_ms = pause_ms(failures, random).max(server_ms);
        let begins_ms = now_ms.saturating_add(pause_ms);
        let within = if limited {
            failures < LIMITED_ATTEMPTS_MAX
        } else {
            let since_ms = *self.transient_since_ms.get_or_insert(now_ms);
            failures <= TRANSIENT_RETRIES_MAX
                && begins_ms <= since_ms.saturating_add(TRANSIENT_WINDOW_MS)
        };
        (within && self.may_begin(begins_ms)).then_some(pause_ms)
    }

    fn may_begin(&self, at_ms: u64) -> bool {
        at_ms <= self.started_ms.saturating_add(TURN_BUDGET_MS) && at_ms < self.deadline_ms
    }

    fn fall_back(
        &mut self,
        failure: ProviderFailure,
        from: ModelRef,
        cooldowns: &Cooldowns,
        now_ms: u64,
    ) -> Step {
        match self.choose(cooldowns, now_ms) {
            Some((index, wait_ms))
                if wait_ms <= REST_WAIT_MS_MAX
                    && self.may_begin(now_ms.saturating_add(wait_ms)) =>
            {
                self.is_probe = false;
                self.call(
                    index,
                    wait_ms,
                    Because::Fallback {
                        from,
                        reason: failure.kind,
                    },
                )
            }
            _ => self.give_up(failure, from),
        }
    }

    fn give_up(&self, failure: ProviderFailure, model: ModelRef) -> Step {
        Step::GiveUp {
            failure,
            model: Some(model),
            attempts: self.attempts,
        }
    }

    /// The best model not asked yet, with the time until its rest ends.
    fn choose(&self, cooldowns: &Cooldowns, now_ms: u64) -> Option<(usize, u64)> {
        self.untried
            .iter()
            .map(|index| {
                let until_ms = cooldowns
                    .until(&self.candidates[*index], now_ms)
                    .unwrap_or(now_ms);
                (*index, until_ms.saturating_sub(now_ms))
            })
            .min_by_key(|(_, wait_ms)| *wait_ms)
    }

    fn call(&mut self, index: usize, after_ms: u64, because: Because) -> Step {
        self.untried.retain(|untried| *untried != index);
        self.current = Some(index);
        (self.attempts, self.limited, self.transient, self.unreadable) = (0, 0, 0, 0);
        self.transient_since_ms = None;
        self.call_again(self.candidates[index].clone(), after_ms, because)
    }

    fn call_again(&mut self, model: ModelRef, after_ms: u64, because: Because) -> Step {
        self.attempts += 1;
        Step::Call {
            model,
            after_ms,
            because,
        }
    }
}

/// Full jitter under a doubling ceiling.
fn pause_ms(failures: u32, random: u64) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling_ms = (PAUSE_MS_FIRST << doublings).min(PAUSE_MS_MAX);
    (random % (ceiling_ms + 1)).max(PAUSE_MS_MIN)
}
