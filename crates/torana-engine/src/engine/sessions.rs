//! What changes a session besides its turns: an end to what runs, a fresh start, other settings, a line without a turn.

use std::sync::Arc;

use torana_core::event::{Appended, Event, SessionChange};
use torana_core::id::{AgentId, INJECTED, RunId, WEBCHAT};
use torana_core::key::SessionKey;
use torana_core::problem::{Code, Problem};
use torana_core::run::{Entry, ModelRef, Role, THINKING_LEVELS};

use super::Engine;
use crate::bus::appended;
use crate::store::session::SessionRow;
use crate::store::{StoreError, session, transcript};
use crate::turn::StopReason;

impl Engine {
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
                        channel: WEBCHAT.to_owned(),
                        title: None,
                        target: None,
                        stays: false,
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

    pub(crate) fn session_changed(&self, key: &SessionKey, agent: &AgentId, change: SessionChange) {
        self.shared.bus.publish(Event::Session {
            session: key.clone(),
            agent: agent.clone(),
            change,
        });
    }
}
