//! Golden dialogues: a file per topic, one frame per line, `>` from the client and `<` from the gateway.
//! `UPDATE_EXPECT=1` writes the answers anew; review them as code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use expect_test::{expect, expect_file};
use serde_json::{Value, json};
use torana_engine::service::journal;

use super::super::methods::{Needs, rows};
use super::platform;
use super::rig::{Client, Rig, TOKEN, connect, device_id, signed};

/// Replaces what differs from run to run: moments, uuids, addresses.
fn normal(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // The port is a free one.
            let is_machine = map.contains_key("osLabel");
            let is_code = map.contains_key("expiresAtMs");
            for (name, value) in map.iter_mut() {
                if is_machine && name == "port" {
                    *value = Value::from("(here)");
                }
                if name == "sandboxPort" {
                    *value = Value::from(1);
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
                        "onlineSince",
                    ]
                    .iter()
                    .any(|end| name.ends_with(end));
                let is_secret = ["deviceToken", "token", "setupCode", "qrDataUrl", "joinUrl"]
                    .contains(&name.as_str())
                    || (is_code && name == "code");
                match value {
                    Value::String(text) if is_secret && !text.contains("REDACTED") => {
                        let kind = if name == "qrDataUrl" {
                            "data:image/png;base64,"
                        } else {
                            ""
                        };
                        *value = Value::from(format!("{kind}(secret)"));
                    }
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
            // An address that is a permission, and the free port in it.
            for mark in ["/__openclaw__/cap/", "/api/artifacts/download/"] {
                if text.contains(mark) {
                    *text = format!("(here){mark}(token)");
                }
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
    text.split([':', '.', '/', '_'])
        .find(|part| is_uuid(part))
        .map(str::to_owned)
}

/// The transcript or suspension an answer names.
fn session_in(answer: &Value) -> Option<String> {
    let payload = &answer["payload"];
    [
        &payload["suspensionId"],
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

/// A dialogue as it is played. `> frame` is said and one answer awaited; a word after `>` names another speaker, who
/// connects with a first frame of its own. `>name! frame` waits for nothing, `>name? answer` and `>name? event` read what
/// comes next, `>? parked` waits until a delivery was given up.
struct Stage {
    rig: Rig,
    speakers: BTreeMap<String, Client>,
    /// What earlier frames named, for later ones: `$REQUEST` is the last request id.
    names: BTreeMap<&'static str, String>,
    spoken: String,
}

/// Keys whose last value a later line may name.
const NAMED: &[(&str, &[&str])] = &[
    ("$REQUEST", &["requestId", "pendingRequestId"]),
    ("$SETUP", &["setupId"]),
    ("$POLICY", &["hash"]),
];

/// The first text under one of these keys, wherever it stands.
fn text_under(value: &Value, keys: &[&str]) -> Option<String> {
    match value {
        Value::Object(map) => map.iter().find_map(|(name, value)| match value {
            Value::String(text) if keys.contains(&name.as_str()) => Some(text.clone()),
            _ => text_under(value, keys),
        }),
        Value::Array(items) => items.iter().find_map(|item| text_under(item, keys)),
        _ => None,
    }
}

impl Stage {
    fn new(rig: Rig) -> Self {
        Self {
            rig,
            speakers: BTreeMap::new(),
            names: BTreeMap::new(),
            spoken: String::new(),
        }
    }

    /// `$TOKEN` is the secret, `$HASH` the state of the configuration file, `$DEVICE1` the id of the first device.
    fn filled(&self, line: &str) -> String {
        let mut line = line
            .replace("$TOKEN", TOKEN)
            .replace("$HASH", &self.rig.site.hash());
        for seed in 1..=3 {
            line = line.replace(&format!("$DEVICE{seed}"), &device_id(seed));
        }
        for (name, value) in &self.names {
            line = line.replace(name, value);
        }
        line
    }

    /// The frame of a line; a device that is only numbered signs it.
    fn frame(&self, line: &str, nonce: &str) -> String {
        let line = self.filled(line);
        let Ok(mut frame) = serde_json::from_str::<Value>(&line) else {
            return line;
        };
        match frame["params"]["device"].as_u64() {
            Some(seed) => {
                let mut params = frame["params"].take();
                params.as_object_mut().expect("an object").remove("device");
                let seed = u8::try_from(seed).expect("small");
                let now_ms = self.rig.context.engine.world().wall_ms();
                frame["params"] = signed(params, seed, nonce, now_ms);
                frame.to_string()
            }
            None => line,
        }
    }

    fn note(&mut self, name: &str, mut value: Value) {
        if let Some(id) = session_in(&value) {
            self.names.insert("$ID", id);
        }
        let payload = &value["payload"];
        for (name, keys) in NAMED {
            if let Some(found) = text_under(payload, keys) {
                self.names.insert(name, found);
            }
        }
        if payload["status"] == "accepted" {
            self.names.insert(
                "$APPROVAL",
                payload["id"].as_str().unwrap_or_default().to_owned(),
            );
        }
        if value["event"] == "node.invoke.request" {
            self.names.insert(
                "$INVOKE",
                payload["id"].as_str().unwrap_or_default().to_owned(),
            );
        }
        normal(&mut value);
        self.spoken.push_str(&format!("<{name} {value}\n"));
    }

    async fn line(&mut self, line: &str) {
        let (head, rest) = line.split_once(' ').expect("a speaker and a frame");
        self.spoken.push_str(&format!("{line}\n"));
        let name = head.trim_matches(['>', '!', '?']).to_owned();
        let mut client = match self.speakers.remove(&name) {
            Some(client) => client,
            None => self.rig.client().await,
        };
        if head.ends_with('?') {
            match rest {
                "parked" => self.until_parked().await,
                "answer" => {
                    let answer = client.answer().await.expect("an answer");
                    self.note(&name, answer);
                }
                event => {
                    let event = client.event(event).await;
                    self.note(&name, event);
                }
            }
        } else {
            let frame = self.frame(rest, &client.nonce);
            client.say(frame).await;
            if !head.ends_with('!') {
                self.hear(&name, &mut client).await;
            }
        }
        self.speakers.insert(name, client);
    }

    async fn hear(&mut self, name: &str, client: &mut Client) {
        match client.answer().await {
            Ok(answer) => {
                let starts = starts_a_turn(&answer);
                self.note(name, answer);
                // A turn must be over before the next line looks at it.
                if starts {
                    client.events.clear();
                    let ends = ["final", "error", "aborted"];
                    client
                        .until(|event| ends.iter().any(|end| event["payload"]["state"] == *end))
                        .await;
                }
            }
            Err((code, reason)) => {
                self.spoken
                    .push_str(&format!("<{name} close {code} {reason}\n"));
            }
        }
    }

    async fn until_parked(&self) {
        let engine = &self.rig.context.engine;
        loop {
            let intents = journal::outbox_list(engine, 10).await.expect("listed");
            if intents.iter().any(|intent| intent.state == "parked") {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/openclaw/tests/dialogues")
}

/// Plays a dialogue to a gateway without a configuration file and compares what comes back.
async fn play(name: &str) {
    play_on(name, Rig::start().await).await;
}

async fn play_on(name: &str, rig: Rig) {
    let path = folder().join(format!("{name}.jsonl"));
    let script = std::fs::read_to_string(&path).expect("a dialogue");
    let mut stage = Stage::new(rig);
    for line in script.lines().filter(|line| line.starts_with('>')) {
        stage.line(line).await;
    }
    expect_file![path].assert_eq(&stage.spoken);
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
async fn lifecycle() {
    play("lifecycle").await;
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
async fn surfaces() {
    let rig = Rig::start().await;
    let canvas = rig.context.host.site().workspace("main").join("canvas");
    let document = canvas.join("documents/cv_1");
    std::fs::create_dir_all(&document).expect("folders");
    std::fs::write(document.join("index.html"), "<p>a document</p>").expect("written");
    play_on("surfaces", rig).await;
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

#[tokio::test]
async fn devices() {
    play("devices").await;
}

#[tokio::test]
async fn nodes() {
    play("nodes").await;
}

#[tokio::test]
async fn approvals() {
    play("approvals").await;
}

#[tokio::test]
async fn turns() {
    play("turns").await;
}

#[tokio::test]
async fn channels() {
    let rig = Rig::start().await;
    platform::attach(&rig.context.engine).await;
    play_on("channels", rig).await;
}

/// Every method as somebody without a scope calls it, then as one who may but with a key no method knows: written from
/// the table, so that no method is without its refusals.
#[tokio::test]
async fn refusals() {
    let rig = Rig::start().await;
    let mut nobody = rig.operator(&[]).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let mut lent = rig.node(1, "linux", &[]).await;
    let mut spoken = String::new();
    for method in rows() {
        let is_of_node = matches!(method.needs, Needs::Node { .. });
        let (stranger, insider) = if is_of_node {
            (&mut admin, &mut lent)
        } else {
            (&mut nobody, &mut admin)
        };
        let mut said = Vec::new();
        if !matches!(method.needs, Needs::Nothing | Needs::Operator) {
            said.push((stranger.ask(method.name, json!({})).await, json!({})));
        }
        // An object where none fits, for methods that take any key.
        let wrong = if method.params.open {
            json!([])
        } else {
            json!({ "no such key": true })
        };
        said.push((insider.ask(method.name, wrong.clone()).await, wrong));
        for (answer, params) in said {
            assert_eq!(answer["ok"], false, "{}", method.name);
            spoken.push_str(&format!(
                "> {} {params}\n< {}\n",
                method.name, answer["error"]
            ));
        }
    }
    expect_file![folder().join("refusals.txt")].assert_eq(&spoken);
}

/// Every method of the table was recorded, and all but those that have nothing to give in this build with success.
#[test]
fn each_method_has_a_recorded_dialogue() {
    let (mut said, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a dialogue");
        // Answers are told apart by speaker and id, because some come late.
        let mut asked: BTreeMap<(String, String), String> = BTreeMap::new();
        for line in text.lines() {
            let (head, frame) = line.split_once(' ').expect("a head");
            let Ok(frame) = serde_json::from_str::<Value>(frame) else {
                continue;
            };
            let key = (
                head.trim_matches(['<', '>', '!']).to_owned(),
                frame["id"].to_string(),
            );
            if let Some(method) = frame["method"].as_str() {
                asked.insert(key, method.to_owned());
            } else if let Some(method) = asked.get(&key) {
                said.insert(method.clone());
                if frame["ok"] == true {
                    answered.insert(method.clone());
                }
            }
        }
    }
    let names: BTreeSet<String> = rows().map(|method| method.name.to_owned()).collect();
    let unsaid: Vec<&String> = names.difference(&said).collect();
    assert_eq!(
        unsaid,
        Vec::<&String>::new(),
        "record them under dialogues/"
    );
    let never: Vec<&String> = names.difference(&answered).collect();
    expect![[r#"["cron.get", "users.self"]"#]].assert_eq(&format!("{never:?}"));
}
