//! Lists one chooses from: models, suggestions, settings and commands.

use super::*;

#[test]
fn a_model_is_found_by_typing_and_chosen() {
    let mut state = connected();
    assert_eq!(methods(&control(&mut state, 'l')), ["models.list"]);
    let models = json!({ "models": [
        { "id": "gpt-5.2", "provider": "openai", "contextWindow": 200_000, "reasoning": true, "available": true },
        { "id": "qwen3:8b", "provider": "ollama", "contextWindow": 32_000, "reasoning": false },
    ] });
    drop(state.answered(Ask::Models, Ok(models)));
    expect![[r#"
         torana · agent main · agent:main:main · connected to ws://127.0.0.1:187
        Write something and press Enter. /help shows keys and commands.

         ┌ Models ────────────────────────────────────────────────────────────┐
         │filter: ▏                                                           │
         │ openai/gpt-5.2  200k, thinks                                       │
         │ ollama/qwen3:8b  32k                                               │
         └────────────────────────────────────────────────────────────────────┘

         idle · openai/gpt-5.2 · 12k of 200k tokens (6%) · think low
        >
         Up, Down · Enter chooses · Esc closes"#]]
    .assert_eq(&picture(&mut state));
    for character in "qw 8b".chars() {
        drop(press(&mut state, KeyCode::Char(character)));
    }
    let chosen = press(&mut state, KeyCode::Enter);
    assert_eq!(
        (methods(&chosen), &params(&chosen)["model"]),
        (vec!["sessions.patch"], &json!("ollama/qwen3:8b"))
    );
    assert_eq!(
        methods(&state.answered(
            Ask::Change {
                done: "done".into()
            },
            Ok(json!({}))
        )),
        ["chat.history"]
    );
}

#[test]
fn a_list_the_gateway_does_not_offer_is_said_clearly() {
    let mut state = connected();
    drop(control(&mut state, 'g'));
    let mut refusal = Failure::failed("this gateway does not offer `agents.list`");
    refusal.reason = Reason::NotOffered;
    drop(state.answered(Ask::Agents, Err(refusal)));
    assert!(state.overlay.is_none());
    assert!(picture(&mut state).contains("! this gateway does not offer `agents.list`"));
}

#[test]
fn a_model_that_cannot_be_used_is_explained_and_not_chosen() {
    let mut state = connected();
    drop(control(&mut state, 'l'));
    let models =
        json!({ "models": [{ "id": "qwen3:8b", "provider": "ollama", "available": false }] });
    drop(state.answered(Ask::Models, Ok(models)));
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    assert!(picture(&mut state).contains("ollama/qwen3:8b cannot be used now"));
}

#[test]
fn what_is_shown_is_set_in_one_place() {
    let mut state = connected();
    drop(type_in(&mut state, "/settings"));
    drop(press(&mut state, KeyCode::Enter));
    assert!(state.show_output && !state.show_thinking);
    drop(press(&mut state, KeyCode::Down));
    drop(press(&mut state, KeyCode::Enter));
    assert!(state.show_thinking);
    let seen = picture(&mut state);
    assert!(seen.contains("What the model thinks  shown"), "{seen}");
    drop(press(&mut state, KeyCode::Esc));
    assert_eq!(methods(&type_in(&mut state, "/gateway-status")), ["status"]);
    drop(state.answered(
        Ask::Gateway,
        Ok(json!({ "channelSummary": ["Telegram: 1 account"], "sessions": { "count": 7 } })),
    ));
    let seen = picture(&mut state);
    assert!(
        seen.contains("Telegram: 1 account") && seen.contains("sessions  7"),
        "{seen}"
    );
    let usual = type_in(&mut state, "/think default");
    assert_eq!(params(&usual)["thinkingLevel"], Value::Null);
}

#[test]
fn suggestions_are_told_taken_and_dismissed() {
    let mut state = connected();
    let suggestion = json!({ "id": "t-1", "tldr": "Water the plants", "prompt": "…", "cwd": "/srv", "sessionKey": SESSION, "createdAt": 1 });
    drop(state.event(
        "task.suggestion",
        json!({ "action": "created", "suggestion": suggestion }),
    ));
    assert!(picture(&mut state).contains("an agent suggests: Water the plants"));
    drop(type_in(&mut state, "/suggestions"));
    drop(press(&mut state, KeyCode::Enter));
    let dismissed = press(&mut state, KeyCode::Enter);
    assert_eq!(methods(&dismissed), ["taskSuggestions.dismiss"]);
    assert_eq!(params(&dismissed), &json!({ "taskId": "t-1" }));
    drop(state.event(
        "task.suggestion",
        json!({ "action": "resolved", "taskId": "t-1", "resolution": "dismissed" }),
    ));
    assert!(state.suggestions.is_empty());
}

#[test]
fn commands_of_the_gateway_are_listed_and_completed() {
    let mut state = connected();
    let listed = json!({ "commands": [
        { "name": "compact", "description": "Shorten the session", "scope": "both", "acceptsArgs": true },
        { "name": "context", "description": "Show what the model sees", "scope": "text", "acceptsArgs": true },
        { "name": "queue", "description": "How messages wait", "args": [{ "name": "mode", "choices": [{ "value": "steer" }, { "value": "followup" }] }] },
    ] });
    drop(state.answered(
        Ask::Commands {
            agent: "other".into(),
        },
        Ok(json!({ "commands": [{ "name": "elsewhere" }] })),
    ));
    drop(state.answered(
        Ask::Commands {
            agent: "main".into(),
        },
        Ok(listed),
    ));
    for character in "/co".chars() {
        drop(press(&mut state, KeyCode::Char(character)));
    }
    let seen = picture(&mut state);
    assert!(
        seen.contains("/compact             Shorten the session") && seen.contains("/context"),
        "{seen}"
    );
    drop(press(&mut state, KeyCode::Char('m')));
    drop(press(&mut state, KeyCode::Tab));
    assert_eq!(state.editor.text(), "/compact ");
    drop(control(&mut state, 'c'));
    for character in "/queue f".chars() {
        drop(press(&mut state, KeyCode::Char(character)));
    }
    drop(press(&mut state, KeyCode::Tab));
    assert_eq!(state.editor.text(), "/queue followup");
    drop(control(&mut state, 'c'));
    drop(press(&mut state, KeyCode::Char('/')));
    let seen = picture(&mut state);
    assert!(
        seen.contains(" more") && seen.contains("Tab completes"),
        "{seen}"
    );
}
