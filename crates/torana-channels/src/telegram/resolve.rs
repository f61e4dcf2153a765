//! The policy part of an account's section: normalised ids, legacy spellings, defaults.

use std::collections::BTreeMap;

use torana_core::admit::{DmPolicy, GroupPolicy};
use torana_core::render::{ChunkMode, TableMode};

use super::section::{
    AccountSection, AllowDenyText, ChunkModeText, ChunkSection, DmPolicyText, GroupPolicyText,
    GroupSection, IdEntry, NativeValue, ReplyToModeText, StreamingModeText, StreamingSection,
    StreamingValue, TablesText,
};
use crate::kind::Issue;
use crate::policy::{
    AccountPolicy, GroupRule, MentionScope, MentionScopeMode, PreviewChunk, ReplyToMode, Streaming,
    StreamingMode,
};

/// OpenClaw's default length of one message: a margin below Telegram's 4096 for markup that grows in an edit.
const TEXT_CHUNK_LIMIT: usize = 4000;
/// The most Telegram takes in one message, in UTF-16 units.
pub(super) const TEXT_UNITS_MAX: usize = 4096;
/// OpenClaw's documented preview steps.
const PREVIEW_MIN_CHARS: usize = 200;
const PREVIEW_MAX_CHARS: usize = 800;
/// Everything others act on.
pub(super) fn policy(
    section: &AccountSection,
    path: &str,
    warnings: &mut Vec<Issue>,
) -> AccountPolicy {
    let mut list = |entries: &Option<Vec<IdEntry>>, key: &str| {
        entries
            .as_ref()
            .map(|entries| ids(entries, &format!("{path}.{key}"), warnings))
    };
    let allow_from = list(&section.allow_from, "allowFrom").unwrap_or_default();
    let group_allow_from = list(&section.group_allow_from, "groupAllowFrom");
    let mention_scope = section
        .mention_patterns
        .as_ref()
        .map(|written| MentionScope {
            mode: match written.mode {
                Some(AllowDenyText::Deny) => MentionScopeMode::Deny,
                Some(AllowDenyText::Allow) | None => MentionScopeMode::Allow,
            },
            allow_in: list(&written.allow_in, "mentionPatterns.allowIn").unwrap_or_default(),
            deny_in: list(&written.deny_in, "mentionPatterns.denyIn").unwrap_or_default(),
        });
    let groups = groups(section, path, warnings);
    let details = details(section);
    AccountPolicy {
        dm_policy: dm_policy(section.dm_policy),
        allow_from,
        group_policy: section.group_policy.map(group_policy),
        group_allow_from,
        groups,
        dm_history_limits: section
            .dms
            .iter()
            .flatten()
            .filter_map(|(id, dm)| Some((strip_prefix(id).to_owned(), dm.history_limit?)))
            .collect(),
        dm_history_limit: section.dm_history_limit,
        history_limit: section.history_limit,
        mention_scope,
        text_chunk_limit: section
            .text_chunk_limit
            .unwrap_or(TEXT_CHUNK_LIMIT)
            .clamp(32, TEXT_UNITS_MAX),
        chunk_mode: match section
            .chunk_mode
            .or(details.as_ref().and_then(|details| details.chunk_mode))
        {
            Some(ChunkModeText::Newline) => ChunkMode::Newline,
            Some(ChunkModeText::Length) | None => ChunkMode::Length,
        },
        streaming: streaming(section, details.as_ref()),
        reply_to_mode: match section.reply_to_mode {
            Some(ReplyToModeText::First) => ReplyToMode::First,
            Some(ReplyToModeText::All) => ReplyToMode::All,
            Some(ReplyToModeText::Off) | None => ReplyToMode::Off,
        },
        response_prefix: section.response_prefix.clone(),
        tables: match section
            .markdown
            .as_ref()
            .and_then(|markdown| markdown.tables)
        {
            Some(TablesText::Bullets) => TableMode::Bullets,
            Some(TablesText::Off) => TableMode::Off,
            Some(TablesText::Code | TablesText::Block) | None => TableMode::Code,
        },
        native_commands: native_commands(section),
    }
}

/// The policy for direct messages; pairing when nothing is said.
pub(super) fn dm_policy(written: Option<DmPolicyText>) -> DmPolicy {
    match written {
        Some(DmPolicyText::Allowlist) => DmPolicy::Allowlist,
        Some(DmPolicyText::Open) => DmPolicy::Open,
        Some(DmPolicyText::Disabled) => DmPolicy::Disabled,
        Some(DmPolicyText::Pairing) | None => DmPolicy::Pairing,
    }
}

fn group_policy(written: GroupPolicyText) -> GroupPolicy {
    match written {
        GroupPolicyText::Open => GroupPolicy::Open,
        GroupPolicyText::Allowlist => GroupPolicy::Allowlist,
        GroupPolicyText::Disabled => GroupPolicy::Disabled,
    }
}

fn groups(
    section: &AccountSection,
    path: &str,
    warnings: &mut Vec<Issue>,
) -> BTreeMap<String, GroupRule> {
    let mut rules = BTreeMap::new();
    for (id, group) in section.groups.iter().flatten() {
        let id_path = format!("{path}.groups.{id}");
        let key = strip_prefix(id);
        if key != "*" && key.parse::<i64>().is_err() {
            warnings.push(
                Issue::new(&id_path, "is not a group id, so it matches no group")
                    .with_hint("use the numeric id, such as -1001234567890"),
            );
            continue;
        }
        rules.insert(key.to_owned(), group_rule(group, &id_path, warnings));
    }
    rules
}

fn group_rule(group: &GroupSection, path: &str, warnings: &mut Vec<Issue>) -> GroupRule {
    let mut list = |entries: &Option<Vec<IdEntry>>, path: String| {
        entries
            .as_ref()
            .map(|entries| ids(entries, &path, warnings))
    };
    let allow_from = list(&group.allow_from, format!("{path}.allowFrom"));
    let topics = group
        .topics
        .iter()
        .flatten()
        .map(|(id, topic)| {
            let rule = GroupRule {
                enabled: topic.enabled,
                require_mention: topic.require_mention,
                group_policy: topic.group_policy.map(group_policy),
                allow_from: list(&topic.allow_from, format!("{path}.topics.{id}.allowFrom")),
                topics: BTreeMap::new(),
            };
            (id.trim().to_owned(), rule)
        })
        .collect();
    GroupRule {
        enabled: group.enabled,
        require_mention: group.require_mention,
        group_policy: group.group_policy.map(group_policy),
        allow_from,
        topics,
    }
}

fn details(section: &AccountSection) -> Option<StreamingSection> {
    match &section.streaming {
        Some(StreamingValue::Details(details)) => Some((**details).clone()),
        Some(StreamingValue::Switch(_) | StreamingValue::Mode(_)) | None => None,
    }
}

fn streaming(section: &AccountSection, details: Option<&StreamingSection>) -> Streaming {
    let mode = match &section.streaming {
        Some(StreamingValue::Mode(mode)) => Some(*mode),
        Some(StreamingValue::Switch(true)) => Some(StreamingModeText::Partial),
        Some(StreamingValue::Switch(false)) => Some(StreamingModeText::Off),
        Some(StreamingValue::Details(details)) => details.mode,
        None => None,
    };
    let preview = details.and_then(|details| details.preview.as_ref());
    Streaming {
        // Decision 31: OpenClaw's default on Telegram.
        mode: match mode.or(section.streaming_mode).or(section.stream_mode) {
            Some(StreamingModeText::Off) => StreamingMode::Off,
            Some(StreamingModeText::Partial) => StreamingMode::Partial,
            Some(StreamingModeText::Block) => StreamingMode::Block,
            Some(StreamingModeText::Draft) => StreamingMode::Draft,
            Some(StreamingModeText::Progress) | None => StreamingMode::Progress,
        },
        chunk: chunk(preview.and_then(|preview| preview.chunk.as_ref())),
    }
}

fn chunk(written: Option<&ChunkSection>) -> PreviewChunk {
    let max_chars = written
        .and_then(|chunk| chunk.max_chars)
        .unwrap_or(PREVIEW_MAX_CHARS)
        .clamp(1, TEXT_CHUNK_LIMIT);
    PreviewChunk {
        min_chars: written
            .and_then(|chunk| chunk.min_chars)
            .unwrap_or(PREVIEW_MIN_CHARS)
            .clamp(1, max_chars),
        max_chars,
    }
}

/// Whether the gateway's own commands are wanted in the menu, where the account says it.
fn native_commands(section: &AccountSection) -> Option<bool> {
    match section.commands.as_ref()?.native? {
        NativeValue::Switch(wanted) => Some(wanted),
        // A menu is always useful here.
        NativeValue::Auto(_) => Some(true),
    }
}

/// Normalises a list of ids; what cannot be an id is reported and left out.
fn ids(entries: &[IdEntry], path: &str, warnings: &mut Vec<Issue>) -> Vec<String> {
    Entries { entries, path }.normalise(warnings)
}

/// A list of ids as written.
struct Entries<'a> {
    entries: &'a [IdEntry],
    path: &'a str,
}

impl Entries<'_> {
    /// Numeric ids, `*` and `accessGroup:<name>` stay; names authorise nobody and are reported (S-031).
    fn normalise(&self, warnings: &mut Vec<Issue>) -> Vec<String> {
        let mut ids = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let id = match entry {
                IdEntry::Number(id) => id.to_string(),
                IdEntry::Text(text) => strip_prefix(text).to_owned(),
            };
            if id == "*" || id.starts_with("accessGroup:") || id.parse::<i64>().is_ok() {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            } else {
                warnings.push(
                    Issue::new(
                        format!("{}[{index}]", self.path),
                        "is not a Telegram id, so it matches nobody",
                    )
                    .with_hint("write the numeric user id; `/whoami` tells a person theirs"),
                );
            }
        }
        ids
    }
}

/// An id without the platform's name in front, which OpenClaw's files may have.
fn strip_prefix(id: &str) -> &str {
    let id = id.trim();
    for prefix in ["telegram:", "tg:"] {
        if let Some(head) = id.get(..prefix.len())
            && head.eq_ignore_ascii_case(prefix)
        {
            return id[prefix.len()..].trim();
        }
    }
    id
}
