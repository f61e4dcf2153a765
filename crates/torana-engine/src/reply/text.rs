//! A text becomes operations on a platform: cut, rendered, and in place of what was shown of it before.

use torana_core::message::{Operation, RenderedText, ReplyTarget};
use torana_core::render::{self, Format, Limits, Markup, PrefixValues, ReplyTo, TableMode};
use torana_core::run::Settled;

use super::shown::Shown;
use crate::engine::Engine;
use crate::session::{TurnPlan, Work};
use crate::settings::{ReplyToMode, StreamMode};
use crate::store::inbox::Payload;

/// How text is written for one place.
pub(crate) struct Style {
    pub(crate) limits: Limits,
    pub(crate) format: Format,
    reply_to: ReplyToMode,
}

/// How text is written for a conversation. A place whose account is gone gets plain text of a modest length.
pub(crate) fn style_of(engine: &Engine, target: &ReplyTarget) -> Style {
    let conversation = &target.conversation;
    let settings = engine
        .settings()
        .account(&conversation.channel, &conversation.account);
    match engine
        .delivery()
        .limits(&conversation.channel, &conversation.account)
    {
        Some(limits) => Style {
            limits: limits.text,
            format: Format {
                markup: limits.markup,
                tables: settings.tables,
            },
            reply_to: settings.reply_to,
        },
        None => Style {
            // 4,000 characters fit every platform of the limits table (channels 20.1) but the smallest.
            limits: Limits::new(4_000, render::LengthUnit::Utf16),
            format: Format {
                markup: Markup::Plain,
                tables: TableMode::default(),
            },
            reply_to: ReplyToMode::Off,
        },
    }
}

fn rendered(chunk: render::Chunk) -> RenderedText {
    RenderedText {
        markup: chunk.rendered,
        plain: chunk.plain,
    }
}

/// The operations that say a text, after those that show a preview of it were taken into account.
pub(crate) fn operations(
    engine: &Engine,
    text: &str,
    target: &ReplyTarget,
    previews: &[String],
) -> Vec<Operation> {
    written(style_of(engine, target), text, target, previews)
}

fn written(style: Style, text: &str, target: &ReplyTarget, previews: &[String]) -> Vec<Operation> {
    let chunks = render::chunks(text, &style.limits, style.format);
    let mut operations = Vec::with_capacity(chunks.len().max(previews.len()));
    let count = chunks.len();
    for (index, chunk) in chunks.into_iter().enumerate() {
        let text = rendered(chunk);
        operations.push(match previews.get(index) {
            Some(message_id) => Operation::Edit {
                conversation: target.conversation.clone(),
                message_id: message_id.clone(),
                text,
                plain: false,
            },
            None => {
                let answers = index == 0 || style.reply_to == ReplyToMode::All;
                let reply_to = target.reply_to.clone().filter(|_| answers);
                let target = ReplyTarget {
                    conversation: target.conversation.clone(),
                    reply_to,
                };
                Operation::Text {
                    target,
                    text,
                    plain: false,
                }
            }
        });
    }
    for message_id in previews.iter().skip(count) {
        operations.push(Operation::Delete {
            conversation: target.conversation.clone(),
            message_id: message_id.clone(),
        });
    }
    operations
}

/// The operations that turn what is shown so far into the final answer; an empty text takes everything back.
pub(crate) fn replacing(
    engine: &Engine,
    text: &str,
    target: &ReplyTarget,
    shown: &Shown,
) -> Vec<Operation> {
    // A place without edits shows nothing but status lines; another mode may have been configured since.
    let place = &target.conversation;
    let limits = engine.delivery().limits(&place.channel, &place.account);
    if shown.is_status || limits.is_some_and(|limits| !limits.edit) {
        let mut operations = operations(engine, text, target, &[]);
        operations.extend(
            shown
                .message_ids
                .iter()
                .map(|message_id| Operation::Delete {
                    conversation: target.conversation.clone(),
                    message_id: message_id.clone(),
                }),
        );
        return operations;
    }
    let mut style = style_of(engine, target);
    let account = engine.settings().account(&place.channel, &place.account);
    if account.streaming == StreamMode::Block && !shown.message_ids.is_empty() {
        // The blocks that people have read already stay where they are.
        style.limits = account.block_limits(style.limits);
    }
    written(style, text, target, &shown.message_ids)
}

/// Lets the agent say which message it answers.
pub(crate) fn direct_to(target: &mut ReplyTarget, reply_to: ReplyTo, plan: &TurnPlan) {
    match reply_to {
        ReplyTo::None => {}
        ReplyTo::Current => {
            if let Payload::Channel(inbound) = plan.lead.payload.as_ref() {
                target.reply_to.clone_from(&inbound.message_id);
            }
        }
        ReplyTo::Id(id) => target.reply_to = Some(id),
    }
}

/// Puts the configured prefix before a reply.
pub(crate) fn prefixed(engine: &Engine, lead: &Work, settled: &Settled, text: &str) -> String {
    let Some(target) = &lead.target else {
        return text.to_owned();
    };
    let settings = engine.settings();
    let account = settings.account(&target.conversation.channel, &target.conversation.account);
    let Some(template) = account.response_prefix else {
        return text.to_owned();
    };
    let agent = settings.agents.get(&lead.agent);
    let full = match (&settled.provider, &settled.model) {
        (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
        _ => None,
    };
    let prefix = render::expand_prefix(
        &template,
        &PrefixValues {
            model: settled.model.as_deref(),
            model_full: full.as_deref(),
            provider: settled.provider.as_deref(),
            thinking_level: agent.and_then(|agent| agent.thinking.as_deref()),
            identity_name: agent
                .map(|agent| agent.name.as_str())
                .filter(|name| !name.is_empty())
                .or(Some(lead.agent.as_str())),
        },
    );
    render::apply_prefix(&prefix, text)
}
