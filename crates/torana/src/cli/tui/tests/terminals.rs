//! Small terminals, lost connections, quiet models, and commands that are the gateway's: what a person sees of each.

use super::*;

/// The gateway lists a command that takes one of these words.
fn lists(state: &mut State, name: &str, words: &[&str]) {
    let choices: Vec<Value> = words.iter().map(|word| json!({ "value": word })).collect();
    let command = json!({ "name": name, "description": "said by the gateway", "args": [{ "choices": choices }] });
    let listed = Ask::Commands {
        agent: "main".into(),
    };
    drop(state.answered(listed, Ok(json!({ "commands": [command] }))));
}

#[test]
fn a_list_can_be_used_in_a_terminal_of_five_rows() {
    let mut state = connected();
    drop(control(&mut state, 'g'));
    let agents = json!({ "agents": [{ "id": "main" }, { "id": "work" }] });
    drop(state.answered(Ask::Agents, Ok(agents)));
    drop(state.terminal(Event::Key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE))));
    let seen = picture_of(&mut state, 20, 5);
    let rows: Vec<&str> = seen.lines().map(str::trim).collect();
    assert_eq!(
        rows,
        [
            "┌ Agents ────────┐",
            "│filter: ▏       │",
            "│ work           │",
            "└────────────────┘",
            "Up, Down · Enter ch",
        ]
    );
    drop(press(&mut state, KeyCode::Esc));
    drop(type_in(&mut state, "hello"));
    expect![[r#"
          (sending)

         idle · openai/gpt-5
        >
         Enter send · Alt-En"#]]
    .assert_eq(&picture_of(&mut state, 20, 5));
}

#[test]
fn a_lost_connection_says_first_what_fits() {
    let mut state = connected();
    let why =
        "the connection was lost for reasons that take more words than a terminal has columns";
    state.lost(why, Some("have patience"), Some(4_000));
    drop(type_in(&mut state, "and yet"));
    let seen = picture(&mut state);
    assert!(
        seen.contains(" next attempt in 3s · 1 waiting to be sent · the connection"),
        "{seen}"
    );
}

#[test]
fn levels_are_those_of_the_gateway() {
    let mut state = connected();
    drop(type_in(&mut state, "/think"));
    assert!(picture(&mut state).contains(" minimal "), "our own without");
    drop(press(&mut state, KeyCode::Esc));
    lists(&mut state, "think", &["off", "ultra"]);
    drop(type_in(&mut state, "/think"));
    let seen = picture(&mut state);
    assert!(
        seen.contains(" ultra ") && !seen.contains("minimal"),
        "{seen}"
    );
    drop(press(&mut state, KeyCode::Down));
    let chosen = press(&mut state, KeyCode::Enter);
    assert_eq!(params(&chosen)["thinkingLevel"], "ultra");
    let usual = type_in(&mut state, "/verbose default");
    assert_eq!(params(&usual)["verboseLevel"], Value::Null);
}

#[test]
fn what_the_gateway_tells_and_stops_itself_is_asked_of_it() {
    let mut state = connected();
    for line in ["/status", "/stop", "/whoami"] {
        let sent = type_in(&mut state, line);
        assert_eq!(methods(&sent), ["chat.send"], "{line}");
        assert_eq!(params(&sent)["message"], line);
    }
    assert_eq!(methods(&type_in(&mut state, "/abort")), ["chat.abort"]);
}

#[test]
fn the_help_lists_what_the_gateway_understands() {
    let mut state = connected();
    lists(&mut state, "compact", &[]);
    drop(type_in(&mut state, "/help"));
    for _ in 0..9 {
        drop(press(&mut state, KeyCode::PageDown));
    }
    let seen = picture(&mut state);
    assert!(
        seen.contains("/compact                said by the gateway"),
        "{seen}"
    );
}

#[test]
fn an_answer_without_a_word_is_told() {
    let mut state = connected();
    let quiet = json!({ "state": "final", "usage": { "output": 4 } });
    drop(chat(&mut state, "r", quiet.clone()));
    assert_eq!(picture(&mut state).matches("· no answer").count(), 1);
    drop(chat(&mut state, "s", json!({ "state": "status" })));
    tool(
        &mut state,
        "s",
        json!({ "phase": "start", "name": "exec", "toolCallId": "c", "args": {} }),
    );
    drop(chat(&mut state, "s", quiet));
    // A message that was merged into another one ends without having cost anything.
    drop(chat(
        &mut state,
        "t",
        json!({ "state": "final", "usage": { "output": 0 } }),
    ));
    let seen = picture(&mut state);
    assert_eq!(seen.matches("· no answer").count(), 1, "{seen}");
}

#[test]
fn the_shell_is_a_key_away_whatever_is_open() {
    let mut state = connected();
    assert_eq!(control(&mut state, 'z'), [Action::Suspend]);
    drop(control(&mut state, 'g'));
    assert_eq!(control(&mut state, 'z'), [Action::Suspend]);
    assert!(state.overlay.is_some(), "and what was open still is");
}

#[test]
fn a_history_that_is_not_whole_says_so() {
    let mut state = connected();
    let history = |total: u64| {
        Ok(
            json!({ "messages": [answer("the last word")], "totalMessages": total, "hasMore": total > 1 }),
        )
    };
    let session = || Ask::History {
        session: SESSION.to_owned(),
    };
    drop(state.answered(session(), history(301)));
    let seen = picture(&mut state);
    assert!(
        seen.contains(
            "· 300 earlier messages are not shown; `--history-limit` shows more\n\nthe last word"
        ),
        "{seen}"
    );
    drop(state.answered(session(), history(1)));
    assert!(!picture(&mut state).contains("earlier"));
}
