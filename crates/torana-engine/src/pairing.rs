//! Pairing on channels: offering a code to a stranger, and letting him in.

use std::future::Future;

use torana_core::auth;
use torana_core::event::Event;
use torana_core::limit::{
    MESSAGE_BYTES_MAX, PAIRING_CODE_MS, PAIRING_MESSAGE_BYTES_MAX, PAIRING_REPLIES_PER_HOUR,
};
use torana_core::message::{Inbound, ReplyTarget};
use torana_core::problem::{Code, Problem};

use crate::engine::Engine;
use crate::ingress::plain_operation;
use crate::reply;
use crate::run::prompt::sender_name;
use crate::store::inbox::{NewRow, Payload, State};
use crate::store::pairing::{Claim, PairingRequest};
use crate::store::{StoreError, inbox, pairing};

const _: () = assert!(PAIRING_MESSAGE_BYTES_MAX < MESSAGE_BYTES_MAX);

/// Who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account: String,
    /// The sender's immutable id.
    pub sender: String,
    /// His name.
    pub name: Option<String>,
    /// He became the first owner.
    pub owner: bool,
    /// His kept message is being answered.
    pub processing: bool,
}

impl Engine {
    /// Stores a stranger's message as refused, keeps a short copy, and offers a code when one is due.
    pub(crate) fn offer_pairing(
        &self,
        row: NewRow,
        inbound: Inbound,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let engine = self.clone();
        let place = inbound.conversation.clone();
        let sender = inbound.sender.id.to_string();
        let code = auth::pairing_code(&self.shared.world);
        let store = self.shared.store.clone();
        let write = self.shared.store.write(move |connection| {
            let row = NewRow {
                state: State::Done,
                reason: Some("pairing".to_owned()),
                payload: None,
                ..row
            };
            let now_ms = row.at_ms;
            if !inbox::insert(connection, &row)? {
                return Ok(None);
            }
            let (channel, account, sender) = (
                place.channel.as_str(),
                place.account.as_str(),
                inbound.sender.id.as_ref(),
            );
            let known = pairing::get(connection, channel, account, sender)?
                .filter(|known| known.expires_at_ms > now_ms);
            let quiet = known
                .as_ref()
                .is_some_and(|known| now_ms - known.replied_at_ms < PAIRING_CODE_MS);
            let replies =
                pairing::replies_since(connection, channel, account, now_ms - PAIRING_CODE_MS)?;
            let replies_due =
                usize::try_from(replies).unwrap_or(usize::MAX) < PAIRING_REPLIES_PER_HOUR;
            let tells = !quiet && replies_due;
            let request = request_of(&inbound, known.as_ref(), code, tells, now_ms);
            pairing::put(connection, &request)?;
            let mut intents = Vec::new();
            if tells {
                let target = ReplyTarget {
                    conversation: place.clone(),
                    reply_to: None,
                };
                let operation = plain_operation(&target, &offer_text(&request));
                intents = reply::insert(
                    connection,
                    &store,
                    Some(row.id),
                    None,
                    vec![operation],
                    false,
                    now_ms,
                )?;
            }
            Ok(Some((
                intents,
                known.is_none(),
                request.channel,
                request.account,
            )))
        });
        async move {
            let Some((intents, is_new, channel, account)) = write.await? else {
                return Ok(());
            };
            engine.shared.delivery.submit(intents, false);
            if is_new {
                let channel =
                    torana_core::id::ChannelId::new(channel).expect("stored ids are valid");
                let account =
                    torana_core::id::AccountId::new(account).expect("stored ids are valid");
                engine.shared.bus.publish(Event::PairingRequested {
                    channel,
                    account,
                    sender,
                });
            }
            Ok(())
        }
    }

    /// Lets the stranger with this code in. With `process_now`, his kept message is answered.
    pub async fn approve_pairing(
        &self,
        channel: &str,
        account: Option<&str>,
        code: &str,
        process_now: bool,
    ) -> Result<Approved, Problem> {
        let now_ms = self.shared.world.wall_ms();
        let wanted = (
            channel.to_owned(),
            account.map(str::to_owned),
            code.trim().to_ascii_uppercase(),
        );
        let configured_owner = !self.settings().owners.is_empty();
        let claimed = self
            .write(move |connection| {
                let (channel, account, code) = wanted;
                let claim =
                    pairing::claim(connection, &channel, account.as_deref(), &code, now_ms)?;
                let Claim::Found(request) = claim else {
                    return Ok(None);
                };
                pairing::allow(
                    connection,
                    &channel,
                    &request.account,
                    &request.sender,
                    request.name.as_deref(),
                    now_ms,
                )?;
                let spelling = format!("{channel}:{}", request.sender);
                let owner = !configured_owner
                    && pairing::record_first_owner(connection, &spelling, now_ms)?;
                // A kept message leaves the list when it is in the inbox, so that no crash loses it in between.
                if !process_now || request.payload.is_none() {
                    forget(connection, &request)?;
                }
                Ok(Some((request, owner)))
            })
            .await?;
        let Some((request, owner)) = claimed else {
            return Err(
                Problem::new(Code::NotFound, "no pending pairing request has this code")
                    .hint("list the requests with `torana pairing list`; codes live for one hour"),
            );
        };
        {
            let mut gate = self.gate_mut();
            gate.let_in(&request.channel, &request.account, &request.sender);
            if owner {
                gate.record_owner(format!("{}:{}", request.channel, request.sender));
            }
        }
        self.pairing_resolved(&request, true);
        let processing = process_now
            && self
                .process_kept(&request)
                .await
                .map_err(|error| self.problem(&error))?;
        Ok(Approved {
            channel: request.channel,
            account: request.account,
            sender: request.sender,
            name: request.name,
            owner,
            processing,
        })
    }

    /// Sends a stranger away: his request and his kept message are forgotten. `code` or sender id.
    pub async fn deny_pairing(
        &self,
        channel: &str,
        account: Option<&str>,
        code_or_sender: &str,
    ) -> Result<(), Problem> {
        let now_ms = self.shared.world.wall_ms();
        let wanted = (
            channel.to_owned(),
            account.map(str::to_owned),
            code_or_sender.trim().to_owned(),
        );
        let removed = self
            .write(move |connection| {
                let (channel, account, wanted) = wanted;
                let request = pairing::list(connection, Some(&channel), now_ms)?
                    .into_iter()
                    .find(|request| {
                        account
                            .as_deref()
                            .is_none_or(|account| account == request.account)
                            && (request.code.eq_ignore_ascii_case(&wanted)
                                || request.sender == wanted)
                    });
                if let Some(request) = &request {
                    pairing::remove(
                        connection,
                        &request.channel,
                        &request.account,
                        &request.sender,
                    )?;
                }
                Ok(request)
            })
            .await?;
        match removed {
            Some(request) => {
                self.pairing_resolved(&request, false);
                Ok(())
            }
            None => Err(Problem::new(
                Code::NotFound,
                "no pending pairing request matches",
            )),
        }
    }

    fn pairing_resolved(&self, request: &PairingRequest, approved: bool) {
        self.shared.bus.publish(Event::PairingResolved {
            channel: torana_core::id::ChannelId::new(&request.channel)
                .expect("stored ids are valid"),
            account: torana_core::id::AccountId::new(&request.account)
                .expect("stored ids are valid"),
            sender: request.sender.clone(),
            approved,
        });
    }

    /// Answers the message that was kept while a stranger waited; a new event of its own, so dedupe lets it pass.
    async fn process_kept(&self, request: &PairingRequest) -> Result<bool, StoreError> {
        let Some(Payload::Channel(inbound)) = &request.payload else {
            return Ok(false);
        };
        let mut inbound = inbound.as_ref().clone();
        inbound.event_id.push_str("+approved");
        self.accept(inbound).await?;
        let done = request.clone();
        self.shared
            .store
            .write(move |connection| forget(connection, &done))
            .await?;
        Ok(true)
    }
}

fn forget(connection: &rusqlite::Connection, request: &PairingRequest) -> Result<(), StoreError> {
    let (channel, account, sender) = (&request.channel, &request.account, &request.sender);
    pairing::remove(connection, channel, account, sender).map(drop)
}

/// The request of a stranger after another message: his code lives on, and so does what he was told.
fn request_of(
    inbound: &Inbound,
    known: Option<&PairingRequest>,
    code: String,
    tells: bool,
    now_ms: i64,
) -> PairingRequest {
    let place = &inbound.conversation;
    PairingRequest {
        channel: place.channel.as_str().to_owned(),
        account: place.account.as_str().to_owned(),
        sender: inbound.sender.id.to_string(),
        code: known.map_or(code, |known| known.code.clone()),
        name: Some(sender_name(&inbound.sender)),
        payload: Some(Payload::Channel(Box::new(shortened(inbound)))),
        created_at_ms: known.map_or(now_ms, |known| known.created_at_ms),
        expires_at_ms: known.map_or(now_ms + PAIRING_CODE_MS, |known| known.expires_at_ms),
        replied_at_ms: match (known, tells) {
            (_, true) => now_ms,
            (Some(known), false) => known.replied_at_ms,
            (None, false) => 0,
        },
    }
}

fn shortened(inbound: &Inbound) -> Inbound {
    let mut inbound = inbound.clone();
    if inbound.text.len() > PAIRING_MESSAGE_BYTES_MAX {
        let mut end = PAIRING_MESSAGE_BYTES_MAX;
        while !inbound.text.is_char_boundary(end) {
            end -= 1;
        }
        inbound.text.truncate(end);
    }
    inbound.quote = None;
    inbound
}

fn offer_text(request: &PairingRequest) -> String {
    format!(
        "This assistant does not know you yet.\nYour id: {}\nPairing code: {}\nAsk its owner to run: torana pairing approve {} {}",
        request.sender, request.code, request.channel, request.code
    )
}
