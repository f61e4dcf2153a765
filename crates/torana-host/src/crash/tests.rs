//! Real deaths of a real process: this test binary starts itself again and lets its child die.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use torana_core::blame::Death;
use torana_core::id::InboxId;
use torana_core::port::CrashMarks;

use super::FileMarks;

/// Names the folder of the child's marks and, for the child, that it is one.
const FOLDER: &str = "TORANA_TEST_CRASH_FOLDER";
const DEATH: &str = "TORANA_TEST_CRASH_DEATH";

fn folder(name: &str) -> PathBuf {
    let name = format!("torana-crash-marks-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).expect("the temporary folder is writable");
    path
}

/// Lets a child run two turns, be inside the second, and die.
fn die(name: &str) -> (Death, ExitStatus) {
    let folder = folder(name);
    let status = Command::new(std::env::current_exe().expect("a test knows its own path"))
        .args(["--exact", "crash::tests::a_child_that_dies", "--nocapture"])
        .env(FOLDER, &folder)
        .env(DEATH, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("a test can start itself");
    let marks = FileMarks::open(&folder).expect("the marks can be read");
    drop(std::fs::remove_dir_all(&folder));
    (marks.take_death(), status)
}

#[expect(unconditional_recursion, reason = "this is how a stack overflows")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(depth + 1)) + 1)
}

/// The child's part; does nothing in an ordinary run of the tests.
#[test]
fn a_child_that_dies() {
    let (Some(folder), Ok(death)) = (std::env::var_os(FOLDER), std::env::var(DEATH)) else {
        return;
    };
    let marks = FileMarks::open(&PathBuf::from(folder)).expect("the folder is there");
    let ended = marks.begin(InboxId(10));
    let waits = marks.begin(InboxId(11));
    marks.end(ended);
    let works = marks.begin(InboxId(12));
    marks.working(waits, true);
    marks.working(waits, false);
    marks.working(works, true);
    match death.as_str() {
        "abort" => std::process::abort(),
        "overflow" => drop(deeper(0)),
        "bus" => drop(signal_hook::low_level::raise(signal_hook::consts::SIGBUS)),
        "kill" => drop(signal_hook::low_level::raise(signal_hook::consts::SIGKILL)),
        _ => marks.end_in_order(),
    }
}

#[test]
fn faults_name_the_turn_that_was_worked_on() {
    for death in ["abort", "overflow", "bus"] {
        let (end, status) = die(death);
        assert_eq!(end, Death::Blamed(InboxId(12)), "{death}: {status}");
        assert!(!status.success(), "{death}: {status}");
    }
}

#[test]
fn an_outside_kill_and_an_orderly_end_name_nobody() {
    for (death, expected) in [("kill", Death::Unknown), ("exit", Death::Orderly)] {
        let (end, status) = die(death);
        assert_eq!(end, expected, "{death}: {status}");
    }
}

#[test]
fn a_crash_is_counted_once() {
    let folder = folder("once");
    std::fs::write(folder.join("ending"), "X").expect("writable");
    let mut mark = 7_i64.to_le_bytes().to_vec();
    mark.extend([super::RUNNING, 0, 0, 0, 0, 0, 0, 0]);
    std::fs::write(folder.join("running-turns"), mark).expect("writable");
    let marks = FileMarks::open(&folder).expect("readable");
    let deaths = [marks.take_death(), marks.take_death()];
    assert_eq!(deaths, [Death::Blamed(InboxId(7)), Death::Unknown]);
    let again = FileMarks::open(&folder).expect("readable");
    assert_eq!(again.take_death(), Death::Unknown);
    drop(std::fs::remove_dir_all(&folder));
}

#[test]
fn marks_that_make_no_sense_name_nobody() {
    let folder = folder("garbage");
    std::fs::write(folder.join("ending"), "X").expect("writable");
    std::fs::write(folder.join("running-turns"), [9_u8; 23]).expect("writable");
    let marks = FileMarks::open(&folder).expect("readable");
    assert_eq!(marks.take_death(), Death::Unknown);
    drop(std::fs::remove_dir_all(&folder));
}
