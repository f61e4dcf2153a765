//! `torana agent --message`: one turn, its answer on stdout.

use serde_json::{Value, json};

use super::send::{text_of_file, text_or_input};
use crate::cli::args::AgentFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::method;
use crate::cli::words::{items_of, text_of};

/// The gateway ends the turn at the deadline; its answer about that needs a moment more.
const GRACE_MS: u64 = 5_000;

/// Runs the turn and prints the answer.
pub(crate) async fn run(invocation: &mut Invocation, flags: AgentFlags) -> Result<(), Failure> {
    let text = match (&flags.message, &flags.message_file) {
        (_, Some(path)) => text_of_file(path)?,
        (message, None) => text_or_input(message.as_deref().unwrap_or_default())?,
    };
    if text.trim().is_empty() {
        return Err(
            Failure::new(Exit::Usage, "there is nothing to say").hint("give a text with --message")
        );
    }
    let params = params(&flags, &text, &invocation.world.uuid());
    let wait_ms = flags.timeout.saturating_mul(1_000).saturating_add(GRACE_MS);
    let mut client = invocation.connect().await?;
    let id = client.request(method::AGENT, params).await?;
    // Two answers have the same id: accepted at once, and the outcome at the end (protocol 8.1).
    let both = async {
        loop {
            let answer = client.answer(id).await?;
            if text_of(&answer, "status") != "accepted" {
                return Ok(answer);
            }
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_millis(wait_ms), both).await;
    let answer = waited.unwrap_or_else(|_| {
        Err(
            Failure::failed(format!("no answer within {} s", flags.timeout))
                .hint("the turn goes on in the gateway; see `torana sessions show`"),
        )
    })?;
    client.close().await;
    print(invocation, &answer)
}

fn params(flags: &AgentFlags, text: &str, key: &str) -> Value {
    let mut params = json!({ "message": text, "timeout": flags.timeout, "deliver": flags.deliver, "idempotencyKey": key });
    let mut set = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            params[name] = json!(value);
        }
    };
    set("agentId", flags.agent.as_ref());
    set("sessionKey", flags.session.as_ref());
    set("sessionId", flags.session_id.as_ref());
    set("model", flags.model.as_ref());
    set("thinking", flags.thinking.as_ref());
    set("replyChannel", flags.reply_channel.as_ref());
    set("replyTo", flags.reply_to.as_ref());
    set("replyAccountId", flags.reply_account.as_ref());
    if let Some(target) = &flags.to {
        set("replyChannel", Some(&target.channel));
        set("replyTo", Some(&target.chat));
        set("replyAccountId", target.account.as_ref());
        set("threadId", target.topic.as_ref());
    }
    params
}

fn print(invocation: &Invocation, answer: &Value) -> Result<(), Failure> {
    let texts: Vec<&str> = items_of(&answer["result"], "payloads")
        .iter()
        .map(|payload| text_of(payload, "text"))
        .collect();
    invocation.output.either(answer, || texts.join("\n\n"))?;
    match text_of(answer, "status") {
        "ok" if texts.is_empty() && !invocation.output.json => {
            invocation.output.note("the agent chose not to answer");
            Ok(())
        }
        "ok" => Ok(()),
        "timeout" => Err(Failure::failed("the turn took too long and was ended")
            .hint("give it more time with --timeout")),
        other => Err(Failure::failed(format!(
            "the turn ended without an answer: {other}"
        ))),
    }
}
