//! `torana config`: the file, read and changed with its comments kept, never left in a worse state than before.

use std::io::Read as _;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Map, Value, json};
use torana_core::config::edit::{self, EditError};
use torana_core::config::tree::ReloadMode;
use torana_core::config::{Finding, KeyPath, Knowledge, Loaded, ReloadPlan, Segment};
use torana_host::files;

use super::gateway::signal;
use crate::cli::args::{ConfigCommand, WriteFlags};
use crate::cli::failure::{Exit, Failure, disk_hint};
use crate::cli::invocation::Invocation;
use crate::cli::words::plain;
use crate::configuration::{self, Variables};

/// Versions of the file that are kept (decision 26).
const BACKUPS_KEPT: usize = 10;
/// Patch from a file, bytes; the same as the file itself may have.
const PATCH_BYTES_MAX: u64 = torana_core::config::TEXT_BYTES_MAX as u64;
/// Files below this size may shrink freely: taking one section out of a small file is no accident.
const SHRINK_GUARD_BYTES_MIN: usize = 512;

/// Runs one of the commands. None of them needs a gateway.
pub(crate) fn run(invocation: &Invocation, command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Get { path } => get(invocation, path.as_deref()),
        ConfigCommand::Set {
            path,
            value,
            write,
            strict_json,
            merge,
        } => {
            let path = key(&path)?;
            let value = value_of(&value, strict_json)?;
            let target = Target::read(invocation)?;
            let changed = if merge {
                let patch = nested(&path, value)?;
                edit::merge(&target.text, &patch, &[])
            } else {
                edit::set(&target.text, &path, &value)
            };
            target.write(changed.map_err(refused)?, write)
        }
        ConfigCommand::Unset { path, write } => {
            let target = Target::read(invocation)?;
            let path = key(&path)?;
            let changed =
                edit::unset(&target.text, &path).map_err(|error| target.not_here(&path, error))?;
            target.write(changed, write)
        }
        ConfigCommand::Patch {
            patch,
            file,
            stdin,
            replace_path,
            write,
        } => {
            let text = patch_text(patch, file.as_deref(), stdin)?;
            let patch = edit::parse_value(&text)
                .filter(Value::is_object)
                .ok_or_else(|| Failure::new(Exit::Usage, "the patch is not a JSON5 object"))?;
            let replaced = replace_path
                .iter()
                .map(|path| key(path))
                .collect::<Result<Vec<_>, _>>()?;
            let target = Target::read(invocation)?;
            let changed = edit::merge(&target.text, &patch, &replaced).map_err(refused)?;
            target.guard(&changed)?;
            target.write(changed, write)
        }
        ConfigCommand::Validate => validate(invocation),
        ConfigCommand::Schema { path } => schema(invocation, path.as_deref()),
        ConfigCommand::File => {
            let path = invocation.paths.config.display().to_string();
            let value = json!({ "path": path, "exists": invocation.paths.config.exists() });
            invocation.output.either(&value, || path.clone())
        }
    }
}

fn key(text: &str) -> Result<KeyPath, Failure> {
    text.parse().map_err(|error| {
        Failure::failed(format!("`{text}` is not a key: {error}"))
            .hint("write keys as `channels.telegram.streaming` or `bindings[0].agentId`")
    })
}

/// JSON5, or else plain text: `partial` needs no quotes.
fn value_of(text: &str, strict: bool) -> Result<Value, Failure> {
    if strict {
        return serde_json::from_str(text).map_err(|_| {
            Failure::new(Exit::Usage, "the value is not JSON")
                .hint("quote text as '\"text\"', or leave --strict-json away")
        });
    }
    Ok(edit::parse_value(text).unwrap_or_else(|| Value::String(text.to_owned())))
}

/// The value below the keys of a path, as a merge patch wants it.
fn nested(path: &KeyPath, value: Value) -> Result<Value, Failure> {
    path.segments()
        .iter()
        .rev()
        .try_fold(value, |value, segment| match segment {
            Segment::Key(key) => Ok(Value::Object(Map::from_iter([(key.clone(), value)]))),
            Segment::Index(_) => Err(Failure::failed("--merge cannot reach into a list")
                .hint("set the item without --merge")),
        })
}

fn refused(error: EditError) -> Failure {
    match &error {
        EditError::Unreadable(_) => Failure::new(Exit::Config, error.to_string())
            .hint("mend the file by hand; `torana config validate` shows where"),
        EditError::RemovesEntries(path) => Failure::failed(error.to_string())
            .hint(format!("add `--replace-path {path}` if that is meant")),
        EditError::Placeholder(_) => {
            Failure::failed(error.to_string()).hint("give the value itself, or leave the key out")
        }
        EditError::NotSet(_)
        | EditError::NotAContainer(_)
        | EditError::NoSuchItem { .. }
        | EditError::Included(_)
        | EditError::Diverged => Failure::failed(error.to_string()),
    }
}

fn patch_text(patch: Option<String>, file: Option<&Path>, stdin: bool) -> Result<String, Failure> {
    if let Some(patch) = patch {
        return Ok(patch);
    }
    let bytes = match file {
        Some(path) => files::read_capped(path, PATCH_BYTES_MAX)
            .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?,
        None if stdin => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .take(PATCH_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::failed(format!("cannot read the input: {error}")))?;
            bytes
        }
        None => {
            return Err(Failure::new(Exit::Usage, "there is no patch")
                .hint("give it as an argument, with --file or with --stdin"));
        }
    };
    String::from_utf8(bytes).map_err(|_| Failure::failed("the patch is not UTF-8 text"))
}

fn get(invocation: &Invocation, path: Option<&str>) -> Result<(), Failure> {
    let configuration = invocation.configuration()?;
    if configuration.loaded.document.is_none() {
        return Err(problems_as_failure(
            invocation,
            &configuration.loaded.problems,
        ));
    }
    let schema = configuration::schema();
    let shown = schema.redacted(&configuration::value_of(&configuration.loaded));
    let Some(path) = path else {
        return invocation.output.value(&shown);
    };
    let path = key(path)?;
    match (edit::get(&shown, &path), schema.knowledge(&path)) {
        (Some(value), _) if invocation.output.json || value.is_object() || value.is_array() => {
            invocation.output.value(value)
        }
        (Some(value), _) => invocation.output.text(&plain(value)),
        (None, Knowledge::Known) => {
            let default = schema
                .lookup(&path)
                .and_then(|schema| schema.get("default"));
            let failure = Failure::failed(format!("`{path}` is not set"));
            Err(match default {
                Some(default) => failure.hint(format!(
                    "set it with `torana config set {path} <value>`; the default is {}",
                    plain(default)
                )),
                None => failure.hint(format!("set it with `torana config set {path} <value>`")),
            })
        }
        (None, Knowledge::Unbuilt) => Err(Failure::failed(format!(
            "`{path}` is not set, and not built here yet"
        ))),
        (None, Knowledge::Unknown) => Err(unknown(invocation, &path)),
    }
}

/// A key that nobody knows, with the nearest that is: what the check of a file with it would say.
fn unknown(invocation: &Invocation, path: &KeyPath) -> Failure {
    let suggestion = nested(path, Value::Null).ok().and_then(|value| {
        let loaded = configuration::check(
            &invocation.paths,
            &invocation.variables(),
            &value.to_string(),
        );
        let written = path.to_string();
        let mut problems = loaded.problems.into_iter();
        problems
            .find(|problem| written.starts_with(&problem.path))?
            .hint
    });
    Failure::failed(format!("`{path}` is not a known key"))
        .hint(suggestion.unwrap_or_else(|| "list the keys with `torana config schema`".to_owned()))
}

fn schema(invocation: &Invocation, path: Option<&str>) -> Result<(), Failure> {
    let schema = configuration::schema();
    let Some(path) = path else {
        return invocation.output.value(schema.as_value());
    };
    let path = key(path)?;
    match schema.lookup(&path) {
        Some(part) => invocation.output.value(part),
        None => Err(unknown(invocation, &path)),
    }
}

fn problems_as_failure(invocation: &Invocation, problems: &[Finding]) -> Failure {
    let lines = configuration::lines(problems).join("\n  ");
    Failure::new(
        Exit::Config,
        format!(
            "{} cannot be read:\n  {lines}",
            invocation.paths.config.display()
        ),
    )
    .hint("mend the file; `torana config validate` checks again")
}

fn finding(finding: &Finding) -> Value {
    json!({
        "file": finding.place.as_ref().map(|place| place.file.clone()),
        "line": finding.place.as_ref().map(|place| place.line),
        "column": finding.place.as_ref().map(|place| place.column),
        "path": finding.path, "message": finding.message, "hint": finding.hint,
    })
}

/// Prints everything that is wrong or worth a look. Exit 78 when something is wrong.
fn validate(invocation: &Invocation) -> Result<(), Failure> {
    let configuration = invocation.configuration()?;
    let loaded = &configuration.loaded;
    let value = json!({
        "valid": loaded.problems.is_empty(),
        "path": invocation.paths.config.to_string_lossy(),
        "exists": configuration.exists,
        "problems": loaded.problems.iter().map(finding).collect::<Vec<_>>(),
        "warnings": loaded.warnings.iter().map(finding).collect::<Vec<_>>(),
        "refusals": loaded.refusals.iter().map(|refusal| json!({
            "part": refusal.part.to_string(), "key": refusal.key, "message": refusal.message,
        })).collect::<Vec<_>>(),
        "acceptedUnbuilt": loaded.accepted_unbuilt,
        "unavailableChannels": loaded.unavailable_channels,
    });
    invocation
        .output
        .either(&value, || report(invocation, loaded, configuration.exists))?;
    if loaded.problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::said(Exit::Config))
    }
}

/// What a check found, in words.
pub(crate) fn report(invocation: &Invocation, loaded: &Loaded, exists: bool) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("{title}\n"));
            for line in lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
    };
    section(
        "problems; the gateway does not start:",
        configuration::lines(&loaded.problems),
    );
    section(
        "parts that do not start:",
        loaded.refusals.iter().map(ToString::to_string).collect(),
    );
    section(
        "warnings:",
        configuration::warnings(loaded)
            .map(ToString::to_string)
            .collect(),
    );
    section(
        "accepted and not built here yet:",
        loaded
            .accepted_unbuilt
            .iter()
            .map(|key| format!("`{key}`"))
            .collect(),
    );
    let path = invocation.paths.config.display();
    let verdict = match (loaded.problems.len(), exists) {
        (0, true) => format!("{path} is valid"),
        (0, false) => format!("{path} does not exist; the defaults hold"),
        (1, _) => format!("{path} has 1 problem"),
        (number, _) => format!("{path} has {number} problems"),
    };
    text.push_str(&verdict);
    text
}

/// The file that is changed.
struct Target<'a> {
    invocation: &'a Invocation,
    variables: Variables,
    text: String,
    exists: bool,
}

impl<'a> Target<'a> {
    fn read(invocation: &'a Invocation) -> Result<Self, Failure> {
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
    fn guard(&self, changed: &str) -> Result<(), Failure> {
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

    fn write(self, changed: String, flags: WriteFlags) -> Result<(), Failure> {
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
        self.tell(&plan, &after, is_same, flags.dry_run)
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
    fn not_here(&self, path: &KeyPath, error: EditError) -> Failure {
        let before = configuration::value_of(&self.check(&self.text));
        match error {
            EditError::NotSet(_) if edit::get(&before, path).is_some() => {
                refused(EditError::Included(path.to_string()))
            }
            error => refused(error),
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

fn account_name((channel, account): &(String, Option<String>)) -> String {
    account
        .as_ref()
        .map_or_else(|| channel.clone(), |account| format!("{channel}:{account}"))
}

/// What a running gateway makes of a change, in words.
fn effect(plan: &ReloadPlan, mode: ReloadMode) -> String {
    if plan.is_empty() {
        return "it has no effect on a running gateway".to_owned();
    }
    let keys: Vec<String> = plan
        .restart
        .iter()
        .map(|path| format!("`{path}`"))
        .collect();
    let keys = keys.join(", ");
    let mut parts = Vec::new();
    match mode {
        ReloadMode::Off => {
            return "`gateway.reload.mode` is `off`: it takes effect after `torana gateway restart`"
                .to_owned();
        }
        ReloadMode::Restart if keys.is_empty() => {
            return "the running gateway restarts for it".to_owned();
        }
        ReloadMode::Restart | ReloadMode::Hybrid if !keys.is_empty() => {
            return format!("the running gateway restarts for {keys}");
        }
        ReloadMode::Hot if !keys.is_empty() => {
            parts.push(format!("{keys}: only after `torana gateway restart`"));
        }
        ReloadMode::Restart | ReloadMode::Hybrid | ReloadMode::Hot => {}
    }
    if !plan.accounts.is_empty() {
        let accounts: Vec<String> = plan.accounts.iter().map(account_name).collect();
        parts.push(format!(
            "the running gateway restarts {}",
            accounts.join(", ")
        ));
    }
    if parts.is_empty() {
        parts.push("the running gateway takes it up".to_owned());
    }
    parts.join("; ")
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

/// Keeps a version of the file and forgets the oldest ones.
pub(crate) fn keep(folder: &Path, text: &str, at_ms: i64) -> std::io::Result<()> {
    files::private_dir(folder)?;
    files::replace(
        &folder.join(format!("config-{at_ms:015}.json")),
        text.as_bytes(),
    )?;
    let mut kept: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("config-"))
        })
        .collect();
    // The name begins with the time, so the order of names is the order of age.
    kept.sort();
    for old in kept.iter().rev().skip(BACKUPS_KEPT) {
        std::fs::remove_file(old)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(old: &Value, new: &Value) -> ReloadPlan {
        ReloadPlan::between(configuration::schema(), old, new)
    }

    #[test]
    fn what_a_change_does_follows_the_mode_of_reloading() {
        let restart = plan(&json!({}), &json!({ "gateway": { "port": 1 } }));
        let live = plan(
            &json!({}),
            &json!({ "agents": { "defaults": { "model": "a/b" } } }),
        );
        let cases = [
            (
                &restart,
                ReloadMode::Hybrid,
                "the running gateway restarts for `gateway.port`",
            ),
            (
                &restart,
                ReloadMode::Hot,
                "`gateway.port`: only after `torana gateway restart`",
            ),
            (&live, ReloadMode::Hybrid, "the running gateway takes it up"),
            (
                &live,
                ReloadMode::Restart,
                "the running gateway restarts for it",
            ),
            (
                &live,
                ReloadMode::Off,
                "`gateway.reload.mode` is `off`: it takes effect after `torana gateway restart`",
            ),
        ];
        for (plan, mode, words) in cases {
            assert_eq!(effect(plan, mode), words);
        }
    }
}
