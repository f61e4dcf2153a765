//! What a command does and says: decided before anything is written, in force once it is on disk.

use torana_core::command::{QueueChange, Setting};
use torana_core::event::SessionChange;
use torana_core::run::ModelRef;

use super::compact;
use super::status::Facts;
use super::window::Window;
use crate::engine::Engine;
use crate::session::Work;
use crate::store::session::{self, SessionRow};
use crate::turn::StopReason;

/// What the transaction of a command changes besides the rows every command writes.
pub(super) enum Change {
    None,
    Stop,
    Reset {
        fresh_id: String,
    },
    Session(session::Change),
    /// The model of an agent, or of all; `None` is the configured one.
    Model {
        agent: String,
        model: Option<ModelRef>,
    },
}

/// Makes words of the session as it is after the change.
type Words = Box<dyn FnOnce(&SessionRow, &Facts) -> String + Send>;

/// What the person who gave a command reads.
pub(super) enum Says {
    Text(String),
    Words(Words),
    /// What was used; by everybody, when an owner asks.
    Spent {
        owner: bool,
    },
    /// What fills the context window.
    Window(Window),
}

/// What a command does and says.
pub(super) struct Effect {
    pub(super) change: Change,
    pub(super) says: Says,
    /// The queue settings of the session from now on; `None` inside is the configured ones.
    pub(super) queue: Option<Option<QueueChange>>,
    /// The session is summarised behind the answer, with this in mind.
    pub(super) compact: Option<Option<String>>,
}

impl Effect {
    /// Says something, and changes nothing.
    pub(super) fn say(text: impl Into<String>) -> Self {
        Self {
            change: Change::None,
            says: Says::Text(text.into()),
            queue: None,
            compact: None,
        }
    }

    /// Says how things stand, and changes nothing.
    pub(super) fn tell(words: impl FnOnce(&SessionRow, &Facts) -> String + Send + 'static) -> Self {
        Self {
            says: Says::Words(Box::new(words)),
            ..Self::say("")
        }
    }

    /// The same after a change.
    pub(super) fn with(self, change: Change) -> Self {
        Self { change, ..self }
    }

    pub(super) fn notes(&self) -> Notes {
        let (mention, model) = match &self.change {
            Change::Session(change) => {
                let chosen = &mut change.manner.iter().map(|(setting, _)| *setting);
                (chosen.any(|setting| setting == Setting::Activation), None)
            }
            Change::Model { agent, model } => (false, Some((agent.clone(), model.clone()))),
            Change::None | Change::Stop | Change::Reset { .. } => (false, None),
        };
        Notes {
            stops: matches!(self.change, Change::Stop | Change::Reset { .. }),
            mention,
            queue: self.queue,
            model,
            compact: self.compact.clone(),
        }
    }
}

/// What a command changes in memory, once it is on disk.
pub(super) struct Notes {
    stops: bool,
    /// What a group has to say to be answered was chosen. Nothing else may touch that choice in memory: a command that
    /// was committed before it may be looked at after it.
    pub(super) mention: bool,
    queue: Option<Option<QueueChange>>,
    model: Option<(String, Option<ModelRef>)>,
    compact: Option<Option<String>>,
}

impl Notes {
    /// Puts it into force, and tells whoever watches.
    pub(super) fn take_effect(self, engine: &Engine, work: &Work, created: bool, expired: bool) {
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
            compact::start(engine, work, focus);
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
