//! What models cost, by day, and the quotas that providers tell.

use serde_json::{Value, json};
use torana_engine::service::cost::{self, Range};

use super::{Call, Running};
use crate::openclaw::frame::Payload;
use crate::openclaw::shape;

/// Quotas of providers: none of those that are built in tells its own.
pub(super) fn status(call: Call) -> Running {
    Box::pin(async move {
        Ok(Payload::of(
            &json!({ "updatedAt": call.now_ms().max(0), "providers": [] }),
        ))
    })
}

pub(super) fn cost(call: Call) -> Running {
    Box::pin(async move {
        let range = Range {
            first: call.params.word("startDate").map(str::to_owned),
            last: call.params.word("endDate").map(str::to_owned),
            days: call.params.int("days"),
        };
        let agent = call.params.word("agentId").map(str::to_owned);
        let usage = cost::cost(call.engine(), range, agent).await?;
        let days = usage
            .last
            .since(usage.first)
            .map_or(1, |span| span.get_days() + 1);
        let daily: Vec<Value> = usage
            .days
            .iter()
            .map(|(day, sum)| {
                let mut value = shape::totals(sum);
                value["date"] = json!(day);
                value
            })
            .collect();
        Ok(Payload::of(&json!({
            "updatedAt": call.now_ms().max(0), "days": days, "daily": daily, "totals": shape::totals(&usage.total),
        })))
    })
}
