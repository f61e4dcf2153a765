//! Compares the truth of the world with the journals: the promises of the gateway as functions over plain facts.
//!
//! Each rule returns what it found wrong, in words; an empty list means that the promise was kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::{RunStart, answer};
use crate::platform::{Bubble, Effect, EffectKind};

/// A row of the inbox, as far as promises concern it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxFact {
    /// Row id.
    pub id: i64,
    /// Account and native event id.
    pub event: (String, String),
    /// Number of the message in the scenario, when it was one.
    pub number: Option<u64>,
    /// State word.
    pub state: String,
    /// Reason of the state.
    pub reason: String,
    /// The row whose turn includes it.
    pub merged_into: Option<i64>,
    /// Session key.
    pub session: String,
    /// Who wrote it and where, as `sender in conversation`; empty for clients.
    pub writer: String,
    /// Wire id of the turn.
    pub run_id: String,
    /// It was sent by a person on a platform, not by a client.
    pub is_platform: bool,
}

/// A row of the outbox, as far as promises concern it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntentFact {
    /// Row id.
    pub id: i64,
    /// The message it answers.
    pub inbox: Option<i64>,
    /// Wire id of the turn.
    pub run_id: String,
    /// Position in the reply.
    pub part: i64,
    /// The conversation.
    pub lane: String,
    /// State word.
    pub state: String,
    /// Nonce.
    pub nonce: String,
    /// Sent again after an unknown outcome.
    pub resent: u64,
    /// It removes a message instead of saying something.
    pub is_delete: bool,
}

/// Everything the checker knows.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The inbox.
    pub inbox: Vec<InboxFact>,
    /// The outbox.
    pub intents: Vec<IntentFact>,
    /// Messages of ours on the platform.
    pub bubbles: Vec<Bubble>,
    /// Effects in the order of the world.
    pub effects: Vec<Effect>,
    /// Account and event id of every acknowledged update.
    pub acknowledged: Vec<(String, String)>,
    /// Runs that began.
    pub starts: Vec<RunStart>,
    /// Moments at which a process died or lost its disk; previews of that time may be orphans.
    pub troubles_ms: Vec<i64>,
    /// Spans in which a process could store nothing until it died.
    pub blind_ms: Vec<(i64, i64)>,
    /// A running turn may take messages, so that others overtake those it refused.
    pub steered: bool,
}

/// The id of a preview is stored right after the platform told it: only a death in the same moment comes before that.
const STORING_MS: i64 = 10;

/// Every rule.
pub fn check(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    for rule in [
        acknowledged_is_stored,
        every_message_has_an_outcome,
        every_answer_is_seen,
        answers_go_back,
        nothing_is_shown_twice,
        order_is_kept,
        turns_follow_arrival,
        nothing_stays_half_written,
    ] {
        found.extend(rule(facts));
    }
    found
}

/// what the platform thinks we have, we have, once.
fn acknowledged_is_stored(facts: &Facts) -> Vec<String> {
    let mut rows: BTreeMap<&(String, String), u32> = BTreeMap::new();
    for row in facts.inbox.iter().filter(|row| row.is_platform) {
        *rows.entry(&row.event).or_default() += 1;
    }
    let missing = facts
        .acknowledged
        .iter()
        .filter(|event| !rows.contains_key(event));
    let twice = rows.iter().filter(|(_, count)| **count > 1);
    missing
        .map(|event| format!("{event:?} was acknowledged and is not in the inbox"))
        .chain(twice.map(|(event, count)| format!("{event:?} has {count} rows")))
        .collect()
}

/// done with a known reason, or parked; merged rows share the fate of their lead.
fn every_message_has_an_outcome(facts: &Facts) -> Vec<String> {
    let states: BTreeMap<i64, &str> = facts
        .inbox
        .iter()
        .map(|row| (row.id, row.state.as_str()))
        .collect();
    let fine = |row: &InboxFact| match row.state.as_str() {
        "done" => {
            let word = row.reason.split(':').next().unwrap_or_default();
            matches!(
                word,
                "answered"
                    | "silent"
                    | "stopped"
                    | "failed"
                    | "dropped"
                    | "merged"
                    | "context"
                    | "pairing"
            )
        }
        "parked" => true,
        "merged" => row
            .merged_into
            .is_some_and(|lead| states.get(&lead) == Some(&"parked")),
        _ => false,
    };
    let lost = facts.inbox.iter().filter(|row| !fine(row));
    let open = facts
        .intents
        .iter()
        .filter(|intent| !matches!(intent.state.as_str(), "accepted" | "parked"));
    lost.map(|row| format!("inbox {} ends as `{}` ({})", row.id, row.state, row.reason))
        .chain(open.map(|intent| format!("intent {} ends as `{}`", intent.id, intent.state)))
        .collect()
}

/// an accepted intent is on the platform, and an answer names every message of its turn.
fn every_answer_is_seen(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let mut said: BTreeMap<&str, String> = BTreeMap::new();
    for version in facts.bubbles.iter().flat_map(|bubble| &bubble.versions) {
        said.entry(version.nonce.as_str())
            .or_default()
            .push_str(&version.text);
    }
    let mut by_inbox: BTreeMap<i64, Vec<&IntentFact>> = BTreeMap::new();
    for intent in &facts.intents {
        if intent.state == "accepted"
            && !intent.is_delete
            && !said.contains_key(intent.nonce.as_str())
        {
            found.push(format!(
                "intent {} was accepted, but nobody sees it",
                intent.id
            ));
        }
        by_inbox
            .entry(intent.inbox.unwrap_or_default())
            .or_default()
            .push(intent);
    }
    for row in facts.inbox.iter().filter(|row| row.is_platform) {
        let turn = if row.reason == "merged" {
            row.merged_into.unwrap_or(row.id)
        } else {
            row.id
        };
        let lead = facts
            .inbox
            .iter()
            .find(|lead| lead.id == turn)
            .unwrap_or(row);
        let tells = lead.reason.starts_with("answered")
            || lead.reason.starts_with("failed")
            || lead.state == "parked";
        let intents = by_inbox.get(&turn).map(Vec::as_slice).unwrap_or_default();
        if tells && intents.iter().all(|intent| intent.is_delete) {
            found.push(format!(
                "inbox {} ended as {} without a word",
                row.id, lead.reason
            ));
        }
        let whole = intents.iter().all(|intent| intent.state == "accepted");
        if let Some(number) = row.number
            && lead.reason == "answered"
            && whole
            && !intents.iter().any(|intent| {
                said.get(intent.nonce.as_str())
                    .is_some_and(|text| says(text, number))
            })
        {
            found.push(format!(
                "inbox {} (message {number}) is answered by turn {turn}, which does not mention it",
                row.id
            ));
        }
    }
    found
}

/// S-112: an answer goes to the conversation its message came from.
fn answers_go_back(facts: &Facts) -> Vec<String> {
    let places: BTreeMap<i64, &str> = facts
        .inbox
        .iter()
        .filter_map(|row| Some((row.id, row.writer.split_once(" in ")?.1)))
        .collect();
    let strayed = facts.intents.iter().filter_map(|intent| {
        let place = places.get(&intent.inbox?)?;
        (intent.lane != *place)
            .then(|| format!("intent {} answers {place} in {}", intent.id, intent.lane))
    });
    strayed.collect()
}

fn says(text: &str, number: u64) -> bool {
    // An agent without words gets a sentence of the gateway instead.
    text.contains(&answer(number))
        || text.contains("without an answer")
        || text.contains("nothing to add")
}

/// one intent per part of a turn, and one message per intent unless it is marked as sent again.
fn nothing_is_shown_twice(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
    for bubble in &facts.bubbles {
        *shown.entry(bubble.versions[0].nonce.as_str()).or_default() += 1;
    }
    let mut parts = BTreeSet::new();
    for intent in &facts.intents {
        let count = shown
            .get(intent.nonce.as_str())
            .copied()
            .unwrap_or_default();
        if count > 1 + intent.resent {
            found.push(format!(
                "intent {} is shown {count} times, resent {}",
                intent.id, intent.resent
            ));
        }
        if let Some(inbox) = intent.inbox
            && !parts.insert((inbox, intent.part))
        {
            found.push(format!("inbox {inbox} has part {} twice", intent.part));
        }
    }
    found
}

/// within a conversation, intents appear in the order of their rows.
fn order_is_kept(facts: &Facts) -> Vec<String> {
    let ids: BTreeMap<&str, i64> = facts
        .intents
        .iter()
        .map(|intent| (intent.nonce.as_str(), intent.id))
        .collect();
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for effect in &facts.effects {
        let Some(id) = ids.get(effect.nonce.as_str()) else {
            continue;
        };
        // A second sight of the same intent is a resend; its first one counts.
        if effect.kind == EffectKind::Deleted || !seen.insert(*id) {
            continue;
        }
        let last = newest.entry(effect.lane.as_str()).or_insert(*id);
        if *last > *id {
            found.push(format!(
                "intent {id} appears after {last} in {}",
                effect.lane
            ));
        }
        *last = (*last).max(*id);
    }
    found
}

/// turns of one session begin in the order in which each person wrote, as long as nobody steers.
fn turns_follow_arrival(facts: &Facts) -> Vec<String> {
    if facts.steered {
        return Vec::new();
    }
    let rows: BTreeMap<&str, &InboxFact> = facts
        .inbox
        .iter()
        .map(|row| (row.run_id.as_str(), row))
        .collect();
    let mut newest: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in &facts.starts {
        let Some(row) = rows.get(start.run_id.as_str()) else {
            continue;
        };
        let id = row.id;
        if !seen.insert(id) {
            continue;
        }
        let last = newest
            .entry((start.session.as_str(), row.writer.as_str()))
            .or_insert(id);
        if *last > id {
            found.push(format!(
                "the turn of inbox {id} began after that of {last} in {}",
                start.session
            ));
        }
        *last = (*last).max(id);
    }
    found
}

/// a preview the gateway knows of becomes the answer or goes away.
fn nothing_stays_half_written(facts: &Facts) -> Vec<String> {
    let orphan = |told_ms: i64| {
        let near = |trouble_ms: &i64| (0..STORING_MS).contains(&(trouble_ms - told_ms));
        let within = |span: &(i64, i64)| (span.0..=span.1).contains(&told_ms);
        facts.troubles_ms.iter().any(near) || facts.blind_ms.iter().any(within)
    };
    let parked: BTreeSet<&str> = facts
        .intents
        .iter()
        .filter(|intent| intent.state == "parked")
        .map(|intent| intent.lane.as_str())
        .collect();
    facts
        .bubbles
        .iter()
        .filter(|bubble| !bubble.deleted)
        .filter(|bubble| bubble.told_ms.is_some_and(|told_ms| !orphan(told_ms)))
        .filter(|bubble| {
            bubble
                .versions
                .last()
                .is_some_and(|version| version.nonce.is_empty())
        })
        // The intent that would have finished it was given up, and says so.
        .filter(|bubble| !parked.contains(bubble.lane.as_str()))
        .map(|bubble| {
            format!(
                "{} in {} stays half-written: {:?}",
                bubble.message_id,
                bubble.lane,
                bubble.versions.last()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Version;

    /// One message, answered by one intent that was shown once.
    fn fine() -> Facts {
        let event = ("a".to_owned(), "e1".to_owned());
        Facts {
            inbox: vec![InboxFact {
                id: 1,
                event: event.clone(),
                number: Some(7),
                state: "done".into(),
                reason: "answered".into(),
                run_id: "r1".into(),
                is_platform: true,
                writer: "p in l".into(),
                ..InboxFact::default()
            }],
            intents: vec![IntentFact {
                id: 1,
                inbox: Some(1),
                state: "accepted".into(),
                nonce: "n1".into(),
                lane: "l".into(),
                ..IntentFact::default()
            }],
            bubbles: vec![bubble("n1", "A7A hello")],
            effects: vec![effect("n1")],
            acknowledged: vec![event],
            ..Facts::default()
        }
    }

    fn bubble(nonce: &str, text: &str) -> Bubble {
        Bubble {
            message_id: "b1".into(),
            lane: "l".into(),
            versions: vec![Version {
                nonce: nonce.into(),
                text: text.into(),
            }],
            deleted: false,
            told_ms: Some(100_100),
            at_ms: 100_000,
        }
    }

    fn effect(nonce: &str) -> Effect {
        Effect {
            lane: "l".into(),
            nonce: nonce.into(),
            kind: EffectKind::Sent,
        }
    }

    fn check_finds(change: impl FnOnce(&mut Facts), expected: &str) {
        let mut facts = fine();
        change(&mut facts);
        let found = check(&facts).join("\n");
        assert!(found.contains(expected), "`{expected}` is not in:\n{found}");
    }

    #[test]
    fn a_world_in_order_has_no_complaints() {
        assert_eq!(check(&fine()), Vec::<String>::new());
    }

    #[test]
    fn every_broken_promise_is_found() {
        check_finds(|facts| facts.inbox.clear(), "is not in the inbox");
        check_finds(
            |facts| facts.inbox.push(facts.inbox[0].clone()),
            "has 2 rows",
        );
        check_finds(
            |facts| facts.inbox[0].state = "adopted".into(),
            "ends as `adopted`",
        );
        check_finds(
            |facts| facts.inbox[0].reason = String::new(),
            "ends as `done` ()",
        );
        check_finds(
            |facts| facts.intents[0].state = "retry".into(),
            "intent 1 ends as `retry`",
        );
        check_finds(|facts| facts.intents.clear(), "without a word");
        check_finds(|facts| facts.bubbles.clear(), "nobody sees it");
        check_finds(
            |facts| facts.intents[0].lane = "m".into(),
            "intent 1 answers l in m",
        );
        check_finds(
            |facts| facts.bubbles[0].versions[0].text = "A8A".into(),
            "does not mention it",
        );
        check_finds(
            |facts| facts.bubbles.push(bubble("n1", "A7A")),
            "is shown 2 times",
        );
        check_finds(|facts| facts.bubbles.push(bubble("", "A7")), "half-written");
        check_finds(
            |facts| {
                let second = IntentFact {
                    id: 2,
                    nonce: "n2".into(),
                    ..facts.intents[0].clone()
                };
                facts.intents.push(second);
            },
            "has part 0 twice",
        );
        check_finds(
            |facts| {
                facts.intents.push(IntentFact {
                    id: 2,
                    part: 1,
                    nonce: "n2".into(),
                    ..facts.intents[0].clone()
                });
                facts.effects = vec![effect("n2"), effect("n1")];
            },
            "intent 1 appears after 2",
        );
    }

    #[test]
    fn a_marked_resend_and_an_orphan_of_a_crash_are_no_broken_promises() {
        let mut facts = fine();
        facts.intents[0].resent = 1;
        facts.bubbles.push(bubble("n1", "A7A"));
        facts.bubbles.push(bubble("", "A7"));
        facts.troubles_ms.push(100_105);
        assert_eq!(check(&facts), Vec::<String>::new());
    }
}
