//! The choice of agent and session for one conversation, with the rule that made it.

use super::table::{BindingMatch, Routing};
use crate::id::{AgentId, DEFAULT_ACCOUNT};
use crate::key::{Place, SessionKey};
use crate::message::{Conversation, PeerKind, Sender};

/// Chooses agent and session key of a conversation (behaviour 3.1).
pub fn route(
    routing: &Routing,
    conversation: &Conversation,
    sender: &Sender,
) -> Result<Route, NoAgent> {
    let winner = routing
        .bindings
        .iter()
        .filter_map(|binding| Some((tier_of(&binding.matches, conversation)?, binding)))
        // `min_by_key` keeps the first of equals, which is the file's order.
        .min_by_key(|(tier, _)| *tier);
    let (agent, tier, dm_scope, group_scope) = match winner {
        Some((tier, binding)) => (
            binding.agent.clone(),
            tier,
            binding.dm_scope.unwrap_or(routing.dm_scope),
            binding.group_scope.unwrap_or(routing.group_scope),
        ),
        None => {
            let agent = routing
                .default_agent
                .clone()
                .or_else(|| match routing.agents.as_slice() {
                    [only] => Some(only.clone()),
                    _ => None,
                });
            (
                agent.ok_or(NoAgent)?,
                Tier::Default,
                routing.dm_scope,
                routing.group_scope,
            )
        }
    };
    let session = if routing.global {
        SessionKey::main(agent.as_str())
    } else {
        let linked = linked_identity(routing, conversation, sender);
        let place = Place {
            channel: conversation.channel.as_str(),
            account: conversation.account.as_str(),
            kind: conversation.peer.kind,
            peer: linked.unwrap_or(&conversation.peer.id),
            thread: conversation.thread.as_deref(),
        };
        SessionKey::for_conversation(agent.as_str(), &place, dm_scope, group_scope)
    };
    Ok(Route {
        agent,
        session,
        tier,
    })
}

/// Which rule won; stored with the row and told by `torana explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A binding named this peer.
    Peer,
    /// A binding named every peer of the kind.
    AnyPeer,
    /// A binding named the account.
    Account,
    /// A binding named the channel.
    Channel,
    /// No binding; the default agent.
    Default,
}

impl Tier {
    /// The word stored with the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "binding.peer",
            Self::AnyPeer => "binding.any_peer",
            Self::Account => "binding.account",
            Self::Channel => "binding.channel",
            Self::Default => "default_agent",
        }
    }
}

/// Where a message belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The agent.
    pub agent: AgentId,
    /// The session.
    pub session: SessionKey,
    /// Which rule won.
    pub tier: Tier,
}

/// Several agents are configured, none is the default, and no binding matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "several agents are configured and no binding matches; add a binding or mark one agent as default"
)]
pub struct NoAgent;

fn tier_of(matches: &BindingMatch, conversation: &Conversation) -> Option<Tier> {
    if !matches
        .channel
        .eq_ignore_ascii_case(conversation.channel.as_str())
    {
        return None;
    }
    let account = match matches.account.as_deref() {
        None if conversation.account.as_str() == DEFAULT_ACCOUNT => Tier::Account,
        Some("*") => Tier::Channel,
        Some(account) if account == conversation.account.as_str() => Tier::Account,
        None | Some(_) => return None,
    };
    match &matches.peer {
        None => Some(account),
        Some((kind, _)) if *kind != conversation.peer.kind => None,
        Some((_, id)) if id == "*" => Some(Tier::AnyPeer),
        Some((_, id)) if id.as_str() == conversation.peer.id.as_ref() => Some(Tier::Peer),
        Some(_) => None,
    }
}

fn linked_identity<'a>(
    routing: &'a Routing,
    conversation: &Conversation,
    sender: &Sender,
) -> Option<&'a str> {
    if conversation.peer.kind != PeerKind::Direct || routing.identity_links.is_empty() {
        return None;
    }
    let spelling = format!("{}:{}", conversation.channel, sender.id);
    routing
        .identity_links
        .iter()
        .find(|(_, spellings)| spellings.contains(&spelling))
        .map(|(name, _)| name.as_str())
}
