//! Suspension: what waits, what is waited for, and how a lease ends.

use futures_util::FutureExt as _;
use torana_core::ask::{Attached, Wishes};
use torana_core::event::SuspensionPhase;
use torana_core::problem::Code;
use torana_core::run::Sampling;

use super::*;
use crate::{CompactRequest, EphemeralTurn, Lease, Prepared, Resumed, Suspend, SuspensionState};

fn lease_for(request: &str) -> Suspend {
    Suspend {
        request: request.to_owned(),
        drain: false,
        ends_terminals: false,
    }
}

fn held(prepared: Prepared) -> Lease {
    match prepared {
        Prepared::Held(lease) => lease,
        other => panic!("no lease: {other:?}"),
    }
}

#[tokio::test]
async fn messages_wait_on_disk_under_a_suspension_and_are_answered_after_it() {
    let rig = Rig::new("suspended", AgentRules::default(), |_, _| {}).await;
    let lease = held(rig.engine.suspend(lease_for("copy")));
    assert_eq!(lease.blocking.total(), 0);
    assert_eq!(rig.engine.suspension_phase(), SuspensionPhase::Prepared);
    assert!(rig.engine.shared.delivery.is_resting());
    rig.send(PeerKind::Direct, "1", "one").await;
    rig.send(PeerKind::Direct, "1", "two").await;
    rig.send(PeerKind::Direct, "2", "three").await;
    assert_eq!((rig.turns(), rig.engine.load()), (0, (0, 3)));
    assert_eq!(rig.engine.open_rows().await.expect("read").0, 3);
    assert_eq!(rig.engine.resume("another"), Resumed::Other);
    assert_eq!(rig.engine.resume(&lease.id), Resumed::Ended);
    assert!(!rig.engine.shared.delivery.is_resting());
    rig.quiet().await;
    assert_eq!(rig.turns(), 3);
    assert_eq!(rig.engine.resume(&lease.id), Resumed::WasRunning);
    assert_eq!(rig.hear(PeerKind::Direct, "1", "four").await, 1);
}

#[tokio::test]
async fn a_suspension_nobody_renews_ends_by_itself() {
    let rig = Rig::new("lease", AgentRules::default(), |_, _| {}).await;
    let pass = |time_ms: i64| rig.clock.0.fetch_add(time_ms, Ordering::SeqCst);
    let lease = held(rig.engine.suspend(lease_for("copy")));
    rig.send(PeerKind::Direct, "1", "one").await;
    pass(100_000);
    let renewed = held(rig.engine.suspend(lease_for("copy")));
    assert_eq!(renewed.id, lease.id);
    assert_eq!(renewed.expires_at_ms, lease.expires_at_ms + 100_000);
    assert_eq!(
        rig.engine.suspend(lease_for("other")),
        Prepared::Taken(renewed.expires_at_ms)
    );
    // What was handed over is not renewed: somebody relies on its end.
    assert_eq!(rig.engine.hand_over("other"), None);
    assert_eq!(rig.engine.hand_over(&lease.id), Some(renewed.expires_at_ms));
    pass(60_000);
    let again = held(rig.engine.suspend(lease_for("copy")));
    assert_eq!(again.expires_at_ms, renewed.expires_at_ms);
    pass(60_000);
    assert!(!rig.engine.take_handover(), "the lease is over");
    assert_eq!(rig.engine.suspension(&lease.id), SuspensionState::Running);
    rig.quiet().await;
    assert_eq!(rig.turns(), 1);
}

#[tokio::test]
async fn a_handover_is_taken_once_and_a_stopping_gateway_cannot_be_suspended() {
    let rig = Rig::new("handover", AgentRules::default(), |_, _| {}).await;
    let lease = held(rig.engine.suspend(lease_for("update")));
    assert!(!rig.engine.take_handover());
    rig.engine.hand_over(&lease.id).expect("it holds");
    assert!(rig.engine.take_handover() && !rig.engine.take_handover());
    rig.send(PeerKind::Direct, "1", "one").await;
    assert!(rig.engine.drain("test", None).await);
    assert_eq!(rig.turns(), 0, "what waits is for the next process");
    let prepared = rig.engine.suspend(lease_for("update"));
    assert!(matches!(prepared, Prepared::Leaving(_)), "{prepared:?}");
}

#[tokio::test]
async fn who_was_told_that_the_gateway_is_quiet_can_rely_on_it() {
    let rig = Rig::new("relied", AgentRules::default(), |_, _| {}).await;
    let lease = held(rig.engine.suspend(lease_for("copy")));
    let key = SessionKey::main("main");
    let refused = rig.engine.compact_session(&key, CompactRequest::default());
    let refused = refused.await.expect_err("it would begin");
    assert_eq!(refused.code, Code::Unavailable);
    // What asks to begin counts until it is refused, and somebody may look in that moment.
    let passing = &rig.engine.shared.passing_runs;
    passing.fetch_add(1, Ordering::SeqCst);
    assert_eq!(
        rig.engine.suspension(&lease.id),
        SuspensionState::Held(lease.clone())
    );
    assert!(lease.is_ready && rig.engine.shared.delivery.is_resting());
    assert_eq!(rig.engine.suspension_phase(), SuspensionPhase::Prepared);
}

/// What is asked of the agent for one whom no session knows.
fn passing(text: &str) -> EphemeralTurn {
    EphemeralTurn {
        agent: main_agent(),
        system: None,
        history: Vec::new(),
        input: text.to_owned(),
        attached: Attached::default(),
        wishes: Wishes::default(),
        model: None,
        sampling: Sampling::default(),
        thinking: None,
    }
}

#[tokio::test]
async fn a_run_that_leaves_nothing_behind_is_waited_for_and_none_begins_meanwhile() {
    let rig = Rig::new("passing", AgentRules::default(), |_, _| {}).await;
    let run = rig.engine.ephemeral(passing("one")).await.expect("a run");
    let busy = rig.engine.suspend(lease_for("copy"));
    assert!(
        matches!(busy, Prepared::Busy(blocking) if (blocking.passing, blocking.total()) == (1, 1)),
        "{busy:?}"
    );
    drop(run);
    let lease = held(rig.engine.suspend(lease_for("copy")));
    let refused = rig.engine.ephemeral(passing("two")).await.err();
    assert_eq!(refused.expect("suspended").code, Code::Unavailable);
    assert_eq!(rig.engine.blocking().total(), 0, "what was refused is over");
    assert_eq!(rig.engine.resume(&lease.id), Resumed::Ended);
    assert!(rig.engine.ephemeral(passing("three")).await.is_ok());
}

#[tokio::test]
async fn a_stop_lets_a_run_finish_that_leaves_nothing_behind() {
    let rig = Rig::new("stop", AgentRules::default(), |_, _| {}).await;
    let run = rig.engine.ephemeral(passing("one")).await.expect("a run");
    assert_eq!(rig.engine.drain("test", None).now_or_never(), None);
    drop(run);
    assert_eq!(rig.engine.drain("test", None).now_or_never(), Some(true));
}

/// Answers everything but a request for a summary, which takes for ever.
#[derive(Clone)]
struct NeverSummarises(Listener);

fn is_summary(request: &TurnRequest) -> bool {
    request.system.starts_with("You summarise")
}

impl AgentConversation for NeverSummarises {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        let waits = is_summary(&request);
        let answer = self.0.turn(request);
        if waits {
            Box::pin(stream::pending())
        } else {
            answer
        }
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}

#[tokio::test]
async fn a_summary_is_waited_for() {
    let asked = Listener::default();
    let backend = Arc::new(Opens(NeverSummarises(asked.clone())));
    let rig = Rig::new("summary", AgentRules::default(), |settings, _| {
        settings.agents.get_mut(&main_agent()).expect("one").backend = backend;
    })
    .await;
    for round in 0..3 {
        let input = ClientInput {
            text: "words ".repeat(2_000),
            ..ClientInput::default()
        };
        submit(&rig, &round.to_string(), input)
            .await
            .expect("a turn");
    }
    let engine = rig.engine.clone();
    let summary = tokio::spawn(async move {
        let key = SessionKey::main("main");
        engine
            .compact_session(&key, CompactRequest::default())
            .await
    });
    let is_asked = || {
        let asked = asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().any(is_summary)
    };
    while !is_asked() {
        tokio::task::yield_now().await;
    }
    let busy = rig.engine.suspend(lease_for("copy"));
    assert!(
        matches!(busy, Prepared::Busy(blocking) if (blocking.passing, blocking.total()) == (1, 1)),
        "{busy:?}"
    );
    summary.abort();
    assert!(summary.await.is_err());
    held(rig.engine.suspend(lease_for("copy")));
}
