//! What happens to tasks that end by their own fault.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use torana_core::port::{BoxFuture, Clock, Entropy};

use super::*;

/// Sleeping takes no time but moves the clock.
#[derive(Default)]
struct Leap(Arc<AtomicU64>);

impl Clock for Leap {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        self.0.fetch_max(monotonic_ms, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

impl Entropy for Leap {
    fn fill(&self, _: &mut [u8]) {}
}

struct Rig {
    tasks: Supervisor,
    now_ms: Arc<AtomicU64>,
    told: Arc<Mutex<Vec<String>>>,
}

fn rig() -> Rig {
    let now_ms = Arc::new(AtomicU64::new(0));
    let world = World {
        clock: Arc::new(Leap(Arc::clone(&now_ms))),
        entropy: Arc::new(Leap::default()),
    };
    let bus = Bus::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    bus.attach(Arc::new(move |_, event| {
        let line = match event {
            Event::TaskPanicked { task } => format!("{task} panicked"),
            Event::TaskRestarting { task, after_ms } => format!("{task} again in {after_ms}"),
            Event::TaskGivenUp { task } => format!("{task} given up"),
            _ => return,
        };
        heard.lock().expect("no sink panics").push(line);
    }));
    Rig {
        tasks: Supervisor::new(bus, world),
        now_ms,
        told,
    }
}

fn stumble() {
    // Unwinds like any panic, without writing to the error output of a test.
    std::panic::resume_unwind(Box::new("it stumbled"));
}

#[tokio::test]
async fn a_task_that_panics_is_started_again_with_growing_waits_and_given_up_at_last() {
    let rig = rig();
    let lives = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&lives);
    rig.tasks.keep("poller", move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { stumble() }
    });
    rig.tasks.finished().await;
    assert_eq!(lives.load(Ordering::SeqCst), 11);
    let told = rig.told.lock().expect("no sink panics").join("\n");
    let waits: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("poller again in "))
        .collect();
    assert_eq!(
        waits.join(" "),
        "1000 2000 4000 8000 16000 32000 60000 60000 60000 60000"
    );
    assert!(told.ends_with("poller panicked\npoller given up"), "{told}");
    let expected = Trouble {
        failures: 11,
        given_up: true,
        reason: "it panicked: it stumbled".to_owned(),
    };
    assert_eq!(rig.tasks.troubled().get("poller"), Some(&expected));
}

#[tokio::test]
async fn a_task_that_worked_for_long_is_forgiven_what_was_before() {
    let rig = rig();
    let lives = Arc::new(AtomicU32::new(0));
    let (counted, now_ms, stop) = (Arc::clone(&lives), rig.now_ms.clone(), rig.tasks.stopping());
    rig.tasks.keep("poller", move || {
        let life = counted.fetch_add(1, Ordering::SeqCst);
        let (now_ms, stop) = (Arc::clone(&now_ms), stop.clone());
        async move {
            now_ms.fetch_add(TASK_HEALTHY_MS, Ordering::SeqCst);
            if life == 30 {
                stop.cancel();
                std::future::pending::<()>().await;
            }
        }
    });
    rig.tasks.finished().await;
    let told = rig.told.lock().expect("no sink panics").clone();
    assert_eq!(told, vec!["poller again in 1000"; 30]);
    assert!(!rig.tasks.troubled()["poller"].given_up);
}

#[tokio::test]
async fn a_task_that_is_told_to_stop_is_not_started_again() {
    let rig = rig();
    rig.tasks.keep("poller", std::future::pending);
    rig.tasks.stop();
    rig.tasks.finished().await;
    assert_eq!(rig.tasks.troubled(), BTreeMap::new());
}
