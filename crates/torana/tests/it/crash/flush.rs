//! A flush that fails is fatal and loud: nothing is confirmed after it, the process ends with 74, the flush is not
//! tried again, and the next life goes on from what was really stored.

use std::time::Duration;

use super::gateway::Gateway;
use super::kill::{self, SHORT, say};
use super::scene::Scene;
use super::shim::{Faults, FlushFault, Shim};
use crate::wait;

/// `EIO` and `ENOSPC` on Linux: what a dying disk and a full one answer.
const ERRORS: [i32; 2] = [5, 28];
/// "Disk I/O failed" (decision 27).
const EXIT_IO: i32 = 74;
/// People write until the flush with the wanted number comes; in this time there are far more.
const LIFE_MAX: Duration = Duration::from_secs(30);
/// Numbers of flushes that fail: each of the start, and some under load.
const NUMBERS: [u32; 12] = [1, 2, 3, 4, 5, 6, 7, 9, 13, 29, 61, 150];
/// The same for the database file alone, which is flushed when the log is carried over into it.
const CHECKPOINTS: [u32; 2] = [2, 3];

#[test]
fn a_failed_flush_ends_the_process_and_loses_nothing() {
    let seed = kill::seed();
    let mut scene = Scene::new("flush", seed, SHORT);
    let Some(shim) = Shim::of("flush", &scene) else {
        return scene.clean();
    };
    say(&format!("crash flush: seed {seed}"));
    let commits = NUMBERS.map(|number| (number, ""));
    let checkpoints = CHECKPOINTS.map(|number| (number, ".db"));
    let mut deaths = 0;
    for ((number, of), errno) in commits
        .into_iter()
        .chain(checkpoints)
        .zip(ERRORS.into_iter().cycle())
    {
        let flush = Some(FlushFault { number, errno, of });
        scene.place.environment = shim.environment(Faults {
            flush,
            ..Faults::default()
        });
        let gateway = scene.place.start();
        let code = write_until_it_ends(&mut scene, gateway, &format!("flush {number} of {of}"));
        assert_eq!(
            code,
            Some(EXIT_IO),
            "flush {number} of `{of}` failed with {errno}:\n{}",
            scene.place.console_tail()
        );
        let failed = shim.flush_failed();
        assert_eq!(
            (failed.count, failed.retried),
            (1, false),
            "flush {number} of `{of}`"
        );
        // Whether a page whose flush failed is on the disk, nobody knows (PostgreSQL's lesson of 2018).
        shim.cut_power(&mut scene.dice);
        deaths += 1;
    }
    scene.place.environment.clear();
    kill::finish("flush", seed, scene, deaths);
}

fn write_until_it_ends(scene: &mut Scene, mut gateway: Gateway, what: &str) -> Option<i32> {
    let started = wait::now();
    loop {
        if let Some(status) = gateway.ended() {
            return status.code();
        }
        assert!(
            started.elapsed() < LIFE_MAX,
            "it lives in spite of the failed {what}:\n{}",
            scene.place.console_tail()
        );
        scene.write_for(SHORT.every);
    }
}
