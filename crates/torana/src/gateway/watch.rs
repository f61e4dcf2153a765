//! What the gateway keeps an eye on: signals, disk space, and its config file.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use torana_core::port::World;
use torana_engine::Engine;
use torana_host::files;
use torana_host::reserve::Reserve;
use torana_host::tls::ServerTls;

use super::reload::Runner;

/// How often free space is read (decision 16).
const DISK_MS: u64 = 5_000;
/// How often the config file is looked at. Reading a file's length and time costs microseconds; editors save within one.
const CONFIG_MS: u64 = 1_000;
/// How often the certificate files are read. Renewals come weeks ahead, so this need not be quick.
const CERTIFICATE_MS: u64 = 10_000;
/// Free space at which a warning is logged: 1 GiB or a tenth of the disk.
const WARN_BYTES: u64 = 1024 * 1024 * 1024;
/// Free space below which nothing new is accepted: one WAL of the store and a checkpoint must still fit.
const FULL_BYTES: u64 = 14 * 1024 * 1024;

/// A signal that means something here.
pub(super) enum Signal {
    Stop,
    Reload,
}

/// The signals of behaviour 15.2.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

/// Watches free space: warns, closes the door when the disk is full, opens it again when space returns.
pub(super) async fn disk(engine: Engine, state: PathBuf) {
    let reserve = match Reserve::new(&state) {
        Ok(reserve) => reserve,
        Err(error) => {
            tracing::warn!(%error, "Free disk space cannot be watched.");
            return;
        }
    };
    if let Err(error) = reserve.take() {
        tracing::warn!(%error, "No disk space could be set aside for emergencies.");
    }
    let mut warned = false;
    loop {
        if let Ok(space) = files::space(&state) {
            let tight = space.free < WARN_BYTES.min(space.total / 10);
            if tight && !warned {
                tracing::warn!(free_bytes = space.free, "The disk is getting full.");
            }
            warned = tight;
            follow(&engine, &reserve, space.free);
        }
        engine.world().sleep_ms(DISK_MS).await;
    }
}

fn follow(engine: &Engine, reserve: &Reserve, available: u64) {
    if engine.storage_full() {
        // What is under way may use the reserve; the door opens again when there is room for it and for work.
        if reserve.is_held() {
            if let Err(error) = reserve.release() {
                tracing::error!(%error, "The emergency space could not be freed.");
            }
        } else if available > reserve.bytes() + 2 * FULL_BYTES && reserve.take().is_ok() {
            engine.set_storage_full(false);
        }
    } else if available < FULL_BYTES {
        engine.set_storage_full(true);
    }
}

/// Follows the files of the certificate: a renewal is used for new connections, and what cannot be used changes nothing.
pub(super) async fn certificate(tls: Arc<ServerTls>, world: World) {
    let mut told = None;
    loop {
        world.sleep_ms(CERTIFICATE_MS).await;
        match tls.refresh() {
            Ok(changed) => {
                told = None;
                if changed {
                    tracing::info!(fingerprint = %tls.fingerprint(), "The certificate was renewed.");
                }
            }
            Err(error) if told.as_ref() != Some(&error) => {
                tracing::error!(%error, "The changed certificate cannot be used; the old one stays.");
                told = Some(error);
            }
            Err(_) => {}
        }
    }
}

/// Watches the config file and reloads it after it changed and was quiet for a moment.
pub(super) async fn config(runner: Arc<Runner>) {
    let mut seen = runner.stamp();
    let mut pending = None;
    // Somebody may have saved the file between our reading it and the first look at its time.
    runner.reload("start").await;
    loop {
        runner.engine().world().sleep_ms(CONFIG_MS).await;
        let now = runner.stamp();
        if now == seen {
            pending = None;
        } else if pending.as_ref() == Some(&now) {
            // Unchanged for one interval: the editor is done.
            seen = now;
            pending = None;
            runner.reload("file change").await;
        } else {
            pending = Some(now);
        }
    }
}
