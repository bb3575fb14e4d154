//! One room, as its owner holds it: the committed image, the sessions, and where it is live.
//!
//! The state machine is cut by phase, one file each: `players` (what sockets say, and what becomes of seats), `deliver` (a batch
//! leaves), `commit` (its commit arrives), `outputs` (its outputs leave once it is safe), `opening`,
//! `handoff` (warm, cutover, switch), with `policy` (when) and `export` (in which version), `tally` (whether each input counts once), `trial`
//! (what a fault does; who is to blame for it is found by `blame` and `viewers`) and `rest` (hibernation, end, stop). Who is
//! here (`presence`), what waits for the next batch (`backlog`), and what is safe or on its way to be (`durability`) are machines of
//! their own.

mod backlog;
mod beside;
mod blame;
mod clock;
mod commit;
mod confinement;
mod copies;
mod cutover;
mod deliver;
mod durability;
mod export;
mod facts;
mod handoff;
mod held;
mod item_trial;
mod opening;
mod outputs;
mod phase;
mod players;
mod policy;
mod presence;
mod residue;
mod rest;
mod tally;
mod timers;
mod timers_check;
mod trial;
mod viewers;

use std::collections::BTreeMap;

use playon_types::attach::Item;
use playon_types::ids::{Attempt, ReleaseId, RoomId, WorkerId};
use playon_types::image::state_bound;
use playon_types::image::{ApplyBounds, Image, Misfit, Record, StateCodec};
use playon_types::kind::{Policies, Survives};
use playon_types::time::{Span, Time};

use crate::effect::{Listing, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::limits::Limits;
use crate::mutant::{Believing, Mutant, broken};
use crate::placement::Placement;
use crate::session::Session;

use backlog::Backlog;
pub(crate) use beside::TOGETHER_MAX;
use blame::Blame;
use clock::RoomClock;
use durability::Durability;
pub(crate) use handoff::too_slow;
pub(crate) use phase::{MoveOrder, Phase};
use presence::Presence;
use timers::{Timer, Timers};

/// Entries of its table that a room may fire at one time. More would be a loop.
const FIRED_MAX: usize = 2 * Timer::ALL.len();

/// One room in memory.
#[derive(Debug)]
pub(crate) struct Room {
    /// As of the last commit received.
    pub(crate) image: Image,
    durability: Durability,
    /// Bytes its state may have; more than others only if it was above the bound when it was read back.
    state_bytes_max: usize,
    phase: Phase,
    policies: Policies,
    /// A worker has said what the policies are.
    policies_known: bool,
    clock: RoomClock,
    timers: Timers,
    presence: Presence,
    backlog: Backlog,
    wish: Option<MoveOrder>,
    /// It waits for its turn among the rooms of the shard to be handed over.
    queued: bool,
    /// Who makes the room fail, if it does.
    blame: Blame,
    /// Since when it waits for a worker apart from the others.
    apart_since: Option<Time>,
    /// Since when it is not live.
    down_since: Option<Time>,
    ending: bool,
    /// It goes to rest when that is stored; otherwise it is deleted.
    resting_asleep: bool,
    listed: Option<Listing>,
}

impl Room {
    /// A room whose image is safe in the store: recovered at start, or woken.
    pub(crate) fn recovered<C: StateCodec>(env: &mut Env<C>, now: Time, mut image: Image) -> Self {
        if !image.clean && !broken(Mutant::HistoryKept) {
            // Commits after this image may have been seen by players: their event numbers are void.
            image.history = playon_types::ids::History(env.epoch.0);
        }
        let (at, clean) = (image.clock.max(image.now), image.clean);
        let age = env.aged(now);
        for seat in image.seats.values_mut() {
            // Beyond it only in a directory whose keepers have lost count: a restored one.
            seat.away_since = seat.away_since.map(|since| since.min(age));
        }
        let sessions = image
            .seats
            .iter()
            .map(|(id, seat)| (*id, Session::recovered(seat, at, age, clean)))
            .collect::<BTreeMap<_, _>>();
        let mut room = Self::new(image, &env.limits, now);
        room.durability.recovered(&room.image);
        // Whoever was connected no longer is; the game hears it before anything else.
        sessions.keys().for_each(|id| room.backlog.push(Item::Away(*id)));
        room.presence.recover(sessions);
        room.note_seats();
        room.want_open(env, now);
        room
    }

    /// A room whose first commit is not yet stored.
    pub(crate) fn unsafe_yet<C: StateCodec>(env: &Env<C>, now: Time, image: Image) -> Self {
        Self { down_since: None, ..Self::new(image, &env.limits, now) }
    }

    /// The worker that made the room runs it.
    pub(crate) fn be_born<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        placement: Placement,
    ) {
        self.go_live(env, now, placement, true);
    }

    fn new(image: Image, limits: &Limits, now: Time) -> Self {
        let mut durability = Durability::new(limits);
        durability.stagger(image.room);
        Self {
            durability,
            state_bytes_max: state_bound(limits.state_bytes_max, image.state.len()),
            phase: Phase::Idle,
            policies: Policies::default(),
            policies_known: false,
            clock: RoomClock::standing(image.clock.max(image.now)),
            timers: Timers::default(),
            presence: Presence::new(now),
            backlog: Backlog::default(),
            wish: None,
            queued: false,
            blame: Blame::new(),
            apart_since: None,
            down_since: Some(now),
            ending: false,
            resting_asleep: false,
            listed: None,
            image,
        }
    }

    /// What is committed of the room, if no worker runs it just then.
    pub(crate) const fn without_worker(&self) -> Option<&Image> {
        let none = matches!(self.phase, Phase::Idle | Phase::Opening(_));
        if none { Some(&self.image) } else { None }
    }

    pub(crate) const fn id(&self) -> RoomId {
        self.image.room
    }

    /// Whether it is known how many players the room takes; not so before a worker has opened it.
    pub(crate) const fn takes_joins(&self) -> bool {
        self.policies_known
    }

    /// What its next commit is held to.
    pub(super) fn bounds<C: StateCodec>(&self, env: &Env<C>) -> ApplyBounds {
        let within = self.image.state.len() <= env.limits.state_bytes_max;
        let state_bytes_max =
            if within { env.limits.state_bytes_max } else { self.state_bytes_max };
        if broken(Mutant::OutboxUnbounded) {
            return ApplyBounds {
                state_bytes_max,
                outbox_events_max: usize::MAX,
                outbox_bytes_max: usize::MAX,
            };
        }
        ApplyBounds { state_bytes_max, ..env.bounds }
    }

    /// Makes the next commit the room's.
    ///
    /// # Errors
    /// When the record does not fit; the room is unchanged.
    pub(super) fn apply<C: StateCodec>(
        &mut self,
        env: &Env<C>,
        record: &Record,
    ) -> Result<(), Misfit> {
        let bounds = self.bounds(env);
        if broken(Mutant::HashUnchecked) {
            let codec = Believing { codec: &env.codec, told: record.hash };
            return self.image.apply(env.epoch, record, &codec, &bounds);
        }
        self.image.apply(env.epoch, record, &env.codec, &bounds)
    }

    /// Whether each commit is appended to the store before its outputs leave.
    const fn durable(&self) -> bool {
        matches!(self.policies.survives, Survives::KeeperCrash)
    }

    /// The release the room runs on, or should be opened on.
    pub(crate) const fn release(&self) -> ReleaseId {
        self.image.release
    }

    /// The worker that was given the attempt, if it is not void.
    pub(crate) fn holder(&self, attempt: Attempt) -> Option<WorkerId> {
        self.phase.holder(attempt)
    }

    /// Reports the public facts if they changed.
    pub(crate) fn list<C: StateCodec>(&mut self, env: &mut Env<C>) {
        let listing = Listing {
            room: self.id(),
            kind: self.image.kind.clone(),
            name: self.image.name.clone(),
            release: self.image.release,
            version: self.image.version,
            players: self.presence.players(),
            players_max: self.policies.players_max,
            live: matches!(self.phase, Phase::Live(_) | Phase::Cutover(_) | Phase::Switching(_)),
            halted: self.blame.halted().map(ToString::to_string),
        };
        if self.listed.as_ref() != Some(&listing) {
            self.listed = Some(listing.clone());
            env.report(Report::Listing(listing));
        }
    }

    /// Goes from one phase to the next, and waits no more for what belonged to the one before. Gives that.
    fn enter(&mut self, next: Phase) -> Phase {
        self.timers.end_phase();
        let before = std::mem::replace(&mut self.phase, next);
        match &self.phase {
            Phase::Opening(_) => self.note_opening(),
            Phase::Resting => self.timers.clear(),
            _ => {}
        }
        before
    }

    /// When this room wants `handle_timeout`.
    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.timers.next(&self.clock).map(|(at, _)| at)
    }

    /// Time has passed: what is due is taken out of the table and done, one after the other.
    pub(crate) fn handle_timeout<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        for _ in 0..FIRED_MAX {
            let Some(timer) = self.timers.take_due(&self.clock, now) else { break };
            self.fire(env, now, timer);
        }
        let next = self.timers.next(&self.clock);
        let later = next.is_none_or(|(at, _)| at > now);
        ensure!(env, self.id(), later, "it is due once what was due is done: {next:?} at {now:?}");
    }

    fn fire<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, timer: Timer) {
        match timer {
            Timer::Checkpoint => self.checkpoint(env, now),
            Timer::Retry => self.want_open(env, now),
            Timer::Opening => self.opening_timed_out(env, now),
            Timer::Thaw => self.frozen_too_long(env, now),
            Timer::Rest => self.hibernate(env, now),
            Timer::Seat => self.expire_seats(now),
            Timer::Quarantine => self.blame.end_quarantine(),
            Timer::Blind => self.blame.show_again(now, &mut self.timers),
            Timer::Batch => self.batch_timed_out(env, now),
            Timer::Copy => self.warm_timed_out(env, now),
            Timer::Round | Timer::Apart | Timer::Beat => {}
        }
        self.pump(env, now);
    }

    /// Notes whether anybody is connected, after anything that may have changed it.
    pub(crate) fn note_presence(&mut self, now: Time) {
        self.presence.note(now);
        self.note_rest();
    }

    /// Period of the kind's ticks.
    const fn period(&self) -> Option<Span> {
        self.policies.tick
    }
}
