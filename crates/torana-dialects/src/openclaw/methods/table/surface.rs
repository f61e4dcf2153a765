//! The canvas, files of conversations, wake words and secrets.

use super::row::{ADMIN, FREE, READ, WRITE, row};
use crate::openclaw::methods::{Method, artifacts, canvas, secrets, surface, voice};
use crate::openclaw::params::{Field, Kind, NAME, Spec, closed, may, moot, must, open};

const ASSISTANT: Kind = Kind::Constant(&["assistant"]);
const ARTIFACT: &[Field] = &[
    may("sessionKey", NAME),
    may("runId", NAME),
    may("taskId", NAME),
    may("agentId", NAME),
    may("messageRole", ASSISTANT),
    must("artifactId", NAME),
];
const OVERRIDES: Spec = closed(&[may("webSearch", NAME), may("webFetch", NAME)]);
const PATHS: Kind = Kind::List(&NAME);
/// Characters of a document: as many as a document may have bytes.
const DOCUMENT: Kind = Kind::Text(0, canvas::DOCUMENT_BYTES_MAX);

pub(super) const ROWS: &[Method] = &[
    row(
        "plugin.surface.refresh",
        READ,
        "A fresh address of the canvas; it needs no other credential, ends after ten minutes and with the connection.",
        open(&[
            must("surface", NAME),
            moot(
                "observedUrl",
                Kind::Any,
                "an address that was handed out before lives to its own end",
            ),
        ]),
        surface::refresh,
    ),
    row(
        "canvas.document.view",
        READ,
        "A document of an agent's canvas, and the port on which it may run without an origin.",
        closed(&[must("docId", Kind::Text(1, 256))]),
        canvas::view,
    ),
    row(
        "canvas.document.preview",
        READ,
        "The same for a document the caller has.",
        closed(&[must("html", DOCUMENT)]),
        canvas::preview,
    ),
    row(
        "artifacts.list",
        READ,
        "Files of a session; pictures page by page, with addresses to show them from.",
        closed(&[
            may("sessionKey", NAME),
            may("runId", NAME),
            may("taskId", NAME),
            may("agentId", NAME),
            may("messageRole", ASSISTANT),
            may("type", Kind::Constant(&["image"])),
            may("limit", Kind::Int(1, 4)),
            may("cursor", Kind::Text(1, 256)),
        ]),
        artifacts::list,
    ),
    row(
        "artifacts.get",
        READ,
        "One file of a session, without its bytes.",
        closed(ARTIFACT),
        artifacts::get,
    ),
    row(
        "artifacts.download",
        READ,
        "The bytes of a file, or an address to load them from.",
        closed(&[
            may("sessionKey", NAME),
            may("runId", NAME),
            may("taskId", NAME),
            may("agentId", NAME),
            may("messageRole", ASSISTANT),
            must("artifactId", NAME),
            may("transport", Kind::Constant(&["http"])),
        ]),
        artifacts::download,
    ),
    row(
        "voicewake.get",
        READ,
        "The words devices listen for.",
        FREE,
        voice::get,
    ),
    row(
        "voicewake.set",
        WRITE,
        "Replaces the words devices listen for; none means the usual ones.",
        open(&[]),
        voice::set,
    ),
    row(
        "voicewake.routing.get",
        READ,
        "Where wake words lead; always to the session in use.",
        FREE,
        voice::routing,
    ),
    row(
        "secrets.resolve",
        ADMIN,
        "What secret references of the configuration stand for. There are no search or fetch providers to override.",
        closed(&[
            must("commandName", NAME),
            must("targetIds", PATHS),
            may("allowedPaths", PATHS),
            may("forcedActivePaths", PATHS),
            may("optionalActivePaths", PATHS),
            moot(
                "providerOverrides",
                Kind::Object(&OVERRIDES),
                "there are no search or fetch providers whose secrets it could make active",
            ),
        ]),
        secrets::resolve,
    ),
];
