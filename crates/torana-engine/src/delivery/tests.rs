//! What delivery does when somebody interferes: an operator, a platform that sends it round in circles, our own bugs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use torana_core::id::{AccountId, ChannelId, IntentId};
use torana_core::message::{
    Conversation, Operation, Peer, PeerKind, Receipt, RenderedText, ReplyTarget,
};
use torana_core::port::{BoxFuture, ChannelLimits, Clock, Entropy, SendFailure, Transmit, World};
use torana_core::render::{LengthUnit, Limits, Markup};

use super::Delivery;
use crate::bus::Bus;
use crate::reply;
use crate::store::Store;
use crate::store::outbox::{self, Intent};
use crate::supervise::Supervisor;

/// Sleeping takes no time but moves the clock.
#[derive(Default)]
struct Leap(AtomicI64);

impl Clock for Leap {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> u64 {
        self.wall_ms().unsigned_abs()
    }
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        let at_ms = i64::try_from(monotonic_ms).unwrap_or(i64::MAX);
        // The deadline of a request is beside the request itself: it must not pass while that is answered.
        if at_ms - self.wall_ms() >= 60_000 {
            return Box::pin(std::future::pending());
        }
        self.0.fetch_max(at_ms, Ordering::SeqCst);
        Box::pin(tokio::task::yield_now())
    }
}

impl Entropy for Leap {
    fn fill(&self, _: &mut [u8]) {}
}

/// What the platform does with the n-th request, from 0.
type Answer =
    Box<dyn Fn(u32, Store) -> BoxFuture<'static, Result<Receipt, SendFailure>> + Send + Sync>;

struct Scripted {
    answer: Answer,
    store: Store,
    calls: AtomicU32,
}

impl Transmit for Scripted {
    fn transmit<'a>(
        &'a self,
        _: &'a Operation,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Receipt, SendFailure>> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (self.answer)(call, self.store.clone())
    }
}

fn limits() -> ChannelLimits {
    ChannelLimits {
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
    }
}

fn text(words: &str) -> Operation {
    text_to("7", words)
}

fn text_to(peer: &str, words: &str) -> Operation {
    let conversation = Conversation {
        channel: ChannelId::new("chat").expect("a constant id"),
        account: AccountId::new("default").expect("a constant id"),
        peer: Peer {
            kind: PeerKind::Direct,
            id: peer.into(),
        },
        thread: None,
    };
    Operation::Text {
        target: ReplyTarget {
            conversation,
            reply_to: None,
        },
        text: RenderedText {
            markup: words.to_owned(),
            plain: words.to_owned(),
        },
        plain: true,
    }
}

/// A scripted platform, and two texts that wait for it.
struct Sending {
    delivery: Delivery,
    platform: Arc<Scripted>,
    store: Store,
    tasks: Supervisor,
    intents: Vec<Intent>,
    path: std::path::PathBuf,
}

impl Drop for Sending {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

async fn sending(name: &str, clock: Arc<dyn Clock>, answer: Answer) -> Sending {
    let file = format!("torana-delivery-{}-{name}.db", std::process::id());
    let path = std::env::temp_dir().join(file);
    drop(std::fs::remove_file(&path));
    let store = Store::open(crate::store::Options {
        flush: false,
        inline: true,
        ..crate::store::Options::new(&path)
    })
    .expect("a store");
    let world = World {
        clock,
        entropy: Arc::new(Leap::default()),
    };
    let bus = Bus::default();
    let tasks = Supervisor::new(bus.clone(), world.clone());
    let delivery = Delivery::new(store.clone(), bus, world, tasks.clone());
    let platform = Arc::new(Scripted {
        answer,
        store: store.clone(),
        calls: AtomicU32::new(0),
    });
    let (channel, account) = match text("") {
        Operation::Text { target, .. } => {
            (target.conversation.channel, target.conversation.account)
        }
        _ => unreachable!("a text was just made"),
    };
    delivery
        .attach(&channel, &account, &limits(), platform.clone())
        .await
        .expect("an empty outbox");
    let intents = stored(&store, vec![text("one"), text("two")]).await;
    Sending {
        delivery,
        platform,
        store,
        tasks,
        intents,
        path,
    }
}

async fn stored(store: &Store, words: Vec<Operation>) -> Vec<Intent> {
    let ids = store.clone();
    let insert = store
        .write(move |connection| reply::insert(connection, &ids, None, None, words, false, 1_000));
    insert.await.expect("stored")
}

/// Sends two texts to a scripted platform. Gives state, reason and attempts of both, and the number of requests.
async fn sent(name: &str, answer: Answer) -> (Vec<(String, String, u32)>, u32) {
    let mut sending = sending(name, Arc::new(Leap(AtomicI64::new(1_000))), answer).await;
    let intents = std::mem::take(&mut sending.intents);
    let rows: Vec<IntentId> = intents.iter().map(|intent| intent.id).collect();
    sending.delivery.submit(intents, false);
    sending.tasks.finished().await;
    let found = sending
        .store
        .read(move |connection| {
            let mut found = Vec::new();
            for id in rows {
                let intent = outbox::get(connection, id)?.expect("nothing forgets a row here");
                let reason = intent.reason.unwrap_or_default();
                found.push((intent.state, reason, intent.attempt));
            }
            Ok(found)
        })
        .await
        .expect("read");
    (found, sending.platform.calls.load(Ordering::SeqCst))
}

/// The clock of a paused runtime.
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn wall_ms(&self) -> i64 {
        i64::try_from(self.monotonic_ms()).unwrap_or(i64::MAX)
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        let at = self.0 + std::time::Duration::from_millis(monotonic_ms);
        Box::pin(tokio::time::sleep_until(at))
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_wait_for_another_try_rest_with_the_gateway() {
    // The first request takes two seconds and asks for patience.
    let answer: Answer = Box::new(|call, _| {
        Box::pin(async move {
            if call > 0 {
                return accepted();
            }
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            Err(SendFailure::Retry {
                after_ms: Some(5_000),
                limited: true,
                whole_account: false,
                reason: "too fast".to_owned(),
            })
        })
    });
    let clock = Arc::new(Paused(tokio::time::Instant::now()));
    let mut sending = sending("rest", clock, answer).await;
    let intents = std::mem::take(&mut sending.intents);
    let (delivery, calls) = (&sending.delivery, &sending.platform.calls);
    let pass = |seconds| tokio::time::sleep(std::time::Duration::from_secs(seconds));
    delivery.submit(intents, false);
    pass(1).await;
    assert!(!delivery.rest(), "a request is on its way");
    pass(2).await;
    assert!(delivery.rest(), "both texts wait");
    pass(60).await;
    assert_eq!((calls.load(Ordering::SeqCst), delivery.sending()), (1, 0));
    assert!(delivery.is_quiet(), "a stop does not wait for them");
    delivery.wake();
    sending.tasks.finished().await;
    assert_eq!(sending.platform.calls.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_on_its_way_is_waited_for_although_its_account_pauses_or_is_gone() {
    // The request in one conversation takes two seconds; the one in the other pauses the whole account.
    let answer: Answer = Box::new(|call, _| {
        Box::pin(async move {
            if call == 0 {
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                return accepted();
            }
            Err(SendFailure::Retry {
                after_ms: Some(5_000),
                limited: true,
                whole_account: true,
                reason: "out of order".to_owned(),
            })
        })
    });
    let clock = Arc::new(Paused(tokio::time::Instant::now()));
    let sending = sending("paused", clock, answer).await;
    let (delivery, calls) = (&sending.delivery, &sending.platform.calls);
    let pass = |seconds| tokio::time::sleep(std::time::Duration::from_secs(seconds));
    let words = vec![text_to("8", "one"), text_to("9", "two")];
    delivery.submit(stored(&sending.store, words).await, false);
    pass(1).await;
    assert_eq!((calls.load(Ordering::SeqCst), delivery.sending()), (2, 1));
    assert!(!delivery.rest(), "a request is on its way");
    let place = text("").conversation().clone();
    delivery.detach(&place.channel, &place.account);
    assert!(!delivery.rest() && !delivery.is_quiet(), "it still is");
    pass(2).await;
    assert!(delivery.is_quiet() && delivery.rest(), "it has arrived");
    delivery.wake();
    sending.tasks.finished().await;
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the other one waits");
}

fn accepted() -> Result<Receipt, SendFailure> {
    Ok(Receipt {
        message_ids: vec!["m".to_owned()],
    })
}

fn row(state: &str, reason: &str, attempt: u32) -> (String, String, u32) {
    (state.to_owned(), reason.to_owned(), attempt)
}

#[tokio::test]
async fn giving_up_the_next_text_costs_the_one_before_no_receipt() {
    // While the first is under way, an operator gives the second up: it must not be begun, and the first has arrived.
    let answer: Answer = Box::new(|_, store| {
        Box::pin(async move {
            let dropped = store.write(|connection| outbox::discard(connection, IntentId(2), 1_001));
            dropped.await.expect("it still waits");
            accepted()
        })
    });
    let (rows, calls) = sent("discard", answer).await;
    assert_eq!(rows, [row("accepted", "", 1), row("discarded", "", 0)]);
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_platform_that_moves_a_chat_round_in_circles_is_followed_three_times() {
    let answer: Answer = Box::new(|call, _| {
        Box::pin(async move {
            if call > 3 {
                return accepted();
            }
            let peer_id = if call % 2 == 0 { "8" } else { "9" };
            Err(SendFailure::Moved {
                peer_id: peer_id.into(),
            })
        })
    });
    let (rows, calls) = sent("moved", answer).await;
    assert_eq!((rows[0].0.as_str(), rows[0].2), ("parked", 4), "{rows:?}");
    assert_eq!((rows[1].clone(), calls), (row("accepted", "", 1), 5));
}

#[tokio::test]
async fn a_text_that_crashes_our_own_code_is_set_aside_and_the_next_one_goes() {
    let answer: Answer = Box::new(|call, _| {
        Box::pin(async move {
            if call < 3 {
                // Unwinds like any panic, without writing to the error output of a test.
                std::panic::resume_unwind(Box::new("it stumbled"));
            }
            accepted()
        })
    });
    let (rows, calls) = sent("panic", answer).await;
    let why = "poison: it crashed the gateway's own code three times";
    assert_eq!(rows[0], row("parked", why, 3));
    assert_eq!((rows[1].clone(), calls), (row("accepted", "", 1), 4));
}
