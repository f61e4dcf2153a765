//! What clients are promised: a request counts once, and none is taken that could not be kept.

use torana_core::id::RunId;
use torana_core::limit::{IDEMPOTENCY_MS, INBOX_OPEN_MAX};
use torana_core::message::{Operation, Receipt};
use torana_core::port::{ChannelLimits, SendFailure, Transmit};
use torana_core::problem::Code;
use torana_core::render::{LengthUnit, Limits, Markup};

use super::*;
use crate::turn::TurnHandle;
use crate::{Deed, SendRequest, Sent};

/// A platform that never answers.
struct Mute;

impl Transmit for Mute {
    fn transmit<'a>(
        &'a self,
        _: &'a Operation,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Receipt, SendFailure>> {
        Box::pin(std::future::pending())
    }
}

async fn attach(rig: &Rig) {
    let limits = ChannelLimits {
        text: Limits::new(4_000, LengthUnit::Utf16),
        markup: Markup::Plain,
        edit: true,
        delete: true,
        typing_ms: None,
        draft: false,
        edit_interval_direct_ms: 1_000,
        edit_interval_group_ms: 3_000,
        idempotent: false,
        rate: None,
        chats: torana_core::port::ChatIds::Any,
    };
    let (channel, account) = place();
    let delivery = rig.engine.delivery();
    let attached = delivery.attach(&channel, &account, &limits, Arc::new(Mute));
    attached.await.expect("an empty outbox");
}

async fn send(rig: &Rig, text: &str, deed: Deed) -> Result<Sent, Code> {
    let request = SendRequest {
        channel: place().0,
        account: None,
        to: "7".to_owned(),
        thread: None,
        deed,
        text: text.to_owned(),
        key: "k".to_owned(),
    };
    let sent = rig.engine.send(request).await;
    sent.map_err(|problem| problem.code)
}

#[tokio::test]
async fn a_key_stands_for_one_text_and_one_deed_for_a_day() {
    let rig = Rig::new("key", AgentRules::default(), |_, _| {}).await;
    attach(&rig).await;
    let first = send(&rig, "one", Deed::Say).await.expect("sent");
    assert!(!first.repeated && first.intents.len() == 1);
    let again = send(&rig, "one", Deed::Say).await.expect("known");
    assert!(again.repeated && again.intents == first.intents);
    let answer = || Deed::Answer("5".to_owned());
    for (text, deed) in [("two", Deed::Say), ("one", answer())] {
        let other = send(&rig, text, deed).await;
        assert_eq!(other, Err(Code::IdempotencyConflict), "{text}");
    }
    let after = |age_ms| rig.engine.prune_old(NOON_MS + age_ms);
    after(IDEMPOTENCY_MS).await.expect("pruned");
    assert!(send(&rig, "one", Deed::Say).await.expect("known").repeated);
    after(IDEMPOTENCY_MS + 1).await.expect("pruned");
    let anew = send(&rig, "one", answer()).await.expect("sent");
    assert!(!anew.repeated);
}

async fn submit(rig: &Rig, key: &str) -> Result<(), Code> {
    let turn = ClientTurn {
        method: "test",
        session: rig.engine.parse_key("agent:main:main").expect("a key"),
        key: key.to_owned(),
        input: ClientInput {
            text: "hello".to_owned(),
            ..ClientInput::default()
        },
        origin: None,
    };
    let submitted = rig.engine.submit(turn).await;
    submitted.map(drop).map_err(|problem| problem.code)
}

#[tokio::test]
async fn nothing_is_taken_without_room_on_disk_or_at_the_end() {
    let rig = Rig::new("room", AgentRules::default(), |_, _| {}).await;
    rig.engine.set_storage_full(true);
    assert_eq!(submit(&rig, "a").await, Err(Code::StorageFull));
    rig.engine.set_storage_full(false);
    assert_eq!(submit(&rig, "a").await, Ok(()));
    rig.quiet().await;
    rig.engine.drain("test", None).await;
    assert_eq!(submit(&rig, "b").await, Err(Code::Unavailable));
    assert_eq!(rig.turns(), 1);
}

#[tokio::test]
async fn messages_that_wait_are_bounded_over_all_sessions() {
    let rig = Rig::new("open", AgentRules::default(), |_, _| {}).await;
    let session = rig.engine.parse_key("agent:main:main").expect("a key");
    for number in 1..=INBOX_OPEN_MAX {
        let run_id = RunId::new(format!("w{number}")).expect("an id");
        let id = rig.engine.shared.store.next_inbox_id();
        let handle = TurnHandle::new(run_id, id, session.clone(), main_agent(), None, NOON_MS);
        rig.engine.shared.turns.insert(&handle);
    }
    assert_eq!(submit(&rig, "one-more").await, Err(Code::Busy));
}
