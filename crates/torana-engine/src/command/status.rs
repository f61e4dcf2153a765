//! `/status`: what a conversation runs on, how full it is, what it used, and whether the gateway is well.

use std::sync::Arc;

use torana_core::event::AccountState;
use torana_core::id::AgentId;
use torana_core::lane::QueueMode;
use torana_core::run::ModelRef;

use crate::engine::Engine;
use crate::run::usage_words;
use crate::session::Work;
use crate::settings::Settings;
use crate::store::session::SessionRow;

/// What is not in the session row.
pub(super) struct Facts {
    agent: AgentId,
    configured: Option<String>,
    settings: Arc<Settings>,
    /// Tokens the agent's model can read.
    pub(super) context_tokens: usize,
    queue: QueueMode,
    running: bool,
    waiting: usize,
    demo: bool,
    uptime_ms: u64,
    /// What is not well; empty when all is.
    ills: Vec<String>,
}

/// Collects them, before the command is written.
pub(super) fn facts(engine: &Engine, settings: &Arc<Settings>, work: &Work) -> Facts {
    let agent = settings.agents.get(&work.agent);
    let channel = work.place().0;
    Facts {
        agent: work.agent.clone(),
        settings: Arc::clone(settings),
        configured: engine
            .overrides()
            .model_of(&work.agent)
            .or_else(|| agent.and_then(|agent| agent.model.clone()))
            .map(|model| model.to_string()),
        context_tokens: agent.map_or(0, |agent| agent.context_tokens),
        queue: engine
            .policy(settings, &work.session, channel.as_str(), None)
            .mode,
        running: engine.shared.sessions.active(&work.session).is_some(),
        waiting: engine.shared.sessions.waiting(&work.session),
        demo: !settings.model_configured,
        uptime_ms: engine.shared.world.monotonic_ms(),
        ills: ills(engine),
    }
}

fn ills(engine: &Engine) -> Vec<String> {
    let full = engine.storage_full().then(|| "the disk is full".to_owned());
    let accounts = engine.accounts().into_iter().filter_map(|status| {
        let is_ill = matches!(
            status.state,
            AccountState::Failing(_) | AccountState::Stopped(_)
        );
        is_ill.then(|| format!("{} ({}) is not connected", status.channel, status.account))
    });
    full.into_iter().chain(accounts).collect()
}

/// The levels the model of a conversation can think at, and the one it uses when nothing is chosen.
pub(super) fn thinking<'a>(
    facts: &'a Facts,
    row: &SessionRow,
) -> (&'static [&'static str], &'a str) {
    let model = row.model.as_ref().or(facts.configured.as_ref());
    let model = model.and_then(|model| ModelRef::parse(model));
    let agent = facts.settings.agents.get(&facts.agent);
    (
        facts.settings.thinking_levels(model.as_ref()),
        facts.settings.thinking_default(agent, model.as_ref()),
    )
}

/// The model a conversation uses, and the one that answered last when that was another.
pub(super) fn model_text(facts: &Facts, row: &SessionRow) -> String {
    let model = row
        .model
        .clone()
        .or_else(|| facts.configured.clone())
        .unwrap_or_else(|| {
            if facts.demo {
                "demo (no model is configured)".to_owned()
            } else {
                "none".to_owned()
            }
        });
    match (&row.last_provider, &row.last_model) {
        (Some(provider), Some(name)) if !facts.demo && format!("{provider}/{name}") != model => {
            format!("{model} (last answer: {provider}/{name})")
        }
        _ => model,
    }
}

/// The answer to `/status`, as Markdown.
pub(super) fn status_text(facts: &Facts, row: &SessionRow) -> String {
    let state = if facts.running { "answering" } else { "idle" };
    let health = if facts.ills.is_empty() {
        "fine".to_owned()
    } else {
        facts.ills.join(", ")
    };
    let messages = match row.entries {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    [
        "**Status**".to_owned(),
        format!("Agent: {}", facts.agent),
        format!("Model: {}", model_text(facts, row)),
        format!("Session: `{}` — {messages}", row.key),
        format!("Context: {}", context_text(facts, row)),
        format!("Used: {}", usage_words(&row.usage)),
        format!(
            "Queue: {}, {state}, {} waiting",
            facts.queue.as_str(),
            facts.waiting
        ),
        format!(
            "Gateway: up for {}, health: {health}",
            duration(facts.uptime_ms)
        ),
    ]
    .join("\n")
}

/// How much of what the model can read is taken.
fn context_text(facts: &Facts, row: &SessionRow) -> String {
    let used = usize::try_from(row.context_tokens).unwrap_or(0);
    match (used * 100).checked_div(facts.context_tokens) {
        Some(percent) => format!("{used} of {} tokens ({percent} %)", facts.context_tokens),
        None => format!("{used} tokens"),
    }
}

/// A time for people, in its two largest units.
fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_told_in_two_units() {
        let told = [0, 59_999, 61_000, 3_660_000, 90_000_000].map(duration);
        assert_eq!(told, ["0 s", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
