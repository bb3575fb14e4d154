//! What all rooms of a shard share.

use std::collections::{BTreeSet, VecDeque};

use crate::attach::{ToWorker, Turn};
use crate::effect::{Effect, Report};
use crate::errand::Errand;
use crate::fleet::Fleet;
use crate::gate::{Close, ToGateway};
use crate::ids::{Attempt, ConnId, Epoch, ReleaseId, RoomId, WorkerId};
use crate::image::ApplyBounds;
use crate::limits::Limits;
use crate::mutant::{Mutant, broken};
use crate::time::Time;

/// The shard's surroundings, handed to a room with every call.
pub(crate) struct Env<C> {
    pub(crate) epoch: Epoch,
    pub(crate) limits: Limits,
    pub(crate) bounds: ApplyBounds,
    pub(crate) codec: C,
    pub(crate) fleet: Fleet,
    /// Where new and waking rooms go.
    pub(crate) prefer: Option<ReleaseId>,
    /// Rooms being handed over, at most `handoffs_max`; the others wait in `move_queue`.
    pub(crate) moving: BTreeSet<RoomId>,
    pub(crate) move_queue: VecDeque<RoomId>,
    /// Rooms being opened, at most `opens_max`; the others wait in `open_queue`.
    pub(crate) opening: BTreeSet<RoomId>,
    pub(crate) open_queue: VecDeque<RoomId>,
    /// No new players are taken.
    pub(crate) draining: bool,
    /// Nothing more is delivered.
    pub(crate) stopping: bool,
    /// What a worker was at when it went away, while the rooms are told of it.
    pub(crate) last_turns: Vec<Turn>,
    pub(crate) out: VecDeque<Effect>,
    attempts: u64,
}

impl<C> Env<C> {
    pub(crate) fn new(epoch: Epoch, shard: u16, limits: Limits, codec: C) -> Self {
        Self {
            epoch,
            bounds: ApplyBounds::from(&limits),
            limits,
            codec,
            fleet: Fleet::default(),
            prefer: None,
            moving: BTreeSet::new(),
            move_queue: VecDeque::new(),
            opening: BTreeSet::new(),
            open_queue: VecDeque::new(),
            draining: false,
            stopping: false,
            last_turns: Vec::new(),
            out: VecDeque::new(),
            // Attempts of different shards never meet in a worker.
            attempts: u64::from(shard) << 48,
        }
    }

    /// A token never given out before in this epoch.
    pub(crate) const fn mint(&mut self) -> Attempt {
        self.attempts += 1;
        Attempt(self.attempts)
    }

    pub(crate) fn emit(&mut self, effect: Effect) {
        self.out.push_back(effect);
    }

    pub(crate) fn tell(&mut self, worker: WorkerId, message: ToWorker) {
        self.emit(Effect::Worker(worker, message));
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.emit(Effect::Report(report));
    }

    pub(crate) fn close(&mut self, conn: ConnId, why: Close, detail: impl Into<String>) {
        self.emit(Effect::Gate(ToGateway::Close { conn, why, detail: detail.into() }));
    }

    /// Whether the worker that went away just now was at something of this post; never so without its notes.
    pub(crate) fn was_at(&self, room: RoomId, post: Post) -> bool {
        self.last_turns.iter().any(|turn| turn.room == room && turn.attempt == post.attempt)
    }

    /// Whether something asked of a worker takes too long.
    pub(crate) fn is_overdue(&self, errand: &mut Errand, worker: WorkerId, now: Time) -> bool {
        errand.is_overdue(&self.fleet, worker, now, self.limits.turn_timeout)
    }

    /// A worker for the kind on that release; the room is counted on it until `leave`.
    pub(crate) fn occupy(&mut self, release: ReleaseId, kind: &str) -> Option<Post> {
        let worker = self.fleet.least_loaded(release, kind)?;
        self.fleet.occupy(worker);
        Some(Post { worker, attempt: self.mint(), release })
    }

    /// Ends a post: the worker forgets the attempt.
    pub(crate) fn leave(&mut self, room: RoomId, post: Post) {
        self.fleet.vacate(post.worker);
        if self.fleet.has(post.worker) && !broken(Mutant::NoRetire) {
            self.tell(post.worker, ToWorker::Retire { room, attempt: post.attempt });
        }
    }
}

/// A place in a worker, fenced by its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) worker: WorkerId,
    pub(crate) attempt: Attempt,
    pub(crate) release: ReleaseId,
}
