//! The way out: one attempt per operation, and the exact meaning of each failure for delivery (decision 12).
//!
//! Telegram has no way to recognise a repeated send, so everything that may have arrived is `Unknown`.

use std::sync::Arc;

use bytes::Bytes;
use torana_core::message::{Conversation, Operation, PeerKind, Receipt, RenderedText, ReplyTarget};
use torana_core::port::{BoxFuture, SendFailure, Transmit};

use super::api::{Api, CallFailure};
use super::normalise::{DIRECT_TOPIC_PREFIX, GENERAL_TOPIC};
use super::wire::{
    ChatId, DeleteMessage, EditMessageText, LinkPreviewOptions, ReplyParameters, SendChatAction,
    SendMessage, SendMessageDraft, SentMessage,
};

const HTML: &str = "HTML";

/// Sends for one bot.
pub(super) struct Sender {
    pub(super) api: Arc<Api>,
    pub(super) link_preview: bool,
}

// === impl Transmit for Sender ===

impl Transmit for Sender {
    fn transmit<'a>(
        &'a self,
        operation: &'a Operation,
        _nonce: &'a str,
    ) -> BoxFuture<'a, Result<Receipt, SendFailure>> {
        Box::pin(async move {
            match operation {
                Operation::Text {
                    target,
                    text,
                    plain,
                } => self.text(target, text, *plain).await,
                Operation::Edit {
                    conversation,
                    message_id,
                    text,
                    plain,
                } => self.edit(conversation, message_id, text, *plain).await,
                Operation::Delete {
                    conversation,
                    message_id,
                } => self.delete(conversation, message_id).await,
                Operation::Typing { conversation } => self.typing(conversation).await,
                Operation::Draft {
                    conversation,
                    draft_id,
                    text,
                } => self.draft(conversation, *draft_id, text).await,
            }
        })
    }
}

// === impl Sender ===

impl Sender {
    async fn text(
        &self,
        target: &ReplyTarget,
        text: &RenderedText,
        plain: bool,
    ) -> Result<Receipt, SendFailure> {
        let conversation = &target.conversation;
        let place = Place::of(conversation)?;
        let reply_parameters = match &target.reply_to {
            // An id that is not Telegram's costs the link to the question, not the answer.
            Some(id) => id.parse().ok().map(|message_id| ReplyParameters {
                message_id,
                allow_sending_without_reply: true,
            }),
            None => None,
        };
        let (text, parse_mode) = words(text, plain)?;
        let request = SendMessage {
            chat_id: ChatId::from(conversation.peer.id.as_ref()),
            message_thread_id: place.thread.filter(|_| !place.is_general),
            direct_messages_topic_id: place.direct_topic,
            text,
            parse_mode,
            link_preview_options: self.link_preview_options(),
            reply_parameters,
        };
        match self.api.call("sendMessage", &request).await {
            Ok(result) => Ok(receipt(&result, None)),
            Err(failure) => Err(classify(Action::Send, failure)),
        }
    }

    async fn edit(
        &self,
        conversation: &Conversation,
        message_id: &str,
        text: &RenderedText,
        plain: bool,
    ) -> Result<Receipt, SendFailure> {
        let (text, parse_mode) = words(text, plain)?;
        let request = EditMessageText {
            chat_id: ChatId::from(conversation.peer.id.as_ref()),
            message_id: native_message_id(message_id)?,
            text,
            parse_mode,
            link_preview_options: self.link_preview_options(),
        };
        match self.api.call("editMessageText", &request).await {
            Ok(result) => Ok(receipt(&result, Some(message_id))),
            Err(failure) if is_unmodified(&failure) => Ok(Receipt {
                message_ids: vec![message_id.to_owned()],
            }),
            Err(failure) => Err(classify(Action::Edit, failure)),
        }
    }

    async fn delete(
        &self,
        conversation: &Conversation,
        message_id: &str,
    ) -> Result<Receipt, SendFailure> {
        let request = DeleteMessage {
            chat_id: ChatId::from(conversation.peer.id.as_ref()),
            message_id: native_message_id(message_id)?,
        };
        match self.api.call("deleteMessage", &request).await {
            Ok(_) => Ok(Receipt::default()),
            Err(failure) => Err(classify(Action::Delete, failure)),
        }
    }

    async fn typing(&self, conversation: &Conversation) -> Result<Receipt, SendFailure> {
        let place = Place::of(conversation)?;
        // Unlike messages, this wants the general topic named.
        let request = SendChatAction {
            chat_id: ChatId::from(conversation.peer.id.as_ref()),
            message_thread_id: place.thread,
            action: "typing",
        };
        match self.api.call("sendChatAction", &request).await {
            Ok(_) => Ok(Receipt::default()),
            Err(failure) => Err(classify(Action::Optional, failure)),
        }
    }

    async fn draft(
        &self,
        conversation: &Conversation,
        draft_id: u32,
        text: &RenderedText,
    ) -> Result<Receipt, SendFailure> {
        let (PeerKind::Direct, Ok(chat_id)) =
            (conversation.peer.kind, conversation.peer.id.parse())
        else {
            return Err(SendFailure::Unsupported);
        };
        let place = Place::of(conversation)?;
        let request = SendMessageDraft {
            chat_id,
            message_thread_id: place.thread.filter(|_| !place.is_general),
            // Zero is no draft for Telegram.
            draft_id: draft_id.max(1),
            text: &text.markup,
            parse_mode: Some(HTML),
        };
        match self.api.call("sendMessageDraft", &request).await {
            Ok(_) => Ok(Receipt::default()),
            Err(failure) => Err(classify(Action::Draft, failure)),
        }
    }

    fn link_preview_options(&self) -> Option<LinkPreviewOptions> {
        (!self.link_preview).then_some(LinkPreviewOptions { is_disabled: true })
    }
}

/// Where inside a chat an operation goes.
#[derive(Debug, Default)]
struct Place {
    thread: Option<i64>,
    is_general: bool,
    direct_topic: Option<i64>,
}

impl Place {
    fn of(conversation: &Conversation) -> Result<Self, SendFailure> {
        let Some(thread) = conversation.thread.as_deref() else {
            return Ok(Self::default());
        };
        let id = |text: &str| {
            text.parse::<i64>().map_err(|_| SendFailure::Rejected {
                reason: format!("`{thread}` is not a Telegram topic"),
            })
        };
        match thread.strip_prefix(DIRECT_TOPIC_PREFIX) {
            Some(topic) => Ok(Self {
                direct_topic: Some(id(topic)?),
                ..Self::default()
            }),
            None => Ok(Self {
                thread: Some(id(thread)?),
                is_general: thread == GENERAL_TOPIC,
                direct_topic: None,
            }),
        }
    }
}

fn words(text: &RenderedText, plain: bool) -> Result<(&str, Option<&'static str>), SendFailure> {
    let (words, parse_mode) = if plain {
        (&text.plain, None)
    } else {
        (&text.markup, Some(HTML))
    };
    if words.is_empty() {
        return Err(SendFailure::Rejected {
            reason: "the message has no text".to_owned(),
        });
    }
    Ok((words, parse_mode))
}

fn native_message_id(id: &str) -> Result<i64, SendFailure> {
    id.parse().map_err(|_| SendFailure::Rejected {
        reason: format!("`{id}` is not the id of a Telegram message"),
    })
}

/// The id of the message that now exists. Some servers answer an edit with nothing or `true`.
fn receipt(result: &Bytes, known: Option<&str>) -> Receipt {
    let id = match serde_json::from_slice::<SentMessage>(result) {
        Ok(sent) => Some(sent.message_id.to_string()),
        Err(_) => known.map(str::to_owned),
    };
    Receipt {
        message_ids: id.into_iter().collect(),
    }
}

/// What was tried; it decides what "not found" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Send,
    Edit,
    Delete,
    /// Nice to have, and missing on some servers.
    Optional,
    /// As `Optional`; and any refusal means that drafts do not work here.
    Draft,
}

fn is_unmodified(failure: &CallFailure) -> bool {
    matches!(failure, CallFailure::Refused { description, .. } if contains(description, "message is not modified"))
}

fn contains(description: &str, words: &str) -> bool {
    description
        .to_ascii_lowercase()
        .contains(&words.to_ascii_lowercase())
}

/// The meaning of a failure for delivery.
pub(super) fn classify(action: Action, failure: CallFailure) -> SendFailure {
    match failure {
        CallFailure::NotSent { reason } => SendFailure::Retry {
            after_ms: None,
            limited: false,
            whole_account: false,
            reason,
        },
        CallFailure::Ambiguous { reason } => SendFailure::Unknown { reason },
        CallFailure::Foreign {
            status: 429,
            retry_after,
        } => limited(retry_after, "a proxy limits the rate".to_owned()),
        CallFailure::Foreign {
            status: 404 | 405 | 501,
            ..
        } if matches!(action, Action::Optional | Action::Draft) => SendFailure::Unsupported,
        // Proxies and misrouted requests; Telegram has not seen this one, and the answer may change.
        CallFailure::Foreign { status, .. } => SendFailure::Retry {
            after_ms: None,
            limited: false,
            whole_account: true,
            reason: format!("something in front of Telegram answered {status}"),
        },
        CallFailure::Refused {
            code,
            description,
            parameters,
        } => {
            if let Some(chat) = parameters.migrate_to_chat_id {
                return SendFailure::Moved {
                    peer_id: Arc::from(chat.to_string()),
                };
            }
            if code == 429 {
                return limited(parameters.retry_after, description);
            }
            refused(action, code, description)
        }
    }
}

/// Telegram does not say whether a limit is the chat's or the bot's. Taking it as the chat's keeps other chats moving; when
/// it is the bot's, each of them hears its own wait.
fn limited(retry_after: Option<u64>, reason: String) -> SendFailure {
    SendFailure::Retry {
        after_ms: retry_after.map(|seconds| seconds.saturating_mul(1000)),
        limited: true,
        whole_account: false,
        reason,
    }
}

fn refused(action: Action, code: u16, description: String) -> SendFailure {
    let reason = description;
    if code == 401 {
        return SendFailure::SignedOut {
            reason: format!("Telegram does not accept the bot token ({reason})"),
        };
    }
    if contains(&reason, "can't parse entities") || contains(&reason, "can't parse message text") {
        return SendFailure::Markup { reason };
    }
    if matches!(action, Action::Edit | Action::Delete) && is_gone(&reason) {
        return SendFailure::Gone { reason };
    }
    if action == Action::Draft && matches!(code, 400 | 404) {
        return SendFailure::Unsupported;
    }
    if code == 404 && contains(&reason, "method not found") {
        return SendFailure::Unsupported;
    }
    if code == 404 && reason.trim().eq_ignore_ascii_case("not found") {
        return match action {
            Action::Optional | Action::Draft => SendFailure::Unsupported,
            // A token that Telegram cannot even read is answered like an unknown path.
            Action::Send | Action::Edit | Action::Delete => SendFailure::SignedOut {
                reason: super::receive::NOT_FOUND.to_owned(),
            },
        };
    }
    SendFailure::Rejected { reason }
}

/// The message is not there any more, or not ours to change any more.
fn is_gone(description: &str) -> bool {
    const WORDS: &[&str] = &[
        "message to edit not found",
        "message to delete not found",
        "message can't be edited",
        "message can't be deleted",
        "message_id_invalid",
    ];
    WORDS.iter().any(|words| contains(description, words))
}
