//! The rows, a file per family. A method without a scope does not compile (S-007).

mod absent;
mod agents;
mod approvals;
mod channels;
mod chat;
mod config;
mod devices;
mod lifecycle;
mod models;
mod nodes;
mod own;
mod row;
mod sessions;
mod surface;
mod system;

use super::Method;

/// Every family, in the order of the reference page.
const FAMILIES: &[&[Method]] = &[
    system::ROWS,
    lifecycle::ROWS,
    config::ROWS,
    models::ROWS,
    channels::ROWS,
    agents::ROWS,
    chat::ROWS,
    sessions::ROWS,
    devices::ROWS,
    nodes::ROWS,
    surface::ROWS,
    approvals::ROWS,
    absent::ROWS,
    own::ROWS,
];

/// Every method.
pub(crate) fn rows() -> impl Iterator<Item = &'static Method> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The row of a method.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    rows().find(|row| row.name == name)
}
