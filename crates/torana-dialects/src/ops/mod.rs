//! For operators and their machines: probes without a credential, metrics with one.

mod metrics;
mod probe;

pub(crate) use metrics::metrics;
pub(crate) use probe::{health, live, ready};
