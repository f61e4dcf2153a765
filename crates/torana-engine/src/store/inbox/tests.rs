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

#[tokio::test]
async fn an_account_over_its_share_forgets_its_oldest_events_and_none_that_is_young() {
    let file = format!("torana-inbox-{}-surplus.db", std::process::id());
    let path = std::env::temp_dir().join(file);
    drop(std::fs::remove_file(&path));
    let store = Store::open(Options {
        flush: false,
        inline: true,
        ..Options::new(&path)
    })
    .expect("a store");
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
