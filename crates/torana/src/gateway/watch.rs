//! What the gateway keeps an eye on: signals, disk space, and its config file.

use std::io;
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
pub(super) const DISK_MS: u64 = 5_000;
/// How often the config file is looked at. Reading a file's length and time costs microseconds; editors save within one.
const CONFIG_MS: u64 = 1_000;
/// How often the certificate files are read. Renewals come weeks ahead, so this need not be quick.
const CERTIFICATE_MS: u64 = 10_000;
/// Free space at which a warning is logged: 1 GiB or a tenth of the disk.
const WARN_BYTES: u64 = 1024 * 1024 * 1024;
/// Free space below which nothing new is accepted: one WAL of the store and a checkpoint must still fit.
pub(super) const FULL_BYTES: u64 = 14 * 1024 * 1024;

/// A signal that means something here.
pub(super) enum Signal {
    Stop,
    Reload,
    Restart,
}

/// The signals of behaviour 15.2.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    /// Two spellings of the same wish: what is in use sends either.
    restart: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            restart: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        let [first, second] = &mut self.restart;
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
            _ = first.recv() => Signal::Restart,
            _ = second.recv() => Signal::Restart,
        }
    }

    /// Waits for a stop; whoever ends already has no use for anything else.
    pub(super) async fn stop(&mut self) {
        while !matches!(self.next().await, Signal::Stop) {}
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
    let (mut warned, mut refused) = (false, false);
    loop {
        if let Ok(space) = files::space(&state) {
            let tight = space.free < WARN_BYTES.min(space.total / 10);
            if tight && !warned {
                tracing::warn!(free_bytes = space.free, "The disk is getting full.");
            }
            warned = tight;
            let kept = follow(&engine, &reserve, space.free);
            if let (Err(error), false) = (&kept, refused) {
                tracing::warn!(%error, "No disk space could be set aside for emergencies.");
            }
            refused = kept.is_err();
        }
        engine.world().sleep_ms(DISK_MS).await;
    }
}

/// Opens and closes the door. Fails when there is room for the reserve, but it cannot be taken.
pub(super) fn follow(engine: &Engine, reserve: &Reserve, available: u64) -> io::Result<()> {
    if engine.storage_full() {
        // What is under way may use the reserve; the door opens again when there is room for it and for work.
        match reserve.release() {
            Ok(false) if available > reserve.bytes() + 2 * FULL_BYTES => {
                reserve.take()?;
                engine.set_storage_full(false);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "The emergency space could not be freed."),
        }
    } else if available < FULL_BYTES {
        engine.set_storage_full(true);
    } else if available >= reserve.bytes() + FULL_BYTES {
        // Below that the little there is belongs to what is under way.
        reserve.take()?;
    }
    Ok(())
}

/// Follows the files of the certificate: a renewal is used for new connections and told to whoever names the
/// certificate elsewhere, and what cannot be used changes nothing.
pub(super) async fn certificate(tls: Arc<ServerTls>, world: World, tell: impl Fn(&str) + Send) {
    let mut told = None;
    loop {
        world.sleep_ms(CERTIFICATE_MS).await;
        match tls.refresh() {
            Ok(changed) => {
                told = None;
                if changed {
                    let fingerprint = tls.fingerprint();
                    tracing::info!(%fingerprint, "The certificate was renewed.");
                    tell(&fingerprint);
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
    let mut seen = runner.seen_at_start().await;
    let mut pending = None;
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt as _;
    use torana_core::port::{BoxFuture, Clock};
    use torana_host::tls::{TlsFiles, own_names};

    use super::*;

    /// A clock that lets one wait pass.
    #[derive(Default)]
    struct Once(AtomicBool);

    impl Clock for Once {
        fn wall_ms(&self) -> i64 {
            0
        }
        fn monotonic_ms(&self) -> u64 {
            0
        }
        fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
            if self.0.swap(true, Ordering::SeqCst) {
                Box::pin(std::future::pending())
            } else {
                Box::pin(std::future::ready(()))
            }
        }
    }

    fn made(folder: &Path) -> TlsFiles {
        let files = TlsFiles {
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
            ca: None,
        };
        let now_ms = torana_host::world().wall_ms();
        files
            .generate_missing(&own_names([], None), now_ms)
            .expect("a pair");
        files
    }

    #[test]
    fn a_renewed_certificate_is_told_to_whoever_names_it_elsewhere() {
        let own = torana_host::world();
        let folder = std::env::temp_dir().join(format!("torana-renewal-{}", own.uuid()));
        let (files, newer) = (made(&folder), made(&folder.join("newer")));
        let tls = Arc::new(ServerTls::load(files.clone()).expect("usable"));
        let told = Mutex::new(Vec::new());
        let look = || {
            let world = World {
                clock: Arc::new(Once::default()),
                ..own.clone()
            };
            let tell = |fingerprint: &str| {
                let mut told = told.lock().expect("not poisoned");
                told.push(fingerprint.to_owned());
            };
            certificate(Arc::clone(&tls), world, tell).now_or_never()
        };
        assert_eq!(look(), None, "it goes on looking");
        std::fs::copy(&newer.cert, &files.cert).expect("copied");
        std::fs::copy(&newer.key, &files.key).expect("copied");
        assert_eq!(look(), None);
        assert_eq!(look(), None);
        let told = told.lock().expect("not poisoned").clone();
        assert_eq!(told, [tls.fingerprint().to_string()], "once");
        std::fs::remove_dir_all(folder).ok();
    }
}
