//! Messaging platforms, one folder each, and the list of them.
//!
//! A folder translates between its platform and the vocabulary of `torana-core`; it knows neither the engine nor a sibling.
//! Start with [`ChannelKind`]: it is all the composition needs to know about a platform.

mod kind;
mod menu;
mod policy;
pub mod telegram;

pub use kind::{
    AccountConfig, Build, BuildFailure, ChannelKind, Environment, Issue, WebhookListener,
};
pub use menu::MenuCommand;
pub use policy::{
    AccountPolicy, GroupRule, MentionScope, MentionScopeMode, PreviewChunk, ReplyToMode, Streaming,
    StreamingMode,
};

/// Every channel kind of this build, in the order people see them.
pub fn kinds() -> &'static [ChannelKind] {
    const KINDS: &[ChannelKind] = &[telegram::kind::KIND];
    KINDS
}

/// The channel kind of an id or alias, in any case.
pub fn kind(name: &str) -> Option<&'static ChannelKind> {
    kinds().iter().find(|kind| kind.is_named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_id_and_alias() {
        assert_eq!(kind("telegram").map(|kind| kind.id), Some("telegram"));
        assert_eq!(kind("TG").map(|kind| kind.id), Some("telegram"));
        assert!(kind("carrier-pigeon").is_none());
    }

    #[test]
    fn ids_and_aliases_are_unique() {
        let mut names: Vec<&str> = kinds()
            .iter()
            .flat_map(|kind| std::iter::once(kind.id).chain(kind.aliases.iter().copied()))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
