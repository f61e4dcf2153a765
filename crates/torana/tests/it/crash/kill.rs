//! Killed again and again while people write: nothing is lost, nothing is out of order, nobody is answered twice.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use super::check::Findings;
use super::scene::{Scene, Variant};

/// Kills where nobody says how many: enough to see that the harness works.
const KILLS: u32 = 3;
/// Messages to twenty-four chats, each the answer of one short message.
pub(super) const SHORT: Variant = Variant {
    streaming: "off",
    words: 4,
    chunk: 4_000,
    chats: 24,
    every: Duration::from_millis(25),
    pause_ms: 12,
    lost_every: 0,
};
/// Answers that grow before people's eyes.
const GROWING: Variant = Variant {
    streaming: "partial",
    words: 40,
    every: Duration::from_millis(50),
    pause_ms: 90,
    ..SHORT
};
/// Answers of about six messages each.
const LONG: Variant = Variant {
    words: 150,
    chunk: 220,
    every: Duration::from_millis(60),
    ..SHORT
};

/// A platform whose answers get lost, so that nobody can know whether a reply was shown.
const LOSSY: Variant = Variant {
    lost_every: 8,
    ..SHORT
};

/// How a life of the gateway ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// SIGKILL.
    Killed,
    /// SIGTERM: it drains and ends by itself.
    Asked,
    /// SIGABRT, as after a failed allocation, and SIGSEGV, as after a fault, in turn.
    Broken,
    /// SIGSTOP for a while, then SIGCONT; it lives on, and is killed soon after.
    Frozen,
}

/// How long a frozen process stands still: long enough that connections to it wait and peers wonder.
const FROZEN_FOR: Duration = Duration::from_millis(1_500);
/// How long it lives on, so that it can do wrong what it would do wrong.
const THAWED_FOR: Duration = Duration::from_millis(700);

#[test]
fn nothing_is_lost_or_answered_twice_when_the_process_is_killed() {
    let (findings, _) = run("kill", SHORT, Death::Killed, kills());
    assert_eq!(
        findings.leftovers, 0,
        "there are no previews to leave behind"
    );
}

#[test]
fn an_orderly_stop_loses_nothing_and_repeats_nothing() {
    let (findings, _) = run("term", SHORT, Death::Asked, kills().div_ceil(3));
    assert_eq!(
        findings.duplicates, 0,
        "a drained process leaves no send open"
    );
}

#[test]
fn growing_answers_end_whole_when_the_process_is_killed() {
    let (_, edits) = run("growing", GROWING, Death::Killed, kills().div_ceil(2));
    assert!(edits > 0, "no answer grew, so nothing was proven");
}

#[test]
fn long_answers_arrive_whole_and_in_order_when_the_process_is_killed() {
    let (findings, _) = run("long", LONG, Death::Killed, kills().div_ceil(2));
    assert_eq!(
        findings.leftovers, 0,
        "there are no previews to leave behind"
    );
}

#[test]
fn a_reply_is_shown_twice_only_where_nobody_can_know_and_then_it_is_marked() {
    let (findings, _) = run("lossy", LOSSY, Death::Killed, kills().div_ceil(3).max(3));
    assert!(
        findings.duplicates > 0,
        "no answer was lost, so nothing was proven"
    );
}

#[test]
fn an_abort_or_a_fault_loses_no_more_than_a_kill() {
    run("broken", SHORT, Death::Broken, kills().div_ceil(4).max(2));
}

#[test]
fn a_process_that_stood_still_goes_on_where_it_was() {
    let (findings, _) = run("frozen", SHORT, Death::Frozen, kills().div_ceil(8).max(2));
    assert_eq!(
        findings.leftovers, 0,
        "there are no previews to leave behind"
    );
}

pub(super) fn kills() -> u32 {
    let asked = std::env::var("TORANA_CRASH_KILLS").ok();
    asked.map_or(KILLS, |text| {
        text.parse().expect("TORANA_CRASH_KILLS is a number")
    })
}

/// The seed from `TORANA_CRASH_SEED`, else a new one; real processes differ all the same, so it only repeats the dice.
pub(super) fn seed() -> u64 {
    let asked = std::env::var("TORANA_CRASH_SEED").ok();
    asked.map_or_else(fresh_seed, |text| {
        text.parse().expect("TORANA_CRASH_SEED is a number")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "every run of the harness shall differ, and says how"
)]
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(since.map_or(1, |since| since.subsec_nanos()))
}

/// One whole run. Gives what the checker found and how often a message changed before people's eyes.
fn run(name: &str, variant: Variant, death: Death, kills: u32) -> (Findings, usize) {
    let seed = seed();
    say(&format!("crash {name}: seed {seed}, {kills} deaths"));
    let mut scene = Scene::new(name, seed, variant);
    for number in 0..kills {
        let gateway = scene.place.start();
        // From the first moments, recovery included, to a gateway in full swing.
        let life_ms = scene.dice.between(120, 1_800);
        let mut gateway = match death {
            Death::Killed => gateway,
            // A signal before the process listens for it is a kill, which others test.
            Death::Asked | Death::Broken | Death::Frozen => gateway.ready(),
        };
        scene.write_for(Duration::from_millis(life_ms));
        match death {
            Death::Killed => gateway.kill(),
            Death::Asked => {
                let status = gateway.stop();
                assert!(status.success(), "it ended with {status}");
            }
            Death::Broken if number % 2 == 0 => gateway.die(Signal::ABORT),
            Death::Broken => gateway.die(Signal::SEGV),
            Death::Frozen => {
                gateway.signal(Signal::STOP);
                scene.write_for(FROZEN_FOR);
                gateway.signal(Signal::CONT);
                scene.write_for(THAWED_FOR);
                gateway.kill();
            }
        }
    }
    finish(name, seed, scene, kills)
}

/// The last life: everything settles, the gateway stops in order, and the checker has its say.
pub(super) fn finish(name: &str, seed: u64, mut scene: Scene, deaths: u32) -> (Findings, usize) {
    let mut gateway = scene.place.start().ready();
    scene.settle(|| gateway.expect_alive());
    let status = gateway.stop();
    let findings = scene.findings();
    say(&format!(
        "crash {name}: {} messages, {deaths} deaths, {} second replies (marked), {} beginnings left, {} reruns, {} edits, {} violations",
        scene.written.len(),
        findings.duplicates,
        findings.leftovers,
        findings.reruns,
        scene.edits(),
        findings.violations.len()
    ));
    let edits = scene.edits();
    assert!(
        findings.violations.is_empty(),
        "seed {seed}, files in {}:\n{}",
        scene.place.home.display(),
        findings.violations.join("\n")
    );
    assert!(status.success(), "the last life ended with {status}");
    scene.clean();
    (findings, edits)
}

/// Says it even when the test succeeds: the counts are what the run is for.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("somebody reads the output of a test");
}
