//! The root of the tree: what one `torana.json` holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Agents, Binding, Channels, Commands, Discovery, Environment, Gateway, Logging, Messages,
    Models, Session,
};

/// The whole configuration; its default is a complete working setup without any file.
///
/// ```
/// use torana_core::config::Config;
///
/// let config = Config::default();
/// assert_eq!(config.gateway.port, None);
/// assert_eq!(config.agent_ids(), ["main"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Address of a JSON Schema for editors; Torana does not read it.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub schema: Option<String>,
    /// Where the gateway listens and who may connect.
    pub gateway: Gateway,
    /// Model providers and the models they offer.
    pub models: Models,
    /// Agents: who answers, with which model.
    pub agents: Agents,
    /// Rules that choose the agent for a message; the most specific match wins, then file order.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub bindings: Vec<Binding>,
    /// Messaging platforms, one section per channel.
    pub channels: Channels,
    /// How messages are grouped into sessions and when a session starts anew.
    pub session: Session,
    /// What happens to messages on their way to and from an agent.
    pub messages: Messages,
    /// Chat commands such as `/status` and who may use them.
    pub commands: Commands,
    /// How this gateway is found by those who look for one.
    pub discovery: Discovery,
    /// Log level, file and console format.
    pub logging: Logging,
    /// Environment variables for this gateway.
    pub env: Environment,
}
