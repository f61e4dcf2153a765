//! The interface without a terminal: keys and frames go in, calls and pictures come out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use expect_test::expect;
use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;
use serde_json::{Value, json};

use super::state::{Action, Ask, Settings, State};
use super::view;
use crate::cli::failure::{Failure, Reason};

mod approvals;
mod lists;
mod parity;
mod questions;
mod terminals;

const WIDTH: u16 = 72;
const HEIGHT: u16 = 20;
const SESSION: &str = "agent:main:main";

fn state() -> State {
    let mut state = State::new(Settings {
        session: "main".to_owned(),
        thinking: None,
        history: 200,
        deliver: false,
        timeout_ms: None,
        place: "ws://127.0.0.1:18789".to_owned(),
    });
    state.keys = (0..20)
        .rev()
        .map(|number| format!("key-{number}"))
        .collect();
    state.tick(1_000, 1_700_000_000_000);
    state
}

/// A state that is connected and has read an empty session.
fn connected() -> State {
    let mut state = state();
    drop(state.connected(&json!({ "server": { "version": "2026.9.6" } })));
    drop(state.answered(Ask::Listen, Ok(json!({ "key": SESSION }))));
    drop(state.answered(
        Ask::History { session: SESSION.to_owned() },
        Ok(json!({
            "messages": [],
            "sessionInfo": {
                "key": SESSION, "model": "gpt-5.2", "modelProvider": "openai", "totalTokens": 12_345,
                "contextTokens": 200_000, "thinkingLevel": "low",
            },
        })),
    ));
    state
}

fn picture(state: &mut State) -> String {
    picture_of(state, WIDTH, HEIGHT)
}

fn picture_of(state: &mut State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a picture");
    terminal
        .draw(|frame| state.viewport = view::draw(frame, state))
        .expect("drawn");
    let buffer = terminal.backend().buffer();
    let mut rows: Vec<String> = (0..height)
        .map(|y| {
            let row: String = (0..width)
                .map(|x| buffer[(x, y)].symbol().to_owned())
                .collect();
            row.trim_end().to_owned()
        })
        .collect();
    // Empty rows in the middle say nothing.
    rows.dedup_by(|next, before| next.is_empty() && before.is_empty());
    rows.join("\n")
}

/// Presses a key after what is there was drawn, as people do.
fn press(state: &mut State, code: KeyCode) -> Vec<Action> {
    drop(picture(state));
    state.terminal(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn control(state: &mut State, character: char) -> Vec<Action> {
    state.terminal(Event::Key(KeyEvent::new(
        KeyCode::Char(character),
        KeyModifiers::CONTROL,
    )))
}

fn type_in(state: &mut State, text: &str) -> Vec<Action> {
    for character in text.chars() {
        assert_eq!(press(state, KeyCode::Char(character)), []);
    }
    press(state, KeyCode::Enter)
}

fn methods(actions: &[Action]) -> Vec<&'static str> {
    actions
        .iter()
        .map(|action| match action {
            Action::Ask { method, .. } => method,
            Action::Reconnect => "(reconnect)",
            Action::Suspend => "(suspend)",
            Action::Shell(_) => "(shell)",
            Action::StopShell => "(stop shell)",
            Action::Leave => "(leave)",
        })
        .collect()
}

fn params(actions: &[Action]) -> &Value {
    match actions {
        [Action::Ask { params, .. }] => params,
        other => panic!("one call, not {other:?}"),
    }
}

fn chat(state: &mut State, run: &str, fields: Value) -> Vec<Action> {
    let mut event = json!({ "runId": run, "sessionKey": SESSION });
    for (name, value) in fields.as_object().expect("fields") {
        event[name] = value.clone();
    }
    state.event("chat", event)
}

fn answer(text: &str) -> Value {
    json!({ "role": "assistant", "content": [{ "type": "text", "text": text }] })
}

fn tool(state: &mut State, run: &str, data: Value) {
    drop(state.event(
        "agent",
        json!({ "runId": run, "stream": "tool", "data": data }),
    ));
}

#[test]
fn a_turn_is_seen_from_the_question_to_the_end() {
    let mut state = connected();
    let asked = type_in(&mut state, "list my files");
    assert_eq!(methods(&asked), ["chat.send"]);
    assert_eq!(params(&asked)["idempotencyKey"], "key-0");
    assert_eq!(params(&asked)["sessionKey"], SESSION);
    drop(state.answered(
        Ask::Send {
            key: "key-0".into(),
        },
        Ok(json!({ "runId": "key-0", "status": "started" })),
    ));
    drop(chat(
        &mut state,
        "key-0",
        json!({ "state": "delta", "message": answer("Let me look.") }),
    ));
    tool(
        &mut state,
        "key-0",
        json!({ "phase": "start", "name": "exec", "toolCallId": "c1", "args": { "command": "ls -l" } }),
    );
    state.tick(4_000, 1_700_000_003_000);
    expect![[r#"
         torana · agent main · agent:main:main · connected to ws://127.0.0.1:187
        > list my files

        Let me look.

        ┃ … exec ls -l

         running exec 3s · openai/gpt-5.2 · 12k of 200k tokens (6%) · think low
        >
         Esc stop · Enter send · Alt-Enter new line · Ctrl-P sessions · Ctrl-G a"#]]
    .assert_eq(&picture(&mut state));
    let output = json!({ "content": [{ "type": "text", "text": "a\nb\nc\nd\ne" }] });
    tool(
        &mut state,
        "key-0",
        json!({ "phase": "result", "name": "exec", "toolCallId": "c1", "isError": false, "result": output }),
    );
    let whole = "Let me look. There are **five** files.";
    let after = chat(
        &mut state,
        "key-0",
        json!({ "state": "final", "message": answer(whole) }),
    );
    assert_eq!(
        methods(&after),
        ["chat.history"],
        "the facts are read again"
    );
    let seen = picture(&mut state);
    assert!(
        seen.contains("┃ ✓ exec ls -l") && seen.contains("2 more lines"),
        "{seen}"
    );
    assert!(
        seen.contains("There are five files.") && seen.contains(" idle ·"),
        "{seen}"
    );
    drop(control(&mut state, 'o'));
    assert!(picture(&mut state).contains("┃ e"));
}

#[test]
fn what_was_typed_without_a_connection_is_sent_once_it_is_back_and_nothing_shown_is_lost() {
    let mut state = connected();
    drop(type_in(&mut state, "first"));
    drop(chat(
        &mut state,
        "key-0",
        json!({ "state": "delta", "message": answer("Half an ans") }),
    ));
    state.lost("the gateway stopped", None, Some(3_000));
    assert_eq!(type_in(&mut state, "second"), [], "it waits");
    let seen = picture(&mut state);
    assert!(seen.contains("Half an ans"), "{seen}");
    assert!(
        seen.contains("next attempt in 2s · 2 waiting to be sent · the gateway stopped"),
        "{seen}"
    );

    let actions = state.connected(&json!({}));
    let again: Vec<&Value> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Ask {
                method: "chat.send",
                params,
                ..
            } => Some(&params["idempotencyKey"]),
            _ => None,
        })
        .collect();
    assert_eq!(again, ["key-0", "key-1"], "under the keys they had");
    let history = json!({
        "messages": [{ "role": "user", "content": "first", "idempotencyKey": "key-0" }],
        "inFlightRun": { "runId": "key-0", "text": "Half an answer, and" },
    });
    drop(state.answered(
        Ask::History {
            session: SESSION.into(),
        },
        Ok(history),
    ));
    drop(chat(
        &mut state,
        "key-0",
        json!({ "state": "delta", "message": answer("Half an answer, and more") }),
    ));
    let seen = picture(&mut state);
    assert!(
        seen.contains("Half an answer, and more") && seen.contains("> second"),
        "{seen}"
    );
    assert_eq!(seen.matches("> first").count(), 1, "{seen}");
    drop(state.answered(
        Ask::Send {
            key: "key-1".into(),
        },
        Ok(json!({ "status": "started" })),
    ));
    assert!(state.outgoing.iter().all(|message| message.key != "key-1"));
}

#[test]
fn a_refused_message_is_marked_and_the_reason_shown() {
    let mut state = connected();
    drop(type_in(&mut state, "hello"));
    let refusal = Failure::failed("the disk is full").hint("make room");
    drop(state.answered(
        Ask::Send {
            key: "key-0".into(),
        },
        Err(refusal),
    ));
    let seen = picture(&mut state);
    assert!(
        seen.contains("(not sent)") && seen.contains("! the disk is full (make room)"),
        "{seen}"
    );
    assert!(state.outgoing.is_empty());
}

#[test]
fn interrupting_clears_then_stops_then_leaves() {
    let mut state = connected();
    drop(press(&mut state, KeyCode::Char('x')));
    assert_eq!(control(&mut state, 'c'), []);
    assert!(state.editor.is_empty());
    drop(chat(
        &mut state,
        "r",
        json!({ "state": "delta", "message": answer("…") }),
    ));
    assert_eq!(methods(&press(&mut state, KeyCode::Esc)), ["chat.abort"]);
    assert_eq!(methods(&control(&mut state, 'c')), ["chat.abort"]);
    drop(chat(
        &mut state,
        "r",
        json!({ "state": "aborted", "message": answer("…") }),
    ));
    assert_eq!(control(&mut state, 'c'), []);
    assert!(picture(&mut state).contains("Ctrl-C again leaves"));
    drop(press(&mut state, KeyCode::Char('y')));
    drop(press(&mut state, KeyCode::Backspace));
    assert_eq!(
        control(&mut state, 'c'),
        [],
        "another key in between disarms it"
    );
    assert_eq!(methods(&control(&mut state, 'c')), ["(leave)"]);
    assert_eq!(methods(&control(&mut connected(), 'd')), ["(leave)"]);
}

fn asked(id: &str, session: &str, questions: Value) -> Value {
    json!({ "id": id, "sessionKey": session, "status": "pending", "createdAtMs": 1, "expiresAtMs": 1_700_000_090_000_i64, "questions": questions })
}

fn two_parts() -> Value {
    json!([
        { "questionId": "colour", "header": "Colour", "question": "Which colour shall the door have?",
          "options": [{ "label": "Red" }, { "label": "Green" }] },
        { "questionId": "extras", "header": "Extras", "question": "What else?", "multiSelect": true, "isOther": false,
          "options": [{ "label": "Bell" }, { "label": "Lamp" }, { "label": "Mat" }] },
    ])
}

#[test]
fn another_session_is_shown_and_the_old_one_no_longer_heard() {
    let mut state = connected();
    drop(type_in(&mut state, "hello"));
    let actions = type_in(&mut state, "/session agent:work:main");
    assert_eq!(
        methods(&actions),
        [
            "sessions.messages.unsubscribe",
            "sessions.subscribe",
            "sessions.messages.subscribe",
            "commands.list"
        ]
    );
    drop(chat(
        &mut state,
        "key-0",
        json!({ "state": "delta", "message": answer("for the other one") }),
    ));
    let seen = picture(&mut state);
    assert!(
        seen.contains("agent work") && !seen.contains("for the other one"),
        "{seen}"
    );
    let new = type_in(&mut state, "/new");
    assert_eq!(
        (methods(&new), &params(&new)["agentId"]),
        (vec!["sessions.create"], &json!("work"))
    );
    let shown = state.answered(Ask::Create, Ok(json!({ "key": "agent:work:fresh" })));
    assert_eq!(state.session, "agent:work:fresh");
    assert_eq!(methods(&shown)[0], "sessions.messages.unsubscribe");
    let mut older = Failure::failed("this gateway does not offer `sessions.create`");
    older.reason = Reason::NotOffered;
    assert_eq!(
        methods(&state.answered(Ask::Create, Err(older))),
        ["sessions.reset"]
    );
    assert_eq!(methods(&type_in(&mut state, "/reset")), ["sessions.reset"]);
    assert_eq!(
        methods(&type_in(&mut state, "/think high")),
        ["sessions.patch"]
    );
    let gateway = type_in(&mut state, "/compact the rest");
    assert_eq!(
        (methods(&gateway), &params(&gateway)["message"]),
        (vec!["chat.send"], &json!("/compact the rest"))
    );
}

#[test]
fn messages_of_others_and_stored_tools_are_shown() {
    let mut state = connected();
    let history = json!({ "messages": [
        { "role": "user", "content": "look" },
        { "role": "assistant", "runId": "r", "content": [
            { "type": "thinking", "thinking": "hm" },
            { "type": "toolCall", "id": "c", "name": "read", "arguments": { "path": "a.txt" } },
        ] },
        { "role": "toolResult", "toolCallId": "c", "toolName": "read", "isError": true, "content": [{ "type": "text", "text": "no such file" }] },
        { "role": "assistant", "content": "It is not there.", "stopReason": "stop" },
    ] });
    drop(state.answered(
        Ask::History {
            session: SESSION.into(),
        },
        Ok(history),
    ));
    let message = json!({ "sessionKey": SESSION, "message": { "role": "user", "content": "from my phone", "idempotencyKey": "k" } });
    drop(state.event("session.message", message.clone()));
    drop(state.event("session.message", message));
    expect![[r#"
         torana · agent main · agent:main:main · connected to ws://127.0.0.1:187
        > look

        ~ thought about it (Ctrl-T shows)

        ┃ ✗ read {"path":"a.txt"}
        ┃ no such file

        It is not there.

        > from my phone

         idle · openai/gpt-5.2 · 12k of 200k tokens (6%) · think low
        >
         Enter send · Alt-Enter new line · Ctrl-P sessions · Ctrl-G agents · Ctr"#]]
    .assert_eq(&picture(&mut state));
}

#[test]
fn no_text_of_a_gateway_reaches_the_terminal_as_more_than_text() {
    let mut state = connected();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2Jx\u{9b}31m\u{202e}y\u{200b}";
    drop(chat(
        &mut state,
        "r",
        json!({ "state": "delta", "message": answer(evil) }),
    ));
    tool(
        &mut state,
        "r",
        json!({ "phase": "start", "name": evil, "toolCallId": "c", "args": { "command": evil } }),
    );
    drop(chat(
        &mut state,
        "r",
        json!({ "state": "error", "errorMessage": evil }),
    ));
    drop(state.event(
        "sessions.changed",
        json!({ "sessionKey": SESSION, "label": evil, "model": evil }),
    ));
    drop(state.event(
        "exec.approval.requested",
        json!({ "id": "a", "request": { "command": evil } }),
    ));
    state.lost(evil, Some(evil), None);
    drop(control(&mut state, 'y'));
    let seen = picture(&mut state);
    assert!(
        seen.chars()
            .all(|character| character == '\n' || !super::clean::is_harmful(character)),
        "{seen:?}"
    );
    assert!(seen.contains("xy") && !seen.contains("owned"), "{seen}");
}

#[test]
fn a_long_conversation_scrolls_and_a_tiny_terminal_does_no_harm() {
    let mut state = connected();
    let lines: Vec<String> = (0..100).map(|number| format!("- line {number}")).collect();
    drop(chat(
        &mut state,
        "r",
        json!({ "state": "final", "message": answer(&lines.join("\n")) }),
    ));
    assert!(picture(&mut state).contains("line 99"));
    drop(press(&mut state, KeyCode::PageUp));
    let seen = picture(&mut state);
    assert!(
        !seen.contains("line 99") && seen.contains("lines below"),
        "{seen}"
    );
    for _ in 0..50 {
        drop(press(&mut state, KeyCode::PageUp));
    }
    assert!(picture(&mut state).contains("line 0"));
    drop(control(&mut state, 'l'));
    draw_tiny(&state);
    drop(press(&mut state, KeyCode::Esc));
    drop(state.event("question.requested", asked("q", SESSION, two_parts())));
    drop(control(&mut state, 'y'));
    draw_tiny(&state);
    for _ in 0..2 {
        drop(press(&mut state, KeyCode::Down));
    }
    drop(press(&mut state, KeyCode::Enter));
    drop(state.terminal(Event::Paste("日本語👩‍👧".repeat(500))));
    draw_tiny(&state);
    state.overlay = None;
    drop(press(&mut state, KeyCode::Char('/')));
    draw_tiny(&state);
    drop(control(&mut state, 'c'));
    drop(state.event(
        "exec.approval.requested",
        json!({ "id": "a", "request": { "command": "日".repeat(900) } }),
    ));
    drop(control(&mut state, 'y'));
    draw_tiny(&state);
}

fn draw_tiny(state: &State) {
    for (width, height) in [(1, 1), (2, 7), (3, 2), (5, 12), (8, 4), (200, 3)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a picture");
        terminal
            .draw(|frame| {
                view::draw(frame, state);
            })
            .expect("drawn");
    }
}

#[test]
fn what_was_said_before_the_gateway_named_the_session_stays_on_the_screen() {
    let mut state = state();
    drop(state.connected(&json!({})));
    drop(type_in(&mut state, "early"));
    drop(state.answered(Ask::Listen, Ok(json!({ "key": SESSION }))));
    let history = Ask::History {
        session: SESSION.to_owned(),
    };
    drop(state.answered(history, Ok(json!({ "messages": [] }))));
    assert!(picture(&mut state).contains("> early"));
    assert_eq!(state.outgoing[0].session, SESSION);
}
