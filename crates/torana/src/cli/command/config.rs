//! `torana config`: the file, read and changed with its comments kept, never left in a worse state than before.

use serde_json::{Value, json};
use torana_core::config::edit;

use crate::cli::args::ConfigCommand;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;

mod backup;
mod check;
mod effect;
mod input;
mod show;
mod target;

pub(crate) use backup::keep;
use check::validate;
use input::{key, nested, patch_text, refused, value_of};
use show::{get, schema};
use target::Target;

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
