//! Which models and providers are left alone for a while, because they failed a moment ago.

use std::collections::BTreeMap;

use torana_core::run::ModelRef;

/// Rest after the first, second and every further failure in a row (behaviour §9).
const STEPS_MS: [u64; 3] = [30_000, 60_000, 300_000];
/// A wrong key or an empty account is not mended sooner (behaviour §9).
const DISABLED_MS: u64 = 600_000;
/// Models a person may have named by hand; beyond it the rest that ends soonest is forgotten.
const ENTRIES_MAX: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    until_ms: u64,
    failures: usize,
}

/// Rests of models and of whole providers, in monotonic milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cooldowns {
    models: BTreeMap<ModelRef, Rest>,
    providers: BTreeMap<String, u64>,
}

impl Cooldowns {
    /// Until when a model rests, if it does.
    pub fn until(&self, model: &ModelRef, now_ms: u64) -> Option<u64> {
        let own = self.models.get(model).map(|rest| rest.until_ms);
        let provider = self.providers.get(&model.provider).copied();
        own.max(provider).filter(|until_ms| *until_ms > now_ms)
    }

    /// One model failed: it rests, longer each time, and at least as long as its provider asked for.
    pub fn rest(&mut self, model: &ModelRef, now_ms: u64, at_least_ms: u64) {
        if self.models.len() >= ENTRIES_MAX && !self.models.contains_key(model) {
            let soonest = self
                .models
                .iter()
                .min_by_key(|(_, rest)| rest.until_ms)
                .map(|(model, _)| model.clone());
            if let Some(soonest) = soonest {
                self.models.remove(&soonest);
            }
        }
        let rest = self.models.entry(model.clone()).or_insert(Rest {
            until_ms: 0,
            failures: 0,
        });
        let step_ms = STEPS_MS[rest.failures.min(STEPS_MS.len() - 1)];
        rest.failures = rest.failures.saturating_add(1);
        rest.until_ms = now_ms.saturating_add(step_ms.max(at_least_ms));
    }

    /// The account itself failed: all its models rest.
    pub fn disable(&mut self, provider: &str, now_ms: u64) {
        self.providers
            .insert(provider.to_owned(), now_ms.saturating_add(DISABLED_MS));
    }

    /// A model answered: it and its account are fine.
    pub fn clear(&mut self, model: &ModelRef) {
        self.models.remove(model);
        self.providers.remove(&model.provider);
    }
}
