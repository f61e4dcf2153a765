//! Counts tests from the closing lines of the runners we use: cargo test, nextest, node, vitest and our own scripts.

use std::fmt;

/// How many tests ran.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    runner_line: Option<String>,
}

// === impl Tally ===

impl Tally {
    /// Adds every closing line found in the output of one step.
    pub(crate) fn add(&mut self, output: &str) {
        for line in output.lines() {
            let line = line.trim();
            if !is_closing_line(line) {
                continue;
            }
            let before = self.passed + self.failed;
            self.passed += number_beside(line, "passed")
                .or_else(|| number_beside(line, "pass"))
                .unwrap_or(0);
            self.failed += number_beside(line, "failed")
                .or_else(|| number_beside(line, "fail"))
                .unwrap_or(0);
            self.skipped += number_beside(line, "skipped").unwrap_or(0);
            let is_rust = line.starts_with("Summary [") || line.starts_with("test result:");
            // The line of the largest Rust run says most; a doc test run of nothing must not replace it.
            if is_rust && self.passed + self.failed > before && self.runner_line.is_none() {
                self.runner_line = Some(line.to_owned());
            }
        }
    }

    /// The closing line of the first test run, as its runner wrote it.
    pub(crate) fn runner_line(&self) -> Option<&str> {
        self.runner_line.as_deref()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(formatter, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

fn is_closing_line(line: &str) -> bool {
    let ours = line.split_once(" passed, ").is_some_and(|(count, rest)| {
        count.bytes().all(|byte| byte.is_ascii_digit()) && rest.contains(" failed")
    });
    let node = ["# pass ", "# fail ", "ℹ pass ", "ℹ fail "]
        .iter()
        .any(|start| line.starts_with(start));
    let vitest =
        line.starts_with("Tests ") && (line.contains(" passed") || line.contains(" failed"));
    ours || node || vitest || line.starts_with("test result:") || line.starts_with("Summary [")
}

/// The number in front of a word, or right behind it at the end of the line.
fn number_beside(line: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> = line
        .split([' ', ',', ';', '|', '(', ')'])
        .filter(|part| !part.is_empty())
        .collect();
    let at = words.iter().position(|part| *part == word)?;
    let before = at
        .checked_sub(1)
        .and_then(|index| words[index].parse().ok());
    before.or_else(|| words.get(at + 1)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> String {
        let mut tally = Tally::default();
        tally.add(output);
        tally.to_string()
    }

    #[test]
    fn each_runner_is_understood() {
        assert_eq!(
            tally("test result: ok. 12 passed; 1 failed; 0 ignored; 0 measured"),
            "12 passed, 1 failed"
        );
        assert_eq!(
            tally("     Summary [   0.5s] 9 tests run: 8 passed (1 slow), 1 failed, 2 skipped"),
            "8 passed, 1 failed, 2 skipped"
        );
        assert_eq!(
            tally("# tests 5\n# pass 4\n# fail 1\n"),
            "4 passed, 1 failed"
        );
        assert_eq!(
            tally(" Test Files  2 passed (2)\n      Tests  1 failed | 11 passed (12)"),
            "11 passed, 1 failed"
        );
        assert_eq!(tally("7 passed, 0 failed"), "7 passed, 0 failed");
    }

    #[test]
    fn ordinary_output_counts_nothing() {
        assert_eq!(
            tally("test lane::three_passed ... ok\nall 4 passed the gate"),
            "0 passed, 0 failed"
        );
    }

    #[test]
    fn the_first_run_that_ran_something_gives_the_runner_line() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 0 passed; 0 failed;\ntest result: ok. 3 passed; 0 failed;\ntest result: ok. 1 passed; 0 failed;");
        assert_eq!(
            tally.runner_line(),
            Some("test result: ok. 3 passed; 0 failed;")
        );
    }
}
