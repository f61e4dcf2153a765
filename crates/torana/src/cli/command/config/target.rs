//! The file that is changed: never left in a worse state than before, never over what somebody else wrote meanwhile.

use std::path::Path;

use rustix::process::Signal;
use serde_json::json;
use torana_core::config::edit::EditError;
use torana_core::config::{Finding, KeyPath, Loaded, ReloadPlan, edit};
use torana_host::files;

use super::backup::keep;
use super::effect::{account_name, effect, is_for_commands};
use super::input::{PATCH_BYTES_MAX, refused};
use crate::cli::args::WriteFlags;
use crate::cli::command::gateway::signal;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::configuration;
use crate::configuration::Variables;
use crate::disk_hint::disk_hint;

/// Files below this size may shrink freely: taking one section out of a small file is no accident.
const SHRINK_GUARD_BYTES_MIN: usize = 512;

/// The file that is changed.
pub(crate) struct Target<'a> {
    invocation: &'a Invocation,
    variables: Variables,
    pub(super) text: String,
    exists: bool,
}

impl<'a> Target<'a> {
    pub(crate) fn read(invocation: &'a Invocation) -> Result<Self, Failure> {
        let (text, exists) = current(&invocation.paths.config)?;
        Ok(Self {
            invocation,
            variables: invocation.variables(),
            text,
            exists,
        })
    }

    fn check(&self, text: &str) -> Loaded {
        configuration::check(
            &self.invocation.paths,
            &self.variables,
            if text.trim().is_empty() { "{}" } else { text },
        )
    }

    /// A patch that would empty the file is taken for an accident; `unset` names what it removes.
    pub(crate) fn guard(&self, changed: &str) -> Result<(), Failure> {
        let (before, after) = (self.text.len(), changed.len());
        if before >= SHRINK_GUARD_BYTES_MIN && after < before / 2 {
            return Err(Failure::failed(format!(
                "the patch would shrink the file from {before} to {after} bytes"
            ))
            .hint("remove sections one by one with `torana config unset`"));
        }
        let mode = |text: &str| {
            edit::parse_value(text)
                .and_then(|value| value["gateway"]["mode"].as_str().map(str::to_owned))
        };
        if mode(&self.text).is_some() && mode(changed).is_none() {
            return Err(Failure::failed("`gateway.mode` would vanish")
                .hint("remove it with `torana config unset gateway.mode`"));
        }
        Ok(())
    }

    pub(crate) fn write(self, changed: String, flags: WriteFlags) -> Result<(), Failure> {
        let before = self.check(&self.text);
        let after = self.check(&changed);
        let fresh: Vec<&Finding> = after
            .problems
            .iter()
            .filter(|problem| {
                !before
                    .problems
                    .iter()
                    .any(|known| known.path == problem.path && known.message == problem.message)
            })
            .collect();
        if !fresh.is_empty() {
            let lines: Vec<String> = fresh.iter().map(|problem| format!("  {problem}")).collect();
            return Err(Failure::new(
                Exit::Config,
                format!(
                    "the change is not valid, nothing was written:\n{}",
                    lines.join("\n")
                ),
            ));
        }
        // A file that is not there and a change to nothing are the same as well.
        let is_same = changed == self.text;
        if !is_same && !flags.dry_run {
            self.store(&changed)?;
            self.nudge();
        }
        let schema = configuration::schema();
        let plan = ReloadPlan::between(
            schema,
            &configuration::value_of(&before),
            &configuration::value_of(&after),
        );
        self.tell(&plan, &after, is_same, flags.dry_run)?;
        self.warn(&before, &after);
        Ok(())
    }

    /// Keeps the old version, then replaces the file, unless somebody else changed it meanwhile.
    fn store(&self, changed: &str) -> Result<(), Failure> {
        let paths = &self.invocation.paths;
        let disk = |what: &Path, error: std::io::Error| {
            let message = format!("cannot write {}: {error}", what.display());
            Failure {
                hint: disk_hint(&error).map(str::to_owned),
                ..Failure::new(Exit::Disk, message)
            }
        };
        files::private_dir(&paths.state).map_err(|error| disk(&paths.state, error))?;
        if self.exists {
            keep(
                &paths.backups(),
                &self.text,
                self.invocation.world.wall_ms(),
            )
            .map_err(|error| disk(&paths.backups(), error))?;
        } else if let Some(folder) = paths.config.parent().filter(|folder| !folder.exists()) {
            files::private_dir(folder).map_err(|error| disk(folder, error))?;
        }
        if current(&paths.config)? != (self.text.clone(), self.exists) {
            return Err(Failure::failed(format!(
                "{} was changed by somebody else meanwhile",
                paths.config.display()
            ))
            .hint("try again; nothing was written"));
        }
        files::replace(&paths.config, changed.as_bytes())
            .map_err(|error| disk(&paths.config, error))
    }

    /// A running gateway looks at the file by itself, but not at once.
    fn nudge(&self) {
        if let Some(holder) = self.invocation.gateway() {
            // Somebody else's gateway finds the change by itself.
            signal(&holder, Signal::HUP).unwrap_or_default();
        }
    }

    /// Says so when what is to be removed stands in another file.
    pub(crate) fn not_here(&self, path: &KeyPath, error: EditError) -> Failure {
        let before = configuration::value_of(&self.check(&self.text));
        match error {
            EditError::NotSet(_) if edit::get(&before, path).is_some() => {
                refused(EditError::Included(path.to_string()))
            }
            error => refused(error),
        }
    }

    /// What the change brings that `config validate` warns of.
    fn warn(&self, before: &Loaded, after: &Loaded) {
        for warning in configuration::warnings(after) {
            let is_known = configuration::warnings(before)
                .any(|known| known.path == warning.path && known.message == warning.message);
            if !is_known {
                self.invocation.output.note(&format!("warning: {warning}"));
            }
        }
    }

    fn tell(
        &self,
        plan: &ReloadPlan,
        after: &Loaded,
        is_same: bool,
        dry_run: bool,
    ) -> Result<(), Failure> {
        let running = self.invocation.gateway().is_some();
        let effect = match (running, &after.config) {
            (false, _) if is_for_commands(plan) => "commands use it from now on".to_owned(),
            (true, None) => {
                "the running gateway keeps what it has until the file has no problem".to_owned()
            }
            (true, Some(config)) => effect(plan, config.gateway.reload.mode),
            (false, _) if plan.is_empty() => "it has no effect on a gateway".to_owned(),
            (false, _) => "it takes effect when the gateway starts".to_owned(),
        };
        let names = |paths: &[KeyPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        let accounts: Vec<String> = plan.accounts.iter().map(account_name).collect();
        let value = json!({
            "ok": true, "path": self.invocation.paths.config.to_string_lossy(), "written": !is_same && !dry_run,
            "changed": !is_same, "live": names(&plan.live), "accounts": accounts, "restart": names(&plan.restart),
            "needsRestart": !plan.restart.is_empty(), "effect": effect,
        });
        self.invocation
            .output
            .either(&value, || match (is_same, dry_run) {
                (true, _) => "nothing changed".to_owned(),
                (false, true) => format!("valid, nothing written; {effect}"),
                (false, false) => format!(
                    "{} changed; {effect}",
                    self.invocation.paths.config.display()
                ),
            })?;
        if !after.problems.is_empty() {
            self.invocation.output.note(
                "the file still has problems that were there before; see `torana config validate`",
            );
        }
        Ok(())
    }
}

/// The file's text, and whether there is one.
fn current(path: &Path) -> Result<(String, bool), Failure> {
    match files::read_capped(path, PATCH_BYTES_MAX) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::new(
                    Exit::Config,
                    format!("{} is not UTF-8 text", path.display()),
                )
                .hint("save it as UTF-8")
            })?;
            Ok((text, true))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((String::new(), false)),
        Err(error) => Err(Failure::new(
            Exit::Config,
            format!("cannot read {}: {error}", path.display()),
        )),
    }
}
