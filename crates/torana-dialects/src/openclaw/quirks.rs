//! Fixed words and numbers of OpenClaw 2026.9.6, wire protocol 4. Each was seen on the wire of that release or is in
//! its published schema.

/// The release whose behaviour we match; clients compare it with their own and expect its shape.
pub(crate) const COMPATIBLE_RELEASE: &str = "2026.9.6";
/// The wire protocol.
pub(crate) const PROTOCOL: i64 = 4;
/// The number in the overview that Moltbot published; no released client speaks it.
pub(crate) const GUIDE_PROTOCOL: i64 = 7;
/// Oldest protocol a probe may speak.
pub(crate) const PROBE_PROTOCOL_MIN: i64 = 3;

/// Close codes.
pub(crate) mod close {
    /// Normal, and a handshake that took too long.
    pub(crate) const NORMAL: u16 = 1000;
    /// Version negotiation failed.
    pub(crate) const PROTOCOL: u16 = 1002;
    /// Refused: handshake, credentials, slow consumer.
    pub(crate) const POLICY: u16 = 1008;
    /// The gateway stops or restarts.
    pub(crate) const RESTART: u16 = 1012;
    /// The gateway restarts or is suspended: later.
    pub(crate) const TRY_AGAIN: u16 = 1013;
    /// The credential a connection was made with is gone.
    pub(crate) const CREDENTIAL: u16 = 4001;
}

/// Ping interval after hello, milliseconds; the same again is the time to answer.
pub(crate) const PING_MS: u64 = 25_000;
/// Frames kept while `connect` is being processed.
pub(crate) const PENDING_FRAMES_MAX: usize = 15;
/// Consecutive calls of the wrong role before the connection is closed.
pub(crate) const WRONG_ROLE_MAX: u32 = 10;
/// Bytes of all attachments of a message, as told in the policy.
pub(crate) const ATTACHMENT_BYTES_MAX: u64 = 19_464_192;
/// Bytes of one image, as told in the policy.
pub(crate) const IMAGE_BYTES_MAX: u64 = 6_291_456;
/// Bytes of messages in one history answer.
pub(crate) const HISTORY_BYTES_MAX: usize = 6_291_456;

/// Programs that may connect.
pub(crate) const CLIENT_IDS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
    "node-host",
    "openclaw-worker",
    "test",
    "fingerprint",
    "openclaw-probe",
];

/// The terminal interface. Quirk: it takes a run for its own by the first text of it; when an `agent` event came before
/// and the end is read together with the answer to `chat.send`, it waits for ever. Its own gateway is never that quick.
pub(crate) const TERMINAL_CLIENT: &str = "openclaw-tui";

/// How programs are used.
pub(crate) const CLIENT_MODES: &[&str] = &[
    "webchat", "cli", "ui", "backend", "node", "worker", "probe", "test",
];

/// Clients with a page or window: they need a device identity, appear in presence and get the fuller event envelope.
pub(crate) const UI_CLIENTS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
];

/// Clients that are web pages served by a gateway.
pub(crate) const PAGE_CLIENTS: &[&str] = &["webchat-ui", "openclaw-control-ui", "webchat"];

/// Events we send, as listed in `hello-ok`. `chat.send_timing` is sent to pages and not listed, as there.
pub(crate) const EVENTS: &[&str] = &[
    "connect.challenge",
    "agent",
    "chat",
    "chat.metadata.changed",
    "models.snapshot",
    "session.message",
    "session.tool",
    "sessions.changed",
    "presence",
    "tick",
    "shutdown",
    "gateway.suspension",
    "health",
    "device.pair.changed",
    "device.pair.requested",
    "device.pair.resolved",
    "device.pair.setup.completed",
    "node.pair.requested",
    "node.pair.resolved",
    "node.presence",
    "node.invoke.cancel",
    "node.invoke.request",
    "session.approval",
    "exec.approval.requested",
    "exec.approval.resolved",
    "plugin.approval.requested",
    "plugin.approval.resolved",
    "openclaw.approval.requested",
    "openclaw.approval.resolved",
    "question.requested",
    "question.resolved",
    "voicewake.changed",
];

/// Server capabilities, one marker per thing that works.
pub(crate) const CAPABILITIES: &[&str] = &[
    "published-model-catalog",
    "model-catalog-snapshot",
    "session-scoped-chat-metadata",
    "session-unread-ack-contract",
];

/// Mark put where a client's own text was longer than it may be.
pub(crate) const TRUNCATED: &str = "…";
