//! Events on the wire: one sink on the bus, each event encoded once per privilege class, pushed to every client's queue.

mod hub;
mod runs;
mod sessions;
mod timing;
mod wire;

pub(crate) use hub::Hub;
