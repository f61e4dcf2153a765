//! `tidy::no_sleep_in_tests` and `tidy::no_ignore`: tests are exact, and every test runs.

use crate::finding::{Finding, finding};
use crate::source::{Tree, line_of};

/// The one file that may wait for real time: it polls a visible condition of a real process until a deadline.
const WAIT_PATH: &str = "crates/torana/tests/it/wait.rs";

/// Sleeping on the real clock.
const REAL_SLEEPS: &[&str] = &["thread::sleep"];
/// Sleeping on the runtime's clock, which is fine once that clock is virtual.
const RUNTIME_SLEEPS: &[&str] = &["tokio::time::sleep", " time::sleep(", "(time::sleep("];
/// What makes the runtime's clock virtual in a file.
const VIRTUAL_MARKS: &[&str] = &["start_paused", "time::pause"];

pub(in crate::rule) fn no_sleep_in_tests(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust_under("crates/") {
        // The simulated world is virtual time itself, a benchmark measures the real one,
        // and a fake server answers late on purpose.
        let exempt = file.path == WAIT_PATH
            || file.crate_name() == "torana-testkit"
            || file.path.contains("/benches/")
            || file.is_fake();
        if exempt {
            continue;
        }
        let is_virtual = VIRTUAL_MARKS.iter().any(|mark| file.text.contains(mark));
        let runtime = if is_virtual { &[][..] } else { RUNTIME_SLEEPS };
        for spelling in REAL_SLEEPS.iter().chain(runtime) {
            for (at, _) in file.code.match_indices(spelling) {
                let line = line_of(&file.code, at);
                if file.is_test_line(line) {
                    found.push(finding(
                        rule,
                        &file.path,
                        line,
                        "a test sleeps on the real clock",
                        format!("advance a paused clock, or wait for a condition in {WAIT_PATH}"),
                    ));
                }
            }
        }
    }
    found
}

/// How a test is switched off or made the only one, in Rust and in the user interface.
const RUST_SWITCHES: &[&str] = &[concat!("#[ig", "nore")];
const SCRIPT_SWITCHES: &[&str] = &[
    "test.skip(",
    "it.skip(",
    "describe.skip(",
    "test.only(",
    "it.only(",
    "describe.only(",
];

pub(in crate::rule) fn no_ignore(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts() {
        let switches = if path.ends_with(".rs") {
            RUST_SWITCHES
        } else if path.ends_with(".ts") || path.ends_with(".mjs") || path.ends_with(".tsx") {
            SCRIPT_SWITCHES
        } else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if switches.iter().any(|switch| line.contains(switch)) {
                found.push(finding(
                    rule,
                    path,
                    index + 1,
                    "a test is switched off",
                    "fix it, delete it, or assert the wrong behaviour and explain",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeps(path: &str, text: &str) -> usize {
        no_sleep_in_tests("tidy::no_sleep_in_tests", &Tree::from_files([(path, text)])).len()
    }

    #[test]
    fn a_sleeping_test_is_found_unless_its_clock_is_virtual() {
        let nap = "async fn a() { tokio::time::sleep(b).await; }";
        assert_eq!(sleeps("crates/a/src/tests.rs", nap), 1);
        assert_eq!(
            sleeps(
                "crates/a/src/tests.rs",
                &format!("#[tokio::test(start_paused = true)]\n{nap}")
            ),
            0
        );
        assert_eq!(sleeps("crates/a/src/lib.rs", nap), 0);
        assert_eq!(
            sleeps("crates/a/tests/it/main.rs", "std::thread::sleep(b);"),
            1
        );
        assert_eq!(sleeps(WAIT_PATH, "std::thread::sleep(b);"), 0);
    }

    #[test]
    fn a_test_that_does_not_run_is_found() {
        let off = format!("{}]\nfn a() {{}}", RUST_SWITCHES[0]);
        let tree = Tree::from_files([
            ("a.rs", off.as_str()),
            ("ui/tests/b.ts", "test.only('x', run)"),
        ]);
        assert_eq!(no_ignore("tidy::no_ignore", &tree).len(), 2);
    }
}
