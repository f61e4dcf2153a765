//! Dies at every step of making or migrating the store, in a way that loses what was not flushed: the next start is
//! always a start, and an old store has all it had.

use std::time::Duration;

use rusqlite::Connection;

use super::kill::{self, SHORT, say};
use super::scene::Scene;
use super::shim::{Faults, Shim};
use crate::wait;

/// More changes than making a store takes; a start that gets this far is over.
const STEPS_MAX: u32 = 400;
/// Steps that are left out between two kills when many are alike: pages of the schema.
const ALIKE_FROM: u32 = 24;
const ALIKE_STEP: u32 = 11;
/// A start, killed or not, on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);
/// The schema of the first version, from which every store may come.
const FIRST_SCHEMA: &str = include_str!("../../../../torana-engine/src/store/schema/0001.sql");
/// What the old store remembers.
const MEMORIES: u32 = 40;

#[test]
fn a_death_at_any_step_of_making_the_store_leaves_one_that_starts() {
    die_at_every_step("start", |_| {}, |_| {});
}

#[test]
fn a_death_at_any_step_of_a_migration_loses_nothing_of_the_old_store() {
    die_at_every_step(
        "migration",
        |scene| old_store(scene).expect("an old store can be written"),
        |scene| {
            let kept = memories(scene).expect("the store can be read");
            assert_eq!(kept, MEMORIES);
        },
    );
}

fn die_at_every_step(name: &str, prepare: impl Fn(&Scene), check: impl Fn(&Scene)) {
    let seed = kill::seed();
    let mut scene = Scene::new(name, seed, SHORT);
    let Some(shim) = Shim::of(name, &scene) else {
        return scene.clean();
    };
    let (mut deaths, mut number) = (0, 1);
    loop {
        assert!(number < STEPS_MAX, "the store is never made");
        drop(std::fs::remove_dir_all(&scene.place.state));
        prepare(&scene);
        scene.place.environment = shim.environment(Faults {
            kill_at: Some(number),
            ..Faults::default()
        });
        let mut gateway = scene.place.start();
        let is_ready = wait::until("the start is over", START_MAX, || {
            if gateway.ended().is_some() {
                return Some(false);
            }
            gateway.is_ready().then_some(true)
        });
        if is_ready {
            gateway.kill();
            break;
        }
        deaths += 1;
        shim.cut_power(&mut scene.dice);
        scene.place.environment = shim.environment(Faults::default());
        // What a cut left must be good for a start, and for a second one.
        scene.place.start().ready().kill();
        shim.cut_power(&mut scene.dice);
        check(&scene);
        number += if number < ALIKE_FROM { 1 } else { ALIKE_STEP };
    }
    say(&format!(
        "crash {name}: seed {seed}, killed at {deaths} steps"
    ));
    assert!(
        deaths > 5,
        "the start changes no files, so nothing was proven"
    );
    scene.place.environment.clear();
    scene.write_for(Duration::from_millis(200));
    kill::finish(name, seed, scene, deaths);
}

/// A store as the first version left it, with messages that were answered.
fn old_store(scene: &Scene) -> rusqlite::Result<()> {
    std::fs::create_dir_all(&scene.place.state).expect("the home is writable");
    let connection = Connection::open(scene.place.database())?;
    connection.execute_batch("PRAGMA journal_mode = WAL")?;
    connection.execute_batch(FIRST_SCHEMA)?;
    for number in 0..MEMORIES {
        connection.execute(
            "INSERT INTO inbox (channel, account, platform_account, event_id, state, reason, received_at, updated_at)
             VALUES ('memory', 'a', 'a', ?1, 'done', 'answered', 9000000000000, 9000000000000)",
            [number.to_string()],
        )?;
    }
    connection.execute_batch("PRAGMA user_version = 1")
}

fn memories(scene: &Scene) -> rusqlite::Result<u32> {
    let connection = Connection::open(scene.place.database())?;
    let sql = "SELECT count(*) FROM inbox WHERE channel = 'memory'";
    connection.query_row(sql, [], |row| row.get(0))
}
