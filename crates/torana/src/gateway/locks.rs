//! The locks of a gateway: one per state directory, and one per identity on a platform (decision 28).

use torana_core::port::World;
use torana_host::env::Environment;
use torana_host::files;
use torana_host::lock::{Holder, IdentityLock, LockError, StateLock};

use super::failure::{EXIT_TAKEN, Failure};
use crate::paths::Paths;

/// Makes the state directory and takes its lock; with `force` from the gateway that has it.
pub(super) async fn own_state(
    paths: &Paths,
    world: &World,
    force: bool,
) -> Result<StateLock, Failure> {
    folder(paths)?;
    match StateLock::acquire(&paths.state, world.wall_ms()) {
        Ok(lock) => Ok(lock),
        Err(error) => {
            if let (true, Some(holder)) = (force, error.holder()) {
                return take_over(paths, world, holder).await;
            }
            Err(match &error {
                LockError::Held { .. } => {
                    Failure::new(EXIT_TAKEN, format!("the gateway already runs: {error}"))
                        .hint("stop it with `torana gateway stop`, replace it with `--force`, or use another `--profile`")
                }
                LockError::File { path, source } => {
                    Failure::disk(format!("cannot lock {}", path.display()), source)
                }
            })
        }
    }
}

/// Everything durable lies in here, for its owner only.
fn folder(paths: &Paths) -> Result<(), Failure> {
    files::private_dir(&paths.state).map_err(|error| {
        let what = format!(
            "the state directory {} cannot be used",
            paths.state.display()
        );
        Failure::disk(what, &error)
    })
}

/// Ends the gateway that holds the state directory and takes its place.
async fn take_over(paths: &Paths, world: &World, holder: &Holder) -> Result<StateLock, Failure> {
    let pid = holder.pid;
    if !holder.listens() {
        let (what, hint) = holder.stranger();
        return Err(Failure::new(EXIT_TAKEN, what).hint(hint));
    }
    let target = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    // The lock proves that this process runs now, so the pid cannot be a stranger's.
    let told =
        target.map(|target| rustix::process::kill_process(target, rustix::process::Signal::TERM));
    if !matches!(told, Some(Ok(()))) {
        return Err(Failure::new(
            EXIT_TAKEN,
            format!("process {pid} cannot be told to stop"),
        ));
    }
    // Its drain takes up to 30 s; a little more, and it is stuck.
    for _ in 0..350 {
        world.sleep_ms(100).await;
        if let Ok(lock) = StateLock::acquire(&paths.state, world.wall_ms()) {
            return Ok(lock);
        }
    }
    Err(Failure::new(
        EXIT_TAKEN,
        format!("process {pid} did not stop within 35 s"),
    ))
}

/// Takes the lock on a bot's identity, so that no second gateway fetches its messages (decision 28).
pub(super) fn identity(
    secret: &str,
    environment: &Environment,
    world: &World,
) -> Result<IdentityLock, LockError> {
    let folder = environment
        .runtime_dir()
        .map(|path| path.join("torana"))
        .or_else(|| {
            environment
                .home()
                .map(|home| home.join(".cache").join("torana"))
        })
        .unwrap_or_else(|| std::env::temp_dir().join("torana"));
    IdentityLock::acquire(&folder, secret, world.wall_ms())
}
