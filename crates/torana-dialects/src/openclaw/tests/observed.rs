//! What OpenClaw 2026.9.6 was seen to do beside its documents: the same calls were made to both gateways and the answers
//! compared. Clients build on it, so it stays.

use serde_json::{Value, json};
use torana_core::run::ModelRef;
use torana_engine::ModelInfo;

use super::rig::{Client, Rig};

/// Asks and expects an answer.
async fn got(client: &mut Client, method: &str, params: Value) -> Value {
    let answer = client.ask(method, params).await;
    assert_eq!(answer["ok"], true, "{method}: {answer}");
    answer["payload"].clone()
}

/// Asks and expects a refusal.
async fn refused(client: &mut Client, method: &str, params: Value) -> String {
    let answer = client.ask(method, params).await;
    assert_eq!(answer["ok"], false, "{method}: {answer}");
    let message = answer["error"]["message"].as_str();
    message.unwrap_or_default().to_owned()
}

async fn say(client: &mut Client, key: &str, text: &str, id: &str) {
    let params = json!({ "sessionKey": key, "message": text, "idempotencyKey": id });
    got(client, "chat.send", params).await;
    client
        .until(|event| event["payload"]["state"] == "final" && event["payload"]["runId"] == id)
        .await;
}

async fn run(client: &mut Client, params: Value) -> Value {
    let id = params["idempotencyKey"].clone();
    let accepted = got(client, "agent", params).await;
    assert_eq!(accepted["status"], "accepted", "{id}");
    let done = client.answer().await.expect("the final answer");
    assert_eq!(done["ok"], true, "{done}");
    done["payload"].clone()
}

fn with_models(rig: &Rig) {
    let engine = &rig.context.engine;
    let mut settings = (*engine.settings()).clone();
    let model = |id: &str, alias: Option<&str>| ModelInfo {
        reference: ModelRef {
            provider: "acme".to_owned(),
            model: id.to_owned(),
        },
        name: id.to_owned(),
        alias: alias.map(str::to_owned),
        context_tokens: None,
        reasoning: false,
        available: true,
        local: false,
        price: None,
    };
    settings.models = vec![model("big", Some("smart")), model("small", None)];
    engine.apply(settings);
}

#[tokio::test]
async fn a_command_and_its_answer_are_in_the_transcript_for_people_only() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    got(
        &mut client,
        "sessions.messages.subscribe",
        json!({ "key": "main" }),
    )
    .await;
    say(&mut client, "main", "/whoami", "w").await;
    let told: Vec<Value> = client
        .events
        .iter()
        .filter(|event| event["event"] == "session.message")
        .map(|event| event["payload"]["message"]["role"].clone())
        .collect();
    assert_eq!(told, ["user", "assistant"]);
    let history = got(&mut client, "chat.history", json!({ "sessionKey": "main" })).await;
    let lines = history["messages"].as_array().expect("messages");
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["content"], "/whoami");
    assert_eq!(lines[0]["idempotencyKey"], "w");
    assert_eq!(lines[0]["__openclaw"]["contextFreeCommand"], true);
    assert_eq!(lines[1]["excludeFromContext"], true);
    assert!(
        history["sessionInfo"]["derivedTitle"].is_null(),
        "no title of it"
    );
    // The agent does not see them, and a stop or a fresh start leaves none.
    say(&mut client, "main", "count", "c").await;
    let last = got(
        &mut client,
        "sessions.get",
        json!({ "key": "main", "limit": 1 }),
    )
    .await;
    assert_eq!(
        last["messages"][0]["content"][0]["text"],
        "echo: 0 lines before"
    );
    say(&mut client, "main", "/new", "n").await;
    let fresh = got(&mut client, "chat.history", json!({ "sessionKey": "main" })).await;
    assert_eq!(fresh["messages"], json!([]));
}

#[tokio::test]
async fn where_a_message_comes_from_is_where_later_answers_go() {
    let rig = Rig::start().await;
    super::platform::attach(&rig.context.engine).await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let place = json!({
        "message": "hi", "idempotencyKey": "r1", "sessionKey": "plan", "channel": "telegram", "to": "42", "threadId": "7",
    });
    let done = run(&mut client, place).await;
    let row =
        got(&mut client, "sessions.describe", json!({ "key": "plan" })).await["session"].clone();
    assert_eq!(
        done["result"]["meta"]["agentMeta"]["sessionId"],
        row["sessionId"]
    );
    let context =
        json!({ "channel": "telegram", "to": "42", "accountId": "default", "threadId": "7" });
    assert_eq!(row["deliveryContext"], context);
    assert_eq!(
        (&row["lastChannel"], &row["lastTo"]),
        (&json!("telegram"), &json!("42"))
    );
    assert_eq!(row["channel"], "telegram");
    let sent = got(&mut client, "torana.outbox.list", json!({})).await;
    assert_eq!(
        sent["intents"],
        json!([]),
        "nothing was asked to be delivered"
    );
    // A message from no chat leaves the session in its own.
    let here = json!({
        "message": "hi", "idempotencyKey": "r2", "sessionKey": "plan", "channel": "webchat", "deliver": true,
    });
    run(&mut client, here).await;
    let row =
        got(&mut client, "sessions.describe", json!({ "key": "plan" })).await["session"].clone();
    assert_eq!(row["deliveryContext"], context);
    assert_eq!(row["channel"], "telegram");
    let nowhere =
        json!({ "message": "hi", "idempotencyKey": "r3", "sessionKey": "other", "deliver": true });
    assert_eq!(
        refused(&mut client, "agent", nowhere).await,
        "delivery target is required: name channel and to"
    );
    let unknown = json!({
        "message": "hi", "idempotencyKey": "r4", "sessionKey": "other", "deliver": true, "replyChannel": "pigeon", "replyTo": "1",
    });
    assert_eq!(
        refused(&mut client, "agent", unknown).await,
        "invalid agent params: unknown channel: pigeon"
    );
}

/// The calls of `agent` that name a chat, over a session whose answers go to chat 42.
#[tokio::test]
async fn no_call_moves_a_session_out_of_its_chat_or_delivers_by_guess() {
    let rig = Rig::start().await;
    super::platform::attach(&rig.context.engine).await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let call = |id: &str, place: Value| {
        let mut params = json!({ "message": "hi", "idempotencyKey": id, "sessionKey": "plan" });
        let (params_map, place) = (params.as_object_mut(), place.as_object().cloned());
        params_map
            .expect("an object")
            .extend(place.expect("an object"));
        params
    };
    run(
        &mut client,
        call("a", json!({ "channel": "telegram", "to": "42" })),
    )
    .await;
    run(
        &mut client,
        call("b", json!({ "channel": "telegram", "to": "-99" })),
    )
    .await;
    // A part of a place is no place, and the rest is not taken from the session.
    for (id, place) in [
        ("c", json!({ "to": "99" })),
        ("d", json!({ "replyTo": "99", "channel": "webchat" })),
        ("e", json!({ "channel": "telegram" })),
        ("f", json!({ "replyAccountId": "other" })),
        ("g", json!({ "threadId": "7" })),
    ] {
        let mut params = call(id, place);
        params["deliver"] = json!(true);
        assert_eq!(
            refused(&mut client, "agent", params).await,
            "delivery target is required: name channel and to",
            "{id}"
        );
    }
    for name in ["channel", "replyChannel"] {
        assert_eq!(
            refused(&mut client, "agent", call(name, json!({ name: "pigeon" }))).await,
            "invalid agent params: unknown channel: pigeon",
            "{name}"
        );
    }
    let described = got(&mut client, "sessions.describe", json!({ "key": "plan" })).await;
    let row = &described["session"];
    assert_eq!(
        row["deliveryContext"],
        json!({ "channel": "telegram", "to": "42", "accountId": "default" })
    );
    assert_eq!(
        row["kind"], "direct",
        "the group of the second call is not its own"
    );
    let sent = got(&mut client, "torana.outbox.list", json!({})).await;
    assert_eq!(sent["intents"], json!([]));
}

#[tokio::test]
async fn a_choice_made_before_the_first_message_makes_the_session() {
    let rig = Rig::start().await;
    with_models(&rig);
    let mut client = rig.operator(&["operator.admin"]).await;
    let chosen = got(
        &mut client,
        "sessions.patch",
        json!({ "key": "main", "model": "smart" }),
    )
    .await;
    assert_eq!(chosen["entry"]["model"], "big", "by its alias");
    let chosen = got(
        &mut client,
        "sessions.patch",
        json!({ "key": "main", "model": "small" }),
    )
    .await;
    assert_eq!(
        chosen["resolved"]["modelProvider"], "acme",
        "by its id alone"
    );
    for (patch, why) in [
        (
            json!({ "model": "nobody/x" }),
            "Unknown provider \"nobody\". Use /models to list providers.",
        ),
        (
            json!({ "model": "nothing" }),
            "invalid model \"nothing\": write provider/model",
        ),
        (
            json!({ "color": "plaid" }),
            "color must be one of: red, blue, green, yellow, purple, orange, pink, cyan",
        ),
    ] {
        let mut params = json!({ "key": "main" });
        params
            .as_object_mut()
            .expect("an object")
            .extend(patch.as_object().expect("an object").clone());
        assert_eq!(refused(&mut client, "sessions.patch", params).await, why);
    }
    let made = json!({ "key": "never", "model": "nobody/x" });
    assert_eq!(
        refused(&mut client, "sessions.create", made).await,
        "Unknown provider \"nobody\". Use /models to list providers."
    );
    let gone = json!({ "key": "never", "archived": true });
    let why = refused(&mut client, "sessions.patch", gone).await;
    assert_eq!(why, "session not found: agent:main:never");
}

#[tokio::test]
async fn a_deleted_transcript_is_named_unless_it_is_to_be_kept() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for (key, keep) in [("a", Some(true)), ("b", Some(false)), ("c", None)] {
        say(&mut client, key, "hi", key).await;
        let row =
            got(&mut client, "sessions.describe", json!({ "key": key })).await["session"].clone();
        let mut params = json!({ "key": key });
        if let Some(deletes) = keep {
            params["deleteTranscript"] = json!(deletes);
        }
        let deleted = got(&mut client, "sessions.delete", params).await;
        let named = if keep == Some(false) {
            json!([])
        } else {
            json!([row["sessionId"]])
        };
        assert_eq!(deleted["archived"], named);
        let old = json!({ "sessionKey": key, "sessionId": row["sessionId"] });
        let read = got(&mut client, "chat.history", old).await;
        assert_eq!(read["totalMessages"], 2, "either can be read by its id");
    }
    let only = json!({ "key": "a", "archivedOnly": true });
    assert_eq!(
        refused(&mut client, "sessions.delete", only).await,
        "Session agent:main:a is not archived. Archive it first, then delete it."
    );
    say(&mut client, "d", "hi", "d").await;
    let stale = json!({ "key": "d", "expectedSessionUpdatedAt": 1.5 });
    let answer = client.ask("sessions.delete", stale).await;
    assert_eq!(answer["error"]["details"]["reason"], "session-changed");
}

#[tokio::test]
async fn a_probe_of_the_health_asks_the_platforms() {
    let rig = Rig::start().await;
    super::platform::attach(&rig.context.engine).await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let plain = got(&mut client, "health", json!({})).await;
    assert!(plain["channels"]["telegram"]["probe"].is_null());
    let probed =
        got(&mut client, "health", json!({ "probe": true })).await["channels"]["telegram"].clone();
    assert_eq!(probed["probe"]["ok"], true);
    assert_eq!(probed["probe"]["bot"]["username"], "torana_bot");
    assert_eq!(probed["accounts"]["default"]["probe"], probed["probe"]);
    let unknown = json!({ "channel": "carrier-pigeon" });
    let why = refused(&mut client, "channels.status", unknown).await;
    assert_eq!(why, "unknown channel: carrier-pigeon");
}

#[tokio::test]
async fn a_line_that_is_put_in_is_told_like_an_answer() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "hi", "a").await;
    client.events.clear();
    let put = json!({ "sessionKey": "main", "message": "by the way" });
    got(&mut client, "chat.inject", put).await;
    let told = client.event("chat").await["payload"].clone();
    let last = got(
        &mut client,
        "sessions.get",
        json!({ "key": "main", "limit": 1 }),
    )
    .await;
    assert_eq!(
        told["runId"], last["messages"][0]["__openclaw"]["runId"],
        "pages show it once"
    );
    assert_eq!((&told["state"], &told["seq"]), (&json!("final"), &json!(0)));
    assert_eq!(told["message"]["content"][0]["text"], "by the way");
}

#[tokio::test]
async fn a_change_of_the_groups_is_told_to_every_list() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let mut page = rig.operator(&["operator.admin"]).await;
    got(&mut page, "sessions.subscribe", json!({})).await;
    let is_told = |event: &Value| event["payload"]["reason"] == "groups";
    for (method, params) in [
        ("sessions.groups.put", json!({ "names": ["Work"] })),
        (
            "sessions.groups.rename",
            json!({ "name": "Work", "to": "Home" }),
        ),
        (
            "sessions.patch",
            json!({ "key": "main", "category": "Home" }),
        ),
        (
            "sessions.patchMany",
            json!({ "targets": [{ "key": "main" }], "patch": { "category": "Home" } }),
        ),
        ("sessions.groups.delete", json!({ "name": "Home" })),
        ("sessions.groups.delete", json!({ "name": "Home" })),
    ] {
        got(&mut client, method, params).await;
        page.until(is_told).await;
        page.events.clear();
    }
    let missing = json!({ "name": "Home", "to": "Work" });
    let why = refused(&mut client, "sessions.groups.rename", missing).await;
    assert_eq!(why, "unknown session group: Home");
}

#[tokio::test]
async fn a_message_that_is_shown_in_part_says_so() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "one two", "a").await;
    let short = json!({ "sessionKey": "main", "maxChars": 3, "offset": 1 });
    let page = got(&mut client, "chat.history", short).await;
    assert_eq!(page["offset"], 1);
    let shown = &page["messages"][0];
    assert_eq!(shown["content"], "one\n...(truncated)...");
    assert_eq!(shown["__openclaw"]["truncated"], true);
    assert_eq!(shown["__openclaw"]["reason"], "display-cap");
    for method in ["chat.history", "commands.list"] {
        let mut params = json!({ "agentId": "nope" });
        if method == "chat.history" {
            params["sessionKey"] = json!("main");
        }
        let why = refused(&mut client, method, params).await;
        assert_eq!(why, "unknown agent id \"nope\"");
    }
}

#[tokio::test]
async fn the_status_says_how_full_each_session_is() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "hi", "a").await;
    let row = got(&mut client, "status", json!({})).await["sessions"]["recent"][0].clone();
    assert_eq!(
        (&row["totalTokens"], &row["percentUsed"]),
        (&json!(5), &json!(0))
    );
    assert_eq!(row["remainingTokens"], 99_995);
    let health = got(&mut client, "health", json!({ "probe": true })).await;
    let own = &health["agents"][0]["sessions"]["recent"][0];
    assert_eq!(
        own["key"], "agent:main:main",
        "command lines print the sessions of each agent"
    );
}

#[tokio::test]
async fn commands_offer_the_words_they_take() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let list = got(&mut client, "commands.list", json!({})).await["commands"].clone();
    let choices = |name: &str| -> Value {
        let commands = list.as_array().expect("commands");
        let command = commands.iter().find(|command| command["name"] == name);
        let words = command.expect("it is there")["args"][0]["choices"].clone();
        let words = words
            .as_array()
            .map(|words| words.iter().map(|word| word["value"].clone()).collect());
        words.unwrap_or(Value::Null)
    };
    assert_eq!(choices("send"), json!(["on", "off", "inherit"]));
    assert_eq!(choices("model"), Value::Null, "any name will do");
    assert_eq!(choices("compact"), Value::Null);
}
