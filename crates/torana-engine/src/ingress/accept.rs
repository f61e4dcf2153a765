//! Platform messages: decide what a message is, and queue the one write that stores it.

use std::future::Future;
use std::sync::Arc;

use torana_core::admit::{self, DropReason, Facts, Verdict};
use torana_core::command::{self, CommandNames};
use torana_core::event::Event;
use torana_core::id::{AccountId, ChannelId, InboxId, RunId};
use torana_core::key::SessionKey;
use torana_core::lane::{QueueMode, QueuePolicy};
use torana_core::limit::INBOX_OPEN_MAX;
use torana_core::message::{Conversation, Inbound, Operation, RenderedText, ReplyTarget};
use torana_core::render;
use torana_core::route::{self, Route};

use crate::engine::Engine;
use crate::run;
use crate::session::Work;
use crate::store::inbox::{self, NewRow, Payload, State};
use crate::store::session::Touch;
use crate::store::{StoreError, context, session};
use crate::turn::TurnHandle;

use super::insert::Inserted;

/// A probable fragment of a longer text: platforms cut at 4,096 and clients a little earlier (decision 30).
const FRAGMENT_UNITS_MIN: usize = 4_000;
const FRAGMENT_WAIT_MS: u64 = 1_500;
/// Forwarded messages arrive one by one within milliseconds (channels 0.4).
const FORWARD_WAIT_MS: u64 = 80;
/// Parts of an album arrive as separate updates (channels 1).
const ALBUM_WAIT_MS: u64 = 500;

impl Engine {
    /// Takes an inbound message of a platform. The future completes once it is on disk; the order of calls is the
    /// order of rows, so a batch may be started message by message and awaited together.
    pub fn accept(
        &self,
        inbound: Inbound,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let plan = self.plan(inbound);
        let engine = self.clone();
        // The write is queued here, by the call; the rest happens when it is awaited.
        let stored = match plan {
            Plan::Drop { row, reason } => {
                let (channel, account) = (row.channel.clone(), row.account.clone());
                let write = engine
                    .shared
                    .store
                    .write(move |connection| inbox::insert(connection, &row));
                Pending::Drop {
                    write: Box::pin(write),
                    channel,
                    account,
                    reason,
                }
            }
            Plan::Context { row, keep } => {
                Pending::Context(Box::pin(engine.keep_context(*row, keep)))
            }
            Plan::Pair { row, inbound } => {
                Pending::Pair(Box::pin(engine.offer_pairing(*row, *inbound)))
            }
            Plan::Command {
                work,
                row,
                touch,
                command,
                owner,
            } => Pending::Command(Box::pin(crate::command::run(
                &engine, *work, *row, *touch, command, owner,
            ))),
            Plan::Turn {
                work,
                row,
                touch,
                wait_ms,
            } => Pending::Turn(Box::pin(engine.enqueue(*work, *row, *touch, wait_ms, None))),
        };
        async move {
            match stored {
                Pending::Drop {
                    write,
                    channel,
                    account,
                    reason,
                } => {
                    let event = if write.await? {
                        Event::InboundDropped {
                            channel,
                            account,
                            reason,
                        }
                    } else {
                        Event::InboundRepeated { channel, account }
                    };
                    engine.shared.bus.publish(event);
                    Ok(())
                }
                Pending::Context(future) | Pending::Pair(future) => future.await,
                Pending::Command(future) => future.await.map(drop),
                Pending::Turn(future) => future.await.map(drop),
            }
        }
    }

    /// True when channels must stop fetching because too much is waiting or the disk is full.
    pub(crate) fn is_congested(&self) -> bool {
        self.storage_full() || self.shared.turns.len() >= INBOX_OPEN_MAX
    }

    fn plan(&self, inbound: Inbound) -> Plan {
        let settings = self.shared.settings.load();
        let conversation = &inbound.conversation;
        let mut account = settings.account(&conversation.channel, &conversation.account);
        let own_name = self
            .shared
            .accounts
            .username(&conversation.channel, &conversation.account);
        let (paired, owner) = {
            let gate = self.gate();
            let (channel, sender) = (conversation.channel.as_str(), inbound.sender.id.as_ref());
            (
                gate.is_paired(channel, conversation.account.as_str(), sender),
                settings.is_owner(channel, sender) || gate.is_recorded_owner(channel, sender),
            )
        };
        let (command, asks) = command_in(&settings, &inbound, own_name.as_deref(), owner);
        let routed = route::route(&settings.routing, conversation, &inbound.sender);
        if let Ok(route) = &routed {
            apply_agent(&mut account, &settings, route, conversation);
            account.policy.mention_chosen = self.overrides().mention_of(&route.session);
        }
        let facts = Facts {
            policy: &account.policy,
            paired,
            owner,
            command: asks,
        };
        let verdict = admit::admit(&inbound, facts);
        let id = self.shared.store.next_inbox_id();
        let row = self.row_of(id, &inbound, routed.as_ref().ok());
        match (verdict, routed) {
            (Verdict::Drop(reason), _) => refuse(row, reason.as_str()),
            (Verdict::OfferPairing, _) => Plan::Pair {
                row: Box::new(row),
                inbound: Box::new(inbound),
            },
            (_, Err(_)) => refuse(row, DropReason::NoAgent.as_str()),
            (Verdict::Allow { owner }, Ok(_))
                if command.is_some() && !may_command(&settings, &inbound, owner) =>
            {
                refuse(row, DropReason::CommandNotAllowed.as_str())
            }
            (Verdict::Context, Ok(_)) => {
                let payload = Some(Payload::Channel(Box::new(inbound)));
                Plan::Context {
                    row: Box::new(NewRow { payload, ..row }),
                    keep: account.policy.context_messages,
                }
            }
            (Verdict::Allow { owner }, Ok(route)) => {
                let target = target_of(&inbound, account.reply_to);
                let run_id = RunId::new(self.shared.world.uuid()).expect("a uuid is an id");
                let handle = self.handle(&run_id, id, &route);
                let chosen_ms = self
                    .overrides()
                    .queue_of(&route.session)
                    .and_then(|change| change.debounce_ms);
                let wait_ms = chosen_ms
                    .or(account.debounce_ms)
                    .unwrap_or_else(|| fragment_wait_ms(&inbound));
                let touch = self.touch_of(&inbound, &route, &target);
                let payload = Payload::Channel(Box::new(inbound));
                let row = NewRow {
                    run_id: Some(run_id.clone()),
                    payload: Some(payload.clone()),
                    ..row
                };
                let work = Work {
                    id,
                    run_id,
                    session: route.session,
                    agent: route.agent,
                    payload: Arc::new(payload),
                    target: Some(target),
                    origin: None,
                    fragments: Vec::new(),
                    handle,
                };
                match command {
                    Some(command) => Plan::Command {
                        work: Box::new(work),
                        row: Box::new(row),
                        touch: Box::new(touch),
                        command,
                        owner,
                    },
                    None => Plan::Turn {
                        work: Box::new(work),
                        row: Box::new(row),
                        touch: Box::new(touch),
                        wait_ms,
                    },
                }
            }
        }
    }

    /// The queue policy of a message: its own mode, else what the session chose, else the channel's.
    pub(crate) fn policy(
        &self,
        settings: &crate::settings::Settings,
        session: &SessionKey,
        channel: &str,
        mode: Option<QueueMode>,
    ) -> QueuePolicy {
        let mut policy = settings.queue_of(channel);
        if let Some(change) = self.overrides().queue_of(session) {
            policy.mode = change.mode.unwrap_or(policy.mode);
            policy.cap = change.cap.unwrap_or(policy.cap);
            policy.drop = change.drop.unwrap_or(policy.drop);
        }
        policy.mode = mode.unwrap_or(policy.mode);
        policy
    }

    /// How the store decides whether a session has expired; nothing while a turn runs in it.
    pub(crate) fn expiry_check(
        &self,
        settings: &crate::settings::Settings,
        work: &Work,
        was_idle: bool,
    ) -> Option<session::ExpiryCheck> {
        let (channel, _) = work.place();
        let conversation = match work.payload.as_ref() {
            Payload::Channel(inbound) => Some(&inbound.conversation),
            Payload::Client(_) => None,
        };
        let (rule, day_start_ms) =
            settings.reset_rule(channel.as_str(), conversation, self.shared.world.wall_ms());
        (was_idle && !rule.is_never()).then_some(session::ExpiryCheck { rule, day_start_ms })
    }

    fn handle(&self, run_id: &RunId, id: InboxId, route: &Route) -> Arc<TurnHandle> {
        let at_ms = self.shared.world.wall_ms();
        TurnHandle::new(
            run_id.clone(),
            id,
            route.session.clone(),
            route.agent.clone(),
            None,
            at_ms,
        )
    }

    fn row_of(&self, id: InboxId, inbound: &Inbound, route: Option<&Route>) -> NewRow {
        NewRow {
            id,
            channel: inbound.conversation.channel.clone(),
            account: inbound.conversation.account.clone(),
            platform_account: inbound.platform_account.to_string(),
            event_id: inbound.event_id.clone(),
            state: State::Queued,
            reason: None,
            session: route.map(|route| route.session.clone()),
            agent: route.map(|route| route.agent.clone()),
            tier: route.map(|route| route.tier.as_str()),
            run_id: None,
            sender: Some(inbound.sender.id.to_string()),
            digest: None,
            payload: None,
            at_ms: self.shared.world.wall_ms(),
        }
    }

    fn touch_of(&self, inbound: &Inbound, route: &Route, target: &ReplyTarget) -> Touch {
        Touch {
            key: route.session.clone(),
            agent: route.agent.to_string(),
            fresh_id: self.shared.world.uuid(),
            chat_type: inbound.conversation.peer.kind.as_str(),
            channel: inbound.conversation.channel.to_string(),
            title: inbound
                .title
                .clone()
                .or_else(|| inbound.sender.display.clone()),
            target: Some(target.clone()),
            stays: false,
            at_ms: self.shared.world.wall_ms(),
        }
    }

    fn keep_context(
        &self,
        row: NewRow,
        keep: usize,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let engine = self.clone();
        let (channel, account) = (row.channel.clone(), row.account.clone());
        let write = self.shared.store.write(move |connection| {
            let mut row = row;
            row.state = State::Done;
            row.reason = Some("context".to_owned());
            let payload = row.payload.take();
            if !inbox::insert(connection, &row)? {
                return Ok(false);
            }
            if let (Some(session), Some(Payload::Channel(inbound))) = (&row.session, payload) {
                let name = run::prompt::sender_name(&inbound.sender);
                // 4 KiB of each message is plenty of context; the model sees up to fifty of them.
                let text: String = inbound.text.chars().take(4_096).collect();
                context::add(
                    connection,
                    session.as_str(),
                    row.id,
                    &name,
                    &text,
                    row.at_ms,
                    keep,
                )?;
            }
            Ok(true)
        });
        async move {
            let event = if write.await? {
                Event::InboundDropped {
                    channel,
                    account,
                    reason: "context",
                }
            } else {
                Event::InboundRepeated { channel, account }
            };
            engine.shared.bus.publish(event);
            Ok(())
        }
    }
}

enum Plan {
    Drop {
        row: Box<NewRow>,
        reason: &'static str,
    },
    Context {
        row: Box<NewRow>,
        keep: usize,
    },
    Pair {
        row: Box<NewRow>,
        inbound: Box<Inbound>,
    },
    Command {
        work: Box<Work>,
        row: Box<NewRow>,
        touch: Box<Touch>,
        command: command::Command,
        owner: bool,
    },
    Turn {
        work: Box<Work>,
        row: Box<NewRow>,
        touch: Box<Touch>,
        wait_ms: u64,
    },
}

type Stored<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

enum Pending {
    Drop {
        write: Stored<bool>,
        channel: ChannelId,
        account: AccountId,
        reason: &'static str,
    },
    Context(Stored<()>),
    Pair(Stored<()>),
    Command(Stored<Inserted>),
    Turn(Stored<Inserted>),
}

/// The agent's own word on mentions and context, and where mention patterns count at all.
fn apply_agent(
    account: &mut crate::settings::AccountSettings,
    settings: &crate::settings::Settings,
    route: &Route,
    conversation: &Conversation,
) {
    if let Some(agent) = settings.agents.get(&route.agent) {
        if let Some(patterns) = &agent.rules.mention_patterns {
            account.policy.mention_patterns = patterns.clone();
        }
        account.policy.context_messages = agent
            .rules
            .context_messages
            .unwrap_or(account.policy.context_messages);
    }
    if !account.mention_scope.covers(&conversation.peer.id) {
        account.policy.mention_patterns = admit::MentionPatterns::default();
    }
}

/// The command in a message, and whether it says by itself that it is meant for us. A word without a slash does not,
/// and is a command only of those who may give some; as the caption of a file, or somebody else's word, it is none.
fn command_in(
    settings: &crate::settings::Settings,
    inbound: &Inbound,
    own_username: Option<&str>,
    owner: bool,
) -> (Option<command::Command>, bool) {
    let names = CommandNames {
        own_username,
        reset_triggers: &settings.reset_triggers,
    };
    let is_word = command::is_abort_word(&inbound.text, own_username);
    let carries_more = !inbound.attachments.is_empty() || inbound.forwarded_from.is_some();
    let command = understood(settings, &inbound.text, &names)
        .filter(|_| !is_word || (!carries_more && may_command(settings, inbound, owner)));
    let asks = command.is_some() && !is_word;
    (command, asks)
}

/// The command in a text, if commands are understood and it is one of ours.
pub(super) fn understood(
    settings: &crate::settings::Settings,
    text: &str,
    names: &CommandNames<'_>,
) -> Option<command::Command> {
    command::parse(text, names).filter(|command| {
        settings.text_commands && !matches!(command, command::Command::Unknown { .. })
    })
}

fn may_command(settings: &crate::settings::Settings, inbound: &Inbound, owner: bool) -> bool {
    settings.may_command(
        inbound.conversation.channel.as_str(),
        &inbound.sender.id,
        owner,
    )
}

fn refuse(row: NewRow, reason: &'static str) -> Plan {
    let row = NewRow {
        state: State::Done,
        reason: Some(format!("dropped:{reason}")),
        payload: None,
        ..row
    };
    let row = Box::new(row);
    Plan::Drop { row, reason }
}

fn target_of(inbound: &Inbound, mode: crate::settings::ReplyToMode) -> ReplyTarget {
    let reply_to = match mode {
        crate::settings::ReplyToMode::Off => None,
        crate::settings::ReplyToMode::First | crate::settings::ReplyToMode::All => {
            inbound.message_id.clone()
        }
    };
    ReplyTarget {
        conversation: inbound.conversation.clone(),
        reply_to,
    }
}

fn fragment_wait_ms(inbound: &Inbound) -> u64 {
    if inbound.album.is_some() {
        ALBUM_WAIT_MS
    } else if inbound.forwarded_from.is_some() {
        FORWARD_WAIT_MS
    } else if inbound.text.len() >= FRAGMENT_UNITS_MIN
        && inbound.text.encode_utf16().count() >= FRAGMENT_UNITS_MIN
    {
        FRAGMENT_WAIT_MS
    } else {
        0
    }
}

/// Renders a short fixed text for a platform without looking at its settings.
pub(crate) fn plain_operation(target: &ReplyTarget, text: &str) -> Operation {
    let chunk = render::render(text, render::Markup::Plain)
        .map(|chunk| chunk.plain)
        .unwrap_or_default();
    Operation::Text {
        target: target.clone(),
        text: RenderedText {
            markup: chunk.clone(),
            plain: chunk,
        },
        plain: true,
    }
}
