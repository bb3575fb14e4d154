//! The committed room: what the owner holds in memory and the store makes survive.
//!
//! An [`Image`] is a room as of one commit. A [`Record`] is what the next commit changed. Live commits,
//! handoffs and recovery all go through [`Image::apply`], so a room read back is the room that was held.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use thiserror::Error;

use crate::attach::Body;
use crate::ids::{DeployId, Epoch, History, ReleaseId, RoomId, SecretHash, Seq, SessionId};
use crate::time::{RoomTime, Time};

/// Bytes of state that every stored and every attached room may have, whatever `state_bytes_max` says: it can be lowered
/// while rooms are stored that are larger.
pub const STATE_BYTES_FORMAT_MAX: usize = 16 << 20;

/// Bytes that a room may have whose state had `held` bytes when it was read back: the bound, and if it was above that
/// already, a sixteenth more than it had, so that it plays on but grows no further.
pub fn state_bound(state_bytes_max: usize, held: usize) -> usize {
    if held <= state_bytes_max {
        return state_bytes_max;
    }
    (held + held / 16).clamp(state_bytes_max, STATE_BYTES_FORMAT_MAX.max(held))
}

/// How deltas and hashes of state bytes are made; the rules do not depend on the answer.
pub trait StateCodec {
    /// The bytes that `delta` makes of `base`, or nothing if it does not fit or exceeds `max` bytes.
    fn apply(&self, base: &[u8], delta: &[u8], max: usize) -> Option<Bytes>;

    /// A hash of the bytes, for finding differences, not for resisting forgery.
    fn hash(&self, state: &[u8]) -> u64;
}

/// A room as of one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The room.
    pub room: RoomId,
    /// Which kind.
    pub kind: String,
    /// Its name within the kind, or empty.
    pub name: String,
    /// What the sessions' event numbers belong to.
    pub history: History,
    /// The release it runs on.
    pub release: ReleaseId,
    /// The keeper epoch of the last commit.
    pub epoch: Epoch,
    /// The last commit.
    pub seq: Seq,
    /// Version of the state.
    pub version: u32,
    /// The state.
    pub state: Bytes,
    /// Hash of the state.
    pub hash: u64,
    /// Room time of the last commit.
    pub now: RoomTime,
    /// The last tick that ran.
    pub tick: u64,
    /// Room time when it was stored, not before `now`. A room that is read back goes on from there; one whose keeper was
    /// killed goes on from its last commit.
    pub clock: RoomTime,
    /// When the room wants to be woken.
    pub wake_at: Option<RoomTime>,
    /// Whether it is at a safe point.
    pub between_rounds: bool,
    /// Whether it has ended.
    pub ended: bool,
    /// Whether no commit can be missing after this image and its records. Always so for `KeeperCrash` rooms; a
    /// `WorkerCrash` room's image is clean only when it was written at an orderly stop or put to sleep.
    pub clean: bool,
    /// The seats.
    pub seats: BTreeMap<SessionId, Seat>,
}

/// One player's cursors.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Seat {
    /// Of the session's secret.
    pub secret: SecretHash,
    /// The last input applied.
    pub applied: u64,
    /// The last event given a number.
    pub event_seq: u64,
    /// Events kept until acknowledged, oldest first; their numbers end at `event_seq`.
    pub outbox: VecDeque<Bytes>,
    /// What a player who knows only of earlier histories has yet to be told of.
    pub loss: Loss,
    /// The last inputs that were set aside, oldest first, at most [`SET_ASIDE_KEPT_MAX`]: their player may not have heard
    /// of it.
    pub set_aside: VecDeque<u64>,
    /// Since when nobody is connected, as the game has been told, in the age of the directory's keepers . So the hold of an empty seat runs on while its room sleeps and under the next keeper.
    pub away_since: Option<Time>,
    /// Nothing has been heard of the player since it was given the seat: nobody may know of it.
    pub unheard: bool,
}

/// Set-aside inputs that a seat remembers. With one more the oldest is forgotten: a player who has not heard of that one by
/// then takes it for applied.
pub const SET_ASIDE_KEPT_MAX: usize = 64;

/// Inputs that were acknowledged once, are not applied, and are counted as if they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Loss {
    /// How many.
    pub inputs: u64,
    /// Who knows of this history has been told.
    pub history: History,
}

impl Loss {
    /// Inputs that a player who knows of `history` has not been told of.
    pub fn untold(self, history: History) -> u64 {
        if history < self.history { self.inputs } else { 0 }
    }
}

impl Seat {
    /// The number of the oldest event kept; one past `event_seq` when none is.
    pub fn outbox_first(&self) -> u64 {
        self.event_seq + 1 - self.outbox.len() as u64
    }

    /// Bytes of the events kept.
    pub fn outbox_bytes(&self) -> usize {
        self.outbox.iter().map(Bytes::len).sum()
    }

    /// Drops events up to `recv`.
    pub fn acknowledge(&mut self, recv: u64) {
        while self.outbox_first() <= recv.min(self.event_seq) && !self.outbox.is_empty() {
            self.outbox.pop_front();
        }
    }
}

/// What one commit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// One more than the image's.
    pub seq: Seq,
    /// Hash of the bytes before.
    pub parent_hash: u64,
    /// Hash of the bytes after.
    pub hash: u64,
    /// Version of the bytes after.
    pub version: u32,
    /// The bytes after.
    pub body: Body,
    /// The release that wrote them.
    pub release: ReleaseId,
    /// Room time of the commit.
    pub now: RoomTime,
    /// The last tick that ran.
    pub tick: u64,
    /// When the room wants to be woken.
    pub wake_at: Option<RoomTime>,
    /// Whether the room is at a safe point.
    pub between_rounds: bool,
    /// Whether the room has ended.
    pub ended: bool,
    /// The handoff this record completes, if it is a `Migrate`: the deploy, or 0 outside of one.
    pub migrate: Option<DeployId>,
    /// What became of seats, in order.
    pub seats: Vec<SeatChange>,
}

/// What became of one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatChange {
    /// Taken.
    Joined {
        /// The player.
        session: SessionId,
        /// Of its secret.
        secret: SecretHash,
    },
    /// Given up.
    Left {
        /// The player.
        session: SessionId,
    },
    /// An input was set aside: it has not run and will not.
    SetAside {
        /// The player.
        session: SessionId,
        /// Its number.
        input: u64,
    },
    /// The game was told that the player's socket is gone, or that there is one again.
    Presence {
        /// The player.
        session: SessionId,
        /// Since when it is away; nothing if it is back. See [`Seat::away_since`].
        away_since: Option<Time>,
    },
    /// The player has said something since it was given the seat, so it knows of it.
    Heard {
        /// The player.
        session: SessionId,
    },
    /// Inputs were applied, events given out.
    Progress {
        /// The player.
        session: SessionId,
        /// The last input applied.
        applied: u64,
        /// New events, in order.
        events: Vec<Bytes>,
        /// Inputs up to `applied` that are lost and that the player may not have been told of.
        lost: u64,
        /// The first event that was still kept before the new ones: the player has acknowledged those below. 0 in records of
        /// builds that did not say it.
        kept_from: u64,
    },
}

/// Why a record does not fit an image. The image is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Misfit {
    /// Not the next commit.
    #[error("commit {found} does not follow commit {held}")]
    Sequence {
        /// Held by the image.
        held: Seq,
        /// Found in the record.
        found: Seq,
    },
    /// Made from other bytes.
    #[error("commit {seq} was made from bytes with hash {found:016x}, held are {held:016x}")]
    Parent {
        /// The commit.
        seq: Seq,
        /// Held by the image.
        held: u64,
        /// Found in the record.
        found: u64,
    },
    /// The delta cannot be applied.
    #[error("the delta of commit {seq} cannot be applied or exceeds the limit")]
    Delta {
        /// The commit.
        seq: Seq,
    },
    /// The bytes are not what the writer had.
    #[error("commit {seq} should leave bytes with hash {told:016x}, it leaves {found:016x}")]
    Hash {
        /// The commit.
        seq: Seq,
        /// What the writer said.
        told: u64,
        /// What came out.
        found: u64,
    },
    /// Written in another version than the release announced.
    #[error("commit {seq} has state version {told}, its release announced {announced}")]
    Version {
        /// The commit.
        seq: Seq,
        /// Its version.
        told: u32,
        /// What the release writes.
        announced: u32,
    },
    /// Room time or tick number would go back.
    #[error("commit {seq} would turn the room's clock back")]
    Clock {
        /// The commit.
        seq: Seq,
    },
}

impl Image {
    /// About the bytes of it: the state and the events kept.
    pub fn bytes(&self) -> usize {
        self.state.len() + self.seats.values().map(Seat::outbox_bytes).sum::<usize>()
    }

    /// Applies the next record, keeping outboxes within `outbox_events` and `outbox_bytes`.
    ///
    /// # Errors
    /// When the record does not fit; the image is unchanged.
    pub fn apply(
        &mut self,
        epoch: Epoch,
        record: &Record,
        codec: &impl StateCodec,
        bounds: &ApplyBounds,
    ) -> Result<(), Misfit> {
        let seq = record.seq;
        // After the last number there is no next one.
        if seq != self.seq.next() || seq == self.seq {
            return Err(Misfit::Sequence { held: self.seq, found: seq });
        }
        if record.parent_hash != self.hash {
            return Err(Misfit::Parent { seq, held: self.hash, found: record.parent_hash });
        }
        if record.now < self.now || record.tick < self.tick {
            return Err(Misfit::Clock { seq });
        }
        let state = materialize(
            seq,
            &self.state,
            &record.body,
            record.hash,
            codec,
            bounds.state_bytes_max,
        )?;
        self.state = state;
        self.epoch = epoch;
        self.seq = seq;
        self.hash = record.hash;
        self.version = record.version;
        self.release = record.release;
        self.now = record.now;
        // A handoff is no step of the game: no time passes by it.
        let moved = record.migrate.is_some();
        self.clock = if moved { self.clock.max(record.now) } else { record.now };
        self.tick = record.tick;
        self.wake_at = record.wake_at;
        self.between_rounds = record.between_rounds;
        self.ended = record.ended;
        for change in &record.seats {
            self.apply_seat(change, bounds);
        }
        Ok(())
    }

    fn apply_seat(&mut self, change: &SeatChange, bounds: &ApplyBounds) {
        match change {
            SeatChange::Joined { session, secret } => {
                let seat = Seat { secret: *secret, unheard: true, ..Seat::default() };
                self.seats.insert(*session, seat);
            }
            SeatChange::Left { session } => {
                self.seats.remove(session);
            }
            SeatChange::SetAside { session, input } => {
                if let Some(seat) = self.seats.get_mut(session) {
                    seat.set_aside.push_back(*input);
                    if seat.set_aside.len() > SET_ASIDE_KEPT_MAX {
                        seat.set_aside.pop_front();
                    }
                }
            }
            SeatChange::Presence { session, away_since } => {
                if let Some(seat) = self.seats.get_mut(session) {
                    seat.away_since = *away_since;
                }
            }
            SeatChange::Heard { session } => {
                if let Some(seat) = self.seats.get_mut(session) {
                    seat.unheard = false;
                }
            }
            SeatChange::Progress { session, applied, events, lost, kept_from } => {
                let history = self.history;
                let Some(seat) = self.seats.get_mut(session) else {
                    return;
                };
                seat.applied = seat.applied.max(*applied);
                // Builds that did not note it wrote this: who has sent an input knows of the seat.
                seat.unheard &= *applied == 0;
                if *lost > 0 {
                    seat.loss = Loss { inputs: *lost, history };
                }
                // What was acknowledged takes no room: else a replay would pass the bound where the room had not.
                seat.acknowledge(kept_from.saturating_sub(1));
                for event in events {
                    seat.event_seq += 1;
                    // As in `materialize`: a kept slice would keep what was read with it.
                    seat.outbox.push_back(Bytes::copy_from_slice(event));
                }
                // Past its bound the whole outbox goes: half of a gap-free stream is of no use.
                let over = seat.outbox.len() > bounds.outbox_events_max
                    || seat.outbox_bytes() > bounds.outbox_bytes_max;
                if over {
                    seat.outbox.clear();
                }
            }
        }
    }
}

/// The bounds that [`Image::apply`] keeps.
#[derive(Clone, Copy, Debug)]
pub struct ApplyBounds {
    /// Bytes of state.
    pub state_bytes_max: usize,
    /// Events per outbox.
    pub outbox_events_max: usize,
    /// Bytes per outbox.
    pub outbox_bytes_max: usize,
}

/// The bytes that a body makes of `base`, checked against the hash that the writer gave.
///
/// # Errors
/// When the delta does not fit, the result is too large or hashes to something else.
pub fn materialize(
    seq: Seq,
    base: &Bytes,
    body: &Body,
    told: u64,
    codec: &impl StateCodec,
    max: usize,
) -> Result<Bytes, Misfit> {
    let state = match body {
        Body::Same => base.clone(),
        Body::Delta(delta) => codec.apply(base, delta, max).ok_or(Misfit::Delta { seq })?,
        // A copy of its own: what came from a worker is a slice of everything that was read with it.
        Body::Full(bytes) if bytes.len() <= max => Bytes::copy_from_slice(bytes),
        Body::Full(_) => return Err(Misfit::Delta { seq }),
    };
    let found = codec.hash(&state);
    if found == told { Ok(state) } else { Err(Misfit::Hash { seq, told, found }) }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
