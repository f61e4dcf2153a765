//! Every spelling of every system, and that what is printed reads back as the same thing.

use proptest::prelude::*;

use super::grammar::{print, read_shape};
use super::*;
use crate::message::PeerKind;

const CONTEXT: KeyContext<'static> = KeyContext {
    default_agent: "home",
    main_key: "inbox",
};

fn canonical(text: &str) -> String {
    match SessionKey::parse(text, &CONTEXT) {
        Ok(key) => key.to_string(),
        Err(error) => panic!("{text:?} was refused: {error}"),
    }
}

fn refusal(text: &str) -> Option<KeyError> {
    SessionKey::parse(text, &CONTEXT).err()
}

#[test]
fn every_spelling_becomes_the_canonical_one() {
    for (spelling, expected) in [
        // The main session.
        ("main", "agent:home:main"),
        (" Main ", "agent:home:main"),
        ("inbox", "agent:home:main"),
        ("agent:main:main", "agent:main:main"),
        ("AGENT:Main:MAIN", "agent:main:main"),
        ("agent:a:inbox", "agent:a:main"),
        ("agent:a:main:main", "agent:a:main"),
        ("agent:a:telegram:account:default:main", "agent:a:main"),
        ("global", "global"),
        // Groups, rooms, threads, topics.
        ("agent:a:Telegram:Group:-100", "agent:a:telegram:group:-100"),
        ("telegram:group:-100", "agent:home:telegram:group:-100"),
        (
            "agent:a:telegram:account:work:group:-100",
            "agent:a:telegram:group:-100",
        ),
        (
            "agent:a:telegram:group:-100:topic:7",
            "agent:a:telegram:group:-100:topic:7",
        ),
        (
            "agent:a:telegram:group:-100:thread:7",
            "agent:a:telegram:group:-100:topic:7",
        ),
        (
            "agent:a:telegram:topic:-100:7",
            "agent:a:telegram:group:-100:topic:7",
        ),
        (
            "agent:a:telegram:account:default:group:-1:topic:7",
            "agent:a:telegram:group:-1:topic:7",
        ),
        (
            "agent:a:discord:channel:C1:thread:T1",
            "agent:a:discord:channel:C1:thread:T1",
        ),
        (
            "agent:a:slack:group:G1:thread:17.4",
            "agent:a:slack:group:G1:thread:17.4",
        ),
        (
            "agent:a:matrix:channel:!Ab:host.org",
            "agent:a:matrix:channel:!Ab:host.org",
        ),
        // Direct chats.
        ("agent:a:direct:alice", "agent:a:direct:alice"),
        ("agent:a:dm:alice", "agent:a:direct:alice"),
        ("agent:a:telegram:dm:123", "agent:a:telegram:direct:123"),
        ("agent:a:telegram:DIRECT:123", "agent:a:telegram:direct:123"),
        (
            "agent:a:telegram:work:direct:123",
            "agent:a:telegram:work:direct:123",
        ),
        (
            "agent:a:telegram:default:user123",
            "agent:a:telegram:default:direct:user123",
        ),
        (
            "agent:a:telegram:account:default:dm:123",
            "agent:a:telegram:direct:123",
        ),
        (
            "agent:a:telegram:account:work:dm:123",
            "agent:a:telegram:work:direct:123",
        ),
        (
            "agent:a:slack:direct:U1:thread:17.4",
            "agent:a:slack:direct:U1:thread:17.4",
        ),
        // Automation, children, clients.
        ("cron:nightly", "agent:home:cron:nightly"),
        ("Cron:nightly:run:5f", "agent:home:cron:nightly:run:5f"),
        ("agent:a:hook:5f", "agent:a:hook:5f"),
        ("subagent:x:y", "agent:home:subagent:x:y"),
        ("acp:claude", "agent:home:acp:claude"),
        ("agent:a:dashboard:5f", "agent:a:dashboard:5f"),
        ("agent:a:openai:5f", "agent:a:openai:5f"),
        ("agent:a:telegram:slash:123", "agent:a:telegram:slash:123"),
        ("agent:a:webchat:default", "agent:a:webchat:default"),
        ("my-Chat", "agent:home:my-Chat"),
        ("agent:a:some:custom:name", "agent:a:some:custom:name"),
    ] {
        assert_eq!(canonical(spelling), expected, "{spelling}");
    }
}

#[test]
fn what_is_no_key_is_refused_with_the_reason() {
    for (text, error) in [
        ("", KeyError::Empty),
        (" \t", KeyError::Empty),
        ("agent:", KeyError::EmptyPart),
        ("agent:a", KeyError::EmptyPart),
        ("agent:a:", KeyError::EmptyPart),
        ("agent::main", KeyError::EmptyPart),
        ("agent:a:telegram:group:", KeyError::EmptyPart),
        ("agent:a:telegram:group:1:topic:", KeyError::EmptyPart),
        ("cron:", KeyError::EmptyPart),
        ("agent:b@d:main", KeyError::BadAgent),
        ("agent:../x:main", KeyError::BadAgent),
        ("agent:a:agent:b:cron:x", KeyError::Nested),
        ("agent:a:x\ny", KeyError::Control),
        ("agent:a:x\u{2028}y", KeyError::Control),
    ] {
        assert_eq!(refusal(text), Some(error), "{text:?}");
    }
    assert_eq!(
        refusal(&"x".repeat(513)),
        Some(KeyError::TooLong { max: 512 })
    );
    assert_eq!(
        refusal(&"x".repeat(512)),
        Some(KeyError::TooLong { max: 512 })
    );
    assert_eq!(refusal(&"ü".repeat(490)), None);
}

#[test]
fn ids_keep_their_case_and_other_parts_do_not() {
    assert_ne!(
        canonical("agent:a:matrix:channel:!Ab:h"),
        canonical("agent:a:matrix:channel:!aB:h")
    );
    assert_eq!(
        canonical("Agent:A:Matrix:Channel:!Ab:h"),
        canonical("agent:a:matrix:channel:!Ab:h")
    );
}

#[test]
fn parts_name_what_the_session_is_for() {
    let parts = |text: &str| SessionKey::parse(text, &CONTEXT).map(|key| key.parts().shape);
    assert_eq!(parts("main"), Ok(Shape::Main));
    assert_eq!(parts("global"), Ok(Shape::Global));
    assert_eq!(
        parts("agent:a:telegram:topic:-100:7"),
        Ok(Shape::Group {
            channel: "telegram".to_owned(),
            id: "-100".to_owned(),
            thread: Some("7".to_owned()),
        })
    );
    assert_eq!(
        parts("agent:a:telegram:default:user1"),
        Ok(Shape::Direct {
            channel: Some("telegram".to_owned()),
            account: Some("default".to_owned()),
            peer: "user1".to_owned(),
            thread: None,
        })
    );
    assert_eq!(
        parts("cron:nightly:run:5f"),
        Ok(Shape::Namespaced {
            namespace: "cron".to_owned(),
            rest: "nightly:run:5f".to_owned(),
        })
    );
}

#[test]
fn conversations_get_the_key_their_scope_asks_for() {
    let direct = Place {
        channel: "telegram",
        account: "work",
        kind: PeerKind::Direct,
        peer: "123",
        thread: None,
    };
    for (scope, expected) in [
        (DmScope::Main, "agent:a:main"),
        (DmScope::PerPeer, "agent:a:direct:123"),
        (DmScope::PerChannelPeer, "agent:a:telegram:direct:123"),
        (
            DmScope::PerAccountChannelPeer,
            "agent:a:telegram:work:direct:123",
        ),
    ] {
        let key = SessionKey::for_conversation("a", &direct, scope, GroupScope::PerGroup);
        assert_eq!(key.as_str(), expected);
    }
    let topic = Place {
        kind: PeerKind::Group,
        peer: "-100",
        thread: Some("7"),
        ..direct
    };
    let key =
        |scope| SessionKey::for_conversation("A", &topic, DmScope::PerPeer, scope).to_string();
    assert_eq!(
        key(GroupScope::PerGroup),
        "agent:a:telegram:group:-100:topic:7"
    );
    assert_eq!(key(GroupScope::Main), "agent:a:main");
}

#[test]
fn odd_ids_neither_collide_nor_escape_their_place() {
    let key = |account: &str, peer: &str, thread: Option<&str>| {
        let place = Place {
            channel: "signal",
            account,
            kind: PeerKind::Direct,
            peer,
            thread,
        };
        SessionKey::for_conversation(
            "a",
            &place,
            DmScope::PerAccountChannelPeer,
            GroupScope::PerGroup,
        )
    };
    let plain = key("x", "p", Some("t"));
    assert_ne!(plain, key("x", "p:thread:t", None));
    assert_eq!(
        key("x", "p:thread:t", None).as_str(),
        "agent:a:signal:x:direct:p%3Athread%3At"
    );
    assert_eq!(
        key("group", "p", None).as_str(),
        "agent:a:signal:%67roup:direct:p"
    );
    assert_eq!(
        key("x:y", "p:q", None).as_str(),
        "agent:a:signal:x%3Ay:direct:p:q"
    );
    assert_eq!(
        key("x", "50%41", None).as_str(),
        "agent:a:signal:x:direct:50%2541"
    );
    let long = key("x", &"9".repeat(400), None);
    assert!(long.as_str().starts_with("agent:a:signal:x:direct:sha256-"));
    assert_ne!(long, key("x", &"9".repeat(401), None));
    assert_ne!(key("x", "a\nb", None), key("x", "a\rb", None));
}

#[test]
fn reserved_namespaces_are_known_in_every_spelling() {
    let is_reserved =
        |text: &str| SessionKey::parse(text, &CONTEXT).map(|key| key.is_reserved_namespace());
    for text in [
        "cron:x",
        "agent:a:SubAgent:x",
        "ACP:x",
        "agent:a:cron:x:run:y",
    ] {
        assert_eq!(is_reserved(text), Ok(true), "{text}");
    }
    for text in [
        "main",
        "hook:x",
        "agent:cron:main",
        "crony:x",
        "agent:a:telegram:group:cron:x",
    ] {
        assert_eq!(is_reserved(text), Ok(false), "{text}");
    }
}

#[test]
fn callers_get_narrow_keys_only() {
    let check = |text: &str| validate_caller_key(text, &CONTEXT).map(|key| key.to_string());
    assert_eq!(
        check("shop/order-7").as_deref(),
        Ok("agent:home:shop/order-7")
    );
    assert_eq!(check("a@b.org").as_deref(), Ok("agent:home:a@b.org"));
    for text in ["cron:x", "Agent:a:Cron:x", "subagent:x", "ACP:x"] {
        assert_eq!(check(text), Err(KeyError::Reserved), "{text}");
    }
    for text in ["a b", "a%3Ab", "../x", "a\\b", "ä", "cron%3Ax", " main"] {
        assert_eq!(check(text), Err(KeyError::Alphabet), "{text}");
    }
    assert_eq!(check("agent:a:agent:b:cron:x"), Err(KeyError::Nested));
    assert_eq!(check(&"x".repeat(257)), Err(KeyError::TooLong { max: 256 }));
    assert_eq!(
        check(&"x".repeat(5_000)),
        Err(KeyError::TooLong { max: 256 })
    );
}

#[test]
fn stored_keys_read_back() {
    let key = SessionKey::parse("agent:a:telegram:topic:-100:7", &CONTEXT).expect("a key");
    let json = serde_json::to_string(&key).expect("a string");
    assert_eq!(json, r#""agent:a:telegram:group:-100:topic:7""#);
    assert_eq!(
        serde_json::from_str::<SessionKey>(&json).expect("a key"),
        key
    );
    assert!(serde_json::from_str::<SessionKey>(r#""agent:""#).is_err());
}

#[test]
fn scopes_use_the_words_of_config() {
    for scope in DmScope::ALL {
        assert_eq!(DmScope::parse(scope.as_str()), Some(scope));
    }
    for scope in GroupScope::ALL {
        assert_eq!(GroupScope::parse(scope.as_str()), Some(scope));
    }
    assert_eq!(DmScope::parse("per-sender"), None);
}

// === Properties ===

/// Ids that try to look like structure.
fn id() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(":".to_owned()),
        Just("%".to_owned()),
        Just("%3A".to_owned()),
        Just(":thread:".to_owned()),
        Just("Topic".to_owned()),
        Just("direct".to_owned()),
        Just("group".to_owned()),
        Just("main".to_owned()),
        "[a-zA-Z0-9@!.+-]{1,6}",
        "[ä-ü]{1,2}",
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn channel() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("telegram".to_owned()),
        Just("slack".to_owned()),
        Just("mychat".to_owned())
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let thread = || proptest::option::of(id());
    prop_oneof![
        Just(Shape::Main),
        (id(), thread()).prop_map(|(peer, thread)| Shape::Direct {
            channel: None,
            account: None,
            peer,
            thread,
        }),
        (channel(), proptest::option::of(id()), id(), thread()).prop_map(
            |(channel, account, peer, thread)| Shape::Direct {
                channel: Some(channel),
                account,
                peer,
                thread,
            }
        ),
        (channel(), id(), thread()).prop_map(|(channel, id, thread)| Shape::Group {
            channel,
            id,
            thread
        }),
        (channel(), id(), thread()).prop_map(|(channel, id, thread)| Shape::Channel {
            channel,
            id,
            thread
        }),
        ("[a-z]{1,8}", "[a-zA-Z0-9:]{0,8}[a-z]").prop_map(|(_, rest)| Shape::Namespaced {
            namespace: "cron".to_owned(),
            rest,
        }),
        "[A-Z][a-zA-Z0-9-]{5,9}".prop_map(|name| Shape::Named { name }),
    ]
}

proptest! {
    #[test]
    fn every_shape_reads_back_as_itself(shape in shape()) {
        let key = print(Some("a"), &shape);
        prop_assert_eq!(read_shape(&key["agent:a:".len()..], "main"), Ok(shape));
    }

    #[test]
    fn different_places_have_different_keys(
        left in (id(), id(), proptest::option::of(id())),
        right in (id(), id(), proptest::option::of(id())),
    ) {
        let key = |(account, peer, thread): &(String, String, Option<String>)| {
            let place = Place {
                channel: "signal", account, kind: PeerKind::Direct, peer, thread: thread.as_deref(),
            };
            SessionKey::for_conversation("a", &place, DmScope::PerAccountChannelPeer, GroupScope::PerGroup)
        };
        prop_assert_eq!(key(&left) == key(&right), left == right);
        prop_assert_eq!(SessionKey::parse(key(&left).as_str(), &CONTEXT), Ok(key(&left)));
    }

    #[test]
    fn any_conversation_has_a_readable_key(
        agent in any::<String>(), channel in any::<String>(), account in any::<String>(),
        peer in any::<String>(), thread in proptest::option::of(any::<String>()),
    ) {
        for kind in [PeerKind::Direct, PeerKind::Group, PeerKind::Channel] {
            let place = Place { channel: &channel, account: &account, kind, peer: &peer, thread: thread.as_deref() };
            for scope in DmScope::ALL {
                let key = SessionKey::for_conversation(&agent, &place, scope, GroupScope::PerGroup);
                prop_assert_eq!(SessionKey::parse(key.as_str(), &CONTEXT), Ok(key));
            }
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        fuzz_key(text.as_bytes());
    }

    #[test]
    fn reading_twice_changes_nothing(
        words in proptest::collection::vec(
            prop_oneof![
                Just("agent"), Just("a"), Just("Main"), Just("telegram"), Just("group"), Just("topic"),
                Just("thread"), Just("dm"), Just("direct"), Just("account"), Just("default"), Just("cron"),
                Just("%3A"), Just("%67roup"), Just(""), Just("-100"), Just("X"),
            ],
            1..9,
        ),
    ) {
        fuzz_key(words.join(":").as_bytes());
        fuzz_key(format!("agent:a:{}", words.join(":")).as_bytes());
    }
}
