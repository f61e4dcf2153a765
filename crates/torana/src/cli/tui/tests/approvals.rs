//! Approvals: the refusal comes first, and what cannot be read whole can only be refused.

use super::*;

#[test]
fn an_approval_is_asked_with_the_refusal_first_and_vanishes_when_decided_elsewhere() {
    let mut state = connected();
    let approval = json!({
        "id": "ap-1", "approvalKind": "exec", "expiresAtMs": 1_700_000_060_000_i64,
        "request": { "command": "rm -rf \u{1b}[8mbuild", "cwd": "/srv/work", "host": "gateway",
                     "allowedDecisions": ["allow-once", "deny"] },
    });
    drop(state.event("exec.approval.requested", approval.clone()));
    assert!(picture(&mut state).contains("Ctrl-Y decides: exec rm -rf build"));
    drop(control(&mut state, 'y'));
    let seen = picture(&mut state);
    assert!(
        seen.contains("An agent asks") && seen.contains("gateway · /srv/work"),
        "{seen}"
    );
    let refused = press(&mut state, KeyCode::Enter);
    assert_eq!(methods(&refused), ["exec.approval.resolve"]);
    assert_eq!(
        params(&refused),
        &json!({ "id": "ap-1", "decision": "deny" })
    );

    drop(control(&mut state, 'y'));
    drop(state.event(
        "exec.approval.resolved",
        json!({ "id": "ap-1", "decision": "deny" }),
    ));
    assert!(state.overlay.is_none() && state.approvals.is_empty());

    drop(state.event("exec.approval.requested", approval));
    assert_eq!(
        params(&type_in(&mut state, "/approve ap allow-once"))["decision"],
        "allow-once"
    );
    assert_eq!(
        type_in(&mut state, "/approve ap allow-always"),
        [],
        "not among what is allowed"
    );
    state.tick(2_000, 1_700_000_060_000);
    assert!(state.approvals.is_empty(), "it expired");
}

/// S-013: what does not fit on the screen cannot be allowed there.
#[test]
fn a_command_too_long_to_be_read_whole_can_only_be_refused() {
    let mut state = connected();
    let request = |command: &str| {
        json!({ "id": "ap-1", "approvalKind": "exec",
            "request": { "command": command, "allowedDecisions": ["allow-once", "deny"] } })
    };
    let long = format!("echo {} && rm -rf /", "x".repeat(3_000));
    drop(state.event("exec.approval.requested", request(&long)));
    drop(control(&mut state, 'y'));
    let seen = picture(&mut state);
    assert!(
        seen.contains("does not fit") && !seen.contains("rm -rf"),
        "{seen}"
    );
    drop(press(&mut state, KeyCode::Down));
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    drop(control(&mut state, 'y'));
    drop(picture(&mut state));
    assert_eq!(
        methods(&press(&mut state, KeyCode::Enter)),
        ["exec.approval.resolve"]
    );

    drop(state.event("exec.approval.resolved", json!({ "id": "ap-1" })));
    let wide = format!("echo {} && rm -rf /srv/work/build", "y".repeat(100));
    drop(state.event("exec.approval.requested", request(&wide)));
    drop(control(&mut state, 'y'));
    let seen = picture(&mut state);
    assert!(seen.contains("rm -rf /srv/work/build"), "all of it: {seen}");
    drop(press(&mut state, KeyCode::Down));
    let allowed = press(&mut state, KeyCode::Enter);
    assert_eq!(params(&allowed)["decision"], "allow-once");
}
