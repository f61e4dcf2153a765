//! The engine: everything that is shared, and the operations the rest of the gateway may ask for.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use torana_core::event::{Appended, Event, SessionChange};
use torana_core::id::{AgentId, INJECTED, IntentId, RunId};
use torana_core::key::{KeyContext, SessionKey};
use torana_core::message::{Operation, ReplyTarget};
use torana_core::port::{CrashMarks, World};
use torana_core::problem::{Code, Problem};
use torana_core::run::{Entry, ModelRef, Role, THINKING_LEVELS};

use crate::account::Accounts;
use crate::bus::Bus;
use crate::command::Overrides;
use crate::delivery::Delivery;
use crate::media::Vault;
use crate::run::Pauses;
use crate::session::Sessions;
use crate::settings::Settings;
use crate::store::session::{self, SessionRow};
use crate::store::{Store, StoreError, inbox, outbox, pairing, transcript};
use crate::supervise::Supervisor;
use crate::suspension::Suspension;
use crate::turn::{StopReason, TurnHandle, Turns};

/// What the engine is made of.
pub struct Options {
    /// The open store.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// What config says.
    pub settings: Settings,
    /// The bus; sinks may already be attached.
    pub bus: Bus,
}

/// Where the gateway is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Alive, not yet recovered: takes nothing new.
    Starting,
    /// Working.
    Accepting,
    /// Ending: takes nothing new, finishes what runs.
    Draining,
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) bus: Bus,
    pub(crate) tasks: Supervisor,
    pub(crate) sessions: Sessions,
    pub(crate) turns: Turns,
    pub(crate) delivery: Delivery,
    pub(crate) accounts: Accounts,
    pub(crate) gate: RwLock<Gate>,
    pub(crate) overrides: RwLock<Overrides>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) marks: Option<Arc<dyn CrashMarks>>,
    pub(crate) media: Vault,
    /// Sessions that are not summarised unasked for now.
    pub(crate) pauses: Pauses,
    pub(crate) suspension: Suspension,
    /// Runs that leave nothing behind, under way.
    pub(crate) passing_runs: Arc<AtomicUsize>,
    phase: AtomicU8,
    storage_full: AtomicBool,
}

/// Who was let in: asked for every message, so it is kept in memory.
#[derive(Default)]
pub(crate) struct Gate {
    paired: HashSet<(String, String, String)>,
    owners: HashSet<String>,
}

impl Gate {
    pub(crate) fn is_paired(&self, channel: &str, account: &str, sender: &str) -> bool {
        self.paired
            .contains(&(channel.to_owned(), account.to_owned(), sender.to_owned()))
    }

    pub(crate) fn is_recorded_owner(&self, channel: &str, sender: &str) -> bool {
        self.owners.contains(&format!("{channel}:{sender}"))
    }

    pub(crate) fn let_in(&mut self, channel: &str, account: &str, sender: &str) {
        self.paired
            .insert((channel.to_owned(), account.to_owned(), sender.to_owned()));
    }

    pub(crate) fn record_owner(&mut self, spelling: String) {
        self.owners.insert(spelling);
    }
}

impl Engine {
    /// Builds the engine over an open store. Follow with [`Engine::recover`] before channels connect.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        Self::build(options, None).await
    }

    /// The same with crash marks: [`Engine::recover`] then counts a crash against the message it is attributed to.
    pub async fn open_with_marks(
        options: Options,
        marks: Arc<dyn CrashMarks>,
    ) -> Result<Self, StoreError> {
        Self::build(options, Some(marks)).await
    }

    async fn build(
        options: Options,
        marks: Option<Arc<dyn CrashMarks>>,
    ) -> Result<Self, StoreError> {
        let Options {
            store,
            world,
            settings,
            bus,
        } = options;
        let (paired, owners, overrides) = store
            .read(|connection| {
                Ok((
                    pairing::allowed(connection)?,
                    pairing::owners(connection)?,
                    Overrides::load(connection)?,
                ))
            })
            .await?;
        let tasks = Supervisor::new(bus.clone(), world.clone());
        let delivery = Delivery::new(store.clone(), bus.clone(), world.clone(), tasks.clone());
        let runs_max = settings.runs_max.clamp(1, 100_000);
        let shared = Arc::new(Shared {
            store,
            world,
            settings: ArcSwap::from_pointee(settings),
            bus,
            tasks,
            sessions: Sessions::default(),
            turns: Turns::default(),
            delivery,
            accounts: Accounts::default(),
            gate: RwLock::new(Gate {
                paired: paired.into_iter().collect(),
                owners: owners.into_iter().collect(),
            }),
            overrides: RwLock::new(overrides),
            permits: Arc::new(Semaphore::new(runs_max)),
            marks,
            media: Vault::default(),
            pauses: Pauses::default(),
            suspension: Suspension::default(),
            passing_runs: Arc::default(),
            phase: AtomicU8::new(0),
            storage_full: AtomicBool::new(false),
        });
        Ok(Self { shared })
    }

    /// The bus.
    pub fn bus(&self) -> &Bus {
        &self.shared.bus
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Clock and entropy.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// What config says now.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings.load_full()
    }

    /// Replaces what config says; messages from now on see it, running turns do not.
    pub fn apply(&self, settings: Settings) {
        self.shared.settings.store(Arc::new(settings));
        self.shared.bus.publish(Event::ConfigChanged);
    }

    /// The task tree.
    pub fn tasks(&self) -> &Supervisor {
        &self.shared.tasks
    }

    /// The delivery side.
    pub fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    /// Where the gateway is in its life.
    pub fn phase(&self) -> Phase {
        match self.shared.phase.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Accepting,
            _ => Phase::Draining,
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        let number = match phase {
            Phase::Starting => 0,
            Phase::Accepting => 1,
            Phase::Draining => 2,
        };
        self.shared.phase.store(number, Ordering::SeqCst);
    }

    /// The disk is too full to accept anything.
    pub fn storage_full(&self) -> bool {
        self.shared.storage_full.load(Ordering::SeqCst)
    }

    /// Tells the engine whether the disk is too full. It resumes by itself when space returns.
    pub fn set_storage_full(&self, full: bool) {
        if self.shared.storage_full.swap(full, Ordering::SeqCst) != full {
            if full {
                tracing::error!("The disk is full; nothing new is accepted until space returns.");
            } else {
                tracing::info!("The disk has space again.");
            }
            self.shared.bus.publish(Event::Health);
        }
    }

    /// Reads a session key in any spelling.
    pub fn parse_key(&self, text: &str) -> Result<SessionKey, Problem> {
        let settings = self.shared.settings.load();
        let default_agent = settings.default_agent().map_or("main", AgentId::as_str);
        SessionKey::parse(
            text,
            &KeyContext {
                default_agent,
                main_key: &settings.routing.main_key,
            },
        )
        .map_err(|error| Problem::invalid(format!("invalid session key: {error}")))
    }

    /// The agent a session key belongs to, which must be configured.
    pub fn agent_of(&self, key: &SessionKey) -> Result<AgentId, Problem> {
        let settings = self.shared.settings.load();
        let name = match key.agent() {
            Some(name) => {
                AgentId::new(name).map_err(|error| Problem::invalid(error.to_string()))?
            }
            None => settings.default_agent().cloned().ok_or_else(|| {
                Problem::new(
                    Code::AgentSelectionRequired,
                    "several agents are configured; name one",
                )
            })?,
        };
        if settings.agents.contains_key(&name) {
            Ok(name)
        } else {
            Err(
                Problem::new(Code::AgentNotFound, format!("unknown agent id \"{name}\""))
                    .hint("list the configured agents with `torana status`"),
            )
        }
    }

    /// Whether people may choose this model for an agent (`modelPolicy.allow`).
    pub fn allows_model(&self, agent: &AgentId, model: &ModelRef) -> bool {
        self.shared
            .settings
            .load()
            .agents
            .get(agent)
            .is_none_or(|agent| agent.allows_model(model))
    }

    /// Refuses a model people may not choose. Text that is no reference is the backend's to judge.
    pub(crate) fn check_model(&self, agent: &AgentId, model: &str) -> Result<(), Problem> {
        match ModelRef::parse(model) {
            Some(reference) if !self.allows_model(agent, &reference) => {
                let message = format!("model \"{model}\" is not allowed for agent \"{agent}\"");
                Err(Problem::invalid(message).hint("`agents.defaults.modelPolicy.allow` or the agent's own list names the models that are"))
            }
            _ => Ok(()),
        }
    }

    /// A waiting or running turn.
    pub fn turn(&self, run_id: &str) -> Option<Arc<TurnHandle>> {
        self.shared.turns.get(run_id)
    }

    /// The running turn of a session.
    pub fn active(&self, session: &SessionKey) -> Option<Arc<TurnHandle>> {
        self.shared.sessions.active(session)
    }

    /// Keys of the sessions with a running turn.
    pub(crate) fn active_sessions(&self) -> Vec<String> {
        self.shared.sessions.active_keys()
    }

    /// Waiting and running turns of a session, in the order of their ids.
    pub fn turns_of(&self, session: &SessionKey) -> Vec<Arc<TurnHandle>> {
        let mut turns = self.shared.turns.of_session(session);
        turns.sort_by_key(|turn| turn.inbox);
        turns
    }

    /// Turns that wait or run, in all sessions.
    pub fn turns_open(&self) -> usize {
        self.shared.turns.len()
    }

    /// Sessions with a running turn, and messages that wait.
    pub fn load(&self) -> (usize, usize) {
        self.shared.sessions.load()
    }

    /// Ends one turn, or everything that waits and runs in a session. Returns the wire ids concerned.
    pub async fn abort(
        &self,
        session: &SessionKey,
        run_id: Option<&str>,
        reason: StopReason,
    ) -> Result<Vec<RunId>, Problem> {
        let shared = &self.shared;
        let (withdrawn, running) = match run_id {
            None => {
                let (waiting, active) = shared.sessions.clear(session, None, reason);
                (waiting, active)
            }
            Some(run_id) => {
                let Some(turn) = shared
                    .turns
                    .get(run_id)
                    .filter(|turn| turn.session == *session)
                else {
                    return Ok(Vec::new());
                };
                match shared.sessions.withdraw(session, turn.inbox) {
                    Some(work) => (vec![work], None),
                    None => {
                        turn.stop(reason);
                        (Vec::new(), Some(turn))
                    }
                }
            }
        };
        let mut ids: Vec<RunId> = withdrawn.iter().map(|work| work.run_id.clone()).collect();
        for work in withdrawn {
            crate::run::end_waiting(self, &work, reason).await?;
        }
        if let Some(turn) = running {
            ids.push(turn.run_id.clone());
            turn.finished().await;
        }
        Ok(ids)
    }

    /// Gives a session a fresh transcript; stops what runs and waits there first.
    pub async fn reset_session(
        &self,
        key: &SessionKey,
        reason: &'static str,
    ) -> Result<SessionRow, Problem> {
        let agent = self.agent_of(key)?;
        self.abort(key, None, StopReason::Stop).await?;
        let fresh_id = self.shared.world.uuid();
        let at_ms = self.shared.world.wall_ms();
        let (name, agent_name) = (key.clone(), agent.to_string());
        let row = self
            .write(move |connection| {
                if session::get(connection, name.as_str())?.is_none() {
                    let touch = session::Touch {
                        key: name.clone(),
                        agent: agent_name,
                        fresh_id: fresh_id.clone(),
                        chat_type: "direct",
                        channel: torana_core::id::WEBCHAT.to_owned(),
                        title: None,
                        target: None,
                        at_ms,
                    };
                    return Ok(session::touch(connection, &touch)?.0);
                }
                session::reset(connection, name.as_str(), &fresh_id, reason, at_ms)
            })
            .await?;
        self.session_changed(key, &agent, SessionChange::Reset);
        Ok(row)
    }

    /// Changes settings of a session. `None` when there is no such session.
    pub async fn change_session(
        &self,
        key: &SessionKey,
        mut change: session::Change,
    ) -> Result<Option<SessionRow>, Problem> {
        let agent = self.agent_of(key)?;
        self.name_model(&agent, &mut change);
        self.check_change(&agent, &change)?;
        let queue = change.queue_mode.clone();
        let at_ms = self.shared.world.wall_ms();
        let (name, agent_name) = (key.clone(), agent.to_string());
        let row = self
            .write(move |connection| {
                let name = name.as_str();
                if let Some(Some(label)) = &change.label
                    && crate::service::sessions::label_is_taken(
                        connection,
                        &agent_name,
                        label,
                        name,
                    )?
                {
                    return Ok(Err(label.clone()));
                }
                session::change(connection, name, &change, at_ms).map(Ok)
            })
            .await?
            .map_err(|label| Problem::invalid(format!("label already in use: {label}")))?;
        if row.is_some() {
            if let Some(queue) = queue {
                let wanted = queue.as_deref().map(crate::command::parse_queue);
                self.overrides_mut().set_queue(key, wanted);
            }
            self.note_manner(key, row.as_ref());
            self.session_changed(key, &agent, SessionChange::Patched);
        }
        Ok(row)
    }

    /// Remembers what every later message asks of a session's settings.
    pub(crate) fn note_manner(&self, key: &SessionKey, row: Option<&SessionRow>) {
        if let Some(row) = row {
            let needed = row.manner.needs_mention();
            self.overrides_mut().set_mention(key, needed);
        }
    }

    /// Writes a model that is named by its alias or its id alone as `provider/model`, as `/model` does in a chat.
    pub(crate) fn name_model(&self, agent: &AgentId, change: &mut session::Change) {
        if let Some(Some(name)) = &mut change.model
            && ModelRef::parse(name).is_none()
            && name.parse::<usize>().is_err()
            && let Some(model) = crate::command::find_model(&self.settings(), agent, name)
        {
            *name = model.to_string();
        }
    }

    /// Refuses settings that cannot be.
    pub(crate) fn check_change(
        &self,
        agent: &AgentId,
        change: &session::Change,
    ) -> Result<(), Problem> {
        if let Some(Some(model)) = &change.model {
            if ModelRef::parse(model).is_none() {
                return Err(Problem::invalid(format!(
                    "invalid model \"{model}\": write provider/model"
                )));
            }
            self.check_model(agent, model)?;
        }
        if let Some(Some(level)) = &change.thinking
            && !THINKING_LEVELS.contains(&level.as_str())
        {
            return Err(Problem::invalid(format!(
                "invalid thinkingLevel (use {})",
                THINKING_LEVELS.join("|")
            )));
        }
        Ok(())
    }

    /// Removes a session and returns what it was; its transcript stays in the archive. `None` when there was none.
    pub async fn delete_session(&self, key: &SessionKey) -> Result<Option<SessionRow>, Problem> {
        self.abort(key, None, StopReason::Stop).await?;
        let at_ms = self.shared.world.wall_ms();
        let name = key.clone();
        let deleted = self
            .write(move |connection| session::delete(connection, name.as_str(), at_ms))
            .await?;
        if deleted.is_some() {
            let mut overrides = self.overrides_mut();
            overrides.set_queue(key, None);
            overrides.set_mention(key, None);
            drop(overrides);
            let agent = AgentId::new(key.agent().unwrap_or("main"))
                .map_err(|error| Problem::invalid(error.to_string()))?;
            self.session_changed(key, &agent, SessionChange::Deleted);
        }
        Ok(deleted)
    }

    /// Adds a line to a transcript without a turn (`chat.inject`).
    pub async fn inject(
        &self,
        key: &SessionKey,
        text: String,
        label: Option<String>,
    ) -> Result<Arc<Appended>, Problem> {
        let agent = self.agent_of(key)?;
        let at_ms = self.shared.world.wall_ms();
        let entry = Entry {
            run_id: RunId::new(format!("{INJECTED}{}", self.shared.world.uuid())).ok(),
            sender: label,
            ..Entry::new(Role::Assistant, text, at_ms)
        };
        let (name, stored) = (key.clone(), entry.clone());
        let (session_id, sequence) = self
            .shared
            .store
            .write(move |connection| {
                let row = session::get(connection, name.as_str())?.ok_or(StoreError::Moved)?;
                let sequence =
                    session::next_sequence(connection, name.as_str(), &stored.text, at_ms)?;
                transcript::append(connection, &row.session_id, sequence, None, &stored)?;
                Ok((row.session_id, sequence))
            })
            .await
            .map_err(|error| match error {
                StoreError::Moved => {
                    Problem::new(Code::SessionNotFound, format!("No session found: {key}"))
                }
                other => self.problem(&other),
            })?;
        let appended = appended(key, &session_id, &agent, sequence, entry);
        self.shared
            .bus
            .publish(Event::Transcript(Arc::clone(&appended)));
        Ok(appended)
    }

    /// Puts a parked message back in its lane.
    pub async fn retry_inbox(&self, id: torana_core::id::InboxId) -> Result<(), Problem> {
        let at_ms = self.shared.world.wall_ms();
        let (row, merged) = self
            .shared
            .store
            .write(move |connection| {
                inbox::unpark(connection, id, at_ms)?;
                Ok((
                    inbox::get(connection, id)?,
                    inbox::merged_into(connection, id)?,
                ))
            })
            .await
            .map_err(|error| match error {
                StoreError::Moved => {
                    Problem::new(Code::NotFound, format!("no parked message has the id {id}"))
                }
                other => self.problem(&other),
            })?;
        if let Some(row) = row {
            self.restore(merged, row, true);
        }
        Ok(())
    }

    /// Puts a parked intent back in the queue, with another text when given.
    pub async fn retry_intent(
        &self,
        id: IntentId,
        new_text: Option<String>,
    ) -> Result<(), Problem> {
        let engine = self.clone();
        let at_ms = self.shared.world.wall_ms();
        let intent = self
            .shared
            .store
            .write(move |connection| {
                let Some(parked) = outbox::get(connection, id)? else {
                    return Err(StoreError::Moved);
                };
                let operation = match new_text {
                    Some(text) => edited(&engine, parked.operation, &text),
                    None => parked.operation,
                };
                outbox::replay(connection, id, &operation, at_ms)?;
                outbox::get(connection, id)
            })
            .await
            .map_err(|error| match error {
                StoreError::Moved => Problem::new(
                    Code::NotFound,
                    format!("no parked delivery has the id {id}"),
                ),
                other => self.problem(&other),
            })?;
        self.shared
            .delivery
            .submit(intent.into_iter().collect(), false);
        Ok(())
    }

    /// Removes a waiting or parked intent for good.
    pub async fn drop_intent(&self, id: IntentId) -> Result<(), Problem> {
        let at_ms = self.shared.world.wall_ms();
        self.shared
            .store
            .write(move |connection| outbox::discard(connection, id, at_ms))
            .await
            .map_err(|error| match error {
                StoreError::Moved => Problem::new(
                    Code::NotFound,
                    format!("no waiting or parked delivery has the id {id}"),
                ),
                other => self.problem(&other),
            })
    }

    pub(crate) fn session_changed(&self, key: &SessionKey, agent: &AgentId, change: SessionChange) {
        self.shared.bus.publish(Event::Session {
            session: key.clone(),
            agent: agent.clone(),
            change,
        });
    }

    pub(crate) fn gate(&self) -> std::sync::RwLockReadGuard<'_, Gate> {
        self.shared
            .gate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gate_mut(&self) -> std::sync::RwLockWriteGuard<'_, Gate> {
        self.shared
            .gate
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn overrides(&self) -> std::sync::RwLockReadGuard<'_, Overrides> {
        self.shared
            .overrides
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn overrides_mut(&self) -> std::sync::RwLockWriteGuard<'_, Overrides> {
        self.shared
            .overrides
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from the store; a failure is told as a client may see it.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let found = self.store().read(query).await;
        found.map_err(|error| self.problem(&error))
    }

    /// Writes to the store; a failure is told as a client may see it.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let written = self.store().write(change).await;
        written.map_err(|error| self.problem(&error))
    }

    /// What a store failure looks like to a client; the details go to the log.
    pub fn problem(&self, error: &StoreError) -> Problem {
        match error {
            StoreError::Full => {
                self.set_storage_full(true);
                Problem::new(
                    Code::StorageFull,
                    "the disk is full; nothing new is accepted",
                )
                .hint("free some space; the gateway resumes by itself")
                .retry_after_ms(30_000)
            }
            StoreError::Closed | StoreError::Flush => {
                Problem::new(Code::Unavailable, "the store is not available").retry_after_ms(1_000)
            }
            StoreError::Moved => Problem::new(Code::NotFound, "it was changed meanwhile"),
            StoreError::Database(text) => {
                let error_id = self.shared.world.uuid();
                tracing::error!(%error_id, error = %text, "A store operation failed.");
                Problem::new(
                    Code::Internal,
                    format!("internal error, reference {error_id}"),
                )
            }
        }
    }
}

/// A transcript line as it is told to the world.
pub(crate) fn appended(
    key: &SessionKey,
    session_id: &str,
    agent: &AgentId,
    sequence: i64,
    entry: Entry,
) -> Arc<Appended> {
    let id = torana_core::id::SessionId::new(session_id).expect("stored session ids are uuids");
    Arc::new(Appended {
        session: key.clone(),
        session_id: id,
        agent: agent.clone(),
        entry_id: format!("{session_id}:{sequence}"),
        sequence,
        entry,
    })
}

/// An operation with another text, rendered for the same place. Only the first message of a longer text fits one row.
fn edited(engine: &Engine, operation: Operation, text: &str) -> Operation {
    let target = match &operation {
        Operation::Text { target, .. } => target.clone(),
        Operation::Edit { conversation, .. }
        | Operation::Delete { conversation, .. }
        | Operation::Typing { conversation }
        | Operation::Draft { conversation, .. } => ReplyTarget {
            conversation: conversation.clone(),
            reply_to: None,
        },
    };
    let previews: Vec<String> = match &operation {
        Operation::Edit { message_id, .. } => vec![message_id.clone()],
        _ => Vec::new(),
    };
    crate::reply::operations(engine, text, &target, &previews)
        .into_iter()
        .next()
        .unwrap_or(operation)
}
