//! The task behind a preview: follows the live text of a run with messages, edits, drafts and typing signs.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use torana_core::id::InboxId;
use torana_core::message::{Operation, PeerKind, RenderedText, ReplyTarget};
use torana_core::port::{ChannelLimits, SendFailure};
use torana_core::render;

use super::shown::Shown;
use super::text::Style;
use crate::engine::Engine;
use crate::settings::{AccountSettings, StreamMode, TypingMode};
use crate::store::outbox;

/// A status line appears when a run takes longer than this (decision 31).
const STATUS_AFTER_MS: u64 = 3_000;
/// A first preview waits for this many characters, or for [`FIRST_WAIT_MS`] (channels 0.6).
const FIRST_CHARS_MIN: usize = 30;
const FIRST_WAIT_MS: u64 = 700;
/// How long the end of a run waits for a preview that is under way, milliseconds.
const LAST_PREVIEW_MS_MAX: u64 = 10_000;
/// No typing sign for an answer that is there before a person could see one; half of all requests are saved so.
const TYPING_AFTER_MS: u64 = 100;
/// Typing signs stop when a run showed no life for two minutes (behaviour 5.4).
const TYPING_MS_MAX: u64 = 120_000;

/// What a run says and does right now.
#[derive(Clone, Default)]
pub(super) struct Live {
    pub(super) text: Arc<str>,
    pub(super) activity: Option<Arc<str>>,
    /// Counts changes, so that the same text twice is still a sign of life.
    pub(super) changes: u64,
}

/// One preview at work.
pub(super) struct Task {
    pub(super) engine: Engine,
    pub(super) inbox: InboxId,
    pub(super) target: ReplyTarget,
    pub(super) limits: ChannelLimits,
    pub(super) style: Style,
    pub(super) account: AccountSettings,
    pub(super) shown: Shown,
    /// What each shown message says.
    pub(super) texts: Vec<RenderedText>,
    pub(super) previewing: bool,
    pub(super) typing: TypingMode,
    pub(super) started_ms: u64,
    pub(super) edited_ms: Option<u64>,
    pub(super) typed_ms: Option<u64>,
    pub(super) first_text_ms: Option<u64>,
    pub(super) alive_ms: u64,
    pub(super) draft_id: u32,
}

impl Task {
    pub(super) async fn run(
        mut self,
        mut live: watch::Receiver<Live>,
        done: oneshot::Sender<Shown>,
    ) {
        loop {
            let now_ms = self.engine.world().monotonic_ms();
            let current = live.borrow_and_update().clone();
            if current.changes > 0 {
                self.alive_ms = self.alive_ms.max(now_ms);
            }
            self.type_now(&current, now_ms);
            let closed = self.show(&current, now_ms, &live).await;
            if closed {
                break;
            }
            let wake_ms = self.wake_ms(&current);
            let sleep = self.engine.world().clock.sleep_until(wake_ms);
            tokio::select! {
                biased;
                changed = live.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.alive_ms = self.engine.world().monotonic_ms();
                }
                () = sleep => {}
            }
        }
        // The run may have been dropped with its world; then nobody asks.
        drop(done.send(self.shown));
    }

    fn interval_ms(&self) -> u64 {
        match self.target.conversation.peer.kind {
            PeerKind::Direct => self.limits.edit_interval_direct_ms,
            PeerKind::Group | PeerKind::Channel => self.limits.edit_interval_group_ms,
        }
    }

    fn wake_ms(&self, current: &Live) -> u64 {
        let now_ms = self.engine.world().monotonic_ms();
        // An hour without anything to do is as good as never; a change wakes the task anyway.
        let mut wake_ms = now_ms + 3_600_000;
        if let Some(every_ms) = self.limits.typing_ms
            && now_ms.saturating_sub(self.alive_ms) < TYPING_MS_MAX
        {
            let due_ms = match self.typed_ms {
                Some(typed_ms) => typed_ms + every_ms,
                None => self.started_ms + TYPING_AFTER_MS,
            };
            if due_ms > now_ms {
                wake_ms = wake_ms.min(due_ms);
            }
        }
        if self.previewing {
            let due_ms = match self.account.streaming {
                StreamMode::Off => u64::MAX,
                StreamMode::Progress => {
                    if self.shown.message_ids.is_empty() {
                        self.started_ms + STATUS_AFTER_MS
                    } else {
                        u64::MAX
                    }
                }
                StreamMode::Partial | StreamMode::Block | StreamMode::Draft => {
                    match (self.edited_ms, self.first_text_ms) {
                        (Some(edited_ms), _) if !current.text.is_empty() => {
                            edited_ms + self.interval_ms()
                        }
                        (None, Some(first_ms)) => first_ms + FIRST_WAIT_MS,
                        _ => u64::MAX,
                    }
                }
            };
            if due_ms > now_ms {
                wake_ms = wake_ms.min(due_ms);
            }
        }
        wake_ms.max(now_ms + 1)
    }

    fn type_now(&mut self, current: &Live, now_ms: u64) {
        let Some(every_ms) = self.limits.typing_ms else {
            return;
        };
        let begins = match self.typing {
            TypingMode::Never => false,
            TypingMode::Instant => true,
            TypingMode::Thinking => current.changes > 0,
            TypingMode::Message => !current.text.is_empty(),
        };
        if !begins {
            return;
        }
        let due = match self.typed_ms {
            Some(typed_ms) => now_ms >= typed_ms + every_ms,
            None => now_ms >= self.started_ms + TYPING_AFTER_MS,
        };
        if due && now_ms.saturating_sub(self.alive_ms) < TYPING_MS_MAX {
            self.typed_ms = Some(now_ms);
            drop(self.engine.delivery().pass(Operation::Typing {
                conversation: self.target.conversation.clone(),
            }));
        }
    }

    /// Shows what is due. `true` when the run ended meanwhile.
    async fn show(&mut self, current: &Live, now_ms: u64, live: &watch::Receiver<Live>) -> bool {
        if !self.previewing {
            return false;
        }
        match self.account.streaming {
            StreamMode::Off => false,
            StreamMode::Progress => self.show_status(current, now_ms, live).await,
            StreamMode::Draft => self.show_draft(current, now_ms, live).await,
            StreamMode::Partial => {
                self.show_text(current, now_ms, live, self.style.limits)
                    .await
            }
            StreamMode::Block => {
                let limits = self.account.block_limits(self.style.limits);
                self.show_text(current, now_ms, live, limits).await
            }
        }
    }

    async fn show_status(
        &mut self,
        current: &Live,
        now_ms: u64,
        live: &watch::Receiver<Live>,
    ) -> bool {
        let due = now_ms >= self.started_ms + STATUS_AFTER_MS || current.activity.is_some();
        if !due || !self.shown.message_ids.is_empty() || !self.limits.delete {
            return false;
        }
        let words = match &current.activity {
            Some(name) => format!("Working … ({name})"),
            None => "Working …".to_owned(),
        };
        self.shown.is_status = true;
        let text = RenderedText {
            markup: words.clone(),
            plain: words,
        };
        self.send_part(0, text, live).await
    }

    async fn show_draft(
        &mut self,
        current: &Live,
        now_ms: u64,
        live: &watch::Receiver<Live>,
    ) -> bool {
        if !self.limits.draft || self.target.conversation.peer.kind != PeerKind::Direct {
            return self.show_status(current, now_ms, live).await;
        }
        if !self.is_due(current, now_ms) {
            return false;
        }
        let chunks = render::chunks(&current.text, &self.style.limits, self.style.format);
        let Some(chunk) = chunks.into_iter().next_back() else {
            return false;
        };
        let operation = Operation::Draft {
            conversation: self.target.conversation.clone(),
            draft_id: self.draft_id,
            text: RenderedText {
                markup: chunk.rendered,
                plain: chunk.plain,
            },
        };
        self.edited_ms = Some(now_ms);
        match self.pass(operation, live).await {
            Passed::Closed => true,
            Passed::Done(Err(SendFailure::Unsupported | SendFailure::Rejected { .. })) => {
                // The account cannot do drafts after all (channels 1): a status line is the next best thing.
                self.limits.draft = false;
                false
            }
            Passed::Done(_) | Passed::Replaced => false,
        }
    }

    fn is_due(&mut self, current: &Live, now_ms: u64) -> bool {
        if current.text.is_empty() {
            return false;
        }
        let first_ms = *self.first_text_ms.get_or_insert(now_ms);
        match self.edited_ms {
            Some(edited_ms) => now_ms >= edited_ms + self.interval_ms(),
            None => {
                current.text.chars().nth(FIRST_CHARS_MIN - 1).is_some()
                    || now_ms >= first_ms + FIRST_WAIT_MS
            }
        }
    }

    async fn show_text(
        &mut self,
        current: &Live,
        now_ms: u64,
        live: &watch::Receiver<Live>,
        limits: render::Limits,
    ) -> bool {
        if !self.limits.edit || !self.is_due(current, now_ms) {
            return false;
        }
        if self.account.streaming == StreamMode::Block && !self.grew(current) {
            return false;
        }
        let chunks = render::chunks(&current.text, &limits, self.style.format);
        self.edited_ms = Some(now_ms);
        for (index, chunk) in chunks.into_iter().enumerate() {
            let text = RenderedText {
                markup: chunk.rendered,
                plain: chunk.plain,
            };
            if self.texts.get(index) == Some(&text) {
                continue;
            }
            if self.send_part(index, text, live).await {
                return true;
            }
            // A part that could not be sent now is tried again later; those behind it must not overtake it.
            if !self.previewing || self.shown.message_ids.len() <= index {
                return false;
            }
        }
        false
    }

    /// In block mode a preview advances by whole steps.
    fn grew(&self, current: &Live) -> bool {
        let shown: usize = self
            .texts
            .iter()
            .map(|text| text.plain.chars().count())
            .sum();
        current.text.chars().count() >= shown + self.account.block_chars_min.max(1)
    }

    /// Sends or edits one message of the preview. `true` when the run ended meanwhile.
    async fn send_part(
        &mut self,
        index: usize,
        text: RenderedText,
        live: &watch::Receiver<Live>,
    ) -> bool {
        // The run is over: what is not on its way yet would only show up after the answer.
        if live.has_changed().is_err() {
            return true;
        }
        let operation = match self.shown.message_ids.get(index) {
            Some(message_id) => Operation::Edit {
                conversation: self.target.conversation.clone(),
                message_id: message_id.clone(),
                text: text.clone(),
                plain: false,
            },
            None => {
                let mut target = self.target.clone();
                if index > 0 {
                    target.reply_to = None;
                }
                Operation::Text {
                    target,
                    text: text.clone(),
                    plain: false,
                }
            }
        };
        let is_new = matches!(operation, Operation::Text { .. });
        match self.pass(operation, live).await {
            Passed::Done(Ok(receipt)) => {
                if is_new {
                    let Some(message_id) = receipt.message_ids.into_iter().next() else {
                        self.previewing = false;
                        return false;
                    };
                    self.remember(index, &message_id).await;
                    self.shown.message_ids.push(message_id);
                }
                if index < self.texts.len() {
                    self.texts[index] = text;
                } else {
                    self.texts.push(text);
                }
                false
            }
            Passed::Done(Err(SendFailure::Retry { .. })) => false,
            Passed::Done(Err(SendFailure::Gone { .. })) => {
                // Somebody deleted it: the final answer becomes a message of its own.
                self.shown.message_ids.truncate(index);
                self.previewing = false;
                false
            }
            Passed::Done(Err(_)) => {
                // Also when nobody knows whether it arrived: no second preview, the final goes out normally.
                self.previewing = false;
                false
            }
            Passed::Replaced => false,
            Passed::Closed => true,
        }
    }

    /// Passes an operation on and waits for its outcome, or for the end of the run.
    async fn pass(&mut self, operation: Operation, live: &watch::Receiver<Live>) -> Passed {
        let is_new = matches!(operation, Operation::Text { .. });
        let mut outcome = self.engine.delivery().pass(operation);
        let mut closing = live.clone();
        let ended = async move { while closing.changed().await.is_ok() {} };
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome.map_or(Passed::Replaced, Passed::Done),
            () = ended => {}
        }
        // The run is over, but a message that is on its way must be known, or it would stay half-written.
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome.map_or(Passed::Replaced, Passed::Done),
            () = self.engine.world().sleep_ms(LAST_PREVIEW_MS_MAX) => {}
        }
        if is_new {
            self.take_back_later(outcome);
        }
        Passed::Closed
    }

    /// A message that appears although its run stopped waiting for it is removed again.
    fn take_back_later(&self, outcome: crate::delivery::Passed) {
        let (engine, conversation) = (self.engine.clone(), self.target.conversation.clone());
        self.engine.tasks().spawn("late preview", async move {
            let Ok(Ok(receipt)) = outcome.await else {
                return;
            };
            let delete = |message_id| Operation::Delete {
                conversation: conversation.clone(),
                message_id,
            };
            let operations = receipt.message_ids.into_iter().map(delete).collect();
            if let Err(error) = engine.post_operations(None, None, operations).await {
                tracing::warn!(%error, "A late preview could not be taken back.");
            }
        });
    }

    async fn remember(&self, index: usize, message_id: &str) {
        let (inbox, part, message_id, conversation) = (
            self.inbox,
            u32::try_from(index).unwrap_or(u32::MAX),
            message_id.to_owned(),
            self.target.conversation.clone(),
        );
        let stored = self
            .engine
            .insist(move |connection| {
                outbox::remember_preview(connection, inbox, part, &message_id, &conversation)
            })
            .await;
        if let Err(error) = stored {
            tracing::warn!(%error, inbox = %self.inbox, "The id of a preview could not be stored.");
        }
    }
}

enum Passed {
    Done(Result<torana_core::message::Receipt, SendFailure>),
    /// A newer operation took its place.
    Replaced,
    /// The run ended first.
    Closed,
}
