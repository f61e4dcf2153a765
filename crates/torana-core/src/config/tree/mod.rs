//! The typed configuration tree, one file per section; every doc comment here is the user manual.

mod agents;
mod bindings;
mod channels;
mod commands;
mod discovery;
mod environment;
mod gateway;
mod logging;
mod messages;
mod models;
mod remote;
mod root;
mod session;
mod shared;

pub use agents::{
    AgentEntry, Agents, AgentsDefaults, GroupChat, Identity, ModelAlias, ModelChain, ModelChoice,
    ModelPolicy, Thinking, TypingMode,
};
pub use bindings::{Binding, BindingKind, BindingMatch, BindingPeer, BindingSession, PeerKind};
pub use channels::{ChannelDefaults, Channels, GroupPolicy};
pub use commands::{Commands, NativeCommands};
pub use discovery::{Discovery, Mdns, MdnsMode};
pub use environment::Environment;
pub use gateway::{
    Auth, AuthMode, AuthRateLimit, Bind, ControlUi, EmbeddingsEndpoint, Endpoint, Gateway,
    GatewayMode, Http, HttpEndpoints, NodeCommands, NodePairing, Nodes, Reload, ReloadMode, Tls,
    WeakSecret,
};
pub use logging::{ConsoleStyle, LogLevel, Logging};
pub use messages::{Inbound, Messages, MessagesGroupChat, Queue, QueueDrop, QueueMode};
pub use models::{Model, ModelCost, Models, ModelsMode, Provider, ProviderApi};
pub use remote::Remote;
pub use root::Config;
pub use session::{DmScope, GroupScope, Reset, ResetByType, ResetMode, Session, SessionScope};
pub use shared::IdText;
