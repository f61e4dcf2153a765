//! A bounded map that forgets what was used longest ago, so that guessing from ever new addresses cannot fill memory.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Sources remembered at once (S-005).
pub(super) const SOURCES_MAX: usize = 10_000;

/// Keys with a value each, ordered by last use.
pub(super) struct Memory<K, V> {
    entries: HashMap<K, (u64, V)>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Default> Memory<K, V> {
    /// The value of a key, made when it is new; counts as a use.
    pub(super) fn entry(&mut self, key: &K) -> &mut V {
        self.uses += 1;
        if let Some((used, _)) = self.entries.get(key) {
            self.by_use.remove(used);
        } else if self.entries.len() >= SOURCES_MAX
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.by_use.insert(self.uses, key.clone());
        let (used, value) = self.entries.entry(key.clone()).or_default();
        *used = self.uses;
        value
    }

    /// The value of a key that is known; does not count as a use.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// Forgets a key.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some((used, _)) = self.entries.remove(key) {
            self.by_use.remove(&used);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.by_use.len());
        self.entries.len()
    }
}
