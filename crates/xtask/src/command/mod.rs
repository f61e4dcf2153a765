//! The commands of `cargo xtask`, one file each.

mod bench;
mod ci;
mod conform;
mod dist;
mod fuzz;
mod generate;
mod layout;
mod menu;
mod product;
mod sim;
mod test;
mod tidy;
mod ui;

pub(crate) use menu::run;
