//! When a session starts anew by itself: a question asked when the next message arrives, never a timer.
//!
//! Pure: the caller knows the clock and the time zone and hands in when the current day of the rule began.

use std::collections::BTreeMap;

/// When sessions of one kind start anew. The default is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResetRule {
    /// Once a day at this hour, local time.
    pub daily_at_hour: Option<u8>,
    /// After this much silence, milliseconds.
    pub idle_ms: Option<i64>,
}

/// Why a session starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Its day is over.
    Daily,
    /// Nobody said anything for too long.
    Idle,
}

/// What kind of chat a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetKind {
    /// One person.
    Direct,
    /// A group or room.
    Group,
    /// A thread or topic, wherever it is.
    Thread,
}

/// The rules of all sessions: a channel's own wins, then the kind's, then the general one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResetRules {
    /// Where nothing more specific is said.
    pub general: ResetRule,
    /// Direct chats.
    pub direct: Option<ResetRule>,
    /// Groups.
    pub group: Option<ResetRule>,
    /// Threads and topics.
    pub thread: Option<ResetRule>,
    /// By channel.
    pub by_channel: BTreeMap<String, ResetRule>,
}

/// The times of a session that matter here, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// When its transcript began.
    pub started_at_ms: i64,
    /// When a person last said something.
    pub last_interaction_at_ms: i64,
}

impl Expiry {
    /// The word stored with the archived transcript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Idle => "idle",
        }
    }
}

impl ResetRules {
    /// The rule for a message of this kind on this channel.
    ///
    /// ```
    /// use torana_core::route::{ResetKind, ResetRule, ResetRules};
    /// let idle = ResetRule { idle_ms: Some(60_000), ..ResetRule::default() };
    /// let rules = ResetRules { group: Some(idle), ..ResetRules::default() };
    /// assert_eq!(rules.rule("any", ResetKind::Group), idle);
    /// assert!(rules.rule("any", ResetKind::Direct).is_never());
    /// ```
    pub fn rule(&self, channel: &str, kind: ResetKind) -> ResetRule {
        let by_kind = match kind {
            ResetKind::Direct => self.direct,
            ResetKind::Group => self.group,
            ResetKind::Thread => self.thread,
        };
        self.by_channel
            .get(channel)
            .copied()
            .or(by_kind)
            .unwrap_or(self.general)
    }
}

impl ResetRule {
    /// The session never starts anew by itself.
    pub fn is_never(self) -> bool {
        self == Self::default()
    }

    /// Whether a session has expired by `now_ms`, and what came first. `day_start_ms` is the latest moment at or before
    /// now at which the daily hour struck.
    pub fn expiry(self, lifetime: Lifetime, now_ms: i64, day_start_ms: i64) -> Option<Expiry> {
        let daily_at = self
            .daily_at_hour
            .map(|_| day_start_ms)
            .filter(|at_ms| lifetime.started_at_ms < *at_ms);
        let idle_at = self
            .idle_ms
            .map(|idle_ms| lifetime.last_interaction_at_ms.saturating_add(idle_ms))
            .filter(|at_ms| *at_ms <= now_ms);
        match (daily_at, idle_at) {
            (Some(daily_ms), Some(idle_ms)) if idle_ms < daily_ms => Some(Expiry::Idle),
            (Some(_), _) => Some(Expiry::Daily),
            (None, Some(_)) => Some(Expiry::Idle),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_START: i64 = 100_000;
    const RULE: ResetRule = ResetRule {
        daily_at_hour: Some(4),
        idle_ms: Some(10_000),
    };

    fn life(started_at_ms: i64, last_interaction_at_ms: i64) -> Lifetime {
        Lifetime {
            started_at_ms,
            last_interaction_at_ms,
        }
    }

    #[test]
    fn whatever_expires_first_gives_the_reason() {
        let now = DAY_START + 5_000;
        // Spoken to just before the day began: only the day is over.
        assert_eq!(
            RULE.expiry(life(0, DAY_START - 1), now, DAY_START),
            Some(Expiry::Daily)
        );
        // Silent since long before it: the silence ended it first.
        assert_eq!(RULE.expiry(life(0, 1), now, DAY_START), Some(Expiry::Idle));
        // Begun today and spoken to a moment ago.
        assert_eq!(RULE.expiry(life(DAY_START, now - 1), now, DAY_START), None);
        // The silence is counted to the millisecond.
        assert_eq!(
            RULE.expiry(life(DAY_START, now - 10_000), now, DAY_START),
            Some(Expiry::Idle)
        );
    }

    #[test]
    fn the_channel_wins_over_the_kind_and_the_kind_over_the_rest() {
        let idle = |idle_ms| ResetRule {
            daily_at_hour: None,
            idle_ms: Some(idle_ms),
        };
        let rules = ResetRules {
            general: idle(1),
            thread: Some(idle(2)),
            by_channel: BTreeMap::from([("a".to_owned(), idle(3))]),
            ..ResetRules::default()
        };
        assert_eq!(rules.rule("a", ResetKind::Thread), idle(3));
        assert_eq!(rules.rule("b", ResetKind::Thread), idle(2));
        assert_eq!(rules.rule("b", ResetKind::Direct), idle(1));
    }

    proptest! {
        #[test]
        fn no_rule_never_ends_a_session(started in any::<i64>(), last in any::<i64>(), now in any::<i64>()) {
            prop_assert_eq!(ResetRule::default().expiry(life(started, last), now, now), None);
        }

        #[test]
        fn a_session_that_just_began_lives(now in 1i64..1 << 50, day in 0i64..1 << 50) {
            prop_assert_eq!(RULE.expiry(life(now, now), now, day.min(now)), None);
        }
    }
}
