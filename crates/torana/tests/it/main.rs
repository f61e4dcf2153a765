//! Tests of the whole gateway: the simulation, and what else needs every part at once.

mod cli;
mod crash;
mod sim;
mod wait;
