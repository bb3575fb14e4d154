//! Probation: for a while after a release was shipped it is watched for hard faults.
//!
//! A hard fault is a room that panics, hangs, is refused or cannot be read, or a process that dies. Two of them, in two rooms
//! or twice in one, and the keeper goes back by itself where a room can; where none can it says so. What befalls rooms because
//! a process went away is held against the room that it ran, and against no other. A room that had failed on the release that it
//! came from may go on failing for the same reason: it says nothing about the new one. Kinds may be watched for longer or shorter than
//! the keeper says; what was seen, and since when, is part of the deploy's record, so the next keeper goes on with it.
//!
//! While it is found out what a room fails on, its faults are held against nobody yet. What is then set aside is tried on the
//! release before: on what fails there as well, nobody is to blame.

use std::collections::{BTreeMap, VecDeque};

use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::record::Watch;
use playon_types::time::{Span, Time};

/// Hard faults that a release on probation may have.
pub(super) const FAULTS_MAX: u32 = 1;

/// For how long a room's fault on one release explains its faults on the next.
pub(super) const FAILED_BEFORE: Span = Span::secs(300);

/// What a room did on a release that was not on probation.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedBefore {
    pub(super) release: ReleaseId,
    pub(super) at: Time,
    /// It was given up there.
    pub(super) halted: bool,
}

/// A release on probation.
#[derive(Debug)]
pub(super) struct Probation {
    pub(super) deploy: DeployId,
    pub(super) release: ReleaseId,
    /// Where its rooms came from.
    pub(super) from: ReleaseId,
    /// Until when, on this keeper's clock; nothing while rooms still move.
    pub(super) until: Option<Time>,
    /// What is stored of it.
    pub(super) watch: Watch,
    /// Rooms of which it is not known yet what they fail on, or whether that fails on the release before, too.
    pub(super) inquiries: BTreeMap<RoomId, Inquiry>,
}

/// Faults of a room that are held against nobody yet.
#[derive(Debug, Default)]
pub(super) struct Inquiry {
    /// Of which the room does not know the cause.
    pub(super) open: u32,
    /// Of each cause that is being tried on the release before. A shard tries what a room sets aside in that order.
    pub(super) appealed: VecDeque<u32>,
    /// What the last one was.
    pub(super) last: String,
}

impl Probation {
    pub(super) const fn until(&self) -> Option<Time> {
        self.until
    }

    /// The release that is kept warm for it.
    pub(super) const fn from(&self) -> ReleaseId {
        self.from
    }
}
