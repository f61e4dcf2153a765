//! The rules of this tree, each a function from the source tree to findings, and the table that names them.
//! `arch` guards the boundaries, `tidy` the habits, `deps` the dependencies.

mod arch;
mod deps;
mod table;
mod tidy;

#[cfg(test)]
pub(crate) use table::assert_clean;
pub(crate) use table::{RULES, check, check_all, names};
