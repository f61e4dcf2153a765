//! What the gateway is about: its vocabulary and its pure decisions.
//!
//! Nothing here reads a clock, a file, a socket or the environment, and nothing here runs tasks.
//! Values go in, a decision comes out; `torana-engine` carries it out.
//! Start with [`message`] for the nouns, [`port`] for the seams, and [`admit`] for the first decision.

pub mod admit;
pub mod approval;
pub mod ask;
pub mod auth;
pub mod blame;
pub mod branch;
pub mod command;
pub mod config;
pub mod deliver;
pub mod event;
pub mod id;
pub mod key;
pub mod lane;
pub mod limit;
pub mod media;
pub mod message;
pub mod port;
pub mod problem;
pub mod question;
pub mod render;
pub mod route;
pub mod run;
