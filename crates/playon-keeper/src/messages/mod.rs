//! What the parts of the keeper say to each other, in one place.
//!
//! Each queue has one type, named after whom it is for; what one part says to another that hears many is named after who says it.
//! With each stands how much may wait and what happens then.
//!
//! | queue | from | to | bound |
//! |---|---|---|---|
//! | [`ToShard`] | gateway, links, store, loader, control | one shard | from sockets `inbox_gate_items_max`, then the socket is closed; the rest where it arises |
//! | [`ToControl`] | shards ([`FromShard`]), links ([`FromLinks`]), supervisor ([`FromSupervisor`]), operators ([`FromOperator`]) | the control thread | none here; each is bounded where it arises |
//! | [`ToSupervisor`] | control, threads that wait for processes | the supervisor | none here; workers at a time are bounded |
//! | `ToGateway` (in `playon_types::gate`) | shards | one gateway thread | `INBOX_BATCHES_MAX` batches, see `gateway/owner.rs` |
//! | `ToWorker` (in `playon_types::attach`) | shards | one worker | the worker's credits, see `links/outbound.rs` |

mod from_operator;
mod to_control;
mod to_shard;
mod to_supervisor;

pub(crate) use from_operator::{FromOperator, Reply};
pub(crate) use to_control::{Attached, FromLinks, FromShard, FromSupervisor, ToControl};
pub(crate) use to_shard::ToShard;
pub(crate) use to_supervisor::{Parting, ToSupervisor, Want};
