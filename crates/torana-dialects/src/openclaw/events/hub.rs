//! The hub: who listens, and how a fact becomes frames.
//!
//! The sink runs on the publisher's task. It encodes an event once and pushes clones of the bytes to bounded queues;
//! nothing in it waits. Rows of changed sessions are read by one task of the hub's own.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use torana_core::approval::{Approval, Kind};
use torana_core::auth::{Audience, audience};
use torana_core::event::{Event, RunFacts, RunSignal};
use torana_core::id::ConnectionId;
use torana_core::port::World;
use torana_core::question::{Question, QuestionStatus};
use torana_core::run::Settled;
use torana_engine::Engine;

use super::runs::{CUMULATIVE_BYTES_MAX, Run, Runs};
use super::sessions::{CHANGES_MAX, Change, Rows, tell_changes};
use super::timing::Timings;
use super::wire::{Agent, Assistant, Chat, Delta, Message, Observed, last_word, pairing};
use crate::front::outgoing::{Encoded, Fate};
use crate::openclaw::client::Client;
use crate::openclaw::{asks, frame, quirks, shape};

/// Sends events to clients.
pub(crate) struct Hub {
    pub(super) world: World,
    clients: ArcSwap<Vec<Arc<Client>>>,
    /// Serialises joins and leaves; readers never wait for it.
    membership: Mutex<()>,
    runs: Mutex<Runs>,
    /// Facts of the runs in `runs`, for deltas that are said later.
    facts: Mutex<HashMap<String, Arc<RunFacts>>>,
    behind: Notify,
    pub(super) changes: mpsc::Sender<Change>,
    /// Rows last told, for events that repeat them.
    pub(super) rows: Rows,
    /// What the senders of messages are told about their speed.
    timings: Timings,
}

/// Which clients an encoded event is for.
pub(super) type Pick<'a> = &'a dyn Fn(&Client) -> bool;

/// Names what a later event of a stream may replace in a slow client's queue.
pub(super) fn key_of(run_id: &str, stream: u8) -> u64 {
    let mut hasher = DefaultHasher::new();
    (run_id, stream).hash(&mut hasher);
    hasher.finish()
}

impl Hub {
    /// A hub on the engine's bus, with its own two tasks.
    pub(crate) fn start(engine: &Engine) -> Arc<Self> {
        let (changes, waiting) = mpsc::channel(CHANGES_MAX);
        let hub = Arc::new(Self {
            world: engine.world().clone(),
            clients: ArcSwap::default(),
            membership: Mutex::new(()),
            runs: Mutex::default(),
            facts: Mutex::default(),
            behind: Notify::new(),
            changes,
            rows: Rows::default(),
            timings: Timings::default(),
        });
        let sink = Arc::downgrade(&hub);
        engine.bus().attach(Arc::new(move |_, event| {
            if let Some(hub) = sink.upgrade() {
                hub.tell(event);
            }
        }));
        let (weak, tasks) = (Arc::downgrade(&hub), engine.tasks());
        tasks.keep("openclaw chat deltas", {
            let weak = Weak::clone(&weak);
            move || flush_chat(Weak::clone(&weak))
        });
        // Lent to one life of the task after the other.
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let reads = engine.clone();
        tasks.keep("openclaw session rows", move || {
            tell_changes(Weak::clone(&weak), reads.clone(), Arc::clone(&waiting))
        });
        hub
    }

    /// A client hears events from now on.
    pub(crate) fn join(&self, client: Arc<Client>) {
        let _guard = self
            .membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut clients = Vec::clone(&self.clients.load());
        clients.push(client);
        self.clients.store(Arc::new(clients));
    }

    /// It does not any more.
    pub(crate) fn leave(&self, id: ConnectionId) {
        let _guard = self
            .membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut clients = Vec::clone(&self.clients.load());
        clients.retain(|client| client.id != id);
        self.clients.store(Arc::new(clients));
    }

    /// Everybody who is connected.
    pub(crate) fn clients(&self) -> Arc<Vec<Arc<Client>>> {
        self.clients.load_full()
    }

    /// Sends an encoded event.
    pub(crate) fn send(&self, frame: Vec<u8>, fate: Fate, pick: Pick<'_>) {
        self.send_made(fate, pick, || frame);
    }

    /// Sends an event that is encoded when somebody hears it.
    pub(super) fn send_made(&self, fate: Fate, pick: Pick<'_>, make: impl FnOnce() -> Vec<u8>) {
        let clients = self.clients.load();
        let mut picked = clients.iter().filter(|client| pick(client)).peekable();
        if picked.peek().is_none() {
            return;
        }
        let encoded = Encoded::new(make(), fate);
        for client in picked {
            client.outgoing.event(&encoded);
        }
    }

    pub(super) fn anyone(&self, pick: Pick<'_>) -> bool {
        self.clients.load().iter().any(|client| pick(client))
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::Run(facts, RunSignal::Merged) => {
                self.timings.forget(facts.run_id.as_str());
                self.tell_merged(facts);
            }
            Event::Run(facts, signal) => self.tell_run(facts, signal),
            Event::Transcript(appended) => self.tell_message(appended),
            Event::Session {
                session,
                agent,
                change,
            } => self.note_session(session, agent, *change),
            Event::DevicePairResolved {
                request_id,
                device,
                approved,
            } => {
                let decision = if *approved { "approved" } else { "rejected" };
                let payload = json!({
                    "requestId": request_id, "deviceId": device.as_str(), "decision": decision, "ts": self.world.wall_ms(),
                });
                let audience = audience(event);
                self.send(
                    frame::event("device.pair.resolved", &payload),
                    Fate::Keep,
                    &|client| client.hears(audience),
                );
            }
            // Models and commands may be other ones now.
            Event::ConfigChanged => {
                self.rows.forget_all();
                let frame = frame::event("chat.metadata.changed", &json!({}));
                self.send(frame, Fate::Keep, &Client::reads);
            }
            Event::Suspension(phase) => {
                let payload = json!({ "phase": phase.as_str() });
                let frame = frame::event("gateway.suspension", &payload);
                self.send(frame, Fate::Keep, &|_| true);
            }
            Event::ShuttingDown {
                reason,
                restart_expected_ms,
            } => {
                let mut payload = json!({ "reason": reason });
                if let Some(expected_ms) = restart_expected_ms {
                    payload["restartExpectedMs"] = json!(expected_ms);
                }
                self.send(frame::event("shutdown", &payload), Fate::Keep, &|_| true);
                for client in self.clients.load().iter() {
                    client
                        .outgoing
                        .close(quirks::close::RESTART, "service restart");
                }
            }
            Event::Approval(approval) => self.tell_approval(approval, audience(event)),
            Event::Question(question) => self.tell_question(question, audience(event)),
            Event::DevicesChanged | Event::NodePairResolved { .. } | Event::NodeActivity { .. } => {
                if let Some((name, payload)) = pairing(event, self.world.wall_ms()) {
                    let audience = audience(event);
                    self.send(frame::event(name, &payload), Fate::Keep, &|client| {
                        client.hears(audience)
                    });
                }
            }
            // These need facts the gateway object has; it listens for itself.
            Event::Presence
            | Event::Health
            | Event::DevicePairRequested { .. }
            | Event::NodePairRequested { .. }
            | Event::DeviceSetUp { .. } => {}
            Event::InboundAdmitted { .. }
            | Event::InboundDropped { .. }
            | Event::InboundRepeated { .. }
            | Event::InboundParked { .. }
            | Event::IntentAccepted { .. }
            | Event::IntentRetried { .. }
            | Event::IntentResent { .. }
            | Event::IntentParked { .. }
            | Event::Account { .. }
            | Event::PairingRequested { .. }
            | Event::PairingResolved { .. }
            | Event::TaskPanicked { .. }
            | Event::TaskRestarting { .. }
            | Event::TaskGivenUp { .. } => {}
        }
    }

    // === Approvals and questions ===

    fn tell_approval(&self, approval: &Approval, audience: Audience) {
        let family = match approval.kind {
            Kind::Exec => "exec",
            Kind::Plugin => "plugin",
            Kind::SystemAgent => "openclaw",
        };
        let (word, payload) = if approval.is_pending() {
            ("requested", asks::waiting(approval))
        } else {
            ("resolved", asks::resolved(approval))
        };
        let holds = |client: &Client| client.hears(audience);
        let name = format!("{family}.approval.{word}");
        self.send(frame::event(&name, &payload), Fate::Keep, &holds);
        let Some(session) = &approval.session else {
            return;
        };
        if let Some(payload) = asks::session_event(approval, self.world.wall_ms()) {
            let frame = frame::event("session.approval", &payload);
            self.send(frame, Fate::Keep, &|client| {
                holds(client) && client.listens_to(session)
            });
        }
    }

    fn tell_question(&self, question: &Question, audience: Audience) {
        let (name, payload) = if question.status == QuestionStatus::Pending {
            ("question.requested", asks::question(question))
        } else {
            let mut payload = asks::outcome(question);
            payload["id"] = json!(question.id);
            ("question.resolved", payload)
        };
        self.send(frame::event(name, &payload), Fate::Keep, &|client| {
            client.hears(audience)
        });
    }

    // === Runs ===

    fn tell_run(&self, facts: &Arc<RunFacts>, signal: &RunSignal) {
        self.tell_timing(facts, signal);
        let mut runs = self.runs();
        if let RunSignal::Started = signal {
            return self.tell_started(facts, &mut runs);
        }
        if let RunSignal::Settled {
            settled,
            ended_at_ms,
            silent,
            stopped,
        } = signal
        {
            self.facts().remove(facts.run_id.as_str());
            let run = runs.end(&facts.run_id);
            // A command of a chat has no run that could end.
            if run.is_some() {
                let failed = shape::Ending::of(settled.outcome) == shape::Ending::Failed;
                self.note_phase(facts, if failed { "error" } else { "end" });
            }
            self.settle(
                facts,
                run,
                settled,
                *ended_at_ms,
                (silent.is_some(), *stopped),
            );
            return;
        }
        let Some(run) = runs.get(&facts.run_id) else {
            return;
        };
        match signal {
            RunSignal::Started | RunSignal::Merged | RunSignal::Settled { .. } => {}
            RunSignal::Model { provider, model } => {
                run.model = true;
                self.agent(
                    facts,
                    run,
                    "lifecycle",
                    &json!({ "phase": "model", "provider": provider, "model": model }),
                );
                self.note_phase(facts, "model");
            }
            RunSignal::Text(delta) => {
                run.text.push_str(delta);
                let replace = run.replaces && run.said == 0;
                self.assistant(facts, run, delta, replace.then_some(true));
                self.chat_or_wait(facts, run);
            }
            RunSignal::Replace(text) => {
                text.as_ref().clone_into(&mut run.text);
                run.said = 0;
                run.replaces = true;
                self.assistant(facts, run, text, Some(true));
                self.chat_or_wait(facts, run);
            }
            RunSignal::Thinking(delta) => self.thinking(facts, run, delta),
            RunSignal::ToolStarted {
                id,
                name,
                arguments,
            } => self.tool_started(facts, run, id, name, arguments),
            RunSignal::ToolFinished {
                id,
                name,
                is_error,
                text,
            } => {
                self.tool_finished(facts, run, (id, name), *is_error, text);
            }
            RunSignal::Retrying {
                attempt,
                delay_ms,
                reason,
            } => {
                let data = json!({
                    "phase": "retrying", "attempt": attempt, "delayMs": delay_ms, "reason": shape::failure_word(*reason),
                });
                self.agent(facts, run, "run_status", &data);
            }
            RunSignal::Fallback { from, to, reason } => {
                let data = json!({
                    "phase": "fallback_step", "from": from, "to": to, "reason": shape::failure_word(*reason),
                });
                self.agent(facts, run, "lifecycle", &data);
            }
        }
    }

    /// The empty text with which a run begins for those who need one.
    fn nothing_yet(&self, facts: &RunFacts, run: &Run) {
        let pick = |client: &Client| client.text_first && client.follows(&facts.session);
        self.send_made(Fate::Keep, &pick, || {
            let state = Delta {
                state: "delta",
                delta_text: "",
                message: Message::of("", self.world.wall_ms()),
                replace: None,
            };
            frame::event("chat", &chat(facts, run.seq, state))
        });
    }

    fn tell_started(&self, facts: &Arc<RunFacts>, runs: &mut Runs) {
        self.facts()
            .insert(facts.run_id.to_string(), Arc::clone(facts));
        let run = runs.begin(&facts.run_id, facts.attempt);
        if facts.origin.is_some() {
            self.nothing_yet(facts, run);
        }
        let data = json!({ "phase": "start", "startedAt": facts.started_at_ms });
        self.agent(facts, run, "lifecycle", &data);
        if facts.origin.is_some() {
            self.starting(facts, run);
        }
        self.note_phase(facts, "start");
    }

    /// A run that a client began waits for its model, which may have to load first: pages say so.
    fn starting(&self, facts: &RunFacts, run: &mut Run) {
        let phase = "starting_model";
        self.agent(facts, run, "run_status", &json!({ "phase": phase }));
        let state = json!({ "state": "status", "phase": phase });
        let frame = frame::event("chat", &chat(facts, run.seq, state));
        self.send(frame, Fate::Keep, &|client| client.follows(&facts.session));
    }

    fn facts(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<RunFacts>>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an `agent` event in both envelopes, each encoded only when somebody wants it.
    fn agent(&self, facts: &RunFacts, run: &mut Run, stream: &str, data: &impl Serialize) {
        self.agent_to(facts, run.next(), stream, data, Fate::Keep, &|client| {
            client.follows(&facts.session)
        });
    }

    fn agent_to(
        &self,
        facts: &RunFacts,
        seq: u64,
        stream: &str,
        data: &impl Serialize,
        fate: Fate,
        pick: Pick<'_>,
    ) {
        let clients = self.clients.load();
        let mut forms: [Option<Encoded>; 2] = [None, None];
        for client in clients.iter().filter(|client| pick(client)) {
            let encoded = forms[usize::from(client.observed)].get_or_insert_with(|| {
                let event = Agent {
                    run_id: facts.run_id.as_str(),
                    seq,
                    stream,
                    ts: self.world.wall_ms(),
                    data,
                    observed: client.observed.then(|| Observed::of(facts)),
                };
                Encoded::new(frame::event("agent", &event), fate)
            });
            client.outgoing.event(encoded);
        }
    }

    fn assistant(&self, facts: &RunFacts, run: &mut Run, delta: &str, replace: Option<bool>) {
        let seq = run.next();
        let whole = (run.text.len() <= CUMULATIVE_BYTES_MAX).then_some(run.text.as_str());
        // Only an event that repeats everything may replace an older one in a slow client's queue.
        let fate = if whole.is_some() {
            Fate::Merge(key_of(facts.run_id.as_str(), 0))
        } else {
            Fate::Keep
        };
        let data = Assistant {
            text: whole,
            delta,
            item_id: &run.item_id,
            replace,
        };
        self.agent_to(facts, seq, "assistant", &data, fate, &|client| {
            client.follows(&facts.session)
        });
    }

    fn thinking(&self, facts: &RunFacts, run: &mut Run, delta: &str) {
        // Once it is too long to be repeated it is not kept either.
        if run.thinking.len() <= CUMULATIVE_BYTES_MAX {
            run.thinking.push_str(delta);
        }
        let mut data = json!({ "delta": delta });
        if run.thinking.len() <= CUMULATIVE_BYTES_MAX {
            data["text"] = json!(run.thinking);
        }
        self.agent(facts, run, "thinking", &data);
    }

    fn tool_started(&self, facts: &RunFacts, run: &mut Run, id: &str, name: &str, arguments: &str) {
        let now_ms = self.world.wall_ms();
        let item = json!({
            "itemId": format!("tool:{id}"), "toolCallId": id, "name": name, "kind": "tool", "phase": "start",
            "title": name, "status": "running", "startedAt": now_ms,
        });
        self.agent(facts, run, "item", &item);
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into());
        let data = json!({ "phase": "start", "name": name, "toolCallId": id, "args": arguments });
        self.tool(facts, run, &data);
    }

    fn tool_finished(
        &self,
        facts: &RunFacts,
        run: &mut Run,
        (id, name): (&str, &str),
        is_error: bool,
        text: &str,
    ) {
        let data = json!({
            "phase": "result", "name": name, "toolCallId": id, "isError": is_error,
            "result": { "content": [{ "type": "text", "text": text }] },
        });
        self.tool(facts, run, &data);
        let item = json!({
            "itemId": format!("tool:{id}"), "toolCallId": id, "name": name, "kind": "tool", "phase": "end",
            "title": name, "status": if is_error { "failed" } else { "completed" }, "endedAt": self.world.wall_ms(),
        });
        self.agent(facts, run, "item", &item);
    }

    /// The `tool` stream goes to clients that asked for it and started the run or listen to its session; to others that
    /// listen to sessions it goes under a name of its own (OpenClaw 2026.9.6).
    fn tool(&self, facts: &RunFacts, run: &mut Run, data: &Value) {
        let is_concerned = |client: &Client| {
            let concerned = facts.origin == Some(client.id) || client.listens_to(&facts.session);
            client.tool_events && concerned
        };
        let seq = run.next();
        self.agent_to(facts, seq, "tool", data, Fate::Keep, &|client| {
            client.reads() && is_concerned(client)
        });
        let listens = |client: &Client| {
            client.follows(&facts.session) && client.listens_to_lists() && !is_concerned(client)
        };
        self.send_made(Fate::Keep, &listens, || {
            let payload = json!({
                "runId": facts.run_id.as_str(), "sessionKey": facts.session.as_str(), "agentId": facts.agent.as_str(),
                "stream": "tool", "data": data, "seq": seq, "ts": self.world.wall_ms(), "isHeartbeat": false,
            });
            self.encode_with_row("session.tool", &payload, &facts.session)
        });
    }

    /// Who sends messages and waits for answers is told how long each step took.
    fn tell_timing(&self, facts: &RunFacts, signal: &RunSignal) {
        for (client_id, payload) in self.timings.steps(facts, signal, self.world.monotonic_ms()) {
            let frame = frame::event("chat.send_timing", &payload);
            self.send(frame, Fate::Drop, &|client| client.id == client_id);
        }
    }

    /// Whose messages are timed.
    pub(crate) fn timings(&self) -> &Timings {
        &self.timings
    }

    fn chat_or_wait(&self, facts: &RunFacts, run: &mut Run) {
        if self.world.monotonic_ms() >= run.due_ms() {
            self.say(facts, run);
        } else {
            self.behind.notify_one();
        }
    }

    /// Says in `chat` what it has not said yet.
    fn say(&self, facts: &RunFacts, run: &mut Run) {
        let (from, replaces) = run.say(self.world.monotonic_ms());
        let fate = Fate::Merge(key_of(facts.run_id.as_str(), 1));
        let follows = |client: &Client| client.follows(&facts.session);
        self.send_made(fate, &follows, || {
            let state = Delta {
                state: "delta",
                delta_text: &run.text[from..],
                message: Message::of(&run.text, self.world.wall_ms()),
                replace: replaces.then_some(true),
            };
            frame::event("chat", &chat(facts, run.seq, state))
        });
    }

    /// Whoever waits for the id of a merged message learns that it is over; the answer stands under the turn it became
    /// part of (OpenClaw 2026.9.6 sends the same word when it steers or collects a message).
    fn tell_merged(&self, facts: &RunFacts) {
        let word = chat(facts, 1, json!({ "state": "final" }));
        self.send(frame::event("chat", &word), Fate::Keep, &|client| {
            client.follows(&facts.session)
        });
    }

    fn settle(
        &self,
        facts: &RunFacts,
        run: Option<Run>,
        settled: &Settled,
        ended_at_ms: i64,
        (silent, stopped): (bool, Option<&'static str>),
    ) {
        let ending = shape::Ending::of(settled.outcome);
        let stop = shape::stop_word(settled, stopped);
        let follows = |client: &Client| client.follows(&facts.session);
        let Some(mut run) = run else {
            // A chat command answers without a run: one `final`, numbered 1 (section 6 of our notes).
            let word = last_word(settled, ending, stop, silent, ended_at_ms);
            return self.send(
                frame::event("chat", &chat(facts, 1, word)),
                Fate::Keep,
                &follows,
            );
        };
        if ending == shape::Ending::Stopped {
            let word = last_word(settled, ending, stop, silent, ended_at_ms);
            let seq = run.next();
            self.send(
                frame::event("chat", &chat(facts, seq, word)),
                Fate::Keep,
                &follows,
            );
            let data = json!({
                "phase": "end", "status": "cancelled", "aborted": true, "stopReason": stop,
                "startedAt": facts.started_at_ms, "endedAt": ended_at_ms, "executionSettled": true,
            });
            return self.agent(facts, &mut run, "lifecycle", &data);
        }
        let answered = ending == shape::Ending::Answered;
        if answered && !silent && run.text != settled.text {
            // What is stored is the truth; deltas that differ (trimmed, cut) are replaced by it.
            let extends = settled.text.starts_with(&run.text);
            run.replaces |= !extends;
            settled.text.clone_into(&mut run.text);
        }
        if settled.usage.total() > 0 {
            self.agent(
                facts,
                &mut run,
                "usage",
                &json!({ "outputTokens": settled.usage.output }),
            );
        }
        let alive = if answered { "working" } else { "blocked" };
        let finishing = json!({
            "phase": "finishing", "stopReason": stop, "aborted": false, "livenessState": alive, "endedAt": ended_at_ms,
        });
        self.agent(facts, &mut run, "lifecycle", &finishing);
        if run.model {
            self.agent(
                facts,
                &mut run,
                "lifecycle",
                &json!({ "phase": "model", "provider": null, "model": null }),
            );
        }
        let data = if answered {
            let shown = if silent {
                "silent"
            } else if settled.text.is_empty() {
                "empty"
            } else {
                "visible"
            };
            let text = if silent { "" } else { settled.text.as_str() };
            json!({
                "phase": "end", "startedAt": facts.started_at_ms, "endedAt": ended_at_ms, "aborted": false,
                "stopReason": stop, "livenessState": alive, "executionSettled": true,
                "terminalReply": { "disposition": shown, "text": text },
            })
        } else {
            let message = settled
                .error
                .as_ref()
                .map_or("the run failed", |error| error.message.as_str());
            json!({
                "phase": "error", "error": message, "startedAt": facts.started_at_ms, "endedAt": ended_at_ms,
                "executionSettled": true,
            })
        };
        self.agent(facts, &mut run, "lifecycle", &data);
        if !silent && answered && run.is_behind() {
            self.say(facts, &mut run);
        }
        let word = last_word(settled, ending, stop, silent, ended_at_ms);
        self.send(
            frame::event("chat", &chat(facts, run.seq, word)),
            Fate::Keep,
            &follows,
        );
    }
}

fn chat<T: Serialize>(facts: &RunFacts, seq: u64, state: T) -> Chat<'_, T> {
    Chat {
        run_id: facts.run_id.as_str(),
        session_key: facts.session.as_str(),
        agent_id: facts.agent.as_str(),
        seq,
        state,
    }
}

/// Says late what came within a run's pause. One task for all runs; it sleeps only while something is unsaid.
async fn flush_chat(hub: Weak<Hub>) {
    loop {
        let Some(strong) = hub.upgrade() else {
            return gone().await;
        };
        let world = strong.world.clone();
        // The notification is kept when it comes between two waits.
        strong.behind.notified().await;
        drop(strong);
        loop {
            world.sleep_ms(super::runs::CHAT_INTERVAL_MS / 2).await;
            let Some(strong) = hub.upgrade() else {
                return gone().await;
            };
            let mut runs = strong.runs();
            let behind = runs.behind();
            if behind.is_empty() {
                break;
            }
            let now_ms = world.monotonic_ms();
            for run_id in behind {
                let facts = strong.facts().get(run_id.as_str()).cloned();
                if let (Some(facts), Some(run)) = (facts, runs.get(&run_id))
                    && run.due_ms() <= now_ms
                {
                    strong.say(&facts, run);
                }
            }
        }
    }
}

/// The hub is gone, so there is nothing to do until the tree stops; ending would look like a failure.
pub(super) async fn gone() {
    std::future::pending().await
}
