//! `logging.*`: level, file, console, redaction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Log level, file and console format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Logging {
    /// What is written to the log file.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub level: LogLevel,
    /// The log file. Unset means `logs/gateway.log` below the state directory.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub file: Option<String>,
    /// What is written to the terminal. Unset means the same as `level`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub console_level: Option<LogLevel>,
    /// How it looks there. Unset means `pretty` on a terminal and `json` elsewhere.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub console_style: Option<ConsoleStyle>,
    /// Size at which the log file is rotated; five old files are kept. The default is 50 MiB.
    #[schemars(range(min = 65_536), extend("x-reload" = "restart", "x-unit" = "bytes", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub max_file_bytes: u64,
    /// Further patterns (regular expressions) whose matches never reach a log; known secrets are removed anyway. At most 64, and none may match nothing.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub redact_patterns: Vec<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            file: None,
            console_level: None,
            console_style: None,
            // 50 MiB times five files keeps weeks of ordinary use and cannot fill a small disk.
            max_file_bytes: 50 * 1024 * 1024,
            redact_patterns: Vec::new(),
        }
    }
}

/// How much is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Silent,
    /// Only what ends the process.
    Fatal,
    /// Data at risk, or an operator must act.
    Error,
    /// Unexpected but handled.
    Warn,
    /// An operator's action had an effect.
    #[default]
    Info,
    /// Decisions.
    Debug,
    /// Content.
    Trace,
}

/// How log lines look on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsoleStyle {
    /// For people.
    Pretty,
    /// For machines, one JSON object per line.
    Json,
}
