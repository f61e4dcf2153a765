//! Living a scenario: one process after the other on the same files, then a quiet time, then the verdict.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::event::{Event, RunSignal};
use torana_core::port::{Clock, CrashMarks, World};
use torana_engine::store::inbox::ClientInput;
use torana_engine::store::{CommitFault, CommitHook, Options as StoreOptions};
use torana_engine::{Bus, ClientTurn, Engine, Options, Store, SubmitStatus};
use torana_testkit::{
    Faults, Link, Log, Platform, Process, ScriptedBackend, SeededEntropy, SimClock, SimMarks,
    Stage, Temper,
};

use super::checks;
use super::operators::{self, Manner, Operators};
use super::scenario::{BEGIN_MS, Fate, Request, Scenario};

/// Quiet time at the end: long enough for every back-off, watchdog and full queue to come to rest.
const QUIET_MS: u64 = 30 * 3_600_000;
/// How often the end of the quiet time is looked for.
const QUIET_STEP_MS: u64 = 20_000;

/// What a world came to.
pub(super) struct Outcome {
    pub(super) diary: Vec<String>,
    pub(super) broken: Vec<String>,
    pub(super) tally: Tally,
}

/// What happened, so that a run over many seeds can show that something did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) deaths: u64,
    pub(super) messages: u64,
    pub(super) answered: u64,
    pub(super) merged: u64,
    pub(super) parked: u64,
    pub(super) resent: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.deaths += other.deaths;
        self.messages += other.messages;
        self.answered += other.answered;
        self.merged += other.merged;
        self.parked += other.parked;
        self.resent += other.resent;
    }
}

/// What outlives every process.
pub(super) struct Lasting {
    pub(super) scenario: Scenario,
    pub(super) platform: Arc<Platform>,
    pub(super) stage: Arc<Stage>,
    pub(super) log: Log,
    pub(super) database: PathBuf,
    /// Keys of requests that the gateway said it has.
    pub(super) accepted: Mutex<Vec<Request>>,
    pub(super) troubles_ms: Mutex<Vec<i64>>,
    pub(super) blind_ms: Mutex<Vec<(i64, i64)>>,
    pub(super) operators: Operators,
}

impl Lasting {
    pub(super) fn trouble(&self, at_ms: i64) {
        self.troubles_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(at_ms);
    }

    /// A process that dies on a full disk, or right after, could not store what it did since the disk was full.
    fn note_blindness(&self, fate: &Fate, begin_ms: i64, died_ms: i64) {
        /// The gateway tries a refused write again every second.
        const RETRY_MS: i64 = 2_000;
        let Some((from_ms, until_ms)) = fate.full_ms else {
            return;
        };
        let at =
            |offset_ms: u64| begin_ms + i64::try_from(offset_ms).expect("virtual time stays small");
        if died_ms < at(until_ms) + RETRY_MS {
            let mut blind_ms = self.blind_ms.lock().unwrap_or_else(PoisonError::into_inner);
            blind_ms.push((at(from_ms), died_ms));
        }
    }

    pub(super) fn accepted(&self) -> Vec<Request> {
        self.accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A folder of its own for one world, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(seed: u64) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("torana-sim-{}-{seed}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left-overs in the temporary folder harm nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Lives a whole world.
pub(super) fn live(seed: u64, manner: Manner) -> Outcome {
    let folder = Folder::new(seed);
    let mut scenario = Scenario::new(seed);
    let log = Log::default();
    let platform = Platform::new(scenario.updates.clone(), log.clone());
    let mut dice = scenario.dice.fork();
    let operators = Operators::new(seed, manner, &scenario);
    let fates = scenario.fates.clone();
    let lasting = Arc::new(Lasting {
        scenario,
        platform,
        stage: Stage::new(log.clone()),
        log: log.clone(),
        database: folder.0.join("torana.db"),
        accepted: Mutex::default(),
        troubles_ms: Mutex::default(),
        blind_ms: Mutex::default(),
        operators,
    });
    lasting.scenario.describe(&log);
    let mut now_ms = BEGIN_MS;
    for (number, fate) in fates.iter().enumerate() {
        let begin_ms = now_ms;
        log.write(now_ms, format_args!("life {number}: {fate:?}"));
        let life = Life {
            lasting: Arc::clone(&lasting),
            fate: Some(*fate),
            begins_ms: now_ms,
            dice: dice.fork(),
        };
        now_ms = in_runtime(life.run(number));
        lasting.trouble(now_ms);
        lasting.note_blindness(fate, begin_ms, now_ms);
        now_ms += fate.down_ms;
    }
    log.write(now_ms, "the quiet life");
    let life = Life {
        lasting: Arc::clone(&lasting),
        fate: None,
        begins_ms: now_ms,
        dice: dice.fork(),
    };
    let (broken, mut tally) = in_runtime(life.run_quietly());
    tally.deaths = fates.len() as u64;
    drop(folder);
    Outcome {
        diary: log.lines(),
        broken,
        tally,
    }
}

/// Runs a life in virtual time; dropping the runtime is the end of the process.
fn in_runtime<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be made");
    runtime.block_on(Box::pin(life))
}

struct Life {
    lasting: Arc<Lasting>,
    /// Absent for the last life, in which nothing goes wrong.
    fate: Option<Fate>,
    begins_ms: i64,
    dice: torana_testkit::Dice,
}

/// A running gateway.
pub(super) struct Gateway {
    pub(super) engine: Engine,
    pub(super) clock: Arc<SimClock>,
    pub(super) backend: Arc<ScriptedBackend>,
}

impl Life {
    /// Lives until the process dies. Returns the true time of death.
    async fn run(mut self, number: usize) -> i64 {
        let fate = self.fate.expect("a mortal life");
        let process = Process::new(fate.dies_at_call);
        let clock = Arc::new(SimClock::begin(self.begins_ms, fate.skew_ms));
        let hook = self.hook(fate, &process, &clock);
        let (seed, dice) = (self.dice.roll(), self.dice.fork());
        let lasting = Arc::clone(&self.lasting);
        let link = Link::new(process.clone(), Arc::clone(&clock), dice);
        let marks = lasting.operators.marks(&process);
        let life = async {
            let gateway = start(
                &lasting,
                &link,
                Some(hook),
                lasting.scenario.faults,
                lasting.scenario.temper,
                seed,
                &marks,
            )
            .await;
            let Some(gateway) = gateway else {
                return std::future::pending().await;
            };
            tokio::join!(
                async {
                    clock.sleep_ms(fate.lasts_ms / 2).await;
                    clock.set_skew_ms(fate.later_skew_ms);
                    clock.sleep_ms(fate.lasts_ms - fate.lasts_ms / 2).await;
                    if fate.drains {
                        gateway.engine.drain("restart", None).await;
                    }
                    process.halt();
                },
                async {
                    if let Some((_, until_ms)) = fate.full_ms {
                        clock.sleep_ms(until_ms).await;
                        lasting.trouble(clock.true_ms());
                        gateway.engine.set_storage_full(false);
                    }
                },
                clients(&lasting, &gateway, &process),
                operators::work(&lasting, &gateway, &link, lasting.scenario.faults),
            );
        };
        tokio::select! {
            biased;
            () = process.halted() => {}
            () = Box::pin(life) => {}
        }
        lasting.log.write(clock.true_ms(), "the process died");
        lasting
            .operators
            .note_death(number, &marks, &lasting.log, clock.true_ms());
        clock.true_ms()
    }

    fn hook(&self, fate: Fate, process: &Process, clock: &Arc<SimClock>) -> CommitHook {
        let (process, clock, lasting) = (
            process.clone(),
            Arc::clone(clock),
            Arc::clone(&self.lasting),
        );
        Arc::new(move |number| {
            if !process.is_alive() {
                return CommitFault::CrashBefore;
            }
            if let Some((dies_at, after)) = fate.dies_at_commit
                && dies_at == number
            {
                lasting.log.write(
                    clock.true_ms(),
                    format_args!(
                        "death {} commit {number}",
                        if after { "after" } else { "before" }
                    ),
                );
                process.halt();
                return if after {
                    CommitFault::CrashAfter
                } else {
                    CommitFault::CrashBefore
                };
            }
            match fate.full_ms {
                Some((from_ms, until_ms))
                    if (from_ms..until_ms).contains(&clock.monotonic_ms()) =>
                {
                    CommitFault::Full
                }
                _ => CommitFault::None,
            }
        })
    }

    /// The last life: everything works, and after a while nothing is left to do.
    async fn run_quietly(mut self) -> (Vec<String>, Tally) {
        let process = Process::new(None);
        let clock = Arc::new(SimClock::begin(self.begins_ms, 0));
        let (seed, dice) = (self.dice.roll(), self.dice.fork());
        let lasting = Arc::clone(&self.lasting);
        let link = Link::new(process.clone(), Arc::clone(&clock), dice);
        let temper = Temper {
            steers: lasting.scenario.temper.steers,
            pause_ms_max: 500,
            ..Temper::default()
        };
        let marks = lasting.operators.marks(&process);
        let started = start(&lasting, &link, None, Faults::none(), temper, seed, &marks).await;
        let Some(gateway) = started else {
            return (
                vec!["the gateway did not start on a good day".to_owned()],
                Tally::default(),
            );
        };
        tokio::join!(
            clients(&lasting, &gateway, &process),
            operators::work(&lasting, &gateway, &link, Faults::none()),
        );
        let last_ms = lasting
            .scenario
            .updates
            .iter()
            .map(|update| update.at_ms)
            .max()
            .unwrap_or(BEGIN_MS);
        clock
            .sleep_ms(u64::try_from(last_ms - clock.true_ms()).unwrap_or(0))
            .await;
        let until_ms = clock.monotonic_ms() + QUIET_MS;
        while clock.monotonic_ms() < until_ms && !is_quiet(&lasting, &gateway).await {
            clock.sleep_ms(QUIET_STEP_MS).await;
        }
        // One more step: what ends together with the last row must have ended too.
        clock.sleep_ms(QUIET_STEP_MS).await;
        checks::verdict(&lasting, &gateway).await
    }
}

async fn is_quiet(lasting: &Lasting, gateway: &Gateway) -> bool {
    let rows = gateway.engine.open_rows().await;
    lasting.platform.unacknowledged() == 0
        && rows == Ok((0, 0))
        && gateway.engine.delivery().open() == 0
}

/// Starts the gateway as the binary does: store, engine, recovery, accounts. `None` when it died on the way.
async fn start(
    lasting: &Arc<Lasting>,
    link: &Link,
    hook: Option<CommitHook>,
    faults: Faults,
    temper: Temper,
    seed: u64,
    marks: &Arc<SimMarks>,
) -> Option<Gateway> {
    lasting.stage.begin_life();
    let clock = Arc::clone(&link.clock);
    let options = StoreOptions {
        inline: true,
        hook,
        flush: false,
        ..StoreOptions::new(Path::new(&lasting.database))
    };
    let store = Store::open(options).expect("the store survives every crash");
    let world = World {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        entropy: Arc::new(SeededEntropy::new(seed)),
    };
    let bus = Bus::default();
    let (log, told) = (lasting.log.clone(), Arc::clone(&clock));
    bus.attach(Arc::new(move |_, event| {
        if let Some(line) = line_of(event) {
            log.write(told.true_ms(), line);
        }
    }));
    let backend = Arc::new(ScriptedBackend::new(
        Arc::clone(&lasting.stage),
        temper,
        link.clone(),
    ));
    let settings = lasting
        .operators
        .settings(&lasting.scenario, backend.clone());
    let options = Options {
        store,
        world,
        settings,
        bus,
    };
    let marks = Arc::clone(marks) as Arc<dyn CrashMarks>;
    let engine = Engine::open_with_marks(options, marks).await.ok()?;
    while engine.recover().await.is_err() {
        // A full disk at start: the binary would exit and be started again.
        clock.sleep_ms(1_000).await;
    }
    for account in &lasting.scenario.accounts {
        if let Some(parts) = operators::parts(lasting, account, faults, link) {
            engine.attach_account(parts).await.ok()?;
        }
    }
    Some(Gateway {
        engine,
        clock,
        backend,
    })
}

/// What the diary keeps of an event; deltas and the like would only make it long.
fn line_of(event: &Event) -> Option<String> {
    Some(match event {
        Event::Run(facts, RunSignal::Started) => {
            format!("run {} started, attempt {}", facts.run_id, facts.attempt)
        }
        Event::Run(
            facts,
            RunSignal::Settled {
                settled, silent, ..
            },
        ) => {
            format!(
                "run {} settled: {:?} {silent:?} {} bytes",
                facts.run_id,
                settled.outcome,
                settled.text.len()
            )
        }
        Event::Run(..) | Event::Transcript(_) | Event::Session { .. } | Event::Health => {
            return None;
        }
        other => format!("{other:?}"),
    })
}

/// Clients ask, and ask again with the same key until they know.
async fn clients(lasting: &Lasting, gateway: &Gateway, process: &Process) {
    let known = lasting.accepted();
    let open: Vec<Request> = lasting
        .scenario
        .requests
        .iter()
        .filter(|request| known.iter().all(|known| known.key != request.key))
        .cloned()
        .collect();
    for request in open {
        let wait_ms = u64::try_from(request.at_ms - gateway.clock.true_ms()).unwrap_or(0);
        gateway.clock.sleep_ms(wait_ms).await;
        loop {
            match gateway.engine.submit(turn_of(gateway, &request)).await {
                Ok(_) if process.is_alive() => {
                    lasting.log.write(
                        gateway.clock.true_ms(),
                        format_args!("client: {} accepted", request.key),
                    );
                    lasting
                        .accepted
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(request);
                    break;
                }
                Ok(_) => return,
                Err(problem) => {
                    lasting.log.write(
                        gateway.clock.true_ms(),
                        format_args!("client: {} {:?}", request.key, problem.code),
                    );
                    gateway
                        .clock
                        .sleep_ms(problem.retry_after_ms.unwrap_or(2_000).max(500))
                        .await;
                }
            }
        }
    }
}

fn turn_of(gateway: &Gateway, request: &Request) -> ClientTurn {
    ClientTurn {
        method: "chat.send",
        session: gateway
            .engine
            .parse_key(&request.session)
            .expect("a constant key"),
        key: request.key.clone(),
        input: ClientInput {
            text: request.text.clone(),
            ..ClientInput::default()
        },
        origin: None,
    }
}

/// Asks once more with a known key.
pub(super) async fn ask_again(
    gateway: &Gateway,
    request: &Request,
) -> Result<SubmitStatus, String> {
    let submitted = gateway.engine.submit(turn_of(gateway, request)).await;
    submitted
        .map(|submitted| submitted.status)
        .map_err(|problem| problem.to_string())
}
