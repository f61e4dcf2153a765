//! As whom we connect: the client a gateway sees, what it asks to be allowed, and which events it understands.

/// A client the protocol knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Persona {
    pub(super) client_id: &'static str,
    pub(super) mode: &'static str,
    pub(super) scopes: &'static [&'static str],
    pub(super) caps: &'static [&'static str],
    /// Lowest protocol version offered.
    pub(super) protocol_min: u32,
    /// Gateways take this client only with a device.
    pub(super) must_sign: bool,
}

// === impl Persona ===

impl Persona {
    /// One command. Admin makes our turns an owner's turns (decisions-control-and-agents 19).
    pub(crate) const CLI: Self = Self {
        client_id: "cli",
        mode: "cli",
        scopes: &[
            "operator.admin",
            "operator.read",
            "operator.write",
            "operator.approvals",
            "operator.pairing",
        ],
        caps: &[],
        protocol_min: 4,
        must_sign: false,
    };

    /// The terminal user interface; the same client, scopes and capabilities as the reference's (OpenClaw 2026.9.6).
    pub(crate) const TUI: Self = Self {
        client_id: "openclaw-tui",
        mode: "ui",
        scopes: &[
            "operator.admin",
            "operator.read",
            "operator.write",
            "operator.approvals",
            "operator.questions",
            "operator.pairing",
            "operator.talk.secrets",
        ],
        caps: &[
            "agent-kind",
            "plugin-approvals",
            "task-suggestions",
            "tool-events",
        ],
        protocol_min: 4,
        must_sign: true,
    };

    /// Looks whether a gateway lives, an older one included.
    pub(crate) const PROBE: Self = Self {
        client_id: "cli",
        mode: "probe",
        scopes: &["operator.read"],
        caps: &[],
        protocol_min: 3,
        must_sign: false,
    };
}
