//! Where things are: state directory, config file, and what the environment says about them.
//!
//! The state directory follows the profile, never the config path (decision 24).

use std::path::{Path, PathBuf};

use torana_host::env::Environment;

/// Port of the `dev` profile, so that it never meets the ordinary gateway (behaviour 1.1).
pub(crate) const DEV_PORT: u16 = 19_001;
/// Default port (OpenClaw 2026.9).
pub(crate) const DEFAULT_PORT: u16 = 18_789;

/// The config file of a profile, in its state directory.
pub(crate) const CONFIG_FILE: &str = "torana.json";

/// Flags that choose files, as given on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct PathFlags {
    pub(crate) config: Option<PathBuf>,
    pub(crate) profile: Option<String>,
    pub(crate) dev: bool,
}

/// Resolved places of one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) state: PathBuf,
    pub(crate) config: PathBuf,
    /// The config file was named by flag or environment, so it must exist.
    pub(crate) config_is_explicit: bool,
    pub(crate) profile: Option<String>,
}

impl Paths {
    /// Resolves flags over environment over defaults.
    pub(crate) fn resolve(flags: &PathFlags, environment: &Environment) -> Result<Self, String> {
        let profile = match (&flags.profile, flags.dev) {
            (Some(profile), false) => Some(profile.clone()),
            (None, true) => Some("dev".to_owned()),
            (None, false) => environment.get("TORANA_PROFILE").map(str::to_owned),
            (Some(_), true) => {
                return Err("--dev is the profile `dev`; give either --dev or --profile".to_owned());
            }
        };
        if let Some(profile) = &profile
            && (profile.is_empty()
                || !profile
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)))
        {
            return Err(format!(
                "profile `{profile}` may contain only letters, digits, `-` and `_`"
            ));
        }
        let state = match environment.get("TORANA_STATE_DIR") {
            Some(path) => at_home(path.into(), environment),
            None => {
                let home = environment
                    .home()
                    .ok_or("HOME is not set; set it, or TORANA_STATE_DIR")?;
                match profile.as_deref() {
                    None | Some("default") => home.join(".torana"),
                    Some(profile) => home.join(format!(".torana-{profile}")),
                }
            }
        };
        let explicit = flags.config.clone().or_else(|| {
            environment
                .first(["TORANA_CONFIG", "OPENCLAW_CONFIG_PATH"])
                .map(PathBuf::from)
        });
        let explicit = explicit.map(|path| at_home(path, environment));
        let config_is_explicit = explicit.is_some();
        let config = explicit.unwrap_or_else(|| state.join(CONFIG_FILE));
        Ok(Self {
            state: absolute(&state),
            config: absolute(&config),
            config_is_explicit,
            profile,
        })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.state.join("torana.db")
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.state.join("credentials")
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.credentials().join("gateway-token")
    }

    pub(crate) fn install_key_file(&self) -> PathBuf {
        self.credentials().join("install-key")
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.state.join("logs").join("gateway.log")
    }

    /// What happened before the gateway ended, the last times.
    pub(crate) fn stability(&self) -> PathBuf {
        self.state.join("logs").join("stability")
    }

    pub(crate) fn backups(&self) -> PathBuf {
        self.state.join("config-backups")
    }

    /// Folders that were given up, out of the way but not lost.
    pub(crate) fn trash(&self) -> PathBuf {
        self.state.join("trash")
    }

    /// The port when neither flag, environment nor config names one.
    pub(crate) fn default_port(&self) -> u16 {
        if self.profile.as_deref() == Some("dev") {
            DEV_PORT
        } else {
            DEFAULT_PORT
        }
    }
}

/// `~/…` as a shell would have read it: units of a service manager and quoted options hand it over as it is.
fn at_home(path: PathBuf, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~"), environment.home()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_home_folder_may_be_written_with_a_tilde() {
        let environment = Environment::from_pairs([
            ("HOME", "/made/up"),
            ("TORANA_STATE_DIR", "~/state"),
            ("TORANA_CONFIG", "~ada/torana.json"),
        ]);
        let paths = Paths::resolve(&PathFlags::default(), &environment).expect("places");
        assert_eq!(paths.state, Path::new("/made/up/state"));
        assert!(
            paths.config.ends_with("~ada/torana.json"),
            "a name is not resolved"
        );
        let flags = PathFlags {
            config: Some("~/other.json".into()),
            ..PathFlags::default()
        };
        let paths = Paths::resolve(&flags, &environment).expect("places");
        assert_eq!(paths.config, Path::new("/made/up/other.json"));
    }
}
