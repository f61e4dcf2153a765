//! What only the binary knows, offered to the dialects: config on disk, the log, model services, the process.

mod config_file;
mod gateway;
mod in_force;
mod site;

pub(crate) use gateway::{GatewayHost, Parts};
pub(crate) use in_force::{InForce, Running};
