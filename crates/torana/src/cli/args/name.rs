//! A thing that is named in either of two spellings: as a word of the line, or as an option.
//! The grammar lets exactly one through.

use clap::Args;

/// A shell, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ShellName {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Option<clap_complete::Shell>,
    /// The same as an option
    #[arg(long = "shell", short = 's', value_name = "SHELL")]
    shell_option: Option<clap_complete::Shell>,
}

impl ShellName {
    /// What was given.
    pub(crate) fn given(&self) -> Option<clap_complete::Shell> {
        self.shell.or(self.shell_option)
    }
}

/// A channel, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ChannelName {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// The same as an option
    #[arg(long = "channel", value_name = "CHANNEL")]
    channel_option: Option<String>,
}

impl ChannelName {
    /// What was given; the grammar lets exactly one spelling through.
    pub(crate) fn given(self) -> String {
        self.channel.or(self.channel_option).unwrap_or_default()
    }
}

/// A paired device, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DeviceName {
    /// The device; its beginning is enough
    #[arg(value_name = "DEVICE")]
    device: Option<String>,
    /// The same as an option
    #[arg(long = "device", value_name = "DEVICE")]
    device_option: Option<String>,
}

/// A name somebody gives, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NewName {
    /// The name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The same as an option
    #[arg(long = "name", value_name = "NAME")]
    name_option: Option<String>,
}

/// A node, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NodeName {
    /// The node: id, its beginning, name, or address
    #[arg(value_name = "NODE")]
    node: Option<String>,
    /// The same as an option
    #[arg(long = "node", value_name = "NODE")]
    node_option: Option<String>,
}

impl DeviceName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.device.or(self.device_option).unwrap_or_default()
    }
}

impl NewName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.name.or(self.name_option).unwrap_or_default()
    }
}

impl NodeName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.node.or(self.node_option).unwrap_or_default()
    }
}

/// An agent, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AgentName {
    /// The agent
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// The same as an option
    #[arg(long = "agent", value_name = "ID")]
    agent_option: Option<String>,
}

impl AgentName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.id.or(self.agent_option).unwrap_or_default()
    }
}
