//! A commit arrives: it is checked, applied to the owner's own copy, handed to the store, and what it says
//! is kept until it is safe.

use std::collections::BTreeMap;

use playon_types::attach::{Commit, Item, LeftOut, Noted};
use playon_types::gate::{Close, Push};
use playon_types::ids::{Seq, SessionId};
use playon_types::image::{Misfit, Record, Seat, SeatChange, StateCodec};
use playon_types::kind::Survives;
use playon_types::reason;
use playon_types::time::Time;

use crate::effect::{Effect, Report};
use crate::ensure::ensure;
use crate::env::Env;
use crate::mutant::{Mutant, broken};
use crate::session::Standing;

use super::Room;
use super::durability::WholeImage;
use super::held::HeldOutput;
use super::phase::{Inflight, Phase};
use super::timers::Timer;

impl Room {
    /// The worker has run the batch. Anything that is not the answer to the batch in flight has no effect.
    pub(crate) fn handle_commit<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        commit: Commit,
    ) {
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        if live.placement.attempt != commit.attempt && !broken(Mutant::AttemptUnchecked) {
            return;
        }
        let Some(inflight) = live.inflight.take_if(|i| i.seq == commit.seq) else {
            return;
        };
        self.timers.stop(Timer::Batch);
        let writes =
            env.fleet.kind(live.placement.release, &self.image.kind).map(|kind| kind.writes);
        let release = live.placement.release;
        let (mut record, held) = self.digest(&inflight, &commit, release);
        record.seats.extend(self.digest_presence(env, now, &inflight.items));
        self.digest_heard(&mut record.seats);
        let tally = self.tally(&inflight, commit.inputs);
        let fits = match writes {
            Some(writes) if writes != commit.version => {
                Err(Misfit::Version { seq: commit.seq, told: commit.version, announced: writes })
            }
            _ => self.apply(env, &record),
        };
        if let Err(misfit) = fits {
            self.refuse_commit(env, now, inflight, &misfit);
            return;
        }
        if let Some(report) = tally {
            env.report(report);
        }
        let (portion, saw) = (inflight.portion, inflight.viewers());
        self.blame.has_run(now);
        self.note_passed(env, portion);
        let tried = self.blame.on_trial();
        let when = (now, &env.limits, &mut self.timers);
        if let Some(item) = self.blame.batch_passed(when, portion, saw) {
            self.set_aside(env, now, item);
        }
        if tried && !self.blame.on_trial() && env.appeals.hears(self.release()) {
            env.report(Report::Acquitted { room: self.id(), release: self.release() });
        }
        self.presence.note_rendered(&inflight, &commit);
        self.send_away(&commit, &held);
        self.track_tail(&commit, env.limits.tail_deltas_max);
        let (room, waiting) = (self.id(), self.durability.held());
        let place = waiting < env.limits.unsafe_commits_max;
        ensure!(env, room, place, "{waiting} commits are not safe, and one more is run");
        self.durability.hold(held);
        self.persist(env, now, record);
        if self.image.ended && broken(Mutant::EndUnsafe) {
            self.end(env);
        }
        self.list(env);
        self.pump(env, now);
    }

    /// Whom the store does not know yet to have been heard. Of those with an input it knows by that.
    fn digest_heard(&self, seats: &mut Vec<SeatChange>) {
        let says = |id: SessionId, change: &SeatChange| match change {
            SeatChange::Progress { session, applied, .. } => *session == id && *applied > 0,
            _ => false,
        };
        let silent = |id: &SessionId| !seats.iter().any(|change| says(*id, change));
        let heard: Vec<_> = self.newly_heard().filter(silent).collect();
        seats.extend(heard.into_iter().map(|session| SeatChange::Heard { session }));
    }

    /// Turns a commit into the record that is stored and the outputs that wait for it. The room does not change:
    /// the commit may yet be refused.
    fn digest(
        &self,
        inflight: &Inflight,
        commit: &Commit,
        release: playon_types::ids::ReleaseId,
    ) -> (Record, HeldOutput) {
        let mut held = HeldOutput {
            seq: commit.seq,
            watch_view: commit.watch_view.clone(),
            watch_refused: inflight.watch
                && commit.watch_view.is_none()
                && commit.left_out.iter().all(|left| left.session != LeftOut::WATCHERS),
            ended: commit.ended,
            ..HeldOutput::default()
        };
        let mut seats = Vec::new();
        self.digest_joins(inflight, commit, &mut seats, &mut held);
        let aside = self.digest_aside(inflight, &mut seats);
        self.digest_progress((inflight, aside), commit, &mut seats, &mut held);
        self.digest_leaves(inflight, commit, &mut seats, &mut held);
        let record = Record {
            seq: commit.seq,
            parent_hash: commit.parent_hash,
            hash: commit.hash,
            version: commit.version,
            body: commit.body.clone(),
            release,
            now: inflight.now,
            tick: inflight.tick,
            wake_at: commit.wake_at,
            between_rounds: commit.between_rounds,
            ended: commit.ended,
            migrate: None,
            seats,
        };
        (record, held)
    }

    fn digest_joins(
        &self,
        inflight: &Inflight,
        commit: &Commit,
        seats: &mut Vec<SeatChange>,
        held: &mut HeldOutput,
    ) {
        for item in &inflight.items {
            let Item::Join { session, .. } = item else {
                continue;
            };
            if let Some((_, reason)) = commit.refused.iter().find(|(id, _)| id == session) {
                held.goodbyes.push((*session, Close::Refused, reason!("PLY-0106 {reason}")));
            } else if let Some(known) = self.presence.get(session) {
                seats.push(SeatChange::Joined { session: *session, secret: known.secret });
                held.seated.push(*session);
            }
        }
    }

    /// The input that is set aside with this commit: it did not run, and does not run any more.
    fn digest_aside(
        &self,
        inflight: &Inflight,
        seats: &mut Vec<SeatChange>,
    ) -> Option<(SessionId, u64)> {
        let Some(Item::Input { session, seq, .. }) = self.blame.accused(inflight.portion) else {
            return None;
        };
        if !broken(Mutant::AsideUntold) {
            seats.push(SeatChange::SetAside { session: *session, input: *seq });
        }
        Some((*session, *seq))
    }

    /// Numbers the events and notes how far each player's inputs are applied.
    fn digest_progress(
        &self,
        (inflight, aside): (&Inflight, Option<(SessionId, u64)>),
        commit: &Commit,
        seats: &mut Vec<SeatChange>,
        held: &mut HeldOutput,
    ) {
        // Counted as dealt with; that it was set aside goes before.
        let mut applied: BTreeMap<SessionId, u64> = aside.into_iter().collect();
        let mut lost: BTreeMap<SessionId, u64> = BTreeMap::new();
        for item in &inflight.items {
            match item {
                Item::Input { session, seq, .. } => {
                    applied.insert(*session, *seq);
                }
                Item::Back { session, lost: inputs } if *inputs > 0 => {
                    if let Some(known) = self.presence.get(session) {
                        applied.insert(*session, known.resumed_at);
                        lost.insert(*session, known.untold);
                    }
                }
                _ => {}
            }
        }
        let mut drafts: BTreeMap<SessionId, Push> = BTreeMap::new();
        for (session, seq) in &applied {
            drafts.entry(*session).or_default().applied = Some(*seq);
        }
        if let Some((session, seq)) = aside.filter(|_| !broken(Mutant::AsideUntold)) {
            drafts.entry(session).or_default().set_aside.push(seq);
        }
        for output in &commit.outputs {
            let draft = drafts.entry(output.session).or_default();
            if output.reliable {
                let first = self.image.seats.get(&output.session).map_or(0, |seat| seat.event_seq);
                let number = first + 1 + draft.events.len() as u64;
                draft.events.push((number, output.payload.clone()));
            } else {
                draft.now.push(output.payload.clone());
            }
        }
        for (session, view) in &commit.views {
            let draft = drafts.entry(*session).or_default();
            let before = self.image.seats.get(session).map_or(0, |seat| seat.event_seq);
            draft.view = Some((before + draft.events.len() as u64, view.clone()));
        }
        for (session, draft) in drafts {
            if draft.applied.is_some() || !draft.events.is_empty() {
                seats.push(SeatChange::Progress {
                    session,
                    kept_from: self.image.seats.get(&session).map_or(0, Seat::outbox_first),
                    applied: draft.applied.unwrap_or(0),
                    events: draft.events.iter().map(|(_, event)| event.clone()).collect(),
                    lost: lost.get(&session).copied().unwrap_or(0),
                });
            }
            held.pushes.push((session, draft));
        }
    }

    fn digest_leaves(
        &self,
        inflight: &Inflight,
        commit: &Commit,
        seats: &mut Vec<SeatChange>,
        held: &mut HeldOutput,
    ) {
        for item in &inflight.items {
            let (Item::Leave(session) | Item::Noted { session, change: Noted::Leave }) = item
            else {
                continue;
            };
            seats.push(SeatChange::Left { session: *session });
            held.goodbyes.push((*session, Close::Left, reason!("PLY-0109 the seat was given up")));
        }
        for (session, reason) in &commit.dismissed {
            seats.push(SeatChange::Left { session: *session });
            held.goodbyes.push((*session, Close::Left, reason!("PLY-0110 {reason}")));
        }
    }

    /// Players who lose their seat with a commit that has been applied speak no more.
    fn send_away(&mut self, commit: &Commit, held: &HeldOutput) {
        for (session, _) in &commit.dismissed {
            if let Some(known) = self.presence.get_mut(session) {
                known.standing = Standing::Leaving;
            }
        }
        // What a leaving player had sent before but what has not run will not run any more.
        let gone = |id: SessionId| held.goodbyes.iter().any(|(gone, ..)| *gone == id);
        self.note_seats();
        if !held.goodbyes.is_empty() {
            let keep = |item: &Item| {
                matches!(item, Item::Join { .. }) || !item.session().is_some_and(gone)
            };
            self.backlog.retain(keep);
            self.blame.retain(keep);
        }
    }

    /// Makes the commit as safe as the kind asks.
    fn persist<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, record: Record) {
        let seq = record.seq;
        let Survives::WorkerCrash { checkpoint } = self.policies.survives else {
            self.append(env, now, record);
            if broken(Mutant::ReleaseUnsafe) {
                self.release_outputs(env, now, seq);
            }
            return;
        };
        let first = std::mem::take(&mut self.image.clean);
        self.timers.set_first(Timer::Checkpoint, now + checkpoint);
        let leaves = self.durability.handle_kept(seq, first);
        // Who has a seat is known to the store at once, so that tokens stay good; and what is lost, so that it is told once.
        let minor = |change: &SeatChange| {
            matches!(
                change,
                SeatChange::Progress { lost: 0, .. }
                    | SeatChange::Presence { .. }
                    | SeatChange::Heard { .. }
            )
        };
        if first || !record.seats.iter().all(minor) {
            self.snapshot(env, now);
        }
        if leaves {
            self.release_outputs(env, now, seq);
        }
    }

    /// Appends a record and, every so often, a snapshot behind it.
    pub(super) fn append<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, record: Record) {
        if self.durability.misses_commits_before(record.seq) {
            // They were kept in memory only, as the kind asked before: the whole room stands for them.
            return self.snapshot(env, now);
        }
        let at = self.image.seq;
        ensure!(env, self.id(), record.seq == at, "record {} follows commit {at}", record.seq);
        let due = self.durability.handle_record(&env.limits, &record);
        env.emit(Effect::Append { room: self.id(), seq: record.seq, record });
        if due {
            self.snapshot(env, now);
        }
    }

    /// What is only kept in memory is stored. A durable room has only to say that a player was heard.
    pub(super) fn checkpoint<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        let lacks = !self.durable() || self.durability.keeps(self.image.seq);
        if lacks || self.newly_heard().next().is_some() {
            self.snapshot(env, now);
        }
    }

    /// Stores the room as it is, now or as soon as the snapshot that is with the store is safe.
    pub(crate) fn snapshot<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        self.image.clean |= self.policies_known && self.durable() && self.losses_settled();
        self.store_whole(env, now, WholeImage::Checkpoint);
    }

    /// Whether the room may be called complete: nobody has lost anything before this life that is not counted in it.
    pub(super) fn losses_settled(&mut self) -> bool {
        let (presence, seats) = (&self.presence, &self.image.seats);
        self.durability.settle(|id| match (presence.get(id), seats.get(id)) {
            (Some(session), Some(seat)) => session.is_back() && seat.applied >= session.resumed_at,
            _ => true,
        })
    }

    /// The room was asleep: it is back in the hot log before anything else is written about it.
    pub(crate) fn wake<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time) {
        self.durability.handle_woken();
        self.store_whole(env, now, WholeImage::Checkpoint);
    }

    pub(super) fn store_whole<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        why: WholeImage,
    ) {
        self.image.clock = self.clock.read(now).max(self.image.now);
        self.note_absences(env, now);
        // Now, or as soon as the one before is safe.
        self.timers.stop(Timer::Checkpoint);
        let (room, at, given) = (self.id(), self.image.seq, self.durability.issued());
        ensure!(env, room, given <= at, "commit {at} is stored whole, the store was given {given}");
        let free = !self.durability.is_storing() || why == WholeImage::Switch;
        let unheard = self.image.seats.values().filter(|seat| seat.unheard).count();
        let unheard = unheard - self.newly_heard().count();
        if !self.is_resting() && self.durability.begin_snapshot(&self.image, unheard, why) {
            ensure!(env, room, free, "commit {at} is stored whole beside another one");
            self.note_heard();
            self.image.epoch = env.epoch;
            env.emit(Effect::Snapshot(self.image.clone()));
        }
    }

    /// The store has made `seq` safe, by a record or, if `whole`, by a snapshot.
    pub(crate) fn handle_safe<C: StateCodec>(
        &mut self,
        env: &mut Env<C>,
        now: Time,
        seq: Seq,
        whole: bool,
    ) {
        let at = self.image.seq;
        ensure!(env, self.id(), seq <= at, "{seq} is safe, the last commit is {at}");
        let another = whole && self.durability.handle_snapshot_safe(seq);
        if seq > self.durability.safe() {
            self.release_outputs(env, now, seq);
            if let Some(last) = self.durability.take_mark(seq) {
                // What came in meanwhile need not wait for the store.
                self.release_outputs(env, now, last);
            }
            self.switch_if_safe(env, now);
            self.list(env);
        }
        if another {
            self.snapshot(env, now);
        }
        self.pump(env, now);
    }
}
