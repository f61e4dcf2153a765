//! Nodes: devices that lend commands. Who is there, what each may be asked for, calls to them, work for sleeping ones.
//!
//! Start with [`Nodes`] in `registry`; `pairing` decides what a node may be asked for, `call` carries a command to a
//! node and its answer back, `calls` holds those under way, `work` keeps what must wait.

mod call;
mod calls;
mod pairing;
mod registry;
mod work;

pub use calls::{CallAnswer, CallFault, CallOutcome, CallRequest, Progress};
pub use pairing::{Approval, NodeView};
pub use registry::{Arrival, Mouth, NodeTool, Nodes, Order, Skill};
pub use work::{WorkItem, WorkPage};
