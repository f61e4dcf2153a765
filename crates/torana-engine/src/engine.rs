//! The engine: everything that is shared, and how it is opened.
//!
//! What the rest of the gateway may ask of it stands where it belongs: of sessions in `sessions`, of single rows of the
//! journals in `journals`, of the store in `storage`, of names that clients give in `names`.

mod gate;
mod journals;
mod names;
mod sessions;
mod storage;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use torana_core::event::Event;
use torana_core::key::SessionKey;
use torana_core::port::{CrashMarks, World};

pub(crate) use gate::Gate;

use crate::account::roster::Accounts;
use crate::bus::Bus;
use crate::command::Overrides;
use crate::delivery::Delivery;
use crate::media::vault::Vault;
use crate::run::Pauses;
use crate::session::Sessions;
use crate::settings::Settings;
use crate::store::{Store, StoreError, pairing};
use crate::supervise::Supervisor;
use crate::suspension::lease::Suspension;
use crate::turn::{TurnHandle, Turns};

/// What the engine is made of.
pub struct Options {
    /// The open store.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// What config says.
    pub settings: Settings,
    /// The bus; sinks may already be attached.
    pub bus: Bus,
}

/// Where the gateway is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Alive, not yet recovered: takes nothing new.
    Starting,
    /// Working.
    Accepting,
    /// Ending: takes nothing new, finishes what runs.
    Draining,
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) bus: Bus,
    pub(crate) tasks: Supervisor,
    pub(crate) sessions: Sessions,
    pub(crate) turns: Turns,
    pub(crate) delivery: Delivery,
    pub(crate) accounts: Accounts,
    pub(crate) gate: RwLock<Gate>,
    pub(crate) overrides: RwLock<Overrides>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) marks: Option<Arc<dyn CrashMarks>>,
    pub(crate) media: Vault,
    /// Sessions that are not summarised unasked for now.
    pub(crate) pauses: Pauses,
    pub(crate) suspension: Suspension,
    /// Runs that leave nothing behind, under way.
    pub(crate) passing_runs: Arc<AtomicUsize>,
    phase: AtomicU8,
    storage_full: AtomicBool,
}

impl Engine {
    /// Builds the engine over an open store. Follow with [`Engine::recover`] before channels connect.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        Self::build(options, None).await
    }

    /// The same with crash marks: [`Engine::recover`] then counts a crash against the message it is attributed to.
    pub async fn open_with_marks(
        options: Options,
        marks: Arc<dyn CrashMarks>,
    ) -> Result<Self, StoreError> {
        Self::build(options, Some(marks)).await
    }

    async fn build(
        options: Options,
        marks: Option<Arc<dyn CrashMarks>>,
    ) -> Result<Self, StoreError> {
        let Options {
            store,
            world,
            settings,
            bus,
        } = options;
        let (paired, owners, overrides) = store
            .read(|connection| {
                Ok((
                    pairing::allowed(connection)?,
                    pairing::owners(connection)?,
                    Overrides::load(connection)?,
                ))
            })
            .await?;
        let tasks = Supervisor::new(bus.clone(), world.clone());
        let delivery = Delivery::new(store.clone(), bus.clone(), world.clone(), tasks.clone());
        let runs_max = settings.runs_max.clamp(1, 100_000);
        let shared = Arc::new(Shared {
            store,
            world,
            settings: ArcSwap::from_pointee(settings),
            bus,
            tasks,
            sessions: Sessions::default(),
            turns: Turns::default(),
            delivery,
            accounts: Accounts::default(),
            gate: RwLock::new(Gate::new(paired, owners)),
            overrides: RwLock::new(overrides),
            permits: Arc::new(Semaphore::new(runs_max)),
            marks,
            media: Vault::default(),
            pauses: Pauses::default(),
            suspension: Suspension::default(),
            passing_runs: Arc::default(),
            phase: AtomicU8::new(0),
            storage_full: AtomicBool::new(false),
        });
        Ok(Self { shared })
    }

    /// The bus.
    pub fn bus(&self) -> &Bus {
        &self.shared.bus
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Clock and entropy.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// What config says now.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings.load_full()
    }

    /// Replaces what config says; messages from now on see it, running turns do not.
    pub fn apply(&self, settings: Settings) {
        self.shared.settings.store(Arc::new(settings));
        self.shared.bus.publish(Event::ConfigChanged);
    }

    /// The task tree.
    pub fn tasks(&self) -> &Supervisor {
        &self.shared.tasks
    }

    /// The delivery side.
    pub fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    /// Where the gateway is in its life.
    pub fn phase(&self) -> Phase {
        match self.shared.phase.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Accepting,
            _ => Phase::Draining,
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        let number = match phase {
            Phase::Starting => 0,
            Phase::Accepting => 1,
            Phase::Draining => 2,
        };
        self.shared.phase.store(number, Ordering::SeqCst);
    }

    /// The disk is too full to accept anything.
    pub fn storage_full(&self) -> bool {
        self.shared.storage_full.load(Ordering::SeqCst)
    }

    /// Tells the engine whether the disk is too full. It resumes by itself when space returns.
    pub fn set_storage_full(&self, full: bool) {
        if self.shared.storage_full.swap(full, Ordering::SeqCst) != full {
            if full {
                tracing::error!("The disk is full; nothing new is accepted until space returns.");
            } else {
                tracing::info!("The disk has space again.");
            }
            self.shared.bus.publish(Event::Health);
        }
    }

    /// A waiting or running turn.
    pub fn turn(&self, run_id: &str) -> Option<Arc<TurnHandle>> {
        self.shared.turns.get(run_id)
    }

    /// The running turn of a session.
    pub fn active(&self, session: &SessionKey) -> Option<Arc<TurnHandle>> {
        self.shared.sessions.active(session)
    }

    /// Keys of the sessions with a running turn.
    pub(crate) fn active_sessions(&self) -> Vec<String> {
        self.shared.sessions.active_keys()
    }

    /// Waiting and running turns of a session, in the order of their ids.
    pub(crate) fn turns_of(&self, session: &SessionKey) -> Vec<Arc<TurnHandle>> {
        let mut turns = self.shared.turns.of_session(session);
        turns.sort_by_key(|turn| turn.inbox);
        turns
    }

    /// Turns that wait or run, in all sessions.
    pub fn turns_open(&self) -> usize {
        self.shared.turns.len()
    }

    /// Sessions with a running turn, and messages that wait.
    pub fn load(&self) -> (usize, usize) {
        self.shared.sessions.load()
    }

    pub(crate) fn gate(&self) -> RwLockReadGuard<'_, Gate> {
        self.shared
            .gate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gate_mut(&self) -> RwLockWriteGuard<'_, Gate> {
        self.shared
            .gate
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn overrides(&self) -> RwLockReadGuard<'_, Overrides> {
        self.shared
            .overrides
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn overrides_mut(&self) -> RwLockWriteGuard<'_, Overrides> {
        self.shared
            .overrides
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
