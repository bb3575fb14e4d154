//! The admin API: HTTP with JSON, for operators and the `playon` command.
//!
//! Everything below `/v1` wants the bearer token of the data directory. Errors are JSON too:
//! `{"code": "PLY-0511", "message": "..", "remedy": ".."}`. `/healthz`, `/readyz` and `/metrics` are open.

mod auth;
mod begin;
mod error;
mod patience;
mod routes;
mod serve;
mod upload;

pub(crate) use begin::start;
use routes::router;
pub use routes::{DeployRequest, HistoryPage, LogRequest, RollbackRequest};
use serve::serve;
