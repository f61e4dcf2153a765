//! Settings whose absence would weaken protection: which part each one guards.
//!
//! A key that this build accepts but does not have yet is normally ignored with a warning. If it restricts
//! something, ignoring it would open what its owner meant to close, so the part it guards does not start.

use super::document::{Node, NodeKind};
use super::finding::Part;

/// One restricting key.
struct Restriction {
    /// The key; `*` is one step, `**` any number of steps.
    pattern: &'static str,
    guards: Guard,
    restricts: Restricts,
}

/// Which values of a key restrict something.
#[derive(Clone, Copy)]
enum Restricts {
    /// All but these words; `false`, null and anything empty restrict nothing either.
    Unless(&'static [&'static str]),
    /// Only `false`: the key switches something on that is on by itself.
    WhenFalse,
}

/// How the guarded part follows from the key.
#[derive(Clone, Copy)]
enum Guard {
    /// Everything.
    Gateway,
    /// All channels.
    Channels,
    /// The tools of the agent the path names, or of all.
    Tools,
    /// The channel that a send rule names, if it forbids anything.
    SendRule,
    /// The part the path lies in.
    Part,
}

/// Keys of OpenClaw 2026.9 that restrict something this build has, or will have.
const RESTRICTIONS: &[Restriction] = &[
    // The listener: without these it would be open in clear text, or to more people than meant.
    restriction("gateway.auth.mode", Guard::Gateway, &[]),
    // What single people may do: without it everybody who signs in may do everything.
    restriction("gateway.roles.definitions", Guard::Gateway, &[]),
    // All traffic was meant to leave through a proxy.
    restriction("proxy.enabled", Guard::Gateway, &[]),
    // Rules that keep replies from certain chats.
    restriction("session.sendPolicy.default", Guard::Channels, &["allow"]),
    restriction("session.sendPolicy.rules.*", Guard::SendRule, &[]),
    restriction(
        "channels.defaults.contextVisibility",
        Guard::Channels,
        &["all"],
    ),
    // Per-channel admission and transport.
    restriction("channels.*.**.allowFrom", Guard::Part, &[]),
    restriction("channels.*.**.groupAllowFrom", Guard::Part, &[]),
    restriction("channels.*.**.dmPolicy", Guard::Part, &["open", "pairing"]),
    restriction("channels.*.**.groupPolicy", Guard::Part, &["open"]),
    restriction("channels.*.**.contextVisibility", Guard::Part, &["all"]),
    restriction("channels.*.**.requireMention", Guard::Part, &[]),
    restriction("channels.*.**.requireTopic", Guard::Part, &[]),
    switch("channels.*.**.enabled", Guard::Part),
    restriction("channels.*.**.proxy", Guard::Part, &[]),
    restriction("channels.*.**.webhookSecret", Guard::Part, &[]),
    restriction("channels.*.**.tools.allow", Guard::Tools, &[]),
    restriction("channels.*.**.tools.deny", Guard::Tools, &[]),
    restriction("channels.*.**.toolsBySender", Guard::Tools, &[]),
    switch("channels.*.**.actions.*", Guard::Tools),
    // A model provider that was to be reached in a protected way, or that speaks another wire format.
    restriction("models.providers.*.request.proxy", Guard::Part, &[]),
    restriction("models.providers.*.request.tls", Guard::Part, &[]),
    restriction("models.providers.*.api", Guard::Part, &[]),
    // Tools and approvals.
    restriction("tools.allow", Guard::Tools, &[]),
    restriction("tools.deny", Guard::Tools, &[]),
    restriction("tools.profile", Guard::Tools, &["full"]),
    restriction("tools.byProvider", Guard::Tools, &[]),
    restriction("tools.exec.mode", Guard::Tools, &["full"]),
    restriction("tools.exec.security", Guard::Tools, &["full"]),
    restriction("tools.exec.ask", Guard::Tools, &["off"]),
    restriction("tools.fs.workspaceOnly", Guard::Tools, &[]),
    restriction("tools.sandbox", Guard::Tools, &[]),
    restriction("approvals.exec.enabled", Guard::Tools, &[]),
    restriction("approvals.plugin.enabled", Guard::Tools, &[]),
    restriction("agents.defaults.sandbox.mode", Guard::Tools, &["off"]),
    restriction("agents.entries.*.sandbox.mode", Guard::Tools, &["off"]),
    restriction("agents.entries.*.tools.allow", Guard::Tools, &[]),
    restriction("agents.entries.*.tools.deny", Guard::Tools, &[]),
    restriction("agents.entries.*.tools.profile", Guard::Tools, &["full"]),
    restriction("agents.entries.*.tools.exec.mode", Guard::Tools, &["full"]),
    restriction("agents.list.*.sandbox.mode", Guard::Tools, &["off"]),
    restriction("agents.list.*.tools.allow", Guard::Tools, &[]),
    restriction("agents.list.*.tools.deny", Guard::Tools, &[]),
    restriction("agents.list.*.tools.profile", Guard::Tools, &["full"]),
    restriction("gateway.tools.allow", Guard::Tools, &[]),
    restriction("gateway.tools.deny", Guard::Tools, &[]),
    restriction("gateway.nodes.commands.deny", Guard::Tools, &[]),
];

const fn restriction(
    pattern: &'static str,
    guards: Guard,
    harmless: &'static [&'static str],
) -> Restriction {
    Restriction {
        pattern,
        guards,
        restricts: Restricts::Unless(harmless),
    }
}

const fn switch(pattern: &'static str, guards: Guard) -> Restriction {
    Restriction {
        pattern,
        guards,
        restricts: Restricts::WhenFalse,
    }
}

/// The patterns of the table, for the test that compares it with the accepted keys.
#[cfg(test)]
pub(super) fn patterns() -> impl Iterator<Item = &'static str> {
    RESTRICTIONS.iter().map(|restriction| restriction.pattern)
}

/// The part that must not start because of the key at `names`, if its value restricts anything.
pub(crate) fn guarded_part(names: &[String], value: &Node) -> Option<Part> {
    let restriction = RESTRICTIONS
        .iter()
        .find(|restriction| matches(restriction.pattern, names))?;
    let is_restricting = match restriction.restricts {
        Restricts::Unless(words) => !is_harmless(value, words),
        Restricts::WhenFalse => value.is_false(),
    };
    if !is_restricting {
        return None;
    }
    Some(match restriction.guards {
        Guard::SendRule => return silenced_part(value),
        Guard::Gateway => Part::Gateway,
        Guard::Channels => Part::Channels,
        Guard::Tools => Part::Tools {
            agent: agent_of(names),
        },
        Guard::Part => part_of(names),
    })
}

/// The part of the gateway that a key belongs to.
pub(crate) fn part_of(names: &[String]) -> Part {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["channels", channel, "accounts", account, ..] => Part::Channel {
            channel: (*channel).to_owned(),
            account: Some((*account).to_owned()),
        },
        ["channels", channel, ..] => Part::Channel {
            channel: (*channel).to_owned(),
            account: None,
        },
        ["models", "providers", provider, ..] => Part::Provider((*provider).to_owned()),
        ["hooks", ..] => Part::Hooks,
        ["tools" | "approvals", ..] => Part::Tools { agent: None },
        ["gateway", ..] | [] => Part::Gateway,
        [section, ..] => Part::Section((*section).to_owned()),
    }
}

/// What a rule of `session.sendPolicy` silences: the channel it names, or all.
fn silenced_part(rule: &Node) -> Option<Part> {
    if rule.get("action").and_then(Node::text) == Some("allow") {
        return None;
    }
    let channel = rule.at_keys(&["match", "channel"]).and_then(Node::text);
    Some(channel.map_or(Part::Channels, |channel| Part::Channel {
        channel: channel.to_owned(),
        account: None,
    }))
}

fn agent_of(names: &[String]) -> Option<String> {
    match names {
        [root, entries, agent, ..] if root == "agents" && entries == "entries" => {
            Some(agent.clone())
        }
        _ => None,
    }
}

fn is_harmless(value: &Node, words: &[&str]) -> bool {
    match &value.kind {
        NodeKind::Null | NodeKind::Bool(false) => true,
        NodeKind::Bool(true) | NodeKind::Number(_) => false,
        NodeKind::Text { text, .. } => text.is_empty() || words.contains(&text.as_str()),
        NodeKind::List(items) => items.is_empty(),
        NodeKind::Object(members) => members.is_empty(),
    }
}

fn matches(pattern: &str, names: &[String]) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    matches_from(&pattern, names)
}

fn matches_from(pattern: &[&str], names: &[String]) -> bool {
    match (pattern.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            matches_from(rest, names)
                || names
                    .split_first()
                    .is_some_and(|(_, names)| matches_from(pattern, names))
        }
        (Some((segment, rest)), Some((name, names))) => {
            (*segment == "*" || segment == name) && matches_from(rest, names)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}
