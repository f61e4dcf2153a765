//! A configuration that changes under a running process: applied at once where it can be, else by a restart that costs
//! no message.

use std::time::Duration;

use serde_json::json;

use super::http;
use super::scene::{Scene, Variant};
use crate::wait;

/// The file is looked at once a second, and must be quiet for one; then comes a drain.
const FOLLOWS_MAX: Duration = Duration::from_secs(30);
const CALM: Variant = Variant {
    streaming: "off",
    words: 4,
    chunk: 4_000,
    chats: 3,
    every: Duration::from_millis(50),
    pause_ms: 5,
    lost_every: 0,
};

#[test]
fn a_key_that_needs_it_restarts_the_gateway_in_its_own_process_and_no_message_is_lost() {
    let mut scene = Scene::new("restart", 1, CALM);
    let mut gateway = scene.place.start().ready();
    scene.write_to_a_model_that_waits(3_000);
    scene.until_asked(0, 1);
    scene.change_config(|config| config["logging"] = json!({ "consoleStyle": "json" }));
    let console = scene.place.console();
    wait::until("the gateway starts again", FOLLOWS_MAX, || {
        gateway.expect_alive();
        scene.write();
        let text = std::fs::read_to_string(&console).unwrap_or_default();
        (text.matches("#login=").count() == 2).then_some(())
    });
    let mut gateway = gateway.ready();
    scene.settle(|| gateway.expect_alive());
    let status = gateway.stop();
    assert!(status.success(), "it ended with {status}");
    let findings = scene.findings();
    assert_eq!(findings.violations, Vec::<String>::new());
    assert_eq!(findings.reruns, 0, "what ran was given the time to finish");
    scene.clean();
}

#[test]
fn a_changed_token_is_in_force_at_once_and_the_old_one_is_not() {
    let (first, second) = (
        "the-first-token-of-this-gateway!",
        "the-second-token-of-this-gateway",
    );
    let scene = Scene::new("token", 1, CALM);
    let set = |token: &str| {
        scene.change_config(|config| config["gateway"]["auth"] = json!({ "token": token }));
    };
    set(first);
    let gateway = scene.place.start().ready();
    let status = |token: &str| {
        http::get_as(scene.place.address(), "/metrics", token)
            .expect("it answers")
            .0
    };
    assert_eq!((status(first), status(second)), (200, 401));
    set(second);
    wait::until("the new token is in force", FOLLOWS_MAX, || {
        (status(second) == 200).then_some(())
    });
    assert_eq!(status(first), 401);
    assert!(gateway.stop().success());
    scene.clean();
}
