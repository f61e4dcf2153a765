//! The grammar of pictures and films that nodes take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::wait::span_ms;

/// Who takes it, and where it goes.
#[derive(Debug, Clone, Args)]
pub(crate) struct CaptureFlags {
    /// The node: id, its beginning, name, or address
    #[arg(long, value_name = "NODE")]
    pub(crate) node: String,
    /// File to write, instead of one for temporary things
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// How long the node may take, milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) invoke_timeout: Option<u64>,
}

/// `torana nodes camera …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CameraCommand {
    /// Show the cameras of a node
    List {
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
    },
    /// Have a node take a picture, and print where it was put
    Snap {
        #[command(flatten)]
        capture: CaptureFlags,
        /// Which way the camera looks; `both` takes two pictures
        #[arg(long, value_parser = ["front", "back", "both"])]
        facing: Option<String>,
        /// The camera, as `camera list` names it
        #[arg(long, value_name = "ID")]
        device_id: Option<String>,
        /// Widest picture, pixels
        #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..))]
        max_width: Option<u32>,
        /// Quality of the picture, from 0 to 1
        #[arg(long, value_name = "NUMBER", value_parser = quality)]
        quality: Option<f64>,
        /// Wait before the picture, milliseconds
        #[arg(long, value_name = "MS")]
        delay_ms: Option<u64>,
    },
    /// Have a node take a short film, and print where it was put
    Clip {
        #[command(flatten)]
        capture: CaptureFlags,
        /// Which way the camera looks
        #[arg(long, value_parser = ["front", "back"], default_value = "front")]
        facing: String,
        /// The camera, as `camera list` names it
        #[arg(long, value_name = "ID")]
        device_id: Option<String>,
        /// How long, as `10s` or in milliseconds
        #[arg(long = "duration", value_name = "TIME", value_parser = span_ms, default_value = "3000")]
        duration_ms: u64,
        /// Without sound
        #[arg(long)]
        no_audio: bool,
    },
}

/// `torana nodes screen …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ScreenCommand {
    /// Have a node film its screen, and print where that was put
    Record {
        #[command(flatten)]
        capture: CaptureFlags,
        /// The screen; 0 is the first
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        screen: u32,
        /// How long, as `10s` or in milliseconds
        #[arg(long = "duration", value_name = "TIME", value_parser = span_ms, default_value = "10000")]
        duration_ms: u64,
        /// Pictures per second
        #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=240))]
        fps: u16,
        /// Without sound
        #[arg(long)]
        no_audio: bool,
    },
}

/// Reads a share of one.
fn quality(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| "write a number from 0 to 1".to_owned())
}
