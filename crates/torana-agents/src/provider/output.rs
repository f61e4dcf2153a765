//! Where an attempt puts what it receives: events to the run, text and usage to keep, bytes to count.

use std::collections::BTreeMap;

use torana_core::ask::ToolCall;
use torana_core::port::World;
use torana_core::run::{FailureKind, RunEvent, Usage};

use super::failure::ProviderFailure;
use crate::emit::Emitter;

/// Most bytes read from providers in one turn, failed attempts included (S-061).
pub(crate) const TURN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Calls of one answer; real ones have a handful.
const CALLS_MAX: usize = 128;
/// Bytes that are not text show life at most this often; the watchdogs above wait for minutes.
const PROGRESS_INTERVAL_MS: u64 = 1_000;

/// The receiving end of one turn.
#[derive(Clone)]
pub struct Output {
    world: World,
    emitter: Emitter,
    text: String,
    calls: BTreeMap<u64, ToolCall>,
    usage: Usage,
    bytes: usize,
    progress_at_ms: Option<u64>,
}

impl Output {
    pub(crate) fn new(world: World, emitter: Emitter) -> Self {
        Self {
            world,
            emitter,
            text: String::new(),
            calls: BTreeMap::new(),
            usage: Usage::default(),
            bytes: 0,
            progress_at_ms: None,
        }
    }

    /// Time and randomness.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Appends to the answer.
    pub(crate) async fn text(&mut self, delta: String) {
        if !delta.is_empty() {
            self.text.push_str(&delta);
            self.emitter.emit(RunEvent::TextDelta(delta)).await;
        }
    }

    /// Appends to the reasoning.
    pub(crate) async fn thinking(&mut self, delta: String) {
        if !delta.is_empty() {
            self.emitter.emit(RunEvent::ThinkingDelta(delta)).await;
        }
    }

    /// Takes a piece of a call; what the provider sends is bounded by [`Output::count`].
    pub(crate) fn call(&mut self, piece: CallPiece) {
        if self.calls.len() >= CALLS_MAX && !self.calls.contains_key(&piece.index) {
            return;
        }
        let call = self.calls.entry(piece.index).or_insert_with(|| ToolCall {
            id: String::new(),
            name: String::new(),
            arguments: String::new(),
        });
        // Some servers repeat id and name with every piece.
        if call.id.is_empty() {
            call.id = piece.id;
        }
        if call.name.is_empty() {
            call.name = piece.name;
        }
        call.arguments.push_str(&piece.arguments);
    }

    /// Takes the calls of the answer. Local servers leave ids out; results need them.
    pub(crate) fn take_calls(&mut self) -> Vec<ToolCall> {
        let calls = std::mem::take(&mut self.calls);
        let named = calls.into_values().filter(|call| !call.name.is_empty());
        let complete = named.map(|mut call| {
            if call.id.is_empty() {
                call.id = format!("call_{}", self.world.uuid().replace('-', ""));
            }
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
            call
        });
        complete.collect()
    }

    /// Something arrived that is not text.
    pub(crate) async fn progress(&mut self) {
        let now = self.world.monotonic_ms();
        if self
            .progress_at_ms
            .is_none_or(|at| now >= at.saturating_add(PROGRESS_INTERVAL_MS))
        {
            self.progress_at_ms = Some(now);
            self.emitter.emit(RunEvent::Progress).await;
        }
    }

    /// Emits an event that carries no text of the answer.
    pub(crate) async fn note(&self, event: RunEvent) {
        self.emitter.emit(event).await;
    }

    /// What this attempt has used so far; replaces earlier figures of the same attempt.
    pub(crate) fn set_usage(&mut self, usage: Usage) {
        self.usage = usage;
    }

    /// Counts received bytes against the turn's limit.
    pub(crate) fn count(&mut self, bytes: usize) -> Result<(), ProviderFailure> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > TURN_BYTES_MAX {
            return Err(ProviderFailure::new(
                FailureKind::Format,
                "the answer is larger than 16 MiB",
            ));
        }
        Ok(())
    }

    /// Takes the usage of the attempt that just ended.
    pub(crate) fn take_usage(&mut self) -> Usage {
        std::mem::take(&mut self.usage)
    }

    /// Withdraws the text of a failed attempt, so that the next one starts over.
    pub(crate) async fn restart(&mut self) {
        self.calls.clear();
        if !self.text.is_empty() {
            self.text.clear();
            self.emitter
                .emit(RunEvent::TextReplace(String::new()))
                .await;
        }
    }

    /// The text so far.
    pub(crate) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// A piece of a tool call, as it streams in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallPiece {
    /// Which call of this answer.
    pub(crate) index: u64,
    /// Its id, once.
    pub(crate) id: String,
    /// Its tool, once.
    pub(crate) name: String,
    /// More of its arguments.
    pub(crate) arguments: String,
}
