//! What the core's machines decide, carried out: on the store, the disk, the supervisor of workers and the gateway.

mod decisions;
mod executables;
mod rests;
mod sites;
mod sleepers;
mod staffing;

pub(crate) use rests::{counted, resting};
