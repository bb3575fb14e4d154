//! A commit arrives: it is checked, applied to the owner's own copy, handed to the store, and what it says
//! is kept until it is safe.

use std::collections::BTreeMap;

use crate::attach::{Commit, Item, Noted};
use crate::effect::Effect;
use crate::env::Env;
use crate::gate::{Close, Push};
use crate::ids::{Seq, SessionId};
use crate::image::{Misfit, Record, SeatChange, StateCodec};
use crate::kind::Survives;
use crate::mutant::{Mutant, broken};
use crate::session::Standing;
use crate::time::Time;

use super::Room;
use super::outputs::Held;
use super::phase::{Inflight, Phase};

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
        if live.post.attempt != commit.attempt && !broken(Mutant::AttemptUnchecked) {
            return;
        }
        let Some(inflight) = live.inflight.take_if(|i| i.seq == commit.seq) else {
            return;
        };
        let writes = env.fleet.kind(live.post.release, &self.image.kind).map(|kind| kind.writes);
        let release = live.post.release;
        let (record, held) = self.digest(&inflight, &commit, release);
        let fits = match writes {
            Some(writes) if writes != commit.version => {
                Err(Misfit::Version { seq: commit.seq, told: commit.version, announced: writes })
            }
            _ => self.image.apply(env.epoch, &record, &env.codec, &env.bounds),
        };
        if let Err(misfit) = fits {
            self.refuse_commit(env, now, inflight, &misfit);
            return;
        }
        if let Some(item) = self.blame.batch_passed(now, &env.limits, inflight.portion) {
            self.set_aside(env, item);
        }
        self.send_away(&commit, &held);
        self.track_tail(&commit, env.limits.tail_deltas_max);
        self.held.push_back(held);
        self.persist(env, now, record);
        if self.image.ended && broken(Mutant::EndUnsafe) {
            self.end(env);
        }
        self.list(env);
        self.pump(env, now);
    }

    /// Turns a commit into the record that is stored and the outputs that wait for it. The room does not change:
    /// the commit may yet be refused.
    fn digest(
        &self,
        inflight: &Inflight,
        commit: &Commit,
        release: crate::ids::ReleaseId,
    ) -> (Record, Held) {
        let mut held = Held {
            seq: commit.seq,
            watch_view: commit.watch_view.clone(),
            watch_refused: inflight.watch && commit.watch_view.is_none(),
            ended: commit.ended,
            ..Held::default()
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
        held: &mut Held,
    ) {
        for item in &inflight.items {
            let Item::Join { session, .. } = item else {
                continue;
            };
            if let Some((_, reason)) = commit.refused.iter().find(|(id, _)| id == session) {
                held.goodbyes.push((*session, Close::Refused, format!("PLY-0106 {reason}")));
            } else if let Some(known) = self.sessions.get(session) {
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
        held: &mut Held,
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
                    if let Some(known) = self.sessions.get(session) {
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
        held: &mut Held,
    ) {
        for item in &inflight.items {
            let (Item::Leave(session) | Item::Noted { session, change: Noted::Leave }) = item
            else {
                continue;
            };
            seats.push(SeatChange::Left { session: *session });
            held.goodbyes.push((*session, Close::Left, "PLY-0109 the seat was given up".into()));
        }
        for (session, reason) in &commit.dismissed {
            seats.push(SeatChange::Left { session: *session });
            held.goodbyes.push((*session, Close::Left, format!("PLY-0110 {reason}")));
        }
    }

    /// Players who lose their seat with a commit that has been applied speak no more.
    fn send_away(&mut self, commit: &Commit, held: &Held) {
        for (session, _) in &commit.dismissed {
            if let Some(known) = self.sessions.get_mut(session) {
                known.standing = Standing::Leaving;
            }
        }
        // What a leaving player had sent before but what has not run will not run any more.
        let gone = |id: &SessionId| held.goodbyes.iter().any(|(gone, ..)| gone == id);
        if !held.goodbyes.is_empty() {
            let keep = |item: &Item| match item {
                Item::Input { session, .. } | Item::Back { session, .. } => !gone(session),
                Item::Away(session) | Item::Leave(session) => !gone(session),
                Item::Noted { session, .. } => !gone(session),
                Item::Join { .. } | Item::Tick(_) | Item::Wake => true,
            };
            self.pending.retain(keep);
            self.blame.retain(keep);
        }
    }

    /// Makes the commit as safe as the kind asks.
    fn persist<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, record: Record) {
        let seq = record.seq;
        let Survives::WorkerCrash { checkpoint } = self.policies.survives else {
            self.append(env, record);
            if broken(Mutant::ReleaseUnsafe) {
                self.release_outputs(env, now, seq);
            }
            return;
        };
        self.checkpoint_at = self.checkpoint_at.or(Some(now + checkpoint));
        let first = std::mem::take(&mut self.image.clean);
        if first {
            self.unmarked = Some(seq);
        }
        let progress = |change: &SeatChange| matches!(change, SeatChange::Progress { .. });
        if first || !record.seats.iter().all(progress) {
            // Who has a seat is known to the store at once, so that tokens stay good.
            self.snapshot(env);
        }
        if self.unmarked.is_none() {
            self.release_outputs(env, now, seq);
        }
    }

    /// Appends a record and, every so often, a snapshot behind it.
    pub(super) fn append<C: StateCodec>(&mut self, env: &mut Env<C>, record: Record) {
        self.commits_since_snapshot += 1;
        self.bytes_since_snapshot += record.body.len();
        env.emit(Effect::Append { room: self.id(), seq: record.seq, record });
        if self.commits_since_snapshot >= env.limits.snapshot_every_commits
            || self.bytes_since_snapshot >= env.limits.snapshot_every_bytes
        {
            self.snapshot(env);
        }
    }

    /// Stores the room as it is.
    pub(crate) fn snapshot<C: StateCodec>(&mut self, env: &mut Env<C>) {
        self.commits_since_snapshot = 0;
        self.bytes_since_snapshot = 0;
        self.checkpoint_at = None;
        self.image.epoch = env.epoch;
        self.image.clean |= self.policies_known && self.durable();
        env.emit(Effect::Snapshot(self.image.clone()));
    }

    /// The store has made `seq` safe.
    pub(crate) fn handle_safe<C: StateCodec>(&mut self, env: &mut Env<C>, now: Time, seq: Seq) {
        if seq > self.safe {
            self.release_outputs(env, now, seq);
            if self.unmarked.take_if(|mark| *mark <= seq).is_some() {
                // What came in meanwhile need not wait for the store.
                let last = self.held.back().map_or(seq, |held| held.seq);
                self.release_outputs(env, now, last);
            }
            self.switch_if_safe(env, now);
            self.list(env);
        }
        self.pump(env, now);
    }
}
