//! An in-memory Telegram Bot API server, for tests, benchmarks and the crash harness.
//!
//! It keeps what a real server would keep (queues, messages, webhooks), what people would see (the log), and what it was
//! told to do wrong (faults). Everything it stores is bounded. Start it with [`FakeServer::start`], drive it through
//! `/control/…`, point a bot at it by `apiRoot`.

mod control;
mod html;
mod limits;
mod method;
mod params;
mod server;
mod shared;
mod state;
mod update;
mod webhook;

pub use server::{FakeServer, Options};

#[cfg(test)]
mod tests;
