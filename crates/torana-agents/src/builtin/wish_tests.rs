//! Client tools, images and sampling against a scripted server, in both wire formats.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use serde_json::{Value, json};
use torana_core::ask::{
    AnswerFormat, Attached, ClientTool, Image, ToolCall, ToolChoice, ToolResult, Wishes,
};
use torana_core::port::TurnRequest;
use torana_core::run::{Entry, FailureKind, ModelRef, Outcome, Role, RunEvent, Sampling, Settled};
use torana_host::egress::Egress;

use super::*;
use crate::fake::{Behaviour, FakeProvider, Script};
use crate::provider::{ProviderApi, ProviderSettings};
use crate::testing::{ManualClock, open, request};

const BOTH: [ProviderApi; 2] = [
    ProviderApi::OpenAiCompletions,
    ProviderApi::AnthropicMessages,
];

/// Runs one turn; gives its end and the body the server got last.
async fn turn(api: ProviderApi, script: Script, request: TurnRequest) -> (Settled, Value) {
    let clock = ManualClock::new();
    clock.run_freely();
    let server = FakeProvider::start(script).await.expect("a free port");
    let provider = ProviderSettings {
        base_url: server.base_url(),
        api,
        ..ProviderSettings::default()
    };
    let settings = BuiltinSettings {
        default_agent: AgentModels {
            primary: ModelRef::parse("p/m"),
            ..AgentModels::default()
        },
        providers: BTreeMap::from([("p".to_owned(), provider)]),
        ..BuiltinSettings::default()
    };
    let backend = BuiltinBackend::new(clock.world(), Egress::default(), settings);
    let mut conversation = open(&backend).await;
    let events: Vec<RunEvent> = conversation.turn(request).collect().await;
    let Some(RunEvent::Settled(settled)) = events.into_iter().last() else {
        panic!("a turn ends with its outcome");
    };
    let body = server.recorded().last().map(|last| last.body.clone());
    (settled, body.unwrap_or_default())
}

fn weather() -> Wishes {
    Wishes {
        tools: vec![ClientTool {
            name: "weather".to_owned(),
            description: Some("tells the weather".to_owned()),
            parameters: json!({ "type": "object" }),
            strict: None,
        }],
        tool_choice: Some(ToolChoice::Required),
        ..Wishes::default()
    }
}

fn call() -> ToolCall {
    ToolCall {
        id: "call_fake".to_owned(),
        name: "weather".to_owned(),
        arguments: "{\"place\":\"here\"}".to_owned(),
    }
}

fn line(role: Role, text: &str, attached: Attached) -> Entry {
    Entry {
        attached,
        ..Entry::new(role, text, 0)
    }
}

#[tokio::test]
async fn a_call_is_put_together_and_settles_the_turn() {
    for api in BOTH {
        let script = Script::always(Behaviour::Tool("weather".to_owned()));
        let request = TurnRequest {
            wishes: weather(),
            ..request("weather?")
        };
        let (settled, body) = turn(api, script, request).await;
        assert_eq!(settled.outcome, Outcome::ClientTools, "{settled:?}");
        assert_eq!(settled.calls, [call()]);
        let (tool, choice) = match api {
            ProviderApi::OpenAiCompletions => {
                (&body["tools"][0]["function"]["name"], json!("required"))
            }
            ProviderApi::AnthropicMessages => (&body["tools"][0]["name"], json!({ "type": "any" })),
        };
        assert_eq!((tool, &body["tool_choice"]), (&json!("weather"), &choice));
    }
}

#[tokio::test]
async fn a_result_follows_its_call() {
    for api in BOTH {
        let history = vec![
            line(Role::User, "weather?", Attached::default()),
            line(
                Role::Assistant,
                "",
                Attached {
                    calls: vec![call()],
                    ..Attached::default()
                },
            ),
        ];
        let request = TurnRequest {
            history,
            attached: Attached {
                results: vec![ToolResult {
                    id: "call_fake".to_owned(),
                    text: "sunny".to_owned(),
                }],
                ..Attached::default()
            },
            ..request("")
        };
        let (settled, body) = turn(
            api,
            Script::always(Behaviour::Tool("weather".to_owned())),
            request,
        )
        .await;
        assert_eq!(
            (settled.outcome, settled.text.as_str()),
            (Outcome::Ok, "sunny")
        );
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let last = &messages[messages.len() - 2..];
        match api {
            ProviderApi::OpenAiCompletions => {
                assert_eq!(last[0]["tool_calls"][0]["id"], "call_fake", "{body}");
                assert_eq!(last[0]["content"], Value::Null);
                assert_eq!(
                    last[1],
                    json!({ "role": "tool", "content": "sunny", "tool_call_id": "call_fake" })
                );
            }
            ProviderApi::AnthropicMessages => {
                assert_eq!(
                    last[0]["content"][0]["input"],
                    json!({ "place": "here" }),
                    "{body}"
                );
                assert_eq!(last[1]["content"][0]["type"], "tool_result");
                assert_eq!(last[1]["content"][0]["tool_use_id"], "call_fake");
            }
        }
    }
}

#[tokio::test]
async fn a_call_without_result_and_a_result_without_call_are_never_sent_so() {
    let stray = Attached {
        results: vec![ToolResult {
            id: "call_other".to_owned(),
            text: "lost".to_owned(),
        }],
        ..Attached::default()
    };
    let asked = Attached {
        calls: vec![call()],
        ..Attached::default()
    };
    let request = TurnRequest {
        history: vec![
            line(Role::User, "weather?", Attached::default()),
            line(Role::Assistant, "", asked),
        ],
        attached: stray,
        ..request("well?")
    };
    let (_, body) = turn(ProviderApi::OpenAiCompletions, Script::default(), request).await;
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let roles: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["role"].as_str())
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user"], "{body}");
    assert_eq!(messages[2]["content"], "no result was given");
    assert_eq!(
        messages[3]["content"],
        "[Result of call_other]\nlost\n\nwell?"
    );
}

#[tokio::test]
async fn images_and_sampling_reach_the_model() {
    for api in BOTH {
        let request = TurnRequest {
            attached: Attached {
                images: vec![Image {
                    kind: "image/png".to_owned(),
                    base64: "AAAA".to_owned(),
                }],
                ..Attached::default()
            },
            sampling: Sampling {
                temperature: Some(1.5),
                top_p: Some(0.5),
                max_tokens: Some(7),
                stop: vec!["END".to_owned()],
                ..Sampling::default()
            },
            ..request("look")
        };
        let (settled, body) = turn(api, Script::default(), request).await;
        assert_eq!(settled.outcome, Outcome::Ok, "{settled:?}");
        assert_eq!(
            (&body["top_p"], &body["max_tokens"]),
            (&json!(0.5), &json!(7))
        );
        let parts = &body["messages"]
            .as_array()
            .and_then(|all| all.last())
            .expect("a message")["content"];
        match api {
            ProviderApi::OpenAiCompletions => {
                assert_eq!(parts[1]["image_url"]["url"], "data:image/png;base64,AAAA");
                assert_eq!(
                    (&body["temperature"], &body["stop"]),
                    (&json!(1.5), &json!(["END"]))
                );
            }
            ProviderApi::AnthropicMessages => {
                assert_eq!(parts[0]["source"]["data"], "AAAA");
                assert_eq!(
                    (&body["temperature"], &body["stop_sequences"]),
                    (&json!(1.0), &json!(["END"]))
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_wire_format_has_no_field_for_is_refused() {
    let request = TurnRequest {
        wishes: Wishes {
            format: Some(AnswerFormat::Json),
            ..Wishes::default()
        },
        ..request("json please")
    };
    let (settled, body) = turn(
        ProviderApi::AnthropicMessages,
        Script::default(),
        request.clone(),
    )
    .await;
    let error = settled.error.expect("refused");
    assert_eq!((error.kind, error.status), (FailureKind::Format, Some(400)));
    assert!(
        error.message.contains("response_format"),
        "{}",
        error.message
    );
    assert_eq!(body, Value::Null, "nothing was sent");
    let (settled, body) = turn(ProviderApi::OpenAiCompletions, Script::default(), request).await;
    assert_eq!(settled.outcome, Outcome::Ok);
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
}
