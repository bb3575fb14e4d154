//! What an engine offers, as contracts that can be met, tried and asked for one by one.
//!
//! Whoever needs one of them takes a handle of that one. Only who opens an engine has to do with a whole [`Store`].

mod decisions;
mod releases;
mod resting_rooms;
mod room;
mod room_log;

pub use decisions::{Decision, Decisions, DeployRow};
pub use releases::{ReleaseRow, Releases};
pub use resting_rooms::{RestGroup, RestingRoom, RestingRooms};
pub use room::{LogRecord, RestNote, RestRow, SnapshotRow, StoredRoom};
pub use room_log::{Batch, Done, RoomLog};

/// An engine that meets every contract. What it offers of the others ends with its [`RoomLog`]: after an error that stops the log
/// nothing is decided either, and a log that is closed has closed the engine.
pub trait Store: RoomLog + RestingRooms + Decisions + Releases {}

impl<T: RoomLog + RestingRooms + Decisions + Releases + ?Sized> Store for T {}
