//! Every request we can make fits the Bot API's schema, and every update of that schema can be read.

use proptest::prelude::*;
use serde_json::{Value, json};
use torana_core::message::{Operation, PeerKind, ReplyTarget};
use torana_core::port::Transmit;

use super::schema::{Sampler, problems};
use super::support::{Scripted, Sleep, conversation, direct, parts_with, words, world};
use crate::telegram::fuzz::{fuzz_update, read_for_test};

async fn transmit(transmit: &dyn Transmit, operation: &Operation) {
    transmit
        .transmit(operation, "nonce")
        .await
        .expect("the server says yes");
}

/// Every operation in every kind of place.
fn operations() -> Vec<Operation> {
    let places = [
        direct(),
        conversation(PeerKind::Group, "-1001234567890", None),
        conversation(PeerKind::Group, "-1001234567890", Some("1")),
        conversation(PeerKind::Group, "-1001234567890", Some("77")),
        conversation(PeerKind::Group, "-1001234567890", Some("dm9")),
        conversation(PeerKind::Channel, "@torana_news", None),
    ];
    let mut operations = Vec::new();
    for conversation in places {
        for plain in [false, true] {
            operations.push(Operation::Text {
                target: ReplyTarget {
                    conversation: conversation.clone(),
                    reply_to: Some("12".to_owned()),
                },
                text: words("<b>hi</b>"),
                plain,
            });
            operations.push(Operation::Edit {
                conversation: conversation.clone(),
                message_id: "13".to_owned(),
                text: words("<b>hi</b>"),
                plain,
            });
        }
        operations.push(Operation::Delete {
            conversation: conversation.clone(),
            message_id: "13".to_owned(),
        });
        operations.push(Operation::Typing { conversation });
    }
    operations.push(Operation::Draft {
        conversation: direct(),
        draft_id: 5,
        text: words("hi"),
    });
    operations.push(Operation::Draft {
        conversation: conversation(PeerKind::Direct, "7", Some("3")),
        draft_id: 5,
        text: words("hi"),
    });
    operations
}

#[tokio::test]
async fn every_request_fits_the_schema() {
    let list = (200, r#"{"ok":true,"result":[]}"#);
    let me = (
        200,
        r#"{"ok":true,"result":{"id":4242,"is_bot":true,"first_name":"T","username":"torana_bot"}}"#,
    );
    let yes = (200, r#"{"ok":true,"result":true}"#);
    let server = Scripted::start([me, yes, yes, list]).await;
    let mut polling = parts_with(
        &server.api_root,
        json!({ "linkPreview": false }),
        world(Sleep::Jump).0,
    );
    polling.connect.connect().await.expect("connected");
    let receive = polling.receive.as_mut().expect("a way in");
    receive.next().await.expect("a batch");
    receive.acknowledge(9).await.expect("remembered");
    let sender = polling.transmit.as_ref().expect("a way out");
    for operation in operations() {
        transmit(sender.as_ref(), &operation).await;
    }
    let hook = json!({ "webhookUrl": "https://bot.example.org/hook", "webhookSecret": "0123456789abcdef" });
    let hooked = parts_with(&server.api_root, hook, world(Sleep::Jump).0);
    // The script is used up, so `getMe` gets a message instead of a bot and connecting ends after `setWebhook`.
    hooked.connect.connect().await.expect("connected");

    let requests = server.requests();
    let mut methods: Vec<&str> = requests.iter().map(|(method, _)| method.as_str()).collect();
    for (method, body) in &requests {
        assert_eq!(
            problems(method, body),
            Vec::<String>::new(),
            "{method} {body}"
        );
    }
    methods.sort_unstable();
    methods.dedup();
    let expected = [
        "deleteMessage",
        "deleteWebhook",
        "editMessageText",
        "getMe",
        "getUpdates",
        "sendChatAction",
        "sendMessage",
        "sendMessageDraft",
        "setMyCommands",
        "setWebhook",
    ];
    assert_eq!(methods, expected);
}

#[tokio::test]
async fn the_general_topic_is_named_for_typing_only() {
    let server = Scripted::start([]).await;
    let parts = parts_with(&server.api_root, json!({}), world(Sleep::Jump).0);
    let general = conversation(PeerKind::Group, "-100", Some("1"));
    let sender = parts.transmit.expect("a way out");
    let target = ReplyTarget {
        conversation: general.clone(),
        reply_to: None,
    };
    transmit(
        sender.as_ref(),
        &Operation::Text {
            target,
            text: words("hi"),
            plain: true,
        },
    )
    .await;
    transmit(
        sender.as_ref(),
        &Operation::Typing {
            conversation: general,
        },
    )
    .await;
    assert_eq!(
        server.requests(),
        [
            (
                "sendMessage".to_owned(),
                json!({ "chat_id": -100, "text": "hi" })
            ),
            (
                "sendChatAction".to_owned(),
                json!({ "chat_id": -100, "message_thread_id": 1, "action": "typing" })
            ),
        ]
    );
}

proptest! {
    #[test]
    fn any_update_of_the_schema_is_read_whole(seed in any::<u64>()) {
        let update = Sampler::new(seed).of("Update");
        let inbound = read_for_test(&update.to_string()).expect("an inbound");
        // What could not be read would be an event without chat or sender.
        prop_assert_ne!(inbound.text, "unreadable update", "{}", update);
    }

    #[test]
    fn any_message_keeps_its_place_and_text(seed in any::<u64>()) {
        let mut message = Sampler::new(seed).of("Message");
        message["text"] = Value::from("/status@torana_bot 👩‍👧 @torana_bot");
        let id = message["message_id"].as_i64().expect("an id").to_string();
        let chat = message["chat"]["id"].as_i64().expect("an id").to_string();
        let inbound = read_for_test(&json!({ "update_id": 5, "message": message }).to_string()).expect("an inbound");
        prop_assert_eq!(&inbound.event_id, &format!("5:{chat}:{id}"));
        prop_assert_eq!(inbound.conversation.peer.id.as_ref(), chat);
        prop_assert_eq!(inbound.message_id, Some(id));
        prop_assert!(inbound.text.contains("👩‍👧"));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        fuzz_update(&bytes);
    }

    #[test]
    fn any_damage_to_an_update_is_survived(seed in any::<u64>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = Sampler::new(seed).of("Update").to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fuzz_update(&bytes);
    }
}
