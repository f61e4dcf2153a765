//! Reset rules of the configuration, as the engine takes them.

use torana_core::config::tree::{Reset, ResetMode, Session};
use torana_core::route::{ResetRule, ResetRules};

/// Hour of the daily reset when none is written: people sleep, and the day before is over.
const AT_HOUR_DEFAULT: u8 = 4;
/// Silence for `idle` without a figure: an hour later people rarely mean the same conversation.
const IDLE_MINUTES_DEFAULT: u32 = 60;

/// The rules of all sessions.
pub(crate) fn rules(session: &Session) -> ResetRules {
    ResetRules {
        general: rule(&session.reset),
        direct: session.reset_by_type.direct.as_ref().map(rule),
        group: session.reset_by_type.group.as_ref().map(rule),
        thread: session.reset_by_type.thread.as_ref().map(rule),
        by_channel: session
            .reset_by_channel
            .iter()
            .map(|(channel, reset)| (channel.clone(), rule(reset)))
            .collect(),
    }
}

fn rule(reset: &Reset) -> ResetRule {
    let idle = |minutes: u32| Some(i64::from(minutes) * 60_000);
    let mode = reset.mode.unwrap_or(if reset.idle_minutes.is_some() {
        ResetMode::Idle
    } else {
        ResetMode::None
    });
    match mode {
        ResetMode::None => ResetRule::default(),
        ResetMode::Daily => ResetRule {
            daily_at_hour: Some(reset.at_hour.unwrap_or(AT_HOUR_DEFAULT)),
            idle_ms: reset.idle_minutes.and_then(idle),
        },
        ResetMode::Idle => ResetRule {
            daily_at_hour: None,
            idle_ms: idle(reset.idle_minutes.unwrap_or(IDLE_MINUTES_DEFAULT)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(
        mode: Option<ResetMode>,
        at_hour: Option<u8>,
        idle_minutes: Option<u32>,
    ) -> (Option<u8>, Option<i64>) {
        let rule = rule(&Reset {
            mode,
            at_hour,
            idle_minutes,
        });
        (rule.daily_at_hour, rule.idle_ms)
    }

    #[test]
    fn the_written_rule_is_the_rule() {
        assert_eq!(written(None, None, None), (None, None));
        assert_eq!(written(None, None, Some(2)), (None, Some(120_000)));
        assert_eq!(
            written(Some(ResetMode::None), Some(3), Some(2)),
            (None, None)
        );
        assert_eq!(written(Some(ResetMode::Daily), None, None), (Some(4), None));
        assert_eq!(
            written(Some(ResetMode::Daily), Some(0), Some(1)),
            (Some(0), Some(60_000))
        );
        assert_eq!(
            written(Some(ResetMode::Idle), Some(9), None),
            (None, Some(3_600_000))
        );
    }
}
