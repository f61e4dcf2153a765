//! Who may hear of an event (S-091). A dialect asks here before it encodes anything.

use super::scope::Scope;
use crate::event::Event;

/// Who hears of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every authenticated client; the payload must not tell anything about sessions, agents or people.
    Everyone,
    /// Clients whose scopes allow this one.
    Holding(Scope),
    /// No client: it is for logs and metrics.
    Nobody,
}

/// The audience of an event. Without a wildcard, so a new event is refused by the compiler until it is placed.
pub fn audience(event: &Event) -> Audience {
    match event {
        Event::Run(..)
        | Event::Transcript(_)
        | Event::Session { .. }
        | Event::Account { .. }
        | Event::Presence
        | Event::NodeActivity { .. }
        | Event::ConfigChanged => Audience::Holding(Scope::Read),
        Event::PairingRequested { .. }
        | Event::PairingResolved { .. }
        | Event::DevicePairRequested { .. }
        | Event::DevicePairResolved { .. }
        | Event::DevicesChanged
        | Event::DeviceSetUp { .. }
        | Event::NodePairRequested { .. }
        | Event::NodePairResolved { .. } => Audience::Holding(Scope::Pairing),
        Event::Approval(_) => Audience::Holding(Scope::Approvals),
        Event::Question(_) => Audience::Holding(Scope::Questions),
        Event::Health | Event::Suspension(_) | Event::ShuttingDown { .. } => Audience::Everyone,
        Event::InboundAdmitted { .. }
        | Event::InboundDropped { .. }
        | Event::InboundRepeated { .. }
        | Event::InboundParked { .. }
        | Event::IntentAccepted { .. }
        | Event::IntentRetried { .. }
        | Event::IntentResent { .. }
        | Event::IntentParked { .. }
        | Event::TaskPanicked { .. }
        | Event::TaskRestarting { .. }
        | Event::TaskGivenUp { .. } => Audience::Nobody,
    }
}
