//! Golden dialogues: a file per topic, one frame per line, `>` from the client and `<` from the gateway.
//! `UPDATE_EXPECT=1` writes the answers anew; review them as code.

use std::path::PathBuf;

use expect_test::expect_file;
use serde_json::Value;

use super::rig::{Rig, TOKEN, connect};

/// Replaces what differs from run to run: moments, uuids, addresses.
fn normal(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // The port is a free one.
            let is_machine = map.contains_key("osLabel");
            for (name, value) in map.iter_mut() {
                if is_machine && name == "port" {
                    *value = Value::from("(here)");
                }
                let moment = ["ts", "at", "age"].contains(&name.as_str())
                    || [
                        "At",
                        "AtMs",
                        "TimestampMs",
                        "uptimeMs",
                        "durationMs",
                        "runtimeMs",
                        "timestamp",
                    ]
                    .iter()
                    .any(|end| name.ends_with(end));
                match value {
                    Value::Number(_) if moment => *value = Value::from(0),
                    Value::String(_) if ["generatedAt", "updatedAt"].contains(&name.as_str()) => {
                        *value = Value::from("(time)");
                    }
                    _ => normal(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normal),
        Value::String(text) => {
            if let Some(uuid) = uuid_in(text) {
                *text = text.replace(&uuid, "(uuid)");
            }
            let folder = std::env::temp_dir();
            if text.starts_with(&*folder.to_string_lossy()) {
                "(path)".clone_into(text);
            }
            if text.starts_with("20") && text.ends_with('Z') && text.len() == 24 {
                "(time)".clone_into(text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn uuid_in(text: &str) -> Option<String> {
    let is_uuid = |part: &str| {
        part.len() == 36
            && part.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    text.split(':')
        .find(|part| is_uuid(part))
        .map(str::to_owned)
}

/// The transcript an answer names.
fn session_in(answer: &Value) -> Option<String> {
    let payload = &answer["payload"];
    [
        &payload["sessionId"],
        &payload["sessionInfo"]["sessionId"],
        &payload["entry"]["sessionId"],
        &payload["session"]["sessionId"],
    ]
    .into_iter()
    .find_map(|id| id.as_str().map(str::to_owned))
}

fn starts_a_turn(answer: &Value) -> bool {
    let payload = &answer["payload"];
    payload["status"] == "started"
        || payload["runStarted"] == true
        || payload["continuation"]["status"] == "started"
}

/// Says every `>` line to a gateway without a configuration file and compares what comes back.
async fn play(name: &str) {
    play_on(name, Rig::start().await).await;
}

async fn play_on(name: &str, rig: Rig) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/openclaw/tests/dialogues")
        .join(format!("{name}.jsonl"));
    let script = std::fs::read_to_string(&path).expect("a dialogue");
    let mut client = rig.client().await;
    let mut spoken = String::new();
    let mut session_id = String::new();
    for line in script.lines().filter_map(|line| line.strip_prefix("> ")) {
        spoken.push_str(&format!("> {line}\n"));
        // `$ID` is the transcript that the last answer named, `$HASH` the state of the configuration file.
        let frame = line
            .replace("$TOKEN", TOKEN)
            .replace("$ID", &session_id)
            .replace("$HASH", &rig.site.hash());
        client.say(frame).await;
        match client.answer().await {
            Ok(mut answer) => {
                if let Some(found) = session_in(&answer) {
                    session_id = found;
                }
                let starts = starts_a_turn(&answer);
                normal(&mut answer);
                spoken.push_str(&format!("< {answer}\n"));
                // A turn must be over before the next line looks at it.
                if starts {
                    client.events.clear();
                    client
                        .until(|event| event["payload"]["state"] == "final")
                        .await;
                }
            }
            Err((code, reason)) => spoken.push_str(&format!("< close {code} {reason}\n")),
        }
    }
    expect_file![path].assert_eq(&spoken);
}

#[tokio::test]
async fn hello() {
    play("hello").await;
}

#[tokio::test]
async fn chat() {
    play("chat").await;
}

#[tokio::test]
async fn sessions() {
    play("sessions").await;
}

#[tokio::test]
async fn sessions_in_full() {
    play("sessions-full").await;
}

#[tokio::test]
async fn branches() {
    play("branches").await;
}

#[tokio::test]
async fn attachments() {
    play("attachments").await;
}

#[tokio::test]
async fn system() {
    play("system").await;
}

#[tokio::test]
async fn config() {
    let text = "// mine\n{\n  // who may come in\n  gateway: { mode: 'local', port: 18789, auth: { token: 'a-secret-nobody-sees' } },\n}\n";
    play_on("config", Rig::configured(text).await).await;
}

#[tokio::test]
async fn agents() {
    play("agents").await;
}

#[tokio::test]
async fn machine() {
    play("machine").await;
}

#[tokio::test]
async fn absent() {
    play("absent").await;
}

#[tokio::test]
async fn pairing() {
    play("pairing").await;
}

#[tokio::test]
async fn own_methods() {
    play("own").await;
}

#[test]
fn the_dialogues_connect_like_the_rig() {
    let params = connect(
        "cli",
        "cli",
        &["operator.admin"],
        serde_json::json!({ "token": "$TOKEN" }),
    );
    let hello = include_str!("dialogues/hello.jsonl");
    assert!(hello.contains(&params.to_string()), "{params}");
}
