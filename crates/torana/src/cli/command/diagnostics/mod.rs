//! `torana gateway diagnostics export`: what somebody who helps wants to see, in one file and without secrets.
//!
//! `export` collects and writes it. Nothing free-form goes in: `shape` keeps of the configuration only what the schema
//! knows, `lines` keeps of the log only fixed texts and figures, and `facts` picks figures from what the gateway says.
//! `archive` packs the parts, `bundle` reads what a gateway kept of its last moments.

mod archive;
mod bundle;
mod export;
mod facts;
mod lines;
mod shape;

pub(crate) use bundle::print as bundle;
pub(crate) use export::run as export;
