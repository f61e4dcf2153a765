//! How much the inbox remembers of what has ended.

use super::super::{Options, Store};
use super::*;

const DAY_MS: i64 = 86_400_000;

fn ended(id: i64, account: &str, state: State, at_ms: i64) -> NewRow {
    NewRow {
        id: InboxId(id),
        channel: ChannelId::new("chat").expect("a constant id"),
        account: AccountId::new("default").expect("a constant id"),
        platform_account: account.to_owned(),
        event_id: format!("e{id}"),
        state,
        reason: None,
        session: None,
        agent: None,
        tier: None,
        run_id: None,
        sender: None,
        digest: None,
        payload: None,
        at_ms,
    }
}

fn store(name: &str) -> (Store, std::path::PathBuf) {
    let file = format!("torana-inbox-{}-{name}.db", std::process::id());
    let path = std::env::temp_dir().join(file);
    drop(std::fs::remove_file(&path));
    let options = Options {
        flush: false,
        inline: true,
        ..Options::new(&path)
    };
    (Store::open(options).expect("a store"), path)
}

#[tokio::test]
async fn an_account_over_its_share_forgets_its_oldest_events_and_none_that_is_young() {
    let (store, path) = store("surplus");
    let left = store
        .write(|connection| {
            // Ten days of one event a day, the oldest still open; another account within its share.
            for day in 0..10 {
                let state = if day == 0 { State::Queued } else { State::Done };
                insert(connection, &ended(day + 1, "busy", state, day * DAY_MS))?;
                insert(
                    connection,
                    &ended(day + 101, "calm", State::Done, day * DAY_MS),
                )?;
            }
            let found = surplus(connection, 4)?;
            let busy = Surplus {
                channel: "chat".to_owned(),
                platform_account: "busy".to_owned(),
                rows: 6,
            };
            assert!(found.contains(&busy), "{found:?}");
            // At most two at once, and nothing of the last five days.
            let rounds = [0; 4].map(|_| prune_early(connection, &busy, 5 * DAY_MS, 2));
            let gone: Vec<usize> = rounds.into_iter().collect::<Result<_, _>>()?;
            assert_eq!(gone, [2, 2, 0, 0]);
            let mut statement = connection
                .prepare("SELECT id FROM inbox WHERE platform_account = 'busy' ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<Vec<i64>, _>>()?)
        })
        .await
        .expect("written");
    drop(std::fs::remove_file(&path));
    assert_eq!(left, [1, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn what_is_open_comes_back_oldest_first_and_whole_turns_move_together() {
    let (store, path) = store("open");
    let (pages, lead) = store
        .write(|connection| {
            for id in 1..=5 {
                insert(connection, &ended(id, "a", State::Queued, 0))?;
            }
            let page = |after| -> Result<Vec<i64>, StoreError> {
                let rows = open_after(connection, InboxId(after), 2)?;
                Ok(rows.iter().map(|row| row.id.0).collect())
            };
            let pages = [page(0)?, page(2)?, page(4)?];
            // What took a message in is itself taken in: both belong to the last one's turn.
            merge(connection, InboxId(1), InboxId(2), 1)?;
            merge(connection, InboxId(2), InboxId(3), 1)?;
            let taken = merged_into(connection, InboxId(3))?;
            Ok((pages, taken.iter().map(|row| row.id.0).collect::<Vec<_>>()))
        })
        .await
        .expect("written");
    drop(std::fs::remove_file(&path));
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![5]]);
    assert_eq!(lead, [1, 2]);
}

#[tokio::test]
async fn what_a_person_lets_run_again_begins_without_its_past() {
    let (store, path) = store("unpark");
    let row = store
        .write(|connection| {
            let id = InboxId(1);
            insert(connection, &ended(1, "a", State::Queued, 0))?;
            count_death(connection, id)?;
            count_strike(connection, id)?;
            park(connection, id, "crashes", 1)?;
            unpark(connection, id, 2)?;
            get(connection, id)
        })
        .await
        .expect("written")
        .expect("a row");
    drop(std::fs::remove_file(&path));
    assert_eq!((row.state, row.reason), (State::Queued, None));
    assert_eq!((row.deaths, row.strikes), (0, 0));
}
