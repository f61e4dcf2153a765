//! The wire formats, told as dialogues: what a server sends, and what is understood of it.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use torana_core::run::{Entry, Outcome, Role};
use torana_host::sse::SseParser;

use super::anthropic::AnthropicWire;
use super::openai::OpenAiWire;
use super::request::conversation;
use super::transport::{Delta, Wire};
use super::*;

fn read(wire: &mut dyn Wire, stream: &str) -> String {
    let (mut parser, mut events, mut deltas) = (SseParser::new(), Vec::new(), Vec::new());
    parser
        .push(stream.as_bytes(), &mut events)
        .expect("short lines");
    events.extend(parser.finish());
    let failed = events
        .iter()
        .find_map(|event| wire.event(event, &mut deltas).err());
    let end = failed.map_or_else(|| wire.finish(&mut deltas), Err);
    let mut shown: Vec<String> = deltas
        .iter()
        .map(|delta| match delta {
            Delta::Text(text) => format!("text {text:?}"),
            Delta::Thinking(text) => format!("thinking {text:?}"),
            Delta::Call(piece) => format!(
                "call {} {:?} {:?} {:?}",
                piece.index, piece.id, piece.name, piece.arguments
            ),
            Delta::Usage(usage) => {
                format!(
                    "usage {}+{} cache {}+{}",
                    usage.input, usage.output, usage.cache_read, usage.cache_write
                )
            }
        })
        .collect();
    shown.push(match end {
        Ok(finish) => format!("{finish:?}"),
        Err(failure) => format!("failed {:?}: {failure}", failure.kind),
    });
    shown.join("\n")
}

fn openai(stream: &str, expected: &Expect) {
    expected.assert_eq(&read(&mut OpenAiWire::default(), stream));
}

fn anthropic(stream: &str, expected: &Expect) {
    expected.assert_eq(&read(&mut AnthropicWire::default(), stream));
}

#[test]
fn openai_stream_with_usage() {
    openai(
        r#"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}

data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}

data: {"choices":[{"index":0,"delta":{"content":"lo \ud83d"}},{"index":1,"delta":{"content":"other"}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}

data: [DONE]

"#,
        &expect![[r#"
            text "Hel"
            text "lo �"
            usage 8+3 cache 4+0
            Stop"#]],
    );
}

#[test]
fn openai_reasoning_in_every_dress() {
    openai(
        r#"data: {"choices":[{"delta":{"reasoning_content":"a"}}]}

data: {"choices":[{"delta":{"reasoning":"b","content":""}}]}

data: {"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"c"}]},{"type":"text","text":"answer"}]}}]}

data: {"choices":[{"delta":{},"finish_reason":"length"}],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}}"#,
        &expect![[r#"
            thinking "a"
            thinking "b"
            thinking "c"
            text "answer"
            usage 1+2 cache 0+0
            Length"#]],
    );
    openai(
        "data: {\"choices\":[{\"delta\":{\"content\":\"<th\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"ink>x</think>\\n\\ny\"},\"finish_reason\":\"stop\"}]}\n\n",
        &expect![[r#"
            thinking "x"
            text "y"
            Stop"#]],
    );
}

#[test]
fn openai_ends() {
    openai(
        r#"data: {"choices":[{"delta":{"content":"cut"}}]}

"#,
        &expect![[r#"
            text "cut"
            failed Unavailable: the connection ended before the answer was complete"#]],
    );
    openai(
        r#"data: {"choices":[{"delta":{"content":"x"}}]}

data: {"error":{"message":"slow down","code":429}}

"#,
        &expect![[r#"
            text "x"
            failed RateLimit: status 429"#]],
    );
    openai(
        r#"data: {"choices":[{"delta":{"refusal":"I cannot"},"finish_reason":"stop"}]}

"#,
        &expect![[r#"
            text "I cannot"
            Refused"#]],
    );
    openai(
        "data: oops\n\n",
        &expect!["failed Format: a part of the answer is not in the expected format"],
    );
}

#[test]
fn anthropic_stream_with_thinking_and_cache() {
    anthropic(
        r#"event: message_start
data: {"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":7,"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}

event: something_new
data: {"type":"something_new","payload":[1,2,3]}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}

"#,
        &expect![[r#"
            usage 10+1 cache 7+5
            thinking "hm"
            text "Hello"
            usage 10+9 cache 7+5
            Length"#]],
    );
}

#[test]
fn anthropic_ends() {
    anthropic(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
        &expect!["failed RateLimit: the provider reported an error in the middle of its answer"],
    );
    anthropic(
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"}}\n\n",
        &expect!["Refused"],
    );
    anthropic(
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}\n\n",
        &expect![[r#"
            text "x"
            failed Unavailable: the connection ended before the answer was complete"#]],
    );
}

#[test]
fn documents_that_are_no_answers_are_refused() {
    let wires: [Box<dyn Wire>; 2] = [
        Box::new(OpenAiWire::default()),
        Box::new(AnthropicWire::default()),
    ];
    for mut wire in wires {
        let failure = wire
            .document(br#"{"hello":"world"}"#, &mut Vec::new())
            .expect_err("not an answer");
        assert!(failure.unreadable, "{failure}");
    }
}

#[test]
fn conversation_alternates_and_marks_failures() {
    let entry = |role, text: &str, outcome| Entry {
        outcome,
        ..Entry::new(role, text, 0)
    };
    let history = [
        entry(Role::Assistant, "orphan", None),
        entry(Role::User, "one", None),
        entry(Role::Assistant, "it failed", Some(Outcome::Error)),
        entry(Role::User, "two", None),
        entry(Role::Assistant, "answer", None),
        entry(Role::System, "a note", None),
        entry(Role::User, "  ", None),
    ];
    let attached = torana_core::ask::Attached::default();
    let shown: Vec<String> = conversation(&history, "three", attached, &[])
        .into_iter()
        .map(|utterance| format!("{:?}: {:?}", utterance.speaker, utterance.text))
        .collect();
    expect![[r#"
        User: "one"
        Assistant: "[This message could not be answered.]"
        User: "two"
        Assistant: "answer"
        User: "[Notice] a note\n\nthree""#]]
    .assert_eq(&shown.join("\n"));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz_openai_chunk(&bytes);
        fuzz_anthropic_event(&bytes);
    }

    #[test]
    fn any_json_of_the_right_names_is_survived(
        name in "choices|delta|content|usage|error|message|type|content_block|finish_reason|index",
        inner in "null|1|\"x\"|\\[\\]|\\{\\}|\\[null\\]|\\[\\{\\}\\]|\\{\"content\":[0-9]\\}|[0-9]{25}",
    ) {
        for text in [format!("{{\"{name}\":{inner}}}"), format!("{{\"choices\":[{{\"{name}\":{inner}}}]}}")] {
            fuzz_openai_chunk(text.as_bytes());
            fuzz_anthropic_event(text.as_bytes());
        }
    }
}
