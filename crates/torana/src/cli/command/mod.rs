//! One file per command family. A command asks the gateway or the store, and prints what it got.

pub(super) mod agent;
pub(super) mod agents;
pub(super) mod approvals;
pub(super) mod call;
pub(super) mod channels;
pub(super) mod chat;
pub(super) mod config;
pub(super) mod cost;
pub(super) mod dashboard;
pub(super) mod devices;
pub(super) mod discover;
pub(super) mod doctor;
pub(super) mod gateway;
pub(super) mod journal;
pub(super) mod logs;
pub(super) mod nodes;
pub(super) mod operate;
pub(super) mod pairing;
pub(super) mod send;
pub(super) mod sessions;
pub(super) mod setup;
pub(super) mod status;
pub(super) mod suspend;
pub(super) mod system;
