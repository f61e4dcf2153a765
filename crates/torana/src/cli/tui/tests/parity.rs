//! What a person of the official terminal expects here as well: commands of this machine, settings of the session, files
//! in messages, and nothing decided before it was seen.

use super::*;
use crate::cli::tui::shell::{Consent, Ended, Shell};

/// Two events of the terminal between two drawings.
fn unseen(state: &mut State, codes: &[KeyCode]) -> Vec<Action> {
    let keys = codes
        .iter()
        .map(|code| KeyEvent::new(*code, KeyModifiers::NONE));
    keys.flat_map(|key| state.terminal(Event::Key(key)))
        .collect()
}

fn approval() -> Value {
    json!({ "id": "ap-1", "approvalKind": "exec", "request": { "command": "rm -rf build" } })
}

#[test]
fn nothing_is_decided_before_it_was_drawn() {
    let mut state = connected();
    drop(state.event("exec.approval.requested", approval()));
    drop(picture(&mut state));
    drop(control(&mut state, 'y'));
    let keys = [KeyCode::Down, KeyCode::Enter];
    assert_eq!(unseen(&mut state, &keys), [], "nobody read it");
    assert!(state.overlay.is_some(), "it is still asked");
    drop(picture(&mut state));
    let allowed = press(&mut state, KeyCode::Enter);
    assert_eq!(params(&allowed)["decision"], "allow-once");

    drop(state.event("question.requested", asked("q", SESSION, two_parts())));
    drop(type_in(&mut state, "/question"));
    let question = unseen(&mut state, &[KeyCode::Enter]);
    assert_eq!(question, []);
    drop(control(&mut state, 'x'));
    assert!(state.overlay.is_some(), "not even skipped");
}

#[test]
fn debug_output_of_a_call_tells_no_answer() {
    let secret = json!({ "answers": { "key": ["hunter2"] } });
    let call = super::super::state::ask(Ask::Nothing, "question.resolve", secret);
    let told = format!("{call:?}");
    assert!(
        told.contains("question.resolve") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn a_command_of_this_machine_runs_only_after_a_yes() {
    let mut state = connected();
    assert_eq!(type_in(&mut state, "!ls -l"), [], "it asks first");
    let seen = picture(&mut state);
    assert!(
        seen.contains("Run it here?") && seen.contains("$ ls -l"),
        "{seen}"
    );
    assert_eq!(press(&mut state, KeyCode::Esc), []);
    assert_eq!(state.local.consent, Consent::Unasked, "Esc decides nothing");

    drop(type_in(&mut state, "!ls -l"));
    assert_eq!(unseen(&mut state, &[KeyCode::Down, KeyCode::Enter]), []);
    let runs = press(&mut state, KeyCode::Enter);
    assert_eq!(runs, [Action::Shell("ls -l".to_owned())]);
    assert!(picture(&mut state).contains("here: ls -l"));
    assert_eq!(type_in(&mut state, "!pwd"), [], "one at a time");
    assert_eq!(press(&mut state, KeyCode::Esc), [Action::StopShell]);
    state.shell_ended(&Ended {
        output: "one\u{1b}[2Jtwo\nthree".to_owned(),
        is_cut: false,
        how: "exit 3".to_owned(),
    });
    let seen = picture(&mut state);
    assert!(
        seen.contains("$ ls -l\n  onetwo\n  three\n  exit 3"),
        "{seen}"
    );
    let again = type_in(&mut state, "!pwd");
    assert_eq!(again, [Action::Shell("pwd".to_owned())], "asked once");
}

#[test]
fn a_no_holds_and_what_is_no_command_is_a_message() {
    let mut state = connected();
    drop(type_in(&mut state, "!ls"));
    assert_eq!(
        press(&mut state, KeyCode::Enter),
        [],
        "the refusal comes first"
    );
    assert_eq!(type_in(&mut state, "!ls"), []);
    assert!(state.overlay.is_none(), "and is not asked again");
    for message in ["!", " !ls", "! "] {
        assert_eq!(
            methods(&type_in(&mut state, message)),
            ["chat.send"],
            "{message:?}"
        );
    }
    state.editor.set("!ls\nrm");
    assert_eq!(methods(&press(&mut state, KeyCode::Enter)), ["chat.send"]);
}

#[test]
fn the_shell_tells_output_and_end_and_is_ended_with_all_it_started() {
    let until = |shell: &mut Shell| {
        loop {
            match shell.look().expect("looked") {
                Some(ended) => break ended,
                None => std::thread::yield_now(),
            }
        }
    };
    let mut shell = Shell::start("/bin/sh", "echo out; echo err >&2; exit 3").expect("runs");
    let ended = until(&mut shell);
    assert_eq!(
        (ended.output.as_str(), ended.how.as_str()),
        ("out\nerr\n", "exit 3")
    );

    let mut shell = Shell::start("/bin/sh", "yes | head -c 200000; echo last").expect("runs");
    let ended = until(&mut shell);
    assert!(ended.is_cut && ended.output.len() <= 40_000);
    assert!(ended.output.ends_with("last\n"));

    let mut shell = Shell::start("/bin/sh", "cat /dev/zero >/dev/null & wait").expect("runs");
    assert!(shell.stop());
    assert_eq!(until(&mut shell).how, "ended by signal 9");
    assert!(!shell.stop(), "it is over");
}

#[test]
fn an_end_that_comes_before_the_answer_to_the_message_leaves_nothing_running() {
    let mut state = connected();
    drop(type_in(&mut state, "/usage full"));
    let usage = json!({ "state": "final", "message": answer("Usage below answers: full.") });
    drop(chat(&mut state, "key-0", usage));
    let sent = Ask::Send {
        key: "key-0".into(),
    };
    drop(state.answered(sent, Ok(json!({ "runId": "key-0", "status": "started" }))));
    tool(
        &mut state,
        "key-0",
        json!({ "phase": "start", "name": "late", "toolCallId": "c" }),
    );
    assert!(!state.is_running());
    assert!(picture(&mut state).contains(" idle ·"));
}

#[test]
fn commands_only_some_gateways_have_are_not_told_to_the_model() {
    let mut state = connected();
    let before = type_in(&mut state, "/fast on");
    assert_eq!(
        methods(&before),
        ["chat.send"],
        "unknown what the gateway has"
    );
    let commands = |names: &[&str]| {
        let commands: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        Ok(json!({ "commands": commands }))
    };
    let listed = || Ask::Commands {
        agent: "main".into(),
    };
    drop(state.answered(listed(), commands(&["compact", "usage"])));
    assert_eq!(type_in(&mut state, "/fast on"), []);
    assert!(picture(&mut state).contains("! this gateway has no `/fast`; nothing was sent"));
    for line in [
        "/usage cost",
        "/compact",
        "/srv/notes.txt is mine",
        "/fast\nand more",
    ] {
        state.editor.set(line);
        assert_eq!(
            methods(&press(&mut state, KeyCode::Enter)),
            ["chat.send"],
            "{line}"
        );
    }
    drop(state.answered(listed(), commands(&["fast"])));
    assert_eq!(methods(&type_in(&mut state, "/fast on")), ["chat.send"]);
}

#[test]
fn settings_of_the_session_are_changed_and_shown() {
    let mut state = connected();
    let stream = type_in(&mut state, "/reasoning stream");
    assert_eq!(params(&stream)["reasoningLevel"], "stream");
    drop(type_in(&mut state, "/reasoning"));
    drop(press(&mut state, KeyCode::Down));
    drop(press(&mut state, KeyCode::Down));
    let usual = press(&mut state, KeyCode::Enter);
    assert_eq!(params(&usual)["reasoningLevel"], Value::Null);
    let row = json!({ "key": SESSION, "reasoningLevel": "stream", "fastMode": true, "verboseLevel": "off", "responseUsage": "tokens" });
    drop(state.event(
        "sessions.changed",
        json!({ "sessionKey": SESSION, "session": row }),
    ));
    assert_eq!(
        state.facts.manner,
        ["fast", "reasoning stream", "usage tokens"]
    );
    assert!(picture(&mut state).contains("think low · fast"));
    drop(state.event(
        "sessions.changed",
        json!({ "sessionKey": SESSION, "session": { "key": SESSION } }),
    ));
    assert!(!picture(&mut state).contains("fast"), "back to the usual");
}

#[test]
fn a_session_named_without_its_agent_is_one_of_the_agent_on_show() {
    let mut state = connected();
    drop(type_in(&mut state, "/session agent:work:main"));
    drop(type_in(&mut state, "/session notes"));
    assert_eq!(state.session, "agent:work:notes");
    drop(type_in(&mut state, "/session global"));
    assert_eq!(state.session, "global");
}

#[test]
fn files_in_messages_are_told_without_their_addresses() {
    let mut state = connected();
    let history = json!({ "messages": [
        { "role": "user", "content": [
            { "type": "text", "text": "look" },
            { "type": "image", "mimeType": "image/png", "bytes": 12_345, "omitted": true, "fileName": "door\u{1b}[2J.png" },
        ] },
        { "role": "assistant", "content": [
            { "type": "attachment", "attachment": { "kind": "audio", "url": "https://x.example/secret" } },
            { "type": "image", "url": "https://x.example/secret" },
        ] },
    ] });
    let session = SESSION.to_owned();
    drop(state.answered(Ask::History { session }, Ok(history)));
    let seen = picture(&mut state);
    assert!(
        seen.contains("> look\n  [image \"door.png\", image/png, 12 KiB]"),
        "{seen}"
    );
    assert!(
        seen.contains("[audio]\n[image]") && !seen.contains("secret"),
        "{seen}"
    );
}

#[test]
fn a_session_somebody_else_began_afresh_is_read_again() {
    let mut state = connected();
    drop(type_in(&mut state, "hello"));
    drop(state.answered(
        Ask::Send {
            key: "key-0".into(),
        },
        Ok(json!({ "status": "started" })),
    ));
    let reset = json!({ "sessionKey": SESSION, "reason": "reset" });
    assert_eq!(
        methods(&state.event("sessions.changed", reset)),
        ["chat.history"]
    );
    let session = SESSION.to_owned();
    drop(state.answered(Ask::History { session }, Ok(json!({ "messages": [] }))));
    let seen = picture(&mut state);
    assert!(
        seen.contains("begun afresh") && !seen.contains("> hello"),
        "{seen}"
    );
}

#[test]
fn all_of_the_help_can_be_read_in_a_small_terminal() {
    let mut state = connected();
    drop(type_in(&mut state, "/help"));
    assert!(picture(&mut state).contains("Enter                   send"));
    for _ in 0..9 {
        drop(press(&mut state, KeyCode::PageDown));
    }
    let seen = picture(&mut state);
    assert!(
        seen.contains("/exit") && seen.contains("!command"),
        "{seen}"
    );
    drop(press(&mut state, KeyCode::Up));
    assert!(state.overlay.is_some());
    drop(press(&mut state, KeyCode::Char('x')));
    assert!(state.overlay.is_none() && state.editor.is_empty());
}

#[test]
fn closing_a_narrowed_list_first_clears_what_was_typed() {
    let mut state = connected();
    drop(control(&mut state, 'g'));
    let agents = json!({ "agents": [{ "id": "main" }, { "id": "work" }] });
    drop(state.answered(Ask::Agents, Ok(agents)));
    drop(press(&mut state, KeyCode::Char('w')));
    assert!(!picture(&mut state).contains(" main  "));
    drop(press(&mut state, KeyCode::Esc));
    let seen = picture(&mut state);
    assert!(
        seen.contains("filter: ▏") && seen.contains(" main "),
        "{seen}"
    );
    drop(press(&mut state, KeyCode::Esc));
    assert!(state.overlay.is_none());
}
