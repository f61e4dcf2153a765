//! Tests of the Telegram folder: config, reading, sending, and both ways in against local servers.

mod config;
mod contract;
mod reading;
mod receiving;
mod schema;
mod sending;
mod stage;
pub(super) mod support;
mod webhook;
