//! Responses over real sockets, as programs of that ecosystem use them.

use serde_json::{Value, json};

use crate::front::tests::{Rig, Script};

const JSON: &str = "Content-Type: application/json";
const PATH: &str = "/v1/responses";

async fn respond(rig: &Rig, body: &Value) -> (u16, Value) {
    let reply = rig.ask("POST", PATH, &[JSON], &body.to_string()).await;
    (reply.status, reply.json())
}

fn text_of(answer: &Value) -> &str {
    answer["output"][0]["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
}

/// Names and data of a stream, in order.
fn events(body: &str) -> Vec<(String, Value)> {
    let read = |frame: &str| {
        let (name, data) = frame.split_once('\n')?;
        let data = serde_json::from_str(data.strip_prefix("data: ")?).ok()?;
        Some((name.strip_prefix("event: ")?.to_owned(), data))
    };
    body.split("\n\n").filter_map(read).collect()
}

#[tokio::test]
async fn a_whole_answer_has_the_usual_shape() {
    let rig = Rig::start(Script::Echo).await;
    let (status, answer) = respond(&rig, &json!({ "model": "openclaw", "input": "hi" })).await;
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("resp_"))
    );
    assert_eq!(answer["object"], "response");
    assert_eq!(answer["status"], "completed");
    let message = &answer["output"][0];
    assert!(
        message["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("msg_"))
    );
    assert_eq!(message["phase"], "final_answer");
    assert_eq!(message["role"], "assistant");
    assert_eq!(text_of(&answer), "echo: hi (0 before)");
    assert_eq!(
        answer["usage"],
        json!({
            "input_tokens": 4,
            "input_tokens_details": { "cached_tokens": 1, "cache_write_tokens": 0 },
            "output_tokens": 2,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": 6,
        })
    );
}

#[tokio::test]
async fn events_come_in_the_order_clients_count_on() {
    let rig = Rig::start(Script::Echo).await;
    for store in [true, false] {
        let body = json!({ "input": "hi", "stream": true, "store": store });
        let reply = rig.ask("POST", PATH, &[JSON], &body.to_string()).await;
        assert!(
            reply.head.contains("content-type: text/event-stream"),
            "{}",
            reply.head
        );
        assert!(reply.body.ends_with("data: [DONE]\n\n"), "{}", reply.body);
        let events = events(&reply.body);
        let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
        let deltas = names
            .iter()
            .filter(|name| **name == "response.output_text.delta")
            .count();
        names.dedup();
        assert!(deltas >= 1, "{names:?}");
        assert_eq!(
            names,
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
        for (number, (name, data)) in events.iter().enumerate() {
            assert_eq!(data["type"], *name);
            assert_eq!(data["sequence_number"], number);
        }
        let text: String = events
            .iter()
            .filter_map(|(_, data)| data["delta"].as_str())
            .collect();
        assert_eq!(text, "echo: hi (0 before)");
        let (_, last) = &events[events.len() - 1];
        assert_eq!(text_of(&last["response"]), text);
        assert_eq!(events[4].1["item_id"], last["response"]["output"][0]["id"]);
    }
}

#[tokio::test]
async fn an_answer_goes_on_from_the_one_before_while_its_session_lives() {
    let rig = Rig::start(Script::Echo).await;
    let (_, first) = respond(&rig, &json!({ "input": "one" })).await;
    let next = json!({ "input": "two", "previous_response_id": first["id"] });
    let (status, second) = respond(&rig, &next).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(text_of(&second), "echo: two (2 before)");
    assert_eq!(second["previous_response_id"], first["id"]);
    let next = json!({ "input": "three", "previous_response_id": second["id"] });
    let (_, third) = respond(&rig, &next).await;
    assert_eq!(text_of(&third), "echo: three (4 before)");
    let id = first["id"].as_str().unwrap_or_default();
    let engine = &rig.context.engine;
    let key = torana_engine::service::answers::session_of(engine, id)
        .await
        .expect("its session");
    engine.delete_session(&key).await.expect("deleted");
    let (status, gone) = respond(&rig, &next).await;
    assert_eq!(status, 404, "{gone}");
    let unknown = json!({ "input": "x", "previous_response_id": "resp_unknown" });
    assert_eq!(respond(&rig, &unknown).await.0, 404);
}

#[tokio::test]
async fn what_is_not_stored_cannot_be_gone_on_from() {
    let rig = Rig::start(Script::Echo).await;
    let (_, first) = respond(&rig, &json!({ "input": "one", "store": false })).await;
    let next = json!({ "input": "two", "previous_response_id": first["id"] });
    assert_eq!(respond(&rig, &next).await.0, 404);
}

#[tokio::test]
async fn a_user_has_one_session_and_earlier_items_open_a_new_one() {
    let rig = Rig::start(Script::Echo).await;
    for wanted in ["echo: hi (0 before)", "echo: hi (2 before)"] {
        let (_, answer) = respond(&rig, &json!({ "input": "hi", "user": "ann" })).await;
        assert_eq!(text_of(&answer), wanted);
    }
    let items = json!([
        { "role": "developer", "content": "be kind" },
        { "role": "user", "content": "one" },
        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "two" }] },
        { "role": "user", "content": [{ "type": "input_text", "text": "three" }] },
    ]);
    let (status, answer) = respond(&rig, &json!({ "input": items })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(text_of(&answer), "echo: three (2 before)");
    let again = json!({ "input": items, "user": "ann" });
    let (_, answer_of_ann) = respond(&rig, &again).await;
    assert_eq!(
        text_of(&answer_of_ann),
        "echo: three (4 before)",
        "a session that remembers takes the last words only"
    );
    let next = json!({ "input": "four", "previous_response_id": answer["id"] });
    assert_eq!(
        text_of(&respond(&rig, &next).await.1),
        "echo: four (4 before)"
    );
}

#[tokio::test]
async fn a_tool_is_called_and_its_output_goes_on() {
    let rig = Rig::start(Script::Echo).await;
    let tools =
        json!([{ "type": "function", "name": "weather", "parameters": { "type": "object" } }]);
    let (status, first) = respond(&rig, &json!({ "input": "hi", "tools": tools })).await;
    assert_eq!(status, 200, "{first}");
    let call = &first["output"][0];
    assert_eq!(call["type"], "function_call", "{first}");
    assert_eq!(call["call_id"], "call_1");
    assert_eq!(call["name"], "weather");
    assert_eq!(call["arguments"], "{\"place\":\"here\"}");
    let output =
        json!([{ "type": "function_call_output", "call_id": "call_1", "output": "sunny" }]);
    let next = json!({ "input": output, "tools": tools, "previous_response_id": first["id"] });
    let (_, second) = respond(&rig, &next).await;
    assert_eq!(
        text_of(&second),
        "echo: [call_1 -> sunny] (2 before)",
        "{second}"
    );
    let body = json!({ "input": "hi", "tools": tools, "stream": true });
    let reply = rig.ask("POST", PATH, &[JSON], &body.to_string()).await;
    let events = events(&reply.body);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
}

#[tokio::test]
async fn a_failed_provider_is_an_error_in_either_form() {
    let rig = Rig::start(Script::Fail).await;
    let (status, answer) = respond(&rig, &json!({ "input": "hi" })).await;
    assert_eq!(status, 429, "{answer}");
    let body = json!({ "input": "hi", "stream": true });
    let reply = rig.ask("POST", PATH, &[JSON], &body.to_string()).await;
    let events = events(&reply.body);
    let (name, data) = &events[events.len() - 1];
    assert_eq!(name, "response.failed");
    assert_eq!(data["response"]["status"], "failed");
    assert_eq!(data["response"]["error"]["code"], "rate_limit_error");
}

#[tokio::test]
async fn what_makes_no_sense_is_a_400_that_says_why() {
    let rig = Rig::start(Script::Echo).await;
    let cases = [
        (json!({}), "Missing user message in `input`."),
        (
            json!({ "input": [{ "type": "web_search_call" }] }),
            "Items of type",
        ),
        (
            json!({ "input": [{ "role": "robot", "content": "x" }] }),
            "Invalid `role`",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "output": "x" }] }),
            "needs a `call_id`",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_file", "file_data": "data:application/pdf;base64,AA==" }] }] }),
            "Files must be",
        ),
        (
            json!({ "input": "x", "model": "gpt-4o" }),
            "Invalid `model`",
        ),
        (
            json!({ "input": "x", "max_output_tokens": 0 }),
            "Invalid `max_output_tokens`",
        ),
        (
            json!({ "input": "x", "temperature": 9 }),
            "Invalid `temperature`",
        ),
        (json!({ "input": "x", "background": true }), "`background`"),
        (
            json!({ "input": "x", "reasoning": { "effort": "much" } }),
            "Invalid `reasoning.effort`",
        ),
    ];
    for (body, wanted) in cases {
        let (status, answer) = respond(&rig, &body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(wanted), "{wanted}: {message}");
    }
}

#[tokio::test]
async fn the_endpoint_has_its_own_switch_and_one_method() {
    let off = Rig::with(Script::Echo, |front| front.responses = false).await;
    assert_eq!(respond(&off, &json!({ "input": "x" })).await.0, 404);
    let on = Rig::with(Script::Echo, |front| front.chat_completions = false).await;
    assert_eq!(respond(&on, &json!({ "input": "x" })).await.0, 200);
    let get = on.ask("GET", PATH, &[], "").await;
    assert_eq!(get.status, 405);
    assert!(get.head.contains("allow: post"), "{}", get.head);
    let stranger = on.send("POST", PATH, &[JSON], "{}").await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_its_turn() {
    use crate::front::tests::{TOKEN, read_until};
    use tokio::io::AsyncWriteExt;
    let rig = Rig::start(Script::Hang).await;
    let body = json!({ "input": "hi", "user": "ann", "stream": true }).to_string();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = rig.connect(head + &body).await;
    read_until(&mut stream, "well, ").await;
    let key = rig
        .context
        .engine
        .parse_key("agent:main:openresponses:ann")
        .expect("a key");
    let turn = rig.context.engine.active(&key).expect("a turn runs");
    stream.shutdown().await.ok();
    drop(stream);
    let finished = turn.finished().await.expect("it ends");
    assert_eq!(finished.stopped, Some(torana_engine::StopReason::Client));
}
