//! Outgoing HTTP: who may be reached, by which client, and how much of an answer is read.
//!
//! [`Egress`] makes the clients. An address the operator wrote may be anything ([`Egress::operator`]); an address that a
//! stranger or a model can influence goes through [`Egress::fetch_guarded`] (S-022). No client retries, and none follows
//! ambient proxy settings.

mod address;
mod body;
mod client;
mod guard;

pub use address::{is_local_server, is_public};
pub use body::{BodyError, read_capped};
pub use client::{Egress, EgressError, EgressOptions, install_crypto};
pub use guard::{GuardedRequest, REDIRECTS_MAX, parse_guarded_url};
pub use reqwest::{Client, Error as HttpError, Method, Response, StatusCode, Url, header};

#[cfg(test)]
mod tests;
