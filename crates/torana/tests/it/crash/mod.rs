//! The crash harness: the real binary, a Telegram server and a model of our own, and a process that is killed again and
//! again while people write.
//!
//! Nothing here trusts what the gateway says about itself. The truth is what the platform's server recorded (what people
//! see in each chat), what the model was asked, and, at the very end, the journals. `check` compares them with what was
//! written; `gateway` is the process, `scene` the world around it, `traffic` the people.
//! `TORANA_BIN` names the binary and `TORANA_CRASH_KILLS` the number of kills; the seed of every run is printed.

mod check;
mod disk;
mod gateway;
mod http;
mod kill;
mod scene;
mod traffic;
mod witness;
