//! What settings promise: each one changes what a whole engine does with a message.

mod commands;
mod queue;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream;
use torana_core::admit::{
    AccountPolicy, DmPolicy, GroupPolicy, MentionPatterns, MentionScope, SenderList,
};
use torana_core::command::Setting;
use torana_core::event::{Event, SessionChange};
use torana_core::id::{AccountId, AgentId, ChannelId};
use torana_core::key::SessionKey;
use torana_core::message::{
    Addressed, Conversation, Inbound, InboundKind, Peer, PeerKind, ReplyTarget, Sender,
};
use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, Clock, Entropy, MediaFailure,
    OpenRequest, RunStream, Steer, TurnRequest, World,
};
use torana_core::route::{ResetRule, ResetRules};
use torana_core::run::{ModelRef, Outcome, RunEvent, Settled, Usage};

use crate::service::journal::{Which, explain};
use crate::service::sessions::{self, NewSession};
use crate::store::inbox::ClientInput;
use crate::store::session::Change;
use crate::store::{self, Store, session};
use crate::{
    AccountSettings, AgentRules, AgentSettings, Bus, ClientTurn, Engine, Options, Settings,
    SubmitStatus,
};

mod approvals;
mod client;
mod silence;
mod suspension;

/// A minute past noon, so that hours before and after it are on the same day.
const NOON_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000 + 43_260_000;
const HOUR_MS: i64 = 3_600_000;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> u64 {
        self.wall_ms().unsigned_abs()
    }
    fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
        // Nothing here waits for time.
        Box::pin(std::future::pending())
    }
}

#[derive(Default)]
struct Count(AtomicU64);

impl Entropy for Count {
    fn fill(&self, buffer: &mut [u8]) {
        for piece in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
            piece.copy_from_slice(&next[..piece.len()]);
        }
    }
}

/// Answers `ok` and remembers what it was asked.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<TurnRequest>>>);

/// Opens every conversation as a clone of the one it holds.
struct Opens<C>(C);

impl<C: AgentConversation + Clone + Sync + 'static> AgentBackend for Opens<C> {
    fn open(
        &self,
        _: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        let conversation: Box<dyn AgentConversation> = Box::new(self.0.clone());
        Box::pin(async { Ok(conversation) })
    }
}

impl AgentConversation for Listener {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        let settled = Settled {
            outcome: Outcome::Ok,
            text: "ok".to_owned(),
            error: None,
            usage: Usage::default(),
            provider: None,
            model: None,
            calls: Vec::new(),
        };
        Box::pin(stream::iter([RunEvent::Settled(settled)]))
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}

/// An engine with one open account and a clock that is moved by hand.
struct Rig {
    engine: Engine,
    clock: Arc<Hand>,
    asked: Listener,
    resets: Arc<AtomicU64>,
    numbers: AtomicU64,
    path: std::path::PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// What waits to be sent.
async fn waiting(rig: &Rig) -> Vec<store::outbox::Intent> {
    let read = rig
        .engine
        .read(|connection| store::outbox::pending(connection, 100));
    read.await.expect("read")
}

fn main_agent() -> AgentId {
    AgentId::new("main").expect("a constant id")
}

fn place() -> (ChannelId, AccountId) {
    (
        ChannelId::new("chat").expect("a constant id"),
        AccountId::new("default").expect("a constant id"),
    )
}

/// Where an answer to this peer goes.
fn chat_with(kind: PeerKind, id: &str) -> ReplyTarget {
    let (channel, account) = place();
    let peer = Peer {
        kind,
        id: id.into(),
    };
    ReplyTarget {
        conversation: Conversation {
            channel,
            account,
            peer,
            thread: None,
        },
        reply_to: None,
    }
}

impl Rig {
    async fn new(
        name: &str,
        rules: AgentRules,
        change: impl FnOnce(&mut Settings, &mut AccountSettings),
    ) -> Self {
        let path =
            std::env::temp_dir().join(format!("torana-settings-{}-{name}.db", std::process::id()));
        drop(std::fs::remove_file(&path));
        let clock = Arc::new(Hand(AtomicI64::new(NOON_MS)));
        let world = World {
            clock: clock.clone(),
            entropy: Arc::new(Count::default()),
        };
        let asked = Listener::default();
        let agent = AgentSettings {
            name: "Main".to_owned(),
            emoji: None,
            avatar: None,
            system: String::new(),
            notes: Vec::new(),
            model: None,
            thinking: None,
            context_tokens: 10_000,
            rules,
            backend: Arc::new(Opens(asked.clone())),
        };
        let mut settings = Settings::single(main_agent(), agent);
        let policy = AccountPolicy {
            dm: DmPolicy::Open,
            allow_from: SenderList::new(["*"]),
            group: GroupPolicy::Open,
            ..AccountPolicy::default()
        };
        let mut account = AccountSettings {
            policy,
            ..AccountSettings::default()
        };
        change(&mut settings, &mut account);
        settings.accounts.insert(place(), account);
        let bus = Bus::default();
        let resets = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&resets);
        bus.attach(Arc::new(move |_, event| {
            if matches!(
                event,
                Event::Session {
                    change: SessionChange::Reset,
                    ..
                }
            ) {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        }));
        let store = Store::open(store::Options {
            flush: false,
            ..store::Options::new(&path)
        })
        .expect("a store");
        let engine = Engine::open(Options {
            store,
            world,
            settings,
            bus,
        })
        .await
        .expect("an engine");
        engine.recover().await.expect("an empty store");
        Self {
            engine,
            clock,
            asked,
            resets,
            numbers: AtomicU64::new(0),
            path,
        }
    }

    /// Somebody writes; waits until nothing runs in any session. Returns how many turns that made.
    async fn hear(&self, kind: PeerKind, sender: &str, text: &str) -> usize {
        let before = self.turns();
        self.send(kind, sender, text).await;
        self.quiet().await;
        self.turns() - before
    }

    /// Somebody writes; the message is stored in the order of calls and on disk when the future ends.
    fn send(&self, kind: PeerKind, sender: &str, text: &str) -> impl Future<Output = ()> + use<> {
        let stored = self.engine.accept(self.inbound(kind, sender, text));
        async move { stored.await.expect("stored") }
    }

    /// A message of somebody that carries nothing but its text.
    fn inbound(&self, kind: PeerKind, sender: &str, text: &str) -> Inbound {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let (channel, account) = place();
        let peer = if kind == PeerKind::Direct {
            sender
        } else {
            "-100"
        };
        Inbound {
            event_id: number.to_string(),
            platform_account: "1".into(),
            kind: InboundKind::Message,
            conversation: Conversation {
                channel,
                account,
                peer: Peer {
                    kind,
                    id: peer.into(),
                },
                thread: None,
            },
            title: None,
            sender: Sender {
                id: sender.into(),
                username: None,
                display: None,
                is_bot: false,
                is_self: false,
            },
            message_id: Some(number.to_string()),
            text: text.to_owned(),
            addressed: Addressed::default(),
            quote: None,
            attachments: Vec::new(),
            forwarded_from: None,
            album: None,
            sent_at_ms: self.clock.wall_ms(),
        }
    }

    async fn quiet(&self) {
        while self.engine.load() != (0, 0) || self.engine.turns_open() > 0 {
            tokio::task::yield_now().await;
        }
    }

    fn turns(&self) -> usize {
        self.asked
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// What the agent was told before the newest turn.
    fn history(&self) -> Vec<String> {
        let asked = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked
            .last()
            .map(|request| {
                request
                    .history
                    .iter()
                    .map(|entry| entry.text.clone())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// What became of the newest message, as its story says it.
    async fn told(&self) -> String {
        let story = explain(&self.engine, Which::Last).await;
        let story = story.expect("read").expect("a message");
        let ran = story.steps.iter().find(|step| step.stage == "run");
        ran.expect("a run").text.clone()
    }

    fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    fn resets(&self) -> u64 {
        self.resets.load(Ordering::SeqCst)
    }
}

fn daily_and_idle() -> ResetRules {
    let general = ResetRule {
        daily_at_hour: Some(4),
        idle_ms: Some(10 * HOUR_MS),
    };
    ResetRules {
        general,
        ..ResetRules::default()
    }
}

#[tokio::test]
async fn a_session_starts_anew_after_its_day_or_after_silence() {
    let rig = Rig::new("reset", AgentRules::default(), |settings, _| {
        settings.resets = daily_and_idle()
    })
    .await;
    rig.hear(PeerKind::Direct, "7", "one").await;
    rig.later(9 * HOUR_MS);
    rig.hear(PeerKind::Direct, "7", "two").await;
    assert_eq!(
        (rig.history(), rig.resets()),
        (vec!["one".to_owned(), "ok".to_owned()], 0)
    );
    // 21:01 plus eight hours: the day changed at four.
    rig.later(8 * HOUR_MS);
    rig.hear(PeerKind::Direct, "7", "three").await;
    assert_eq!((rig.history(), rig.resets()), (Vec::new(), 1));
    rig.later(10 * HOUR_MS);
    rig.hear(PeerKind::Direct, "7", "four").await;
    assert_eq!((rig.history(), rig.resets()), (Vec::new(), 2));
    rig.hear(PeerKind::Direct, "7", "five").await;
    assert_eq!(rig.history(), ["four", "ok"]);
}

#[tokio::test]
async fn an_empty_transcript_is_not_archived_and_its_first_message_stays() {
    let rig = Rig::new("empty", AgentRules::default(), |settings, _| {
        settings.resets = daily_and_idle()
    })
    .await;
    rig.hear(PeerKind::Direct, "7", "/status").await;
    rig.later(24 * HOUR_MS);
    rig.hear(PeerKind::Direct, "7", "one").await;
    rig.hear(PeerKind::Direct, "7", "two").await;
    assert_eq!(
        (rig.history(), rig.resets()),
        (vec!["one".to_owned(), "ok".to_owned()], 0)
    );
}

#[tokio::test]
async fn a_list_of_who_may_command_is_the_only_one() {
    let rig = Rig::new("senders", AgentRules::default(), |settings, _| {
        settings
            .command_senders
            .insert("chat".to_owned(), SenderList::new(["7"]));
        settings.owners.push("8".to_owned());
        settings.resets = ResetRules::default();
    })
    .await;
    for (sender, resets) in [("9", 0), ("7", 1), ("8", 2)] {
        assert_eq!(
            rig.hear(PeerKind::Direct, sender, "/reset").await,
            0,
            "never a turn"
        );
        assert_eq!(rig.resets(), resets, "{sender}");
    }
    assert_eq!(rig.hear(PeerKind::Direct, "9", "words").await, 1);
    // A word without a slash is a command of those who may give some, and else what it says.
    assert_eq!(rig.hear(PeerKind::Direct, "7", "stop").await, 0);
    assert_eq!(rig.hear(PeerKind::Direct, "9", "stop").await, 1);
}

#[tokio::test]
async fn without_text_commands_a_command_is_plain_text() {
    let rig = Rig::new("plain", AgentRules::default(), |settings, _| {
        settings.text_commands = false
    })
    .await;
    assert_eq!(rig.hear(PeerKind::Direct, "7", "/status").await, 1);
}

#[tokio::test]
async fn patterns_of_the_agent_count_where_the_account_lets_them() {
    let (patterns, _) = MentionPatterns::new(["bot"]);
    let rules = AgentRules {
        mention_patterns: Some(patterns),
        ..AgentRules::default()
    };
    let rig = Rig::new("mention", rules.clone(), |_, _| {}).await;
    assert_eq!(rig.hear(PeerKind::Group, "7", "hello all").await, 0);
    assert_eq!(rig.hear(PeerKind::Group, "7", "hello Bot").await, 1);
    let denied = MentionScope {
        deny_in: vec!["-100".to_owned()],
        ..MentionScope::default()
    };
    let rig = Rig::new("scope", rules, |_, account| account.mention_scope = denied).await;
    assert_eq!(rig.hear(PeerKind::Group, "7", "hello Bot").await, 0);
}

#[tokio::test]
async fn a_direct_chat_shows_as_many_turns_as_config_says() {
    let rig = Rig::new("turns", AgentRules::default(), |_, account| {
        account.dm_turns = Some(0);
        account.dm_turns_by_sender.insert("7".to_owned(), 1);
    })
    .await;
    for text in ["one", "two", "three"] {
        rig.hear(PeerKind::Direct, "7", text).await;
    }
    assert_eq!(rig.history(), ["two", "ok"]);
    rig.hear(PeerKind::Direct, "9", "four").await;
    assert!(rig.history().is_empty());
}

async fn submit(rig: &Rig, key: &str, input: ClientInput) -> Result<Option<String>, String> {
    let turn = ClientTurn {
        method: "test",
        session: SessionKey::main("main"),
        key: key.to_owned(),
        input,
        origin: None,
    };
    let submitted = rig
        .engine
        .submit(turn)
        .await
        .map_err(|problem| problem.message)?;
    let SubmitStatus::Started(handle) = submitted.status else {
        return Ok(None);
    };
    let text = handle
        .finished()
        .await
        .map(|finished| finished.settled.text.clone());
    rig.quiet().await;
    Ok(text)
}

#[tokio::test]
async fn a_command_takes_the_session_to_the_chat_it_names_as_any_message_does() {
    for text in ["hello", "/status"] {
        let rig = Rig::new("route", AgentRules::default(), |_, _| {}).await;
        let input = ClientInput {
            text: text.to_owned(),
            route: Some(chat_with(PeerKind::Group, "-100")),
            ..ClientInput::default()
        };
        submit(&rig, "a", input).await.expect("accepted");
        let row = rig
            .engine
            .read(|connection| session::get(connection, "agent:main:main"));
        let row = row.await.expect("read").expect("a session");
        assert_eq!(
            (row.channel.as_deref(), row.chat_type.as_deref()),
            (Some("chat"), Some("group")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn only_allowed_models_can_be_chosen_in_any_way() {
    let rules = AgentRules {
        models_allowed: vec!["a/*".to_owned(), "b/one".to_owned()],
        ..AgentRules::default()
    };
    let rig = Rig::new("models", rules, |settings, _| {
        for name in ["a/x", "b/one", "b/two"] {
            settings.models.push(crate::ModelInfo {
                reference: ModelRef::parse(name).expect("a reference"),
                name: name.to_owned(),
                alias: None,
                context_tokens: None,
                reasoning: false,
                available: true,
                local: false,
                price: None,
            });
        }
    })
    .await;
    let model = |name: &str| ClientInput {
        text: "hi".to_owned(),
        model: Some(name.to_owned()),
        ..ClientInput::default()
    };
    assert_eq!(
        submit(&rig, "1", model("a/x")).await,
        Ok(Some("ok".to_owned()))
    );
    let refused = submit(&rig, "2", model("b/two"))
        .await
        .expect_err("not allowed");
    assert_eq!(refused, "model \"b/two\" is not allowed for agent \"main\"");
    let change = |name: &str| Change {
        model: Some(Some(name.to_owned())),
        ..Change::default()
    };
    let key = SessionKey::main("main");
    assert!(
        rig.engine
            .change_session(&key, change("b/two"))
            .await
            .is_err()
    );
    assert!(
        rig.engine
            .change_session(&key, change("b/one"))
            .await
            .is_ok_and(|row| row.is_some())
    );
    let say = |text: &str| ClientInput {
        text: text.to_owned(),
        ..ClientInput::default()
    };
    let list = submit(&rig, "3", say("/models"))
        .await
        .expect("a command")
        .expect("an answer");
    assert!(list.contains("b/one") && !list.contains("b/two"), "{list}");
    let answer = submit(&rig, "4", say("/model b/two"))
        .await
        .expect("a command")
        .expect("an answer");
    assert!(answer.contains("modelPolicy.allow"), "{answer}");
    // What was chosen while it was allowed does not outlive a narrower policy.
    rig.engine
        .store()
        .write(|connection| {
            session::change(
                connection,
                "agent:main:main",
                &Change {
                    model: Some(Some("b/two".to_owned())),
                    ..Change::default()
                },
                0,
            )
        })
        .await
        .expect("written");
    submit(&rig, "5", say("hi")).await.expect("a turn");
    let asked = rig.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(asked.last().and_then(|request| request.model.clone()), None);
}

#[tokio::test]
async fn a_conversation_that_outgrew_the_context_goes_on_from_a_summary() {
    let rig = Rig::new("outgrown", AgentRules::default(), |_, _| {}).await;
    let say = |text: String| ClientInput {
        text,
        ..ClientInput::default()
    };
    // The context has room for 30,000 bytes, so the fourth turn does not see the first.
    for round in 0..4 {
        let text = format!("{round} {}", "words ".repeat(2_000));
        submit(&rig, &round.to_string(), say(text))
            .await
            .expect("a turn");
    }
    let asked = rig.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
    let summaries = asked
        .iter()
        .filter(|request| request.system.starts_with("You summarise"));
    assert!(summaries.count() > 0);
    let last = asked.last().expect("a question");
    assert!(last.input.starts_with("3 words"), "{}", last.input.len());
    let first = last.history.first().expect("a summary");
    assert_eq!(first.role, torana_core::run::Role::System);
    assert!(first.text.ends_with("\nok"), "{}", first.text);
}

#[tokio::test]
async fn a_group_answers_to_everything_once_that_was_chosen_and_after_a_restart_too() {
    let rig = Rig::new("activation", AgentRules::default(), |_, _| {}).await;
    assert_eq!(rig.hear(PeerKind::Group, "7", "anybody?").await, 0);
    // Somebody has to have spoken with the agent there before the session exists.
    rig.hear(PeerKind::Group, "7", "/status").await;
    let key = rig
        .engine
        .parse_key("agent:main:chat:group:-100")
        .expect("a key");
    let choose = |word| Change {
        manner: vec![(Setting::Activation, word)],
        ..Change::default()
    };
    let row = rig
        .engine
        .change_session(&key, choose(Some("always")))
        .await
        .expect("changed");
    assert!(row.is_some(), "the group has a session");
    assert_eq!(rig.hear(PeerKind::Group, "7", "anybody?").await, 1);
    let known = rig
        .engine
        .read(crate::command::Overrides::load)
        .await
        .expect("read");
    assert_eq!(known.mention_of(&key), Some(false));
    rig.engine
        .change_session(&key, choose(None))
        .await
        .expect("changed");
    assert_eq!(rig.hear(PeerKind::Group, "7", "anybody?").await, 0);
}

#[tokio::test]
async fn a_group_answers_to_everything_when_that_was_chosen_before_its_first_message() {
    let rig = Rig::new("chosen-first", AgentRules::default(), |_, _| {}).await;
    let key = rig.engine.parse_key("agent:main:chat:group:-100");
    let chosen = NewSession {
        key: Some(key.expect("a key")),
        change: Change {
            manner: vec![(Setting::Activation, Some("always"))],
            ..Change::default()
        },
        ..NewSession::default()
    };
    let made = sessions::create(&rig.engine, chosen).await;
    assert!(made.is_ok_and(|made| made.is_new));
    assert_eq!(rig.hear(PeerKind::Group, "7", "anybody?").await, 1);
}

#[tokio::test]
async fn a_session_that_is_there_keeps_its_name() {
    let rig = Rig::new("named-once", AgentRules::default(), |_, _| {}).await;
    let key = rig.engine.parse_key("agent:main:plans").expect("a key");
    for title in ["first", "second"] {
        let new = NewSession {
            key: Some(key.clone()),
            title: Some(title.to_owned()),
            ..NewSession::default()
        };
        let made = sessions::create(&rig.engine, new).await.expect("there");
        assert_eq!(made.row.face.display_name.as_deref(), Some("first"));
    }
}

#[tokio::test]
async fn a_message_cannot_take_the_id_of_a_line_put_into_a_transcript() {
    let rig = Rig::new("forged", AgentRules::default(), |_, _| {}).await;
    let refusal = submit(&rig, "inject-1", ClientInput::default()).await;
    assert!(refusal.is_err_and(|message| message.contains("cannot begin with \"inject-\"")));
    assert_eq!(rig.turns(), 0);
}

/// Commands are looked at after they are on disk, when a later choice may hold already.
#[tokio::test]
async fn a_command_leaves_a_choice_alone_that_was_made_after_it() {
    let rig = Rig::new("late", AgentRules::default(), |_, _| {}).await;
    rig.hear(PeerKind::Group, "7", "/status").await;
    let key = rig.engine.parse_key("agent:main:chat:group:-100");
    let key = key.expect("a key");
    let always = Change {
        manner: vec![(Setting::Activation, Some("always"))],
        ..Change::default()
    };
    // The first is asked first, so the command is written before the choice.
    let (_, changed) = futures_util::join!(
        rig.send(PeerKind::Group, "7", "/usage full"),
        rig.engine.change_session(&key, always),
    );
    assert!(changed.is_ok_and(|row| row.is_some()));
    assert_eq!(rig.hear(PeerKind::Group, "7", "anybody?").await, 1);
}

#[tokio::test]
async fn a_session_that_sends_nothing_keeps_its_answers() {
    let rig = Rig::new("send", AgentRules::default(), |_, _| {}).await;
    let count = || {
        rig.engine
            .read(|connection| Ok(store::outbox::pending(connection, 100)?.len()))
    };
    rig.hear(PeerKind::Direct, "7", "one").await;
    let sent = count().await.expect("read");
    assert!(sent > 0, "an answer waits for its platform");
    let key = rig.engine.parse_key("agent:main:main").expect("a key");
    let change = Change {
        manner: vec![
            (Setting::Send, Some("deny")),
            (Setting::Usage, Some("full")),
        ],
        ..Change::default()
    };
    assert_eq!(rig.told().await, "done (answered), run once");
    let row = rig.engine.change_session(&key, change).await.expect("ok");
    assert!(row.is_some(), "the chat has a session");
    assert_eq!(rig.hear(PeerKind::Direct, "7", "two").await, 1);
    assert_eq!(count().await.expect("read"), sent);
    assert_eq!(rig.told().await, "done (silent:send_off), run once");
    rig.hear(PeerKind::Direct, "7", "/send").await;
    assert_eq!(
        count().await.expect("read"),
        sent + 1,
        "commands still answer"
    );
    rig.hear(PeerKind::Direct, "7", "three").await;
    assert_eq!(rig.history(), ["one", "ok", "two", "ok"]);
}

/// Bytes of files, as the port wants them; only what was removed matters here.
#[derive(Default)]
struct Removed(std::sync::Mutex<Vec<String>>);

impl torana_core::port::MediaStore for Removed {
    fn put(&self, _: String, _: bytes::Bytes) -> BoxFuture<'_, Result<(), MediaFailure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn get(&self, _: String) -> BoxFuture<'_, Result<Option<bytes::Bytes>, MediaFailure>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn remove(&self, digest: String) -> BoxFuture<'_, Result<(), MediaFailure>> {
        let mut removed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        removed.push(digest);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// S-104: above the bound the files nobody used for longest go, as many as it takes, and none that is in use.
#[tokio::test]
async fn files_beyond_the_quota_go_oldest_first() {
    let rig = Rig::new("quota", AgentRules::default(), |_, _| {}).await;
    let removed = Arc::new(Removed::default());
    rig.engine.keep_media(removed.clone());
    let half = torana_core::limit::MEDIA_BYTES_MAX / 2;
    rig.engine
        .write(move |connection| {
            for (digest, used_at) in [("oldest", 1_i64), ("older", 2), ("in-use", NOON_MS)] {
                connection
                    .prepare_cached("INSERT INTO media VALUES (?1, 'a/b', ?2, 0, ?3)")?
                    .execute(rusqlite::params![digest, half, used_at])?;
            }
            Ok(())
        })
        .await
        .expect("written");
    assert_eq!(rig.engine.evict_media().await.expect("evicted"), 1);
    assert_eq!(rig.engine.evict_media().await.expect("evicted"), 0);
    let gone = removed.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*gone, ["oldest"]);
}
