//! Connects as Moltbot's overview shows them: `minProtocol: 7, maxProtocol: 7`, `client.id: "cli-abc123"`,
//! `client.mode: "operator"`. OpenClaw 2026.9.6 refuses them three times over.

use serde_json::{Value, json};

use crate::openclaw::params::whole;
use crate::openclaw::quirks::{GUIDE_PROTOCOL, PROTOCOL};

/// The parameters as ours, if they are those of the overview: a range with 7 and without ours, for an operator without
/// a device. Everything else stays as strict as it is.
pub(in crate::openclaw) fn adapt(params: &Value) -> Option<Value> {
    let number = |name: &str| match &params[name] {
        Value::Number(number) => whole(number),
        _ => None,
    };
    let (min, max) = (number("minProtocol")?, number("maxProtocol")?);
    let is_range = min > PROTOCOL && min <= GUIDE_PROTOCOL && max >= GUIDE_PROTOCOL;
    let is_operator = params.get("role").is_none_or(|role| role == "operator");
    if !is_range || !is_operator || params.get("device").is_some() {
        return None;
    }
    let client = params["client"].as_object()?;
    if !client.get("id").is_some_and(Value::is_string)
        || !client.get("mode").is_some_and(Value::is_string)
    {
        return None;
    }
    let mut adapted = params.clone();
    adapted["client"]["id"] = json!("cli");
    adapted["client"]["mode"] = json!("cli");
    Some(adapted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(min: i64, max: i64) -> Value {
        json!({
            "minProtocol": min, "maxProtocol": max,
            "client": { "id": "cli-abc123", "mode": "operator", "version": "1", "platform": "linux" },
        })
    }

    #[test]
    fn only_a_range_with_seven_and_without_ours_is_the_overview() {
        for (min, max, is_it) in [
            (7, 7, true),
            (5, 9, true),
            (4, 7, false),
            (1, 7, false),
            (8, 8, false),
            (3, 3, false),
            (5, 6, false),
        ] {
            assert_eq!(adapt(&params(min, max)).is_some(), is_it, "{min}..{max}");
        }
    }

    #[test]
    fn devices_and_nodes_are_never_taken_for_it() {
        let mut device = params(7, 7);
        device["device"] = json!({});
        assert_eq!(adapt(&device), None);
        let mut node = params(7, 7);
        node["role"] = json!("node");
        assert_eq!(adapt(&node), None);
        let mut odd = params(7, 7);
        odd["client"]["id"] = json!(["cli"]);
        assert_eq!(adapt(&odd), None);
    }
}
