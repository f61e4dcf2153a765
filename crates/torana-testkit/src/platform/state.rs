//! The memory of the platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torana_core::id::AccountId;
use torana_core::message::{Inbound, Operation, Receipt};
use torana_core::port::{AccountParts, ChannelLimits, SendFailure};

use super::fault::Faults;
use super::receive::ScriptedReceive;
use super::transmit::ScriptedTransmit;
use super::webhook::ScriptedWebhook;
use crate::log::Log;
use crate::process::Link;

/// Something a person does at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// True time, Unix milliseconds.
    pub at_ms: i64,
    /// What the platform reports.
    pub inbound: Inbound,
}

/// What a message said, and which intent said so; previews have an empty nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The intent's nonce.
    pub nonce: String,
    /// The words.
    pub text: String,
}

/// A message of ours as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bubble {
    /// The platform's id.
    pub message_id: String,
    /// The conversation, as the gateway names its lane.
    pub lane: String,
    /// What it said over time, never empty.
    pub versions: Vec<Version>,
    /// Nobody sees it any more.
    pub deleted: bool,
    /// When the gateway heard of it, true time, if it did.
    pub told_ms: Option<i64>,
    /// True time of its birth, Unix milliseconds.
    pub at_ms: i64,
}

/// What one call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// A new message.
    Sent,
    /// Another text.
    Edited,
    /// Gone.
    Deleted,
}

/// One visible effect, in the order of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The conversation.
    pub lane: String,
    /// The intent's nonce; empty for previews.
    pub nonce: String,
    /// What happened.
    pub kind: EffectKind,
}

#[derive(Default)]
struct Mailbox {
    updates: Vec<Update>,
    acknowledged: usize,
}

#[derive(Default)]
struct State {
    mailboxes: BTreeMap<AccountId, Mailbox>,
    bubbles: Vec<Bubble>,
    by_id: BTreeMap<String, usize>,
    effects: Vec<Effect>,
    complaints: BTreeSet<String>,
}

/// The platform. It outlives every process of the gateway.
pub struct Platform {
    state: Mutex<State>,
    log: Log,
}

impl Platform {
    /// A platform on which these things will happen; updates of one account are sorted by their time.
    pub fn new(updates: Vec<Update>, log: Log) -> Arc<Self> {
        let mut state = State::default();
        for update in updates {
            let account = update.inbound.conversation.account.clone();
            state
                .mailboxes
                .entry(account)
                .or_default()
                .updates
                .push(update);
        }
        for mailbox in state.mailboxes.values_mut() {
            mailbox.updates.sort_by_key(|update| update.at_ms);
        }
        Arc::new(Self {
            state: Mutex::new(state),
            log,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port parts of one account for one life.
    pub fn parts(
        self: &Arc<Self>,
        account: &AccountId,
        limits: ChannelLimits,
        faults: Faults,
        link: &Link,
    ) -> Option<AccountParts> {
        let first = self
            .lock()
            .mailboxes
            .get(account)?
            .updates
            .first()?
            .inbound
            .clone();
        let receive = ScriptedReceive::new(Arc::clone(self), account.clone(), faults, link.clone());
        let transmit = Arc::new(ScriptedTransmit::new(
            Arc::clone(self),
            limits.clone(),
            faults,
            link.clone(),
        ));
        Some(AccountParts {
            channel: first.conversation.channel.clone(),
            account: account.clone(),
            platform_account: Arc::clone(&first.platform_account),
            limits,
            connect: Arc::clone(&transmit) as Arc<dyn torana_core::port::Connect>,
            receive: Some(Box::new(receive)),
            transmit: Some(transmit),
            webhook: None,
            exclusive: None,
        })
    }

    /// The same for an account to which the platform brings its updates; see [`Platform::next_push`].
    pub fn listening_parts(
        self: &Arc<Self>,
        account: &AccountId,
        limits: ChannelLimits,
        faults: Faults,
        link: &Link,
    ) -> Option<AccountParts> {
        let parts = self.parts(account, limits, faults, link)?;
        Some(AccountParts {
            receive: None,
            webhook: Some(Arc::new(ScriptedWebhook::new(
                Arc::clone(self),
                account.clone(),
            ))),
            ..parts
        })
    }

    /// An update by its position.
    pub(super) fn update_at(&self, account: &AccountId, position: u64) -> Option<Inbound> {
        let index = usize::try_from(position).ok()?.checked_sub(1)?;
        let state = self.lock();
        let update = state.mailboxes.get(account)?.updates.get(index)?;
        Some(update.inbound.clone())
    }

    /// Updates of an account that were acknowledged.
    pub fn acknowledged(&self, account: &AccountId) -> Vec<Update> {
        let state = self.lock();
        let mailbox = state.mailboxes.get(account);
        mailbox
            .map(|mailbox| mailbox.updates[..mailbox.acknowledged].to_vec())
            .unwrap_or_default()
    }

    /// Updates nobody took yet, in all accounts.
    pub fn unacknowledged(&self) -> usize {
        self.lock()
            .mailboxes
            .values()
            .map(|mailbox| mailbox.updates.len() - mailbox.acknowledged)
            .sum()
    }

    /// Every message that ever was there, oldest first.
    pub fn bubbles(&self) -> Vec<Bubble> {
        self.lock().bubbles.clone()
    }

    /// Every effect, in order.
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// Requests that no gateway should ever make.
    pub fn complaints(&self) -> Vec<String> {
        self.lock().complaints.iter().cloned().collect()
    }

    /// What waits for an account now, with the position of each; and when the next thing happens.
    pub(super) fn pending(
        &self,
        account: &AccountId,
        now_ms: i64,
    ) -> (Vec<(u64, Inbound)>, Option<i64>) {
        let state = self.lock();
        let Some(mailbox) = state.mailboxes.get(account) else {
            return (Vec::new(), None);
        };
        let open = mailbox
            .updates
            .iter()
            .enumerate()
            .skip(mailbox.acknowledged);
        let due = open
            .clone()
            .take_while(|(_, update)| update.at_ms <= now_ms)
            .map(|(index, update)| (index as u64 + 1, update.inbound.clone()))
            .collect();
        let next_ms = open
            .map(|(_, update)| update.at_ms)
            .find(|at_ms| *at_ms > now_ms);
        (due, next_ms)
    }

    /// An update that was acknowledged lately, by its distance from the newest.
    pub(super) fn stale(&self, account: &AccountId, back: u64) -> Option<Inbound> {
        let state = self.lock();
        let mailbox = state.mailboxes.get(account)?;
        let index = mailbox
            .acknowledged
            .checked_sub(1 + usize::try_from(back).ok()?)?;
        Some(mailbox.updates[index].inbound.clone())
    }

    pub(super) fn position(&self, account: &AccountId) -> u64 {
        self.lock()
            .mailboxes
            .get(account)
            .map_or(0, |mailbox| mailbox.acknowledged as u64)
    }

    /// The gateway has everything up to a position.
    pub fn acknowledge(&self, account: &AccountId, position: u64, now_ms: i64) {
        let mut state = self.lock();
        let Some(mailbox) = state.mailboxes.get_mut(account) else {
            return;
        };
        let position = usize::try_from(position).expect("positions are small");
        if position > mailbox.acknowledged {
            mailbox.acknowledged = position.min(mailbox.updates.len());
            self.log.write(
                now_ms,
                format_args!("platform: {account} acknowledged up to {position}"),
            );
        }
    }

    /// Carries an operation out. `idempotent` platforms know a nonce again.
    pub(super) fn carry_out(
        &self,
        operation: &Operation,
        nonce: &str,
        idempotent: bool,
        now_ms: i64,
    ) -> Result<Receipt, SendFailure> {
        let mut state = self.lock();
        let lane = operation.conversation().lane_name();
        let gone = || SendFailure::Gone {
            reason: "message not found".to_owned(),
        };
        let said = |text: &torana_core::message::RenderedText, plain: bool| {
            if plain {
                text.plain.clone()
            } else {
                text.markup.clone()
            }
        };
        let (message_id, kind) = match operation {
            Operation::Text { text, plain, .. } => {
                let known = state
                    .bubbles
                    .iter()
                    .find(|bubble| !nonce.is_empty() && bubble.versions[0].nonce == nonce);
                if let (true, Some(known)) = (idempotent, known) {
                    return Ok(Receipt {
                        message_ids: vec![known.message_id.clone()],
                    });
                }
                let message_id = format!("b{}", state.bubbles.len() + 1);
                let version = Version {
                    nonce: nonce.to_owned(),
                    text: said(text, *plain),
                };
                let index = state.bubbles.len();
                state.by_id.insert(message_id.clone(), index);
                state.bubbles.push(Bubble {
                    message_id: message_id.clone(),
                    lane: lane.clone(),
                    versions: vec![version],
                    deleted: false,
                    told_ms: None,
                    at_ms: now_ms,
                });
                (message_id, EffectKind::Sent)
            }
            Operation::Edit {
                message_id,
                text,
                plain,
                ..
            } => {
                let version = Version {
                    nonce: nonce.to_owned(),
                    text: said(text, *plain),
                };
                state
                    .visible(message_id)
                    .ok_or_else(gone)?
                    .versions
                    .push(version);
                (message_id.clone(), EffectKind::Edited)
            }
            Operation::Delete { message_id, .. } => {
                state.visible(message_id).ok_or_else(gone)?.deleted = true;
                (message_id.clone(), EffectKind::Deleted)
            }
            Operation::Typing { .. } | Operation::Draft { .. } => return Ok(Receipt::default()),
        };
        self.log.write(
            now_ms,
            format_args!("platform: {kind:?} {message_id} in {lane} for `{nonce}`"),
        );
        state.effects.push(Effect {
            lane,
            nonce: nonce.to_owned(),
            kind,
        });
        Ok(Receipt {
            message_ids: vec![message_id],
        })
    }

    /// A person deletes a message of ours.
    pub(super) fn delete(&self, message_id: &str) {
        if let Some(bubble) = self.lock().visible(message_id) {
            bubble.deleted = true;
        }
    }

    /// The gateway got this answer in time.
    pub(super) fn told(&self, receipt: &Receipt, now_ms: i64) {
        let mut state = self.lock();
        for message_id in &receipt.message_ids {
            if let Some(bubble) = state.visible(message_id) {
                bubble.told_ms.get_or_insert(now_ms);
            }
        }
    }

    pub(super) fn complain(&self, complaint: String) {
        self.lock().complaints.insert(complaint);
    }
}

impl State {
    fn visible(&mut self, message_id: &str) -> Option<&mut Bubble> {
        let index = *self.by_id.get(message_id)?;
        self.bubbles.get_mut(index).filter(|bubble| !bubble.deleted)
    }
}
