//! Active sessions: one lane each, driven by the run task of the turn that holds it. `slots` keeps the lanes, `work` is
//! what goes through them, and `debounce` holds back what somebody may still add to.

mod debounce;
mod slots;
mod work;

pub(crate) use debounce::Held;
pub(crate) use slots::{Arrived, Sessions};
pub(crate) use work::{TurnPlan, Work};
