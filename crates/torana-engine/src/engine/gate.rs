//! Who was let in: asked for every message, so it is kept in memory.

use std::collections::HashSet;

/// Paired senders and recorded owners.
pub(crate) struct Gate {
    paired: HashSet<(String, String, String)>,
    owners: HashSet<String>,
}

impl Gate {
    pub(super) fn new(paired: Vec<(String, String, String)>, owners: Vec<String>) -> Self {
        Self {
            paired: paired.into_iter().collect(),
            owners: owners.into_iter().collect(),
        }
    }

    pub(crate) fn is_paired(&self, channel: &str, account: &str, sender: &str) -> bool {
        self.paired
            .contains(&(channel.to_owned(), account.to_owned(), sender.to_owned()))
    }

    pub(crate) fn is_recorded_owner(&self, channel: &str, sender: &str) -> bool {
        self.owners.contains(&format!("{channel}:{sender}"))
    }

    pub(crate) fn let_in(&mut self, channel: &str, account: &str, sender: &str) {
        self.paired
            .insert((channel.to_owned(), account.to_owned(), sender.to_owned()));
    }

    pub(crate) fn record_owner(&mut self, spelling: String) {
        self.owners.insert(spelling);
    }
}
