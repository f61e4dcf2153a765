//! What the configuration promises, one file per promise.

mod accepted;
mod edit;
mod effective;
mod forms;
mod include;
mod keys;
mod parse;
mod path;
mod properties;
mod redact;
mod reference;
mod references;
mod reload;
mod roster;
mod safety;
mod show;
mod world;

use world::{EMPTY, TestSection, World, check, check_in, config, json, sections};
