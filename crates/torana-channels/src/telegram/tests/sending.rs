//! Sending against local servers: what people see, and what each failure means.

use serde_json::json;
use torana_core::message::{Operation, PeerKind, ReplyTarget};
use torana_core::port::SendFailure;

use super::stage::Stage;
use super::support::{Scripted, conversation, direct, parts, words};
use crate::telegram::fake::Options;

#[tokio::test]
async fn text_edit_delete_typing_and_drafts_reach_people() {
    let stage = Stage::new().await;
    let heard = stage.hears("hello").await;
    let target = ReplyTarget {
        conversation: direct(),
        reply_to: Some(heard["message_id"].to_string()),
    };
    let ids = stage
        .transmit(Operation::Text {
            target,
            text: words("<b>a</b> &lt;"),
            plain: false,
        })
        .await
        .expect("sent");
    assert_eq!(ids, ["2"]);
    let edit = |text: &str| Operation::Edit {
        conversation: direct(),
        message_id: "2".to_owned(),
        text: words(text),
        plain: false,
    };
    assert_eq!(
        stage.transmit(edit("<i>b</i>")).await,
        Ok(vec!["2".to_owned()])
    );
    assert_eq!(
        stage.transmit(edit("<i>b</i>")).await,
        Ok(vec!["2".to_owned()]),
        "not modified is success"
    );
    assert_eq!(
        stage
            .transmit(Operation::Typing {
                conversation: direct()
            })
            .await,
        Ok(Vec::new())
    );
    assert_eq!(
        stage
            .transmit(Operation::Draft {
                conversation: direct(),
                draft_id: 0,
                text: words("so far")
            })
            .await,
        Ok(Vec::new())
    );
    let delete = Operation::Delete {
        conversation: direct(),
        message_id: "2".to_owned(),
    };
    assert_eq!(stage.transmit(delete.clone()).await, Ok(Vec::new()));
    assert!(matches!(
        stage.transmit(delete).await,
        Err(SendFailure::Gone { .. })
    ));
    assert!(matches!(
        stage.transmit(edit("c")).await,
        Err(SendFailure::Gone { .. })
    ));
    let log = stage.get("log").await;
    let methods: Vec<&str> = log
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["method"].as_str())
        .collect();
    assert_eq!(
        methods,
        [
            "sendMessage",
            "editMessageText",
            "sendChatAction",
            "sendMessageDraft",
            "deleteMessage"
        ]
    );
    assert_eq!(log[0]["reply_to"], 1);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let stage = Stage::new().await;
    assert!(matches!(
        stage.send("nobody there").await,
        Err(SendFailure::Rejected { .. })
    ));
    stage.hears("hello").await;
    assert!(matches!(
        stage.send("<b>open").await,
        Err(SendFailure::Markup { .. })
    ));
    assert!(matches!(
        stage.send("<blink>x</blink>").await,
        Err(SendFailure::Markup { .. })
    ));
    assert!(matches!(
        stage.send(&"x".repeat(4097)).await,
        Err(SendFailure::Rejected { .. })
    ));
    assert!(
        stage
            .send(&format!("<b>{}</b>", "x".repeat(4096)))
            .await
            .is_ok(),
        "markup does not count"
    );
    assert!(
        matches!(
            stage.send(&"😀".repeat(2049)).await,
            Err(SendFailure::Rejected { .. })
        ),
        "UTF-16 counts"
    );
    stage
        .post("chat", json!({ "chatId": 7, "blocked": true }))
        .await;
    assert!(matches!(
        stage.send("x").await,
        Err(SendFailure::Rejected { .. })
    ));
    stage
        .post(
            "chat",
            json!({ "chatId": -5, "chatType": "group", "migrateTo": -1005 }),
        )
        .await;
    let target = ReplyTarget {
        conversation: conversation(PeerKind::Group, "-5", None),
        reply_to: None,
    };
    let moved = stage
        .transmit(Operation::Text {
            target,
            text: words("x"),
            plain: true,
        })
        .await;
    assert_eq!(
        moved,
        Err(SendFailure::Moved {
            peer_id: "-1005".into()
        })
    );
    stage
        .post("chat", json!({ "chatId": -1005, "closedTopics": [9] }))
        .await;
    let target = ReplyTarget {
        conversation: conversation(PeerKind::Group, "-1005", Some("9")),
        reply_to: None,
    };
    let closed = stage
        .transmit(Operation::Text {
            target,
            text: words("x"),
            plain: true,
        })
        .await;
    assert!(
        matches!(closed, Err(SendFailure::Rejected { reason }) if reason.contains("TOPIC_CLOSED"))
    );
}

#[tokio::test]
async fn ambiguous_outcomes_are_unknown_and_definite_ones_are_not() {
    let stage = Stage::new().await;
    stage.hears("hello").await;
    let unknown = |outcome: &Result<Vec<String>, SendFailure>| {
        matches!(outcome, Err(SendFailure::Unknown { .. }))
    };
    for (text, kind, arrives) in [
        ("a", "reset_after", true),
        ("b", "reset_before", false),
        ("c", "500_after", true),
        ("d", "500_before", false),
        ("e", "garbage", false),
    ] {
        stage.fault("sendMessage", kind, json!({})).await;
        let outcome = stage.send(text).await;
        assert!(unknown(&outcome), "{kind}: {outcome:?}");
        assert_eq!(
            stage.seen().await.contains(&text.to_owned()),
            arrives,
            "{kind}"
        );
    }
    stage
        .fault(
            "sendMessage",
            "429",
            json!({ "retryAfter": 9, "chatId": 7 }),
        )
        .await;
    let limited = stage.send("f").await;
    assert!(
        matches!(
            limited,
            Err(SendFailure::Retry {
                after_ms: Some(9000),
                limited: true,
                whole_account: false,
                ..
            })
        ),
        "{limited:?}"
    );
    stage.fault("sendMessage", "401", json!({})).await;
    assert!(matches!(
        stage.send("g").await,
        Err(SendFailure::SignedOut { .. })
    ));
    assert!(stage.send("h").await.is_ok(), "each fault hits once");
    let nobody = parts("http://127.0.0.1:1");
    let target = ReplyTarget {
        conversation: direct(),
        reply_to: None,
    };
    let operation = Operation::Text {
        target,
        text: words("x"),
        plain: true,
    };
    let outcome = nobody
        .transmit
        .expect("a way out")
        .transmit(&operation, "nonce")
        .await;
    assert!(
        matches!(outcome, Err(SendFailure::Retry { limited: false, .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn odd_answers_of_other_servers_are_understood() {
    let cases: &[(u16, &str, &str)] = &[
        (200, r#"{"ok":true,"result":null}"#, "edited 13"),
        (200, r#"{"ok":true,"result":true}"#, "edited 13"),
        (
            200,
            r#"{"ok":true,"result":{"message_id":13,"date":1700000000123}}"#,
            "edited 13",
        ),
        (
            403,
            r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked"}"#,
            "rejected",
        ),
        (
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: MESSAGE_ID_INVALID"}"#,
            "gone",
        ),
        (404, r#"{"message":"no such route"}"#, "retry"),
        (413, "too large", "retry"),
        (504, "<html>", "unknown"),
        (200, "{\"ok\":true", "unknown"),
    ];
    for (status, body, expected) in cases {
        let server = Scripted::start([(*status, *body)]).await;
        let sender = parts(&server.api_root).transmit.expect("a way out");
        let edit = Operation::Edit {
            conversation: direct(),
            message_id: "13".to_owned(),
            text: words("x"),
            plain: false,
        };
        let shown = match sender.transmit(&edit, "nonce").await {
            Ok(receipt) => format!("edited {}", receipt.message_ids.join(",")),
            Err(SendFailure::Rejected { .. }) => "rejected".to_owned(),
            Err(SendFailure::Gone { .. }) => "gone".to_owned(),
            Err(SendFailure::Retry { .. }) => "retry".to_owned(),
            Err(SendFailure::Unknown { .. }) => "unknown".to_owned(),
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(&shown, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn missing_optional_methods_are_unsupported() {
    for (status, body) in [
        (404, r#"{"message":"no such route"}"#),
        (
            404,
            r#"{"ok":false,"error_code":404,"description":"Not Found"}"#,
        ),
        (
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: DRAFT"}"#,
        ),
    ] {
        let server = Scripted::start([(status, body)]).await;
        let sender = parts(&server.api_root).transmit.expect("a way out");
        let draft = Operation::Draft {
            conversation: direct(),
            draft_id: 1,
            text: words("x"),
        };
        assert_eq!(
            sender.transmit(&draft, "nonce").await,
            Err(SendFailure::Unsupported),
            "{body}"
        );
    }
    let server = Scripted::start([(404, r#"{"message":"no such route"}"#)]).await;
    let sender = parts(&server.api_root).transmit.expect("a way out");
    assert_eq!(
        sender
            .transmit(
                &Operation::Typing {
                    conversation: direct()
                },
                "n"
            )
            .await,
        Err(SendFailure::Unsupported)
    );
    let group = conversation(PeerKind::Group, "-5", None);
    let draft = Operation::Draft {
        conversation: group,
        draft_id: 1,
        text: words("x"),
    };
    assert_eq!(
        sender.transmit(&draft, "n").await,
        Err(SendFailure::Unsupported)
    );
}

#[tokio::test]
async fn an_error_that_repeats_the_token_does_not_pass_it_on() {
    let server = Scripted::start([(
        400,
        r#"{"ok":false,"error_code":400,"description":"bad path /bot4242:AAtest-token_0123456789/sendMessage"}"#,
    )])
    .await;
    let sender = parts(&server.api_root).transmit.expect("a way out");
    let failure = sender
        .transmit(
            &Operation::Typing {
                conversation: direct(),
            },
            "n",
        )
        .await
        .expect_err("refused");
    assert!(!failure.to_string().contains("AAtest"), "{failure}");
}

#[tokio::test]
async fn the_fake_keeps_to_the_platforms_rates() {
    let stage = Stage::with(
        json!({}),
        Options {
            port: 0,
            limits: true,
        },
    )
    .await;
    stage.hears("hello").await;
    for number in 0..5 {
        stage
            .send(&format!("burst {number}"))
            .await
            .expect("a burst passes");
    }
    let limited = stage.send("too much").await;
    assert!(
        matches!(
            limited,
            Err(SendFailure::Retry {
                limited: true,
                after_ms: Some(1000),
                ..
            })
        ),
        "{limited:?}"
    );
    assert_eq!(stage.get("stats").await["violations"], 1);
}
