//! A full disk is a state, not an accident: nothing that was acknowledged is lost, and work resumes by itself.
//!
//! It needs a file system of its own, so it runs where `mount` is allowed and says so where it is not.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::http;
use super::kill::say;
use super::scene::{Scene, Variant};
use crate::wait;

/// The figure of the promise.
const DISK_MIB: u32 = 64;
/// Free space is polled every 5 s; a little more, and the gateway has noticed.
const FULL_FOR: Duration = Duration::from_secs(7);
/// Work goes on by itself in this time.
const RESUME_MAX: Duration = Duration::from_secs(35);

/// A small file system in memory, gone when dropped.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Nothing where this process may not mount.
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).ok()?;
        let size = format!("size={DISK_MIB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .output();
        mounted.ok()?.status.success().then(|| Self {
            path: path.to_owned(),
        })
    }

    /// Writes until nothing more fits, and says where.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("the disk takes a file");
        for size in [1024 * 1024, 4 * 1024, 1] {
            let block = vec![7_u8; size];
            while file.write_all(&block).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that still ends may hold a file.
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}

const VARIANT: Variant = Variant {
    streaming: "off",
    words: 4,
    chunk: 4_000,
    chats: 20,
    every: Duration::from_millis(25),
    pause_ms: 12,
    lost_every: 0,
};

#[test]
fn a_start_on_a_full_disk_serves_from_the_reserve_or_waits_for_room() {
    let mut scene = Scene::new("full-start", 1, VARIANT);
    let Some(disk) = Disk::mount(&scene.place.state) else {
        say("crash full start: SKIPPED, this process may not mount a file system");
        return scene.clean();
    };
    let reserve = scene.place.state.join("reserve");
    let gateway = scene.place.start().ready();
    wait::until("the reserve is held", RESUME_MAX, || {
        reserve.exists().then_some(())
    });
    scene.write_for(Duration::from_secs(1));
    let filler = disk.fill();
    gateway.kill();
    // What an earlier life kept for this is enough to start with, and nothing new is taken.
    let mut gateway = scene.place.start();
    wait::until("it serves", RESUME_MAX, || {
        gateway.expect_alive();
        http::get(scene.place.address(), "/health").ok()
    });
    assert!(!reserve.exists(), "the reserve was given up");
    scene.write();
    gateway.kill();
    // Somebody else took even that: nothing can be opened, and the process waits.
    disk.fill();
    let mut gateway = scene.place.start();
    wait::until("it says what it waits for", RESUME_MAX, || {
        scene
            .place
            .console_tail()
            .contains("the disk is full")
            .then_some(())
    });
    gateway.expect_alive();
    assert!(
        http::get(scene.place.address(), "/health").is_err(),
        "nobody listens yet"
    );
    std::fs::remove_file(filler).expect("the filler can be removed");
    let mut gateway = gateway.ready();
    scene.settle(|| gateway.expect_alive());
    let status = gateway.stop();
    assert_eq!(scene.findings().violations, Vec::<String>::new());
    assert!(status.success(), "it ended with {status}");
    drop(disk);
    scene.clean();
}

#[test]
fn a_full_disk_pauses_and_loses_nothing() {
    let mut scene = Scene::new("disk", 1, VARIANT);
    let Some(disk) = Disk::mount(&scene.place.state) else {
        say("crash disk: SKIPPED, this process may not mount a file system");
        return scene.clean();
    };
    let mut gateway = scene.place.start().ready();
    scene.write_for(Duration::from_secs(2));
    let filler = disk.fill();
    scene.write_for(FULL_FOR);
    gateway.expect_alive();
    let (status, _) = http::get(scene.place.address(), "/health").expect("it still answers");
    assert_eq!(status, 200);
    wait::until("it stops to confirm", FULL_FOR, || {
        (scene.unconfirmed() > 0).then_some(())
    });
    let waiting = scene.unconfirmed();
    std::fs::remove_file(filler).expect("the filler can be removed");
    let freed = wait::now();
    scene.settle(|| gateway.expect_alive());
    let resumed = freed.elapsed();
    let status = gateway.stop();
    let findings = scene.findings();
    say(&format!(
        "crash disk: {} messages, {waiting} waited at the platform while the disk was full, \
         answered {resumed:.1?} after there was space, {} violations",
        scene.written.len(),
        findings.violations.len()
    ));
    assert_eq!(findings.violations, Vec::<String>::new());
    assert!(resumed < RESUME_MAX, "it took {resumed:?} to resume");
    assert!(status.success(), "it ended with {status}");
    drop(disk);
    scene.clean();
}
