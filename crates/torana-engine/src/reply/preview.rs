//! The growing answer on a platform: typing signs, an edited message, a draft bubble or a status line.
//!
//! One small task per run. It is best effort: nothing here is needed for the final text, and the ids of messages it
//! made are on disk before they are relied upon (decision 31, R-13).

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use torana_core::id::InboxId;
use torana_core::message::PeerKind;

use super::follow::{Live, Task};
use super::shown::Shown;
use super::text::style_of;
use crate::engine::Engine;
use crate::session::Work;
use crate::settings::{StreamMode, TypingMode};
use crate::store::inbox::Payload;
use crate::store::outbox;

/// The preview of one run.
pub(crate) struct Preview {
    live: Option<watch::Sender<Live>>,
    result: Option<oneshot::Receiver<Shown>>,
    known: Shown,
}

impl Preview {
    /// Starts the preview a conversation is configured for. A later attempt takes over what an earlier one showed.
    pub(crate) async fn start(engine: &Engine, lead: &Work, attempt: u32, is_sent: bool) -> Self {
        let slot = lead.handle.previewing().await;
        let known = if attempt > 1 {
            known_previews(engine, lead.id).await
        } else {
            Vec::new()
        };
        let Some(target) = lead.target.clone() else {
            return Self::off(Shown::default());
        };
        let conversation = &target.conversation;
        let account = engine
            .settings()
            .account(&conversation.channel, &conversation.account);
        let mode = account.streaming;
        let known = Shown::left_by_crash(known, mode);
        if !is_sent {
            return Self::off(known);
        }
        let Some(limits) = engine
            .delivery()
            .limits(&conversation.channel, &conversation.account)
        else {
            return Self::off(known);
        };
        let style = style_of(engine, &target);
        let (live, receiver) = watch::channel(Live::default());
        let (done, result) = oneshot::channel();
        let task = Task {
            engine: engine.clone(),
            inbox: lead.id,
            target,
            limits,
            style,
            account,
            shown: known.clone(),
            texts: Vec::new(),
            previewing: mode != StreamMode::Off,
            typing: typing_of(engine, lead),
            started_ms: engine.world().monotonic_ms(),
            edited_ms: None,
            typed_ms: None,
            first_text_ms: None,
            alive_ms: engine.world().monotonic_ms(),
            draft_id: draft_id(lead.id),
        };
        engine
            .tasks()
            .spawn(format!("preview {}", lead.run_id), async move {
                task.run(receiver, done).await;
                drop(slot);
            });
        Self {
            live: Some(live),
            result: Some(result),
            known,
        }
    }

    fn off(known: Shown) -> Self {
        Self {
            live: None,
            result: None,
            known,
        }
    }

    /// True when somebody looks.
    pub(crate) fn is_on(&self) -> bool {
        self.live.is_some()
    }

    /// The answer so far, ready to be seen.
    pub(crate) fn text(&self, text: String) {
        if let Some(live) = &self.live {
            live.send_modify(|live| {
                live.text = Arc::from(text);
                live.changes += 1;
            });
        }
    }

    /// The agent does something else than writing.
    pub(crate) fn activity(&self, name: &str) {
        if let Some(live) = &self.live {
            live.send_modify(|live| {
                live.activity = Some(Arc::from(name));
                live.changes += 1;
            });
        }
    }

    /// The model thinks: nothing to see, but a sign of life.
    pub(crate) fn thinking(&self) {
        if let Some(live) = &self.live {
            live.send_modify(|live| live.changes += 1);
        }
    }

    /// Ends the preview and says what is shown.
    pub(crate) async fn stop(self) -> Shown {
        drop(self.live);
        match self.result {
            Some(result) => result.await.unwrap_or(self.known),
            None => self.known,
        }
    }
}

/// When the typing sign of a turn appears: as the agent says, else at once where somebody waits for the answer, and with
/// the first words where nobody asked (behaviour 5.4).
fn typing_of(engine: &Engine, lead: &Work) -> TypingMode {
    let written = engine
        .settings()
        .agents
        .get(&lead.agent)
        .and_then(|agent| agent.rules.typing);
    written.unwrap_or_else(|| match lead.payload.as_ref() {
        Payload::Channel(inbound) => {
            let addressed = inbound.addressed;
            let asked = addressed.mention || addressed.reply_to_us || addressed.command;
            if asked || inbound.conversation.peer.kind == PeerKind::Direct {
                TypingMode::Instant
            } else {
                TypingMode::Message
            }
        }
        Payload::Client(_) => TypingMode::Instant,
    })
}

/// Draft bubbles need a small non-zero number that stays the same for one answer.
fn draft_id(inbox: InboxId) -> u32 {
    u32::try_from(inbox.0.rem_euclid(1 << 30))
        .unwrap_or(1)
        .max(1)
}

/// Messages of an earlier run of the same turn that show a half-written answer.
pub(crate) async fn known_previews(
    engine: &Engine,
    inbox: torana_core::id::InboxId,
) -> Vec<String> {
    engine
        .shared
        .store
        .read(move |connection| outbox::previews(connection, inbox))
        .await
        .unwrap_or_default()
}
