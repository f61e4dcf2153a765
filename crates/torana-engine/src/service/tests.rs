//! Sign-in codes, presence, and the store behind devices.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use torana_core::event::Event;
use torana_core::id::ConnectionId;
use torana_core::limit::{DEVICE_PENDING_MAX, LOGIN_CODE_MS, PAIRING_PENDING_MAX};
use torana_core::port::{BoxFuture, Clock, Entropy, World};

use super::login::LoginCodes;
use super::presence::{Presence, PresenceEntry};
use crate::bus::Bus;
use crate::store::device::{self, DeviceFacts, DeviceRequest, DeviceRow, TokenRow};
use crate::store::pairing::{self, PairingRequest};
use crate::store::{Options, Store};

#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn wall_ms(&self) -> i64 {
        i64::try_from(self.0.load(Ordering::SeqCst)).unwrap_or(0)
    }
    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

#[derive(Default)]
struct Count(AtomicU64);

impl Entropy for Count {
    fn fill(&self, buffer: &mut [u8]) {
        for piece in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
            piece.copy_from_slice(&next[..piece.len()]);
        }
    }
}

fn world() -> (World, Arc<Hand>) {
    let clock = Arc::new(Hand::default());
    (
        World {
            clock: clock.clone(),
            entropy: Arc::new(Count::default()),
        },
        clock,
    )
}

#[test]
fn a_sign_in_code_is_spent_once_and_dies_after_ten_minutes() {
    let (world, clock) = world();
    let codes = LoginCodes::new(world);
    let first = codes.issue_login();
    assert_eq!(first.expires_at_ms, LOGIN_CODE_MS);
    assert!(!codes.redeem_login("guess") && codes.is_live(&first.code));
    assert!(codes.redeem_login(&first.code) && !codes.redeem_login(&first.code));
    let second = codes.issue_login();
    clock
        .0
        .store(LOGIN_CODE_MS.unsigned_abs(), Ordering::SeqCst);
    assert!(!codes.is_live(&second.code) && !codes.redeem_login(&second.code));
    assert!(
        !format!("{second:?}").contains(&second.code),
        "a code is never shown by accident"
    );
}

#[test]
fn printing_many_codes_forgets_the_oldest() {
    let codes = LoginCodes::new(world().0);
    let all: Vec<_> = (0..65).map(|_| codes.issue_login().code).collect();
    assert!(
        !codes.redeem_login(&all[0]) && codes.redeem_login(&all[1]) && codes.redeem_login(&all[64])
    );
}

#[test]
fn presence_counts_its_changes_and_tells_them() {
    let (world, _) = world();
    let bus = Bus::default();
    let told = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&told);
    bus.attach(Arc::new(move |_, event| {
        if *event == Event::Presence {
            *seen.lock().expect("no test panics here") += 1;
        }
    }));
    let own = PresenceEntry {
        mode: Some("gateway".to_owned()),
        ..PresenceEntry::default()
    };
    let presence = Presence::new(world, bus, own);
    presence.join(
        ConnectionId(1),
        PresenceEntry {
            mode: Some("ui".to_owned()),
            ..PresenceEntry::default()
        },
    );
    presence.leave(ConnectionId(2));
    presence.report("desk".to_owned(), PresenceEntry::default());
    presence.report("desk".to_owned(), PresenceEntry::default());
    let (version, entries) = presence.snapshot();
    assert_eq!((version, entries.len()), (4, 3));
    assert_eq!(entries[0].mode.as_deref(), Some("gateway"));
    presence.leave(ConnectionId(1));
    assert_eq!(presence.snapshot().1.len(), 2);
    assert_eq!(
        *told.lock().expect("no test panics here"),
        4,
        "who never joined changes nothing"
    );
}

fn request(number: usize, at_ms: i64) -> DeviceRequest {
    DeviceRequest {
        request_id: format!("r{number:03}"),
        device_id: format!("d{number}"),
        public_key: "k".to_owned(),
        role: "operator".to_owned(),
        scopes: "operator.read".to_owned(),
        facts: DeviceFacts::default(),
        repair: false,
        created_at_ms: at_ms,
        expires_at_ms: at_ms + 300_000,
    }
}

async fn store() -> (Store, std::path::PathBuf) {
    let path = std::env::temp_dir().join(format!(
        "torana-service-{}-{:?}.db",
        std::process::id(),
        std::thread::current().id()
    ));
    drop(std::fs::remove_file(&path));
    (
        Store::open(Options {
            inline: true,
            flush: false,
            ..Options::new(&path)
        })
        .expect("a store"),
        path,
    )
}

/// S-045: a flood of strangers keeps the newest requests, and time clears the rest.
#[tokio::test]
async fn waiting_devices_are_bounded_in_number_and_time() {
    let (store, path) = store().await;
    let flood = DEVICE_PENDING_MAX + 10;
    let (waiting, repeated, later) = store
        .write(move |connection| {
            for number in 0..flood {
                device::put_request(
                    connection,
                    &request(number, i64::try_from(number).unwrap_or(0)),
                )?;
            }
            let waiting = device::requests(connection, 100)?;
            device::put_request(
                connection,
                &DeviceRequest {
                    request_id: "new".to_owned(),
                    ..request(flood - 1, 100)
                },
            )?;
            let repeated =
                device::request_of(connection, &format!("d{}", flood - 1), "operator", 101)?;
            Ok((waiting, repeated, device::requests(connection, 1_000_000)?))
        })
        .await
        .expect("written");
    assert_eq!(waiting.len(), DEVICE_PENDING_MAX);
    assert_eq!(waiting[0].device_id, "d10", "the oldest went");
    assert_eq!(
        repeated.map(|request| request.request_id).as_deref(),
        Some("new"),
        "one per device and role"
    );
    assert!(later.is_empty(), "five minutes later nobody waits");
    drop(std::fs::remove_file(path));
}

#[tokio::test]
async fn a_device_survives_the_store_and_its_removal_takes_everything() {
    let (store, path) = store().await;
    let row = DeviceRow {
        device_id: "d".to_owned(),
        public_key: "k".to_owned(),
        facts: DeviceFacts {
            platform: Some("linux".to_owned()),
            ..DeviceFacts::default()
        },
        label: None,
        approved_via: "owner".to_owned(),
        created_at_ms: 1,
        approved_at_ms: 2,
        last_seen_at_ms: None,
        tokens: vec![TokenRow {
            device_id: "d".to_owned(),
            role: "operator".to_owned(),
            scopes: "operator.read".to_owned(),
            generation: 7,
            digest: "00".to_owned(),
            created_at_ms: 2,
            rotated_at_ms: None,
            revoked_at_ms: None,
        }],
    };
    let stored = row.clone();
    let (found, removed, gone) = store
        .write(move |connection| {
            device::put(connection, &stored)?;
            device::put_token(connection, &stored.tokens[0])?;
            device::rename(connection, "d", "Desk")?;
            device::put(connection, &stored)?;
            device::seen(connection, &[("d".to_owned(), 9)])?;
            let found = device::get(connection, "d")?;
            Ok((
                found,
                device::remove(connection, "d")?,
                device::list(connection)?,
            ))
        })
        .await
        .expect("written");
    let expected = DeviceRow {
        label: Some("Desk".to_owned()),
        last_seen_at_ms: Some(9),
        ..row
    };
    assert_eq!(
        found,
        Some(expected),
        "a person's label stays when the device is approved anew"
    );
    assert!(removed && gone.is_empty());
    drop(std::fs::remove_file(path));
}

fn audit_record(action: &str, count: i64) -> crate::store::audit::Record {
    crate::store::audit::Record {
        at_ms: 5,
        kind: "config",
        action: action.to_owned(),
        actor: "operator".to_owned(),
        target: "torana.json".to_owned(),
        allowed: true,
        count,
        detail: Some(serde_json::json!({ "paths": ["gateway.port"] })),
    }
}

#[tokio::test]
async fn a_changed_audit_record_is_noticed_and_the_oldest_make_room() {
    use crate::store::audit;
    let folder = std::env::temp_dir().join(format!("torana-audit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let store = Store::open(Options::new(folder.join("audit.db"))).expect("a store");
    let (rows, verified, page) = store
        .write(|connection| {
            for number in 0..3 {
                audit::append(connection, &audit_record(&format!("config.{number}"), 1))?;
            }
            Ok((
                audit::page(connection, None, None, 2)?,
                audit::verify(connection)?,
                audit::page(connection, Some(2), Some("config"), 10)?,
            ))
        })
        .await
        .expect("written");
    assert_eq!((rows[0].id, rows[0].action.as_str()), (3, "config.2"));
    assert_eq!(rows[0].previous, rows[1].digest);
    assert_eq!((verified.rows, verified.broken_at), (3, None));
    assert_eq!((page.len(), page[0].id), (1, 1));
    // S-105: every field is under the digest, and a record that was taken out leaves a gap.
    for (change, first_broken) in [
        ("UPDATE audit SET at = at + 1 WHERE id = 2", 2),
        ("UPDATE audit SET kind = 'auth' WHERE id = 2", 2),
        ("UPDATE audit SET action = 'x' WHERE id = 2", 2),
        ("UPDATE audit SET actor = 'nobody' WHERE id = 2", 2),
        ("UPDATE audit SET target = 'x' WHERE id = 2", 2),
        ("UPDATE audit SET outcome = 'refused' WHERE id = 2", 2),
        ("UPDATE audit SET count = 2 WHERE id = 2", 2),
        ("UPDATE audit SET detail_json = NULL WHERE id = 2", 2),
        ("UPDATE audit SET actor = 'nobody'", 1),
        ("DELETE FROM audit WHERE id = 2", 3),
        ("UPDATE audit SET id = 4 WHERE id = 3", 4),
    ] {
        let broken = store.write(move |connection| {
            connection.execute_batch("SAVEPOINT tamper")?;
            connection.execute(change, [])?;
            let found = audit::verify(connection)?;
            connection.execute_batch("ROLLBACK TO tamper; RELEASE tamper")?;
            Ok(found)
        });
        let broken = broken.await.expect("verified").broken_at;
        assert_eq!(broken, Some(first_broken), "{change}");
    }
    let kept = store
        .write(|connection| {
            connection.execute("UPDATE audit SET id = id + 60000", [])?;
            for _ in 0..64 {
                audit::append(connection, &audit_record("config.set", 1))?;
            }
            let oldest: i64 =
                connection.query_row("SELECT min(id) FROM audit", [], |row| row.get(0))?;
            let newest: i64 =
                connection.query_row("SELECT max(id) FROM audit", [], |row| row.get(0))?;
            Ok(newest - oldest < audit::ROWS_MAX)
        })
        .await
        .expect("pruned");
    assert!(kept);
    drop(std::fs::remove_dir_all(&folder));
}

#[tokio::test]
async fn usage_is_summed_over_days_and_agents() {
    use crate::store::usage;
    let folder = std::env::temp_dir().join(format!("torana-usage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let store = Store::open(Options::new(folder.join("usage.db"))).expect("a store");
    let rows = store
        .write(|connection| {
            for (day, agent, cost) in [
                ("2026-01-01", "a", 1.0),
                ("2026-01-01", "b", 2.0),
                ("2026-01-03", "a", 4.0),
            ] {
                connection.execute(
                    "INSERT INTO usage_day VALUES (?1, ?2, 'p', 'm', 1, 10, 20, 3, 4, ?3)",
                    rusqlite::params![day, agent, cost],
                )?;
            }
            Ok((
                usage::days(connection, "2026-01-01", "2026-01-02", None)?,
                usage::days(connection, "2026-01-01", "2026-01-31", Some("a"))?,
            ))
        })
        .await
        .expect("read");
    assert_eq!(
        (
            rows.0.len(),
            rows.0[0].figures.calls,
            rows.0[0].figures.cost_usd
        ),
        (1, 2, 3.0)
    );
    assert_eq!((rows.1.len(), rows.1[1].day.as_str()), (2, "2026-01-03"));
    drop(std::fs::remove_dir_all(&folder));
}

/// S-044: a flood of strangers at one account leaves the newest there, and those of another account alone.
#[tokio::test]
async fn waiting_strangers_are_bounded_per_account() {
    let (store, path) = store().await;
    let stranger = |account: &str, number: i64| PairingRequest {
        channel: "chat".to_owned(),
        account: account.to_owned(),
        sender: format!("s{number}"),
        code: format!("C{number:07}"),
        name: None,
        payload: None,
        created_at_ms: number,
        expires_at_ms: 10_000_000,
        replied_at_ms: number,
    };
    let (flooded, other) = store
        .write(move |connection| {
            pairing::put(connection, &stranger("quiet", 1))?;
            for number in 0..10_000 {
                pairing::put(connection, &stranger("loud", number))?;
            }
            let (flooded, other): (Vec<_>, Vec<_>) = pairing::list(connection, None, 0)?
                .into_iter()
                .partition(|request| request.account == "loud");
            Ok((flooded, other))
        })
        .await
        .expect("written");
    assert_eq!((flooded.len(), other.len()), (PAIRING_PENDING_MAX, 1));
    assert!(flooded.iter().all(|request| request.created_at_ms >= 9_900));
    drop(std::fs::remove_file(path));
}

/// S-016: the decision that comes second changes nothing, even when both were looked up before either was stored.
#[tokio::test]
async fn s_016_an_approval_and_a_question_end_once() {
    use torana_core::approval::{Approval, Decision, Ending, Kind, Resolver, Status};
    use torana_core::question::{Question, QuestionStatus};

    use crate::store::{approval, question};
    let (store, path) = store().await;
    let end = |decision: Decision| approval::End {
        status: decision.status(),
        decision: Some(decision),
        ending: Ending::User,
        resolver: Resolver {
            kind: "device".to_owned(),
            id: None,
        },
        at_ms: 2,
    };
    let asked = Approval {
        id: "a".to_owned(),
        kind: Kind::Exec,
        request: serde_json::json!({}),
        allowed: vec![Decision::AllowOnce, Decision::Deny],
        agent: None,
        session: None,
        created_at_ms: 1,
        expires_at_ms: 9,
        status: Status::Pending,
        decision: None,
        ending: None,
        resolved_at_ms: None,
        resolver: None,
    };
    let ended = store.write(move |connection| {
        assert!(approval::insert(connection, &asked)?);
        assert!(!approval::insert(connection, &asked)?, "the id is taken");
        let first = approval::end(connection, "a", &end(Decision::Deny))?;
        let second = approval::end(connection, "a", &end(Decision::AllowOnce))?;
        Ok((first.is_some(), second, approval::get(connection, "a")?))
    });
    let (first, second, row) = ended.await.expect("written");
    assert!(first && second.is_none());
    assert_eq!(row.map(|row| row.status), Some(Status::Denied));

    let answer = |word: &str| question::End {
        status: QuestionStatus::Answered,
        answers: Some(serde_json::json!(word)),
        resolved_by: None,
        resolution_id: None,
    };
    let asked = Question {
        id: "q".to_owned(),
        questions: serde_json::json!([]),
        agent: None,
        session: None,
        run_id: None,
        created_at_ms: 1,
        expires_at_ms: 9,
        status: QuestionStatus::Pending,
        answers: None,
        resolved_by: None,
        resolution_id: None,
    };
    let ended = store.write(move |connection| {
        question::insert(connection, &asked)?;
        let first = question::end(connection, "q", &answer("blue"))?;
        let second = question::end(connection, "q", &answer("red"))?;
        Ok((first.is_some(), second, question::get(connection, "q")?))
    });
    let (first, second, row) = ended.await.expect("written");
    assert!(first && second.is_none());
    assert_eq!(
        row.and_then(|row| row.answers),
        Some(serde_json::json!("blue"))
    );
    drop(std::fs::remove_file(path));
}

/// S-045: a request that is too old is unknown to whoever would decide it.
#[tokio::test]
async fn s_045_an_old_request_cannot_be_decided() {
    let (store, path) = store().await;
    let found = store.write(|connection| {
        device::put_request(connection, &request(1, 0))?;
        let live = |now_ms| device::request(connection, "r001", now_ms);
        Ok((live(299_999)?.is_some(), live(300_000)?.is_some()))
    });
    assert_eq!(found.await.expect("read"), (true, false));
    drop(std::fs::remove_file(path));
}
