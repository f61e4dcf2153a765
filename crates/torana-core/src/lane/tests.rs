//! What happens to a message during a run, as a table and as a property over any sequence of events.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::id::InboxId;

fn policy(mode: QueueMode, cap: usize, drop: DropPolicy) -> QueuePolicy {
    QueuePolicy { mode, cap, drop }
}

/// The run ended; what comes next.
fn settle(lane: &mut Lane) -> Option<NextTurn> {
    lane.rest();
    lane.start_next()
}

fn id(number: i64) -> InboxId {
    InboxId(number)
}

fn ids(numbers: &[i64]) -> Vec<InboxId> {
    numbers.iter().copied().map(InboxId).collect()
}

/// A lane in which message 1 runs and the given ones arrived after it, all for one target.
fn busy(policy: QueuePolicy, arrivals: std::ops::RangeInclusive<i64>) -> Lane {
    let mut lane = Lane::default();
    assert_eq!(lane.arrive(id(1), 0, policy, false), Arrival::Run);
    for number in arrivals {
        lane.arrive(id(number), 0, policy, false);
    }
    lane
}

/// Ends every turn and prints what came: `lead[merged](summarised)`.
fn turns(lane: &mut Lane) -> String {
    let mut told = Vec::new();
    while let Some(next) = settle(lane) {
        let mut text = next.lead.to_string();
        if !next.merged.is_empty() {
            text.push_str(&format!(
                "{:?}",
                next.merged.iter().map(|id| id.0).collect::<Vec<_>>()
            ));
        }
        if !next.summarised.is_empty() {
            text.push_str(&format!(
                "({:?})",
                next.summarised.iter().map(|id| id.0).collect::<Vec<_>>()
            ));
        }
        told.push(text);
    }
    assert!(lane.is_idle());
    told.join(" ")
}

fn check(policy: QueuePolicy, arrivals: std::ops::RangeInclusive<i64>, expected: &str) {
    assert_eq!(turns(&mut busy(policy, arrivals)), expected, "{policy:?}");
}

#[test]
fn each_mode_makes_its_own_turns_of_waiting_messages() {
    check(
        policy(QueueMode::Followup, 20, DropPolicy::New),
        2..=4,
        "2 3 4",
    );
    check(
        policy(QueueMode::Collect, 20, DropPolicy::New),
        2..=4,
        "4[2, 3]",
    );
    // Without a backend that takes text during a turn, steering is waiting.
    check(
        policy(QueueMode::Steer, 20, DropPolicy::New),
        2..=4,
        "2 3 4",
    );
    check(
        policy(QueueMode::Interrupt, 20, DropPolicy::New),
        2..=4,
        "4",
    );
}

#[test]
fn a_full_queue_follows_its_drop_policy() {
    check(
        policy(QueueMode::Followup, 2, DropPolicy::New),
        2..=5,
        "2 3",
    );
    check(
        policy(QueueMode::Followup, 2, DropPolicy::Old),
        2..=5,
        "4 5",
    );
    check(
        policy(QueueMode::Followup, 2, DropPolicy::Summarize),
        2..=5,
        "4([2, 3]) 5",
    );
    check(
        policy(QueueMode::Collect, 2, DropPolicy::Summarize),
        2..=5,
        "5[4]([2, 3])",
    );
}

#[test]
fn a_full_queue_says_whom_it_cost() {
    let lane = |drop| busy(policy(QueueMode::Followup, 1, drop), 2..=2);
    let arrive = |drop| lane(drop).arrive(id(3), 0, policy(QueueMode::Followup, 1, drop), false);
    assert_eq!(arrive(DropPolicy::New), Arrival::Refuse);
    assert_eq!(arrive(DropPolicy::Old), Arrival::WaitInsteadOf(id(2)));
    assert_eq!(
        arrive(DropPolicy::Summarize),
        Arrival::WaitSummarising(id(2))
    );
}

#[test]
fn a_cap_of_zero_still_lets_one_wait() {
    check(policy(QueueMode::Followup, 0, DropPolicy::Old), 2..=4, "4");
}

#[test]
fn messages_of_different_targets_are_never_merged() {
    let collect = policy(QueueMode::Collect, 20, DropPolicy::New);
    let mut lane = busy(collect, 2..=2);
    lane.arrive(id(3), 9, collect, false);
    lane.arrive(id(4), 0, collect, false);
    lane.arrive(id(5), 9, collect, false);
    assert_eq!(turns(&mut lane), "4[2] 5[3]");
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "nothing waits behind the run")]
fn a_backend_that_listens_is_offered_the_message() {
    let steer = policy(QueueMode::Steer, 20, DropPolicy::New);
    let mut lane = busy(steer, 2..=1);
    assert_eq!(lane.arrive(id(2), 0, steer, true), Arrival::Steer);
    assert_eq!(lane.waiting(), 0, "it is in the hands of the caller");
    assert_eq!(lane.wait(id(2), 0, steer), Arrival::Wait);
    assert_eq!(turns(&mut lane), "2");
}

#[test]
fn an_interrupt_supersedes_everything_that_waits() {
    let interrupt = policy(QueueMode::Interrupt, 20, DropPolicy::New);
    let mut lane = busy(policy(QueueMode::Followup, 20, DropPolicy::New), 2..=3);
    assert_eq!(
        lane.arrive(id(4), 0, interrupt, true),
        Arrival::Interrupt(ids(&[2, 3]))
    );
    assert_eq!(lane.running(), Some(id(1)), "the caller ends the run");
    assert_eq!(turns(&mut lane), "4");
}

#[test]
fn accepted_messages_wait_at_start_whatever_the_cap() {
    let mut lane = Lane::default();
    for number in 1..=50 {
        lane.restore(id(number), 0, false);
    }
    assert_eq!(lane.waiting(), 50);
    let full = policy(QueueMode::Followup, 20, DropPolicy::New);
    assert_eq!(
        lane.arrive(id(51), 0, full, false),
        Arrival::Refuse,
        "nothing overtakes what was accepted before"
    );
    let first = lane.start_next().expect("something waits");
    assert_eq!((first.lead, lane.running()), (id(1), Some(id(1))));
    assert_eq!(lane.start_next(), None, "one at a time");
}

#[test]
fn a_run_that_never_started_gives_its_place_back() {
    let followup = policy(QueueMode::Followup, 20, DropPolicy::New);
    let mut lane = busy(followup, 2..=2);
    assert!(!lane.unstart(id(2)));
    assert!(lane.unstart(id(1)));
    assert_eq!(lane.start_next().map(|next| next.lead), Some(id(2)));
}

#[test]
fn a_summary_is_never_left_without_a_turn() {
    let summarize = policy(QueueMode::Followup, 1, DropPolicy::Summarize);
    let mut lane = busy(summarize, 2..=4);
    assert!(lane.withdraw(id(4)));
    assert_eq!(turns(&mut lane), "3([2])");
}

#[test]
fn a_summary_joins_a_turn_that_answers_its_author() {
    let summarize = policy(QueueMode::Followup, 1, DropPolicy::Summarize);
    let mut lane = busy(summarize, 2..=2);
    lane.arrive(id(3), 9, summarize, false);
    lane.arrive(id(4), 9, summarize, false);
    // 2 and 3 are summaries; nothing else waits for the target of 2, so it leads a turn of its own.
    assert_eq!(turns(&mut lane), "2 4([3])");
}

#[test]
fn stopping_returns_what_waited() {
    let mut lane = busy(policy(QueueMode::Followup, 20, DropPolicy::New), 2..=3);
    assert_eq!(lane.clear(), ids(&[2, 3]));
    assert_eq!(lane.running(), Some(id(1)));
    assert_eq!(settle(&mut lane), None);
    assert!(lane.is_idle());
}

#[test]
fn a_command_stops_what_came_before_it_only() {
    let mut lane = busy(policy(QueueMode::Followup, 20, DropPolicy::New), 2..=5);
    assert_eq!(lane.clear_before(id(4)), ids(&[2, 3]));
    assert_eq!(turns(&mut lane), "4 5");
}

#[test]
fn what_comes_back_takes_its_old_place() {
    let mut lane = busy(policy(QueueMode::Followup, 20, DropPolicy::New), 2..=5);
    assert!(lane.withdraw(id(3)));
    lane.restore(id(3), 0, false);
    assert_eq!(turns(&mut lane), "2 3 4 5");
}

#[test]
fn modes_are_read_in_every_spelling() {
    for (text, expected) in [
        ("steer", Some(QueueMode::Steer)),
        (" Queue ", Some(QueueMode::Steer)),
        ("steer+backlog", Some(QueueMode::Steer)),
        ("follow-up", Some(QueueMode::Followup)),
        ("COLLECT", Some(QueueMode::Collect)),
        ("interrupt", Some(QueueMode::Interrupt)),
        ("sometimes", None),
        ("", None),
    ] {
        assert_eq!(QueueMode::parse(text), expected, "{text}");
    }
    for mode in [
        QueueMode::Steer,
        QueueMode::Followup,
        QueueMode::Collect,
        QueueMode::Interrupt,
    ] {
        assert_eq!(QueueMode::parse(mode.as_str()), Some(mode));
    }
}

// === Any sequence of events ===

#[derive(Debug, Clone)]
enum Step {
    Arrive {
        target: u64,
        policy: QueuePolicy,
        can_steer: bool,
        taken: bool,
    },
    Restore {
        target: u64,
        collect: bool,
    },
    Settle,
    Next,
    Withdraw(usize),
    Unstart,
    Clear,
    ClearBefore(i64),
}

fn any_queue_policy() -> impl Strategy<Value = QueuePolicy> {
    let mode = prop_oneof![
        Just(QueueMode::Steer),
        Just(QueueMode::Followup),
        Just(QueueMode::Collect),
        Just(QueueMode::Interrupt)
    ];
    let drop = prop_oneof![
        Just(DropPolicy::Summarize),
        Just(DropPolicy::Old),
        Just(DropPolicy::New)
    ];
    (mode, 0..5_usize, drop).prop_map(|(mode, cap, drop)| QueuePolicy { mode, cap, drop })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_u64, any_queue_policy(), any::<bool>(), any::<bool>())
            .prop_map(|(target, policy, can_steer, taken)| Step::Arrive { target, policy, can_steer, taken }),
        1 => (0..3_u64, any::<bool>()).prop_map(|(target, collect)| Step::Restore { target, collect }),
        4 => Just(Step::Settle),
        1 => Just(Step::Next),
        1 => (0..8_usize).prop_map(Step::Withdraw),
        1 => Just(Step::Unstart),
        1 => Just(Step::Clear),
        1 => (0..60_i64).prop_map(Step::ClearBefore),
    ]
}

/// The lane beside a book that knows where every message is.
#[derive(Default)]
struct Book {
    lane: Lane,
    count: i64,
    waiting: BTreeSet<InboxId>,
    running: Option<InboxId>,
    /// Answered, dropped, merged, refused or withdrawn: never seen again.
    gone: BTreeSet<InboxId>,
}

impl Book {
    fn fresh(&mut self) -> InboxId {
        self.count += 1;
        id(self.count)
    }

    fn leave(&mut self, id: InboxId) {
        assert!(
            self.waiting.remove(&id),
            "{id} left the queue without having been there"
        );
        assert!(self.gone.insert(id), "{id} left twice");
    }

    fn arrived(
        &mut self,
        id: InboxId,
        target: u64,
        policy: QueuePolicy,
        arrival: Arrival,
        taken: bool,
    ) {
        match arrival {
            Arrival::Run => {
                assert!(self.running.is_none() && self.waiting.is_empty());
                self.running = Some(id);
            }
            Arrival::Wait => assert!(self.waiting.insert(id)),
            Arrival::Steer if taken => assert!(self.gone.insert(id)),
            Arrival::Steer => {
                let again = self.lane.wait(id, target, policy);
                assert!(
                    !matches!(again, Arrival::Run | Arrival::Steer | Arrival::Interrupt(_)),
                    "{again:?}"
                );
                self.arrived(id, target, policy, again, false);
            }
            Arrival::Interrupt(superseded) => {
                superseded.into_iter().for_each(|old| self.leave(old));
                assert!(
                    self.waiting.is_empty(),
                    "the newest and only the newest comes next"
                );
                self.waiting.insert(id);
            }
            Arrival::WaitInsteadOf(old) => {
                self.leave(old);
                assert!(self.waiting.insert(id));
            }
            Arrival::WaitSummarising(old) => {
                assert!(
                    self.waiting.contains(&old),
                    "a summarised message still waits"
                );
                assert!(self.waiting.insert(id));
            }
            Arrival::Refuse => assert!(self.gone.insert(id)),
        }
    }

    fn started(&mut self, next: Option<NextTurn>) {
        let Some(next) = next else {
            assert!(
                self.waiting.is_empty() || self.running.is_some(),
                "somebody waits and nobody runs"
            );
            return;
        };
        assert!(self.running.is_none(), "two turns at once");
        assert!(
            next.merged.is_sorted() && next.merged.last().is_none_or(|newest| *newest < next.lead)
        );
        for id in next.merged.into_iter().chain(next.summarised) {
            self.leave(id);
        }
        assert!(self.waiting.remove(&next.lead));
        self.running = Some(next.lead);
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Arrive {
                target,
                policy,
                can_steer,
                taken,
            } => {
                let id = self.fresh();
                let arrival = self.lane.arrive(id, target, policy, can_steer);
                self.arrived(id, target, policy, arrival, taken);
            }
            Step::Restore { target, collect } => {
                let id = self.fresh();
                self.lane.restore(id, target, collect);
                self.waiting.insert(id);
            }
            Step::Settle => {
                self.gone.extend(self.running.take());
                let next = settle(&mut self.lane);
                self.started(next);
            }
            Step::Next => {
                let next = self.lane.start_next();
                self.started(next);
            }
            Step::Withdraw(index) => {
                let chosen = self.waiting.iter().nth(index).copied();
                assert!(!self.lane.withdraw(InboxId(-1)));
                if let Some(id) = chosen {
                    assert!(self.lane.withdraw(id));
                    self.leave(id);
                }
            }
            Step::Unstart => {
                if let Some(id) = self.running.take() {
                    assert!(self.lane.unstart(id));
                    self.gone.insert(id);
                    let next = self.lane.start_next();
                    self.started(next);
                }
            }
            Step::Clear => {
                let cleared = self.lane.clear();
                assert!(cleared.is_sorted());
                cleared.into_iter().for_each(|id| self.leave(id));
            }
            Step::ClearBefore(bound) => {
                for old in self.lane.clear_before(id(bound)) {
                    assert!(old < id(bound));
                    self.leave(old);
                }
                assert!(self.waiting.iter().all(|left| *left >= id(bound)));
            }
        }
        assert_eq!(self.lane.running(), self.running);
        assert_eq!(self.lane.waiting(), self.waiting.len());
        assert_eq!(
            self.lane.is_idle(),
            self.running.is_none() && self.waiting.is_empty()
        );
    }
}

proptest! {
    #[test]
    fn every_message_is_in_exactly_one_place(steps in proptest::collection::vec(any_step(), 0..60)) {
        let mut book = Book::default();
        for step in steps {
            book.apply(step);
        }
        // Whatever happened, ending turns empties the lane.
        for _ in 0..=book.count {
            book.apply(Step::Settle);
        }
        prop_assert!(book.lane.is_idle());
        prop_assert_eq!(book.gone.len(), usize::try_from(book.count).expect("a small count"));
    }

    #[test]
    fn followup_answers_in_the_order_of_arrival(
        steps in proptest::collection::vec(any::<bool>(), 1..60),
        cap in 1..6_usize,
        drop in prop_oneof![Just(DropPolicy::Summarize), Just(DropPolicy::Old), Just(DropPolicy::New)],
    ) {
        let policy = policy(QueueMode::Followup, cap, drop);
        let (mut lane, mut order, mut count) = (Lane::default(), Vec::new(), 0);
        let mut summarised = 0_usize;
        for arrives in steps {
            if arrives {
                count += 1;
                match lane.arrive(id(count), 0, policy, true) {
                    Arrival::Run => order.push(id(count)),
                    Arrival::WaitSummarising(_) => summarised += 1,
                    _ => {}
                }
                prop_assert!(lane.waiting() <= cap + summarised);
            } else if let Some(next) = settle(&mut lane) {
                prop_assert!(next.merged.is_empty());
                prop_assert!(next.summarised.iter().all(|id| *id < next.lead));
                order.push(next.lead);
            }
        }
        prop_assert!(order.is_sorted_by(|left, right| left < right), "{:?}", order);
    }

    #[test]
    fn collecting_keeps_targets_apart_and_each_in_order(targets in proptest::collection::vec(0..3_u64, 1..20)) {
        let policy = policy(QueueMode::Collect, 100, DropPolicy::New);
        let mut lane = Lane::default();
        lane.arrive(id(0), 9, policy, false);
        for (number, target) in (1..).zip(&targets) {
            lane.arrive(id(number), *target, policy, false);
        }
        let target_of = |id: InboxId| targets[usize::try_from(id.0).expect("a small id") - 1];
        let mut seen = BTreeSet::new();
        while let Some(next) = settle(&mut lane) {
            let target = target_of(next.lead);
            prop_assert!(next.merged.iter().all(|id| target_of(*id) == target));
            prop_assert!(seen.insert(target), "one turn per target");
        }
    }
}
