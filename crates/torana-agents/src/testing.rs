//! A clock that only moves when a test says so, and shortcuts to open a conversation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures_util::StreamExt;
use tokio::sync::oneshot;
use torana_core::id::{AgentId, RunId};
use torana_core::key::SessionKey;
use torana_core::port::{
    AgentBackend, AgentConversation, BoxFuture, Clock, Entropy, OpenRequest, RunStream,
    TurnRequest, World,
};
use torana_core::run::RunEvent;

#[derive(Default)]
struct State {
    now_ms: u64,
    is_free: bool,
    sleepers: BTreeMap<u64, Vec<oneshot::Sender<()>>>,
}

/// Shorter sleeps are pauses, longer ones are timeouts that only a test's own `advance` lets pass.
const TIMEOUT_MS_MIN: u64 = 60_000;

/// Virtual time. `run_freely` makes every pause jump to its end at once.
#[derive(Clone, Default)]
pub(crate) struct ManualClock {
    state: Arc<Mutex<State>>,
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn run_freely(&self) {
        self.state.lock().expect("no panic inside").is_free = true;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.state.lock().expect("no panic inside").now_ms
    }

    pub(crate) fn advance(&self, by_ms: u64) {
        let mut state = self.state.lock().expect("no panic inside");
        state.now_ms += by_ms;
        let after_ms = state.now_ms + 1;
        let later = state.sleepers.split_off(&after_ms);
        for sleeper in std::mem::replace(&mut state.sleepers, later)
            .into_values()
            .flatten()
        {
            // A sleeper that gave up waiting is no concern of the clock.
            sleeper.send(()).unwrap_or_default();
        }
    }

    pub(crate) fn world(&self) -> World {
        World {
            clock: Arc::new(self.clone()),
            entropy: Arc::new(FixedEntropy),
        }
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        1_792_567_680_000 + i64::try_from(self.now_ms()).expect("short tests")
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms()
    }

    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        let mut state = self.state.lock().expect("no panic inside");
        if state.now_ms >= monotonic_ms {
            return Box::pin(std::future::ready(()));
        }
        if state.is_free && monotonic_ms - state.now_ms < TIMEOUT_MS_MIN {
            drop(state);
            let clock = self.clone();
            // Time moves when the sleep is awaited, not when it is made.
            return Box::pin(async move {
                let mut state = clock.state.lock().expect("no panic inside");
                state.now_ms = state.now_ms.max(monotonic_ms);
            });
        }
        let (sender, receiver) = oneshot::channel();
        state.sleepers.entry(monotonic_ms).or_default().push(sender);
        Box::pin(async move { drop(receiver.await) })
    }
}

/// Always the same bytes, so that jitter is known: a pause is its ceiling's remainder of a large number.
struct FixedEntropy;

impl Entropy for FixedEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0x2a);
    }
}

/// Polls a stream, letting everything else run in between, until the condition holds; gives the events that came.
pub(crate) async fn poll_until(
    stream: &mut RunStream,
    mut condition: impl FnMut() -> bool,
) -> Vec<RunEvent> {
    let mut events = Vec::new();
    loop {
        let polled =
            std::future::poll_fn(|context| Poll::Ready(stream.poll_next_unpin(context))).await;
        if let Poll::Ready(event) = polled {
            events.push(event.expect("the run goes on"));
            continue;
        }
        tokio::task::yield_now().await;
        if condition() {
            return events;
        }
    }
}

pub(crate) async fn open(backend: &dyn AgentBackend) -> Box<dyn AgentConversation> {
    let session = SessionKey::main("main");
    let agent = AgentId::new("main").expect("an id");
    backend
        .open(OpenRequest { session, agent })
        .await
        .expect("opens")
}

pub(crate) fn request(input: &str) -> TurnRequest {
    TurnRequest {
        run_id: RunId::new("run-1").expect("an id"),
        attempt: 1,
        system: String::new(),
        history: Vec::new(),
        input: input.to_owned(),
        media: Vec::new(),
        attached: torana_core::ask::Attached::default(),
        wishes: torana_core::ask::Wishes::default(),
        model: None,
        thinking: None,
        sampling: torana_core::run::Sampling::default(),
        deadline_ms: 48 * 3_600_000,
    }
}
