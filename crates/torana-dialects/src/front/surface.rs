//! Files that are looked at in a browser: the canvas of an agent, and files of conversations.
//!
//! Both were made by somebody else, agents and strangers among them, so neither may act as a page of ours (S-065): a
//! document of the canvas runs without an origin, without network and only inside our own pages; a file of a
//! conversation does not run at all.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use torana_core::id::AgentId;
use torana_core::media::MediaRef;
use torana_core::port::World;
use torana_host::served::{self, ServedFile};

use super::answer::{Answer, not_found, unavailable};
use super::asset::{Asset, kind, tag};
use super::content::{Content, Kept, Source};
use super::path::escaped;
use crate::context::Context;

/// Files of conversations in memory at once; each has at most about 19 MB and is dropped when it was sent.
pub(super) const FILES_MAX: usize = 8;
/// Longest wait for a place among them, milliseconds: a page that shows twenty pictures asks for all of them at once.
const PLACE_WAIT_MS: u64 = 10_000;
/// The folder of a workspace that is the canvas.
const FOLDER: &str = "canvas";
/// The file shown for a folder.
const INDEX: &str = "index.html";
/// Documents that agents made; their names are unique, so every agent's are found.
const DOCUMENTS: &str = "documents/";

/// No origin of its own, no network, shown in our own pages only. What it shows must come with it, because a document
/// that could load from elsewhere could tell elsewhere what it holds.
const CANVAS_POLICY: &str = "sandbox allow-scripts; default-src 'self' 'unsafe-inline' data: blob:; \
    connect-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self'";
/// Nothing runs and nothing is loaded.
const FILE_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
/// No abilities of the browser.
const NO_PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), clipboard-read=(), clipboard-write=(), payment=(), usb=()";

/// What is asked for, beside the path.
pub(super) struct Look<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    /// The address itself was the permission.
    pub(super) by_address: bool,
}

fn guard(answer: &mut Answer, policy: &'static str) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (
            HeaderName::from_static("permissions-policy"),
            NO_PERMISSIONS,
        ),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
}

/// Agents whose canvas may have a file, in the order in which they are asked: the default one for everything, the others
/// for documents, whose names are unique.
fn asked<'a>(
    first: Option<&'a AgentId>,
    all: impl Iterator<Item = &'a AgentId>,
    path: &str,
) -> Vec<AgentId> {
    let others = all.filter(|agent| path.starts_with(DOCUMENTS) && Some(*agent) != first);
    first.into_iter().chain(others).cloned().collect()
}

/// Opens a file of the canvas, of whichever agent has it; `None` when nobody has one that may be served.
pub(crate) async fn find(context: &Context, path: &str) -> io::Result<Option<Arc<ServedFile>>> {
    if path.split('/').any(|step| step.starts_with('.')) {
        return Ok(None);
    }
    let settings = context.engine.settings();
    for agent in asked(settings.default_agent(), settings.agents.keys(), path) {
        let workspace = context.host.site().workspace(agent.as_str());
        // Below the workspace, so that the canvas itself cannot be a link to somewhere else either.
        match served::open(workspace, format!("{FOLDER}/{path}")).await {
            Ok(file) => return Ok(Some(file)),
            Err(error) if is_missing(error.kind()) => {}
            Err(error) => {
                tracing::warn!(%error, %agent, "A file of the canvas could not be opened.");
                return Err(error);
            }
        }
    }
    Ok(None)
}

/// A file of the canvas.
pub(super) async fn canvas(context: &Context, path: &str, look: &Look<'_>) -> Answer {
    let mut path = path.to_owned();
    if path.is_empty() || path.ends_with('/') {
        path.push_str(INDEX);
    }
    match find(context, &path).await {
        Ok(Some(file)) => document(file, &path, look),
        Ok(None) => not_found(),
        Err(_) => unavailable("the canvas cannot be read now"),
    }
}

/// Nothing that may be served is there; why is nobody's business who only has an address.
fn is_missing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::PermissionDenied
    )
}

fn document(file: Arc<ServedFile>, path: &str, look: &Look<'_>) -> Answer {
    let kind = kind(&path.to_ascii_lowercase());
    let mut answer = stored(file, kind, CANVAS_POLICY, look.method, look.headers);
    if look.by_address {
        // A document without an origin is a stranger to its own pictures and scripts, too.
        answer.headers_mut().insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
    }
    answer
}

/// The picture of an agent; a drawing is a document, so it may not act either.
pub(super) fn picture(
    file: Arc<ServedFile>,
    kind: &'static str,
    method: &Method,
    headers: &HeaderMap,
) -> Answer {
    stored(file, kind, FILE_POLICY, method, headers)
}

/// The same for one that is written out in the configuration.
pub(super) fn drawn(
    kind: HeaderValue,
    bytes: Bytes,
    method: &Method,
    headers: &HeaderMap,
) -> Answer {
    let mut answer = Asset::made(kind, bytes).answer(method, headers);
    guard(&mut answer, FILE_POLICY);
    answer
}

/// An open file under a policy.
fn stored(
    file: Arc<ServedFile>,
    kind: &'static str,
    policy: &'static str,
    method: &Method,
    headers: &HeaderMap,
) -> Answer {
    let content = Content {
        kind: HeaderValue::from_static(kind),
        tag: tag(&file.version()),
        modified_s: Some(file.modified_s()),
        source: Source::File(file),
    };
    let mut answer = content.answer(method, headers);
    guard(&mut answer, policy);
    answer
}

/// A file of a conversation.
pub(super) async fn download(
    context: &Context,
    places: &Arc<Semaphore>,
    media: &MediaRef,
    look: &Look<'_>,
) -> Answer {
    let mut content = Content {
        kind: HeaderValue::from_str(&media.mime)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
        tag: HeaderValue::from_str(&format!("\"{}\"", media.digest))
            .unwrap_or(HeaderValue::from_static("\"0\"")),
        modified_s: None,
        source: Source::Size(media.bytes),
    };
    // The bytes are loaded, and a place is taken for them, only when some of them are sent.
    if content.has_body(look.method, look.headers) {
        let world = context.engine.world();
        let Some(place) = place(places, world).await else {
            return unavailable("too many files are being sent");
        };
        let Some(bytes) = context.engine.media(media).await else {
            return not_found();
        };
        content.source = Source::Memory(Kept {
            bytes,
            place,
            tasks: context.engine.tasks().clone(),
            world: world.clone(),
        });
    }
    let mut answer = content.answer(look.method, look.headers);
    guard(&mut answer, FILE_POLICY);
    if let Ok(disposition) = HeaderValue::from_str(&disposition(media)) {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    answer
}

/// A place among the files in memory, when one is free soon.
async fn place(places: &Arc<Semaphore>, world: &World) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        place = Arc::clone(places).acquire_owned() => place.ok(),
        () = world.sleep_ms(PLACE_WAIT_MS) => None,
    }
}

/// Saved under the name its sender gave it (RFC 6266). Pictures and players show it all the same; opened by itself, a
/// file that somebody else made should not look like a page of ours.
fn disposition(media: &MediaRef) -> String {
    match &media.name {
        Some(name) => format!("attachment; filename*=UTF-8''{}", escaped(name)),
        None => "attachment".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_has_documents_and_the_default_one_the_rest() {
        let agents: Vec<AgentId> = ["a", "b", "c"]
            .iter()
            .map(|id| AgentId::new(*id).expect("an id"))
            .collect();
        let order = |first: Option<&AgentId>, path: &str| -> String {
            let asked = asked(first, agents.iter(), path);
            asked.iter().map(AgentId::as_str).collect()
        };
        assert_eq!(order(Some(&agents[1]), "documents/x/index.html"), "bac");
        assert_eq!(order(Some(&agents[1]), "index.html"), "b");
        assert_eq!(order(None, "documents/x/index.html"), "abc");
        assert_eq!(order(None, "index.html"), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_but_not_for_ever() {
        let world = torana_host::world();
        let places = Arc::new(Semaphore::new(1));
        let held = place(&places, &world).await.expect("free");
        let began_ms = world.monotonic_ms();
        assert!(place(&places, &world).await.is_none());
        assert_eq!(world.monotonic_ms() - began_ms, PLACE_WAIT_MS);
        let (next, ()) = tokio::join!(place(&places, &world), async {
            world.sleep_ms(PLACE_WAIT_MS / 2).await;
            drop(held);
        });
        assert!(next.is_some());
    }

    #[test]
    fn names_cannot_break_out_of_their_header() {
        for (name, wanted) in [
            (None, "attachment"),
            (Some("a.html"), "attachment; filename*=UTF-8''a.html"),
            (
                Some("a\"; x=\r\nb ü.pdf"),
                "attachment; filename*=UTF-8''a%22%3B%20x%3D%0D%0Ab%20%C3%BC.pdf",
            ),
        ] {
            let media = MediaRef {
                digest: "ab".repeat(32),
                mime: "application/pdf".to_owned(),
                name: name.map(str::to_owned),
                bytes: 1,
            };
            assert_eq!(disposition(&media), wanted);
        }
    }
}
