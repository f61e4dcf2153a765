//! The wall clock jumps: set by hand, by the network after a start without a battery, by a suspended machine.
//! Nothing is lost, nothing waits for a time that has moved away, and nothing runs in a storm.

use std::time::Duration;

use super::http;
use super::kill::{self, SHORT, say};
use super::scene::{Scene, TOKEN, Variant};
use super::shim::{Faults, Shim};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// Where the wall clock stands, one after the other, beside the real time.
const WALL: [i64; 9] = [
    SECOND,
    -SECOND,
    2 * HOUR,
    -2 * HOUR,
    DAY + HOUR,
    -DAY,
    30 * DAY,
    -400 * DAY,
    0,
];
/// A machine that was suspended: both clocks are far ahead at once.
const SLEEP: i64 = 10 * 60 * SECOND;
/// Between two jumps: a few dozen messages are under way at any time.
const EVERY: Duration = Duration::from_millis(450);
/// What a process that only answers people may use of a processor in a second; one that spins uses all of it.
const BUSY_SHARE: f64 = 0.6;
/// An idle moment to measure that.
const IDLE: Duration = Duration::from_millis(1_200);

/// The platform refuses some, so that a reply waits while the clock moves.
const REFUSED: Variant = Variant { words: 3, ..SHORT };

#[test]
fn jumps_of_the_wall_clock_lose_nothing_and_wake_nothing_up() {
    let seed = kill::seed();
    let mut scene = Scene::new("clock", seed, REFUSED);
    let Some(shim) = Shim::of("clock", &scene) else {
        return scene.clean();
    };
    say(&format!("crash clock: seed {seed}, {} jumps", WALL.len()));
    scene.place.environment = shim.environment(Faults::default());
    let mut gateway = scene.place.start().ready();
    let talker = scene.talk();
    for wall_ms in WALL {
        // A reply that has to wait a second lives through the jump, and a dialogue goes on around it.
        let wait = serde_json::json!({ "token": TOKEN, "method": "sendMessage", "kind": "429", "retryAfter": 1 });
        http::post_json(scene.platform_address(), "/control/faults", &wait);
        scene.write_for(EVERY);
        shim.set_clock(wall_ms, 0);
        scene.write_for(EVERY);
        gateway.expect_alive();
    }
    let keys = talker.acknowledged();
    let is_settled = scene.settle(|| gateway.expect_alive());
    assert!(is_settled, "work does not go on by itself");
    // Before housekeeping: a message of a time when the clock was days behind looks as old as it says.
    let unanswered = super::client::unanswered(&scene.place.database(), &keys);
    assert_eq!(unanswered, Vec::<String>::new());
    shim.set_clock(SLEEP, SLEEP);
    scene.write_for(EVERY);
    let is_settled = scene.settle(|| gateway.expect_alive());
    assert!(is_settled, "work does not go on by itself");
    for wall_ms in [DAY, -DAY] {
        shim.set_clock(SLEEP + wall_ms, SLEEP);
        let share = gateway.processor_share(IDLE);
        assert!(share < BUSY_SHARE, "{share:.2} of a processor after a jump");
    }
    gateway.kill();
    scene.place.environment.clear();
    let (findings, _) = kill::finish("clock", seed, scene, 0);
    assert_eq!((findings.duplicates, findings.leftovers), (0, 0));
}
