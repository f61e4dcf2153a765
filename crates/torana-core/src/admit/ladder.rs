//! The ladder itself: each rung either decides or passes on.

use super::policy::{AccountPolicy, BotPolicy, DmPolicy, GroupPolicy, GroupRule};
use crate::limit::MESSAGE_BYTES_MAX;
use crate::message::{Inbound, InboundKind, PeerKind};

/// Why a message causes no work. Stored with the row, shown by `torana explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Our own message came back.
    OwnEcho,
    /// An event that is not a message; it never starts a turn.
    NotAMessage,
    /// A changed message; the first version was or will be answered.
    Edited,
    /// Another bot wrote it.
    BotAuthor,
    /// The command names another bot.
    OtherBot,
    /// Direct messages are disabled on this account.
    DmDisabled,
    /// The sender is not on the list for direct messages.
    DmNotAllowed,
    /// `open` without `*` in the list admits nobody.
    DmOpenWithoutWildcard,
    /// Groups are disabled on this account, or this group is.
    GroupDisabled,
    /// The group is not on the list.
    GroupNotAllowed,
    /// The sender is not on the list for this group.
    GroupSenderNotAllowed,
    /// The group needs a mention and there was none.
    NotMentioned,
    /// There is nothing in it to answer.
    NoContent,
    /// The text is longer than any platform allows.
    TooLong,
    /// The sender may write to us and may not use this command.
    CommandNotAllowed,
    /// No configured agent takes messages from there.
    NoAgent,
    /// Too many messages wait behind the running one.
    QueueFull,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::OwnEcho,
        Self::NotAMessage,
        Self::Edited,
        Self::BotAuthor,
        Self::OtherBot,
        Self::DmDisabled,
        Self::DmNotAllowed,
        Self::DmOpenWithoutWildcard,
        Self::GroupDisabled,
        Self::GroupNotAllowed,
        Self::GroupSenderNotAllowed,
        Self::NotMentioned,
        Self::NoContent,
        Self::TooLong,
        Self::CommandNotAllowed,
        Self::NoAgent,
        Self::QueueFull,
    ];

    /// The reason behind a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The word stored in the row and used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnEcho => "own_echo",
            Self::NotAMessage => "not_a_message",
            Self::Edited => "edited",
            Self::BotAuthor => "bot_author",
            Self::OtherBot => "other_bot",
            Self::DmDisabled => "dm_disabled",
            Self::DmNotAllowed => "dm_not_allowed",
            Self::DmOpenWithoutWildcard => "dm_open_without_wildcard",
            Self::GroupDisabled => "group_disabled",
            Self::GroupNotAllowed => "group_not_allowed",
            Self::GroupSenderNotAllowed => "group_sender_not_allowed",
            Self::NotMentioned => "not_mentioned",
            Self::NoContent => "no_content",
            Self::TooLong => "too_long",
            Self::CommandNotAllowed => "command_not_allowed",
            Self::NoAgent => "no_agent",
            Self::QueueFull => "queue_full",
        }
    }

    /// A sentence for people, with what to change.
    pub fn explain(self) -> &'static str {
        match self {
            Self::OwnEcho => "it is our own message coming back",
            Self::NotAMessage => "the platform reported an event that is not a message",
            Self::Edited => "it is an edit of an earlier message; edits do not start a turn",
            Self::BotAuthor => "another bot wrote it; `allowBots` would admit bots",
            Self::OtherBot => "the command is addressed to another bot",
            Self::DmDisabled => {
                "direct messages are disabled on this account (`dmPolicy: \"disabled\"`)"
            }
            Self::DmNotAllowed => "the sender is not in `allowFrom` and `dmPolicy` is `allowlist`",
            Self::DmOpenWithoutWildcard => {
                "`dmPolicy` is `open` but `allowFrom` does not contain `*`"
            }
            Self::GroupDisabled => "groups are disabled on this account, or this group is",
            Self::GroupNotAllowed => {
                "the group is not listed in `groups` and `groupPolicy` is `allowlist`"
            }
            Self::GroupSenderNotAllowed => {
                "the sender is not allowed in this group (`groupAllowFrom` or the group's `allowFrom`)"
            }
            Self::NotMentioned => "the group requires a mention and the message did not mention us",
            Self::NoContent => "there was no text and nothing else to answer",
            Self::TooLong => "the text is longer than 1 MiB",
            Self::CommandNotAllowed => {
                "the sender may not use this command; `commands.allowFrom` and the owners say who may"
            }
            Self::NoAgent => {
                "no configured agent takes messages from there; `bindings` or a default agent decide"
            }
            Self::QueueFull => {
                "too many messages were waiting behind the running one (`messages.queue.cap`)"
            }
        }
    }
}

/// May this message cause work?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It starts or joins a turn.
    Allow {
        /// The sender is one of the owners of the gateway (S-034).
        owner: bool,
    },
    /// A stranger gets a pairing code; at most a short copy of the message is kept.
    OfferPairing,
    /// Kept as context for the next turn of an allowed group.
    Context,
    /// Causes nothing; the reason is stored.
    Drop(DropReason),
}

/// Facts the ladder cannot see in the message itself.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The account's policies.
    pub policy: &'a AccountPolicy,
    /// The sender is in the pairing store of this account.
    pub paired: bool,
    /// The sender is an owner (`commands.ownerAllowFrom`, or the recorded first owner).
    pub owner: bool,
    /// The text is a chat command of ours.
    pub command: bool,
}

/// Climbs the ladder of behaviour 3.2.
///
/// ```
/// use torana_core::admit::{AccountPolicy, Facts, SenderList, Verdict, admit};
/// # use torana_core::message::*; use torana_core::id::*;
/// # let inbound = Inbound { event_id: "1".into(), platform_account: "9".into(), kind: InboundKind::Message,
/// #   conversation: Conversation { channel: ChannelId::new("x").unwrap(), account: AccountId::new("default").unwrap(),
/// #     peer: Peer { kind: PeerKind::Direct, id: "7".into() }, thread: None }, title: None,
/// #   sender: Sender { id: "7".into(), username: None, display: None, is_bot: false, is_self: false }, message_id: None,
/// #   text: "hello".into(), addressed: Addressed::default(), quote: None, attachments: vec![], forwarded_from: None,
/// #   album: None, sent_at_ms: 0 };
/// let policy = AccountPolicy::default();
/// let facts = Facts { policy: &policy, paired: false, owner: false, command: false };
/// assert_eq!(admit(&inbound, facts), Verdict::OfferPairing);
/// ```
pub fn admit(inbound: &Inbound, facts: Facts<'_>) -> Verdict {
    if inbound.sender.is_self {
        return Verdict::Drop(DropReason::OwnEcho);
    }
    match inbound.kind {
        InboundKind::Message => {}
        InboundKind::Edit => return Verdict::Drop(DropReason::Edited),
        InboundKind::Other => return Verdict::Drop(DropReason::NotAMessage),
    }
    if inbound.addressed.other_bot {
        return Verdict::Drop(DropReason::OtherBot);
    }
    if inbound.sender.is_bot && !bot_admitted(inbound, facts.policy) {
        return Verdict::Drop(DropReason::BotAuthor);
    }
    if inbound.text.len() > MESSAGE_BYTES_MAX {
        return Verdict::Drop(DropReason::TooLong);
    }
    if inbound.text.trim().is_empty() && inbound.attachments.is_empty() {
        return Verdict::Drop(DropReason::NoContent);
    }
    match inbound.conversation.peer.kind {
        PeerKind::Direct => direct(inbound, facts),
        PeerKind::Group | PeerKind::Channel => group(inbound, facts),
    }
}

fn bot_admitted(inbound: &Inbound, policy: &AccountPolicy) -> bool {
    match policy.bots {
        BotPolicy::Ignore => false,
        BotPolicy::Allow => true,
        BotPolicy::Mentions => is_addressed(inbound, policy),
    }
}

fn direct(inbound: &Inbound, facts: Facts<'_>) -> Verdict {
    let sender = inbound.sender.id.as_ref();
    let listed = facts.policy.allow_from.allows(sender);
    let allow = Verdict::Allow { owner: facts.owner };
    match facts.policy.dm {
        DmPolicy::Disabled => Verdict::Drop(DropReason::DmDisabled),
        DmPolicy::Open if facts.policy.allow_from.is_everybody() || listed || facts.paired => allow,
        DmPolicy::Open => Verdict::Drop(DropReason::DmOpenWithoutWildcard),
        DmPolicy::Allowlist if listed => allow,
        DmPolicy::Allowlist => Verdict::Drop(DropReason::DmNotAllowed),
        DmPolicy::Pairing if listed || facts.paired => allow,
        DmPolicy::Pairing => Verdict::OfferPairing,
    }
}

fn group(inbound: &Inbound, facts: Facts<'_>) -> Verdict {
    let policy = facts.policy;
    let rule = policy.group_rule(&inbound.conversation.peer.id);
    let topic = rule.and_then(|rule| {
        let thread = inbound.conversation.thread.as_deref()?;
        rule.topics.get(thread).or_else(|| rule.topics.get("*"))
    });
    let pick =
        |read: fn(&GroupRule) -> Option<bool>| topic.and_then(read).or_else(|| rule.and_then(read));
    if pick(|rule| rule.enabled) == Some(false) {
        return Verdict::Drop(DropReason::GroupDisabled);
    }
    let group_policy = topic
        .and_then(|rule| rule.policy)
        .or_else(|| rule.and_then(|rule| rule.policy))
        .unwrap_or(policy.group);
    match group_policy {
        GroupPolicy::Disabled => return Verdict::Drop(DropReason::GroupDisabled),
        GroupPolicy::Allowlist if rule.is_none() => {
            return Verdict::Drop(DropReason::GroupNotAllowed);
        }
        GroupPolicy::Allowlist | GroupPolicy::Open => {}
    }
    // A group that is listed by id without its own sender list trusts its members, unless the account lists senders.
    let senders = topic
        .and_then(|rule| rule.allow_from.as_ref())
        .or_else(|| rule.and_then(|rule| rule.allow_from.as_ref()))
        .or_else(|| (!policy.group_allow_from.is_empty()).then_some(&policy.group_allow_from))
        .or_else(|| {
            (group_policy == GroupPolicy::Allowlist && !policy.allow_from.is_empty())
                .then_some(&policy.allow_from)
        });
    let listed_by_id = policy
        .groups
        .contains_key(inbound.conversation.peer.id.as_ref());
    let sender_allowed = match senders {
        Some(senders) => senders.allows(&inbound.sender.id),
        // `*` lists every group on earth, so under `allowlist` it needs a list of senders to admit anybody.
        None => listed_by_id || group_policy == GroupPolicy::Open,
    };
    if !sender_allowed {
        return Verdict::Drop(DropReason::GroupSenderNotAllowed);
    }
    let mention_needed = policy
        .mention_chosen
        .or_else(|| pick(|rule| rule.require_mention))
        .unwrap_or(!policy.mention_optional);
    if mention_needed && !is_addressed(inbound, policy) && !facts.command {
        return if policy.context_messages > 0 {
            Verdict::Context
        } else {
            Verdict::Drop(DropReason::NotMentioned)
        };
    }
    Verdict::Allow { owner: facts.owner }
}

fn is_addressed(inbound: &Inbound, policy: &AccountPolicy) -> bool {
    let addressed = inbound.addressed;
    addressed.mention
        || addressed.reply_to_us
        || addressed.command
        || policy.mention_patterns.matches(&inbound.text)
}
