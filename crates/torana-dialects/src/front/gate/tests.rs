//! The gate in virtual time: who is slowed, who is locked out, and who never is.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use torana_core::port::{BoxFuture, Clock, Entropy, World};

use super::hooks::{self, Hooks};
use super::throttle::*;
use super::*;
use crate::context::{AuthMode, FrontSettings};

const STRONG: &str = "0123456789abcdef0123456789abcdef";

struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).expect("short")
    }
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(
            self.0 + std::time::Duration::from_millis(monotonic_ms),
        ))
    }
}

impl Entropy for Paused {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(32);
    }
}

fn world() -> World {
    let paused = Arc::new(Paused(tokio::time::Instant::now()));
    World {
        clock: paused.clone(),
        entropy: paused,
    }
}

fn front(auth: AuthMode, secret: &str) -> FrontSettings {
    FrontSettings::new(auth, Some(secret.into()), 18_789)
}

fn local() -> Source {
    Source {
        place: Place::Local,
        origin: None,
        device: None,
    }
}

fn page(device: Option<&str>) -> Source {
    Source {
        place: Place::Local,
        origin: Some("http://localhost:18789".to_owned()),
        device: device.map(Into::into),
    }
}

fn remote(last: u8) -> Source {
    Source {
        place: Place::Remote(IpAddr::from([192, 0, 2, last])),
        origin: None,
        device: None,
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_answers_on_loopback_are_delayed_and_never_lock_out() {
    let gate = Gate::new(world());
    let front = front(AuthMode::Token, STRONG);
    let mut delays = Vec::new();
    for _ in 0..8 {
        let before = gate_now();
        assert_eq!(
            gate.check_shared(&front, "guess", &local()).await,
            GateOutcome::Wrong
        );
        delays.push(u64::try_from(before.elapsed().as_millis()).expect("short"));
    }
    assert_eq!(delays, [0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
    assert_eq!(
        gate.check_shared(&front, STRONG, &local()).await,
        GateOutcome::Accepted
    );
}

fn gate_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_guesses_is_paced_and_does_not_hold_up_the_right_token() {
    let gate = Gate::new(world());
    let front = front(AuthMode::Token, STRONG);
    let (local_source, other) = (local(), remote(9));
    let guesses = futures_util::future::join_all(
        (0..128).map(|_| gate.check_shared(&front, "guess", &local_source)),
    );
    let owner = async {
        tokio::task::yield_now().await;
        let before = gate_now();
        let here = gate.check_shared(&front, STRONG, &local_source).await;
        let there = gate.check_shared(&front, STRONG, &other).await;
        (here, there, before.elapsed().as_millis())
    };
    let (outcomes, owner) = futures_util::future::join(guesses, owner).await;
    assert_eq!(owner, (GateOutcome::Accepted, GateOutcome::Accepted, 0));
    let limited = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, GateOutcome::Limited { .. }))
        .count();
    // The first wrong guess is answered at once and makes room for one more.
    assert!(
        limited >= 128 - IN_FLIGHT_MAX - 1,
        "{limited} of 128 were refused without being evaluated"
    );
    assert!(!outcomes.contains(&GateOutcome::Accepted));
}

#[tokio::test(start_paused = true)]
async fn ten_wrong_guesses_lock_a_remote_address_and_only_it() {
    let gate = Gate::new(world());
    let front = front(AuthMode::Token, STRONG);
    for _ in 0..FAILURES_MAX {
        assert_eq!(
            gate.check_shared(&front, "guess", &remote(1)).await,
            GateOutcome::Wrong
        );
    }
    let locked = gate.check_shared(&front, STRONG, &remote(1)).await;
    assert!(
        matches!(locked, GateOutcome::Limited { retry_after_ms } if retry_after_ms > 200_000),
        "{locked:?}"
    );
    assert_eq!(
        gate.check_shared(&front, STRONG, &remote(2)).await,
        GateOutcome::Accepted
    );
    assert_eq!(
        gate.check_shared(&front, STRONG, &local()).await,
        GateOutcome::Accepted
    );
    tokio::time::advance(std::time::Duration::from_millis(LOCKOUT_MS)).await;
    assert_eq!(
        gate.check_shared(&front, STRONG, &remote(1)).await,
        GateOutcome::Accepted
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_tab_does_not_lock_out_a_fresh_one() {
    let gate = Gate::new(world());
    let front = front(AuthMode::Token, STRONG);
    for _ in 0..FAILURES_MAX {
        gate.check_shared(&front, "stale", &page(Some("a"))).await;
    }
    let stale = gate.check_shared(&front, STRONG, &page(Some("a"))).await;
    assert!(matches!(stale, GateOutcome::Limited { .. }));
    assert_eq!(
        gate.check_shared(&front, STRONG, &page(Some("b"))).await,
        GateOutcome::Accepted
    );
}

#[tokio::test(start_paused = true)]
async fn a_signed_device_token_passes_a_locked_address() {
    let gate = Gate::new(world());
    let expected = Some(digest("device-token"));
    let attempt = |presented| Attempt {
        presented,
        expected,
        strong: true,
        class: Class::Device,
        source: &LOCKED,
    };
    static LOCKED: Source = Source {
        place: Place::Remote(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 3))),
        origin: None,
        device: None,
    };
    for _ in 0..FAILURES_MAX {
        assert_eq!(gate.check(attempt("wrong")).await, GateOutcome::Wrong);
    }
    assert!(matches!(
        gate.check(attempt("wrong")).await,
        GateOutcome::Limited { .. }
    ));
    assert_eq!(
        gate.check(attempt("device-token")).await,
        GateOutcome::Accepted
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_configured_secret_nothing_is_right() {
    let gate = Gate::new(world());
    let mut none = front(AuthMode::Token, "");
    assert_eq!(
        gate.check_shared(&none, "", &local()).await,
        GateOutcome::Wrong
    );
    none.secret = None;
    assert_eq!(
        gate.check_shared(&none, "", &local()).await,
        GateOutcome::Wrong
    );
    none.auth = AuthMode::None;
    assert_eq!(
        gate.check_shared(&none, "", &local()).await,
        GateOutcome::Accepted
    );
}

#[test]
fn sources_are_forgotten_rather_than_filling_memory() {
    let mut throttle = Throttle::default();
    for number in 0_u32..50_000 {
        let source = Source {
            place: Place::Remote(IpAddr::from(number.to_be_bytes())),
            origin: None,
            device: None,
        };
        throttle.failed(&source, Class::Shared, 0);
    }
    assert_eq!(throttle.sources(), super::memory::SOURCES_MAX);
}

#[test]
fn a_webhook_source_is_refused_after_twenty_wrong_requests() {
    let (mut machine, place) = (Hooks::default(), Place::Local);
    for _ in 0..hooks::FAILURES_MAX {
        assert_eq!(machine.begin(&place, 0), Ok(()));
        machine.end(&place);
    }
    assert_eq!(machine.begin(&place, 0), Err(hooks::WINDOW_MS));
    assert!(machine.begin(&place, hooks::WINDOW_MS - 1).is_err());
    assert_eq!(machine.begin(&place, hooks::WINDOW_MS), Ok(()));
}

#[test]
fn genuine_webhooks_are_never_counted_but_bounded_in_parallel() {
    let (mut machine, place) = (Hooks::default(), Place::Local);
    for _ in 0..1_000 {
        assert_eq!(machine.begin(&place, 0), Ok(()));
        machine.genuine(&place);
        machine.end(&place);
    }
    for _ in 0..hooks::CONCURRENT_MAX {
        assert_eq!(machine.begin(&place, 0), Ok(()));
    }
    assert_eq!(machine.begin(&place, 0), Err(1_000));
    assert_eq!(
        machine.begin(&Place::Remote(IpAddr::from([192, 0, 2, 1])), 0),
        Ok(())
    );
}

proptest! {
    #[test]
    fn never_more_than_ten_evaluations_in_any_second(steps in proptest::collection::vec(0_u64..300, 1..200)) {
        let mut throttle = Throttle::default();
        let (mut now_ms, mut evaluated) = (0, Vec::new());
        for step in steps {
            now_ms += step;
            if throttle.evaluate(&local(), Class::Shared, now_ms).is_ok() {
                evaluated.push(now_ms);
            }
        }
        for window in evaluated.windows(EVALUATIONS_MAX + 1) {
            prop_assert!(window[EVALUATIONS_MAX] - window[0] >= PACE_WINDOW_MS);
        }
    }

    #[test]
    fn a_program_on_this_machine_is_never_locked_out(failures in 0_usize..200, step in 0_u64..5_000) {
        let mut throttle = Throttle::default();
        for count in 0..failures as u64 {
            let delay_ms = throttle.failed(&local(), Class::Shared, count * step);
            prop_assert!(delay_ms <= DELAY_MS_MAX);
        }
        prop_assert_eq!(throttle.locked_ms(&local(), Class::Shared, failures as u64 * step), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stricter_lockout_counts_as_written_on_this_machine_too() {
    let gate = Gate::new(world());
    let front = front(AuthMode::Token, STRONG);
    gate.set_lockout(Lockout {
        failures_max: 2,
        window_ms: 60_000,
        lockout_ms: 7_000,
        exempt_local: false,
    });
    for source in [local(), remote(1)] {
        for _ in 0..2 {
            let outcome = gate.check_shared(&front, "wrong", &source).await;
            assert_eq!(outcome, GateOutcome::Wrong, "{source:?}");
        }
        let outcome = gate.check_shared(&front, STRONG, &source).await;
        assert!(matches!(outcome, GateOutcome::Limited { .. }), "{source:?}");
    }
    tokio::time::advance(std::time::Duration::from_millis(7_000)).await;
    for source in [local(), remote(1)] {
        let outcome = gate.check_shared(&front, STRONG, &source).await;
        assert_eq!(outcome, GateOutcome::Accepted, "{source:?}");
    }
}

/// S-005: a remote guesser has one lockout and one pace, whatever page or device it says it is.
#[test]
fn s_005_a_remote_place_is_one_whatever_it_calls_itself() {
    let mut throttle = Throttle::default();
    let guess = |number: usize| Source {
        origin: Some(format!("http://{number}.example")),
        device: Some(number.to_string()),
        ..remote(1)
    };
    for number in 0..FAILURES_MAX {
        assert_eq!(throttle.locked_ms(&remote(1), Class::Shared, 0), None);
        throttle.failed(&guess(number), Class::Shared, 0);
    }
    assert_eq!(
        throttle.locked_ms(&guess(99), Class::Shared, 0),
        Some(LOCKOUT_MS)
    );
    for number in 0..EVALUATIONS_MAX {
        assert_eq!(throttle.evaluate(&guess(number), Class::Shared, 0), Ok(()));
    }
    assert!(throttle.evaluate(&guess(99), Class::Shared, 0).is_err());
}

/// S-005: what a page's stale tab guesses does not lock out a device that has signed, and old guesses do not add up.
#[test]
fn s_005_a_lockout_is_of_one_device_one_window_and_one_streak() {
    let mut throttle = Throttle::default();
    let (stale, fresh) = (page(None).with_device("a"), page(None).with_device("b"));
    for _ in 0..FAILURES_MAX {
        throttle.failed(&stale, Class::Shared, 0);
    }
    assert!(throttle.locked_ms(&stale, Class::Shared, 0).is_some());
    assert_eq!(throttle.locked_ms(&fresh, Class::Shared, 0), None);
    for round in 0..2 * FAILURES_MAX as u64 {
        throttle.failed(&remote(1), Class::Shared, round * FAILURE_WINDOW_MS);
        let now_ms = round * FAILURE_WINDOW_MS;
        assert_eq!(throttle.locked_ms(&remote(1), Class::Shared, now_ms), None);
    }
    for _ in 0..3 {
        for _ in 1..FAILURES_MAX {
            throttle.failed(&remote(2), Class::Shared, 0);
        }
        throttle.succeeded(&remote(2), Class::Shared);
        assert_eq!(throttle.locked_ms(&remote(2), Class::Shared, 0), None);
    }
}

/// S-005: a right secret buys no further guesses, and a newcomer takes a place by lot alone.
#[test]
fn s_005_a_right_secret_does_not_reset_the_pace() {
    let mut throttle = Throttle::default();
    for _ in 0..EVALUATIONS_MAX {
        assert_eq!(throttle.evaluate(&local(), Class::Shared, 0), Ok(()));
    }
    throttle.succeeded(&local(), Class::Shared);
    assert!(throttle.evaluate(&local(), Class::Shared, 0).is_err());
    let waiting: Vec<Ticket> = (0..IN_FLIGHT_MAX)
        .filter_map(|_| throttle.enter(&local(), Class::Shared, 0))
        .collect();
    assert!(
        throttle
            .enter(&local(), Class::Shared, IN_FLIGHT_MAX)
            .is_none()
    );
    assert!(throttle.enter(&local(), Class::Shared, 3).is_some());
    assert!(waiting[3].dropped.is_cancelled());
}

/// Control decision 16: only a secret that cannot be guessed is answered at once; a password waits its turn.
#[tokio::test(start_paused = true)]
async fn a_secret_that_may_be_weak_waits_its_turn_even_when_it_is_right() {
    for (mode, secret) in [(AuthMode::Token, "short"), (AuthMode::Password, STRONG)] {
        let gate = Gate::new(world());
        let front = front(mode, secret);
        for _ in 0..EVALUATIONS_MAX {
            gate.check_shared(&front, secret, &local()).await;
        }
        let before = gate_now();
        let right = gate.check_shared(&front, secret, &local()).await;
        assert_eq!(right, GateOutcome::Accepted);
        assert!(before.elapsed().as_millis() >= 900, "{secret}");
    }
}

/// S-010: behind an identity proxy the secret is for programs of this machine.
#[tokio::test(start_paused = true)]
async fn s_010_the_secret_beside_a_proxy_is_for_this_machine_alone() {
    let gate = Gate::new(world());
    let front = front(AuthMode::TrustedProxy, STRONG);
    for (source, wanted) in [
        (local(), GateOutcome::Accepted),
        (page(None), GateOutcome::Wrong),
        (remote(1), GateOutcome::Wrong),
    ] {
        let outcome = gate.check_shared(&front, STRONG, &source).await;
        assert_eq!(outcome, wanted, "{source:?}");
    }
}

/// S-005: who was quiet longest is forgotten, not who guesses now.
#[test]
fn s_005_the_quietest_source_is_forgotten_first() {
    let mut memory = super::memory::Memory::<usize, usize>::default();
    for number in 0..=super::memory::SOURCES_MAX {
        *memory.entry(&number) = number;
    }
    assert!(memory.get_mut(&0).is_none());
    assert_eq!(memory.get_mut(&1).copied(), Some(1));
}

/// S-039: a webhook that could not be judged is not held against its platform.
#[test]
fn s_039_requests_nobody_could_judge_are_forgiven() {
    let (mut machine, place) = (Hooks::default(), Place::Local);
    for _ in 0..10 * hooks::FAILURES_MAX {
        assert_eq!(machine.begin(&place, 0), Ok(()));
        machine.forgive(&place);
        machine.end(&place);
    }
}
