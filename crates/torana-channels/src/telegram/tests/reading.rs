//! From updates to inbounds: places, senders, addressing, quotes, media, and everything that is recorded only.

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Value, json};
use torana_core::message::{Inbound, InboundKind, PeerKind};

use crate::telegram::entity::utf16_range;
use crate::telegram::fuzz::read_for_test;

/// One line per fact that matters.
fn describe(inbound: &Inbound) -> String {
    let mut out = String::new();
    let place = &inbound.conversation;
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            writeln!(out, "{name}: {value}").expect("a string takes everything");
        }
    };
    line("event", format!("{} {:?}", inbound.event_id, inbound.kind));
    line(
        "place",
        format!(
            "{} {} {}",
            place.peer.kind.as_str(),
            place.peer.id,
            place.thread.as_deref().unwrap_or_default()
        )
        .trim()
        .to_owned(),
    );
    line("title", inbound.title.clone().unwrap_or_default());
    let sender = &inbound.sender;
    let marks = format!(
        "{}{}",
        if sender.is_bot { " bot" } else { "" },
        if sender.is_self { " self" } else { "" }
    );
    line(
        "sender",
        format!(
            "{} {} @{}{marks}",
            sender.id,
            sender.display.as_deref().unwrap_or("-"),
            sender.username.as_deref().unwrap_or("-")
        ),
    );
    line("text", format!("{:?}", inbound.text));
    let addressed = inbound.addressed;
    let names = [
        (addressed.mention, "mention"),
        (addressed.reply_to_us, "reply"),
        (addressed.command, "command"),
        (addressed.other_bot, "other bot"),
    ];
    line(
        "addressed",
        names
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect::<Vec<_>>()
            .join(", "),
    );
    line(
        "quote",
        inbound
            .quote
            .as_ref()
            .map(|quote| format!("{}: {}", quote.sender, quote.text))
            .unwrap_or_default(),
    );
    for media in &inbound.attachments {
        line(
            "media",
            format!(
                "{} {} {}",
                media.kind,
                media.name.as_deref().unwrap_or("-"),
                media
                    .size_bytes
                    .map_or("-".to_owned(), |size| size.to_string())
            ),
        );
    }
    line(
        "forwarded",
        inbound.forwarded_from.clone().unwrap_or_default(),
    );
    line("album", inbound.album.clone().unwrap_or_default());
    out
}

fn read(update: &Value) -> Inbound {
    read_for_test(&update.to_string()).expect("an inbound")
}

fn check(update: Value, expected: Expect) {
    expected.assert_eq(&describe(&read(&update)));
}

fn alice() -> Value {
    json!({ "id": 7, "is_bot": false, "first_name": "Alice", "last_name": "Liddell", "username": "al" })
}

fn us() -> Value {
    json!({ "id": 4242, "is_bot": true, "first_name": "Torana", "username": "torana_bot" })
}

/// A message in a group, with some fields replaced.
fn in_group(fields: Value) -> Value {
    let mut message = json!({
        "message_id": 31, "date": 1_700_000_000, "from": alice(),
        "chat": { "id": -100_123, "type": "supergroup", "title": "Tea party" },
    });
    for (key, value) in fields.as_object().expect("an object") {
        message[key] = value.clone();
    }
    json!({ "update_id": 900, "message": message })
}

#[test]
fn a_direct_message_with_fields_nobody_knows() {
    let message = json!({
        "message_id": 3, "date": 1_700_000_000, "from": alice(), "chat": { "id": 7, "type": "private", "first_name": "Alice" },
        "text": "hello", "brand_new_field": { "deep": [1, 2] }
    });
    check(
        json!({ "update_id": 900, "message": message, "other_new_field": 1 }),
        expect![[r#"
            event: 900:7:3 Message
            place: direct 7
            sender: 7 Alice Liddell @al
            text: "hello"
        "#]],
    );
}

#[test]
fn a_mention_behind_emoji_is_found() {
    let text = "👩‍👧👍 hé @Torana_Bot!";
    let offset = text.split('@').next().expect("text").encode_utf16().count();
    check(
        in_group(
            json!({ "text": text, "entities": [{ "type": "mention", "offset": offset, "length": 11 }] }),
        ),
        expect![[r#"
            event: 900:-100123:31 Message
            place: group -100123
            title: Tea party
            sender: 7 Alice Liddell @al
            text: "👩\u{200d}👧👍 hé @Torana_Bot!"
            addressed: mention
        "#]],
    );
}

#[test]
fn a_mention_of_a_longer_name_is_not_ours() {
    let entities = json!([{ "type": "mention", "offset": 0, "length": 12 }]);
    let inbound = read(&in_group(
        json!({ "text": "@torana_bot2 hi", "entities": entities }),
    ));
    assert!(!inbound.addressed.mention);
}

#[test]
fn a_mention_without_a_name_goes_by_id() {
    let entities = json!([{ "type": "text_mention", "offset": 0, "length": 6, "user": us() }]);
    assert!(
        read(&in_group(
            json!({ "text": "Torana hi", "entities": entities })
        ))
        .addressed
        .mention
    );
}

#[test]
fn a_command_that_names_us_loses_the_name() {
    let command = json!([{ "type": "bot_command", "offset": 0, "length": 18 }]);
    check(
        in_group(json!({ "text": "/status@Torana_bot now", "entities": command })),
        expect![[r#"
            event: 900:-100123:31 Message
            place: group -100123
            title: Tea party
            sender: 7 Alice Liddell @al
            text: "/status now"
            addressed: command
        "#]],
    );
}

#[test]
fn a_command_for_another_bot_is_not_ours() {
    let command = json!([{ "type": "bot_command", "offset": 0, "length": 17 }]);
    let inbound = read(&in_group(
        json!({ "text": "/status@other_bot", "entities": command }),
    ));
    assert!(inbound.addressed.other_bot && !inbound.addressed.command);
    assert_eq!(inbound.text, "/status@other_bot");
}

#[test]
fn entities_outside_the_text_are_ignored() {
    for (offset, length) in [(0_u64, 500_u64), (499, 1), (1, 1), (u64::MAX, 5)] {
        let entities = json!([{ "type": "mention", "offset": offset, "length": length }, { "type": "bot_command", "offset": offset, "length": length }]);
        assert_eq!(
            read(&in_group(json!({ "text": "👍 x", "entities": entities }))).text,
            "👍 x"
        );
    }
}

#[test]
fn a_reply_in_a_topic_quotes_what_was_marked() {
    check(
        in_group(json!({
            "text": "why?", "message_thread_id": 77, "is_topic_message": true,
            "chat": { "id": -100_123, "type": "supergroup", "title": "Tea party", "is_forum": true },
            "reply_to_message": { "message_id": 30, "date": 1, "from": us(), "chat": { "id": -100_123, "type": "supergroup" }, "text": "a long answer" },
            "quote": { "text": "long", "position": 2 },
        })),
        expect![[r#"
            event: 900:-100123:31 Message
            place: group -100123 77
            title: Tea party
            sender: 7 Alice Liddell @al
            text: "why?"
            addressed: reply
            quote: Torana: long
        "#]],
    );
}

#[test]
fn a_message_in_a_topic_we_opened_is_no_reply_to_us() {
    let opened = json!({ "message_id": 77, "date": 1, "from": us(), "chat": { "id": -100_123, "type": "supergroup" }, "forum_topic_created": { "name": "x", "icon_color": 1 } });
    let inbound = read(&in_group(
        json!({ "text": "hi", "message_thread_id": 77, "is_topic_message": true, "reply_to_message": opened }),
    ));
    assert!(!inbound.addressed.reply_to_us);
    assert_eq!(inbound.quote, None);
}

#[test]
fn the_general_topic_of_a_forum_is_topic_one_and_reply_threads_are_no_places() {
    let forum = json!({ "id": -100_123, "type": "supergroup", "is_forum": true });
    assert_eq!(
        read(&in_group(json!({ "text": "hi", "chat": forum })))
            .conversation
            .thread
            .as_deref(),
        Some("1")
    );
    assert_eq!(
        read(&in_group(json!({ "text": "hi", "message_thread_id": 30 })))
            .conversation
            .thread,
        None
    );
    let topic = json!({ "topic_id": 9, "user": alice() });
    assert_eq!(
        read(&in_group(
            json!({ "text": "hi", "direct_messages_topic": topic })
        ))
        .conversation
        .thread
        .as_deref(),
        Some("dm9")
    );
}

#[test]
fn anonymous_admins_and_channels_write_as_a_chat() {
    let placeholder = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot" });
    let group = json!({ "id": -100_123, "type": "supergroup", "title": "Tea party" });
    check(
        in_group(
            json!({ "text": "hi", "from": placeholder, "sender_chat": group, "author_signature": "boss" }),
        ),
        expect![[r#"
            event: 900:-100123:31 Message
            place: group -100123
            title: Tea party
            sender: -100123 Tea party (boss) @-
            text: "hi"
        "#]],
    );
    let post = json!({ "message_id": 5, "date": 1, "chat": { "id": -1009, "type": "channel", "title": "News" }, "text": "news" });
    let inbound = read(&json!({ "update_id": 1, "channel_post": post }));
    assert_eq!(
        (inbound.conversation.peer.kind, inbound.sender.id.as_ref()),
        (PeerKind::Channel, "-1009")
    );
}

#[test]
fn media_is_described_and_captions_are_text() {
    let photo = json!([{ "file_id": "a", "file_unique_id": "a", "width": 1, "height": 1, "file_size": 10 },
                       { "file_id": "b", "file_unique_id": "b", "width": 9, "height": 9, "file_size": 900 }]);
    check(
        in_group(
            json!({ "photo": photo, "caption": "look @torana_bot", "media_group_id": "g1",
            "caption_entities": [{ "type": "mention", "offset": 5, "length": 11 }] }),
        ),
        expect![[r#"
            event: 900:-100123:31 Message
            place: group -100123
            title: Tea party
            sender: 7 Alice Liddell @al
            text: "look @torana_bot"
            addressed: mention
            media: photo - 900
            album: g1
        "#]],
    );
    let file =
        json!({ "file_id": "a", "file_unique_id": "a", "file_name": "plan.pdf", "file_size": 3 });
    let voice = json!({ "file_id": "a", "file_unique_id": "a", "duration": 3 });
    check(
        in_group(
            json!({ "document": file, "voice": voice, "animation": "broken", "location": { "latitude": 1.5, "longitude": -2 },
            "contact": { "phone_number": "+1", "first_name": "Bob" }, "dice": { "emoji": "🎲", "value": 4 } }),
        ),
        expect![[r#"
            event: 900:-100123:31 Message
            place: group -100123
            title: Tea party
            sender: 7 Alice Liddell @al
            text: ""
            media: document plan.pdf 3
            media: voice - -
            media: location 1.5, -2 -
            media: contact Bob +1 -
            media: dice 🎲 4 -
        "#]],
    );
}

#[test]
fn forwards_name_their_origin() {
    let origins = [
        (
            json!({ "type": "user", "date": 1, "sender_user": alice() }),
            "Alice Liddell",
        ),
        (
            json!({ "type": "hidden_user", "date": 1, "sender_user_name": "Somebody" }),
            "Somebody",
        ),
        (
            json!({ "type": "chat", "date": 1, "sender_chat": { "id": -1, "type": "group", "title": "Old group" } }),
            "Old group",
        ),
        (
            json!({ "type": "channel", "date": 1, "message_id": 2, "chat": { "id": -2, "type": "channel", "title": "News" } }),
            "News",
        ),
    ];
    for (origin, name) in origins {
        let inbound = read(&in_group(json!({ "text": "hi", "forward_origin": origin })));
        assert_eq!(inbound.forwarded_from.as_deref(), Some(name));
    }
}

#[test]
fn an_edit_is_an_edit_with_its_own_time() {
    let mut update = in_group(json!({ "text": "fixed", "edit_date": 1_700_000_009 }));
    let message = update["message"].take();
    let inbound = read(&json!({ "update_id": 901, "edited_message": message }));
    assert_eq!(
        (inbound.kind, inbound.sent_at_ms),
        (InboundKind::Edit, 1_700_000_009_000)
    );
    assert_eq!(inbound.event_id, "901:-100123:31");
}

#[test]
fn everything_else_is_recorded_and_never_acted_on() {
    let chat = json!({ "id": 7, "type": "private", "first_name": "Alice" });
    let member = |status: &str| json!({ "user": us(), "status": status });
    let updates = [
        json!({ "my_chat_member": { "chat": chat, "from": alice(), "date": 5, "old_chat_member": member("member"), "new_chat_member": member("kicked") } }),
        json!({ "message_reaction": { "chat": chat, "message_id": 3, "user": alice(), "date": 5, "old_reaction": [], "new_reaction": [] } }),
        json!({ "callback_query": { "id": "q", "from": alice(), "chat_instance": "c", "data": "ap:x:a", "message": { "chat": chat, "message_id": 3, "date": 0 } } }),
        json!({ "poll_answer": { "poll_id": "p", "user": alice(), "option_ids": [0] } }),
        json!({ "chat_boost": { "chat": chat, "boost": {} } }),
        json!({ "message": { "message_id": 9, "date": 5, "chat": chat, "from": alice(), "pinned_message": { "message_id": 3, "chat": chat, "date": 0 } } }),
        json!({ "message": { "message_id": 9, "date": 5, "chat": { "id": -5, "type": "group" }, "from": alice(), "migrate_to_chat_id": -1005 } }),
        json!({ "message": { "message_id": "no number", "chat": 5 } }),
    ];
    let mut out = String::new();
    for mut update in updates {
        update["update_id"] = 50.into();
        let inbound = read(&update);
        assert_eq!(inbound.kind, InboundKind::Other);
        writeln!(
            out,
            "{} | {} | {} | {}",
            inbound.event_id, inbound.conversation.peer.id, inbound.sender.id, inbound.text
        )
        .expect("a string takes everything");
    }
    expect![[r#"
        50:7 | 7 | 7 | my_chat_member: kicked
        50:7:3 | 7 | 7 | message_reaction
        50:7:3 | 7 | 7 | callback_query
        50 | 7 | 7 | poll_answer
        50 | 0 | 0 | update of another kind
        50:7:9 | 7 | 7 | pinned_message
        50:-5:9 | -5 | 7 | migrated to a supergroup
        50 | 0 | 0 | unreadable update
    "#]]
    .assert_eq(&out);
}

#[test]
fn repeated_keys_are_settled_by_the_last_one() {
    let text = r#"{"update_id":1,"message":{"message_id":1,"message_id":2,"date":1,"chat":{"id":7,"type":"private"},"text":"a","text":"b"}}"#;
    let inbound = read_for_test(text).expect("an inbound");
    assert_eq!(
        (inbound.message_id.as_deref(), inbound.text.as_str()),
        (Some("2"), "b")
    );
}

#[test]
fn a_date_in_milliseconds_is_understood() {
    let inbound = read(&in_group(
        json!({ "text": "hi", "date": 1_700_000_000_123_i64 }),
    ));
    assert_eq!(inbound.sent_at_ms, 1_700_000_000_123);
}

proptest! {
    #[test]
    fn offsets_in_units_always_find_the_same_words(before in any::<String>(), word in any::<String>(), after in any::<String>()) {
        let text = format!("{before}{word}{after}");
        let units = |part: &str| part.encode_utf16().count();
        let range = utf16_range(&text, units(&before), units(&word)).expect("the word is there");
        prop_assert_eq!(&text[range], word);
    }

    #[test]
    fn any_offsets_are_survived(text in any::<String>(), offset in any::<usize>(), length in any::<usize>()) {
        if let Some(range) = utf16_range(&text, offset, length) {
            prop_assert!(text.get(range).is_some());
        }
    }
}
