//! What owner and worker tell each other about one room.
//!
//! The owner delivers at most one batch at a time to a room and the worker never commits unasked, so a
//! room is quiet the moment its last batch is answered: to freeze a room, the owner merely stops delivering.
//! Every message carries the room and the attempt; whatever carries another attempt has no effect.

use bytes::Bytes;

use crate::ids::{Attempt, RoomId, Seq, SessionId};
use crate::reason::Reason;
use crate::time::RoomTime;

/// Owner to worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorker {
    /// Make a new room; answered by a [`Commit`] with sequence 1 and a whole state, or a [`Fault`].
    Create {
        /// The room.
        room: RoomId,
        /// The token all later messages carry.
        attempt: Attempt,
        /// Which kind.
        kind: String,
        /// How it is created, encoded by whoever asked.
        params: Bytes,
        /// Where the room's random numbers begin.
        seed: u64,
    },
    /// Open a room from its committed bytes; answered by [`Ready`] or a [`Fault`].
    Open {
        /// The room.
        room: RoomId,
        /// The token all later messages carry.
        attempt: Attempt,
        /// Which kind.
        kind: String,
        /// The commit the bytes belong to.
        seq: Seq,
        /// The state version of the bytes.
        version: u32,
        /// The committed state.
        state: Bytes,
    },
    /// Run one batch; answered by a [`Commit`] or a [`Fault`].
    Deliver(Deliver),
    /// Turn a committed state into an older version; answered by [`Exported`] or a [`Fault`]. Nothing is opened or kept: it
    /// works for a room of which this worker cannot run a batch.
    Export {
        /// The room.
        room: RoomId,
        /// A token of this export alone.
        attempt: Attempt,
        /// Which kind.
        kind: String,
        /// The commit the bytes belong to.
        seq: Seq,
        /// The version wanted.
        version: u32,
        /// The committed state, in the version that this worker's release writes.
        state: Bytes,
    },
    /// Open a copy of a room that is live elsewhere, migrate and encode it, and keep the given bytes as the
    /// base of a tail; answered by [`Prewarmed`] or a [`Fault`].
    Prewarm {
        /// The room.
        room: RoomId,
        /// The attempt under which the room may later be opened here.
        attempt: Attempt,
        /// Which kind.
        kind: String,
        /// The commit the bytes belong to.
        seq: Seq,
        /// The state version of the bytes.
        version: u32,
        /// The committed state.
        state: Bytes,
    },
    /// The last stretch of a handoff: bring the prewarmed base up to `seq` and open the room;
    /// answered by [`Ready`] or a [`Fault`].
    Tail {
        /// The room.
        room: RoomId,
        /// The attempt of the prewarm.
        attempt: Attempt,
        /// The commit reached when all deltas are applied.
        seq: Seq,
        /// What the bytes must hash to then.
        hash: u64,
        /// Deltas on the prewarmed bytes, oldest first.
        deltas: Vec<Bytes>,
    },
    /// Forget the room, or the prewarmed copy of it. Not answered.
    Retire {
        /// The room.
        room: RoomId,
        /// The attempt that ends.
        attempt: Attempt,
    },
}

impl ToWorker {
    /// What a worker notes when it begins with this.
    pub fn turn(&self) -> Turn {
        let (room, attempt, seq) = match self {
            Self::Create { room, attempt, .. } => (*room, *attempt, Seq(1)),
            Self::Open { room, attempt, seq, .. }
            | Self::Prewarm { room, attempt, seq, .. }
            | Self::Tail { room, attempt, seq, .. } => (*room, *attempt, *seq),
            Self::Deliver(deliver) => (deliver.room, deliver.attempt, deliver.seq),
            Self::Export { room, attempt, .. } | Self::Retire { room, attempt } => {
                (*room, *attempt, Seq(0))
            }
        };
        Turn { room, attempt, seq }
    }
}

/// One batch for one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The room.
    pub room: RoomId,
    /// The live attempt.
    pub attempt: Attempt,
    /// The sequence of the commit that answers this batch.
    pub seq: Seq,
    /// Room time at which the batch happens.
    pub now: RoomTime,
    /// What happens, in order.
    pub items: Vec<Item>,
    /// The sessions that want a view afterwards.
    pub render: Vec<SessionId>,
    /// Whether spectators want the shared view afterwards.
    pub render_watch: bool,
}

impl Deliver {
    /// How many inputs it brings.
    pub fn inputs(&self) -> u32 {
        let inputs = self.items.iter().filter(|item| matches!(item, Item::Input { .. })).count();
        u32::try_from(inputs).unwrap_or(u32::MAX)
    }
}

/// One thing that happens to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A player asks for a seat.
    Join {
        /// The player.
        session: SessionId,
        /// What the player says about itself, opaque to the keeper.
        profile: Bytes,
    },
    /// A player's input.
    Input {
        /// The player.
        session: SessionId,
        /// Its number.
        seq: u64,
        /// The input.
        payload: Bytes,
    },
    /// The player's socket is gone, the seat is kept.
    Away(SessionId),
    /// The player has a socket again; `lost` inputs it had been told were applied are not (0 unless the
    /// keeper crashed past a checkpoint).
    Back {
        /// The player.
        session: SessionId,
        /// Inputs lost.
        lost: u64,
    },
    /// The seat is given up or has expired.
    Leave(SessionId),
    /// A change of a seat of which only the worker's own books take note: the game's hook for it has been found to fail and
    /// is not called.
    Noted {
        /// The player.
        session: SessionId,
        /// What has become of the seat.
        change: Noted,
    },
    /// The fixed step, numbered from 1.
    Tick(u64),
    /// Nothing but the time: timers that are due fire. They also fire before any other item.
    Wake,
}

impl Item {
    /// Whom it is about, unless it is the time.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Join { session, .. }
            | Self::Input { session, .. }
            | Self::Away(session)
            | Self::Back { session, .. }
            | Self::Leave(session)
            | Self::Noted { session, .. } => Some(*session),
            Self::Tick(_) | Self::Wake => None,
        }
    }
}

/// What an [`Item::Noted`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// As [`Item::Away`].
    Away,
    /// As [`Item::Back`].
    Back,
    /// As [`Item::Leave`].
    Leave,
}

/// How a commit or a [`Ready`] gives the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The bytes did not change.
    Same,
    /// A delta against the bytes of the parent.
    Delta(Bytes),
    /// The whole bytes.
    Full(Bytes),
}

impl Body {
    /// Bytes carried.
    pub fn len(&self) -> usize {
        match self {
            Self::Same => 0,
            Self::Delta(bytes) | Self::Full(bytes) => bytes.len(),
        }
    }

    /// Whether nothing is carried.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message that a worker has begun to work on.
///
/// What comes before it in the worker's queue is no delay of this room, and when the worker ends or hangs, this is what
/// it was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The room.
    pub room: RoomId,
    /// The attempt.
    pub attempt: Attempt,
    /// The commit that is being made, opened or copied; 0 for what is about no commit.
    pub seq: Seq,
}

/// Worker to owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromWorker {
    /// What a batch did.
    Commit(Commit),
    /// The room is open and waits for batches.
    Ready(Ready),
    /// A committed state as an older version.
    Exported(Exported),
    /// The copy can be opened here.
    Prewarmed(Prewarmed),
    /// It could not be done; the worker has thrown its object of this attempt away.
    Fault(Fault),
}

impl FromWorker {
    /// The room and attempt this is about.
    pub const fn about(&self) -> (RoomId, Attempt) {
        match self {
            Self::Commit(m) => (m.room, m.attempt),
            Self::Ready(m) => (m.room, m.attempt),
            Self::Exported(m) => (m.room, m.attempt),
            Self::Prewarmed(m) => (m.room, m.attempt),
            Self::Fault(m) => (m.room, m.attempt),
        }
    }
}

/// What one batch did: one atomic record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The room.
    pub room: RoomId,
    /// The live attempt.
    pub attempt: Attempt,
    /// One more than the parent's.
    pub seq: Seq,
    /// Hash of the bytes before.
    pub parent_hash: u64,
    /// Hash of the bytes after.
    pub hash: u64,
    /// State version of the bytes after.
    pub version: u32,
    /// The bytes after.
    pub body: Body,
    /// Joins that the room refused, and why. A join not named here was accepted.
    pub refused: Vec<(SessionId, String)>,
    /// Players the room sent away, and why.
    pub dismissed: Vec<(SessionId, String)>,
    /// What players are told, in order.
    pub outputs: Vec<Output>,
    /// Inputs of the batch that were dealt with: handed to the game or, of a player without a seat, passed over.
    pub inputs: u32,
    /// What players see; at most one each.
    pub views: Vec<(SessionId, Bytes)>,
    /// Views that were asked for and are not there because of their size. An input never is at fault for one.
    pub left_out: Vec<LeftOut>,
    /// What spectators see.
    pub watch_view: Option<Bytes>,
    /// The next time the room wants to be woken, if no input comes before.
    pub wake_at: Option<RoomTime>,
    /// Whether the room is at a safe point.
    pub between_rounds: bool,
    /// Whether the room has ended; nothing is delivered to it any more.
    pub ended: bool,
    /// Microseconds the batch took, encoding included.
    pub cost_us: u32,
}

/// A view that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose; [`LeftOut::WATCHERS`] for that of spectators.
    pub session: SessionId,
    /// It would be shown, but not together with the others of its batch: it is asked for again, before them. Otherwise it is
    /// by itself larger than a view may be.
    pub again: bool,
}

impl LeftOut {
    /// Stands for all spectators.
    pub const WATCHERS: SessionId = SessionId(0);
}

/// One thing a player is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The player.
    pub session: SessionId,
    /// The event.
    pub payload: Bytes,
    /// Numbered and kept until acknowledged; else sent once, if a socket is there.
    pub reliable: bool,
}

/// A room has been opened from given bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The room.
    pub room: RoomId,
    /// The attempt.
    pub attempt: Attempt,
    /// The commit that was opened.
    pub seq: Seq,
    /// State version after migration.
    pub version: u32,
    /// The bytes after migration, against those that were opened.
    pub body: Body,
    /// Their hash.
    pub hash: u64,
    /// The next time the room wants to be woken.
    pub wake_at: Option<RoomTime>,
    /// Microseconds it took.
    pub cost_us: u32,
}

/// A committed state as an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The room.
    pub room: RoomId,
    /// The token of the export.
    pub attempt: Attempt,
    /// The commit that was exported.
    pub seq: Seq,
    /// The version written.
    pub version: u32,
    /// The bytes.
    pub state: Bytes,
    /// Microseconds it took.
    pub cost_us: u32,
}

/// A copy of a room could be opened, migrated and encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prewarmed {
    /// The room.
    pub room: RoomId,
    /// The attempt of the copy.
    pub attempt: Attempt,
    /// The commit that was opened.
    pub seq: Seq,
    /// Bytes after migration.
    pub size: u64,
    /// Microseconds it took; predicts the same step of the cutover.
    pub cost_us: u32,
}

/// Where a worker failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making a room; the game refused the parameters or panicked.
    Create,
    /// Opening or migrating given bytes.
    Open,
    /// Running a batch.
    Deliver,
    /// Writing an older version.
    Export,
    /// Opening a copy.
    Prewarm,
}

/// Something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The room.
    pub room: RoomId,
    /// The attempt.
    pub attempt: Attempt,
    /// Where.
    pub stage: Stage,
    /// What, in one line; begins with a code if the worker has one for it.
    pub message: String,
    /// Whether the game said no by itself (a refusal), rather than panicked.
    pub refusal: bool,
}

impl Fault {
    /// What the worker says of it.
    pub fn reason(&self) -> Reason {
        Reason::read(self.message.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: SessionId = SessionId(7);

    fn input(seq: u64) -> Item {
        Item::Input { session: WHO, seq, payload: Bytes::new() }
    }

    #[test]
    fn a_batch_knows_how_many_inputs_it_brings_and_items_whom_they_are_about() {
        let items = vec![input(1), Item::Away(WHO), input(2), Item::Tick(3), Item::Wake];
        let about: Vec<_> = items.iter().map(Item::session).collect();
        assert_eq!(about, [Some(WHO), Some(WHO), Some(WHO), None, None]);
        let deliver = Deliver {
            room: RoomId([1; 16]),
            attempt: Attempt(2),
            seq: Seq(3),
            now: RoomTime(4),
            items,
            render: Vec::new(),
            render_watch: false,
        };
        assert_eq!(deliver.inputs(), 2);
        let turn = ToWorker::Deliver(deliver).turn();
        assert_eq!((turn.room, turn.attempt, turn.seq), (RoomId([1; 16]), Attempt(2), Seq(3)));
    }

    #[test]
    fn bodies_are_as_long_as_what_they_carry() {
        let three = Bytes::from_static(b"abc");
        let lengths =
            [Body::Same, Body::Delta(Bytes::new()), Body::Delta(three.clone()), Body::Full(three)]
                .map(|body| (body.len(), body.is_empty()));
        assert_eq!(lengths, [(0, true), (0, true), (3, false), (3, false)]);
    }

    #[test]
    fn answers_know_which_room_and_attempt_they_are_about() {
        let (room, attempt, seq) = (RoomId([1; 16]), Attempt(2), Seq(3));
        let message = "PLY-0428 it panicked".to_owned();
        let fault = Fault { room, attempt, stage: Stage::Open, message, refusal: false };
        assert_eq!(fault.reason().to_string(), "PLY-0428 it panicked");
        let prewarmed = Prewarmed { room, attempt, seq, size: 1, cost_us: 1 };
        let (version, state) = (1, Bytes::new());
        let exported = Exported { room, attempt, seq, version, state, cost_us: 1 };
        for answer in [
            FromWorker::Fault(fault),
            FromWorker::Prewarmed(prewarmed),
            FromWorker::Exported(exported),
        ] {
            assert_eq!(answer.about(), (room, attempt));
        }
    }

    /// A worker notes what it is at under these numbers.
    #[test]
    fn what_is_no_batch_has_a_number_too() {
        let (room, attempt, seq) = (RoomId([1; 16]), Attempt(2), Seq(9));
        let (kind, version, state) = (String::new(), 1, Bytes::new());
        let create =
            ToWorker::Create { room, attempt, kind: kind.clone(), params: Bytes::new(), seed: 0 };
        let open = ToWorker::Open {
            room,
            attempt,
            kind: kind.clone(),
            seq,
            version,
            state: state.clone(),
        };
        let export = ToWorker::Export { room, attempt, kind, seq, version, state };
        let retire = ToWorker::Retire { room, attempt };
        let turns = [create, open, export, retire].map(|message| message.turn());
        assert!(turns.iter().all(|turn| (turn.room, turn.attempt) == (room, attempt)));
        assert_eq!(turns.map(|turn| turn.seq.0), [1, 9, 0, 0]);
    }
}
