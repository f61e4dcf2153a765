//! Which rule wins, and which session a message belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::id::{AccountId, AgentId, ChannelId};
use crate::key::{DmScope, GroupScope};
use crate::message::{Conversation, Peer, PeerKind, Sender};

fn agent(name: &str) -> AgentId {
    AgentId::new(name).expect("a constant id")
}

fn routing(bindings: Vec<Binding>) -> Routing {
    Routing {
        agents: ["main", "work", "club"].map(agent).to_vec(),
        default_agent: Some(agent("main")),
        bindings,
        dm_scope: DmScope::Main,
        group_scope: GroupScope::PerGroup,
        global: false,
        main_key: "main".to_owned(),
        identity_links: BTreeMap::new(),
    }
}

/// A rule in short: `channel`, `channel@account`, with the peer after a space.
fn binding(name: &str, place: &str, peer: Option<(PeerKind, &str)>) -> Binding {
    let (channel, account) = match place.split_once('@') {
        Some((channel, account)) => (channel, Some(account.to_owned())),
        None => (place, None),
    };
    Binding {
        agent: agent(name),
        matches: BindingMatch {
            channel: channel.to_owned(),
            account,
            peer: peer.map(|(kind, id)| (kind, id.to_owned())),
        },
        dm_scope: None,
        group_scope: None,
    }
}

fn place(channel: &str, account: &str, kind: PeerKind, id: &str) -> Conversation {
    Conversation {
        channel: ChannelId::new(channel).expect("a constant id"),
        account: AccountId::new(account).expect("a constant id"),
        peer: Peer {
            kind,
            id: Arc::from(id),
        },
        thread: None,
    }
}

fn sender(id: &str) -> Sender {
    Sender {
        id: Arc::from(id),
        username: None,
        display: None,
        is_bot: false,
        is_self: false,
    }
}

/// The expectation reads `agent session tier`, or `no agent`.
fn check(routing: &Routing, conversation: &Conversation, expected: &str) {
    let found = match route(routing, conversation, &sender("7")) {
        Ok(route) => format!("{} {} {}", route.agent, route.session, route.tier.as_str()),
        Err(NoAgent) => "no agent".to_owned(),
    };
    assert_eq!(found, expected, "{conversation:?}");
}

#[test]
fn the_most_specific_rule_wins_whatever_its_place_in_the_file() {
    let direct = |id| place("chat", "default", PeerKind::Direct, id);
    let rules = [
        binding("main", "chat@*", None),
        binding("work", "chat", None),
        binding("club", "chat", Some((PeerKind::Direct, "*"))),
        binding("work", "chat", Some((PeerKind::Direct, "7"))),
    ];
    let forwards = routing(rules.to_vec());
    let backwards = routing(rules.iter().rev().cloned().collect());
    for table in [&forwards, &backwards] {
        check(table, &direct("7"), "work agent:work:main binding.peer");
        check(table, &direct("8"), "club agent:club:main binding.any_peer");
        check(
            table,
            &place("chat", "default", PeerKind::Group, "-1"),
            "work agent:work:chat:group:-1 binding.account",
        );
        check(
            table,
            &place("chat", "second", PeerKind::Direct, "7"),
            "main agent:main:main binding.channel",
        );
        check(
            table,
            &place("mail", "default", PeerKind::Direct, "7"),
            "main agent:main:main default_agent",
        );
    }
}

#[test]
fn the_first_of_equal_rules_wins() {
    let table = routing(vec![
        binding("work", "chat", None),
        binding("club", "chat", None),
    ]);
    check(
        &table,
        &place("chat", "default", PeerKind::Direct, "7"),
        "work agent:work:main binding.account",
    );
}

#[test]
fn a_rule_without_account_means_the_default_account_only() {
    let table = routing(vec![
        binding("work", "chat", None),
        binding("club", "chat@second", None),
    ]);
    check(
        &table,
        &place("chat", "default", PeerKind::Direct, "7"),
        "work agent:work:main binding.account",
    );
    check(
        &table,
        &place("chat", "second", PeerKind::Direct, "7"),
        "club agent:club:main binding.account",
    );
    check(
        &table,
        &place("chat", "third", PeerKind::Direct, "7"),
        "main agent:main:main default_agent",
    );
}

#[test]
fn a_rule_for_one_kind_of_peer_says_nothing_about_another() {
    let table = routing(vec![binding("work", "chat", Some((PeerKind::Group, "7")))]);
    check(
        &table,
        &place("chat", "default", PeerKind::Direct, "7"),
        "main agent:main:main default_agent",
    );
    check(
        &table,
        &place("chat", "default", PeerKind::Group, "7"),
        "work agent:work:chat:group:7 binding.peer",
    );
}

#[test]
fn channels_are_compared_without_case_and_ids_with_it() {
    let table = routing(vec![binding(
        "work",
        "CHAT",
        Some((PeerKind::Direct, "Ab")),
    )]);
    check(
        &table,
        &place("chat", "default", PeerKind::Direct, "Ab"),
        "work agent:work:main binding.peer",
    );
    check(
        &table,
        &place("chat", "default", PeerKind::Direct, "ab"),
        "main agent:main:main default_agent",
    );
}

#[test]
fn several_agents_without_a_rule_are_never_guessed() {
    let conversation = place("chat", "default", PeerKind::Direct, "7");
    let undecided = Routing {
        default_agent: None,
        ..routing(Vec::new())
    };
    check(&undecided, &conversation, "no agent");
    let only = Routing {
        agents: vec![agent("work")],
        ..undecided
    };
    check(&only, &conversation, "work agent:work:main default_agent");
}

#[test]
fn a_rule_can_change_who_shares_a_session() {
    let scoped = Binding {
        dm_scope: Some(DmScope::PerAccountChannelPeer),
        group_scope: Some(GroupScope::Main),
        ..binding("work", "chat", None)
    };
    let table = routing(vec![scoped]);
    check(
        &table,
        &place("chat", "default", PeerKind::Direct, "7"),
        "work agent:work:chat:default:direct:7 binding.account",
    );
    check(
        &table,
        &place("chat", "default", PeerKind::Group, "-1"),
        "work agent:work:main binding.account",
    );
    check(
        &table,
        &place("mail", "default", PeerKind::Group, "-1"),
        "main agent:main:mail:group:-1 default_agent",
    );
}

#[test]
fn scopes_keep_people_together_or_apart() {
    let direct = place("chat", "second", PeerKind::Direct, "7");
    for (scope, expected) in [
        (DmScope::Main, "main agent:main:main default_agent"),
        (DmScope::PerPeer, "main agent:main:direct:7 default_agent"),
        (
            DmScope::PerChannelPeer,
            "main agent:main:chat:direct:7 default_agent",
        ),
        (
            DmScope::PerAccountChannelPeer,
            "main agent:main:chat:second:direct:7 default_agent",
        ),
    ] {
        check(
            &Routing {
                dm_scope: scope,
                ..routing(Vec::new())
            },
            &direct,
            expected,
        );
    }
}

#[test]
fn the_global_scope_gives_each_agent_one_session() {
    let table = Routing {
        global: true,
        dm_scope: DmScope::PerPeer,
        ..routing(vec![binding("work", "mail", None)])
    };
    check(
        &table,
        &place("chat", "default", PeerKind::Group, "-1"),
        "main agent:main:main default_agent",
    );
    check(
        &table,
        &place("mail", "default", PeerKind::Direct, "7"),
        "work agent:work:main binding.account",
    );
}

#[test]
fn a_topic_has_a_session_of_its_own() {
    let mut conversation = place("chat", "default", PeerKind::Group, "-1");
    conversation.thread = Some(Arc::from("5"));
    let table = routing(vec![binding("work", "chat", Some((PeerKind::Group, "-1")))]);
    let found = route(&table, &conversation, &sender("7")).expect("the rule matches");
    conversation.thread = None;
    let without = route(&table, &conversation, &sender("7")).expect("the rule matches");
    assert_eq!((found.tier, &found.agent), (Tier::Peer, &without.agent));
    assert_ne!(found.session, without.session);
}

#[test]
fn one_person_on_two_platforms_shares_a_session_when_linked() {
    let links = [(
        "alice".to_owned(),
        vec!["chat:7".to_owned(), "mail:a@example.org".to_owned()],
    )];
    let table = Routing {
        dm_scope: DmScope::PerPeer,
        identity_links: links.into(),
        ..routing(Vec::new())
    };
    let on_chat = route(
        &table,
        &place("chat", "default", PeerKind::Direct, "7"),
        &sender("7"),
    );
    let by_mail = route(
        &table,
        &place("mail", "default", PeerKind::Direct, "9"),
        &sender("a@example.org"),
    );
    let stranger = route(
        &table,
        &place("mail", "default", PeerKind::Direct, "7"),
        &sender("7"),
    );
    let session = |found: Result<Route, NoAgent>| {
        found.expect("there is a default agent").session.to_string()
    };
    assert_eq!(session(on_chat), "agent:main:direct:alice");
    assert_eq!(session(by_mail), "agent:main:direct:alice");
    assert_eq!(session(stranger), "agent:main:direct:7");
    // In a group the session belongs to the group, whoever writes.
    let group = route(
        &table,
        &place("chat", "default", PeerKind::Group, "-1"),
        &sender("7"),
    );
    assert_eq!(session(group), "agent:main:chat:group:-1");
}
