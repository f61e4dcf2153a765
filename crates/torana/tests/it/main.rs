//! Tests of the whole gateway: the simulation, and what else needs every part at once.

mod canary;
mod chat;
mod cli;
mod crash;
mod operate;
mod remote;
mod remote_tls;
mod restart;
mod sim;
mod tui;
mod wait;
