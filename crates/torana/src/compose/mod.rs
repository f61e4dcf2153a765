//! Composition: config becomes the narrow settings of every part. The only place that names them all.

pub(crate) mod agents;
pub(crate) mod beacon;
pub(crate) mod channels;
pub(crate) mod engine;
pub(crate) mod front;
mod origin;
pub(crate) mod reset;
pub(crate) mod secrets;
pub(crate) mod tls;
pub(crate) mod workspace;
