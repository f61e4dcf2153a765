//! Approvals: what is shown, what the policy document may say.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Forty ways to hide something from the person who decides (S-013).
const HIDDEN: &[&str] = &[
    "\u{0}",
    "\u{1}",
    "\u{7}",
    "\u{8}",
    "\t",
    "\n",
    "\u{b}",
    "\u{c}",
    "\r",
    "\u{1b}[2K",
    "\u{7f}",
    "\u{85}",
    "\u{9b}2K",
    "\u{a0}",
    "\u{ad}",
    "\u{34f}",
    "\u{61c}",
    "\u{115f}",
    "\u{1680}",
    "\u{180e}",
    "\u{2003}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{200e}",
    "\u{200f}",
    "\u{2028}",
    "\u{2029}",
    "\u{202a}",
    "\u{202d}",
    "\u{202e}",
    "\u{2060}",
    "\u{2066}",
    "\u{2069}",
    "\u{2800}",
    "\u{3000}",
    "\u{3164}",
    "\u{fe0f}",
    "\u{feff}",
    "\u{ffa0}",
    "\u{e0041}",
    "\u{f0000}",
];

#[test]
fn s_013_nothing_hidden_reaches_the_person_who_decides() {
    for hidden in HIDDEN {
        let text = shown(&format!("rm -rf /tmp/a{hidden}b"));
        assert!(
            text.chars()
                .all(|character| character == ' ' || character.is_ascii_graphic()),
            "{hidden:?} came through as {text:?}"
        );
        assert!(text.contains("\\u{"), "{hidden:?} vanished from {text:?}");
    }
    assert_eq!(shown("ls  -l "), "ls \\u{20}-l\\u{20}");
    assert_eq!(shown("echo grüße 漢字"), "echo grüße 漢字");
}

proptest! {
    #[test]
    fn different_texts_are_shown_differently(first in "\\PC{0,12}[\u{200b}\u{202e} \n]{0,3}", second in "\\PC{0,12}[\u{200b}\u{202e} \n]{0,3}") {
        // A literal backslash-u could stand for the escape; such texts are equal on screen only to a reader of Rust.
        prop_assume!(!first.contains('\\') && !second.contains('\\'));
        prop_assert_eq!(first == second, shown(&first) == shown(&second));
    }
}

#[test]
fn an_empty_document_asks_on_a_miss_and_falls_back_to_no() {
    let resolved = PolicyDocument::default().resolved();
    assert_eq!(resolved, Resolved::default());
    assert_eq!(resolved.ask_fallback, Security::Deny);
}

#[test]
fn a_document_survives_a_round_trip_and_hides_its_secret() {
    let value = json!({
        "version": 1,
        "socket": { "path": "/run/a", "token": "secret" },
        "defaults": { "security": "full", "ask": "off" },
        "agents": { "main": { "allowlist": [{ "pattern": "/usr/bin/uptime" }] } },
    });
    let document = PolicyDocument::new(value).expect("a document");
    let again = PolicyDocument::parse(&document.to_text()).expect("the same document");
    assert_eq!(document, again);
    assert_eq!(document.resolved().security, Security::Full);
    let seen = document.redacted();
    assert!(!seen.to_string().contains("secret"));
    let back = PolicyDocument::new(seen)
        .expect("what a client saw")
        .keeping_secret_of(&document);
    assert_eq!(back, document);
}

#[test]
fn a_document_that_could_mean_less_protection_is_refused_with_its_place() {
    for (value, place) in [
        (json!([]), "file: must be an object"),
        (json!({ "version": 2 }), "file.version: must be 1"),
        (
            json!({ "version": 1, "default": {} }),
            "file.default: is unknown; there is version, socket, defaults, agents",
        ),
        (
            json!({ "version": 1, "defaults": { "security": "fully" } }),
            "file.defaults.security: must be one of deny, allowlist, full",
        ),
        (
            json!({ "version": 1, "defaults": { "asks": "off" } }),
            "file.defaults.asks: is unknown; there is security, ask, askFallback, autoAllowSkills",
        ),
        (
            json!({ "version": 1, "agents": { "a": { "ask": true } } }),
            "file.agents.a.ask: must be one of off, on-miss, always",
        ),
        (
            json!({ "version": 1, "agents": { "a": { "allowlist": [{ "pattern": " " }] } } }),
            "file.agents.a.allowlist[0].pattern: must be a text",
        ),
    ] {
        let fault = PolicyDocument::new(value).expect_err(place);
        assert_eq!(fault.to_string(), place);
    }
}

#[test]
fn every_word_reads_back() {
    for decision in [Decision::AllowOnce, Decision::AllowAlways, Decision::Deny] {
        assert_eq!(Decision::parse(decision.as_str()), Some(decision));
    }
    for ending in [
        Ending::User,
        Ending::Timeout,
        Ending::NoRoute,
        Ending::RunAborted,
        Ending::GatewayRestart,
    ] {
        assert_eq!(Ending::parse(ending.as_str()), Some(ending));
    }
    assert_eq!(Decision::parse("allow"), None);
}
