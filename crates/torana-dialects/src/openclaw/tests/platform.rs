//! A messaging platform for dialogues: takes every text but `bounce`, has strangers at the door, and left a message
//! that was set aside.

use std::sync::Arc;

use torana_core::id::{AccountId, AgentId, ChannelId, InboxId, RunId};
use torana_core::key::SessionKey;
use torana_core::message::{Operation, Receipt};
use torana_core::port::{
    AccountIdentity, AccountParts, BoxFuture, ChannelLimits, Connect, ReceiveFailure, SendFailure,
    Transmit,
};
use torana_core::render::{LengthUnit, Limits, Markup};
use torana_engine::Engine;
use torana_engine::store::inbox::{self, ClientInput, NewRow, Payload, State};
use torana_engine::store::pairing::{self, PairingRequest};

struct Platform;

impl Connect for Platform {
    fn connect(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>> {
        Box::pin(async {
            Ok(AccountIdentity {
                id: "7".into(),
                username: Some("torana_bot".to_owned()),
                notices: Vec::new(),
            })
        })
    }
}

impl Transmit for Platform {
    fn transmit<'a>(
        &'a self,
        operation: &'a Operation,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Receipt, SendFailure>> {
        let is_refused =
            matches!(operation, Operation::Text { text, .. } if text.plain == "bounce");
        Box::pin(async move {
            if is_refused {
                return Err(SendFailure::Rejected {
                    reason: "the chat is closed".to_owned(),
                });
            }
            Ok(Receipt {
                message_ids: vec!["1".to_owned()],
            })
        })
    }
}

fn stranger(number: i64) -> PairingRequest {
    PairingRequest {
        channel: "telegram".to_owned(),
        account: "default".to_owned(),
        sender: format!("{number}"),
        code: format!("CODE000{number}"),
        name: Some(format!("Stranger {number}")),
        payload: None,
        created_at_ms: number,
        expires_at_ms: i64::MAX,
        replied_at_ms: number,
    }
}

/// Runs an account `default` of a platform called telegram.
pub(super) async fn attach(engine: &Engine) {
    let channel = ChannelId::new("telegram").expect("an id");
    let account = AccountId::new("default").expect("an id");
    let platform = Arc::new(Platform);
    let parts = AccountParts {
        channel: channel.clone(),
        account: account.clone(),
        platform_account: "7".into(),
        limits: ChannelLimits {
            text: Limits::new(4_000, LengthUnit::Utf16),
            markup: Markup::Plain,
            edit: false,
            delete: false,
            typing_ms: None,
            draft: false,
            edit_interval_direct_ms: 1_000,
            edit_interval_group_ms: 3_000,
            idempotent: false,
            rate: None,
            chats: torana_core::port::ChatIds::Any,
        },
        connect: platform.clone(),
        receive: None,
        transmit: Some(platform),
        webhook: None,
        exclusive: None,
    };
    engine.attach_account(parts).await.expect("attached");
    while engine
        .accounts()
        .iter()
        .any(|account| account.identity.is_none())
    {
        tokio::task::yield_now().await;
    }
    let row = NewRow {
        id: InboxId(41),
        channel,
        account,
        platform_account: "7".to_owned(),
        event_id: "e1".to_owned(),
        state: State::Queued,
        reason: None,
        session: Some(SessionKey::main("main")),
        agent: Some(AgentId::new("main").expect("an id")),
        tier: None,
        run_id: Some(RunId::new("set-aside").expect("an id")),
        sender: None,
        digest: None,
        payload: Some(Payload::Client(Box::new(ClientInput {
            text: "once more".to_owned(),
            ..ClientInput::default()
        }))),
        at_ms: 1,
    };
    engine
        .write(move |connection| {
            for number in 1..=3 {
                pairing::put(connection, &stranger(number))?;
            }
            inbox::insert(connection, &row)?;
            inbox::park(connection, row.id, "three deaths", 2)
        })
        .await
        .expect("written");
}
