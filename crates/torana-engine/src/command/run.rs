//! Chat commands: what `/new`, `/stop` and the like do. They bypass queue and model.
//!
//! A command is stored, carried out and answered in one commit, so a crash leaves all of it or none.

use std::future::Future;
use std::sync::Arc;

use rusqlite::{Connection, params};
use torana_core::command::{
    Command, ModelAction, ModelScope, QueueAction, QueueChange, Setting, SettingAction, Who,
    command_list, help_text,
};
use torana_core::event::{Event, RunFacts, SessionChange};
use torana_core::id::{AgentId, SessionId};
use torana_core::key::{GroupScope, Shape};
use torana_core::lane::QueueMode;
use torana_core::message::{PeerKind, ReplyTarget};
use torana_core::run::{Entry, ModelRef, Outcome, Settled, Usage};

use super::overrides::{EVERY_AGENT, print_queue};
use super::status::{Facts, facts, model_text, status_text};
use super::{kept, manner};
use crate::engine::{Engine, appended};
use crate::ingress::Inserted;
use crate::reply;
use crate::run::place_of;
use crate::session::{Held, Work};
use crate::settings::Settings;
use crate::store::inbox::{NewRow, Payload, State};
use crate::store::outbox::Intent;
use crate::store::session::{SessionRow, Touch};
use crate::store::{StoreError, inbox, session};
use crate::turn::{Finished, StopReason};

/// What the transaction of a command changes besides the rows every command writes.
pub(super) enum Change {
    None,
    Stop,
    Reset {
        fresh_id: String,
    },
    Session(session::Change),
    Model {
        agent: String,
        model: Option<ModelRef>,
    },
}

/// Says what holds, once a command was carried out.
pub(super) type Words = Box<dyn FnOnce(&SessionRow, &Facts) -> String + Send>;

/// What a command does and says, decided before anything is written. `None` as text: the session row says it.
pub(super) struct Effect {
    pub(super) change: Change,
    pub(super) text: Option<String>,
    /// Makes the text of the row as it is after the change.
    pub(super) words: Option<Words>,
    pub(super) queue: Option<Option<QueueChange>>,
    pub(super) model: Option<(String, Option<ModelRef>)>,
    /// The session is summarised behind the answer, with this in mind.
    pub(super) compact: Option<Option<String>>,
}

impl Effect {
    pub(super) fn say(text: impl Into<String>) -> Self {
        Self {
            change: Change::None,
            text: Some(text.into()),
            words: None,
            queue: None,
            model: None,
            compact: None,
        }
    }
}

/// Carries out a command. The write is queued by the call.
pub(crate) fn run(
    engine: &Engine,
    work: Work,
    mut row: NewRow,
    touch: Touch,
    command: Command,
    owner: bool,
) -> impl Future<Output = Result<Inserted, StoreError>> + Send + use<> {
    let engine = engine.clone();
    let settings = engine.settings();
    let effect = decide(&engine, &settings, &work, &command, owner);
    // Words after `/new` are the first message of the fresh session: the row stays open as an ordinary turn.
    let words = match command {
        Command::New { rest } | Command::Reset { rest, .. } => rest,
        _ => None,
    }
    .filter(|words| {
        !words.is_empty() && effect.model.is_none() && matches!(effect.change, Change::Reset { .. })
    });
    row.state = State::Adopted;
    if let Some(words) = &words {
        row.state = State::Queued;
        row.payload = row.payload.map(|payload| with_text(payload, words));
    }
    // What arrives before those words are on disk must not overtake them.
    let policy = engine.policy(
        &settings,
        &work.session,
        row.channel.as_str(),
        Some(QueueMode::Followup),
    );
    let held: Held = (work.session.clone(), row.sender.clone().unwrap_or_default());
    let hold = words.is_some().then(|| {
        engine.shared.sessions.debounce.expect(&held);
        (held, 0)
    });
    let was_idle = engine.shared.sessions.active(&work.session).is_none();
    let (notes, commit) = (
        effect.notes(),
        Commit {
            touch,
            check: engine.expiry_check(&settings, &work, was_idle),
            status: facts(&engine, &settings, &work),
            target: work.target.clone(),
            engine: engine.clone(),
            said: kept::said(&work, &effect),
            stay_open: words.is_some(),
            effect,
            row,
        },
    );
    let write = engine
        .shared
        .store
        .write(move |connection| commit.write(connection));
    async move {
        let stored = write.await;
        if !matches!(stored, Ok(Some(_))) {
            engine.unhold(hold.clone(), policy);
        }
        let Some(stored) = stored? else {
            let (channel, account) = place_of(&work);
            engine
                .shared
                .bus
                .publish(Event::InboundRepeated { channel, account });
            return Ok(Inserted::Repeated);
        };
        let Stored {
            row,
            created,
            expired,
            text,
            lines,
            intents,
        } = stored;
        for (sequence, entry) in lines {
            let line = appended(&work.session, &row.session_id, &work.agent, sequence, entry);
            engine.shared.bus.publish(Event::Transcript(line));
        }
        if notes.mention {
            engine.note_manner(&work.session, Some(&row));
        }
        notes.take_effect(&engine, &work, created, expired);
        engine.shared.delivery.submit(intents, false);
        match words {
            Some(words) => {
                let payload = Arc::new(with_text(work.payload.as_ref().clone(), &words));
                let work = Work { payload, ..work };
                engine.shared.turns.insert(&work.handle);
                engine.hold(&work, hold, policy);
            }
            None => answer(&engine, &work, &row, text),
        }
        Ok(Inserted::New {
            row: Some(Box::new(row)),
            created,
            sequence: 0,
            expired,
        })
    }
}

/// Everything the transaction of a command needs.
struct Commit {
    engine: Engine,
    row: NewRow,
    touch: Touch,
    check: Option<session::ExpiryCheck>,
    status: Facts,
    target: Option<ReplyTarget>,
    effect: Effect,
    /// What the transcript keeps of the command.
    said: Option<String>,
    /// The row goes on as an ordinary turn.
    stay_open: bool,
}

/// What the transaction of a command left behind.
struct Stored {
    row: SessionRow,
    created: bool,
    expired: bool,
    text: String,
    lines: Vec<(i64, Entry)>,
    intents: Vec<Intent>,
}

impl Commit {
    /// Stores, carries out and answers the command; `None` when it was stored before.
    fn write(self, connection: &Connection) -> Result<Option<Stored>, StoreError> {
        let (row, at_ms) = (&self.row, self.row.at_ms);
        if !inbox::insert(connection, row)? {
            return Ok(None);
        }
        let expired = match self.check {
            Some(check) => session::expire(connection, &self.touch, check)?.is_some(),
            None => false,
        };
        let (mut found, created) = session::touch(connection, &self.touch)?;
        apply(connection, &self.effect.change, &mut found, row.id, at_ms)?;
        let text = match (self.effect.words, self.effect.text) {
            (Some(words), _) => words(&found, &self.status),
            (None, Some(text)) => text,
            (None, None) => status_text(&self.status, &found),
        };
        let (mut intents, mut lines) = (Vec::new(), Vec::new());
        if !self.stay_open {
            if let Some(said) = self.said {
                lines = kept::keep(connection, row, &mut found, [said, text.clone()])?;
            }
            let result = serde_json::json!({
                "status": "ok", "text": text, "startedAt": at_ms, "endedAt": at_ms,
                "usage": Usage::default(), "sessionId": found.session_id, "command": true,
            });
            inbox::finish(connection, row.id, "answered:command", Some(&result), at_ms)?;
            if let Some(target) = &self.target {
                let operations = reply::operations(&self.engine, &text, target, &[]);
                let (store, run_id) = (self.engine.store(), row.run_id.as_ref());
                intents = reply::insert(
                    connection,
                    store,
                    Some(row.id),
                    run_id,
                    operations,
                    false,
                    at_ms,
                )?;
            }
        }
        Ok(Some(Stored {
            row: found,
            created,
            expired,
            text,
            lines,
            intents,
        }))
    }
}

/// What a command changes in memory, once it is on disk.
struct Notes {
    stops: bool,
    /// What a group has to say to be answered was chosen. Nothing else may touch that choice in memory: a command that
    /// was committed before it may be looked at after it.
    mention: bool,
    queue: Option<Option<QueueChange>>,
    model: Option<(String, Option<ModelRef>)>,
    compact: Option<Option<String>>,
}

impl Effect {
    fn notes(&self) -> Notes {
        Notes {
            stops: matches!(self.change, Change::Stop | Change::Reset { .. }),
            mention: matches!(
                &self.change,
                Change::Session(change) if change.manner.iter().any(|(setting, _)| *setting == Setting::Activation)
            ),
            queue: self.queue,
            model: self.model.clone(),
            compact: self.compact.clone(),
        }
    }
}

impl Notes {
    fn take_effect(self, engine: &Engine, work: &Work, created: bool, expired: bool) {
        if let Some(queue) = self.queue {
            engine.overrides_mut().set_queue(&work.session, queue);
        }
        if let Some((agent, model)) = self.model {
            let mut overrides = engine.overrides_mut();
            match model {
                Some(model) => overrides.models.insert(agent, model),
                None => overrides.models.remove(&agent),
            };
        }
        if self.stops {
            // The rows are done already; this ends what still runs and forgets what waited.
            let (waiting, _) =
                engine
                    .shared
                    .sessions
                    .clear(&work.session, Some(work.id), StopReason::Stop);
            let at_ms = engine.shared.world.wall_ms();
            engine.take_back_previews(waiting.iter().flat_map(Work::rows).collect());
            for waiting in waiting {
                engine.forget_handles(&waiting);
                engine.announce_cancelled(&waiting, StopReason::Stop, at_ms);
            }
        }
        if let Some(focus) = self.compact {
            super::compact::start(engine, work, focus);
        }
        if created {
            engine.session_changed(&work.session, &work.agent, SessionChange::Created);
        }
        let change = if self.stops || expired {
            SessionChange::Reset
        } else {
            SessionChange::Patched
        };
        engine.session_changed(&work.session, &work.agent, change);
    }
}

fn answer(engine: &Engine, work: &Work, row: &SessionRow, text: String) {
    let at_ms = engine.shared.world.wall_ms();
    let settled = Settled {
        outcome: Outcome::Ok,
        text,
        error: None,
        usage: Usage::default(),
        provider: None,
        model: None,
        calls: Vec::new(),
    };
    let facts = RunFacts {
        run_id: work.run_id.clone(),
        session: work.session.clone(),
        session_id: SessionId::new(&row.session_id).expect("stored session ids are uuids"),
        agent: work.agent.clone(),
        attempt: 1,
        started_at_ms: at_ms,
        origin: work.origin,
    };
    let finished = Finished {
        settled: Arc::new(settled),
        started_at_ms: at_ms,
        ended_at_ms: at_ms,
        silent: None,
        stopped: None,
    };
    engine.announce_end(&Arc::new(facts), work, finished);
}

fn with_text(payload: Payload, text: &str) -> Payload {
    match payload {
        Payload::Channel(mut inbound) => {
            text.clone_into(&mut inbound.text);
            Payload::Channel(inbound)
        }
        Payload::Client(mut input) => {
            text.clone_into(&mut input.text);
            Payload::Client(input)
        }
    }
}

fn apply(
    connection: &Connection,
    change: &Change,
    row: &mut SessionRow,
    command: torana_core::id::InboxId,
    at_ms: i64,
) -> Result<(), StoreError> {
    match change {
        Change::None => {}
        Change::Stop => end_open(connection, &row.key, command, at_ms)?,
        Change::Reset { fresh_id } => {
            end_open(connection, &row.key, command, at_ms)?;
            if row.entries > 0 {
                *row = session::reset(connection, &row.key, fresh_id, "command", at_ms)?;
            }
        }
        Change::Session(change) => {
            if let Some(changed) = session::change(connection, &row.key, change, at_ms)? {
                *row = changed;
            }
        }
        Change::Model { agent, model } => {
            let name = format!("model:{agent}");
            match model {
                Some(model) => connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO setting (name, value_json) VALUES (?1, ?2)",
                    )?
                    .execute(params![name, serde_json::to_string(&model.to_string())?])?,
                None => connection
                    .prepare_cached("DELETE FROM setting WHERE name = ?1")?
                    .execute([name])?,
            };
        }
    }
    Ok(())
}

/// Ends every open row of a session that is older than the command, so that no restart answers what was stopped.
fn end_open(
    connection: &Connection,
    key: &str,
    command: torana_core::id::InboxId,
    at_ms: i64,
) -> Result<(), StoreError> {
    // Two statements, because only the open states have an index.
    for sql in [
        "UPDATE inbox SET state = 'done', reason = 'stopped:stop', payload_json = NULL, updated_at = ?3
         WHERE state = 'merged' AND merged_into IN (SELECT id FROM inbox
           WHERE session = ?1 AND id < ?2 AND state IN ('queued', 'adopted', 'held'))",
        "UPDATE inbox SET state = 'done', reason = 'stopped:stop', payload_json = NULL, updated_at = ?3
         WHERE session = ?1 AND id < ?2 AND state IN ('queued', 'adopted', 'held')",
    ] {
        connection.prepare_cached(sql)?.execute(params![key, command.0, at_ms])?;
    }
    Ok(())
}

fn decide(
    engine: &Engine,
    settings: &Settings,
    work: &Work,
    command: &Command,
    owner: bool,
) -> Effect {
    if command.who() == Who::Owner && !owner {
        return Effect::say("Only an owner of this gateway can do that.");
    }
    match command {
        Command::Stop => {
            let busy = engine.shared.sessions.active(&work.session).is_some();
            let text = if busy {
                "Stopped."
            } else {
                "Nothing is running here."
            };
            Effect {
                change: Change::Stop,
                ..Effect::say(text)
            }
        }
        Command::New { rest } => reset(engine, settings, &work.agent, rest.as_deref()),
        Command::Reset { .. } => {
            let change = Change::Reset {
                fresh_id: engine.shared.world.uuid(),
            };
            Effect {
                change,
                ..Effect::say("This conversation starts again.")
            }
        }
        Command::Help => Effect::say(help_text()),
        Command::Commands => Effect::say(command_list()),
        Command::Whoami => Effect::say(whoami(work)),
        Command::Status => Effect {
            text: None,
            ..Effect::say("")
        },
        Command::Model(action) => model(engine, settings, work, action),
        Command::Queue(action) => queue(engine, settings, work, action),
        Command::Setting(Setting::Activation, SettingAction::Set(_))
            if !may_be_group(settings, work) =>
        {
            Effect::say(
                "Here the agent answers every message; only in a group there is something to choose.",
            )
        }
        Command::Setting(setting, action) => manner::decide(*setting, action),
        Command::Compact { focus } => Effect {
            compact: Some(focus.clone()),
            ..Effect::say("Summarising what was said so far; the next answer goes on from there.")
        },
        Command::Unknown { name, .. } => {
            Effect::say(format!("I do not know the command /{name}. Try /help."))
        }
    }
}

/// Whether messages of a group reach the session of a command.
fn may_be_group(settings: &Settings, work: &Work) -> bool {
    match work.payload.as_ref() {
        Payload::Channel(inbound) => inbound.conversation.peer.kind != PeerKind::Direct,
        Payload::Client(_) => match work.session.parts().shape {
            Shape::Direct { .. } => false,
            Shape::Main => settings.routing.group_scope == GroupScope::Main,
            _ => true,
        },
    }
}

fn reset(engine: &Engine, settings: &Settings, agent: &AgentId, rest: Option<&str>) -> Effect {
    let change = Change::Reset {
        fresh_id: engine.shared.world.uuid(),
    };
    let mut effect = Effect {
        change,
        ..Effect::say("A new conversation begins.")
    };
    // A single word that names a model chooses it; anything else is the first message.
    if let Some(model) = rest.and_then(|rest| find_model(settings, agent, rest)) {
        effect.text = Some(format!(
            "A new conversation begins. The configured models include {model}; choose it with /model {model}."
        ));
        effect.model = None;
    }
    effect
}

fn whoami(work: &Work) -> String {
    match work.payload.as_ref() {
        Payload::Channel(inbound) => {
            let place = &inbound.conversation;
            format!(
                "You are `{}:{}` on account `{}`, in {} `{}`.",
                place.channel,
                inbound.sender.id,
                place.account,
                place.peer.kind.as_str(),
                place.peer.id
            )
        }
        Payload::Client(input) => {
            let rights = if input.owner {
                "an operator with all rights"
            } else {
                "an operator"
            };
            format!("You are {rights}, in session `{}`.", work.session)
        }
    }
}

/// The models people may choose for an agent, in the order of the list they see.
fn choices<'a>(settings: &'a Settings, agent: &AgentId) -> Vec<&'a crate::settings::ModelInfo> {
    let agent = settings.agents.get(agent);
    settings
        .models
        .iter()
        .filter(|model| agent.is_none_or(|agent| agent.allows_model(&model.reference)))
        .collect()
}

/// Finds a model by alias, number in the list, `provider/model`, or model id.
pub(crate) fn find_model(settings: &Settings, agent: &AgentId, wanted: &str) -> Option<ModelRef> {
    let wanted = wanted.trim();
    let models = choices(settings, agent);
    if let Ok(number) = wanted.parse::<usize>() {
        return models
            .get(number.checked_sub(1)?)
            .map(|model| model.reference.clone());
    }
    let by = |test: &dyn Fn(&crate::settings::ModelInfo) -> bool| {
        models
            .iter()
            .find(|model| test(model))
            .map(|model| model.reference.clone())
    };
    by(&|model| {
        model
            .alias
            .as_deref()
            .is_some_and(|alias| alias.eq_ignore_ascii_case(wanted))
    })
    .or_else(|| by(&|model| model.reference.to_string() == wanted))
    .or_else(|| by(&|model| model.reference.model == wanted))
}

fn model(engine: &Engine, settings: &Settings, work: &Work, action: &ModelAction) -> Effect {
    match action {
        ModelAction::Show => Effect {
            words: Some(Box::new(|row, facts| {
                format!(
                    "Model: {}\n\nChoose another with `/model` and its name or number (`/models` lists them); \
                     `/model default` goes back to the configured one.",
                    model_text(facts, row)
                )
            })),
            ..Effect::say("")
        },
        ModelAction::Status => Effect {
            text: None,
            ..Effect::say("")
        },
        ModelAction::List => Effect::say(model_list(settings, &work.agent)),
        ModelAction::Default { scope } => choose(engine, work, *scope, None),
        ModelAction::Set { reference, scope } => match find_model(settings, &work.agent, reference)
        {
            Some(model) => choose(engine, work, *scope, Some(model)),
            None if settings
                .models
                .iter()
                .any(|model| model.reference.to_string() == reference.trim()) =>
            {
                let list = model_list(settings, &work.agent);
                Effect::say(format!(
                    "The model `{reference}` may not be chosen here (`modelPolicy.allow`).\n\n{list}"
                ))
            }
            None => {
                let list = model_list(settings, &work.agent);
                Effect::say(format!("There is no model `{reference}` here.\n\n{list}"))
            }
        },
    }
}

fn choose(_engine: &Engine, work: &Work, scope: ModelScope, model: Option<ModelRef>) -> Effect {
    let words = model.as_ref().map_or_else(
        || "the configured model".to_owned(),
        |model| format!("`{model}`"),
    );
    match scope {
        ModelScope::Session => {
            let change = session::Change {
                model: Some(model.map(|model| model.to_string())),
                ..session::Change::default()
            };
            Effect {
                change: Change::Session(change),
                ..Effect::say(format!("This conversation now uses {words}."))
            }
        }
        ModelScope::Agent | ModelScope::Global => {
            let agent = if scope == ModelScope::Agent {
                work.agent.to_string()
            } else {
                EVERY_AGENT.to_owned()
            };
            let whom = if scope == ModelScope::Agent {
                format!("Agent {agent}")
            } else {
                "Every agent".to_owned()
            };
            Effect {
                change: Change::Model {
                    agent: agent.clone(),
                    model: model.clone(),
                },
                model: Some((agent, model)),
                ..Effect::say(format!("{whom} now uses {words}."))
            }
        }
    }
}

fn model_list(settings: &Settings, agent: &AgentId) -> String {
    if settings.models.is_empty() {
        return "No model is configured; the demo agent answers. Ask it to *help me configure* one.".to_owned();
    }
    let mut text = String::from("Models:\n");
    for (index, model) in choices(settings, agent).into_iter().enumerate() {
        let alias = model
            .alias
            .as_deref()
            .map(|alias| format!(" ({alias})"))
            .unwrap_or_default();
        let note = if model.available { "" } else { " — no key" };
        text.push_str(&format!(
            "{}. `{}`{alias}{note}\n",
            index + 1,
            model.reference
        ));
    }
    text.push_str("\nChoose one with /model followed by its name or number.");
    text
}

fn queue(engine: &Engine, settings: &Settings, work: &Work, action: &QueueAction) -> Effect {
    let channel = place_of(work).0;
    match action {
        QueueAction::Show => {
            let policy = engine.policy(settings, &work.session, channel.as_str(), None);
            Effect::say(format!(
                "Messages during an answer: {}; up to {} may wait.",
                policy.mode.as_str(),
                policy.cap
            ))
        }
        QueueAction::Invalid { word } => Effect::say(format!(
            "I do not understand `{word}`. Use /queue followed by steer, followup, collect or interrupt."
        )),
        QueueAction::Reset => {
            let change = session::Change {
                queue_mode: Some(None),
                ..session::Change::default()
            };
            Effect {
                change: Change::Session(change),
                queue: Some(None),
                ..Effect::say("This conversation uses the configured queue settings again.")
            }
        }
        QueueAction::Set(wanted) => {
            let mut merged = engine
                .overrides()
                .queue_of(&work.session)
                .unwrap_or_default();
            merged.mode = wanted.mode.or(merged.mode);
            merged.debounce_ms = wanted.debounce_ms.or(merged.debounce_ms);
            merged.cap = wanted.cap.or(merged.cap);
            merged.drop = wanted.drop.or(merged.drop);
            let stored = print_queue(&merged);
            let change = session::Change {
                queue_mode: Some(Some(stored.clone())),
                ..session::Change::default()
            };
            Effect {
                change: Change::Session(change),
                queue: Some(Some(merged)),
                ..Effect::say(format!("Messages during an answer: {stored}."))
            }
        }
    }
}
