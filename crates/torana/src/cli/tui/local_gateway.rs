//! `torana tui --local`: the gateway of this machine, begun for as long as the interface is open when none runs.
//!
//! It is a whole gateway in a process of its own: one process holds the state directory as ever, every other command
//! finds it, and what it had accepted survives whatever becomes of the interface.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use torana_core::port::World;

use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;

/// Longest start, milliseconds: a large database that was cut off needs some seconds.
const START_MS_MAX: u64 = 30_000;
/// Longest wait for its end, milliseconds. What still runs goes on to its end without us.
const END_MS_MAX: u64 = 5_000;
/// Between two looks, milliseconds: shorter than anyone notices.
const LOOK_MS: u64 = 25;

/// A gateway that was begun here. Dropping it asks it to end.
pub(super) struct LocalGateway {
    child: Child,
}

/// Finds the gateway of this machine, or begins one; from then on the invocation means that one.
pub(super) async fn ready(invocation: &mut Invocation) -> Result<Option<LocalGateway>, Failure> {
    let wanted = &invocation.wanted;
    if wanted.url.is_some() || wanted.secret.is_some() || wanted.pin.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "--local is the gateway of this machine, which is reached with its own secret",
        )
        .hint("leave --url, --token, --password and --tls-fingerprint away"));
    }
    let (begun, port) = match invocation.gateway() {
        Some(running) => (None, running.port),
        None => {
            let mut begun = LocalGateway::begin(invocation)?;
            let port = begun.port(invocation).await?;
            (Some(begun), Some(port))
        }
    };
    invocation.wanted.port = port;
    Ok(begun)
}

// === impl LocalGateway ===

impl LocalGateway {
    fn begin(invocation: &Invocation) -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("cannot begin a gateway: {error}"));
        let paths = &invocation.paths;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        if paths.config_is_explicit {
            command.arg("--config").arg(&paths.config);
        }
        if let Some(profile) = &paths.profile {
            command.arg("--profile").arg(profile);
        }
        let port = free_port(invocation)?.to_string();
        let child = command
            .args(["--port", &port, "--bind", "loopback", "gateway", "run"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Keys that end or stop the interface are not meant for it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child })
    }

    /// The port it listens on, as soon as it does.
    async fn port(&mut self, invocation: &Invocation) -> Result<u16, Failure> {
        let hint = "see why with `torana gateway run`, or look for mistakes with `torana doctor`";
        let begun_ms = invocation.world.monotonic_ms();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = format!("the gateway did not start ({status})");
                return Err(Failure::failed(said).hint(hint));
            }
            let holder = invocation.gateway();
            let ours = holder.filter(|holder| holder.pid == self.child.id());
            if let Some(port) = ours.and_then(|holder| holder.port) {
                return Ok(port);
            }
            if invocation.world.monotonic_ms().saturating_sub(begun_ms) > START_MS_MAX {
                let said = "the gateway was not ready in time";
                return Err(Failure::new(Exit::Unreachable, said).hint(hint));
            }
            invocation.world.sleep_ms(LOOK_MS).await;
        }
    }

    /// Asks it to end and waits for it, though not for long.
    pub(super) async fn end(mut self, world: &World) {
        self.ask_to_end();
        let begun_ms = world.monotonic_ms();
        while matches!(self.child.try_wait(), Ok(None))
            && world.monotonic_ms().saturating_sub(begun_ms) < END_MS_MAX
        {
            world.sleep_ms(LOOK_MS).await;
        }
    }

    fn ask_to_end(&mut self) {
        // Once it is over, its number may be somebody else's.
        if matches!(self.child.try_wait(), Ok(None))
            && let Ok(number) = i32::try_from(self.child.id())
            && let Some(process) = Pid::from_raw(number)
        {
            // It may have ended since the look; there is nothing to be done then.
            kill_process(process, Signal::TERM).ok();
        }
    }
}

impl Drop for LocalGateway {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}

/// The port that was asked for, the usual one while nobody has it, or else any.
fn free_port(invocation: &Invocation) -> Result<u16, Failure> {
    if let Some(port) = invocation.wanted.port {
        return Ok(port);
    }
    let usual = invocation.port(invocation.config().ok().as_ref())?;
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, usual)).is_ok();
    Ok(if is_free { usual } else { 0 })
}
