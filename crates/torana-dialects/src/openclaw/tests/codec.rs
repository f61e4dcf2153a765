//! Reading what clients send: exact texts, and no panic on anything.

use expect_test::expect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::connect::Connect;
use super::super::frame::{self, FrameFault};
use super::super::methods::rows;
use super::super::{fuzz_connect, fuzz_frame};

fn fault(text: &str) -> String {
    match frame::read(text) {
        Ok(request) => format!("ok {} {}", request.id, request.method),
        Err(FrameFault::NotJson) => "not JSON".to_owned(),
        Err(FrameFault::Invalid { id, message }) => format!("{id:?} {message}"),
    }
}

#[test]
fn frames_are_read_strictly() {
    let deep = format!(
        r#"{{"type":"req","id":"1","method":"m","params":{}1{}}}"#,
        "[".repeat(70),
        "]".repeat(70)
    );
    let cases = [
        r#"{"type":"req","id":"1","method":"health"}"#,
        r#"{"type":"req","method":"health"}"#,
        r#"{"type":"req","id":"","method":"health"}"#,
        r#"{"type":"req","id":"1","method":"health","extra":1}"#,
        r#"{"type":"req","id":7,"method":"health"}"#,
        r#"{"method":"auth","params":{}}"#,
        "[]",
        "hello",
        r#"{"type":"req","id":"1","id":"2","method":"health"}"#,
        r#"{"type":"req","id":"1","method":"health","params":1e999}"#,
        r#"{"type":"req","id":"1","method":"m","params":{"a":"\ud83d"}}"#,
        r#"{"type":"req","id":"\ud83d","method":"m"}"#,
        &deep,
    ];
    let found: Vec<String> = cases.iter().map(|text| fault(text)).collect();
    expect![[r#"
        [
            "ok 1 health",
            "None must have required property 'id'",
            "None at /id: must not have fewer than 1 characters",
            "Some(\"1\") at root: unexpected property 'extra'",
            "None at /id: must be string",
            "None must have required property 'type'",
            "None must be object",
            "not JSON",
            "None the key \"id\" appears twice in one object",
            "None a number is beyond all measure",
            "ok 1 m",
            "None at /id: must be well-formed text",
            "None the JSON is nested deeper than 64 levels",
        ]
    "#]]
    .assert_debug_eq(&found);
}

fn params(method: &str, params: Value) -> String {
    let row = rows().find(|row| row.name == method).expect("a method");
    frame::read_params(method, &row.params, params, false)
        .map_or_else(|error| error.message, |_| "ok".to_owned())
}

/// A cut emoji names nothing: two of them would be the same text. What is not seen could make one name look like another.
#[test]
fn what_names_something_is_whole_and_what_a_client_is_called_is_visible() {
    let cut = "main\u{fffd}";
    for (method, name) in [
        ("chat.send", "sessionKey"),
        ("chat.send", "idempotencyKey"),
        ("sessions.send", "key"),
        ("agent", "agentId"),
    ] {
        let mut asked =
            json!({ "sessionKey": "a", "key": "a", "message": "a", "idempotencyKey": "a" });
        let fields = asked.as_object_mut().expect("an object");
        let row = rows().find(|row| row.name == method).expect("a method");
        fields.retain(|key, _| row.params.fields.iter().any(|field| field.name == key));
        asked[name] = json!(cut);
        let wanted = format!("invalid {method} params: at /{name}: must be well-formed text");
        assert_eq!(params(method, asked.clone()), wanted);
        asked[name] = json!("main");
        asked["message"] = json!(cut);
        assert_eq!(params(method, asked), "ok", "words may be cut");
    }
    let mut hello = super::rig::connect("cli", "cli", &[], json!({}));
    hello["client"]["displayName"] = json!("Ada\u{202e}\u{200b}'s\tphone\u{2066}");
    let read = Connect::read(&hello).expect("readable");
    assert_eq!(read.display_name.as_deref(), Some("Ada'sphone"));
}

#[test]
fn parameter_errors_are_those_of_the_reference() {
    let send = |extra: Value| {
        let mut value = json!({ "sessionKey": "main", "message": "x", "idempotencyKey": "k" });
        value
            .as_object_mut()
            .expect("an object")
            .extend(extra.as_object().expect("an object").clone());
        value
    };
    let found = [
        params("chat.send", json!({ "sessionKey": "main" })),
        params(
            "chat.history",
            json!({ "sessionKey": "main", "limit": "x" }),
        ),
        params(
            "chat.history",
            json!({ "sessionKey": "main", "limit": 1001 }),
        ),
        params("chat.send", send(json!({ "foo": 1 }))),
        params("chat.send", send(json!({ "queueMode": "never" }))),
        params("chat.send", send(json!({ "timeoutMs": 5.0 }))),
        params("sessions.preview", json!({ "keys": ["a", 1] })),
        params("sessions.patch", json!({ "key": "a", "label": null })),
        params("health", json!([])),
        params(
            "sessions.preview",
            json!({ "keys": [1, 2], "limit": "x", "more": 1, "most": 2 }),
        ),
        params(
            "chat.send",
            json!({ "message": 1, "timeoutMs": "x", "foo": 1 }),
        ),
        params("sessions.preview", json!({ "keys": vec![0; 20] })),
        params("torana.explain", json!({ "id": "last" })),
    ];
    expect![[r#"
        [
            "invalid chat.send params: must have required property 'message'",
            "invalid chat.history params: at /limit: must be integer",
            "invalid chat.history params: at /limit: must be <= 1000",
            "invalid chat.send params: at root: unexpected property 'foo'",
            "invalid chat.send params: at /queueMode: must be equal to one of the allowed values",
            "ok",
            "invalid sessions.preview params: at /keys/1: must be string",
            "ok",
            "invalid health params: must be object",
            "invalid sessions.preview params: at root: unexpected property 'more'; at /keys/0: must be string; at /keys/1: must be string; at /limit: must be integer",
            "invalid chat.send params: must have required property 'sessionKey'; at root: unexpected property 'foo'; at /message: must be string; at /timeoutMs: must be integer",
            "invalid sessions.preview params: at /keys/0: must be string; at /keys/1: must be string; at /keys/2: must be string; at /keys/3: must be string; at /keys/4: must be string; at /keys/5: must be string; at /keys/6: must be string; at /keys/7: must be string",
            "ok",
        ]
    "#]]
    .assert_debug_eq(&found);
}

/// S-001: credentials and names of odd types are refused by shape, whatever they are.
#[test]
fn connect_is_closed_and_typed() {
    let good = super::rig::connect("cli", "cli", &[], json!({ "token": "t" }));
    assert!(Connect::read(&good).is_ok());
    for odd in [json!([]), json!({}), json!(true), json!(1), json!(null)] {
        for pointer in ["/auth/token", "/client/id", "/scopes", "/minProtocol"] {
            let mut value = good.clone();
            *value.pointer_mut(pointer).expect("there") = odd.clone();
            let fits = (pointer == "/scopes" && odd.is_array())
                || (pointer == "/minProtocol" && odd.is_i64());
            assert_eq!(Connect::read(&value).is_ok(), fits, "{pointer} = {odd}");
        }
    }
    let mut unknown = good.clone();
    unknown["client"]["id"] = json!("cli-abc123");
    let text = Connect::read(&unknown).expect_err("closed list").message;
    assert_eq!(
        text,
        "invalid connect params: at /client/id: must be equal to one of the allowed values"
    );
    let mut extra = good;
    extra["foo"] = json!(1);
    assert_eq!(
        Connect::read(&extra).expect_err("closed").message,
        "invalid connect params: at root: unexpected property 'foo'"
    );
    extra["client"]["version"] = json!("2026.10.1");
    assert!(
        Connect::read(&extra).is_ok(),
        "a newer client may know more"
    );
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        fuzz_frame(text.as_bytes());
        fuzz_connect(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_frame(&bytes);
        fuzz_connect(&bytes);
    }
}
