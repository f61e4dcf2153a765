//! The verdict: reads the journals, asks the world, and lets the checker compare them.

use torana_engine::SubmitStatus;
use torana_testkit::checker::{Facts, InboxFact, IntentFact, check};

use super::operators;
use super::world::{Gateway, Lasting, Tally, ask_again};

/// Everything that is wrong in a world that has come to rest.
pub(super) async fn verdict(lasting: &Lasting, gateway: &Gateway) -> (Vec<String>, Tally) {
    let facts = facts(lasting, gateway).await;
    let mut broken = check(&facts);
    broken.extend(lasting.platform.complaints());
    broken.extend(lasting.stage.complaints());
    broken.extend(at_rest(lasting, gateway).await);
    broken.extend(clients_know(lasting, gateway).await);
    broken.extend(operators::verdict(lasting, gateway).await);
    (broken, tally(&facts))
}

/// After quiet time nothing is open anywhere, neither on disk nor in memory.
async fn at_rest(lasting: &Lasting, gateway: &Gateway) -> Vec<String> {
    let engine = &gateway.engine;
    let mut broken = Vec::new();
    let mut expect_zero = |what: &str, count: usize| {
        if count > 0 {
            broken.push(format!("{count} {what} after quiet time"));
        }
    };
    expect_zero("updates nobody took", lasting.platform.unacknowledged());
    expect_zero("runs on the stage", lasting.stage.active());
    expect_zero("turns in memory", engine.turns_open());
    let (running, waiting) = engine.load();
    expect_zero("running sessions", running);
    expect_zero("waiting messages", waiting);
    expect_zero("intents in memory", engine.delivery().open());
    // One task per account, housekeeping, and the watch over suspensions.
    expect_zero(
        "tasks too many",
        engine
            .tasks()
            .tasks()
            .saturating_sub(lasting.scenario.accounts.len() + 2),
    );
    match engine.open_rows().await {
        Ok((inbox, outbox)) => {
            broken.extend(
                (inbox + outbox > 0)
                    .then(|| format!("{inbox} inbox and {outbox} outbox rows are open")),
            );
        }
        Err(error) => broken.push(format!("the journals cannot be read: {error}")),
    }
    broken
}

/// the same key gives the stored outcome, also after every crash.
async fn clients_know(lasting: &Lasting, gateway: &Gateway) -> Vec<String> {
    let mut broken = Vec::new();
    for request in lasting.accepted() {
        match ask_again(gateway, &request).await {
            Ok(SubmitStatus::Finished(_)) => {}
            Ok(SubmitStatus::Started(_)) => {
                broken.push(format!("client key {} was forgotten", request.key))
            }
            Ok(SubmitStatus::InFlight(_)) => {
                broken.push(format!("client key {} never ended", request.key))
            }
            Err(problem) => broken.push(format!("client key {}: {problem}", request.key)),
        }
    }
    broken
}

#[expect(
    clippy::too_many_lines,
    reason = "one query after the other, each for one fact"
)]
async fn facts(lasting: &Lasting, gateway: &Gateway) -> Facts {
    let store = gateway.engine.store();
    let inbox = store
        .read(|connection| {
            let mut statement = connection.prepare(
                "SELECT id, account, event_id, state, coalesce(reason, ''), merged_into, coalesce(session, ''),
                   coalesce(run_id, ''), channel <> 'webchat' FROM inbox ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| {
                let event_id: String = row.get(2)?;
                Ok(InboxFact {
                    id: row.get(0)?,
                    number: event_id.strip_prefix('e').and_then(|number| number.parse().ok()),
                    event: (row.get(1)?, event_id),
                    state: row.get(3)?,
                    reason: row.get(4)?,
                    merged_into: row.get(5)?,
                    session: row.get(6)?,
                    writer: String::new(),
                    run_id: row.get(7)?,
                    is_platform: row.get(8)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
        .expect("the inbox can be read");
    let intents = store
        .read(|connection| {
            let mut statement = connection.prepare(
                "SELECT id, inbox, coalesce(run_id, ''), part, lane, state, nonce, resent,
                   operation_json LIKE '{\"op\":\"delete\"%' FROM outbox ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(IntentFact {
                    id: row.get(0)?,
                    inbox: row.get(1)?,
                    run_id: row.get(2)?,
                    part: row.get(3)?,
                    lane: row.get(4)?,
                    state: row.get(5)?,
                    nonce: row.get(6)?,
                    resent: row.get::<_, u32>(7)?.into(),
                    is_delete: row.get(8)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
        .expect("the outbox can be read");
    let platform = &lasting.platform;
    let event_of = |update: torana_testkit::Update| {
        (
            update.inbound.conversation.account.to_string(),
            update.inbound.event_id,
        )
    };
    let accounts = &lasting.scenario.accounts;
    let acknowledged = accounts
        .iter()
        .flat_map(|account| platform.acknowledged(&account.id))
        .map(event_of)
        .collect();
    // A message that asks for nothing countable: a command, or nothing but blanks.
    let wordless = |number: u64| {
        lasting.scenario.updates.iter().any(|update| {
            update.inbound.event_id == format!("e{number}")
                && !update
                    .inbound
                    .text
                    .contains(&torana_testkit::question(number))
        })
    };
    let writer_of = |event: &(String, String)| {
        let update = lasting
            .scenario
            .updates
            .iter()
            .find(|update| update.inbound.event_id == event.1);
        update.map(|update| {
            format!(
                "{} in {}",
                update.inbound.sender.id,
                update.inbound.conversation.lane_name()
            )
        })
    };
    let inbox = inbox
        .into_iter()
        .map(|row| InboxFact {
            number: row
                .number
                .filter(|number| row.is_platform && !wordless(*number)),
            writer: writer_of(&row.event).unwrap_or_default(),
            ..row
        })
        .collect();
    Facts {
        inbox,
        intents,
        bubbles: platform.bubbles(),
        effects: platform.effects(),
        acknowledged,
        starts: lasting.stage.starts(),
        troubles_ms: lasting
            .troubles_ms
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone(),
        blind_ms: lasting
            .blind_ms
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone(),
        steered: lasting.scenario.temper.steers,
    }
}

fn tally(facts: &Facts) -> Tally {
    let count = |test: &dyn Fn(&InboxFact) -> bool| {
        facts.inbox.iter().filter(|row| test(row)).count() as u64
    };
    Tally {
        deaths: 0,
        messages: count(&|_| true),
        answered: count(&|row| row.reason.starts_with("answered")),
        merged: count(&|row| row.reason == "merged"),
        parked: count(&|row| row.state == "parked"),
        resent: facts.intents.iter().map(|intent| intent.resent).sum(),
    }
}
