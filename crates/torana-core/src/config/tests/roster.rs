//! Agents come and go without changing who answers.

use serde_json::{Map, Value, json};

use super::{config, json};
use crate::config::{RosterError, add_agent, change_agent, remove_agent};

fn entry(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[test]
fn the_one_who_answered_goes_on_answering() {
    for before in [
        json!({}),
        json!({ "agents": { "entries": { "main": {} } } }),
        json!({ "agents": { "list": [{ "id": "main" }] } }),
    ] {
        let mut document = before;
        add_agent(&mut document, "beta", entry(json!({ "name": "Beta" }))).expect("added");
        let config = config(&document.to_string());
        assert_eq!(config.default_agent().map(|agent| agent.id), Some("main"));
        let mut ids = config.agent_ids();
        ids.sort_unstable();
        assert_eq!(ids, ["beta", "main"]);
    }
}

#[test]
fn a_list_stays_a_list() {
    let mut document = json(r#"{ "agents": { "list": [{ "id": "a", "default": true }] } }"#);
    add_agent(&mut document, "b", entry(json!({ "name": "B" }))).expect("added");
    change_agent(
        &mut document,
        "b",
        &entry(json!({ "name": null, "identity": { "emoji": "x" } })),
    )
    .expect("changed");
    assert_eq!(
        document,
        json!({ "agents": { "list": [{ "id": "a", "default": true }, { "id": "b", "identity": { "emoji": "x" } }] } })
    );
    assert_eq!(remove_agent(&mut document, "b"), Ok(0));
    assert_eq!(
        document,
        json!({ "agents": { "list": [{ "id": "a", "default": true }] } })
    );
}

#[test]
fn bindings_go_with_their_agent_and_the_default_stays() {
    let mut document = json!({
        "agents": { "entries": { "main": { "default": true }, "beta": {} } },
        "bindings": [{ "agentId": "beta", "match": {} }, { "agentId": "main", "match": {} }],
    });
    assert_eq!(
        remove_agent(&mut document, "main"),
        Err(RosterError::Default("main".to_owned()))
    );
    assert_eq!(
        remove_agent(&mut document, "nobody"),
        Err(RosterError::Missing("nobody".to_owned()))
    );
    assert_eq!(remove_agent(&mut document, "Beta"), Ok(1));
    assert_eq!(document["bindings"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        remove_agent(&mut document, "main"),
        Err(RosterError::Default("main".to_owned()))
    );
}

#[test]
fn what_exists_is_not_added_again() {
    let mut document = json!({});
    assert_eq!(
        add_agent(&mut document, "main", Map::new()),
        Err(RosterError::Exists("main".to_owned()))
    );
    change_agent(&mut document, "main", &entry(json!({ "name": "M" })))
        .expect("the implicit one is written down");
    assert_eq!(
        document,
        json!({ "agents": { "entries": { "main": { "name": "M" } } } })
    );
    assert_eq!(
        add_agent(&mut document, "MAIN", Map::new()),
        Err(RosterError::Exists("MAIN".to_owned()))
    );
}

#[test]
fn what_is_taken_away_leaves_no_trace() {
    let mut document = json!({ "agents": { "entries": { "main": { "name": "M" } } } });
    for avatar in [json!("crab.png"), json!(null)] {
        let identity = json!({ "identity": { "emoji": null, "avatar": avatar } });
        change_agent(&mut document, "main", &entry(identity)).expect("changed");
    }
    let left = &document["agents"]["entries"]["main"];
    assert_eq!(*left, json!({ "name": "M", "identity": {} }));
    let mut fresh = json!({});
    change_agent(
        &mut fresh,
        "main",
        &entry(json!({ "identity": { "avatar": null } })),
    )
    .expect("changed");
    assert_eq!(
        fresh["agents"]["entries"]["main"],
        json!({ "identity": {} })
    );
}
