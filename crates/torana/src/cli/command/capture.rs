//! `torana nodes camera|screen`: pictures and films that nodes take, put into files of this machine.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use torana_host::files::create_private;

use super::node::{given, invoke};
use crate::cli::args::{CameraCommand, CaptureFlags, InvokeFlags, ScreenCommand};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::words::{items_of, text_of};

/// How long a node has for a list, a picture and a film, milliseconds (OpenClaw 2026.9.6).
const LIST_MS: u64 = 15_000;
const SNAP_MS: u64 = 20_000;
const CLIP_MS: u64 = 90_000;
const RECORD_MS: u64 = 120_000;
/// How much longer than the film itself a node has for it, milliseconds: it has to be packed and sent.
const FILM_MORE_MS: u64 = 30_000;
/// Longest ending of a file name a node may ask for.
const FORMAT_CHARS_MAX: usize = 16;

/// Runs `torana nodes camera …`.
pub(crate) async fn camera(invocation: &Invocation, command: CameraCommand) -> Result<(), Failure> {
    match command {
        CameraCommand::List { node } => list(invocation, &node).await,
        CameraCommand::Snap {
            capture,
            facing,
            device_id,
            max_width,
            quality,
            delay_ms,
        } => {
            let ways: Vec<Option<&str>> = match facing.as_deref() {
                Some("both") => vec![Some("front"), Some("back")],
                way => vec![way],
            };
            if ways.len() > 1 && (device_id.is_some() || capture.out.is_some()) {
                return Err(Failure::new(
                    Exit::Usage,
                    "`--facing both` takes two pictures, which are not one camera and not one file",
                )
                .hint("say `front` or `back`"));
            }
            let mut files = Vec::new();
            for way in ways {
                let params = given([
                    ("facing", json!(way)),
                    ("maxWidth", json!(max_width)),
                    ("quality", json!(quality)),
                    ("format", json!("jpg")),
                    ("delayMs", json!(delay_ms)),
                    ("deviceId", json!(device_id)),
                ]);
                let taken = take(invocation, &capture, "camera.snap", params, SNAP_MS).await?;
                files.push(taken);
            }
            invocation
                .output
                .either(&json!({ "files": files }), || paths(&files))
        }
        CameraCommand::Clip {
            capture,
            facing,
            device_id,
            duration_ms,
            no_audio,
        } => {
            let params = given([
                ("facing", json!(facing)),
                ("durationMs", json!(duration_ms)),
                ("includeAudio", json!(!no_audio)),
                ("format", json!("mp4")),
                ("deviceId", json!(device_id)),
            ]);
            let file = take(
                invocation,
                &capture,
                "camera.clip",
                params,
                film_ms(CLIP_MS, duration_ms),
            )
            .await?;
            one(invocation, file)
        }
    }
}

/// Runs `torana nodes screen …`.
pub(crate) async fn screen(invocation: &Invocation, command: ScreenCommand) -> Result<(), Failure> {
    let ScreenCommand::Record {
        capture,
        screen,
        duration_ms,
        fps,
        no_audio,
    } = command;
    let params = json!({
        "durationMs": duration_ms, "screenIndex": screen, "fps": fps, "format": "mp4", "includeAudio": !no_audio,
    });
    let file = take(
        invocation,
        &capture,
        "screen.record",
        params,
        film_ms(RECORD_MS, duration_ms),
    )
    .await?;
    one(invocation, file)
}

/// How long a node has for a film of this length.
fn film_ms(usual_ms: u64, duration_ms: u64) -> u64 {
    usual_ms.max(duration_ms.saturating_add(FILM_MORE_MS))
}

fn one(invocation: &Invocation, file: Value) -> Result<(), Failure> {
    let value = json!({ "file": file });
    invocation
        .output
        .either(&value, || paths(std::slice::from_ref(&value["file"])))
}

fn paths(files: &[Value]) -> String {
    let paths: Vec<&str> = files.iter().map(|file| text_of(file, "path")).collect();
    paths.join("\n")
}

async fn list(invocation: &Invocation, node: &str) -> Result<(), Failure> {
    let run = run(Some(LIST_MS), LIST_MS);
    let answer = invoke(invocation, node, "camera.list", json!({}), run).await?;
    let cameras = items_of(&answer["payload"], "devices");
    invocation.output.either(&json!(cameras), || {
        if cameras.is_empty() {
            return "the node has no camera".to_owned();
        }
        let rows = cameras.iter().map(|camera| {
            ["name", "position", "id"].map(|field| text_of(camera, field).to_owned())
        });
        table(["camera", "looks", "id"], rows)
    })
}

fn run(wanted_ms: Option<u64>, usual_ms: u64) -> InvokeFlags {
    InvokeFlags {
        invoke_timeout: wanted_ms.unwrap_or(usual_ms),
        idempotency_key: None,
    }
}

/// Has the node take it, and puts it into a file; what else the node says of it comes along.
async fn take(
    invocation: &Invocation,
    capture: &CaptureFlags,
    command: &str,
    params: Value,
    usual_ms: u64,
) -> Result<Value, Failure> {
    // Before anything is filmed for nothing.
    if let Some(path) = capture.out.as_deref().filter(|path| path.exists()) {
        return Err(occupied(path));
    }
    let facing = params["facing"].clone();
    let run = run(capture.invoke_timeout, usual_ms);
    let mut answer = invoke(invocation, &capture.node, command, params, run).await?;
    let mut taken = answer["payload"].take();
    let (format, bytes) = content(&taken, command)?;
    let path = match &capture.out {
        Some(path) => path.clone(),
        None => temporary(command, &facing, &format, &invocation.world.uuid()),
    };
    write(&path, &bytes)?;
    if let Some(taken) = taken.as_object_mut() {
        taken.remove("base64");
        taken.insert("path".to_owned(), json!(path.to_string_lossy()));
        if facing.is_string() {
            taken.insert("facing".to_owned(), facing);
        }
    }
    Ok(taken)
}

/// The ending of its name and its bytes. The ending comes from the node, so it is nothing but letters and digits.
fn content(taken: &Value, command: &str) -> Result<(String, Vec<u8>), Failure> {
    let format = text_of(taken, "format").to_ascii_lowercase();
    let is_ending = !format.is_empty()
        && format.len() <= FORMAT_CHARS_MAX
        && format
            .chars()
            .all(|character| character.is_ascii_alphanumeric());
    let bytes = STANDARD.decode(text_of(taken, "base64")).ok();
    match bytes.filter(|bytes| is_ending && !bytes.is_empty()) {
        Some(bytes) if format == "jpeg" => Ok(("jpg".to_owned(), bytes)),
        Some(bytes) => Ok((format, bytes)),
        None => Err(Failure::failed(format!(
            "the node answered `{command}` with nothing that can be put into a file"
        ))
        .hint("see what it says with `torana nodes invoke`")),
    }
}

fn temporary(command: &str, facing: &Value, format: &str, unique: &str) -> PathBuf {
    let what = command.replace('.', "-");
    let way = facing.as_str().map(|way| format!("-{way}"));
    let name = format!("torana-{what}{}-{unique}.{format}", way.unwrap_or_default());
    std::env::temp_dir().join(name)
}

/// Writes a new file for its owner only.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    create_private(path, bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => occupied(path),
        _ => Failure::failed(format!("{} cannot be written: {error}", path.display())),
    })
}

fn occupied(path: &Path) -> Failure {
    Failure::failed(format!("{} is there already", path.display()))
        .hint("name another file with --out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_film_has_the_time_it_takes() {
        assert_eq!(film_ms(CLIP_MS, 3_000), CLIP_MS);
        assert_eq!(film_ms(CLIP_MS, 90_000), 120_000);
        assert_eq!(film_ms(RECORD_MS, u64::MAX), u64::MAX);
    }

    #[test]
    fn what_a_node_sends_names_no_place_of_this_machine() {
        let taken = |format: &str| json!({ "format": format, "base64": "aGk=" });
        let (format, bytes) = content(&taken("JPEG"), "camera.snap").expect("a picture");
        assert_eq!(
            (format.as_str(), bytes.as_slice()),
            ("jpg", b"hi".as_slice())
        );
        for wrong in ["", "../x", "jpg/../../etc", "a.b", "0123456789abcdefg"] {
            assert!(content(&taken(wrong), "camera.snap").is_err(), "{wrong}");
        }
        let empty = json!({ "format": "jpg", "url": "https://evil.example.org/x" });
        assert!(
            content(&empty, "camera.snap").is_err(),
            "no address is followed"
        );
        let path = temporary("camera.snap", &json!("front"), "jpg", "u");
        assert!(
            path.ends_with("torana-camera-snap-front-u.jpg"),
            "{}",
            path.display()
        );
    }
}
