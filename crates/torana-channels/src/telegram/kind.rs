//! The descriptor of this platform: its names, its section, and how an account of it is built.

use super::{build, config};
use crate::kind::ChannelKind;

/// The descriptor of this platform.
pub(crate) const KIND: ChannelKind = ChannelKind {
    id: "telegram",
    aliases: &["tg"],
    label: "Telegram",
    credentials: &["botToken", "tokenFile"],
    schema: config::schema,
    accounts: config::accounts,
    build: build::build,
};
