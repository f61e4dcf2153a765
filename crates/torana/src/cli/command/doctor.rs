//! `torana doctor`: prints what [`crate::doctor`] found.

use serde_json::{Value, json};

use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::doctor::{self, Finding, Grade};

/// Checks, and mends when asked to.
pub(crate) async fn run(invocation: &mut Invocation, fix: bool) -> Result<(), Failure> {
    let report = doctor::examine(invocation, fix).await;
    let entry = |finding: &Finding| json!({ "check": finding.check, "grade": finding.grade.word(), "text": finding.text, "hint": finding.hint });
    let value = json!({
        "ok": report.worst() != Grade::Fail,
        "findings": report.findings.iter().map(entry).collect::<Vec<Value>>(),
        "changes": report.changes,
    });
    invocation.output.either(&value, || {
        let mut text = String::new();
        for finding in &report.findings {
            text.push_str(&format!(
                "{:<4}  {:<9} {}\n",
                finding.grade.word(),
                finding.check,
                finding.text
            ));
            if let Some(hint) = &finding.hint {
                text.push_str(&format!("      hint: {hint}\n"));
            }
        }
        for change in &report.changes {
            text.push_str(&format!("fixed {change}\n"));
        }
        text
    })?;
    let failed = report
        .findings
        .iter()
        .find(|finding| finding.grade == Grade::Fail);
    match failed {
        Some(finding) => Err(Failure::said(finding.exit.unwrap_or(Exit::Failed))),
        None => Ok(()),
    }
}
