//! `torana outbox`, `torana inbox`, `torana explain`: the journals, from the gateway or from the store.

use serde_json::{Value, json};

use crate::cli::access::Access;
use crate::cli::args::{InboxCommand, OutboxCommand};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::method;
use crate::cli::which::Which;
use crate::cli::words::{age, ago, items_of, number_of, text_of};

/// Rows of a list; people look at the first few, programs take all that fit one answer.
const ROWS_MAX: usize = 1_000;

/// `torana outbox …`
pub(crate) async fn outbox(
    invocation: &mut Invocation,
    command: OutboxCommand,
) -> Result<(), Failure> {
    let access = invocation.access().await?;
    match command {
        OutboxCommand::List => list(invocation, access).await,
        OutboxCommand::Retry { id, text } => {
            let stored = matches!(access, Access::Store(_));
            let answer = match access {
                Access::Gateway(mut client) => {
                    let (name, params) = match text {
                        Some(text) => (method::OUTBOX_EDIT, json!({ "id": id, "text": text })),
                        None => (method::OUTBOX_RETRY, json!({ "id": id })),
                    };
                    let answer = client.call(name, params).await?;
                    client.close().await;
                    answer
                }
                Access::Store(store) => store.retry_intent(id, text).await?,
            };
            invocation.output.either(&answer, || {
                format!("delivery {id} is queued again{}", later(stored))
            })
        }
        OutboxCommand::Drop { id } => {
            let answer = match access {
                Access::Gateway(mut client) => {
                    let answer = client
                        .call(method::OUTBOX_DROP, json!({ "id": id }))
                        .await?;
                    client.close().await;
                    answer
                }
                Access::Store(store) => store.drop_intent(id).await?,
            };
            invocation
                .output
                .either(&answer, || format!("delivery {id} is given up"))
        }
    }
}

fn later(stored: bool) -> &'static str {
    if stored {
        "; it goes on when the gateway starts"
    } else {
        ""
    }
}

async fn list(invocation: &Invocation, access: Access) -> Result<(), Failure> {
    let (intents, messages) = match access {
        Access::Gateway(mut client) => {
            let intents = client
                .call(method::OUTBOX_LIST, json!({ "limit": ROWS_MAX }))
                .await?;
            let messages = client
                .call(method::INBOX_PARKED, json!({ "limit": ROWS_MAX }))
                .await?;
            client.close().await;
            (intents, messages)
        }
        Access::Store(store) => (store.outbox(ROWS_MAX).await?, store.parked(ROWS_MAX).await?),
    };
    let value = json!({ "intents": intents["intents"], "messages": messages["messages"] });
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&value, || {
        let mut parts = Vec::new();
        let intents = items_of(&value, "intents");
        if !intents.is_empty() {
            parts.push(intent_table(intents, now_ms));
        }
        let messages = items_of(&value, "messages");
        if !messages.is_empty() {
            parts.push(format!(
                "messages set aside; answer one with `torana inbox retry <number>`\n{}",
                message_table(messages, now_ms)
            ));
        }
        if parts.is_empty() {
            "nothing waits and nothing is parked".to_owned()
        } else {
            parts.join("\n\n")
        }
    })
}

fn intent_table(intents: &[Value], now_ms: i64) -> String {
    let rows = intents.iter().map(|intent| {
        [
            number_of(intent, "id").unwrap_or(0).to_string(),
            text_of(intent, "state").to_owned(),
            text_of(intent, "lane").to_owned(),
            number_of(intent, "createdAt")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default(),
            number_of(intent, "attempt").unwrap_or(0).to_string(),
            text_of(intent, "reason").to_owned(),
            text_of(intent, "text").to_owned(),
        ]
    });
    table(
        ["number", "state", "to", "age", "attempts", "reason", "text"],
        rows,
    )
}

fn message_table(messages: &[Value], now_ms: i64) -> String {
    let rows = messages.iter().map(|message| {
        [
            number_of(message, "id").unwrap_or(0).to_string(),
            text_of(message, "channel").to_owned(),
            text_of(message, "sender").to_owned(),
            number_of(message, "receivedAt")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default(),
            text_of(message, "reason").to_owned(),
            text_of(message, "text").to_owned(),
        ]
    });
    table(
        ["number", "channel", "sender", "age", "reason", "text"],
        rows,
    )
}

/// `torana inbox …`
pub(crate) async fn inbox(
    invocation: &mut Invocation,
    command: InboxCommand,
) -> Result<(), Failure> {
    let access = invocation.access().await?;
    match command {
        InboxCommand::List => {
            let answer = match access {
                Access::Gateway(mut client) => {
                    let answer = client
                        .call(method::INBOX_PARKED, json!({ "limit": ROWS_MAX }))
                        .await?;
                    client.close().await;
                    answer
                }
                Access::Store(store) => store.parked(ROWS_MAX).await?,
            };
            let now_ms = invocation.world.wall_ms();
            invocation
                .output
                .either(&answer, || match items_of(&answer, "messages") {
                    [] => "no message was set aside".to_owned(),
                    messages => message_table(messages, now_ms),
                })
        }
        InboxCommand::Retry { id } => {
            let stored = matches!(access, Access::Store(_));
            let answer = match access {
                Access::Gateway(mut client) => {
                    let answer = client
                        .call(method::INBOX_RETRY, json!({ "id": id }))
                        .await?;
                    client.close().await;
                    answer
                }
                Access::Store(store) => store.retry_message(id).await?,
            };
            invocation.output.either(&answer, || {
                format!("message {id} is queued again{}", later(stored))
            })
        }
    }
}

/// `torana explain`
pub(crate) async fn explain(invocation: &mut Invocation, which: &str) -> Result<(), Failure> {
    let which = Which::read(which)?;
    let story = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let params = match &which {
                Which::Last => json!({ "id": "last" }),
                Which::Row(id) => json!({ "id": id }),
                Which::Run(id) => json!({ "runId": id }),
            };
            let story = client.call(method::EXPLAIN, params).await;
            client.close().await;
            story.map_err(|failure| {
                if failure.message == "no such message" {
                    none(&which)
                } else {
                    failure
                }
            })?
        }
        Access::Store(store) => store.explain(&which).await?.ok_or_else(|| none(&which))?,
    };
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&story, || {
        let message = &story["message"];
        let at = number_of(message, "receivedAt")
            .map(|at_ms| ago(now_ms, at_ms))
            .unwrap_or_default();
        let mut text = format!(
            "message {}, {at}: {}",
            number_of(message, "id").unwrap_or(0),
            text_of(message, "state")
        );
        let width = items_of(&story, "steps")
            .iter()
            .map(|step| text_of(step, "stage").len())
            .max()
            .unwrap_or(0);
        for step in items_of(&story, "steps") {
            text.push_str(&format!(
                "\n  {:<width$}  {}",
                text_of(step, "stage"),
                text_of(step, "text")
            ));
        }
        text
    })
}

fn none(which: &Which) -> Failure {
    let text = match which {
        Which::Last => "there is no message yet".to_owned(),
        Which::Row(id) => format!("there is no message {id}"),
        Which::Run(id) => format!("there is no message with the run id {id}"),
    };
    Failure::failed(text).hint(
        "if you just wrote one, the platform did not deliver it: look at `torana channels status`",
    )
}
