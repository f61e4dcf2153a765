//! What operators do in a world: change the configuration, let strangers in, stop runs, send texts; and two more ways of
//! the world itself: platforms that bring their updates, and processes that die by their own fault.
//!
//! All of it comes from dice of its own, so that a plain world with the same seed stays the world it always was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torana_core::blame::Death;
use torana_core::id::{AccountId, InboxId};
use torana_core::lane::{DropPolicy, QueueMode, QueuePolicy};
use torana_core::port::{AccountParts, AgentBackend};
use torana_engine::service::pairing;
use torana_engine::{SendRequest, Settings, StopReason, StreamMode, WebhookOutcome};
use torana_testkit::{Dice, Faults, Link, Log, Platform, Process, Push, SimMarks};

use super::scenario::{Account, BEGIN_MS, Scenario, channel};
use super::world::{Gateway, Lasting};

/// Makes the dice of operators differ from those of the world with the same seed.
const OTHER_DICE: u64 = 0x6f70_6572_6174_6f72;
/// That many panics and deaths by a turn's own fault set it aside (decision 9).
const STRIKES: u32 = 3;

/// Whether anybody but people on platforms and clients does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Plain,
    Operated,
}

#[derive(Debug, Clone)]
enum Deed {
    /// Another queue policy and other previews, from now on and in every life to come.
    Configure(QueuePolicy, StreamMode),
    /// The account starts anew, as after a change of its section.
    Restart(usize),
    Stop(&'static str),
    Approve,
    Send(SendRequest),
}

/// The operators of one world; what they changed outlives every process.
pub(super) struct Operators {
    deeds: Vec<(i64, Deed)>,
    /// Accounts to which the platform brings its updates.
    listening: Vec<AccountId>,
    /// Lives that end by their own fault, when they end by chance.
    faults: Vec<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    done: usize,
    configured: Option<(QueuePolicy, StreamMode)>,
    sent: Vec<SendRequest>,
    death: Option<Death>,
    blames: Vec<InboxId>,
}

impl Operators {
    pub(super) fn new(seed: u64, manner: Manner, scenario: &Scenario) -> Self {
        let mut dice = Dice::new(seed ^ OTHER_DICE);
        let mut operators = Self {
            deeds: Vec::new(),
            listening: Vec::new(),
            faults: vec![false; scenario.fates.len()],
            state: Mutex::default(),
        };
        if manner == Manner::Plain {
            return operators;
        }
        for fault in &mut operators.faults {
            *fault = dice.chance(400);
        }
        for account in &scenario.accounts {
            if dice.chance(400) {
                operators.listening.push(account.id.clone());
            }
        }
        for number in 0..dice.between(3, 25) {
            let at_ms = BEGIN_MS + i64::try_from(dice.below(1_200_000)).expect("small");
            let deed = deed(number, scenario, &mut dice);
            operators.deeds.push((at_ms, deed));
        }
        operators.deeds.sort_by_key(|(at_ms, _)| *at_ms);
        operators
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The crash marks of the life that begins now.
    pub(super) fn marks(&self, process: &Process) -> Arc<SimMarks> {
        let before = self.lock().death.take().unwrap_or(Death::Unknown);
        SimMarks::after(before, process.clone())
    }

    /// Remembers how a life ended.
    pub(super) fn note_death(&self, life: usize, marks: &SimMarks, log: &Log, at_ms: i64) {
        let death = marks.death(self.faults[life]);
        log.write(at_ms, format_args!("its marks say {death:?}"));
        let mut state = self.lock();
        state.death = Some(death);
        if let Death::Blamed(turn) = death {
            state.blames.push(turn);
        }
    }

    /// What config says now.
    pub(super) fn settings(&self, scenario: &Scenario, backend: Arc<dyn AgentBackend>) -> Settings {
        let mut settings = scenario.settings(backend);
        if let Some((queue, streaming)) = self.lock().configured {
            settings.queue = queue;
            for account in settings.accounts.values_mut() {
                account.streaming = streaming;
            }
        }
        settings
    }
}

fn deed(number: u64, scenario: &Scenario, dice: &mut Dice) -> Deed {
    let account = &scenario.accounts
        [usize::try_from(dice.below(scenario.accounts.len() as u64)).expect("few accounts")];
    match dice.below(10) {
        0..=1 => {
            let modes = [
                QueueMode::Steer,
                QueueMode::Followup,
                QueueMode::Collect,
                QueueMode::Interrupt,
            ];
            // Who steers lets others be overtaken, so the order is only promised where nobody can.
            let mode = if scenario.temper.steers {
                dice.pick(&modes)
            } else {
                dice.pick(&modes[1..])
            };
            let policy = QueuePolicy {
                mode,
                cap: usize::try_from(dice.pick(&[1, 3, 20])).expect("small"),
                drop: dice.pick(&[DropPolicy::Summarize, DropPolicy::Old, DropPolicy::New]),
            };
            let streaming = [
                StreamMode::Off,
                StreamMode::Partial,
                StreamMode::Block,
                StreamMode::Draft,
                StreamMode::Progress,
            ];
            Deed::Configure(policy, dice.pick(&streaming))
        }
        2..=3 => Deed::Restart(usize::try_from(dice.below(3)).expect("small")),
        4 => Deed::Stop(dice.pick(&["main", "agent:main:desk", "agent:main:sim:direct:100"])),
        5..=6 => Deed::Approve,
        _ => Deed::Send(SendRequest {
            deed: torana_engine::Deed::Say,
            channel: channel(),
            account: Some(account.id.clone()),
            to: dice.pick(&["100", "101", "102"]).to_owned(),
            thread: None,
            text: format!("notice {number} {}", "with more words ".repeat(4)),
            key: format!("notice-{number}"),
        }),
    }
}

/// The parts of an account, with the way in that it has in this world.
pub(super) fn parts(
    lasting: &Lasting,
    account: &Account,
    faults: Faults,
    link: &Link,
) -> Option<AccountParts> {
    let (platform, limits) = (&lasting.platform, account.limits.clone());
    if lasting.operators.listening.contains(&account.id) {
        platform.listening_parts(&account.id, limits, faults, link)
    } else {
        platform.parts(&account.id, limits, faults, link)
    }
}

/// Everything of this folder that goes on during a life.
pub(super) async fn work(lasting: &Lasting, gateway: &Gateway, link: &Link, faults: Faults) {
    let bringing = lasting
        .operators
        .listening
        .iter()
        .map(|account| bring(lasting, gateway, account, link, faults));
    tokio::join!(
        futures_util::future::join_all(bringing),
        operate(lasting, gateway, link, faults),
    );
}

/// The platform brings updates in order, each until it is taken.
async fn bring(
    lasting: &Lasting,
    gateway: &Gateway,
    account: &AccountId,
    link: &Link,
    faults: Faults,
) {
    let path = Platform::webhook_path(account);
    loop {
        match lasting.platform.next_push(account, link.clock.true_ms()) {
            Push::Never => return,
            Push::Later(at_ms) => {
                let wait_ms = u64::try_from(at_ms - link.clock.true_ms()).unwrap_or(0);
                link.clock.sleep_ms(wait_ms.max(1)).await;
            }
            Push::Now(position, request) => {
                let forged = gateway
                    .engine
                    .webhook(&path, Platform::forged(position))
                    .await;
                assert!(
                    matches!(
                        forged,
                        WebhookOutcome::Forged
                            | WebhookOutcome::Unavailable
                            | WebhookOutcome::NotFound
                    ),
                    "a stranger's request was taken"
                );
                link.process.pass().await;
                let outcome = gateway.engine.webhook(&path, request).await;
                link.process.pass().await;
                let heard = !link.dice(|dice| dice.chance(faults.acknowledge));
                if outcome == WebhookOutcome::Accepted && heard {
                    let now_ms = link.clock.true_ms();
                    lasting.platform.acknowledge(account, position, now_ms);
                } else {
                    let wait_ms = link.dice(|dice| dice.between(50, 5_000));
                    link.clock.sleep_ms(wait_ms).await;
                }
            }
        }
    }
}

async fn operate(lasting: &Lasting, gateway: &Gateway, link: &Link, faults: Faults) {
    let operators = &lasting.operators;
    loop {
        let next = operators.lock().done;
        let Some((at_ms, deed)) = operators.deeds.get(next) else {
            return;
        };
        let wait_ms = u64::try_from(at_ms - link.clock.true_ms()).unwrap_or(0);
        link.clock.sleep_ms(wait_ms).await;
        link.process.pass().await;
        let now_ms = link.clock.true_ms();
        lasting
            .log
            .write(now_ms, format_args!("operator: {deed:?}"));
        if !carry_out(lasting, gateway, link, faults, deed).await {
            link.clock.sleep_ms(2_000).await;
            continue;
        }
        link.process.pass().await;
        operators.lock().done = next + 1;
    }
}

/// `false` when it has to be done again.
async fn carry_out(
    lasting: &Lasting,
    gateway: &Gateway,
    link: &Link,
    faults: Faults,
    deed: &Deed,
) -> bool {
    let (engine, operators) = (&gateway.engine, &lasting.operators);
    match deed {
        Deed::Configure(queue, streaming) => {
            operators.lock().configured = Some((*queue, *streaming));
            let backend = Arc::clone(&gateway.backend) as Arc<dyn AgentBackend>;
            engine.apply(operators.settings(&lasting.scenario, backend));
            true
        }
        Deed::Restart(index) => {
            let accounts = &lasting.scenario.accounts;
            let account = &accounts[index % accounts.len()];
            engine.detach_account(&channel(), &account.id);
            match parts(lasting, account, faults, link) {
                Some(parts) => engine.attach_account(parts).await.is_ok(),
                None => true,
            }
        }
        Deed::Stop(session) => {
            let key = engine.parse_key(session).expect("a constant key");
            let stopped = engine.abort(&key, None, StopReason::Stop).await;
            stopped.is_ok()
        }
        Deed::Approve => {
            let Ok(waiting) = pairing::list(engine, None, None).await else {
                return false;
            };
            for request in waiting.waiting.into_iter().map(|waiting| waiting.request) {
                let (place, account) = (request.channel.as_str(), request.account.as_str());
                let approved = engine
                    .approve_pairing(place, Some(account), &request.code, true)
                    .await;
                if approved.is_err() {
                    return false;
                }
            }
            true
        }
        Deed::Send(request) => match engine.send(request.clone()).await {
            Ok(_) if link.process.is_alive() => {
                operators.lock().sent.push(request.clone());
                true
            }
            Ok(_) | Err(_) => false,
        },
    }
}

/// Accepted texts stay accepted, and only a turn that was blamed three times is set aside for it.
pub(super) async fn verdict(lasting: &Lasting, gateway: &Gateway) -> Vec<String> {
    let mut broken = Vec::new();
    let sent = lasting.operators.lock().sent.clone();
    for request in sent {
        match gateway.engine.send(request.clone()).await {
            Ok(known) if known.repeated => {}
            Ok(_) => broken.push(format!("the text {} was forgotten", request.key)),
            Err(problem) => broken.push(format!("the text {}: {problem}", request.key)),
        }
    }
    let mut strikes: BTreeMap<i64, usize> = BTreeMap::new();
    for turn in &lasting.operators.lock().blames {
        *strikes.entry(turn.0).or_default() += 1;
    }
    let parked = gateway.engine.store().read(|connection| {
        let mut statement = connection.prepare(
            "SELECT id, panics FROM inbox WHERE reason = 'poison: it crashed the gateway three times' ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<Vec<(i64, u32)>, _>>()?)
    });
    for (id, counted) in parked.await.expect("the inbox can be read") {
        let deaths = strikes.get(&id).copied().unwrap_or_default();
        // Panics of its own count too; at least the last strike was a death.
        if counted < STRIKES || deaths == 0 {
            broken.push(format!(
                "inbox {id} was set aside for {counted} strikes, {deaths} deaths by its fault"
            ));
        }
    }
    broken
}
