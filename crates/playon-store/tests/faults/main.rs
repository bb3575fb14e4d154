//! A disk that fails: at every call of a short life of a store, in every way, and the power with it.
//!
//! Whatever happens, the store either goes on, or stops for good with a coded error; what was acknowledged is there
//! when it is opened again, or it is refused by name. It is never silently older.
//!
//! `docs/recovery.md` has the table that these tests stand for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what came of the faults is shown when asked for")]

mod child;
#[path = "../store/common/mod.rs"]
mod common;
mod judge;
mod lost;
mod loud;
mod power;
mod stale;
