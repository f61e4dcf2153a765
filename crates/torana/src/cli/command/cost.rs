//! `torana gateway usage-cost`: tokens and money by day.

use serde_json::{Value, json};

use super::operate::ask;
use crate::cli::args::CostFlags;
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::method;
use crate::cli::words::{items_of, number_of, text_of};

/// Prints what was used, day by day, and the sum.
pub(crate) async fn run(invocation: &mut Invocation, flags: CostFlags) -> Result<(), Failure> {
    let mut params = json!({ "days": flags.days });
    if let Some(agent) = flags.agent {
        params["agentId"] = json!(agent);
    }
    if flags.all_agents {
        params["agentScope"] = json!("all");
    }
    let answer = ask(invocation, method::USAGE_COST, params).await?;
    invocation.output.either(&answer, || shown(&answer))
}

fn shown(answer: &Value) -> String {
    let days = items_of(answer, "daily");
    if days.is_empty() {
        return "nothing was used".to_owned();
    }
    let mut rows: Vec<[String; 5]> = days
        .iter()
        .map(|day| row(text_of(day, "date"), day))
        .collect();
    rows.push(row("all", &answer["totals"]));
    let mut text = table(["day", "in", "out", "tokens", "cost"], rows);
    if number_of(&answer["totals"], "missingCostEntries").unwrap_or(0) > 0 {
        text.push_str("\n\nno price is known for some answers; they are counted without one");
    }
    text
}

fn row(name: &str, sums: &Value) -> [String; 5] {
    let count = |field| number_of(sums, field).unwrap_or(0).to_string();
    let cost = sums["totalCost"].as_f64().unwrap_or(0.0);
    [
        name.to_owned(),
        count("input"),
        count("output"),
        count("totalTokens"),
        format!("${cost:.4}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_their_sum_are_shown_and_what_has_no_price_is_said() {
        let sums = |tokens: i64, missing: i64| {
            json!({ "date": "2026-11-20", "input": tokens, "output": 1, "totalTokens": tokens + 1,
                    "totalCost": 0.25, "missingCostEntries": missing })
        };
        let text = shown(&json!({ "daily": [sums(10, 0)], "totals": sums(10, 0) }));
        assert!(
            text.contains("2026-11-20") && text.contains("$0.2500"),
            "{text}"
        );
        assert!(!text.contains("no price"), "{text}");
        let text = shown(&json!({ "daily": [sums(10, 2)], "totals": sums(10, 2) }));
        assert!(text.contains("no price"), "{text}");
        assert_eq!(shown(&json!({ "daily": [] })), "nothing was used");
    }
}
