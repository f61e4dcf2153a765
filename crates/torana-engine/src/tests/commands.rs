//! Which messages are commands: a bare word only where a person types nothing else.

use torana_core::media::MediaRef;
use torana_core::message::Attachment;

use super::*;

#[tokio::test]
async fn a_bare_word_of_a_program_or_beside_a_file_is_what_it_says() {
    let rig = Rig::new("words", AgentRules::default(), |_, _| {}).await;
    let program = |text: &str| ClientInput {
        text: text.to_owned(),
        ..ClientInput::default()
    };
    let person = ClientInput {
        typed: true,
        ..program("stop")
    };
    let file = MediaRef {
        digest: "0".repeat(64),
        mime: "image/png".to_owned(),
        name: None,
        bytes: 1,
    };
    let caption = ClientInput {
        media: vec![file],
        ..person.clone()
    };
    let cases = [
        ("program", program("stop"), 1),
        ("slash", program("/stop"), 0),
        ("person", person, 0),
        ("caption", caption, 1),
    ];
    for (key, input, turns) in cases {
        let before = rig.turns();
        submit(&rig, key, input).await.expect("accepted");
        assert_eq!(rig.turns() - before, turns, "{key}");
    }
}

#[tokio::test]
async fn a_bare_word_under_a_picture_or_of_somebody_else_is_what_it_says() {
    let rig = Rig::new("captions", AgentRules::default(), |_, account| {
        // Forwarded messages wait for their siblings, and no time passes here.
        account.debounce_ms = Some(0);
    })
    .await;
    let said = || rig.inbound(PeerKind::Direct, "7", "stop");
    let captioned = Inbound {
        attachments: vec![Attachment {
            kind: "photo".to_owned(),
            name: None,
            size_bytes: None,
        }],
        ..said()
    };
    let forwarded = Inbound {
        forwarded_from: Some("Somebody".to_owned()),
        ..said()
    };
    for (name, inbound, turns) in [
        ("alone", said(), 0),
        ("captioned", captioned, 1),
        ("forwarded", forwarded, 1),
    ] {
        let before = rig.turns();
        rig.engine.accept(inbound).await.expect("stored");
        rig.quiet().await;
        assert_eq!(rig.turns() - before, turns, "{name}");
    }
}

#[tokio::test]
async fn what_everybody_used_is_not_told_to_a_group() {
    let rig = Rig::new("spent", AgentRules::default(), |settings, _| {
        settings.owners.push("8".to_owned());
    })
    .await;
    for (kind, told) in [(PeerKind::Group, false), (PeerKind::Direct, true)] {
        rig.hear(kind, "8", "/usage cost").await;
        let last = format!("{:?}", waiting(&rig).await.last().expect("an answer"));
        assert!(last.contains("This conversation used"), "{last}");
        assert_eq!(last.contains("All conversations today"), told, "{last}");
    }
}
