//! The disk and the clock under one gateway: a small library in C, compiled when a test first needs it and loaded before
//! the C library (`LD_PRELOAD`).
//!
//! [`Shim`] is the side of the tests; `shim.c` is the other one, and `power` makes of its log what a power cut would
//! leave. Without a C compiler the tests say that they are skipped, and fail where `TORANA_CRASH_REQUIRED` is set, as CI
//! does.

mod power;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::kill::say;
use super::scene::Scene;
use super::traffic::Dice;

/// The flush that fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlushFault {
    /// Counted from 1 in every life.
    pub(super) number: u32,
    /// What the system answers.
    pub(super) errno: i32,
    /// Only flushes of paths with this ending count; empty is all.
    pub(super) of: &'static str,
}

/// What goes wrong in the next lives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) flush: Option<FlushFault>,
    /// Flushes succeed and do nothing.
    pub(super) lies: bool,
    /// SIGKILL before the change of a file with this number, counted from 1 in every life.
    pub(super) kill_at: Option<u32>,
}

/// The library, with the files it shares with a scene.
#[derive(Debug)]
pub(super) struct Shim {
    library: PathBuf,
    folder: PathBuf,
    root: PathBuf,
    clock: File,
}

// === impl Shim ===

impl Shim {
    /// For the store of a scene. Nothing where it cannot be compiled; then a line says so.
    pub(super) fn of(name: &str, scene: &Scene) -> Option<Self> {
        let root = scene.place.database();
        Self::over(name, &scene.place.home, root)
    }

    /// For the files whose paths begin with `root`; its own files are in `home`.
    pub(super) fn over(name: &str, home: &Path, root: PathBuf) -> Option<Self> {
        static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let library = match LIBRARY.get_or_init(compile) {
            Ok(library) => library.clone(),
            Err(reason) => {
                let required = std::env::var_os("TORANA_CRASH_REQUIRED").is_some();
                assert!(!required, "crash {name}: {reason}");
                say(&format!("crash {name}: SKIPPED, {reason}"));
                return None;
            }
        };
        let folder = home.join("shim");
        std::fs::create_dir_all(folder.join("graves")).expect("the home is writable");
        let clock = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(folder.join("clock"))
            .expect("the home is writable");
        let shim = Self {
            library,
            folder,
            root,
            clock,
        };
        shim.set_clock(0, 0);
        Some(shim)
    }

    /// The variables that make a process run under it.
    pub(super) fn environment(&self, faults: Faults) -> Vec<(&'static str, String)> {
        let path = |path: PathBuf| path.display().to_string();
        let mut variables = vec![
            ("LD_PRELOAD", path(self.library.clone())),
            ("SHIM_ROOT", path(self.root.clone())),
            ("SHIM_CLOCK", path(self.folder.join("clock"))),
            ("SHIM_LOG", path(self.log())),
            ("SHIM_GRAVES", path(self.folder.join("graves"))),
        ];
        if let Some(flush) = faults.flush {
            variables.push(("SHIM_FLUSH_FAIL", flush.number.to_string()));
            variables.push(("SHIM_FLUSH_ERRNO", flush.errno.to_string()));
            if !flush.of.is_empty() {
                variables.push(("SHIM_FLUSH_ON", flush.of.to_owned()));
            }
        }
        if faults.lies {
            variables.push(("SHIM_FLUSH_LIES", "1".to_owned()));
        }
        if let Some(number) = faults.kill_at {
            variables.push(("SHIM_KILL_AT", number.to_string()));
        }
        variables
    }

    /// Moves the clocks of the running process, both counted from the real ones.
    pub(super) fn set_clock(&self, wall_ms: i64, monotonic_ms: i64) {
        let mut offsets = [0; 16];
        offsets[..8].copy_from_slice(&(wall_ms * 1_000_000).to_ne_bytes());
        offsets[8..].copy_from_slice(&(monotonic_ms * 1_000_000).to_ne_bytes());
        self.clock
            .write_all_at(&offsets, 0)
            .expect("the home is writable");
    }

    /// The power goes, the process is dead: of what was not flushed each sector is kept, lost or torn.
    pub(super) fn cut_power(&self, dice: &mut Dice) -> power::Cut {
        power::cut(&self.log(), dice)
    }

    /// Whether the log says that a flush failed, and whether the same file was flushed after that.
    pub(super) fn flush_failed(&self) -> power::Failed {
        power::failed(&self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

fn compile() -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("the shim is for Linux".to_owned());
    }
    let folder = std::env::temp_dir().join(format!("torana-shim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, include_str!("shim.c")).expect("the temporary folder is writable");
    let compiled = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .output();
    match compiled {
        Err(error) => Err(format!("there is no C compiler: {error}")),
        Ok(output) if !output.status.success() => Err(format!(
            "the shim cannot be compiled: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Ok(_) => Ok(library),
    }
}
