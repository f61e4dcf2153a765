//! `torana send` and `torana message send`: a message to a platform, durable before it is confirmed.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use torana_core::limit::MESSAGE_BYTES_MAX;
use torana_host::files::read_capped;

use crate::cli::args::{MessageCommand, SendFlags};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::method;
use crate::cli::target::Target;
use crate::cli::words::items_of;

/// `torana message …`
pub(crate) async fn message(
    invocation: &mut Invocation,
    command: MessageCommand,
) -> Result<(), Failure> {
    let MessageCommand::Send(flags) = command;
    run(invocation, flags).await
}

/// Sends.
pub(crate) async fn run(invocation: &mut Invocation, flags: SendFlags) -> Result<(), Failure> {
    let target = target_of(&flags)?;
    if target.topic.is_some() && flags.thread_id.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "--to names a topic already, and --thread-id another",
        ));
    }
    let text = text_or_input(&flags.message)?;
    let key = flags
        .idempotency_key
        .clone()
        .unwrap_or_else(|| invocation.world.uuid());
    let mut params = json!({ "channel": target.channel, "to": target.chat, "message": text, "idempotencyKey": key });
    if let Some(account) = &target.account {
        params["accountId"] = json!(account);
    }
    if let Some(topic) = target.topic.as_ref().or(flags.thread_id.as_ref()) {
        params["threadId"] = json!(topic);
    }
    if let Some(answered) = &flags.reply_to {
        params["replyToId"] = json!(answered);
    }
    if flags.dry_run {
        let value = json!({ "dryRun": true, "method": method::SEND, "params": params });
        return invocation.output.either(&value, || {
            format!("nothing was sent; this would be:\n{params:#}")
        });
    }
    let mut client = invocation.connect().await?;
    let sent = client.call(method::SEND, params).await?;
    client.close().await;
    invocation.output.either(&sent, || {
        let ids: Vec<String> = items_of(&sent, "intents")
            .iter()
            .map(Value::to_string)
            .collect();
        let again = if sent["repeated"].as_bool() == Some(true) {
            ", as before"
        } else {
            ""
        };
        format!(
            "accepted for {target}{again} (delivery {}); see `torana outbox`",
            ids.join(", ")
        )
    })
}

/// `--to` alone, or a chat in `--to` with its channel and account beside it.
pub(crate) fn target_of(flags: &SendFlags) -> Result<Target, Failure> {
    let wrong = |message: String| Failure::new(Exit::Usage, message);
    let Some(channel) = &flags.channel else {
        let mut target: Target = flags
            .to
            .parse()
            .map_err(|error: crate::cli::target::TargetError| wrong(error.to_string()))?;
        target.account = flags.account.clone().or(target.account);
        return Ok(target);
    };
    let rest = flags
        .to
        .strip_prefix(&format!("{channel}:"))
        .unwrap_or(&flags.to);
    let mut target: Target = format!("{channel}:{rest}")
        .parse()
        .map_err(|error: crate::cli::target::TargetError| wrong(error.to_string()))?;
    target.account = flags.account.clone().or(target.account);
    Ok(target)
}

/// The text of a file.
pub(crate) fn text_of_file(path: &Path) -> Result<String, Failure> {
    let limit = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
    let wrong = |why: String| Failure::failed(format!("{} cannot be said: {why}", path.display()));
    let bytes = read_capped(path, limit).map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| wrong("it is not a text in UTF-8".to_owned()))
}

/// The text as it was given, or everything on the input when it is `-`.
pub(crate) fn text_or_input(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut read = String::new();
    let limit = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
    std::io::stdin()
        .lock()
        .take(limit.saturating_add(1))
        .read_to_string(&mut read)
        .map_err(|error| Failure::failed(format!("cannot read the input: {error}")))?;
    if read.len() > MESSAGE_BYTES_MAX {
        return Err(Failure::failed(format!(
            "the input is longer than {MESSAGE_BYTES_MAX} bytes"
        )));
    }
    Ok(read)
}
