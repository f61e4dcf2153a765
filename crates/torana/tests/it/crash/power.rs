//! The power goes: of what was not flushed, any sector may be lost or torn. What was confirmed to anybody stays.

use std::time::Duration;

use super::client;
use super::kill::{self, SHORT, say};
use super::scene::{Scene, Variant};
use super::shim::{Faults, Shim};
use crate::wait;

/// Answers of several messages each, so that most of the time something is half done.
const BUSY: Variant = Variant {
    words: 24,
    chunk: 60,
    every: Duration::from_millis(40),
    ..SHORT
};

/// Changes of files in the longest life.
const CHANGES_MAX: u64 = 6_000;
/// A life that changes less than its number says ends after this time, as by a kill.
const LIFE_MAX: Duration = Duration::from_secs(4);

#[test]
fn a_disk_that_only_says_it_flushed_is_found_out() {
    let mut scene = Scene::new("lies", kill::seed(), BUSY);
    let Some(shim) = Shim::of("lies", &scene) else {
        return scene.clean();
    };
    scene.place.environment = shim.environment(Faults {
        lies: true,
        ..Faults::default()
    });
    let gateway = scene.place.start().ready();
    let talker = scene.talk();
    let keys = wait::until("something is confirmed", LIFE_MAX, || {
        scene.write_for(BUSY.every);
        Some(talker.confirmed()).filter(|keys| keys.len() > 10)
    });
    gateway.kill();
    shim.cut_power(&mut scene.dice);
    let is_lost = client::is_any_lost(&scene.place.database(), &keys);
    assert!(
        is_lost,
        "the harness does not see a loss, so it proves nothing"
    );
    scene.clean();
}

#[test]
fn a_power_cut_loses_nothing_that_was_confirmed() {
    let seed = kill::seed();
    let mut scene = Scene::new("power", seed, BUSY);
    let Some(shim) = Shim::of("power", &scene) else {
        return scene.clean();
    };
    let cuts = kill::kills().div_ceil(2).max(3);
    say(&format!("crash power: seed {seed}, {cuts} cuts"));
    let talker = scene.talk();
    let (mut open, mut damaged) = (0, 0);
    for _ in 0..cuts {
        // A cut between two flushes is as likely as it is long; so it comes before a change, and not at a time.
        let step = scene.dice.between(1, CHANGES_MAX);
        scene.place.environment = shim.environment(Faults {
            kill_at: u32::try_from(step).ok(),
            ..Faults::default()
        });
        let mut gateway = scene.place.start();
        let started = wait::now();
        while gateway.ended().is_none() && started.elapsed() < LIFE_MAX {
            scene.write_for(BUSY.every);
        }
        drop(gateway);
        let cut = shim.cut_power(&mut scene.dice);
        open += cut.open;
        damaged += cut.damaged;
    }
    scene.place.environment.clear();
    let database = scene.place.database();
    let gateway = scene.place.start().ready();
    let keys = talker.acknowledged();
    say(&format!(
        "crash power: {open} sectors were not flushed, {damaged} of them were lost or torn, {} messages confirmed to a browser",
        keys.len()
    ));
    assert!(damaged > 0 && !keys.is_empty(), "nothing was proven");
    let mut gateway = gateway;
    scene.settle(|| gateway.expect_alive());
    gateway.kill();
    assert_eq!(client::unanswered(&database, &keys), Vec::<String>::new());
    kill::finish("power", seed, scene, cuts);
}
