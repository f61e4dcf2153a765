//! The crash harness: the real binary, a Telegram server and a model of our own, and a process that is killed again and
//! again while people write.
//!
//! Nothing here trusts what the gateway says about itself. The truth is what the platform's server recorded (what people
//! see in each chat), what the model was asked, and, at the very end, the journals. `check` compares them with what was
//! written; `gateway` is the process, `scene` the world around it, `traffic` and `client` the people. Where the disk or
//! the clock has to misbehave, `shim` stands between the process and the system.
//! `TORANA_BIN` names the binary and `TORANA_CRASH_KILLS` the number of kills; the seed of every run is printed.

mod check;
mod client;
mod clock;
mod disk;
mod fault;
mod flush;
mod freeze;
mod gateway;
mod http;
mod kill;
mod power;
mod reload;
mod reload_kill;
mod scene;
mod shim;
mod siege;
mod start;
mod traffic;
mod valve;
mod webhook;
mod witness;
