//! What people see of the demo.

use crate::offers::Offer;
use expect_test::expect;
use futures_util::StreamExt;
use proptest::prelude::*;
use torana_core::run::{FailureKind, Outcome, RunEvent};

use super::answers::{Manner, answer};
use super::provider::pieces;
use super::*;
use crate::provider::{Speaker, Utterance};
use crate::testing::{ManualClock, open, poll_until, request};

fn reply(lines: &[&str]) -> String {
    let utterances: Vec<Utterance> = lines
        .iter()
        .enumerate()
        .map(|(index, text)| Utterance {
            speaker: if index % 2 == 0 {
                Speaker::User
            } else {
                Speaker::Assistant
            },
            text: (*text).to_owned(),
            files: Vec::new(),
            calls: Vec::new(),
            results: Vec::new(),
            images: Vec::new(),
        })
        .collect();
    answer(&utterances, &[]).text
}

fn offer() -> Offer {
    Offer {
        provider: "openai".to_owned(),
        name: "OpenAI".to_owned(),
        source: "OPENAI_API_KEY".to_owned(),
        model: Some("gpt-5-mini".to_owned()),
        base_url: "https://api.openai.com/v1".to_owned(),
    }
}

#[test]
fn context_is_kept() {
    expect!["Nice to meet you, **Zoë**. I will remember your name for this conversation; ask me *what is my name?* to see it."]
        .assert_eq(&reply(&["Hi, my name is Zoë!"]));
    expect!["You told me your name is **Zoë**."].assert_eq(&reply(&[
        "my name is Zoë",
        "ok",
        "What's my name?",
    ]));
    expect!["Hello again, Zoë. You have written 2 messages before this one; I kept them all."]
        .assert_eq(&reply(&["call me Zoë", "ok", "x", "y", "hello"]));
    assert!(reply(&["why is the sky blue?"]).contains("> why is the sky blue?"));
    assert!(reply(&["[Telegram Ann] echo one two"]) == "one two");
}

#[test]
fn demos_can_be_asked_for_in_plain_words() {
    let manner = |text: &str| {
        let utterance = Utterance {
            speaker: Speaker::User,
            text: text.to_owned(),
            files: Vec::new(),
            calls: Vec::new(),
            results: Vec::new(),
            images: Vec::new(),
        };
        answer(&[utterance], &[]).manner
    };
    assert_eq!(manner("a long reply please"), Manner::Long);
    assert_eq!(manner("Give me an error!"), Manner::Failing);
    assert_eq!(manner("write slowly"), Manner::Slow);
    assert_eq!(reply(&["show me Markdown"]), reply(&["demo: markdown"]));
    assert_eq!(reply(&["show me some code"]), reply(&["demo: code"]));
    assert_eq!(reply(&["API key error"]), reply(&["help me configure"]));
    assert_eq!(reply(&["what is this code"]), reply(&["who are you"]));
    for other in [
        "how long is the Nile, and is it an error to ask?",
        "what does this error mean in the code I sent you yesterday",
        "why is the answer so long today",
        "network error",
        "too slow",
    ] {
        assert!(reply(&[other]).contains("only the demo"), "{other}");
    }
}

#[test]
fn configuration_names_offers_and_keys() {
    let utterance = [Utterance {
        speaker: Speaker::User,
        text: "help me configure".to_owned(),
        files: Vec::new(),
        calls: Vec::new(),
        results: Vec::new(),
        images: Vec::new(),
    }];
    let text = answer(&utterance, &[offer()]).text;
    assert!(text.contains("torana config set agents.defaults.model.primary openai/gpt-5-mini"));
    assert!(text.contains("ANTHROPIC_API_KEY") && text.contains("providers"));
    assert!(answer(&utterance, &[]).text.starts_with("I found no key"));
    let who = [Utterance {
        speaker: Speaker::User,
        text: "Who are you?".to_owned(),
        files: Vec::new(),
        calls: Vec::new(),
        results: Vec::new(),
        images: Vec::new(),
    }];
    assert!(
        answer(&who, &[offer()])
            .text
            .contains("**OpenAI** (OPENAI_API_KEY)")
    );
}

#[test]
fn long_answer_is_long_and_whole() {
    let text = reply(&["demo: long"]);
    assert!(text.chars().count() >= 9_000, "{}", text.chars().count());
    assert!(text.contains("## ") && text.contains("- ") && text.matches("```").count() == 2);
}

#[tokio::test]
async fn normal_answer_is_complete_within_600_ms_and_begins_at_once() {
    let clock = ManualClock::new();
    let backend = DemoBackend::new(clock.world(), DemoSettings::default());
    let mut conversation = open(&backend).await;
    let mut stream = conversation.turn(request("what can you do?"));
    let first = poll_until(&mut stream, || true).await;
    assert!(
        matches!(&first[..], [RunEvent::Model { .. }, RunEvent::TextDelta(_)]),
        "before any time has passed"
    );
    clock.run_freely();
    clock.advance(45);
    let rest: Vec<RunEvent> = stream.collect().await;
    let Some(RunEvent::Settled(settled)) = rest.last() else {
        panic!("settles last")
    };
    assert_eq!(settled.outcome, Outcome::Ok);
    assert!(clock.now_ms() <= 600, "{} ms", clock.now_ms());
    assert!(rest.len() >= 8, "it streams");
}

#[tokio::test]
async fn slow_answer_takes_eight_seconds_and_no_pace_takes_none() {
    for (pace_ms, expected) in [(45, 7_000..=8_500), (0, 0..=0)] {
        let clock = ManualClock::new();
        clock.run_freely();
        let backend = DemoBackend::new(
            clock.world(),
            DemoSettings {
                pace_ms,
                ..DemoSettings::default()
            },
        );
        let events: Vec<RunEvent> = open(&backend)
            .await
            .turn(request("demo: slow"))
            .collect()
            .await;
        assert!(matches!(events.last(), Some(RunEvent::Settled(_))));
        assert!(expected.contains(&clock.now_ms()), "{} ms", clock.now_ms());
    }
}

#[tokio::test]
async fn error_on_request_keeps_the_partial_text() {
    let clock = ManualClock::new();
    clock.run_freely();
    let backend = DemoBackend::new(clock.world(), DemoSettings::default());
    let events: Vec<RunEvent> = open(&backend)
        .await
        .turn(request("demo: error"))
        .collect()
        .await;
    let Some(RunEvent::Settled(settled)) = events.last() else {
        panic!("settles last")
    };
    assert_eq!(settled.outcome, Outcome::Error);
    assert_eq!(settled.text, "This answer begins well, and then");
    assert_eq!(
        settled.error.as_ref().map(|error| error.kind),
        Some(FailureKind::Internal)
    );
}

proptest! {
    #[test]
    fn any_input_gets_an_answer(text in any::<String>()) {
        prop_assert!(!reply(&[&text]).is_empty());
    }

    #[test]
    fn pieces_are_the_text(text in any::<String>()) {
        for manner in [Manner::Normal, Manner::Long, Manner::Slow] {
            prop_assert_eq!(pieces(&text, manner).concat(), text.as_str());
        }
    }
}
