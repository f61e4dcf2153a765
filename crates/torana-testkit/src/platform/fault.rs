//! What goes wrong between the gateway and the platform, and how often.

use crate::dice::Dice;

/// Chances per thousand calls, unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// A rate limit with a wait.
    pub limited: u64,
    /// A rate limit that names no wait.
    pub limited_silently: u64,
    /// Definitely not sent.
    pub refused: u64,
    /// Nobody knows, and it was not sent.
    pub request_lost: u64,
    /// Nobody knows, and it was sent.
    pub answer_lost: u64,
    /// No answer for longer than the gateway waits; it was sent.
    pub stalled: u64,
    /// Refused for good.
    pub rejected: u64,
    /// The markup is refused; the plain text goes.
    pub markup: u64,
    /// A person deleted the message before it is edited.
    pub gone: u64,
    /// A batch repeats an update that was acknowledged, or holds one twice.
    pub repeated: u64,
    /// Receiving or connecting fails.
    pub receive: u64,
    /// Acknowledging fails, half of the time after it took effect.
    pub acknowledge: u64,
    /// Longest ordinary delay of one call, milliseconds.
    pub delay_ms_max: u64,
}

impl Faults {
    /// A platform on a good day.
    pub fn none() -> Self {
        Self {
            delay_ms_max: 100,
            ..Self::default()
        }
    }

    /// A platform on a bad day: each kind of fault is off, rare, or frequent.
    pub fn random(dice: &mut Dice) -> Self {
        let mut level = |frequent: u64| match dice.below(3) {
            0 => 0,
            1 => frequent / 10,
            _ => frequent,
        };
        Self {
            limited: level(150),
            limited_silently: level(30),
            refused: level(150),
            request_lost: level(80),
            answer_lost: level(80),
            stalled: level(20),
            rejected: level(10),
            markup: level(50),
            gone: level(50),
            repeated: level(200),
            receive: level(100),
            acknowledge: level(100),
            delay_ms_max: 20 + level(3_000),
        }
    }
}
