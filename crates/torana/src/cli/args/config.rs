//! The grammar of `torana config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `torana config …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a value; secrets are hidden
    Get {
        /// Key, as `channels.telegram` or `bindings[0].agentId`; everything when absent
        path: Option<String>,
    },
    /// Change a value
    Set {
        /// Key
        path: String,
        /// New value: JSON5, or else plain text
        value: String,
        #[command(flatten)]
        write: WriteFlags,
        /// Refuse a value that is not JSON
        #[arg(long)]
        strict_json: bool,
        /// Merge an object into the one that is there
        #[arg(long)]
        merge: bool,
    },
    /// Remove a value, so that the default holds
    Unset {
        /// Key
        path: String,
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Merge a JSON5 object into the file; `null` removes
    Patch {
        /// The patch itself
        #[arg(value_name = "JSON5", required_unless_present_any = ["file", "stdin"])]
        patch: Option<String>,
        /// Read the patch from a file
        #[arg(long, value_name = "PATH", conflicts_with_all = ["patch", "stdin"])]
        file: Option<PathBuf>,
        /// Read the patch from the input
        #[arg(long, conflicts_with = "patch")]
        stdin: bool,
        /// List that the patch may shorten; can be repeated
        #[arg(long, value_name = "KEY")]
        replace_path: Vec<String>,
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Check the file and print everything that is wrong
    Validate,
    /// Print the JSON Schema, or the part of one key
    Schema {
        /// Key
        path: Option<String>,
    },
    /// Print the path of the file
    File,
}

/// Options of every change of the file.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WriteFlags {
    /// Check the change and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
