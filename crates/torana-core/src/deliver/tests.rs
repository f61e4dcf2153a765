//! What follows a failed send, and that no bucket ever gives more than its rate.

use proptest::prelude::*;

use super::*;
use crate::limit::{REPLY_STALE_MS, SEND_RETRY_MS_FIRST, SEND_RETRY_MS_MAX};
use crate::port::SendFailure;

const HOUR_MS: i64 = 3_600_000;

fn attempt() -> Attempt {
    Attempt {
        importance: Importance::Final,
        failures: 0,
        age_ms: 0,
        idempotent: false,
        edits: false,
        resent: false,
        jitter: 0,
    }
}

fn retry(after_ms: Option<u64>, limited: bool) -> SendFailure {
    SendFailure::Retry {
        after_ms,
        limited,
        whole_account: false,
        reason: "busy".into(),
    }
}

fn unknown() -> SendFailure {
    SendFailure::Unknown {
        reason: "reset".into(),
    }
}

fn rejected() -> SendFailure {
    SendFailure::Rejected {
        reason: "blocked".into(),
    }
}

fn check(attempt: Attempt, failure: &SendFailure, expected: &Next) {
    assert_eq!(
        &after_failure(&attempt, failure),
        expected,
        "{attempt:?} {failure:?}"
    );
}

fn later(after_ms: u64, counts: bool) -> Next {
    Next::Retry {
        after_ms,
        whole_account: false,
        counts,
    }
}

#[test]
fn definite_failures_are_repeated_with_growing_waits() {
    for (failures, wait_ms) in [
        (0, 400),
        (1, 800),
        (2, 1_600),
        (6, 25_600),
        (7, 30_000),
        (40, 30_000),
        (u32::MAX, 30_000),
    ] {
        check(
            Attempt {
                failures,
                ..attempt()
            },
            &retry(None, false),
            &later(wait_ms, true),
        );
    }
}

#[test]
fn the_platforms_wait_is_obeyed_and_costs_no_attempt() {
    check(attempt(), &retry(Some(7_000), true), &later(7_000, false));
    check(
        attempt(),
        &retry(Some(3_600_000), true),
        &later(3_600_000, false),
    );
    // A wait shorter than ours does not make us hurry after a real failure.
    check(attempt(), &retry(Some(1), false), &later(400, true));
    check(attempt(), &retry(Some(7_000), false), &later(7_000, true));
    // A rate limit that names no wait must not become a busy loop.
    check(attempt(), &retry(None, true), &later(400, false));
    check(attempt(), &retry(Some(0), true), &later(400, false));
    let account = SendFailure::Retry {
        after_ms: Some(9),
        limited: true,
        whole_account: true,
        reason: "slow".into(),
    };
    check(
        attempt(),
        &account,
        &Next::Retry {
            after_ms: 9,
            whole_account: true,
            counts: false,
        },
    );
}

#[test]
fn an_unknown_outcome_is_sent_again_once() {
    check(attempt(), &unknown(), &Next::ResendFlagged);
    check(
        Attempt {
            resent: true,
            ..attempt()
        },
        &unknown(),
        &Next::Park(ParkReason::Unknown),
    );
    // Where repeating shows nothing twice it is an ordinary retry, as often as needed.
    for harmless in [
        Attempt {
            idempotent: true,
            ..attempt()
        },
        Attempt {
            edits: true,
            ..attempt()
        },
    ] {
        check(harmless, &unknown(), &later(1, true));
        check(
            Attempt {
                failures: 3,
                resent: true,
                ..harmless
            },
            &unknown(),
            &later(3_200, true),
        );
    }
}

#[test]
fn what_only_mattered_at_that_moment_is_forgotten() {
    let passing = Attempt {
        importance: Importance::Passing,
        ..attempt()
    };
    for failure in [
        retry(None, false),
        retry(Some(5), true),
        unknown(),
        rejected(),
        SendFailure::Unsupported,
    ] {
        check(passing, &failure, &Next::Discard);
    }
    check(
        passing,
        &SendFailure::Gone {
            reason: "deleted".into(),
        },
        &Next::Discard,
    );
    assert_eq!(after_unknown(&passing), Next::Discard);
}

#[test]
fn every_refusal_has_its_own_way_out() {
    check(attempt(), &rejected(), &Next::Park(ParkReason::Rejected));
    check(
        attempt(),
        &SendFailure::Unsupported,
        &Next::Park(ParkReason::Unsupported),
    );
    check(
        attempt(),
        &SendFailure::Markup {
            reason: "bad tag".into(),
        },
        &Next::Plain,
    );
    check(
        attempt(),
        &SendFailure::Gone {
            reason: "deleted".into(),
        },
        &Next::SendInstead,
    );
    check(
        attempt(),
        &SendFailure::Moved {
            peer_id: "-100".into(),
        },
        &Next::Move,
    );
    check(
        attempt(),
        &SendFailure::SignedOut {
            reason: "401".into(),
        },
        &Next::StopAccount,
    );
}

#[test]
fn a_reply_grows_old() {
    for (age_ms, expected) in [
        (-5, Freshness::Fresh),
        (HOUR_MS, Freshness::Fresh),
        (HOUR_MS + 1, Freshness::Delayed),
        (24 * HOUR_MS, Freshness::Delayed),
        (24 * HOUR_MS + 1, Freshness::Stale),
    ] {
        assert_eq!(freshness(age_ms), expected, "{age_ms}");
    }
    let stale = Attempt {
        age_ms: 24 * HOUR_MS + 1,
        ..attempt()
    };
    check(stale, &retry(Some(1), true), &Next::Park(ParkReason::Stale));
    check(stale, &unknown(), &Next::Park(ParkReason::Stale));
    check(
        Attempt {
            idempotent: true,
            ..stale
        },
        &unknown(),
        &Next::Park(ParkReason::Stale),
    );
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let mut bucket = Bucket::new(1.0, 3.0, 1_000);
    for _ in 0..3 {
        assert_eq!(bucket.wait_ms(1_000), 0);
        bucket.take(1_000);
    }
    assert_eq!(bucket.wait_ms(1_000), 1_000);
    assert_eq!(bucket.wait_ms(1_999), 1);
    assert_eq!(bucket.wait_ms(2_000), 0);
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let importance = prop_oneof![Just(Importance::Final), Just(Importance::Passing)];
    (
        importance,
        any::<u32>(),
        -HOUR_MS..50 * HOUR_MS,
        any::<[bool; 3]>(),
        any::<u64>(),
    )
        .prop_map(
            |(importance, failures, age_ms, [idempotent, edits, resent], jitter)| Attempt {
                importance,
                failures,
                age_ms,
                idempotent,
                edits,
                resent,
                jitter,
            },
        )
}

fn any_failure() -> impl Strategy<Value = SendFailure> {
    prop_oneof![
        4 => (any::<Option<u32>>(), any::<bool>(), any::<bool>()).prop_map(|(after_ms, limited, whole_account)| {
            SendFailure::Retry { after_ms: after_ms.map(u64::from), limited, whole_account, reason: String::new() }
        }),
        1 => Just(rejected()),
        1 => Just(SendFailure::Markup { reason: String::new() }),
        1 => Just(SendFailure::Gone { reason: String::new() }),
        1 => Just(SendFailure::Moved { peer_id: "1".into() }),
        2 => Just(unknown()),
        1 => Just(SendFailure::SignedOut { reason: String::new() }),
        1 => Just(SendFailure::Unsupported),
    ]
}

proptest! {
    #[test]
    fn waits_stay_within_their_bounds(failures: u32, jitter: u64) {
        let wait_ms = backoff_ms(failures, jitter);
        prop_assert!(wait_ms >= SEND_RETRY_MS_FIRST);
        prop_assert!(wait_ms <= SEND_RETRY_MS_MAX + SEND_RETRY_MS_MAX / 10);
        prop_assert!(backoff_ms(failures.saturating_add(1), 0) >= backoff_ms(failures, 0));
    }

    #[test]
    fn decisions_keep_their_promises(attempt in any_attempt(), failure in any_failure()) {
        let next = after_failure(&attempt, &failure);
        let passing = attempt.importance == Importance::Passing;
        if let SendFailure::Retry { after_ms, limited, .. } = &failure
            && let Next::Retry { after_ms: wait_ms, counts, .. } = next
        {
            prop_assert!(wait_ms >= after_ms.unwrap_or(0), "the platform's wait is the minimum");
            prop_assert!(wait_ms >= 1, "a retry never spins");
            prop_assert_eq!(counts, !limited, "a rate limit is no failed attempt");
        }
        if passing {
            let lasting = matches!(next, Next::Park(_) | Next::Retry { .. } | Next::ResendFlagged | Next::SendInstead);
            prop_assert!(!lasting);
        } else {
            prop_assert!(next != Next::Discard, "what must arrive is never forgotten");
        }
        if attempt.age_ms > REPLY_STALE_MS {
            let again = matches!(next, Next::Retry { .. } | Next::ResendFlagged);
            prop_assert!(!again, "stale replies are parked");
        }
        if next == Next::ResendFlagged {
            let doubtful = matches!(failure, SendFailure::Unknown { .. });
            prop_assert!(doubtful);
            prop_assert!(!attempt.resent && !attempt.idempotent && !attempt.edits);
        }
    }

    #[test]
    fn a_bucket_never_exceeds_its_rate(
        per_second in 0.01..60.0_f64,
        burst in 0.0..30.0_f64,
        pauses in proptest::collection::vec(0..3_000_u64, 1..80),
    ) {
        let mut bucket = Bucket::new(per_second, burst, 0);
        let (mut now_ms, mut taken) = (0_u64, 0_u32);
        for pause_ms in pauses {
            now_ms += pause_ms;
            if bucket.wait_ms(now_ms) == 0 {
                bucket.take(now_ms);
                taken += 1;
            }
            #[expect(clippy::cast_precision_loss, reason = "virtual minutes fit a float exactly")]
            let allowed = burst.max(1.0) + per_second * (now_ms as f64) / 1000.0;
            prop_assert!(f64::from(taken) <= allowed + 1e-6, "{} taken, {} allowed", taken, allowed);
        }
    }

    #[test]
    fn waiting_as_told_is_enough(per_second in 0.01..60.0_f64, burst in 0.0..5.0_f64, early_ms in 0..500_u64) {
        let (mut bucket, mut now_ms) = (Bucket::new(per_second, burst, 0), 0);
        for _ in 0..20 {
            let wait_ms = bucket.wait_ms(now_ms);
            // Asking too early in between neither loses nor gains anything.
            if early_ms < wait_ms {
                prop_assert_eq!(bucket.wait_ms(now_ms + early_ms), wait_ms - early_ms);
            }
            now_ms += wait_ms;
            prop_assert_eq!(bucket.wait_ms(now_ms), 0);
            bucket.take(now_ms);
        }
    }
}
