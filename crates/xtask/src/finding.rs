//! What a rule reports, and the list of exceptions that may only shrink.
//!
//! A finding prints like a compiler error, so editors can jump to it.
//! An exception that no longer covers anything is itself a finding.

use std::fmt;

use crate::source::Tree;

/// Where exceptions are listed, one per line, each with its reason.
pub(crate) const EXCEPTIONS_PATH: &str = "crates/xtask/exceptions.txt";

/// One violation of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) path: String,
    /// One-based; zero when the finding concerns the whole file.
    pub(crate) line: usize,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// The measured size, for rules with a limit; an exception may raise the limit only up to a written figure.
    pub(crate) measure: usize,
}

/// A finding at a line; rules with a measured size set `measure` afterwards.
pub(crate) fn finding(
    rule: &'static str,
    path: &str,
    line: usize,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Finding {
    Finding {
        rule,
        path: path.to_owned(),
        line,
        message: message.into(),
        hint: hint.into(),
        measure: 0,
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.max(1);
        write!(
            formatter,
            "{}:{line}: {}: {}",
            self.path, self.rule, self.message
        )?;
        if !self.hint.is_empty() {
            write!(formatter, "; {}", self.hint)?;
        }
        Ok(())
    }
}

/// One line of the exception list: `rule path [ceiling] # reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exception {
    rule: String,
    path: String,
    ceiling: Option<usize>,
    line: usize,
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && self.path == finding.path
            && self
                .ceiling
                .is_none_or(|ceiling| finding.measure <= ceiling)
    }
}

/// Removes the findings of `rule` that the exception list covers, and reports list entries that cover nothing.
pub(crate) fn apply_exceptions(
    tree: &Tree,
    rule: &'static str,
    found: Vec<Finding>,
) -> Vec<Finding> {
    let mut remaining = Vec::new();
    let mut exceptions = Vec::new();
    let text = tree.text(EXCEPTIONS_PATH).unwrap_or_default();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        match parse_exception(line, line_number) {
            Ok(Some(exception)) if exception.rule == rule => exceptions.push(exception),
            Ok(_) => {}
            Err(message) => remaining.push(finding(
                rule,
                EXCEPTIONS_PATH,
                line_number,
                message,
                "write `rule path [ceiling] # reason`",
            )),
        }
    }
    let mut used = vec![false; exceptions.len()];
    for finding in found {
        match exceptions
            .iter()
            .position(|exception| exception.covers(&finding))
        {
            Some(index) => used[index] = true,
            None => remaining.push(finding),
        }
    }
    for (exception, used) in exceptions.iter().zip(used) {
        if !used {
            remaining.push(finding(
                rule,
                EXCEPTIONS_PATH,
                exception.line,
                format!(
                    "the exception for {} covers nothing any more",
                    exception.path
                ),
                "delete the line: this list only shrinks",
            ));
        }
    }
    remaining
}

fn parse_exception(line: &str, line_number: usize) -> Result<Option<Exception>, String> {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok(None);
    }
    let Some((entry, reason)) = trimmed.split_once('#') else {
        return Err("an exception needs a reason".to_owned());
    };
    if reason.trim().is_empty() {
        return Err("an exception needs a reason".to_owned());
    }
    let words: Vec<&str> = entry.split_whitespace().collect();
    let (rule, path, ceiling) = match words[..] {
        [rule, path] => (rule, path, None),
        [rule, path, ceiling] => {
            let ceiling = ceiling
                .parse()
                .map_err(|_| format!("`{ceiling}` is not a number"))?;
            (rule, path, Some(ceiling))
        }
        _ => return Err("an exception names a rule and a path".to_owned()),
    };
    Ok(Some(Exception {
        rule: rule.to_owned(),
        path: path.to_owned(),
        ceiling,
        line: line_number,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "arch::sizes";

    fn tree(exceptions: &str) -> Tree {
        Tree::from_files([(EXCEPTIONS_PATH, exceptions)])
    }

    fn sized(path: &str, measure: usize) -> Finding {
        Finding {
            measure,
            ..finding(RULE, path, 3, "too long", "split it")
        }
    }

    #[test]
    fn a_finding_prints_like_a_compiler_error() {
        let shown = finding(RULE, "crates/a/src/b.rs", 7, "too long", "split it").to_string();
        assert_eq!(
            shown,
            "crates/a/src/b.rs:7: arch::sizes: too long; split it"
        );
    }

    #[test]
    fn an_exception_covers_its_path_up_to_the_written_ceiling() {
        let tree = tree("arch::sizes a.rs 900 # a table of names");
        assert!(apply_exceptions(&tree, RULE, vec![sized("a.rs", 900)]).is_empty());
        let over = apply_exceptions(&tree, RULE, vec![sized("a.rs", 901)]);
        assert_eq!(
            over.len(),
            2,
            "the finding stays and the entry is useless: {over:?}"
        );
    }

    #[test]
    fn an_exception_that_covers_nothing_is_reported() {
        let tree = tree("arch::sizes gone.rs # was long");
        let found = apply_exceptions(&tree, RULE, Vec::new());
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("covers nothing"));
    }

    #[test]
    fn an_exception_without_a_reason_is_reported() {
        let tree = tree("arch::sizes a.rs 900");
        let found = apply_exceptions(&tree, RULE, vec![sized("a.rs", 850)]);
        assert!(
            found
                .iter()
                .any(|finding| finding.message.contains("needs a reason"))
        );
    }
}
