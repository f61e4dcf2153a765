//! Killed while a changed configuration is applied: whatever the moment, the next life has the old one or the new one,
//! and nobody's message is lost in between.

use std::time::Duration;

use rustix::process::Signal;

use super::kill::{self, SHORT, say};
use super::scene::{Scene, Variant};

/// A little of everything that reloading may disturb: replies under way, the account, the model.
const BUSY: Variant = Variant {
    words: 10,
    pause_ms: 20,
    ..SHORT
};
/// Reloads in one life.
const RELOADS: u64 = 4;

#[test]
fn a_kill_during_reload_loses_nothing() {
    let seed = kill::seed();
    let mut scene = Scene::new("reload", seed, BUSY);
    let kills = kill::kills().div_ceil(4).max(3);
    say(&format!("crash reload: seed {seed}, {kills} kills"));
    let mut version = 0;
    for _ in 0..kills {
        let mut gateway = scene.place.start().ready();
        for _ in 0..RELOADS {
            version += 1;
            scene.rewrite_config(version);
            gateway.signal(Signal::HUP);
            let between_ms = scene.dice.between(1, 160);
            scene.write_for(Duration::from_millis(between_ms));
        }
        gateway.kill();
    }
    let console = scene.place.console_all();
    let applied = console.matches("The configuration was reloaded.").count();
    assert!(applied > 0, "nothing was reloaded, so nothing was proven");
    say(&format!(
        "crash reload: {applied} of {version} changes were applied before a kill"
    ));
    kill::finish("reload", seed, scene, kills);
}
