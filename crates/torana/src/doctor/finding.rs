//! What a check looks at, and what it says.

use torana_core::config::{Config, Refusal};
use torana_host::lock::Holder;

use crate::cli::{Exit, Failure, Invocation};

/// How good or bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// Fine.
    Ok,
    /// Works, and deserves a look.
    Warn,
    /// Does not work.
    Fail,
}

impl Grade {
    /// The word that is printed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The check, in one word.
    pub(crate) check: &'static str,
    /// How good or bad.
    pub(crate) grade: Grade,
    /// What is so.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// Exit code of the command when this is the first failure.
    pub(crate) exit: Option<Exit>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Ok,
            text: text.into(),
            hint: None,
            exit: None,
        }
    }

    pub(super) fn warn(
        check: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            check,
            grade: Grade::Warn,
            text: text.into(),
            hint: Some(hint.into()),
            exit: None,
        }
    }

    pub(super) fn fail(
        check: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            check,
            grade: Grade::Fail,
            text: text.into(),
            hint: Some(hint.into()),
            exit: None,
        }
    }

    pub(super) fn exit(mut self, exit: Exit) -> Self {
        self.exit = Some(exit);
        self
    }
}

/// Everything that was found and changed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of the checks.
    pub(crate) findings: Vec<Finding>,
    /// What `--fix` changed.
    pub(crate) changes: Vec<String>,
}

impl Report {
    /// The gravest grade.
    pub(crate) fn worst(&self) -> Grade {
        self.findings
            .iter()
            .map(|finding| finding.grade)
            .max()
            .unwrap_or(Grade::Ok)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn changed(&mut self, change: impl Into<String>) {
        self.changes.push(change.into());
    }
}

/// What the checks look at.
pub(super) struct Patient<'a> {
    pub(super) invocation: &'a Invocation,
    /// Who holds the state directory now.
    pub(super) holder: Option<Holder>,
    /// The configuration, when it is valid (perhaps after it was mended).
    pub(super) config: Option<Config>,
    /// Parts of that configuration that do not start.
    pub(super) refusals: Vec<Refusal>,
    /// Mend what can be mended.
    pub(super) fix: bool,
}

/// The words of a failure, for a finding.
pub(super) fn words(failure: &Failure) -> (String, String) {
    (
        failure.message.clone(),
        failure
            .hint
            .clone()
            .unwrap_or_else(|| "look at `torana logs`".to_owned()),
    )
}
