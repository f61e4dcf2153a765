//! The bus: every event goes to every sink, in order, at once.
//!
//! A sink is called on the publisher's task, so it must only hand the event on to bounded queues of its own.
//! Publishing also writes the event's log line and counts it: one definition, three uses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use torana_core::event::{AccountState, Appended, Event, RunSignal};
use torana_core::id::{AgentId, SessionId};
use torana_core::key::SessionKey;
use torana_core::run::{Entry, Outcome};

/// Receives every event with its global sequence number.
pub type Sink = Arc<dyn Fn(u64, &Event) + Send + Sync>;

/// Publishes events. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bus {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    sequence: AtomicU64,
    sinks: RwLock<Vec<Sink>>,
    counters: Counters,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident => $metric:literal),* $(,)?) => {
        /// Counters since the process started; the names are those of `/metrics`.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: AtomicU64,)* }

        impl Counters {
            /// Metric name and value of each counter.
            pub fn values(&self) -> Vec<(&'static str, u64)> {
                vec![$(($metric, self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Messages that were stored and admitted.
    inbound_admitted => "torana_inbound_admitted_total",
    /// Messages that caused nothing.
    inbound_dropped => "torana_inbound_dropped_total",
    /// Redeliveries we recognised.
    inbound_repeated => "torana_inbound_repeated_total",
    /// Accepted messages set aside.
    inbound_parked => "torana_inbound_parked_total",
    /// Runs begun.
    runs_started => "torana_runs_started_total",
    /// Runs that answered.
    runs_answered => "torana_runs_answered_total",
    /// Runs that failed.
    runs_failed => "torana_runs_failed_total",
    /// Runs that were stopped.
    runs_cancelled => "torana_runs_cancelled_total",
    /// Tokens read by models.
    tokens_input => "torana_tokens_input_total",
    /// Tokens written by models.
    tokens_output => "torana_tokens_output_total",
    /// Intents a platform accepted.
    intents_accepted => "torana_intents_accepted_total",
    /// Attempts that will be repeated.
    intents_retried => "torana_intents_retried_total",
    /// Waits asked for by a platform.
    intents_rate_limited => "torana_intents_rate_limited_total",
    /// Intents sent again after an unknown outcome.
    intents_resent => "torana_intents_resent_total",
    /// Intents given up for now.
    intents_parked => "torana_intents_parked_total",
    /// Tasks that panicked.
    tasks_panicked => "torana_tasks_panicked_total",
    /// Restarts of tasks that ended by their own fault.
    tasks_restarted => "torana_tasks_restarted_total",
    /// Tasks that failed too often and stay down.
    tasks_given_up => "torana_tasks_given_up_total",
}

impl Bus {
    /// Adds a sink; it lives as long as the bus.
    pub fn attach(&self, sink: Sink) {
        self.inner
            .sinks
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(sink);
    }

    /// Counters since the process started.
    pub fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    /// Tells everybody.
    pub fn publish(&self, event: Event) {
        let sequence = self.inner.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        count(&self.inner.counters, &event);
        log(&event);
        let sinks = self
            .inner
            .sinks
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for sink in sinks.iter() {
            sink(sequence, &event);
        }
    }
}

fn count(counters: &Counters, event: &Event) {
    let one = |counter: &AtomicU64| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    match event {
        Event::Run(_, RunSignal::Started) => one(&counters.runs_started),
        Event::Run(_, RunSignal::Settled { settled, .. }) => {
            match settled.outcome {
                Outcome::Ok | Outcome::Empty | Outcome::Length | Outcome::ClientTools => {
                    one(&counters.runs_answered)
                }
                Outcome::Cancelled => one(&counters.runs_cancelled),
                Outcome::Refused | Outcome::Error => one(&counters.runs_failed),
            }
            counters
                .tokens_input
                .fetch_add(settled.usage.input, Ordering::Relaxed);
            counters
                .tokens_output
                .fetch_add(settled.usage.output, Ordering::Relaxed);
        }
        Event::InboundAdmitted { .. } => one(&counters.inbound_admitted),
        Event::InboundDropped { .. } => one(&counters.inbound_dropped),
        Event::InboundRepeated { .. } => one(&counters.inbound_repeated),
        Event::InboundParked { .. } => one(&counters.inbound_parked),
        Event::IntentAccepted { .. } => one(&counters.intents_accepted),
        Event::IntentRetried { limited, .. } => {
            one(&counters.intents_retried);
            if *limited {
                one(&counters.intents_rate_limited);
            }
        }
        Event::IntentResent { .. } => one(&counters.intents_resent),
        Event::IntentParked { .. } => one(&counters.intents_parked),
        Event::TaskPanicked { .. } => one(&counters.tasks_panicked),
        Event::TaskRestarting { .. } => one(&counters.tasks_restarted),
        Event::TaskGivenUp { .. } => one(&counters.tasks_given_up),
        Event::Run(..)
        | Event::Transcript(_)
        | Event::Session { .. }
        | Event::Account { .. }
        | Event::PairingRequested { .. }
        | Event::PairingResolved { .. }
        | Event::DevicePairRequested { .. }
        | Event::DevicePairResolved { .. }
        | Event::Approval(_)
        | Event::Question(_)
        | Event::DevicesChanged
        | Event::DeviceSetUp { .. }
        | Event::NodePairRequested { .. }
        | Event::NodePairResolved { .. }
        | Event::NodeActivity { .. }
        | Event::Presence
        | Event::Health
        | Event::ConfigChanged
        | Event::Suspension(_)
        | Event::ShuttingDown { .. } => {}
    }
}

fn log(event: &Event) {
    match event {
        Event::Run(facts, signal) => log_run(facts, signal),
        Event::InboundAdmitted {
            inbox,
            session,
            channel,
            account,
        } => {
            tracing::debug!(%inbox, %session, %channel, %account, "Inbound message was admitted.");
        }
        Event::InboundDropped {
            channel,
            account,
            reason,
        } => {
            tracing::debug!(%channel, %account, reason, "Inbound message was dropped.");
        }
        Event::InboundRepeated { channel, account } => {
            tracing::debug!(%channel, %account, "Inbound message was already known.");
        }
        Event::InboundParked { inbox, reason } => {
            tracing::error!(%inbox, %reason, "Inbound message was parked; see `torana explain`.");
        }
        Event::IntentAccepted {
            intent,
            conversation,
            latency_ms,
        } => {
            tracing::debug!(%intent, channel = %conversation.channel, account = %conversation.account, latency_ms, "Outbound message was accepted.");
        }
        Event::IntentRetried {
            intent,
            conversation,
            after_ms,
            reason,
            limited,
        } => {
            tracing::warn!(%intent, channel = %conversation.channel, account = %conversation.account, after_ms, %reason, limited, "Outbound message will be tried again.");
        }
        Event::IntentResent {
            intent,
            conversation,
        } => {
            tracing::warn!(%intent, channel = %conversation.channel, account = %conversation.account, "Outbound message with unknown outcome is sent again.");
        }
        Event::IntentParked {
            intent,
            conversation,
            reason,
        } => {
            tracing::error!(%intent, channel = %conversation.channel, account = %conversation.account, %reason, "Outbound message was parked; see `torana outbox list`.");
        }
        Event::Account {
            channel,
            account,
            state,
        } => match state {
            AccountState::Starting => {
                tracing::debug!(%channel, %account, "Channel account is starting.")
            }
            AccountState::Running => {
                tracing::info!(%channel, %account, "Channel account is running.")
            }
            AccountState::Failing(reason) => {
                tracing::warn!(%channel, %account, %reason, "Channel account is failing.")
            }
            AccountState::Stopped(reason) => {
                tracing::error!(%channel, %account, %reason, "Channel account has stopped.")
            }
        },
        other => log_rest(other),
    }
}

/// Events about people, devices and the gateway itself.
fn log_rest(event: &Event) {
    match event {
        Event::PairingRequested {
            channel,
            account,
            sender,
        } => {
            tracing::info!(%channel, %account, sender, "A stranger asked to be let in; see `torana pairing list`.");
        }
        Event::PairingResolved {
            channel,
            account,
            sender,
            approved,
        } => {
            tracing::info!(%channel, %account, sender, approved, "A pairing request was decided.");
        }
        Event::DevicePairRequested { request_id, device } => {
            tracing::info!(request_id, %device, "A device asked to be paired.");
        }
        Event::DevicePairResolved {
            request_id,
            device,
            approved,
        } => {
            tracing::info!(request_id, %device, approved, "A device pairing request was decided.");
        }
        Event::Approval(approval) => {
            let (id, kind, status) = (
                &approval.id,
                approval.kind.as_str(),
                approval.status.as_str(),
            );
            tracing::info!(id, kind, status, "An approval is waiting or was decided.");
        }
        Event::Question(question) => {
            let (id, status) = (&question.id, question.status.as_str());
            tracing::info!(id, status, "A question is waiting or was answered.");
        }
        Event::TaskRestarting { task, after_ms } => {
            tracing::warn!(
                task,
                after_ms,
                "A task ended by its own fault and is started again."
            );
        }
        Event::TaskGivenUp { task } => {
            tracing::error!(
                task,
                "A task failed too often and stays down; restart the gateway."
            );
        }
        Event::DeviceSetUp { setup_id, device } => {
            tracing::info!(setup_id, %device, "A device was set up with a code.");
        }
        Event::NodePairRequested { request_id, node } => {
            tracing::info!(request_id, %node, "A node offers commands that wait for an approval.");
        }
        Event::NodePairResolved {
            request_id,
            node,
            decision,
        } => {
            tracing::info!(request_id, %node, ?decision, "What a node offers was decided.");
        }
        Event::ConfigChanged => tracing::info!("The effective configuration changed."),
        Event::Suspension(phase) => {
            tracing::info!(phase = phase.as_str(), "Whether new turns begin changed.");
        }
        Event::ShuttingDown { reason, .. } => tracing::info!(%reason, "The gateway is stopping."),
        _ => {}
    }
}

fn log_run(facts: &torana_core::event::RunFacts, signal: &RunSignal) {
    match signal {
        RunSignal::Started => {
            tracing::debug!(run = %facts.run_id, session = %facts.session, attempt = facts.attempt, "A run began.");
        }
        RunSignal::Retrying {
            attempt,
            delay_ms,
            reason,
        } => {
            tracing::warn!(run = %facts.run_id, session = %facts.session, attempt, delay_ms, ?reason, "The model call will be tried again.");
        }
        RunSignal::Fallback { from, to, reason } => {
            tracing::warn!(run = %facts.run_id, session = %facts.session, from, to, ?reason, "Another model takes over.");
        }
        RunSignal::Settled { settled, .. } => match &settled.error {
            Some(error) => {
                tracing::warn!(run = %facts.run_id, session = %facts.session, kind = ?error.kind, reason = %error.message, "A run failed.");
            }
            None => {
                tracing::debug!(run = %facts.run_id, session = %facts.session, outcome = ?settled.outcome, "A run ended.");
            }
        },
        RunSignal::Merged
        | RunSignal::Model { .. }
        | RunSignal::Text(_)
        | RunSignal::Replace(_)
        | RunSignal::Thinking(_)
        | RunSignal::ToolStarted { .. }
        | RunSignal::ToolFinished { .. } => {}
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
    let id = SessionId::new(session_id).expect("stored session ids are uuids");
    Arc::new(Appended {
        session: key.clone(),
        session_id: id,
        agent: agent.clone(),
        entry_id: format!("{session_id}:{sequence}"),
        sequence,
        entry,
    })
}
