//! What one life of the keeper is held to, effect by effect and step by step.
//!
//! The audit keeps books of its own: the room as its records say it must be, whom its messages went to, who has been
//! shown what. The shards of a keeper share them, but for what each is told by itself. It knows nothing of the machines' insides but [`playon_core::facts`].

mod deploys;
mod effects;
mod handoff;
mod players;
mod sides;
mod steps;
mod suffered;
mod threads;

use std::collections::{BTreeMap, BTreeSet};

use playon_core::effect::Order;
use playon_core::facts::{Place, Seating};
use playon_core::fleet::Berth;
use playon_core::limits::Limits;
use playon_types::attach::Turn;
use playon_types::ids::{
    Attempt, ConnId, DeployId, History, ReleaseId, RoomId, Seq, SessionId, WorkerId,
};
use playon_types::image::{ApplyBounds, Image, Loss};
use playon_types::ply;
use playon_types::reason::Reason;
use playon_types::record::DeployRecord;
use playon_types::time::{RoomTime, Span, Time, WallTime};

pub use deploys::{PROBATION, WatchedRelease};
use sides::Side;
use suffered::Suffered;

use crate::coverage::Coverage;
use crate::deeds::Copying;
use crate::manners::Manners;

/// What is known of one room.
#[derive(Debug, Default)]
struct Book {
    /// As its records say it is.
    shadow: Option<Image>,
    /// Who was last delivered to.
    live: Option<Attempt>,
    /// Since when it is frozen, and how it was then.
    frozen: Option<(Time, Image)>,
    /// The switch that was issued and not yet reported as a move.
    switch: Option<(Seq, DeployId)>,
    /// Where it was last seen, and since when it is there.
    place: Option<Place>,
    since: Time,
    posts: Vec<Attempt>,
    /// The workers of these posts.
    on: Vec<WorkerId>,
    clock: RoomTime,
    seq: Seq,
    /// When it last came a commit further.
    ran_at: Option<Time>,
    seats: BTreeMap<SessionId, Seating>,
    /// It was read back with a loss.
    torn: bool,
    /// It is being deleted: what comes after it is another room.
    ended: bool,
    /// Wrong hashes told by its workers and not yet refused.
    lies: u64,
}

/// What a socket said when it introduced itself.
#[derive(Clone, Copy, Debug)]
pub struct Intro {
    /// What the player's event numbers belong to.
    pub history: History,
    /// The last event it has taken in.
    pub recv: u64,
    /// The oldest input it still holds.
    pub lo: u64,
}

/// The books.
#[derive(Debug)]
pub struct Audit {
    rooms: BTreeMap<RoomId, Book>,
    /// The room of each attempt that a worker was told of.
    minted: BTreeMap<Attempt, RoomId>,
    /// Attempts that must have no more effect.
    revoked: BTreeSet<Attempt>,
    /// How far the inputs of each seat were applied when it was read back.
    recovered: BTreeMap<SessionId, (u64, Loss)>,
    /// Players who have heard since then what they had lost.
    informed: BTreeSet<SessionId>,
    intros: BTreeMap<ConnId, Intro>,
    /// Whom a socket speaks for since it was welcomed.
    speakers: BTreeMap<ConnId, (RoomId, SessionId)>,
    /// Which room a socket asked for.
    pub conns: BTreeMap<ConnId, RoomId>,
    /// Where each deploy leads.
    pub targets: BTreeMap<DeployId, ReleaseId>,
    /// All deploys as they stand.
    records: BTreeMap<DeployId, DeployRecord>,
    /// Groups of rooms at rest that each deploy is to be checked with.
    resting: BTreeMap<DeployId, u64>,
    /// The release that is watched, its hard faults and until when.
    pub watched: Option<WatchedRelease>,
    /// Rooms that failed, and on which release.
    failed: BTreeSet<(RoomId, ReleaseId)>,
    /// Rooms that are halted, as far as the director has heard.
    given_up: BTreeSet<RoomId>,
    /// When the keeper began.
    age: Span,
    /// What each shard knows of workers.
    sides: Vec<Side>,
    /// Attempts under which appeals are heard.
    appealed: BTreeSet<Attempt>,
    /// When each room was first told to move by a deploy, and whether it was told since not to wait for the end of its round.
    told: BTreeMap<(RoomId, DeployId), (Time, bool)>,
    /// When a deploy may move rooms of each kind.
    pub manners: Manners,
    /// Releases whose executables were lost: rooms on them go where they can.
    pub lost: BTreeSet<ReleaseId>,
    /// Moves that failed through the release: not to be ordered again.
    rejected: BTreeSet<(RoomId, DeployId)>,
    /// The common workers that the director knows of.
    pub common: BTreeMap<WorkerId, ReleaseId>,
    /// Releases of which a process has died by itself, at nothing of any room, under this keeper.
    died: BTreeSet<ReleaseId>,
    /// Rooms that an operator closes.
    closing: BTreeSet<RoomId>,
    /// Rooms that are to be deleted if they have been at rest since then.
    expiring: BTreeMap<RoomId, WallTime>,
    /// The keeper has been told to stop.
    stopping: bool,
    /// Inputs that make the game panic, by room.
    pub poison: BTreeSet<(RoomId, u64)>,
    /// Whether workers also panic for no reason.
    pub panics: bool,
    /// Whether hooks of players fail.
    pub cursed: bool,
    /// Rooms that were at something when their worker ended: the only ones that may be tried.
    suspected: BTreeSet<RoomId>,
    /// Rooms that were on such a worker or on none, and had no part in it: how far they were, and how many had been lost.
    beside: BTreeMap<RoomId, (Seq, u64)>,
    /// Rooms that have taken a common worker down with all that was on it.
    costly: BTreeSet<(RoomId, ReleaseId)>,
    /// Rooms a copy of which, or an older version, has taken down a common worker of a release.
    costly_copies: BTreeMap<(RoomId, ReleaseId, Copying), Costly>,
    /// Rooms a copy of which was not there in time: it may only have waited.
    late_copies: BTreeSet<RoomId>,
    /// Rooms that were last opened where one is tried.
    on_trial: BTreeSet<RoomId>,
    /// How often a batch of the room failed through no fault of the game: its process was killed, or its worker lied.
    bad_luck: BTreeMap<RoomId, u32>,
    /// What threads that a room has left behind cost others.
    suffered: Suffered,
    limits: Limits,
    bounds: ApplyBounds,
    /// As of the last step.
    now: Time,
    /// What was seen.
    pub coverage: Coverage,
}

/// A copy of a room that took down a worker which others were on.
#[derive(Clone, Copy, Debug)]
struct Costly {
    worker: WorkerId,
    /// The last attempt that was made before the keeper heard of it.
    known: Option<Attempt>,
}

impl Audit {
    /// Empty books of so many shards.
    pub fn new(limits: Limits, age: Span, shards: u16) -> Self {
        Self {
            rooms: BTreeMap::new(),
            age,
            minted: BTreeMap::new(),
            revoked: BTreeSet::new(),
            recovered: BTreeMap::new(),
            informed: BTreeSet::new(),
            intros: BTreeMap::new(),
            speakers: BTreeMap::new(),
            conns: BTreeMap::new(),
            targets: BTreeMap::new(),
            records: BTreeMap::new(),
            failed: BTreeSet::new(),
            given_up: BTreeSet::new(),
            resting: BTreeMap::new(),
            watched: None,
            sides: (0..shards).map(|shard| Side::new(shard, &limits)).collect(),
            appealed: BTreeSet::new(),
            told: BTreeMap::new(),
            manners: Manners::default(),
            now: Time(0),
            lost: BTreeSet::new(),
            rejected: BTreeSet::new(),
            common: BTreeMap::new(),
            died: BTreeSet::new(),
            closing: BTreeSet::new(),
            expiring: BTreeMap::new(),
            stopping: false,
            poison: BTreeSet::new(),
            panics: false,
            cursed: false,
            suspected: BTreeSet::new(),
            beside: BTreeMap::new(),
            costly: BTreeSet::new(),
            costly_copies: BTreeMap::new(),
            late_copies: BTreeSet::new(),
            on_trial: BTreeSet::new(),
            bad_luck: BTreeMap::new(),
            suffered: Suffered::default(),
            bounds: ApplyBounds::from(&limits),
            limits,
            coverage: Coverage::default(),
        }
    }

    fn book(&mut self, room: RoomId) -> &mut Book {
        self.rooms.entry(room).or_default()
    }

    /// A room was read back from the store.
    pub fn recovered(&mut self, image: &Image) {
        self.informed.retain(|id| !image.seats.contains_key(id));
        self.recovered
            .extend(image.seats.iter().map(|(id, seat)| (*id, (seat.applied, seat.loss))));
        let clock = image.clock;
        let book = self.book(image.room);
        let torn = !image.clean;
        *book = Book { shadow: Some(image.clone()), clock, torn, ..Book::default() };
    }

    /// Whether nothing of the room had been lost when it was read back, or it was made since.
    pub fn began_whole(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_none_or(|book| !book.torn)
    }

    /// A room was read from its sleep.
    pub fn woken(&mut self, image: &Image) {
        self.book(image.room).torn = !image.clean;
        self.recovered
            .extend(image.seats.iter().map(|(id, seat)| (*id, (seat.applied, seat.loss))));
    }

    /// An order has reached a shard.
    pub fn shard_ordered(&mut self, order: &Order) {
        match order {
            Order::Stop => self.stopping = true,
            Order::Expire { room, slept_by } => _ = self.expiring.insert(*room, *slept_by),
            Order::Close { room } => _ = self.closing.insert(*room),
            _ => {}
        }
    }

    /// A worker is gone: none of its attempts may have an effect any more.
    pub fn revoke(&mut self, attempts: impl IntoIterator<Item = Attempt>) {
        self.revoked.extend(attempts);
    }

    /// The game is another one from here on: who is acquitted now may be guilty of something else later.
    pub fn mended(&mut self) {
        self.costly.clear();
        self.costly_copies.clear();
        self.suffered.begin_anew();
    }

    /// The game's code in the room takes its worker down; perhaps at a copy of it.
    ///
    /// # Errors
    /// When that costs other rooms their worker for the second time.
    pub fn takes_down(
        &mut self,
        (worker, release): (WorkerId, ReleaseId),
        turn: Turn,
        copies: Option<Copying>,
    ) -> Result<(), String> {
        let Turn { room, attempt, .. } = turn;
        self.sides.iter_mut().for_each(|side| side.bring_down(worker));
        // An object that was left behind says nothing of the room that came after it.
        let of_room = self.rooms.get(&room).is_some_and(|book| book.posts.contains(&attempt));
        if !of_room || self.berth(room, worker) != Some(Berth::Common) {
            return Ok(());
        }
        let first = match copies {
            Some(what) => {
                let unknown = Costly { worker, known: None };
                let before = *self.costly_copies.entry((room, release, what)).or_insert(unknown);
                // What was asked for before the keeper could know is no second try.
                before.known.is_none_or(|last| attempt <= last)
            }
            None => self.costly.insert((room, release)),
        };
        if !first {
            return Err(format!("I25: {room} takes the others down for the second time"));
        }
        Ok(())
    }

    /// A move or a check has come to nothing.
    fn note_late(&mut self, room: RoomId, why: &Reason) {
        if why.code() == Some(ply!("PLY-0307")) {
            self.late_copies.insert(room);
        }
    }

    /// Whether the room may run where nobody else is.
    fn may_be_tried(&self, room: RoomId) -> bool {
        let seq = self.rooms.get(&room).map(|book| book.seq);
        let again = |(at, lost): &(Seq, u64)| Some(*at) == seq && *lost < self.side(room).lost();
        self.suspected.contains(&room) || self.beside.get(&room).is_some_and(again)
    }

    /// A worker gives a wrong hash with its next commit.
    pub fn lie(&mut self, room: RoomId) {
        self.book(room).lies += 1;
        *self.bad_luck.entry(room).or_default() += 1;
    }
}
