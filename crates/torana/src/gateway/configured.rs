//! A configuration a gateway may run with, what is told of it, and the last good one.

use torana_core::config::{Config, Part};
use torana_host::files;

use super::failure::{EXIT_CONFIG, Failure};
use crate::configuration::{self, Configuration, Variables};
use crate::paths::Paths;

/// The configuration, when a gateway may run with it.
pub(super) fn required(paths: &Paths, configuration: &Configuration) -> Result<Config, Failure> {
    if let Err(problems) = configuration::require(&configuration.loaded) {
        let count = problems.len();
        let list: String = problems.iter().map(|line| format!("\n  {line}")).collect();
        let what = if count == 1 {
            "one problem".to_owned()
        } else {
            format!("{count} problems")
        };
        return Err(Failure::new(EXIT_CONFIG, format!("{} has {what}:{list}", paths.config.display()))
            .hint("mend the file, or restore the last good one with `torana doctor --fix`; `torana config validate` checks again"));
    }
    let config = configuration::require(&configuration.loaded)
        .map_err(|_| Failure::new(EXIT_CONFIG, "no configuration"))?;
    if matches!(
        config.gateway.mode,
        Some(torana_core::config::tree::GatewayMode::Remote)
    ) {
        return Err(Failure::new(
            EXIT_CONFIG,
            "`gateway.mode` is `remote`: this configuration is for a client of another gateway",
        )
        .hint("set `gateway.mode` to `local` to run a gateway here"));
    }
    let guarded = configuration
        .loaded
        .refusals
        .iter()
        .find(|refusal| matches!(refusal.part, Part::Gateway));
    if let Some(refusal) = guarded {
        return Err(Failure::new(
            EXIT_CONFIG,
            format!("`{}`: {}", refusal.key, refusal.message),
        ));
    }
    Ok(config.clone())
}

pub(super) fn tell_findings(configuration: &Configuration, variables: &Variables) {
    for name in variables.kept_out() {
        tracing::warn!(
            name,
            "The .env file of the working directory may not set this variable; set it in the state directory's."
        );
    }
    for warning in &configuration.loaded.warnings {
        tracing::warn!(finding = %warning, "The configuration deserves a look.");
    }
    for refusal in &configuration.loaded.refusals {
        tracing::error!(key = %refusal.key, reason = %refusal.message, "A part does not start.");
    }
}

/// Keeps a copy of a configuration that started, for `doctor --fix` (decision 22).
pub(crate) fn remember_good(paths: &Paths, configuration: &Configuration) {
    if !configuration.exists || configuration.text.contains(torana_core::config::REDACTED) {
        return;
    }
    let path = paths.backups().join("last-good.json");
    let text = configuration.text.as_bytes();
    // Most starts find the configuration of the one before, which is on disk already.
    if files::read_capped(&path, torana_core::config::TEXT_BYTES_MAX as u64)
        .is_ok_and(|known| known == text)
    {
        return;
    }
    let kept = files::private_dir(&paths.backups()).and_then(|()| files::replace(&path, text));
    if let Err(error) = kept {
        tracing::warn!(%error, "The working configuration could not be remembered.");
    }
}
