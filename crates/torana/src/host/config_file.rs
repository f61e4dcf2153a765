//! The configuration file as clients look at it and change it.
//!
//! Looking is cheap while nothing changed: the files are compared by inode, length and time, and only read when one of
//! them is another one.

use std::sync::{Arc, PoisonError};

use torana_core::config::edit::WriteRefusal;
use torana_core::config::{Finding, TreeSchema, edit};
use torana_core::port::BoxFuture;
use torana_core::problem::{Code, Problem};
use torana_dialects::site::{ConfigEffect, ConfigFile, ConfigIssue, ConfigView};
use torana_host::files;

use super::gateway::{GatewayHost, Looked};
use super::in_force::Running;
use crate::configuration;
use crate::configuration::{AsRead, Configuration, stamp};

fn issues(findings: &[Finding]) -> Vec<ConfigIssue> {
    findings
        .iter()
        .map(|finding| ConfigIssue {
            path: finding.path.clone(),
            message: finding.message.clone(),
        })
        .collect()
}

impl GatewayHost {
    fn look(&self) -> Result<Arc<ConfigView>, Problem> {
        let running = self.in_force.load();
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = looked.as_ref() {
            let files: Vec<String> = last.stamp.iter().map(|(file, ..)| file.clone()).collect();
            if Arc::ptr_eq(&last.running, &running) && stamp(files) == last.stamp {
                return Ok(Arc::clone(&last.view));
            }
        }
        drop(looked);
        let read = configuration::read(&self.paths, &self.variables)
            .map_err(|message| Problem::new(Code::Unavailable, message))?;
        Ok(self.seen(read, running))
    }

    /// What was read, kept for the next look unless the files are other ones by now.
    pub(crate) fn seen(&self, read: Configuration, running: Arc<Running>) -> Arc<ConfigView> {
        let mut files = vec![self.paths.config.to_string_lossy().into_owned()];
        let included = included(&read);
        files.extend(included.iter().cloned());
        let stamp = stamp(files);
        // What is saved after the reading has a stamp already, and must not be taken for what was read.
        let is_current = AsRead::of(&read).is_current(&self.paths.config);
        let view = Arc::new(self.view_of(read, included, &running));
        let looked = is_current.then(|| Looked {
            stamp,
            running,
            view: Arc::clone(&view),
        });
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = looked;
        view
    }

    fn view_of(&self, read: Configuration, included: Vec<String>, running: &Running) -> ConfigView {
        ConfigView {
            path: self.paths.config.to_string_lossy().into_owned(),
            exists: read.exists,
            hash: self.in_force.hash_of(&read.text),
            merged: configuration::value_of(&read.loaded),
            included,
            valid: read.loaded.config.is_some(),
            issues: issues(&read.loaded.problems),
            warnings: issues(&read.loaded.warnings),
            running: Arc::clone(&running.value),
            running_hash: running.hash.clone(),
            text: read.text,
        }
    }

    /// Replaces the file if it is still the one the change was made from.
    fn store(&self, before: &ConfigView, text: &str) -> Result<(), Problem> {
        let stale =
            || Problem::invalid("config changed since last load; re-run config.get and retry");
        let now = configuration::read(&self.paths, &self.variables)
            .map_err(|message| Problem::new(Code::Unavailable, message))?;
        if now.exists != before.exists || now.text != before.text {
            return Err(stale());
        }
        let disk = |error: std::io::Error| {
            tracing::error!(%error, "The configuration file could not be written.");
            let code = if error.kind() == std::io::ErrorKind::StorageFull {
                Code::StorageFull
            } else {
                Code::Unavailable
            };
            Problem::new(
                code,
                format!("the configuration file cannot be written: {}", error.kind()),
            )
        };
        if before.exists {
            let kept =
                crate::cli::keep_config(&self.paths.backups(), &before.text, self.world.wall_ms());
            kept.map_err(disk)?;
        } else if let Some(folder) = self.paths.config.parent().filter(|folder| !folder.exists()) {
            files::private_dir(folder).map_err(disk)?;
        }
        files::replace(&self.paths.config, text.as_bytes()).map_err(disk)?;
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

fn included(read: &Configuration) -> Vec<String> {
    read.loaded
        .document
        .iter()
        .flat_map(|document| document.files().skip(1).map(str::to_owned))
        .collect()
}

impl ConfigFile for GatewayHost {
    fn view(&self) -> BoxFuture<'_, Result<Arc<ConfigView>, Problem>> {
        Box::pin(async move { self.look() })
    }

    fn schema(&self) -> &TreeSchema {
        configuration::schema()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name)
    }

    fn check(&self, text: &str) -> Vec<ConfigIssue> {
        issues(&configuration::check(&self.paths, &self.variables, text).problems)
    }

    fn write(
        &self,
        before: Arc<ConfigView>,
        text: String,
        restart_delay_ms: u64,
    ) -> BoxFuture<'_, Result<ConfigEffect, Problem>> {
        Box::pin(async move {
            let runner = self.runner()?;
            if before.exists {
                configuration::with_input(&self.paths, &self.variables, &before.text, |input| {
                    edit::propose(input, &text).map(drop)
                })
                .map_err(|refusal| refused(&refusal))?;
            }
            self.store(&before, &text)?;
            let applied = runner
                .reload_after("a client's change", restart_delay_ms)
                .await;
            let mut effect = ConfigEffect::default();
            if let Some(applied) = applied {
                let names = |paths: &[torana_core::config::KeyPath]| {
                    paths.iter().map(ToString::to_string).collect::<Vec<_>>()
                };
                effect.restart = names(&applied.plan.restart);
                effect.restarts = applied.restarts;
                let accounts =
                    applied
                        .plan
                        .accounts
                        .iter()
                        .map(|(channel, account)| match account {
                            Some(account) => format!("{channel}/{account}"),
                            None => channel.clone(),
                        });
                if applied.in_force {
                    effect.live = names(&applied.plan.live);
                    effect.accounts = accounts.collect();
                } else {
                    // Reloading is switched off, so everything waits.
                    effect.restart.extend(names(&applied.plan.live));
                    effect
                        .restart
                        .extend(accounts.map(|account| format!("channels.{account}")));
                }
            }
            Ok(effect)
        })
    }
}

fn refused(refusal: &WriteRefusal) -> Problem {
    match refusal {
        WriteRefusal::Invalid(problems) => {
            let first = problems.first();
            let text = first.map_or_else(|| "it is not valid".to_owned(), ToString::to_string);
            Problem::invalid(format!("invalid config: {text}"))
        }
        WriteRefusal::ModeVanishes | WriteRefusal::Shrinks { .. } => {
            Problem::invalid(format!("config write refused: {refusal}"))
                .hint("check what would be lost; edit the file by hand when it is meant")
        }
    }
}
