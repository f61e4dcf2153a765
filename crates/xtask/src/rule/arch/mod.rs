//! Rules that guard the boundaries described in `docs/architecture.md`.

mod ambient;
mod crate_edges;
mod folder_imports;
mod registries;
mod sizes;
mod trait_budget;
mod vendor_words;

pub(super) use ambient::ambient;
pub(super) use crate_edges::crate_edges;
pub(super) use folder_imports::folder_imports;
pub(super) use registries::registries;
pub(super) use sizes::sizes;
pub(super) use trait_budget::trait_budget;
pub(super) use vendor_words::vendor_words;
