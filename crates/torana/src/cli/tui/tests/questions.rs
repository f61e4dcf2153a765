//! Questions of agents: shown, answered in place, and kept from whoever should not see them.

use super::*;

#[test]
fn a_question_is_answered_where_one_sits() {
    let mut state = connected();
    drop(state.event("question.requested", asked("q-1", SESSION, two_parts())));
    drop(control(&mut state, 'y'));
    expect![[r#"
         torana · agent main · agent:main:main · connected to ws://127.0.0.1:187
        · an agent asks: Which colour shall the door have? · What else?

         ┌ An agent asks ─────────────────────────────────────────────────────┐
         │1 of 2 · Colour · 1m left                                           │
         │Which colour shall the door have?                                   │
         │ 1 Red                                                              │
         │ 2 Green                                                            │
         │ 3 Other …                                                          │
         │ 4 Skip                                                             │
         └────────────────────────────────────────────────────────────────────┘

         idle · openai/gpt-5.2 · 12k of 200k tokens (6%) · think low
        >
         Up, Down or a number · Enter answers · Ctrl-X skips · Esc puts it aside"#]]
    .assert_eq(&picture(&mut state));
    // The first part: something of one's own. The second: two of three.
    for key in [KeyCode::Down, KeyCode::Down, KeyCode::Enter] {
        assert_eq!(press(&mut state, key), []);
    }
    drop(state.terminal(Event::Paste("dark\u{1b}[31m blue\n".to_owned())));
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    for key in [
        KeyCode::Char('1'),
        KeyCode::Down,
        KeyCode::Down,
        KeyCode::Char(' '),
    ] {
        assert_eq!(press(&mut state, key), []);
    }
    let seen = picture(&mut state);
    assert!(
        seen.contains("[x] Bell") && seen.contains("[ ] Lamp") && seen.contains("[x] Mat"),
        "{seen}"
    );
    let sent = press(&mut state, KeyCode::Enter);
    assert_eq!(methods(&sent), ["question.resolve"]);
    assert_eq!(
        params(&sent),
        &json!({ "id": "q-1", "answers": { "answers": { "colour": ["dark blue"], "extras": ["Bell", "Mat"] } } })
    );
    let Some(Action::Ask { ask, .. }) = sent.into_iter().next() else {
        panic!("a call");
    };
    drop(state.answered(ask, Ok(json!({ "status": "answered" }))));
    assert!(state.questions.is_empty() && state.overlay.is_none());
    assert!(picture(&mut state).contains("answered: Which colour"));
}

#[test]
fn a_question_is_put_aside_skipped_expires_or_is_answered_elsewhere() {
    let mut state = connected();
    drop(state.event("question.requested", asked("q-1", SESSION, two_parts())));
    drop(control(&mut state, 'y'));
    assert_eq!(press(&mut state, KeyCode::Esc), []);
    let seen = picture(&mut state);
    assert!(seen.contains("Ctrl-Y answers: Which colour"), "{seen}");
    drop(type_in(&mut state, "/question"));
    for _ in 0..9 {
        drop(press(&mut state, KeyCode::Down));
    }
    let skipped = press(&mut state, KeyCode::Enter);
    assert_eq!(params(&skipped), &json!({ "id": "q-1", "cancel": true }));
    drop(control(&mut state, 'y'));
    assert!(picture(&mut state).contains("Which colour"));
    drop(state.event(
        "question.resolved",
        json!({ "id": "q-1", "status": "answered" }),
    ));
    assert!(state.overlay.is_none() && state.questions.is_empty());

    // Nothing opens by itself, so that no key meant for something else answers anything.
    drop(state.event("question.requested", asked("q-2", SESSION, two_parts())));
    assert!(state.overlay.is_none());
    assert!(picture(&mut state).contains("Ctrl-Y answers: Which colour"));
    assert_eq!(press(&mut state, KeyCode::Char('2')), []);
    assert_eq!(state.editor.text(), "2");
    drop(control(&mut state, 'c'));
    // One of another session waits there.
    drop(state.event(
        "question.requested",
        asked("q-3", "agent:work:main", two_parts()),
    ));
    drop(state.switch("agent:work:main"));
    assert!(state.overlay.is_none());
    assert!(picture(&mut state).contains("Ctrl-Y answers: Which colour"));
    state.tick(2_000, 1_700_000_090_000);
    assert!(
        state.questions.is_empty() && state.overlay.is_none(),
        "expired"
    );
    assert_eq!(type_in(&mut state, "/question"), []);
    assert!(picture(&mut state).contains("nothing is asked in this session"));
}

#[test]
fn a_secret_answer_is_seen_by_nobody_but_the_gateway() {
    let mut state = connected();
    let questions = json!([{
        "questionId": "key", "header": "", "question": "The key?", "options": [], "isSecret": true,
        "secretStore": { "name": "API_KEY", "kind": "secret", "reason": "to look up trains", "allowedHosts": ["api.example.org"] },
    }]);
    drop(state.answered(
        Ask::Questions { known: vec![] },
        Ok(json!({ "questions": [asked("q-1", SESSION, questions)] })),
    ));
    drop(control(&mut state, 'y'));
    for character in "hunter2".chars() {
        assert_eq!(press(&mut state, KeyCode::Char(character)), []);
    }
    let seen = picture(&mut state);
    for part in ["•••••••", "kept as API_KEY", "for api.example.org"] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let typed = format!("{state:?}");
    assert!(!typed.contains("hunter2"), "{typed}");
    let sent = press(&mut state, KeyCode::Enter);
    assert_eq!(
        params(&sent)["answers"]["answers"]["key"],
        json!(["hunter2"])
    );
    assert_eq!(
        params(&sent)["secretStoreAllowedHosts"],
        json!(["api.example.org"])
    );
    let Some(Action::Ask { ask, .. }) = sent.into_iter().next() else {
        panic!("a call");
    };
    drop(state.answered(ask, Ok(json!({}))));
    drop(press(&mut state, KeyCode::Up));
    let left = format!("{state:?}");
    assert!(
        !left.contains("hunter2") && !seen.contains("hunter2"),
        "{left}"
    );
}

/// S-013: nobody sends a secret to hosts the screen does not show.
#[test]
fn a_secret_is_not_given_while_its_hosts_are_cut_off() {
    let mut state = connected();
    let questions = |hosts: &[String]| {
        json!([{
            "questionId": "key", "header": "", "question": "The key?", "options": [], "isSecret": true,
            "secretStore": { "name": "API_KEY", "kind": "secret", "reason": "trains\nfor api.example.org", "allowedHosts": hosts },
        }])
    };
    let hosts = |count: usize| -> Vec<String> {
        let names = (0..count).map(|number| format!("host-{number}.example.org"));
        names.chain(["last.example.net".to_owned()]).collect()
    };
    let many = asked("q-1", SESSION, questions(&hosts(60)));
    drop(state.event("question.requested", many));
    drop(control(&mut state, 'y'));
    for character in "hunter2".chars() {
        assert_eq!(press(&mut state, KeyCode::Char(character)), []);
    }
    assert_eq!(
        press(&mut state, KeyCode::Enter),
        [],
        "nothing was drawn yet"
    );
    let seen = picture(&mut state);
    assert!(
        seen.contains("does not fit") && seen.contains("Too small to show all of it"),
        "{seen}"
    );
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    assert!(picture(&mut state).contains("•••••••"), "it stays typed");
    let skipped = control(&mut state, 'x');
    assert_eq!(params(&skipped), &json!({ "id": "q-1", "cancel": true }));

    // More than one row of them is wrapped and seen, and then it is given.
    drop(state.event("question.resolved", json!({ "id": "q-1" })));
    let some = asked("q-2", SESSION, questions(&hosts(6)));
    drop(state.event("question.requested", some));
    drop(control(&mut state, 'y'));
    drop(press(&mut state, KeyCode::Char('x')));
    let seen = picture(&mut state);
    assert!(
        seen.contains("last.example.net") && seen.contains("why: trains for api"),
        "{seen}"
    );
    let sent = press(&mut state, KeyCode::Enter);
    assert_eq!(methods(&sent), ["question.resolve"]);
}

#[test]
fn what_was_decided_while_the_connection_was_away_waits_no_longer() {
    let mut state = connected();
    let approval =
        |id: &str| json!({ "id": id, "approvalKind": "exec", "request": { "command": "ls" } });
    let suggestion = |id: &str| json!({ "id": id, "tldr": "Water the plants" });
    let suggested = |id: &str| json!({ "action": "created", "suggestion": suggestion(id) });
    for id in ["old", "both"] {
        drop(state.event("question.requested", asked(id, SESSION, two_parts())));
        drop(state.event("exec.approval.requested", approval(id)));
        drop(state.event("task.suggestion", suggested(id)));
    }
    assert!(state.open_question(), "the old one is on the screen");
    state.lost("away", None, None);
    let asks: Vec<Ask> = state
        .connected(&json!({}))
        .into_iter()
        .filter_map(|action| match action {
            Action::Ask { ask, .. } => Some(ask),
            _ => None,
        })
        .collect();
    // One of each comes between the question and the answer, which does not know it yet.
    drop(state.event("question.requested", asked("new", SESSION, two_parts())));
    drop(state.event("exec.approval.requested", approval("new")));
    drop(state.event("task.suggestion", suggested("new")));
    for ask in asks {
        let listed = match &ask {
            Ask::Approvals { kind: "exec", .. } => json!([approval("both")]),
            Ask::Approvals { .. } => json!([]),
            Ask::Questions { .. } => json!({ "questions": [asked("both", SESSION, two_parts())] }),
            Ask::Suggestions { .. } => json!({ "suggestions": [suggestion("both")] }),
            _ => continue,
        };
        drop(state.answered(ask, Ok(listed)));
    }
    let ids = |ids: Vec<&String>| ids.into_iter().cloned().collect::<Vec<_>>();
    let left = ["both", "new"];
    assert_eq!(
        ids(state.questions.iter().map(|one| &one.id).collect()),
        left
    );
    assert_eq!(
        ids(state.approvals.iter().map(|one| &one.id).collect()),
        left
    );
    assert_eq!(
        ids(state.suggestions.iter().map(|one| &one.id).collect()),
        left
    );
    assert!(state.overlay.is_none(), "the open one is over");
}
