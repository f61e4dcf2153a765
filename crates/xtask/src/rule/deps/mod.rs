//! Rules about packages: licences by allow list, one version of each package, nothing unused.
//! The lists live in `deny.toml`, in the format of cargo-deny, which may be run as well where it is installed.

mod duplicates;
mod licences;
pub(super) mod metadata;
mod policy;
mod unused;

pub(super) use duplicates::duplicates;
pub(super) use licences::licences;
pub(super) use unused::unused;
