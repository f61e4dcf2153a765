//! The `sessions.*` methods: decoded, asked of a service, encoded.

mod branch;
mod change;
mod compact;
mod create;
mod groups;
mod list;
mod listen;
mod look;
mod turn;
mod usage;

pub(super) use branch::{branches, fork, rewind, switch};
pub(super) use change::{
    cleanup, delete, patch, patch_many, reset, scope_of_delete, scope_of_patch, scope_of_patch_many,
};
pub(super) use compact::compact;
pub(super) use create::{create, scope_of_create};
pub(super) use groups::{defaults, delete as delete_group, groups, put, rename};
pub(super) use list::list;
pub(super) use listen::{listen, stop_listening, subscribe, view};
pub(super) use look::{describe, get, preview, resolve, search};
pub(super) use turn::{abort, recover, send, steer};
pub(super) use usage::{logs, timeseries, usage};
