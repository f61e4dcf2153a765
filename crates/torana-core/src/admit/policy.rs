//! The policies of one account, as the operator wrote them, ready to be asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who may write to us directly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmPolicy {
    /// Strangers get a code that the operator approves.
    #[default]
    Pairing,
    /// Only listed senders.
    Allowlist,
    /// Everybody, when the list holds `*`.
    Open,
    /// Nobody.
    Disabled,
}

/// In which groups we answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupPolicy {
    /// Listed groups and senders only.
    #[default]
    Allowlist,
    /// Every group.
    Open,
    /// No group.
    Disabled,
}

/// What to do with messages written by other bots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BotPolicy {
    /// Drop them.
    #[default]
    Ignore,
    /// Treat them like people.
    Allow,
    /// Only when they mention us.
    Mentions,
}

/// Immutable sender ids, or everybody. Names never match (S-031).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SenderList {
    ids: Vec<String>,
    everybody: bool,
}

impl SenderList {
    /// Builds a list from config; `*` means everybody.
    pub fn new<I, T>(entries: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        let mut list = Self::default();
        for entry in entries {
            let entry = entry.into();
            if entry == "*" {
                list.everybody = true;
            } else {
                list.ids.push(entry);
            }
        }
        list
    }

    /// True when nothing is listed, not even everybody.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.everybody
    }

    /// True when the list says `*`.
    pub fn is_everybody(&self) -> bool {
        self.everybody
    }

    /// True when this id is listed by name, `*` not counted.
    pub fn names(&self, id: &str) -> bool {
        self.ids.iter().any(|listed| listed == id)
    }

    /// True when this id is listed, or everybody is.
    pub fn allows(&self, id: &str) -> bool {
        self.everybody || self.names(id)
    }

    /// The single listed id, when exactly one is listed and not everybody: the concrete owner of behaviour 2.2.
    pub fn sole(&self) -> Option<&str> {
        match (self.everybody, self.ids.as_slice()) {
            (false, [only]) => Some(only),
            _ => None,
        }
    }
}

/// Case-insensitive patterns that count as a mention.
#[derive(Debug, Clone, Default)]
pub struct MentionPatterns(Vec<regex::Regex>);

impl MentionPatterns {
    /// Compiles patterns; those that do not compile or are too large are returned with the reason.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> (Self, Vec<String>) {
        let mut compiled = Vec::new();
        let mut refused = Vec::new();
        for pattern in patterns {
            // 64 KiB of program is plenty for a name; it bounds memory and time of hostile patterns.
            match regex::RegexBuilder::new(pattern)
                .case_insensitive(true)
                .size_limit(1 << 16)
                .build()
            {
                Ok(regex) => compiled.push(regex),
                Err(error) => refused.push(format!("`{pattern}`: {error}")),
            }
        }
        (Self(compiled), refused)
    }

    /// True when any pattern occurs in the text.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|regex| regex.is_match(text))
    }
}

/// In which conversations mention patterns count.
///
/// ```
/// use torana_core::admit::MentionScope;
/// let scope = MentionScope { only_listed: true, allow_in: vec!["-100".into()], deny_in: Vec::new() };
/// assert!(scope.covers("-100") && !scope.covers("-200"));
/// assert!(MentionScope::default().covers("-200"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MentionScope {
    /// They count in listed conversations only, not everywhere.
    pub only_listed: bool,
    /// Where they count, by the conversation's id.
    pub allow_in: Vec<String>,
    /// Where they do not; it wins over the other list.
    pub deny_in: Vec<String>,
}

impl MentionScope {
    /// True when patterns count in this conversation.
    pub fn covers(&self, conversation: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|id| id == conversation);
        !named(&self.deny_in) && (!self.only_listed || named(&self.allow_in))
    }
}

/// What the operator says about one group or one topic of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRule {
    /// `false` silences the group.
    pub enabled: Option<bool>,
    /// Whether we must be mentioned.
    pub require_mention: Option<bool>,
    /// Overrides the account's group policy.
    pub policy: Option<GroupPolicy>,
    /// Overrides who may write in this group.
    pub allow_from: Option<SenderList>,
    /// Rules of its topics.
    pub topics: BTreeMap<String, GroupRule>,
}

/// Everything admission asks about one account.
#[derive(Debug, Clone, Default)]
pub struct AccountPolicy {
    /// Direct messages.
    pub dm: DmPolicy,
    /// Senders of direct messages.
    pub allow_from: SenderList,
    /// Groups.
    pub group: GroupPolicy,
    /// Senders in groups; empty falls back to `allow_from`, never to the pairing store (behaviour 3.3).
    pub group_allow_from: SenderList,
    /// Rules per group id; `*` is every group.
    pub groups: BTreeMap<String, GroupRule>,
    /// Whether groups need a mention when no rule says so; on unless turned off.
    pub mention_optional: bool,
    /// Whether this conversation needs a mention, when somebody chose so in it; wins over every rule.
    pub mention_chosen: Option<bool>,
    /// Patterns that count as a mention.
    pub mention_patterns: MentionPatterns,
    /// Messages of other bots.
    pub bots: BotPolicy,
    /// Unmentioned messages kept as context; 0 keeps none.
    pub context_messages: usize,
}

impl AccountPolicy {
    /// The rule of a group: its own entry, else `*`.
    pub fn group_rule(&self, group: &str) -> Option<&GroupRule> {
        self.groups.get(group).or_else(|| self.groups.get("*"))
    }
}
