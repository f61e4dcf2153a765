//! Deaths by the process's own fault: the message they name is set aside after three, and no other one.

use std::time::Duration;

use super::scene::{Scene, Variant};

/// Strikes that set a message aside (decision 9).
const STRIKES: u32 = 3;
/// Longer than any test: the model never begins to answer while the gateway dies again and again.
const FOR_EVER_MS: u64 = 600_000;
const CALM: Variant = Variant {
    streaming: "off",
    words: 4,
    chunk: 4_000,
    chats: 1,
    every: Duration::from_millis(25),
    pause_ms: 5,
    lost_every: 0,
};

#[test]
fn a_message_that_three_faults_name_is_set_aside_and_the_person_is_told() {
    let mut scene = Scene::new("fault", 1, CALM);
    scene.write_to_a_model_that_waits(FOR_EVER_MS);
    for life in 1..=STRIKES {
        let gateway = scene.place.start().ready();
        scene.until_asked(0, life);
        gateway.fault();
    }
    let gateway = scene.place.start().ready();
    scene.until_seen("set aside");
    scene.write();
    scene.until_seen("t1x3");
    let status = gateway.stop();
    assert!(status.success(), "it ended with {status}");
    let open = scene.open_rows();
    assert!(
        matches!(open.as_slice(), [row] if row.starts_with("inbox parked poison")),
        "{open:?}"
    );
    scene.clean();
}

#[test]
fn faults_that_name_nobody_and_outside_kills_set_no_message_aside() {
    let two_chats = Variant { chats: 2, ..CALM };
    for (name, chats) in [("doubt", 2), ("killed", 1)] {
        let mut scene = Scene::new(name, 1, Variant { chats, ..two_chats });
        for _ in 0..chats {
            scene.write_to_a_model_that_waits(FOR_EVER_MS);
        }
        for life in 1..=STRIKES + 1 {
            let gateway = scene.place.start().ready();
            for number in 0..chats {
                scene.until_asked(number, life);
            }
            match name {
                "doubt" => gateway.fault(),
                _ => gateway.kill(),
            }
        }
        scene.hurry();
        let mut gateway = scene.place.start().ready();
        scene.settle(|| gateway.expect_alive());
        let status = gateway.stop();
        assert!(status.success(), "it ended with {status}");
        assert_eq!(scene.findings().violations, Vec::<String>::new(), "{name}");
        scene.clean();
    }
}
