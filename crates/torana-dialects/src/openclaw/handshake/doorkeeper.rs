//! What the handshake decides with, and what it can tell of the place a client comes from.

use torana_core::auth::Role;
use torana_engine::service::devices::Devices;
use torana_engine::service::login::LoginCodes;

use crate::context::FrontSettings;
use crate::front::gate::{Attempt, Class, Gate, GateOutcome, Source};
use crate::front::peer::Peer;
use crate::openclaw::connect::Connect;

/// What the handshake decides with.
pub(crate) struct Doorkeeper<'a> {
    pub(crate) front: &'a FrontSettings,
    pub(crate) peer: &'a Peer,
    pub(crate) gate: &'a Gate,
    pub(crate) devices: &'a Devices,
    pub(crate) logins: &'a LoginCodes,
    /// The challenge of this connection.
    pub(crate) nonce: &'a str,
    /// Wall time, Unix milliseconds.
    pub(crate) now_ms: i64,
}

impl Doorkeeper<'_> {
    /// Straight from this machine, and no page.
    pub(super) fn is_local_program(&self) -> bool {
        self.peer.direct_local && self.peer.origin.is_none()
    }

    /// Straight from this machine, and not a foreign page: pairing needs no person.
    pub(super) fn is_silent(&self, connect: &Connect, role: Role) -> bool {
        let is_page_ok = self.peer.origin.is_none() || connect.is_page();
        let is_role_ok = role == Role::Operator || self.front.nodes.auto_approve_local;
        self.peer.direct_local && is_page_ok && is_role_ok
    }

    /// A node of a network the operator trusts, on its first visit.
    pub(super) fn is_trusted_node(&self, role: Role) -> bool {
        let networks = &self.front.nodes.auto_approve_networks;
        role == Role::Node
            && self.peer.origin.is_none()
            && networks
                .iter()
                .any(|network| network.contains(&self.peer.remote))
    }

    /// Has the gate look at a credential of ours, which are all random and long.
    pub(super) async fn look_at(
        &self,
        class: Class,
        presented: &str,
        expected: Option<[u8; 32]>,
        source: &Source,
    ) -> GateOutcome {
        let attempt = Attempt {
            presented,
            expected,
            strong: true,
            class,
            source,
        };
        self.gate.check(attempt).await
    }
}
