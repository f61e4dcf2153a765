//! A scripted model server on loopback, for tests and benchmarks only.
//!
//! It speaks both wire formats and misbehaves on request. Behaviour comes from a [`Script`] set in code or by
//! `POST /control`, or from the model's id, such as `chunks=20,delay=5`.

mod http;
mod script;
mod server;
mod wire;

pub use script::{Behaviour, Script};
pub use server::{FakeProvider, Recorded};
