//! A scripted agent: it says which messages it saw, in pieces, slowly, wrongly, or not at all.
//!
//! The [`Stage`] outlives the gateway's process and watches that a session never has two runs at once.

mod run;
mod stage;

use std::collections::BTreeSet;
use std::sync::Arc;

use torana_core::key::SessionKey;
use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, OpenRequest, RunStream, Steer,
    TurnRequest,
};

use crate::process::Link;
use run::{Listening, ScriptedRun};
pub use stage::{RunStart, Stage};

/// How the agent behaves, in chances per thousand turns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Temper {
    /// Ends with an error.
    pub error: u64,
    /// Says nothing, or that it has nothing to say.
    pub silent: u64,
    /// Panics once.
    pub panic: u64,
    /// Falls silent until the watchdog ends it.
    pub hang: u64,
    /// Cannot be opened.
    pub closed: u64,
    /// Writes much.
    pub long: u64,
    /// Takes text while it works.
    pub steers: bool,
    /// Longest pause between two pieces, milliseconds.
    pub pause_ms_max: u64,
}

/// Messages carry their number in this form, so that answers can say which they saw.
pub fn question(number: u64) -> String {
    format!("Q{number}Q")
}

/// What an answer to a message contains.
pub fn answer(number: u64) -> String {
    format!("A{number}A")
}

/// Numbers of all messages in a text.
pub(crate) fn numbers(text: &str) -> BTreeSet<u64> {
    text.split('Q')
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// The backend of one life.
pub struct ScriptedBackend {
    stage: Arc<Stage>,
    temper: Temper,
    link: Link,
}

impl ScriptedBackend {
    /// An agent on a stage.
    pub fn new(stage: Arc<Stage>, temper: Temper, link: Link) -> Self {
        Self {
            stage,
            temper,
            link,
        }
    }
}

impl AgentBackend for ScriptedBackend {
    fn open(
        &self,
        request: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        Box::pin(async move {
            self.link.process.pass().await;
            let (closed, delay_ms) = self
                .link
                .dice(|dice| (dice.chance(self.temper.closed), dice.delay_ms(50)));
            self.link.clock.sleep_ms(delay_ms).await;
            self.link.process.pass().await;
            if closed {
                return Err(BackendFailure {
                    message: "the agent did not start".to_owned(),
                });
            }
            let conversation = Conversation {
                stage: Arc::clone(&self.stage),
                session: request.session,
                temper: self.temper,
                link: self.link.clone(),
                listening: Arc::default(),
            };
            Ok(Box::new(conversation) as Box<dyn AgentConversation>)
        })
    }
}

struct Conversation {
    stage: Arc<Stage>,
    session: SessionKey,
    temper: Temper,
    link: Link,
    listening: Arc<Listening>,
}

impl AgentConversation for Conversation {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        let seen = numbers(&request.input);
        let now_ms = self.link.clock.true_ms();
        let presence = self.stage.enter(
            &self.session,
            &request,
            seen.iter().copied().collect(),
            now_ms,
        );
        if self.temper.steers {
            self.listening.open();
        }
        let run = self.link.dice(|dice| {
            ScriptedRun::new(
                &request.input,
                seen,
                self.temper,
                dice,
                Arc::clone(&self.listening),
                presence,
            )
        });
        Box::pin(run)
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        self.temper
            .steers
            .then(|| Arc::clone(&self.listening) as Arc<dyn Steer>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        assert_eq!(
            numbers("Q1Q hello\nAnn: Q23Q and Q4Q"),
            BTreeSet::from([1, 4, 23])
        );
        assert_eq!(numbers("no Questions, Q, QQ"), BTreeSet::new());
        assert_eq!(numbers(&question(7)), BTreeSet::from([7]));
        assert_eq!(answer(7), "A7A");
    }
}
