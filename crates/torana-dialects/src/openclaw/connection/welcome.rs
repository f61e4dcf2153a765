//! Hello: what a client that was let in is told, and how the others see it.

use std::sync::{Arc, Mutex};

use crate::front::outgoing::Outgoing;
use crate::front::peer::Peer;
use crate::openclaw::client::Client;
use crate::openclaw::connect::{Connect, is_newer_release};
use crate::openclaw::frame;
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::handshake::Principal;
use crate::openclaw::hello::{self, HelloFacts};
use crate::openclaw::legacy::{Legacy, guide};
use crate::openclaw::presence;
use crate::openclaw::surface;

impl OpenClaw {
    /// Says hello; from then on the client hears events.
    pub(super) fn welcome(
        &self,
        outgoing: &Arc<Outgoing>,
        peer: &Peer,
        request_id: &str,
        connect: &Connect,
        principal: Principal,
    ) -> Arc<Client> {
        let world = self.context().engine.world();
        let wire_id = world.uuid();
        let is_guide = connect.legacy == Some(Legacy::Guide);
        let own = presence::of_client(connect, peer, &principal, world.wall_ms());
        let observed = connect.is_ui() || is_guide;
        let id = self.next_connection();
        let base_url = surface::base_url(peer, &self.context().front.load());
        let hello = if is_guide {
            frame::answer_value(request_id, &guide::hello(&principal))
        } else {
            let canvas = base_url
                .as_deref()
                .filter(|_| surface::sees_canvas(principal.role, principal.scopes))
                .and_then(|base_url| self.surfaces().open_canvas(id, base_url));
            let facts = HelloFacts {
                wire_id: &wire_id,
                observed,
                protocol: connect.hello_protocol(),
                canvas_url: canvas.map(|canvas| canvas.url),
                own: own.as_ref(),
            };
            frame::answer_value(request_id, &hello::hello(self, &principal, &facts))
        };
        outgoing.text(hello);
        let announced = |cap: &str| connect.caps.iter().any(|known| known == cap);
        let client = Arc::new(Client {
            id,
            outgoing: Arc::clone(outgoing),
            role: principal.role,
            scopes: principal.scopes,
            device: principal.device,
            address: peer.remote.to_string(),
            local_tool: principal.local_tool,
            host: peer.host.clone(),
            base_url,
            protocol: connect.max_protocol,
            newer: is_newer_release(&connect.client_version),
            observed,
            text_first: connect.is_terminal(),
            guide: is_guide,
            tool_events: announced("tool-events"),
            session_scoped: announced("session-scoped-events"),
            subscriptions: Mutex::default(),
        });
        if is_guide {
            client.listen_to_everything();
        }
        self.hub().join(Arc::clone(&client));
        if let Some(own) = own {
            self.presence().join(client.id, own);
        }
        client
    }
}
