//! Lists, counters and branches over a real database.

use std::sync::Arc;

use rusqlite::Connection;
use torana_core::id::{AccountId, ChannelId};
use torana_core::key::SessionKey;
use torana_core::message::{Conversation, Peer, PeerKind, ReplyTarget};
use torana_core::run::{Entry, Role};

use super::*;
use crate::store::{StoreError, migrate, transcript};

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().expect("a database");
    migrate::run(&mut connection).expect("a schema");
    connection
}

fn session(connection: &Connection, key: &SessionKey, at_ms: i64) {
    let touched = Touch {
        key: key.clone(),
        agent: key.agent().unwrap_or("main").to_owned(),
        fresh_id: format!("00000000-0000-4000-8000-{at_ms:012}"),
        chat_type: "direct",
        channel: "webchat".to_owned(),
        title: None,
        target: None,
        stays: false,
        at_ms,
    };
    touch(connection, &touched).expect("a session");
}

/// Two clients that each name a chat for the same new session: the first one's stays, whenever each was asked.
#[test]
fn a_session_stays_in_the_chat_it_was_given_first() {
    let connection = database();
    let key = SessionKey::main("main");
    let from = |id: &str, stays| Touch {
        key: key.clone(),
        agent: "main".to_owned(),
        fresh_id: "00000000-0000-4000-8000-000000000001".to_owned(),
        chat_type: "group",
        channel: format!("channel-{id}"),
        title: None,
        target: Some(place(id)),
        stays,
        at_ms: 1,
    };
    let chat = |touched: &Touch| {
        let (row, _) = touch(&connection, touched).expect("a session");
        let target = row.last_target.expect("a chat");
        (target.conversation.peer.id.to_string(), row.channel)
    };
    let first = ("1".to_owned(), Some("channel-1".to_owned()));
    assert_eq!(chat(&from("1", true)), first);
    assert_eq!(chat(&from("2", true)), first);
    let moved = ("3".to_owned(), Some("channel-3".to_owned()));
    assert_eq!(
        chat(&from("3", false)),
        moved,
        "a platform's message moves it"
    );
}

fn place(id: &str) -> ReplyTarget {
    ReplyTarget {
        conversation: Conversation {
            channel: ChannelId::new("chat").expect("an id"),
            account: AccountId::new("default").expect("an id"),
            peer: Peer {
                kind: PeerKind::Group,
                id: Arc::from(id),
            },
            thread: None,
        },
        reply_to: None,
    }
}

fn line(connection: &Connection, key: &str, text: &str) -> i64 {
    let sequence = next_sequence(connection, key, text, 1).expect("a position");
    let row = get(connection, key).expect("read").expect("a row");
    let entry = Entry::new(Role::User, text, 1);
    transcript::append(connection, &row.session_id, sequence, None, &entry).expect("appended");
    sequence
}

fn branch(connection: &Connection, key: &str) -> Vec<String> {
    let row = get(connection, key).expect("read").expect("a row");
    let path = transcript::tree(connection, &row.session_id)
        .expect("a tree")
        .path(row.branch_leaf());
    let lines = transcript::newest(connection, &row.session_id, &path, 100, usize::MAX);
    lines
        .expect("lines")
        .into_iter()
        .map(|line| line.entry.text)
        .collect()
}

fn total(connection: &Connection, filter: Filter) -> i64 {
    let (rows, total) = list(
        connection,
        &Filter {
            limit: 1_000,
            ..filter
        },
    )
    .expect("a list");
    assert_eq!(i64::try_from(rows.len()).expect("few"), total);
    total
}

#[test]
fn counters_agree_with_the_rows_through_every_change() {
    let connection = database();
    let (a, b) = (SessionKey::main("a"), SessionKey::main("b"));
    let job = SessionKey::namespaced("a", "cron", "x");
    for (at_ms, key) in [&a, &b, &job].into_iter().enumerate() {
        session(&connection, key, i64::try_from(at_ms).expect("small"));
    }
    let archive = |key: &SessionKey, archived: bool| {
        let wanted = Change {
            archived: Some(archived),
            ..Change::default()
        };
        change(&connection, key.as_str(), &wanted, 9).expect("changed");
    };
    assert_eq!(total(&connection, Filter::default()), 3);
    archive(&a, true);
    archive(&a, true);
    assert_eq!(total(&connection, Filter::default()), 2);
    let only = Filter {
        archived: Archived::Only,
        ..Filter::default()
    };
    assert_eq!(total(&connection, only.clone()), 1);
    // A message brings a session back.
    session(&connection, &a, 10);
    assert_eq!(total(&connection, only), 0);
    let of_a = Filter {
        agents: Some(vec!["a".to_owned()]),
        ..Filter::default()
    };
    assert_eq!(total(&connection, of_a.clone()), 2);
    let talks = Filter {
        families_hidden: vec!["cron"],
        ..of_a
    };
    assert_eq!(total(&connection, talks), 1);
    delete(&connection, b.as_str(), 11).expect("deleted");
    assert_eq!(
        total(
            &connection,
            Filter {
                archived: Archived::Shown,
                ..Filter::default()
            }
        ),
        2
    );
}

#[test]
fn a_page_is_picked_without_reading_the_other_rows() {
    let connection = database();
    let mut statement = connection
        .prepare(
            "EXPLAIN QUERY PLAN SELECT key FROM session INDEXED BY session_updated WHERE archived = 0
               AND agent IN (SELECT value FROM json_each('[\"main\"]')) ORDER BY updated_at DESC, key LIMIT 200",
        )
        .expect("a statement");
    let plan: Vec<String> = statement
        .query_map([], |row| row.get(3))
        .expect("a plan")
        .collect::<Result<_, _>>()
        .expect("lines");
    let plan = plan.join("\n");
    assert!(plan.contains("COVERING INDEX session_updated"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan}");
}

#[test]
fn lines_continue_the_branch_in_use_and_none_is_lost() {
    let connection = database();
    let key = SessionKey::main("a");
    session(&connection, &key, 1);
    let name = key.as_str();
    let row = || get(&connection, name).expect("read").expect("a row");
    for text in ["1", "2", "3"] {
        line(&connection, name, text);
    }
    move_leaf(&connection, &row(), 1, Some("1"), 2).expect("moved");
    assert_eq!(branch(&connection, name), ["1"]);
    assert_eq!(line(&connection, name, "4"), 4);
    line(&connection, name, "5");
    assert_eq!(branch(&connection, name), ["1", "4", "5"]);
    move_leaf(&connection, &row(), 3, Some("3"), 3).expect("moved");
    assert_eq!(branch(&connection, name), ["1", "2", "3"]);
    move_leaf(&connection, &row(), 0, None, 4).expect("moved");
    assert_eq!(branch(&connection, name), Vec::<String>::new());
    line(&connection, name, "6");
    assert_eq!(branch(&connection, name), ["6"]);
    let tree = transcript::tree(&connection, &row().session_id).expect("a tree");
    assert_eq!(tree.leaves(row().entries), [3, 5, 6]);
    // A fork has the lines of one branch, numbered anew.
    let copy = SessionKey::namespaced("a", "dashboard", "copy");
    session(&connection, &copy, 5);
    let made = copy_branch(&connection, copy.as_str(), &row(), &tree.path(5), 6).expect("copied");
    assert_eq!(made.entries, 3);
    assert_eq!(branch(&connection, copy.as_str()), ["1", "4", "5"]);
    assert!(matches!(
        copy_branch(&connection, copy.as_str(), &row(), &tree.path(5), 6),
        Err(StoreError::Moved)
    ));
    // A reset archives the branch that was in use.
    let old = row().session_id;
    reset(
        &connection,
        name,
        "00000000-0000-4000-8000-0000000000ff",
        "test",
        7,
    )
    .expect("reset");
    let (_, leaf) = archived(&connection, name, &old)
        .expect("read")
        .expect("archived");
    assert_eq!(leaf, 6);
    assert_eq!(row().leaf, None);
}
