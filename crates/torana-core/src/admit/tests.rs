//! The ladder as a table: every policy against every kind of sender, and what no input may ever achieve.

use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::id::{AccountId, ChannelId};
use crate::limit::MESSAGE_BYTES_MAX;
use crate::message::{
    Addressed, Attachment, Conversation, Inbound, InboundKind, Peer, PeerKind, Sender,
};

const OWNER: &str = "1";
const LISTED: &str = "7";
const PAIRED: &str = "8";
const STRANGER: &str = "9";
const GROUP: &str = "-100";

fn inbound(kind: PeerKind, sender: &str) -> Inbound {
    let peer: &str = if kind == PeerKind::Direct {
        sender
    } else {
        GROUP
    };
    Inbound {
        event_id: "1".into(),
        platform_account: "bot".into(),
        kind: InboundKind::Message,
        conversation: Conversation {
            channel: ChannelId::new("x").expect("a constant id"),
            account: AccountId::new("default").expect("a constant id"),
            peer: Peer {
                kind,
                id: peer.into(),
            },
            thread: None,
        },
        title: None,
        sender: Sender {
            id: sender.into(),
            username: None,
            display: None,
            is_bot: false,
            is_self: false,
        },
        message_id: Some("1".into()),
        text: "hello".into(),
        addressed: Addressed::default(),
        quote: None,
        attachments: Vec::new(),
        forwarded_from: None,
        album: None,
        sent_at_ms: 0,
    }
}

fn direct(sender: &str) -> Inbound {
    inbound(PeerKind::Direct, sender)
}

/// A group message that mentions us, so that only the policy decides.
fn mentioned(sender: &str) -> Inbound {
    Inbound {
        addressed: Addressed {
            mention: true,
            ..Addressed::default()
        },
        ..inbound(PeerKind::Group, sender)
    }
}

fn list(ids: &[&str]) -> SenderList {
    SenderList::new(ids.iter().copied())
}

/// A policy with one listed group that has this rule.
fn with_group(rule: GroupRule, policy: AccountPolicy) -> AccountPolicy {
    AccountPolicy {
        groups: [(GROUP.to_owned(), rule)].into(),
        ..policy
    }
}

fn decide(policy: &AccountPolicy, inbound: &Inbound) -> Verdict {
    let sender = inbound.sender.id.as_ref();
    admit(
        inbound,
        Facts {
            policy,
            paired: sender == PAIRED,
            owner: sender == OWNER,
            command: inbound.text.starts_with('/'),
        },
    )
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allow { owner: true } => "owner".to_owned(),
        Verdict::Allow { owner: false } => "allow".to_owned(),
        Verdict::OfferPairing => "pairing".to_owned(),
        Verdict::Context => "context".to_owned(),
        Verdict::Drop(reason) => reason.as_str().to_owned(),
    }
}

fn check(policy: &AccountPolicy, inbound: &Inbound, expected: &str) {
    assert_eq!(
        word(decide(policy, inbound)),
        expected,
        "{policy:?}\n{inbound:?}"
    );
}

/// One line per policy, one column per sender.
fn check_matrix(
    policies: &[(&str, AccountPolicy)],
    message: fn(&str) -> Inbound,
    expected: &Expect,
) {
    let senders = [
        ("owner", OWNER),
        ("listed", LISTED),
        ("paired", PAIRED),
        ("stranger", STRANGER),
    ];
    let mut table = String::new();
    for (name, policy) in policies {
        table.push_str(name);
        table.push(':');
        for (column, sender) in senders {
            table.push_str(&format!(
                " {column}={}",
                word(decide(policy, &message(sender)))
            ));
        }
        table.push('\n');
    }
    expected.assert_eq(&table);
}

fn dm(dm: DmPolicy, allow_from: &[&str]) -> AccountPolicy {
    AccountPolicy {
        dm,
        allow_from: list(allow_from),
        ..AccountPolicy::default()
    }
}

#[test]
fn direct_messages_follow_policy_and_sender() {
    // S-030: a stranger never gets past the default; S-034: a wildcard makes nobody an owner.
    check_matrix(
        &[
            ("pairing", dm(DmPolicy::Pairing, &[LISTED])),
            ("pairing, nobody listed", dm(DmPolicy::Pairing, &[])),
            ("pairing, wildcard", dm(DmPolicy::Pairing, &["*"])),
            ("allowlist", dm(DmPolicy::Allowlist, &[LISTED])),
            ("allowlist, nobody listed", dm(DmPolicy::Allowlist, &[])),
            ("open without wildcard", dm(DmPolicy::Open, &[LISTED])),
            ("open, nobody listed", dm(DmPolicy::Open, &[])),
            ("open, wildcard", dm(DmPolicy::Open, &["*"])),
            ("disabled", dm(DmPolicy::Disabled, &[LISTED, "*"])),
        ],
        direct,
        &expect![[r#"
            pairing: owner=pairing listed=allow paired=allow stranger=pairing
            pairing, nobody listed: owner=pairing listed=pairing paired=allow stranger=pairing
            pairing, wildcard: owner=owner listed=allow paired=allow stranger=allow
            allowlist: owner=dm_not_allowed listed=allow paired=dm_not_allowed stranger=dm_not_allowed
            allowlist, nobody listed: owner=dm_not_allowed listed=dm_not_allowed paired=dm_not_allowed stranger=dm_not_allowed
            open without wildcard: owner=dm_open_without_wildcard listed=allow paired=allow stranger=dm_open_without_wildcard
            open, nobody listed: owner=dm_open_without_wildcard listed=dm_open_without_wildcard paired=allow stranger=dm_open_without_wildcard
            open, wildcard: owner=owner listed=allow paired=allow stranger=allow
            disabled: owner=dm_disabled listed=dm_disabled paired=dm_disabled stranger=dm_disabled
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of policies and senders")]
fn groups_follow_policy_group_and_sender() {
    let account = |group, group_allow_from: &[&str], allow_from: &[&str]| AccountPolicy {
        group,
        group_allow_from: list(group_allow_from),
        allow_from: list(allow_from),
        ..AccountPolicy::default()
    };
    let any_group = |policy: AccountPolicy| AccountPolicy {
        groups: [("*".to_owned(), GroupRule::default())].into(),
        ..policy
    };
    let closed = GroupRule {
        enabled: Some(false),
        ..GroupRule::default()
    };
    let own_list = GroupRule {
        allow_from: Some(list(&[LISTED])),
        ..GroupRule::default()
    };
    let nobody = GroupRule {
        allow_from: Some(list(&[])),
        ..GroupRule::default()
    };
    let opened = GroupRule {
        policy: Some(GroupPolicy::Open),
        ..GroupRule::default()
    };
    let everybody = account(GroupPolicy::Open, &[], &[]);
    check_matrix(
        &[
            (
                "allowlist, no group listed",
                account(GroupPolicy::Allowlist, &["*"], &["*"]),
            ),
            (
                "allowlist, group listed",
                with_group(
                    GroupRule::default(),
                    account(GroupPolicy::Allowlist, &[], &[]),
                ),
            ),
            (
                "allowlist, group and senders",
                with_group(
                    GroupRule::default(),
                    account(GroupPolicy::Allowlist, &[LISTED], &[]),
                ),
            ),
            (
                "allowlist, direct list counts",
                with_group(
                    GroupRule::default(),
                    account(GroupPolicy::Allowlist, &[], &[LISTED]),
                ),
            ),
            (
                "allowlist, group's own list",
                with_group(own_list, account(GroupPolicy::Allowlist, &["*"], &["*"])),
            ),
            (
                "allowlist, group's empty list",
                with_group(nobody, account(GroupPolicy::Allowlist, &["*"], &["*"])),
            ),
            (
                "allowlist, any group",
                any_group(account(GroupPolicy::Allowlist, &[], &[])),
            ),
            (
                "allowlist, any group, senders",
                any_group(account(GroupPolicy::Allowlist, &[LISTED], &[])),
            ),
            ("open", everybody.clone()),
            ("open, senders", account(GroupPolicy::Open, &[LISTED], &[])),
            (
                "open, this group off",
                with_group(closed.clone(), everybody),
            ),
            (
                "disabled",
                with_group(
                    GroupRule::default(),
                    account(GroupPolicy::Disabled, &["*"], &["*"]),
                ),
            ),
            (
                "disabled, this group open",
                with_group(opened, account(GroupPolicy::Disabled, &[], &[])),
            ),
        ],
        mentioned,
        &expect![[r#"
            allowlist, no group listed: owner=group_not_allowed listed=group_not_allowed paired=group_not_allowed stranger=group_not_allowed
            allowlist, group listed: owner=owner listed=allow paired=allow stranger=allow
            allowlist, group and senders: owner=group_sender_not_allowed listed=allow paired=group_sender_not_allowed stranger=group_sender_not_allowed
            allowlist, direct list counts: owner=group_sender_not_allowed listed=allow paired=group_sender_not_allowed stranger=group_sender_not_allowed
            allowlist, group's own list: owner=group_sender_not_allowed listed=allow paired=group_sender_not_allowed stranger=group_sender_not_allowed
            allowlist, group's empty list: owner=group_sender_not_allowed listed=group_sender_not_allowed paired=group_sender_not_allowed stranger=group_sender_not_allowed
            allowlist, any group: owner=group_sender_not_allowed listed=group_sender_not_allowed paired=group_sender_not_allowed stranger=group_sender_not_allowed
            allowlist, any group, senders: owner=group_sender_not_allowed listed=allow paired=group_sender_not_allowed stranger=group_sender_not_allowed
            open: owner=owner listed=allow paired=allow stranger=allow
            open, senders: owner=group_sender_not_allowed listed=allow paired=group_sender_not_allowed stranger=group_sender_not_allowed
            open, this group off: owner=group_disabled listed=group_disabled paired=group_disabled stranger=group_disabled
            disabled: owner=group_disabled listed=group_disabled paired=group_disabled stranger=group_disabled
            disabled, this group open: owner=owner listed=allow paired=allow stranger=allow
        "#]],
    );
}

#[test]
fn being_allowed_in_one_place_opens_no_other() {
    // S-033: pairing counts for direct messages only, and a sender of groups is nobody in private.
    let groups_only = with_group(
        GroupRule::default(),
        AccountPolicy {
            group_allow_from: list(&[LISTED]),
            ..AccountPolicy::default()
        },
    );
    check(&groups_only, &mentioned(LISTED), "allow");
    check(&groups_only, &direct(LISTED), "pairing");
    check(&groups_only, &direct(PAIRED), "allow");
    check(&groups_only, &mentioned(PAIRED), "group_sender_not_allowed");
    check(
        &dm(DmPolicy::Allowlist, &[LISTED]),
        &mentioned(LISTED),
        "group_not_allowed",
    );
}

#[test]
fn names_never_open_a_door() {
    // S-031: a stranger renames himself to what the list says.
    let policy = dm(DmPolicy::Allowlist, &[LISTED, "alice"]);
    let mut message = direct(STRANGER);
    for name in [LISTED, "alice", "*"] {
        message.sender.username = Some(name.to_owned());
        message.sender.display = Some(name.to_owned());
        check(&policy, &message, "dm_not_allowed");
    }
    check(&policy, &direct("*"), "dm_not_allowed");
    check(&policy, &direct("77"), "dm_not_allowed");
}

#[test]
fn a_group_wants_to_be_asked() {
    let policy = with_group(
        GroupRule::default(),
        AccountPolicy {
            context_messages: 50,
            ..AccountPolicy::default()
        },
    );
    let plain = inbound(PeerKind::Group, LISTED);
    check(&policy, &plain, "context");
    for (chosen, verdict) in [(false, "allow"), (true, "context")] {
        // What was chosen in the conversation wins over the account's rules.
        check(
            &AccountPolicy {
                mention_chosen: Some(chosen),
                mention_optional: chosen,
                ..policy.clone()
            },
            &plain,
            verdict,
        );
    }
    check(
        &AccountPolicy {
            context_messages: 0,
            ..policy.clone()
        },
        &plain,
        "not_mentioned",
    );
    check(
        &AccountPolicy {
            mention_optional: true,
            ..policy.clone()
        },
        &plain,
        "allow",
    );
    check(&policy, &mentioned(LISTED), "allow");
    for addressed in [
        Addressed {
            reply_to_us: true,
            ..Addressed::default()
        },
        Addressed {
            command: true,
            ..Addressed::default()
        },
    ] {
        check(
            &policy,
            &Inbound {
                addressed,
                ..plain.clone()
            },
            "allow",
        );
    }
    // A command of ours counts as asking, with or without our name; words that merely look like one do not.
    check(
        &policy,
        &Inbound {
            text: "/status".into(),
            ..plain.clone()
        },
        "allow",
    );
    let (mention_patterns, refused) = MentionPatterns::new(["tora", "("]);
    assert_eq!(refused.len(), 1, "{refused:?}");
    let policy = AccountPolicy {
        mention_patterns,
        ..policy
    };
    check(
        &policy,
        &Inbound {
            text: "hey Tora, what now".into(),
            ..plain.clone()
        },
        "allow",
    );
    check(&policy, &plain, "context");
}

#[test]
fn a_topic_overrides_its_group_and_the_group_its_account() {
    let topic = GroupRule {
        require_mention: Some(false),
        allow_from: Some(list(&[LISTED])),
        ..GroupRule::default()
    };
    let silent = GroupRule {
        enabled: Some(false),
        ..GroupRule::default()
    };
    let rule = GroupRule {
        require_mention: Some(true),
        topics: [("5".to_owned(), topic), ("6".to_owned(), silent)].into(),
        ..GroupRule::default()
    };
    let policy = with_group(
        rule,
        AccountPolicy {
            mention_optional: true,
            ..AccountPolicy::default()
        },
    );
    let in_topic = |sender: &str, thread: Option<&str>| {
        let mut message = inbound(PeerKind::Group, sender);
        message.conversation.thread = thread.map(Arc::from);
        message
    };
    check(&policy, &in_topic(LISTED, None), "not_mentioned");
    check(&policy, &in_topic(LISTED, Some("5")), "allow");
    check(
        &policy,
        &in_topic(STRANGER, Some("5")),
        "group_sender_not_allowed",
    );
    check(&policy, &in_topic(LISTED, Some("6")), "group_disabled");
    check(&policy, &in_topic(LISTED, Some("7")), "not_mentioned");
}

#[test]
fn what_is_not_a_message_of_a_person_causes_nothing() {
    // S-032: the gate is the same for everything the platform reports, whoever sent it.
    let policy = dm(DmPolicy::Open, &["*"]);
    let message = direct(OWNER);
    check(
        &policy,
        &Inbound {
            kind: InboundKind::Edit,
            ..message.clone()
        },
        "edited",
    );
    check(
        &policy,
        &Inbound {
            kind: InboundKind::Other,
            ..message.clone()
        },
        "not_a_message",
    );
    check(
        &policy,
        &Inbound {
            text: " \n".into(),
            ..message.clone()
        },
        "no_content",
    );
    check(
        &policy,
        &Inbound {
            text: "x".repeat(MESSAGE_BYTES_MAX + 1),
            ..message.clone()
        },
        "too_long",
    );
    let photo = Attachment {
        kind: "photo".into(),
        name: None,
        size_bytes: None,
    };
    check(
        &policy,
        &Inbound {
            text: String::new(),
            attachments: vec![photo],
            ..message.clone()
        },
        "owner",
    );
    let mut echo = message.clone();
    echo.sender.is_self = true;
    check(&policy, &echo, "own_echo");
    let other = Addressed {
        other_bot: true,
        ..Addressed::default()
    };
    check(
        &policy,
        &Inbound {
            addressed: other,
            ..message
        },
        "other_bot",
    );
}

#[test]
fn bots_are_admitted_only_as_far_as_the_operator_says() {
    let policy = |bots| AccountPolicy {
        bots,
        mention_optional: true,
        group: GroupPolicy::Open,
        ..AccountPolicy::default()
    };
    let mut robot = inbound(PeerKind::Group, STRANGER);
    robot.sender.is_bot = true;
    check(&policy(BotPolicy::Ignore), &robot, "bot_author");
    check(&policy(BotPolicy::Allow), &robot, "allow");
    check(&policy(BotPolicy::Mentions), &robot, "bot_author");
    robot.addressed.mention = true;
    check(&policy(BotPolicy::Mentions), &robot, "allow");
    check(&policy(BotPolicy::Ignore), &robot, "bot_author");
}

#[test]
fn only_a_single_listed_sender_is_the_concrete_owner() {
    assert_eq!(list(&[LISTED]).sole(), Some(LISTED));
    assert_eq!(list(&[LISTED, OWNER]).sole(), None);
    assert_eq!(list(&[LISTED, "*"]).sole(), None);
    assert_eq!(list(&["*"]).sole(), None);
    assert!(list(&["*"]).allows(STRANGER) && !list(&["*"]).names(STRANGER));
}

// === What no input may achieve ===

fn any_list() -> impl Strategy<Value = SenderList> {
    proptest::sample::subsequence(vec!["*", LISTED, OWNER], 0..=3).prop_map(|ids| list(&ids))
}

fn any_group_policy() -> impl Strategy<Value = GroupPolicy> {
    prop_oneof![
        Just(GroupPolicy::Allowlist),
        Just(GroupPolicy::Open),
        Just(GroupPolicy::Disabled)
    ]
}

fn any_rule() -> impl Strategy<Value = GroupRule> {
    (
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        proptest::option::of(any_group_policy()),
        proptest::option::of(any_list()),
    )
        .prop_map(|(enabled, require_mention, policy, allow_from)| GroupRule {
            enabled,
            require_mention,
            policy,
            allow_from,
            ..GroupRule::default()
        })
}

fn any_policy() -> impl Strategy<Value = AccountPolicy> {
    let dm = prop_oneof![
        Just(DmPolicy::Pairing),
        Just(DmPolicy::Allowlist),
        Just(DmPolicy::Open),
        Just(DmPolicy::Disabled)
    ];
    let bots = prop_oneof![
        Just(BotPolicy::Ignore),
        Just(BotPolicy::Allow),
        Just(BotPolicy::Mentions)
    ];
    let groups = proptest::collection::btree_map(
        proptest::sample::select(vec![GROUP.to_owned(), "*".to_owned(), "-200".to_owned()]),
        (any_rule(), proptest::option::of(any_rule())).prop_map(|(rule, topic)| GroupRule {
            topics: topic
                .into_iter()
                .map(|topic| ("5".to_owned(), topic))
                .collect(),
            ..rule
        }),
        0..3,
    );
    (
        dm,
        any_list(),
        any_group_policy(),
        any_list(),
        groups,
        any::<bool>(),
        bots,
        0..2_usize,
    )
        .prop_map(
            |(
                dm,
                allow_from,
                group,
                group_allow_from,
                groups,
                mention_optional,
                bots,
                context_messages,
            )| AccountPolicy {
                dm,
                allow_from,
                group,
                group_allow_from,
                groups,
                mention_optional,
                mention_chosen: None,
                mention_patterns: MentionPatterns::default(),
                bots,
                context_messages,
            },
        )
}

fn any_inbound() -> impl Strategy<Value = Inbound> {
    let peer = prop_oneof![
        Just(PeerKind::Direct),
        Just(PeerKind::Group),
        Just(PeerKind::Channel)
    ];
    let kind = prop_oneof![8 => Just(InboundKind::Message), 1 => Just(InboundKind::Edit), 1 => Just(InboundKind::Other)];
    let sender = proptest::sample::select(vec![OWNER, LISTED, PAIRED, STRANGER]);
    let text = prop_oneof![8 => Just("hello"), 1 => Just("/status"), 1 => Just("")];
    (peer, kind, sender, text, any::<[bool; 7]>()).prop_map(|(peer, kind, sender, text, flags)| {
        let [
            mention,
            reply_to_us,
            command,
            other_bot,
            is_bot,
            is_self,
            in_topic,
        ] = flags;
        let mut message = inbound(peer, sender);
        message.kind = kind;
        message.text = text.to_owned();
        message.addressed = Addressed {
            mention,
            reply_to_us,
            command,
            other_bot: other_bot && is_bot,
        };
        message.sender.is_bot = is_bot && in_topic;
        message.sender.is_self = is_self && is_bot;
        message.conversation.thread = in_topic.then(|| Arc::from("5"));
        message
    })
}

/// Every list of senders that could possibly speak for this message.
fn is_on_any_list(policy: &AccountPolicy, sender: &str) -> bool {
    let rules = || {
        policy
            .groups
            .values()
            .flat_map(|rule| std::iter::once(rule).chain(rule.topics.values()))
    };
    policy.group_allow_from.allows(sender)
        || policy.allow_from.allows(sender)
        || rules().any(|rule| {
            rule.allow_from
                .as_ref()
                .is_some_and(|senders| senders.allows(sender))
        })
}

proptest! {
    #[test]
    fn admission_never_allows_what_the_policy_forbids(policy in any_policy(), message in any_inbound(), paired: bool, owner: bool) {
        let facts = Facts { policy: &policy, paired, owner, command: message.text.starts_with('/') };
        let verdict = admit(&message, facts);
        let sender = message.sender.id.as_ref();
        let is_direct = message.conversation.peer.kind == PeerKind::Direct;
        if let Verdict::Allow { owner: told } = verdict {
            prop_assert_eq!(told, owner, "ownership comes from the owner list alone");
        }
        if verdict == Verdict::OfferPairing {
            prop_assert!(is_direct && policy.dm == DmPolicy::Pairing && !paired);
        }
        if matches!(verdict, Verdict::Allow { .. } | Verdict::Context) {
            prop_assert!(!message.sender.is_self && message.kind == InboundKind::Message && !message.addressed.other_bot);
            prop_assert!(!message.sender.is_bot || policy.bots != BotPolicy::Ignore);
            if is_direct {
                prop_assert!(verdict != Verdict::Context);
                prop_assert!(policy.dm != DmPolicy::Disabled);
                let by_pairing = paired && policy.dm != DmPolicy::Allowlist;
                prop_assert!(policy.allow_from.allows(sender) || by_pairing);
            } else {
                let rule = policy.group_rule(GROUP);
                let opened = policy.group == GroupPolicy::Open
                    || rule.is_some_and(|rule| {
                        std::iter::once(rule).chain(rule.topics.values()).any(|rule| rule.policy == Some(GroupPolicy::Open))
                    });
                prop_assert!(rule.is_some() || opened);
                prop_assert!(rule.and_then(|rule| rule.enabled) != Some(false) || message.conversation.thread.is_some());
                // Without any list that names the sender, only a group listed by id or an open policy lets him in.
                prop_assert!(is_on_any_list(&policy, sender) || policy.groups.contains_key(GROUP) || opened);
            }
        }
    }

    #[test]
    fn pairing_changes_nothing_in_groups(policy in any_policy(), message in any_inbound()) {
        prop_assume!(message.conversation.peer.kind != PeerKind::Direct);
        let facts = |paired| Facts { policy: &policy, paired, owner: false, command: false };
        prop_assert_eq!(admit(&message, facts(true)), admit(&message, facts(false)));
    }

    #[test]
    fn names_change_nothing(policy in any_policy(), message in any_inbound(), name in "[a-z0-9*]{0,3}", paired: bool) {
        let facts = Facts { policy: &policy, paired, owner: false, command: false };
        let mut renamed = message.clone();
        renamed.sender.username = Some(name.clone());
        renamed.sender.display = Some(name.clone());
        renamed.title = Some(name);
        prop_assert_eq!(admit(&message, facts), admit(&renamed, facts));
    }
}
