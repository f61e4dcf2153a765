//! The failover machine in virtual time: figures, order, and what must never happen.

use expect_test::expect;
use proptest::prelude::*;
use torana_core::run::{FailureKind, ModelRef};

use super::cooldown::Cooldowns;
use super::failover::*;
use crate::provider::ProviderFailure;

fn model(text: &str) -> ModelRef {
    ModelRef::parse(text).expect("a reference")
}

fn models(texts: &[&str]) -> Vec<ModelRef> {
    texts.iter().map(|text| model(text)).collect()
}

fn failure(kind: FailureKind) -> ProviderFailure {
    ProviderFailure::new(kind, "scripted")
}

fn wait(kind: FailureKind, retry_after_ms: u64) -> ProviderFailure {
    ProviderFailure {
        retry_after_ms: Some(retry_after_ms),
        ..failure(kind)
    }
}

/// Runs a turn in which every call fails as the function says; gives the story and the time it took.
fn story(
    candidates: &[&str],
    cooldowns: &mut Cooldowns,
    now_ms: &mut u64,
    random: u64,
    mut fails: impl FnMut(&ModelRef) -> Option<ProviderFailure>,
) -> Vec<String> {
    let mut failover = Failover::new(models(candidates), *now_ms, *now_ms + 48 * 3_600_000);
    let mut step = failover.begin(cooldowns, *now_ms);
    let mut told = Vec::new();
    loop {
        match step {
            Step::Call {
                model,
                after_ms,
                because,
            } => {
                *now_ms += after_ms;
                let why = match because {
                    Because::First => "first".to_owned(),
                    Because::Retry { attempt, reason } => format!("attempt {attempt} {reason:?}"),
                    Because::Fallback { from, reason } => format!("instead of {from} {reason:?}"),
                };
                told.push(format!("{model} after {after_ms}: {why}"));
                match fails(&model) {
                    Some(failure) => step = failover.failed(failure, cooldowns, *now_ms, random),
                    None => {
                        failover.succeeded(cooldowns);
                        told.push("answered".to_owned());
                        return told;
                    }
                }
            }
            Step::GiveUp {
                failure,
                model,
                attempts,
            } => {
                let model = model.map(|model| model.to_string()).unwrap_or_default();
                told.push(format!(
                    "gave up: {:?} {model} attempts {attempts}",
                    failure.kind
                ));
                return told;
            }
        }
    }
}

fn simple(candidates: &[&str], fails: impl FnMut(&ModelRef) -> Option<ProviderFailure>) -> String {
    story(candidates, &mut Cooldowns::default(), &mut 0, 500, fails).join("\n")
}

#[test]
fn rate_limit_gets_ten_attempts() {
    let told = simple(&["a/x"], |_| Some(failure(FailureKind::RateLimit)));
    assert!(
        told.ends_with("gave up: RateLimit a/x attempts 10"),
        "{told}"
    );
}

#[test]
fn other_passing_failures_get_eight_retries_within_ninety_seconds() {
    let told = simple(&["a/x"], |_| Some(failure(FailureKind::Unavailable)));
    assert!(
        told.ends_with("gave up: Unavailable a/x attempts 9"),
        "{told}"
    );
    // With pauses at their longest the window ends before the count does.
    let (mut now_ms, mut cooldowns) = (0, Cooldowns::default());
    let told = story(&["a/x"], &mut cooldowns, &mut now_ms, 30_000, |_| {
        Some(failure(FailureKind::Timeout))
    });
    assert!(
        now_ms <= TRANSIENT_WINDOW_MS && told.len() < 10,
        "{now_ms} {told:?}"
    );
}

#[test]
fn pauses_double_to_thirty_seconds_and_the_servers_wait_is_the_least() {
    let mut calls = 0;
    let told = simple(&["a/x"], |_| {
        calls += 1;
        match calls {
            1 => Some(failure(FailureKind::RateLimit)),
            2 => Some(wait(FailureKind::RateLimit, 45_000)),
            _ => None,
        }
    });
    expect![[r#"
        a/x after 0: first
        a/x after 500: attempt 2 RateLimit
        a/x after 45000: attempt 3 RateLimit
        answered"#]]
    .assert_eq(&told);
}

#[test]
fn long_server_wait_goes_straight_to_the_fallback() {
    let told = simple(&["a/x", "b/y"], |model| {
        (model.provider == "a").then(|| wait(FailureKind::RateLimit, 61_000))
    });
    expect![[r#"
        a/x after 0: first
        b/y after 0: instead of a/x RateLimit
        answered"#]]
    .assert_eq(&told);
}

#[test]
fn wrong_key_disables_all_models_of_the_provider() {
    let (mut now_ms, mut cooldowns) = (0, Cooldowns::default());
    let fails = |model: &ModelRef| (model.provider == "a").then(|| failure(FailureKind::Auth));
    let told = story(
        &["a/x", "a/z", "b/y"],
        &mut cooldowns,
        &mut now_ms,
        0,
        fails,
    );
    expect![[r#"
        a/x after 0: first
        b/y after 0: instead of a/x Auth
        answered"#]]
    .assert_eq(&told.join("\n"));
    assert_eq!(cooldowns.until(&model("a/other"), 0), Some(600_000));
}

#[test]
fn questions_that_are_the_problem_neither_fall_back_nor_cool_down() {
    for kind in [
        FailureKind::ContextLength,
        FailureKind::Refusal,
        FailureKind::Format,
        FailureKind::Internal,
    ] {
        let (mut now_ms, mut cooldowns) = (0, Cooldowns::default());
        let told = story(&["a/x", "b/y"], &mut cooldowns, &mut now_ms, 0, |_| {
            Some(failure(kind))
        });
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(cooldowns, Cooldowns::default());
    }
}

#[test]
fn unreadable_answer_is_tried_once_more() {
    let told = simple(&["a/x", "b/y"], |_| {
        Some(ProviderFailure::unreadable("garbage"))
    });
    expect![[r#"
        a/x after 0: first
        a/x after 1000: attempt 2 Format
        gave up: Format a/x attempts 2"#]]
    .assert_eq(&told);
}

#[test]
fn rests_grow_and_end_with_success() {
    let mut cooldowns = Cooldowns::default();
    let model = model("a/x");
    let rests: Vec<Option<u64>> = (0..4)
        .map(|_| {
            cooldowns.rest(&model, 0, 0);
            cooldowns.until(&model, 0)
        })
        .collect();
    assert_eq!(
        rests,
        [Some(30_000), Some(60_000), Some(300_000), Some(300_000)]
    );
    cooldowns.clear(&model);
    assert_eq!(cooldowns.until(&model, 0), None);
}

#[test]
fn resting_model_is_passed_over_waited_for_or_probed() {
    let mut cooldowns = Cooldowns::default();
    cooldowns.rest(&model("a/x"), 0, 0);
    let mut now_ms = 10_000;
    let told = story(&["a/x", "b/y"], &mut cooldowns, &mut now_ms, 0, |_| None);
    assert_eq!(told[0], "b/y after 0: instead of a/x Unavailable");
    let told = story(&["a/x"], &mut cooldowns, &mut now_ms, 0, |_| None);
    assert_eq!(told[0], "a/x after 20000: first");
    cooldowns.disable("a", now_ms);
    let told = story(&["a/x"], &mut cooldowns, &mut now_ms, 0, |_| {
        Some(failure(FailureKind::Unavailable))
    });
    assert_eq!(
        told,
        ["a/x after 0: first", "gave up: Unavailable a/x attempts 1"]
    );
}

#[test]
fn nothing_configured_is_said() {
    assert_eq!(simple(&[], |_| None), "gave up: NotConfigured  attempts 0");
}

fn any_failure() -> impl Strategy<Value = ProviderFailure> {
    let kinds = proptest::sample::select(vec![
        FailureKind::RateLimit,
        FailureKind::Timeout,
        FailureKind::Auth,
        FailureKind::Billing,
        FailureKind::ModelNotFound,
        FailureKind::ContextLength,
        FailureKind::Refusal,
        FailureKind::Unavailable,
        FailureKind::Format,
        FailureKind::NotConfigured,
        FailureKind::Internal,
    ]);
    (kinds, proptest::option::of(0_u64..200_000), any::<bool>()).prop_map(
        |(kind, retry_after_ms, unreadable)| ProviderFailure {
            retry_after_ms,
            unreadable,
            ..failure(kind)
        },
    )
}

proptest! {
    #[test]
    fn every_turn_ends_within_its_budget(
        failures in proptest::collection::vec((any_failure(), 0_u64..310_000), 0..80),
        count in 0_usize..5,
        random: u64,
        start_ms in 0_u64..1_000_000,
    ) {
        let names = ["a/x", "a/z", "b/y", "c/w", "a/x"];
        let candidates = models(&names[..count]);
        let mut cooldowns = Cooldowns::default();
        cooldowns.rest(&model("b/y"), 0, 0);
        let mut now_ms = start_ms;
        let mut failover = Failover::new(candidates.clone(), now_ms, now_ms + 48 * 3_600_000);
        let mut step = failover.begin(&cooldowns, now_ms);
        let mut failures = failures.into_iter().cycle().take(200);
        let mut calls = 0;
        while let Step::Call { model, after_ms, because } = step {
            calls += 1;
            now_ms += after_ms;
            prop_assert!(candidates.contains(&model));
            prop_assert!(now_ms <= start_ms + TURN_BUDGET_MS, "an attempt begins within the budget");
            if let Because::Fallback { from, .. } = because {
                prop_assert_ne!(from, model);
            }
            match failures.next() {
                Some((failure, took_ms)) => {
                    now_ms += took_ms;
                    step = failover.failed(failure, &mut cooldowns, now_ms, random);
                }
                None => {
                    failover.succeeded(&mut cooldowns);
                    break;
                }
            }
        }
        prop_assert!(calls <= 4 * 20, "attempts are bounded");
    }
}
