//! The simulation: the whole real engine in a simulated world, from one seed, through crashes and a bad platform.
//!
//! `scenario` rolls what will happen, `operators` what operators do meanwhile, `world` lives it, and `checks` compares the
//! truth with the journals. Every seed is lived twice: without operators, as ever, and with them.
//! `TORANA_SIM_SEEDS=1000` runs that many seeds, `TORANA_SIM_SEED=17` runs one and prints its diary.

mod checks;
mod operators;
mod scenario;
mod world;

use std::fmt::Write as _;

use operators::Manner;

/// Seeds of an ordinary test run; continuous integration runs more.
const SEEDS_DEFAULT: u64 = 50;
/// Seeds that are lived twice.
const TWICE: [u64; 2] = [3, 8];

/// How every seed is lived.
const MANNERS: [Manner; 2] = [Manner::Plain, Manner::Operated];

/// Seeds that once broke a promise, and what they showed.
const ONCE_BROKEN: [(u64, Manner, &str); 18] = [
    (
        1,
        Manner::Plain,
        "a stopped run left its status line behind",
    ),
    (
        12,
        Manner::Plain,
        "a command in a batch also dropped what was written after it",
    ),
    (
        16,
        Manner::Plain,
        "a preview stayed half-written when its turn was set aside",
    ),
    (
        61,
        Manner::Plain,
        "a fragment of a summarised message was lost",
    ),
    (
        77,
        Manner::Plain,
        "fragments of a steered message were lost, and a turn elsewhere swallowed it",
    ),
    (
        79,
        Manner::Plain,
        "an intent was sent without its attempt on disk",
    ),
    (
        112,
        Manner::Plain,
        "a repeated message took those it was collected with along when it vanished",
    ),
    (
        120,
        Manner::Plain,
        "the preview of a run that panicked went on after the answer",
    ),
    (
        121,
        Manner::Plain,
        "a crash between setting aside and saying so left a person without a word",
    ),
    (
        841,
        Manner::Plain,
        "a crash right after a stop left the status line behind",
    ),
    (
        121,
        Manner::Operated,
        "a status line was edited where nothing can be edited, after the mode had changed",
    ),
    (125, Manner::Operated, "the same, in another way"),
    (
        222,
        Manner::Operated,
        "a part of a preview took the place of one that could not be sent",
    ),
    (269, Manner::Operated, "so was a status line"),
    (719, Manner::Operated, "and another one"),
    (
        750,
        Manner::Plain,
        "and one in a group, where its run panicked in the moment of sending",
    ),
    (
        1_292,
        Manner::Operated,
        "a turn that was stopped while it waited after a crash left its status line behind",
    ),
    (
        4_385,
        Manner::Plain,
        "a preview that was told when the disk was full counted as broken",
    ),
];

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn no_seed_breaks_a_promise() {
    if let Some(seed) = from_environment("TORANA_SIM_SEED") {
        for manner in MANNERS {
            let outcome = world::live(seed, manner);
            for line in &outcome.diary {
                println!("{manner:?}: {line}");
            }
            assert!(
                outcome.broken.is_empty(),
                "seed {seed} {manner:?}:\n{}",
                outcome.broken.join("\n")
            );
        }
        return;
    }
    let count = from_environment("TORANA_SIM_SEEDS").unwrap_or(SEEDS_DEFAULT);
    let mut report = String::new();
    let mut tally = world::Tally::default();
    for (seed, manner) in (1..=count).flat_map(|seed| MANNERS.map(|manner| (seed, manner))) {
        // A panic inside a life is a broken promise too, and must name its seed.
        let lived = std::panic::catch_unwind(|| world::live(seed, manner));
        let broken = match lived {
            Ok(outcome) => {
                tally.add(&outcome.tally);
                outcome.broken
            }
            Err(_) => vec!["the world panicked; the message is above".to_owned()],
        };
        if !broken.is_empty() {
            writeln!(
                report,
                "seed {seed} {manner:?} (rerun with TORANA_SIM_SEED={seed}):\n  {}",
                broken.join("\n  ")
            )
            .expect("writing to a string");
        }
    }
    println!("{count} seeds: {tally:?}");
    assert!(report.is_empty(), "\n{report}");
    // A simulation in which nothing happens proves nothing.
    assert!(tally.answered > count && tally.deaths > count, "{tally:?}");
}

#[test]
fn no_broken_promise_comes_back() {
    for (seed, manner, story) in ONCE_BROKEN {
        let outcome = world::live(seed, manner);
        assert!(
            outcome.broken.is_empty(),
            "seed {seed} ({story}):\n{}",
            outcome.broken.join("\n")
        );
    }
}

#[test]
fn a_seed_always_lives_the_same_life() {
    for (seed, manner) in TWICE
        .into_iter()
        .flat_map(|seed| MANNERS.map(|manner| (seed, manner)))
    {
        let (first, second) = (world::live(seed, manner), world::live(seed, manner));
        let differs = first
            .diary
            .iter()
            .zip(&second.diary)
            .position(|(left, right)| left != right);
        if let Some(at) = differs {
            panic!(
                "seed {seed} differs at line {at}:\n{}\n{}",
                first.diary[at], second.diary[at]
            );
        }
        assert_eq!(first.diary.len(), second.diary.len(), "seed {seed}");
    }
}
