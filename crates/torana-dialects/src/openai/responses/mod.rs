//! `/v1/responses`: sessions that go on by naming the answer before, and a stream of typed events.
//!
//! [`request`] reads, [`endpoint`] answers, [`event`] prints.

mod endpoint;
mod event;
mod request;

pub(crate) use endpoint::responses;
#[cfg(test)]
pub(super) use request::fuzz_body;

#[cfg(test)]
mod tests;
