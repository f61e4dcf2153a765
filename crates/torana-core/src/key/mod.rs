//! Session keys: one canonical name per session, read in every spelling of the systems we replace.
//!
//! `grammar` holds the shapes and the parser, `escape` the few escapes that make odd ids
//! unambiguous, `session_key` the validated key and its builders, `caller` the stricter rules for
//! keys that HTTP callers invent.

mod caller;
mod escape;
mod fuzz;
mod grammar;
mod scope;
mod session_key;

#[cfg(test)]
mod tests;

pub use caller::{CALLER_KEY_CHARS_MAX, validate_caller_key};
pub use fuzz::fuzz_key;
pub use grammar::{KeyError, KeyParts, Shape};
pub use scope::{DmScope, GroupScope};
pub use session_key::{Family, KEY_CHARS_MAX, KeyContext, Place, SessionKey};
