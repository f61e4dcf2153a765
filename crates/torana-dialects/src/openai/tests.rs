//! Chat completions over real sockets, as programs of that ecosystem use them.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::front::tests::{Rig, Script, TOKEN, read_until};

const JSON: &str = "Content-Type: application/json";

async fn chat(rig: &Rig, body: &Value) -> (u16, Value) {
    let reply = rig
        .ask("POST", "/v1/chat/completions", &[JSON], &body.to_string())
        .await;
    (reply.status, reply.json())
}

fn hello() -> Value {
    json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "hi" }] })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = hello();
    body[field] = value;
    body
}

#[tokio::test]
async fn a_whole_answer_has_the_usual_shape() {
    let rig = Rig::start(Script::Echo).await;
    let (status, answer) = chat(&rig, &hello()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "openclaw");
    assert!(
        answer["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("chatcmpl_"))
    );
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": "echo: hi (0 before)" }, "finish_reason": "stop" });
    assert_eq!(answer["choices"], json!([choice]));
    assert_eq!(
        answer["usage"],
        json!({ "prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6 })
    );
}

#[tokio::test]
async fn a_stream_opens_grows_and_ends() {
    let rig = Rig::start(Script::Echo).await;
    for user in [Value::Null, json!("someone")] {
        let mut body = with("stream", json!(true));
        body["stream_options"] = json!({ "include_usage": true });
        body["user"] = user.clone();
        let reply = rig
            .ask("POST", "/v1/chat/completions", &[JSON], &body.to_string())
            .await;
        assert!(
            reply
                .head
                .contains("content-type: text/event-stream; charset=utf-8"),
            "{}",
            reply.head
        );
        assert!(
            reply.head.contains("cache-control: no-store"),
            "{}",
            reply.head
        );
        let frames: Vec<&str> = reply
            .body
            .split("\n\n")
            .filter_map(|frame| frame.strip_prefix("data: "))
            .collect();
        assert_eq!(frames.last(), Some(&"[DONE]"), "{}", reply.body);
        let frames: Vec<Value> = frames
            .iter()
            .filter_map(|frame| serde_json::from_str(frame).ok())
            .collect();
        assert_eq!(
            frames[0]["choices"][0]["delta"],
            json!({ "role": "assistant" })
        );
        let text: String = frames
            .iter()
            .filter_map(|frame| frame["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(text, "echo: hi (0 before)", "{user}: {}", reply.body);
        assert_eq!(
            frames[frames.len() - 2]["choices"][0]["finish_reason"],
            "stop"
        );
        assert_eq!(frames[frames.len() - 1]["choices"], json!([]));
        assert_eq!(frames[frames.len() - 1]["usage"]["total_tokens"], 6);
    }
}

#[tokio::test]
async fn a_throw_away_run_sees_the_request_and_a_session_remembers() {
    let rig = Rig::start(Script::Echo).await;
    let said = |role: &str, text: &str| json!({ "role": role, "content": text });
    let talk = json!([
        said("system", "be kind"),
        said("user", "one"),
        said("assistant", "two"),
        said("user", "three")
    ]);
    let (_, answer) = chat(&rig, &json!({ "messages": talk })).await;
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "echo: three (2 before)"
    );
    let user = with("user", json!("ann"));
    let (_, first) = chat(&rig, &user).await;
    assert_eq!(
        first["choices"][0]["message"]["content"], "echo: hi (0 before)",
        "{first}"
    );
    let (_, second) = chat(&rig, &user).await;
    assert_eq!(
        second["choices"][0]["message"]["content"], "echo: hi (2 before)",
        "{second}"
    );
    let key = "x-openclaw-session-key: agent:main:openai:ann";
    let third = rig
        .ask(
            "POST",
            "/v1/chat/completions",
            &[JSON, key],
            &hello().to_string(),
        )
        .await
        .json();
    assert_eq!(
        third["choices"][0]["message"]["content"], "echo: hi (4 before)",
        "{third}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_a_400_that_says_why() {
    let rig = Rig::start(Script::Echo).await;
    let text = |body: &str| body.to_owned();
    let cases = [
        (text("{"), "EOF"),
        (text(r#"{"messages":[],"messages":[]}"#), "appears twice"),
        (text("[]"), ""),
        (
            json!({ "messages": [] }).to_string(),
            "Missing user message in `messages`.",
        ),
        (
            with("model", json!("gpt-4o")).to_string(),
            "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.",
        ),
        (
            with("model", json!("openclaw/nobody")).to_string(),
            "Invalid `model`.",
        ),
        (
            with("temperature", json!(3)).to_string(),
            "Invalid `temperature`.",
        ),
        (with("top_p", json!(-1)).to_string(), "Invalid `top_p`."),
        (
            with("max_tokens", json!(0)).to_string(),
            "Invalid `max_tokens`.",
        ),
        (with("n", json!(2)).to_string(), "Invalid `n`."),
        (
            with("stop", json!(["a", "b", "c", "d", "e"])).to_string(),
            "Invalid `stop`.",
        ),
        (
            with("tools", json!([{ "type": "function" }])).to_string(),
            "Invalid `tools`.",
        ),
    ];
    for (body, wanted) in cases {
        let reply = rig
            .ask("POST", "/v1/chat/completions", &[JSON], &body)
            .await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
        let error = &reply.json()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.contains(wanted)),
            "{body}: {error}"
        );
    }
}

#[tokio::test]
async fn callers_cannot_enter_reserved_sessions() {
    let rig = Rig::start(Script::Echo).await;
    for key in [
        "cron:nightly",
        "agent:main:subagent:x",
        "acp:y",
        "agent:main:../x",
        "agent:nobody:main",
        "a b",
    ] {
        let field = format!("x-openclaw-session-key: {key}");
        let reply = rig
            .ask(
                "POST",
                "/v1/chat/completions",
                &[JSON, &field],
                &hello().to_string(),
            )
            .await;
        assert_eq!(reply.status, 400, "{key}: {}", reply.body);
    }
}

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgo=";

#[tokio::test]
async fn unknown_fields_empty_tools_and_images_are_fine() {
    let rig = Rig::start(Script::Echo).await;
    let content = json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": { "url": PIXEL } }]);
    for user in [Value::Null, json!("viewer")] {
        let body = json!({ "messages": [{ "role": "user", "content": content, "weight": 1 }], "tools": [], "tool_choice": "auto", "logit_bias": {}, "temperature": 1.0, "user": user });
        let (status, answer) = chat(&rig, &body).await;
        assert_eq!(status, 200, "{answer}");
        let said = answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_default();
        assert!(
            said.starts_with("echo: look") && said.contains('*'),
            "{said}"
        );
    }
}

#[tokio::test]
async fn an_image_of_a_session_is_kept_like_any_other_file_of_it() {
    let rig = Rig::start(Script::Echo).await;
    let content = json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": { "url": PIXEL } }]);
    let body = json!({ "messages": [{ "role": "user", "content": content }], "user": "viewer" });
    for _ in 0..2 {
        let (status, answer) = chat(&rig, &body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let read = rig.context.engine.store().read(|connection| {
        let count: i64 =
            connection.query_row("SELECT count(*) FROM media", [], |row| row.get(0))?;
        let lines: Vec<String> = connection
            .prepare("SELECT entry_json FROM transcript ORDER BY sequence")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let waiting: i64 = connection.query_row(
            "SELECT count(*) FROM inbox WHERE payload_json LIKE '%base64%'",
            [],
            |row| row.get(0),
        )?;
        Ok((count, lines, waiting))
    });
    let (count, lines, waiting) = read.await.expect("read");
    assert_eq!(
        (count, waiting),
        (1, 0),
        "the bytes are kept once, beside the journal"
    );
    let with_file = lines
        .iter()
        .filter(|line| line.contains("\"image/png\""))
        .count();
    assert_eq!(with_file, 2, "{lines:?}");
}

#[tokio::test]
async fn images_have_limits() {
    let rig = Rig::start(Script::Echo).await;
    let image = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    let cases = [
        (vec![image("https://example.org/a.png")], "are not fetched"),
        (vec![image("data:image/png,xx")], ";base64,"),
        (
            vec![image("data:image/svg+xml;base64,PHN2Zz4=")],
            "must be one of",
        ),
        (vec![image("data:image/png;base64,***")], "not valid base64"),
        (vec![image("data:image/png;base64,")], "1 to"),
        (vec![image(PIXEL); 9], "At most 8 images"),
        (vec![json!({ "type": "video" })], "Parts of type `video`"),
    ];
    for (parts, wanted) in cases {
        let body = json!({ "messages": [{ "role": "user", "content": parts }] });
        let (status, answer) = chat(&rig, &body).await;
        assert_eq!(status, 400, "{answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(wanted), "{wanted}: {message}");
    }
}

fn weather() -> Value {
    json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }])
}

#[tokio::test]
async fn a_tool_is_called_by_the_client_and_its_result_goes_on() {
    let rig = Rig::start(Script::Echo).await;
    for user in [Value::Null, json!("tooler")] {
        let mut body = with("tools", weather());
        body["user"] = user.clone();
        let (status, answer) = chat(&rig, &body).await;
        assert_eq!(status, 200, "{answer}");
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
        let call = json!({ "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": "{\"place\":\"here\"}" } });
        assert_eq!(choice["message"]["tool_calls"], json!([call]));
        assert_eq!(choice["message"]["content"], Value::Null);
        body["messages"] = json!([
            { "role": "user", "content": "hi" },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "call_1", "content": "sunny" },
        ]);
        let (status, answer) = chat(&rig, &body).await;
        assert_eq!(status, 200, "{answer}");
        let said = &answer["choices"][0]["message"]["content"];
        assert_eq!(
            said, "echo: [call_1 -> sunny] (2 before)",
            "{user}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_streamed_call_has_an_index_and_ends_with_its_reason() {
    let rig = Rig::start(Script::Echo).await;
    let mut body = with("tools", weather());
    body["stream"] = json!(true);
    let reply = rig
        .ask("POST", "/v1/chat/completions", &[JSON], &body.to_string())
        .await;
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": "{\"place\":\"here\"}" }, "index": 0 });
    let frames: Vec<Value> = reply
        .body
        .split("\n\n")
        .filter_map(|frame| serde_json::from_str(frame.strip_prefix("data: ")?).ok())
        .collect();
    assert_eq!(
        frames[1]["choices"][0]["delta"]["tool_calls"],
        json!([call]),
        "{}",
        reply.body
    );
    assert_eq!(frames[2]["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn tools_that_make_no_sense_are_refused() {
    let rig = Rig::start(Script::Echo).await;
    let named = |name: &str| json!([{ "type": "function", "function": { "name": name } }]);
    let cases = [
        (json!({ "tools": named("a b") }), "A name has"),
        (
            json!({ "tools": [{ "type": "web_search" }] }),
            "Only tools of type",
        ),
        (
            json!({ "tools": [weather()[0], weather()[0]] }),
            "there twice",
        ),
        (
            json!({ "tools": weather(), "tool_choice": "maybe" }),
            "Invalid `tool_choice`",
        ),
        (
            json!({ "tools": weather(), "tool_choice": { "type": "function", "function": { "name": "other" } } }),
            "not among",
        ),
        (json!({ "tool_choice": "required" }), "no `tools`"),
        (
            json!({ "response_format": { "type": "xml" } }),
            "Invalid `response_format`",
        ),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "x" } } }),
            "needs a `name` and a `schema`",
        ),
        (
            json!({ "messages": [{ "role": "tool", "content": "x" }] }),
            "needs a `tool_call_id`",
        ),
        (
            json!({ "reasoning_effort": "much" }),
            "Invalid `reasoning_effort`",
        ),
    ];
    for (fields, wanted) in cases {
        let mut body = hello();
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let (status, answer) = chat(&rig, &body).await;
        assert_eq!(status, 400, "{answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(wanted), "{wanted}: {message}");
    }
}

mod fuzz {
    #[test]
    fn http_bodies() {
        let corpus: [&[u8]; 4] = [
            br#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}"#,
            br#"{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"r"}],"stop":["a"],"tools":[]}"#,
            br#"{"input":[{"type":"function_call","call_id":"a","name":"f"},{"type":"function_call_output","call_id":"a","output":"r"}],"text":{"format":{"type":"json_object"}}}"#,
            br#"{"input":[{"role":"user","content":[{"type":"input_file","filename":"a","file_data":"data:text/plain;base64,YQ=="}]}]}"#,
        ];
        crate::front::tests::drive(&corpus, super::super::request::fuzz_body);
        crate::front::tests::drive(&corpus, super::super::responses::fuzz_body);
    }
}

#[tokio::test]
async fn a_failed_provider_is_an_error_in_either_form() {
    let rig = Rig::start(Script::Fail).await;
    let reply = rig
        .ask(
            "POST",
            "/v1/chat/completions",
            &[JSON],
            &hello().to_string(),
        )
        .await;
    assert_eq!(
        (reply.status, reply.json()["error"]["type"].as_str()),
        (429, Some("rate_limit_error")),
        "{}",
        reply.body
    );
    let body = with("stream", json!(true)).to_string();
    let reply = rig
        .ask("POST", "/v1/chat/completions", &[JSON], &body)
        .await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.body.contains("data: {\"error\":{") && reply.body.ends_with("data: [DONE]\n\n"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn an_empty_answer_is_an_error_with_and_without_a_session() {
    let rig = Rig::start(Script::Empty).await;
    for body in [hello(), with("user", json!("ann"))] {
        let (status, answer) = chat(&rig, &body).await;
        assert!(status >= 500, "{status}: {answer}");
        let words = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(words.contains("no answer"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_its_turn() {
    let rig = Rig::start(Script::Hang).await;
    let mut body = with("stream", json!(true));
    body["user"] = json!("ann");
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = rig.connect(head + &body).await;
    let text = read_until(&mut stream, "well, ").await;
    assert!(text.contains("well, "), "{text}");
    let key = rig
        .context
        .engine
        .parse_key("agent:main:openai:ann")
        .expect("a key");
    let turn = rig.context.engine.active(&key).expect("a turn runs");
    stream.shutdown().await.ok();
    drop(stream);
    let finished = turn.finished().await.expect("it ends");
    assert_eq!(finished.stopped, Some(torana_engine::StopReason::Client));
}

#[tokio::test]
async fn models_are_the_agents() {
    let rig = Rig::start(Script::Echo).await;
    let list = rig.ask("GET", "/v1/models", &[], "").await.json();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert_eq!(ids, ["openclaw", "openclaw/default", "openclaw/main"]);
    let one = rig
        .ask("GET", "/v1/models/openclaw%2Fmain", &[], "")
        .await
        .json();
    assert_eq!(
        one,
        json!({ "id": "openclaw/main", "object": "model", "created": 0, "owned_by": "openclaw", "permission": [] })
    );
    let bad = rig.ask("GET", "/v1/models/gpt-4o", &[], "").await;
    assert_eq!(
        (bad.status, bad.json()["error"]["message"].as_str()),
        (400, Some("Invalid model id."))
    );
    let off = Rig::with(Script::Echo, |front| front.chat_completions = false).await;
    assert_eq!(
        off.ask(
            "POST",
            "/v1/chat/completions",
            &[JSON],
            &hello().to_string()
        )
        .await
        .status,
        404
    );
}
