//! Peers that freeze: the platform, the model and clients stop in the middle of a word and say nothing more.
//! Everybody else is served, the silence is noticed in time, and work goes on by itself.
//!
//! The limits are minutes, so the gateway's monotonic clock is moved instead of waiting for them.

use std::time::Duration;

use super::client;
use super::kill::{self, SHORT, say};
use super::scene::{Scene, Variant};
use super::shim::{Faults, Shim};
use crate::wait;

/// Answers in many pieces, so that some are in the middle of one.
const FLOWING: Variant = Variant {
    words: 12,
    pause_ms: 25,
    every: Duration::from_millis(40),
    ..SHORT
};
/// People write before, while and after.
const PHASE: Duration = Duration::from_millis(900);
/// A poll may take 50 s and 10 s more; after it, reconnecting waits a minute at most.
const POLL_LIMIT_MS: i64 = 61_000;
/// First byte of a model server on this machine, and silence in between (decision 32).
const MODEL_LIMIT_MS: i64 = 301_000;
/// A call of the platform may take 30 s; one whose outcome nobody knows is made once more, which must find it awake.
const FROZEN_MS: i64 = 20_000;
/// One step of the clock; between two the gateway does what is due.
const STEP_MS: i64 = 15_000;
/// A real moment for that.
const STEP: Duration = Duration::from_millis(60);
/// The gateway answers others in this time, on a busy machine.
const OTHERS_MAX: Duration = Duration::from_secs(2);

/// Moves both clocks in steps.
fn pass(shim: &Shim, at_ms: &mut i64, by_ms: i64) {
    let end_ms = *at_ms + by_ms;
    while *at_ms < end_ms {
        *at_ms = (*at_ms + STEP_MS).min(end_ms);
        shim.set_clock(*at_ms, *at_ms);
        wait::pass(STEP);
    }
}

#[test]
fn a_frozen_platform_delays_only_itself_and_is_found_again() {
    let seed = kill::seed();
    let mut scene = Scene::behind_valves("frozen-platform", seed, FLOWING);
    let Some(shim) = Shim::of("frozen-platform", &scene) else {
        return scene.clean();
    };
    say(&format!("crash frozen-platform: seed {seed}"));
    scene.place.environment = shim.environment(Faults::default());
    let mut gateway = scene.place.start().ready();
    scene.write_for(PHASE);
    let mut at_ms = 0;
    scene.valves().platform.freeze();
    let talker = scene.talk();
    scene.write_for(PHASE);
    assert!(scene.unconfirmed() > 0, "the platform is not frozen");
    let took = gateway.health();
    assert!(took < OTHERS_MAX, "health took {took:?}");
    pass(&shim, &mut at_ms, FROZEN_MS);
    gateway.expect_alive();
    scene.valves().platform.thaw();
    pass(&shim, &mut at_ms, 2 * POLL_LIMIT_MS);
    scene.write_for(PHASE);
    let keys = talker.acknowledged();
    let is_settled = scene.settle(|| gateway.expect_alive());
    assert!(is_settled, "work does not go on by itself");
    assert!(
        keys.len() > 5,
        "clients were not served meanwhile: {keys:?}"
    );
    gateway.kill();
    let unanswered = client::unanswered(&scene.place.database(), &keys);
    assert_eq!(unanswered, Vec::<String>::new());
    scene.place.environment.clear();
    kill::finish("frozen-platform", seed, scene, 0);
}

#[test]
fn a_frozen_model_is_given_up_and_every_message_still_gets_its_answer() {
    let seed = kill::seed();
    let mut scene = Scene::behind_valves("frozen-model", seed, FLOWING);
    let Some(shim) = Shim::of("frozen-model", &scene) else {
        return scene.clean();
    };
    say(&format!("crash frozen-model: seed {seed}"));
    // What was asked before the freeze is asked again within the same attempt.
    scene.model_is_asked_again = true;
    scene.place.environment = shim.environment(Faults::default());
    let mut gateway = scene.place.start().ready();
    scene.write_for(PHASE);
    let mut at_ms = 0;
    scene.valves().provider.freeze();
    scene.write_for(PHASE);
    let took = gateway.health();
    assert!(took < OTHERS_MAX, "health took {took:?}");
    wait::until("messages are still taken", OTHERS_MAX, || {
        (scene.unconfirmed() == 0).then_some(())
    });
    scene.valves().provider.thaw();
    // The old connections stay silent for ever; only the limit ends them.
    pass(&shim, &mut at_ms, MODEL_LIMIT_MS);
    let is_settled = scene.settle(|| gateway.expect_alive());
    assert!(is_settled, "work does not go on by itself");
    gateway.kill();
    scene.place.environment.clear();
    kill::finish("frozen-model", seed, scene, 0);
}
