//! Logging: people read the console, programs read the file; both are redacted and escaped where they are written.

use std::io::IsTerminal;

use torana_core::config::Config;
use torana_core::config::tree::{ConsoleStyle, LogLevel};
use torana_host::logs::{ConsoleLog, LogFile, LogFileOptions, Redactor};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::paths::Paths;

/// A running log: what must be known to change it and to read it.
pub(crate) struct Logging {
    pub(crate) redactor: Redactor,
    pub(crate) file: LogFile,
    file_level: reload::Handle<EnvFilter, Registry>,
    console_level: ConsoleLevel,
    /// `--verbose` outlives a changed configuration.
    verbose: bool,
}

/// Changes what the console shows. The type of its handle names every layer below it, so only the action is kept.
type ConsoleLevel = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl Logging {
    /// Starts console and file.
    pub(crate) fn start(config: &Config, paths: &Paths, verbose: bool) -> Result<Self, String> {
        let (logging, subscriber) = Self::prepare(config, paths, verbose)?;
        subscriber
            .try_init()
            .map_err(|error| format!("logging cannot start: {error}"))?;
        Ok(logging)
    }

    /// Opens the file; nothing is logged before the subscriber is the process's own.
    pub(crate) fn prepare(
        config: &Config,
        paths: &Paths,
        verbose: bool,
    ) -> Result<(Self, Dispatch), String> {
        let redactor = Redactor::new();
        let path = config
            .logging
            .file
            .as_ref()
            .map_or_else(|| paths.log_file(), std::path::PathBuf::from);
        if let Some(folder) = path.parent() {
            torana_host::files::private_dir(folder)
                .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        }
        let options = LogFileOptions {
            bytes_max: config.logging.max_file_bytes,
            ..LogFileOptions::new(&path)
        };
        let file = LogFile::open(options, redactor.clone())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let console = ConsoleLog::new(redactor.clone());
        let (file_word, console_word) = words(config, verbose);
        let (file_filter, file_level) = reload::Layer::new(filter(file_word));
        let (console_filter, console_level) = reload::Layer::new(filter(console_word));
        let json_console = matches!(config.logging.console_style, Some(ConsoleStyle::Json))
            || (config.logging.console_style.is_none() && !std::io::stderr().is_terminal());
        let to_file = file.clone();
        let file_layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(move || to_file.writer());
        let console_layer = if json_console {
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(move || console.writer())
                .boxed()
        } else {
            tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(move || console.writer())
                .boxed()
        };
        let subscriber = tracing_subscriber::registry()
            .with(file_layer.with_filter(file_filter))
            .with(console_layer.with_filter(console_filter));
        let console_level = Box::new(move |filter| console_level.reload(filter));
        let logging = Self {
            redactor,
            file,
            file_level,
            console_level,
            verbose,
        };
        Ok((logging, Dispatch::new(subscriber)))
    }

    /// Follows changed levels.
    pub(crate) fn apply(&self, config: &Config) {
        let (file, console) = words(config, self.verbose);
        let changed = self
            .file_level
            .reload(filter(file))
            .and_then(|()| (self.console_level)(filter(console)));
        if let Err(error) = changed {
            tracing::warn!(%error, "The log level could not be changed.");
        }
    }
}

/// The levels of file and console.
fn words(config: &Config, verbose: bool) -> (&'static str, &'static str) {
    let logging = &config.logging;
    if verbose {
        return ("debug", "debug");
    }
    (
        word(logging.level),
        word(logging.console_level.unwrap_or(logging.level)),
    )
}

fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Silent => "off",
        LogLevel::Fatal | LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

/// Our own code at the wanted level; libraries only when something is wrong, because they know no secrets of ours.
fn filter(level: &str) -> EnvFilter {
    let quiet = if level == "off" || level == "error" {
        level
    } else {
        "warn"
    };
    EnvFilter::new(format!(
        "{quiet},torana={level},torana_core={level},torana_engine={level},torana_channels={level},torana_agents={level},torana_dialects={level},torana_host={level}"
    ))
}
