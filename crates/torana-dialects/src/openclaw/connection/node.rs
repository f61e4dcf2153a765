//! A node that connects: it is registered, and asked for commands from then on.

use std::sync::Arc;

use serde_json::json;
use torana_engine::service::nodes::{Arrival, Mouth, Order};

use super::end::End;
use crate::front::outgoing::{Encoded, Fate, Outgoing};
use crate::front::peer::Peer;
use crate::openclaw::client::Client;
use crate::openclaw::connect::Connect;
use crate::openclaw::frame;
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::methods;
use crate::openclaw::quirks::close;

impl OpenClaw {
    /// A node is asked for commands from now on.
    pub(super) async fn node_arrives(
        &self,
        client: &Arc<Client>,
        peer: &Peer,
        connect: &Connect,
    ) -> Result<(), Option<End>> {
        let Some(device) = client.device.clone() else {
            return Ok(());
        };
        let remote_ip = (!peer.direct_local).then(|| peer.remote.to_string());
        let arrival = Arrival {
            device: device.clone(),
            connection: client.id,
            mouth: node_mouth(Arc::clone(&client.outgoing), device.to_string()),
            declared: connect.declared(remote_ip),
        };
        match self.nodes().arrive(arrival).await {
            Ok(_) => {
                methods::tell_wake_words(self, client, &connect.caps).await;
                Ok(())
            }
            Err(problem) => {
                tracing::warn!(%problem, node = %device, "A node could not be registered.");
                self.forget(client.id);
                Err(Some(End {
                    code: 1013,
                    reason: "the node could not be registered".to_owned(),
                }))
            }
        }
    }
}

/// How a node is told something: an event on its connection.
fn node_mouth(outgoing: Arc<Outgoing>, node_id: String) -> Mouth {
    Arc::new(move |order| {
        let (name, payload) = match order {
            Order::Call {
                id,
                command,
                params_json,
                timeout_ms,
                idempotency_key,
            } => {
                let mut payload = json!({
                    "id": id, "nodeId": node_id, "command": command, "timeoutMs": timeout_ms,
                    "idempotencyKey": idempotency_key,
                });
                if let Some(text) = params_json {
                    payload["paramsJSON"] = json!(text);
                }
                ("node.invoke.request", payload)
            }
            Order::Cancel { id } => (
                "node.invoke.cancel",
                json!({ "invokeId": id, "nodeId": node_id }),
            ),
            Order::Replaced => {
                outgoing.close(close::NORMAL, "this node connected again");
                return true;
            }
        };
        outgoing.event(&Encoded::new(frame::event(name, &payload), Fate::Keep))
    })
}
