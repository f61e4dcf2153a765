//! Requests of control-plane clients: turns and sends, each durable and idempotent before it is answered.

use std::sync::Arc;

use torana_core::command;
use torana_core::command::CommandNames;
use torana_core::id::{
    AccountId, AgentId, ChannelId, ConnectionId, DEFAULT_ACCOUNT, INJECTED, IntentId, RunId,
    WEBCHAT,
};
use torana_core::key::SessionKey;
use torana_core::lane::QueueMode;
use torana_core::limit::{IDEMPOTENCY_KEY_CHARS_MAX, INBOX_OPEN_MAX, MESSAGE_BYTES_MAX};
use torana_core::message::{Conversation, Operation, Peer, PeerKind, ReplyTarget};
use torana_core::problem::{Code, Problem};

use super::accept::understood;
use super::insert::Inserted;
use crate::digest::hex_digest;
use crate::engine::{Engine, Phase};
use crate::session::Work;
use crate::settings::Settings;
use crate::store::inbox::{ClientInput, NewRow, Payload, State};
use crate::store::session::Touch;
use crate::store::{StoreError, client_key, inbox, outbox};
use crate::turn::TurnHandle;

/// A message of a control-plane client.
#[derive(Debug, Clone)]
pub struct ClientTurn {
    /// Wire method; idempotency keys are remembered per method.
    pub method: &'static str,
    /// The session.
    pub session: SessionKey,
    /// Idempotency key; it becomes the wire id of the turn.
    pub key: String,
    /// What is said.
    pub input: ClientInput,
    /// The connection that asks.
    pub origin: Option<ConnectionId>,
}

/// What became of a client's message. By now it is on disk.
pub struct Submitted {
    /// Wire id of the turn.
    pub run_id: RunId,
    /// Canonical session key.
    pub session: SessionKey,
    /// The agent.
    pub agent: AgentId,
    /// When it was accepted, Unix milliseconds.
    pub accepted_at_ms: i64,
    /// New, under way, or long done.
    pub status: SubmitStatus,
}

/// New, under way, or long done.
pub enum SubmitStatus {
    /// A new turn.
    Started(Arc<TurnHandle>),
    /// The same request again while its turn waits or runs.
    InFlight(Arc<TurnHandle>),
    /// The same request again after its end; the stored outcome.
    Finished(Option<serde_json::Value>),
}

/// A text to send to a platform, without a turn.
#[derive(Debug, Clone)]
pub struct SendRequest {
    /// The channel.
    pub channel: ChannelId,
    /// The account; the default one when absent.
    pub account: Option<AccountId>,
    /// The chat.
    pub to: String,
    /// Topic or thread.
    pub thread: Option<String>,
    /// What to do there.
    pub deed: Deed,
    /// Markdown; empty for a deed without words.
    pub text: String,
    /// Idempotency key.
    pub key: String,
}

/// What a client may have done in a chat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Deed {
    /// Say the text.
    #[default]
    Say,
    /// Say the text as an answer to a message, by the platform's id.
    Answer(String),
    /// Replace what a message of ours says, by the platform's id.
    Edit(String),
    /// Remove a message of ours, by the platform's id.
    Delete(String),
}

impl Deed {
    /// The message it is about, and a word that tells the deeds apart.
    fn about(&self) -> (&'static str, &str) {
        match self {
            Self::Say => ("say", ""),
            Self::Answer(id) => ("answer", id),
            Self::Edit(id) => ("edit", id),
            Self::Delete(id) => ("delete", id),
        }
    }
}

/// A text that is in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Rows of the outbox, in order.
    pub intents: Vec<i64>,
    /// The same request was made before.
    pub repeated: bool,
}

impl Engine {
    /// Takes a message of a control-plane client. When this returns, it is on disk.
    pub async fn submit(&self, request: ClientTurn) -> Result<Submitted, Problem> {
        self.takes_messages(request.input.text.len())?;
        let run_id = client_key(&request.key)?;
        let agent = self.agent_of(&request.session)?;
        if let Some(settings) = self.settings().agents.get(&agent) {
            crate::run::check_wishes(settings, &request.input.attached, &request.input.wishes)?;
        }
        if let Some(model) = &request.input.model {
            self.check_model(&agent, model)?;
        }
        let id = self.shared.store.next_inbox_id();
        let at_ms = self.shared.world.wall_ms();
        let digest = digest_of(&request);
        let event_id = format!("{}:{}", request.method, request.key);
        let handle = TurnHandle::new(
            run_id.clone(),
            id,
            request.session.clone(),
            agent.clone(),
            request.origin,
            at_ms,
        );
        let (row, touch, work) = self.client_rows(&request, &event_id, &digest, &handle);
        let settings = self.shared.settings.load_full();
        let outcome = match command_in(&settings, &request.input) {
            Some(command) => {
                crate::command::run(self, work, row, touch, command, request.input.owner).await
            }
            None => {
                let mode = request
                    .input
                    .queue_mode
                    .as_deref()
                    .and_then(QueueMode::parse);
                self.enqueue(work, row, touch, 0, mode).await
            }
        };
        let status = match outcome.map_err(|error| self.problem(&error))? {
            Inserted::New { row: None, .. } => {
                return Err(Problem::new(
                    Code::Busy,
                    "too many messages are waiting in this session",
                )
                .retry_after_ms(1_000));
            }
            Inserted::New { .. } => SubmitStatus::Started(handle),
            Inserted::Repeated => self.repeated(&event_id, &digest).await?,
        };
        Ok(Submitted {
            run_id,
            session: request.session,
            agent,
            accepted_at_ms: at_ms,
            status,
        })
    }

    /// Refuses while the gateway starts, stops, or has no room.
    fn takes_messages(&self, text_bytes: usize) -> Result<(), Problem> {
        match self.phase() {
            Phase::Accepting => {}
            Phase::Starting => {
                return Err(
                    Problem::new(Code::Unavailable, "the gateway is starting").retry_after_ms(500)
                );
            }
            Phase::Draining => {
                return Err(Problem::new(Code::Unavailable, "the gateway is stopping")
                    .retry_after_ms(1_000));
            }
        }
        if self.storage_full() {
            return Err(self.problem(&StoreError::Full));
        }
        if self.shared.turns.len() >= INBOX_OPEN_MAX {
            return Err(
                Problem::new(Code::Busy, "too many messages are waiting").retry_after_ms(1_000)
            );
        }
        if text_bytes > MESSAGE_BYTES_MAX {
            return Err(Problem::invalid("message is longer than 1 MiB"));
        }
        Ok(())
    }

    /// The row a client's message is stored as, its session's row, and the work for its lane.
    fn client_rows(
        &self,
        request: &ClientTurn,
        event_id: &str,
        digest: &str,
        handle: &Arc<TurnHandle>,
    ) -> (NewRow, Touch, Work) {
        let (id, at_ms) = (handle.inbox, handle.accepted_at_ms);
        let (run_id, agent) = (&handle.run_id, &handle.agent);
        let payload = Payload::Client(Box::new(request.input.clone()));
        let row = NewRow {
            id,
            channel: ChannelId::new(WEBCHAT).expect("a constant id"),
            account: AccountId::new(DEFAULT_ACCOUNT).expect("a constant id"),
            platform_account: "gateway".to_owned(),
            event_id: event_id.to_owned(),
            state: State::Queued,
            reason: None,
            session: Some(request.session.clone()),
            agent: Some(agent.clone()),
            tier: None,
            run_id: Some(run_id.clone()),
            sender: None,
            digest: Some(digest.to_owned()),
            payload: Some(payload.clone()),
            at_ms,
        };
        let place = request
            .input
            .route
            .as_ref()
            .map(|route| &route.conversation);
        let touch = Touch {
            key: request.session.clone(),
            agent: agent.to_string(),
            fresh_id: self.shared.world.uuid(),
            chat_type: place.map_or("direct", |place| place.peer.kind.as_str()),
            channel: place
                .map_or(WEBCHAT, |place| place.channel.as_str())
                .to_owned(),
            title: None,
            target: request.input.route.clone(),
            stays: true,
            at_ms,
        };
        let work = Work {
            id,
            run_id: run_id.clone(),
            session: request.session.clone(),
            agent: agent.clone(),
            payload: Arc::new(payload),
            target: request.input.deliver_to.clone(),
            origin: request.origin,
            fragments: Vec::new(),
            handle: Arc::clone(handle),
        };
        (row, touch, work)
    }

    async fn repeated(&self, event_id: &str, digest: &str) -> Result<SubmitStatus, Problem> {
        let wanted = event_id.to_owned();
        let row = self
            .read(move |connection| inbox::by_event(connection, WEBCHAT, "gateway", &wanted))
            .await?
            .ok_or_else(|| Problem::new(Code::Unavailable, "the request vanished; try again"))?;
        if row.digest.as_deref() != Some(digest) {
            return Err(Problem::new(
                Code::IdempotencyConflict,
                "this idempotency key was used for another session or text",
            ));
        }
        let running = row
            .run_id
            .as_deref()
            .and_then(|run_id| self.shared.turns.get(run_id));
        Ok(match running {
            Some(handle) if row.state != State::Done => SubmitStatus::InFlight(handle),
            _ => SubmitStatus::Finished(row.result),
        })
    }

    /// Where a send goes: a running account, and a chat that is named.
    fn send_target(&self, request: &SendRequest) -> Result<ReplyTarget, Problem> {
        let configured = || {
            self.shared
                .settings
                .load()
                .default_account(&request.channel)
        };
        let account = request
            .account
            .clone()
            .or_else(configured)
            .unwrap_or_else(|| self.shared.accounts.default_of(&request.channel));
        let Some(limits) = self.shared.delivery.limits(&request.channel, &account) else {
            return Err(Problem::new(
                Code::NotFound,
                format!(
                    "no account \"{account}\" of channel \"{}\" is running",
                    request.channel
                ),
            )
            .hint("see `torana channels status`"));
        };
        if !limits.chats.allow(&request.to) {
            return Err(Problem::invalid(format!(
                "`{}` cannot be a chat of channel \"{}\"",
                request.to, request.channel
            ))
            .hint(limits.chats.description()));
        }
        let can = match request.deed {
            Deed::Say | Deed::Answer(_) => true,
            Deed::Edit(_) => limits.edit,
            Deed::Delete(_) => limits.delete,
        };
        if !can {
            return Err(Problem::invalid(format!(
                "channel \"{}\" cannot {} messages",
                request.channel,
                request.deed.about().0
            )));
        }
        if request.text.trim().is_empty() && !matches!(request.deed, Deed::Delete(_)) {
            return Err(Problem::invalid("message text required"));
        }
        // Platforms that mark groups do so in the id itself; direct is the safe default for pacing.
        let kind = if request.to.starts_with('-') {
            PeerKind::Group
        } else {
            PeerKind::Direct
        };
        let conversation = Conversation {
            channel: request.channel.clone(),
            account,
            peer: Peer {
                kind,
                id: Arc::from(request.to.as_str()),
            },
            thread: request.thread.as_deref().map(Arc::from),
        };
        let reply_to = match &request.deed {
            Deed::Answer(id) => Some(id.clone()),
            Deed::Say | Deed::Edit(_) | Deed::Delete(_) => None,
        };
        Ok(ReplyTarget {
            conversation,
            reply_to,
        })
    }

    /// The platform's id of the message that an intent became; `None` while there is none.
    pub async fn message_of(&self, intent: i64) -> Result<Option<String>, Problem> {
        let id = IntentId(intent);
        let found = self
            .read(move |connection| outbox::get(connection, id))
            .await?;
        Ok(found
            .and_then(|intent| intent.receipt)
            .and_then(|receipt| receipt.message_ids.into_iter().next()))
    }

    /// What a request does on its platform.
    fn deeds(
        &self,
        request: &SendRequest,
        target: &ReplyTarget,
    ) -> Result<Vec<Operation>, Problem> {
        let conversation = &target.conversation;
        match &request.deed {
            Deed::Say | Deed::Answer(_) => {
                Ok(crate::reply::operations(self, &request.text, target, &[]))
            }
            Deed::Edit(message_id) => {
                let shown = [message_id.clone()];
                let operations = crate::reply::operations(self, &request.text, target, &shown);
                if operations.len() > 1 {
                    return Err(Problem::invalid(
                        "the new text is longer than one message of this channel",
                    ));
                }
                Ok(operations)
            }
            Deed::Delete(message_id) => Ok(vec![Operation::Delete {
                conversation: conversation.clone(),
                message_id: message_id.clone(),
            }]),
        }
    }

    /// Puts a text for a platform into the outbox. When this returns, it is on disk and will be sent.
    pub async fn send(&self, request: SendRequest) -> Result<Sent, Problem> {
        client_key(&request.key)?;
        let target = self.send_target(&request)?;
        let operations = self.deeds(&request, &target)?;
        let (deed, about) = request.deed.about();
        let lane = target.conversation.lane_name();
        let mut parts = vec![lane.as_bytes(), request.text.as_bytes()];
        if request.deed != Deed::Say {
            parts.extend([deed.as_bytes(), about.as_bytes()]);
        }
        let digest = hex_digest(&parts);
        let (store, key, at_ms) = (
            self.shared.store.clone(),
            request.key,
            self.shared.world.wall_ms(),
        );
        let stored = self
            .write(move |connection| {
                if let Some(known) = client_key::known(connection, "send", &key)? {
                    return Ok(Err((known.0 == digest, known.1)));
                }
                let intents =
                    crate::reply::insert(connection, &store, None, None, operations, false, at_ms)?;
                let ids: Vec<i64> = intents.iter().map(|intent| intent.id.0).collect();
                client_key::remember(
                    connection,
                    "send",
                    &key,
                    &digest,
                    &serde_json::json!(ids),
                    at_ms,
                )?;
                Ok(Ok(intents))
            })
            .await?;
        match stored {
            Ok(intents) => {
                let ids = intents.iter().map(|intent| intent.id.0).collect();
                self.shared.delivery.submit(intents, false);
                Ok(Sent {
                    intents: ids,
                    repeated: false,
                })
            }
            Err((false, _)) => Err(Problem::new(
                Code::IdempotencyConflict,
                "this idempotency key was used for another target or text",
            )),
            Err((true, result)) => {
                let ids = serde_json::from_value(result.unwrap_or_default()).unwrap_or_default();
                Ok(Sent {
                    intents: ids,
                    repeated: true,
                })
            }
        }
    }
}

pub(crate) fn client_key(key: &str) -> Result<RunId, Problem> {
    if key.chars().count() > IDEMPOTENCY_KEY_CHARS_MAX {
        return Err(Problem::invalid(
            "idempotencyKey can have at most 256 characters",
        ));
    }
    if key.starts_with(INJECTED) {
        return Err(Problem::invalid(format!(
            "idempotencyKey cannot begin with \"{INJECTED}\": such ids are of lines put into a transcript"
        )));
    }
    RunId::new(key).map_err(|error| Problem::invalid(format!("invalid idempotencyKey: {error}")))
}

/// The command in a client's message. A word without a slash is one only where a person types nothing else.
fn command_in(settings: &Settings, input: &ClientInput) -> Option<command::Command> {
    let names = CommandNames {
        own_username: None,
        reset_triggers: &settings.reset_triggers,
    };
    let may_be_word = input.typed && input.media.is_empty() && input.attached.is_empty();
    let is_literal =
        input.literal || (!may_be_word && command::is_abort_word(&input.text, names.own_username));
    understood(settings, &input.text, &names).filter(|_| !is_literal)
}

fn digest_of(request: &ClientTurn) -> String {
    let input = &request.input;
    let mut parts = vec![request.session.as_str().as_bytes(), input.text.as_bytes()];
    parts.extend(input.media.iter().map(|media| media.digest.as_bytes()));
    hex_digest(&parts)
}
