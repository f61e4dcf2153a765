//! What only the binary knows, offered to the dialects: config on disk, the log, model services, the process.

mod config_file;
mod gateway;
mod site;

pub(crate) use gateway::{GatewayHost, Parts, Running, hash_of};
