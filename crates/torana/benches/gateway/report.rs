//! Figures, their floors and their budgets, one line each.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

const BUDGETS: &str = include_str!("../budgets.json");

/// Collects what was measured; prints as it goes.
pub(super) struct Report {
    budgets: Value,
    smoke: bool,
    over: Vec<String>,
}

impl Report {
    pub(super) fn new(smoke: bool) -> Self {
        let budgets = serde_json::from_str(BUDGETS).expect("budgets.json is JSON");
        Self {
            budgets,
            smoke,
            over: Vec::new(),
        }
    }

    pub(super) fn begin(&self, name: &str) {
        say(&format!("\n{name}"));
    }

    /// Something worth knowing that has no budget.
    pub(super) fn note(&self, text: &str) {
        say(&format!("  {text}"));
    }

    /// A figure with a budget. The budget's name ends in `_max` or `_min` and so says which side is good.
    pub(super) fn figure(
        &mut self,
        budget: &str,
        what: &str,
        value: f64,
        unit: &str,
        floor: Option<f64>,
    ) {
        let limit = self.budgets[budget]
            .as_f64()
            .unwrap_or_else(|| panic!("budgets.json has no number `{budget}`"));
        let (keeps, side) = if budget.ends_with("_min") {
            (value >= limit, "at least")
        } else {
            (value <= limit, "at most")
        };
        let floor = floor
            .map(|floor| format!("; bare floor {} {unit}", shown(floor)))
            .unwrap_or_default();
        let verdict = if keeps { "ok" } else { "OVER BUDGET" };
        say(&format!(
            "  {what}: {} {unit} (budget {side} {}{floor})  {verdict}",
            shown(value),
            shown(limit)
        ));
        if !keeps {
            self.over.push(format!(
                "{what}: {} {unit}, budget {side} {}",
                shown(value),
                shown(limit)
            ));
        }
    }

    pub(super) fn fault(&mut self, name: &str, what: &str) {
        say(&format!("  {name} FAILED: {what}"));
        // A benchmark that does not run fails even where figures do not matter.
        self.smoke = false;
        self.over.push(format!("{name}: {what}"));
    }

    pub(super) fn finish(self) -> ExitCode {
        if self.over.is_empty() {
            say("\nall budgets are kept");
            return ExitCode::SUCCESS;
        }
        say(&format!("\nnot kept:\n  {}", self.over.join("\n  ")));
        if self.smoke {
            say("(a smoke run is too short to fail on figures)");
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Large figures without a fraction, small ones with enough of it.
fn shown(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn say(line: &str) {
    // Without a reader there is nobody to tell.
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}
