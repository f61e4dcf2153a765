//! What becomes of messages that arrive during a run, and how their stories are told.

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use torana_core::event::RunSignal;
use torana_core::id::ConnectionId;
use torana_core::message::Operation;

use super::*;
use crate::reply::Shown;
use crate::service::journal::{self, Which};
use crate::store::inbox;
use crate::turn::{StopReason, TurnHandle};

/// A listener that answers a text beginning with `wait` only when it is let, and stumbles over `stumble` once.
#[derive(Clone)]
struct Slow {
    listener: Listener,
    gate: Arc<Semaphore>,
}

impl AgentConversation for Slow {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        use futures_util::StreamExt;
        if request.attempt == 1 && request.input.contains("stumble") {
            // Unwinds like any panic, without writing to the error output of a test.
            std::panic::resume_unwind(Box::new("it stumbled"));
        }
        let waits = request.input.starts_with("wait");
        let answer = self.listener.turn(request);
        let gate = Arc::clone(&self.gate);
        let let_through = async move {
            if waits {
                gate.acquire().await.expect("an open gate").forget();
            }
            answer
        };
        Box::pin(stream::once(let_through).flatten())
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}

/// A rig whose agent can be held up.
async fn slow_rig(name: &str) -> (Rig, Slow) {
    let slow = Slow {
        listener: Listener::default(),
        gate: Arc::new(Semaphore::new(0)),
    };
    let backend = Arc::new(Opens(slow.clone()));
    let rig = Rig::new(name, AgentRules::default(), |settings, _| {
        let agent = settings.agents.get_mut(&main_agent()).expect("an agent");
        agent.backend = backend;
    })
    .await;
    (rig, slow)
}

async fn say(rig: &Rig, session: &str, key: &str, text: &str, mode: &str) -> Arc<TurnHandle> {
    match ask(rig, session, key, text, mode).await {
        SubmitStatus::Started(handle) => handle,
        SubmitStatus::InFlight(_) | SubmitStatus::Finished(_) => panic!("{key} is new"),
    }
}

async fn ask(rig: &Rig, session: &str, key: &str, text: &str, mode: &str) -> SubmitStatus {
    let turn = ClientTurn {
        method: "test",
        session: rig.engine.parse_key(session).expect("a key"),
        key: key.to_owned(),
        input: ClientInput {
            text: text.to_owned(),
            queue_mode: Some(mode.to_owned()),
            ..ClientInput::default()
        },
        origin: Some(ConnectionId(1)),
    };
    rig.engine.submit(turn).await.expect("accepted").status
}

#[tokio::test]
async fn a_repeat_finds_the_turn_that_runs_and_does_not_hide_it() {
    let (rig, slow) = slow_rig("repeat").await;
    let first = say(&rig, "agent:main:main", "a", "wait", "followup").await;
    let again = ask(&rig, "agent:main:main", "a", "wait", "followup").await;
    assert!(matches!(again, SubmitStatus::InFlight(turn) if Arc::ptr_eq(&turn, &first)));
    let known = rig.engine.turn("a").expect("it can still be stopped");
    assert!(Arc::ptr_eq(&known, &first));
    slow.gate.add_permits(1);
    rig.quiet().await;
    assert!(first.finished().now_or_never().flatten().is_some());
}

#[tokio::test]
async fn an_interrupting_message_never_stops_its_own_turn() {
    let (rig, _) = slow_rig("interrupt").await;
    // The turn of a message may begin at any point of its own arrival, so it is given more and more time to.
    for pause in 0..24 {
        let session = format!("agent:main:interrupt-{pause}");
        let key = |number: u32| format!("{pause}-{number}");
        say(&rig, &session, &key(1), "wait one", "interrupt").await;
        say(&rig, &session, &key(2), "wait two", "interrupt").await;
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        let newest = say(&rig, &session, &key(3), "three", "interrupt").await;
        let finished = newest.finished().await.expect("an end");
        assert_eq!(finished.stopped, None, "after {pause} pauses");
        assert_eq!(finished.settled.text, "ok");
    }
    rig.quiet().await;
}

#[tokio::test]
async fn a_lone_stop_in_a_group_may_be_meant_for_somebody_else() {
    let (rig, _) = slow_rig("lone-stop").await;
    let group = "agent:main:chat:group:-100";
    let running = say(&rig, group, "a", "wait", "followup").await;
    rig.send(PeerKind::Group, "7", "Stop!").await;
    assert_eq!(running.stop_reason(), None);
    rig.send(PeerKind::Group, "7", "/stop").await;
    assert!(running.stop_reason().is_some());
    rig.quiet().await;
    let running = say(&rig, "agent:main:main", "b", "wait", "followup").await;
    rig.send(PeerKind::Direct, "7", "Stop!").await;
    assert!(running.stop_reason().is_some());
    rig.quiet().await;
}

/// A message of a chat may be held back while one of a client runs already, whose row is newer.
#[tokio::test]
async fn a_message_that_was_held_back_interrupts_what_runs_when_it_comes() {
    let (rig, _) = slow_rig("held-back").await;
    rig.hear(PeerKind::Direct, "7", "/queue interrupt debounce:5s")
        .await;
    rig.send(PeerKind::Direct, "7", "stop that").await;
    let running = say(&rig, "agent:main:main", "a", "wait", "interrupt").await;
    let held = (SessionKey::main("main"), "7".to_owned());
    let released = rig.engine.shared.sessions.debounce.release(&held, 1);
    let (settings, late) = (rig.engine.settings(), released.expect("held back"));
    assert!(late.id < running.inbox);
    let policy = rig.engine.policy(&settings, &late.session, "chat", None);
    rig.engine.arrive_late(late, policy).await;
    assert_eq!(running.stop_reason(), Some(StopReason::Interrupt));
    rig.quiet().await;
}

/// Remembers the messages whose clients are told that they became part of another turn.
fn merged_in(rig: &Rig) -> Arc<Mutex<Vec<String>>> {
    let merged = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&merged);
    rig.engine.bus().attach(Arc::new(move |_, event| {
        if let Event::Run(facts, RunSignal::Merged) = event {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(facts.run_id.to_string());
        }
    }));
    merged
}

#[tokio::test]
async fn only_what_is_merged_is_told_so_and_once_although_its_turn_stumbles() {
    let (rig, slow) = slow_rig("stumbled").await;
    let merged = merged_in(&rig);
    say(&rig, "agent:main:main", "a", "wait", "collect").await;
    let gone = say(&rig, "agent:main:main", "b", "withdrawn", "collect").await;
    for (key, text) in [("c", "second"), ("d", "stumble")] {
        say(&rig, "agent:main:main", key, text, "collect").await;
    }
    let id = gone.inbox;
    let withdrawn =
        (rig.engine).write(move |connection| inbox::finish(connection, id, "stop", None, NOON_MS));
    withdrawn.await.expect("it waits");
    slow.gate.add_permits(1);
    rig.quiet().await;
    let merged = merged.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*merged, ["c"]);
    assert!(gone.finished().now_or_never().flatten().is_some());
}

#[tokio::test]
async fn a_message_that_joins_a_turn_at_its_end_ends_as_well() {
    let (rig, _) = slow_rig("joined-late").await;
    let turn = say(&rig, "agent:main:one", "a", "one", "followup").await;
    let late = say(&rig, "agent:main:two", "b", "wait", "followup").await;
    assert!(!turn.join(&late) && !turn.join(&late), "it still runs");
    let ended = turn.finished().await.expect("an end");
    assert_eq!(late.finished().now_or_never(), Some(Some(ended)));
    assert!(turn.join(&late), "its client must be told");
}

#[tokio::test]
async fn a_merged_message_ends_for_its_client_and_its_story_says_where_it_went() {
    let (rig, slow) = slow_rig("merged").await;
    let merged = merged_in(&rig);
    for (key, text) in [("a", "wait"), ("b", "second"), ("c", "third")] {
        say(&rig, "agent:main:main", key, text, "collect").await;
    }
    slow.gate.add_permits(1);
    rig.quiet().await;
    let merged = merged
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    assert_eq!(merged, ["b"]);
    let story = journal::explain(&rig.engine, Which::Run("b".to_owned())).await;
    let text = story.expect("read").expect("a story").text();
    assert!(
        text.ends_with("run: belongs to the turn of message 3"),
        "{text}"
    );
}

#[tokio::test]
async fn messages_pushed_out_of_the_queue_are_summarised_once() {
    let (rig, slow) = slow_rig("summary").await;
    let chosen = say(
        &rig,
        "agent:main:main",
        "q",
        "/queue followup cap:1",
        "steer",
    )
    .await;
    chosen.finished().await.expect("an end");
    for (key, text) in [("a", "wait"), ("b", "second"), ("c", "third")] {
        say(&rig, "agent:main:main", key, text, "followup").await;
    }
    slow.gate.add_permits(1);
    rig.quiet().await;
    let asked = slow
        .listener
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let last = asked.last().expect("a turn");
    let summary = "[1 earlier message was shortened because the queue was full]\n- second";
    assert_eq!(last.input, format!("{summary}\nthird"));
    let before: Vec<&str> = last
        .history
        .iter()
        .map(|entry| entry.text.as_str())
        .collect();
    assert_eq!(before, ["wait", "ok"]);
}

#[tokio::test]
async fn a_message_that_started_no_turn_says_why() {
    let rig = Rig::new("kept-out", AgentRules::default(), |_, account| {
        account.policy.dm = DmPolicy::Pairing;
        account.policy.allow_from = SenderList::default();
        account.policy.context_messages = 50;
    })
    .await;
    let told = |which| async { journal::explain(&rig.engine, which).await.expect("read") };
    rig.send(PeerKind::Direct, "5", "let me in").await;
    let story = told(Which::Last).await.expect("a story").text();
    assert!(
        story.contains("admitted: not yet: the sender is unknown"),
        "{story}"
    );
    assert!(!story.contains("routed"), "{story}");
    rig.send(PeerKind::Group, "5", "nobody is meant").await;
    let story = told(Which::Last).await.expect("a story").text();
    assert!(
        story.contains("admitted: no: nobody addressed the agent"),
        "{story}"
    );
}

#[tokio::test]
async fn the_end_of_an_answer_in_blocks_leaves_its_blocks_where_they_are() {
    let rig = Rig::new("blocks", AgentRules::default(), |_, account| {
        account.streaming = crate::StreamMode::Block;
        account.block_chars_max = 200;
    })
    .await;
    let target = chat_with(PeerKind::Direct, "7");
    let shown = Shown {
        message_ids: vec!["m1".to_owned(), "m2".to_owned()],
        is_status: false,
    };
    let paragraph = "word ".repeat(30);
    let text = [paragraph.trim(); 3].join("\n\n");
    let operations = crate::reply::replacing(&rig.engine, &text, &target, &shown);
    let told: Vec<String> = operations
        .iter()
        .map(|operation| match operation {
            Operation::Edit {
                message_id, text, ..
            } => {
                format!("edit {message_id}: {}", text.plain.len())
            }
            Operation::Text { text, .. } => format!("send: {}", text.plain.len()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["edit m1: 149", "edit m2: 149", "send: 149"]);
}
