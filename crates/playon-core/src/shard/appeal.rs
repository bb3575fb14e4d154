//! How an appeal is heard: a copy of the room is opened on the release before, where nobody else is, and given the batch on which
//! the release on probation has failed. What comes of it is reported and thrown away.
//!
//! | what happens | the release on probation |
//! |---|---|
//! | the batch panics there, too, ends the process or does not come back | is not to blame |
//! | it passes | is to blame |
//! | it cannot be tried: no way to that version, no worker in time, no copy | is to blame |

use playon_types::attach::{FromWorker, Stage, ToWorker};
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::image::StateCodec;
use playon_types::reason;
use playon_types::time::Time;

use crate::appeals::{Appeal, AppealStep, INTERRUPTED_MAX, Work};
use crate::effect::{Effect, Report};
use crate::errand::Errand;
use crate::fleet::{Suspicion, WorkerEnd};
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;

use super::Shard;

impl<C: StateCodec> Shard<C> {
    /// A release is on probation after that one, or none is any more.
    pub(super) fn order_probation(&mut self, now: Time, probation: Option<(ReleaseId, ReleaseId)>) {
        if let Some((appeal, step)) =
            self.env.appeals.set_probation(&mut self.env.agenda, probation)
        {
            self.end_step(&appeal, step);
        }
        self.run_queues(now);
    }

    /// Goes on with the appeal that is under way, or with the next one, as far as nobody has to be waited for.
    pub(super) fn run_appeals(&mut self, now: Time) {
        while !self.env.stopping {
            if let Some(appeal) = self.env.appeals.next() {
                self.begin_appeal(now, appeal);
            }
            let waits =
                |(_, step): &&(Appeal, AppealStep)| matches!(step, AppealStep::Waiting { .. });
            if self.env.appeals.current().filter(waits).is_none() || !self.ask(now) {
                return;
            }
        }
    }

    fn put_appeal(&mut self, appeal: Appeal, step: AppealStep) {
        self.env.appeals.put(&mut self.env.agenda, appeal, step);
    }

    fn begin_appeal(&mut self, now: Time, appeal: Appeal) {
        let before = self.env.appeals.before();
        let reads = before.and_then(|before| self.env.fleet.declared(before, &appeal.kind));
        let writes = self.env.fleet.declared(appeal.release, &appeal.kind);
        let export = match (reads, writes) {
            (Some(reader), _) if reader.reads(appeal.version) => None,
            (Some(reader), Some(writer)) if writer.exports(reader.writes) => Some(reader.writes),
            _ => return self.judge(now, appeal, None, false),
        };
        self.put_appeal(
            appeal,
            AppealStep::Waiting { until: now + self.env.limits.trial_wait, export },
        );
    }

    /// Asks a worker for the next step, if there is one. Tells whether the appeal has ended instead.
    fn ask(&mut self, now: Time) -> bool {
        let (lane, before) = (self.env.appeals.lane(), self.env.appeals.before());
        let Some((appeal, step)) = self.env.appeals.take(&mut self.env.agenda) else {
            return false;
        };
        let (AppealStep::Waiting { until, export }, Some(before)) = (&step, before) else {
            return false;
        };
        let (until, export) = (*until, *export);
        let release = if export.is_some() { appeal.release } else { before };
        let Some(placement) = self.env.occupy(release, lane, &appeal.kind) else {
            if until <= now {
                self.judge(now, appeal, None, false);
                return true;
            }
            self.put_appeal(appeal, step);
            return false;
        };
        let (room, attempt, seq) = (appeal.room, placement.attempt, appeal.seq);
        let (kind, state) = (appeal.kind.clone(), appeal.state.clone());
        let errand = Errand::new(now, self.env.limits.open_timeout);
        let (message, work) = match export {
            Some(version) => {
                let export = ToWorker::Export { room, attempt, kind, seq, version, state };
                (export, Work::Export(version))
            }
            None => {
                let version = appeal.version;
                (ToWorker::Open { room, attempt, kind, seq, version, state }, Work::Open)
            }
        };
        self.env.tell(placement.worker, message);
        self.put_appeal(appeal, AppealStep::Asked { placement, errand, work });
        false
    }

    /// What a worker answers.
    pub(super) fn handle_appealed(&mut self, now: Time, message: &FromWorker) {
        let Some((mut appeal, AppealStep::Asked { placement, work, .. })) =
            self.env.appeals.take(&mut self.env.agenda)
        else {
            return;
        };
        if matches!(message, FromWorker::Fault(_)) {
            // Whatever is tried next must find it as new.
            let why = reason!("PLY-0414 what is tried of room {} has panicked in it", appeal.room);
            self.env.spoil(placement.worker, why);
        }
        match (message, work) {
            (FromWorker::Exported(exported), Work::Export(version))
                if exported.version == version =>
            {
                self.env.retire(appeal.room, placement);
                (appeal.version, appeal.state) = (version, exported.state.clone());
                let until = now + self.env.limits.trial_wait;
                self.put_appeal(appeal, AppealStep::Waiting { until, export: None });
            }
            (FromWorker::Ready(_), Work::Open) => {
                let kind = self.env.fleet.kind(placement.release, &appeal.kind);
                let most = kind.map_or(self.env.limits.open_timeout, |k| k.policies.batch_timeout);
                let batch = appeal.batch(placement.attempt);
                self.env.tell(placement.worker, ToWorker::Deliver(batch));
                let errand = Errand::new(now, most);
                self.put_appeal(appeal, AppealStep::Asked { placement, errand, work: Work::Try });
            }
            (FromWorker::Fault(fault), Work::Try) => {
                let too = fault.stage == Stage::Deliver && !fault.refusal;
                self.judge(now, appeal, Some(placement), too);
            }
            _ => self.judge(now, appeal, Some(placement), false),
        }
        self.run_queues(now);
    }

    /// A worker is gone.
    pub(super) fn appeal_worker_down(&mut self, now: Time, worker: WorkerId, end: &WorkerEnd) {
        let Some((mut appeal, step)) = self.env.appeals.take(&mut self.env.agenda) else { return };
        let (placement, work) = match step {
            AppealStep::Asked { placement, work, .. } if placement.worker == worker => {
                (placement, work)
            }
            step => return self.put_appeal(appeal, step),
        };
        let at_it = end.was_at(appeal.room, placement.attempt).unwrap_or(true);
        if !at_it && appeal.interrupted < INTERRUPTED_MAX {
            // Perhaps it had not come back from the one before.
            self.env.retire(appeal.room, placement);
            appeal.interrupted += 1;
            let export = match work {
                Work::Export(version) => Some(version),
                Work::Open | Work::Try => None,
            };
            let until = now + self.env.limits.trial_wait;
            return self.put_appeal(appeal, AppealStep::Waiting { until, export });
        }
        self.judge(now, appeal, Some(placement), work == Work::Try && at_it && end.by_itself());
    }

    /// Somebody takes too long. Whoever is at it hangs, and is ended.
    pub(super) fn appeal_timed_out(&mut self, now: Time) {
        match self.env.appeals.take(&mut self.env.agenda) {
            Some((appeal, AppealStep::Asked { placement, mut errand, work })) => {
                if !self.env.is_overdue(&mut errand, placement.worker, now) {
                    return self.put_appeal(appeal, AppealStep::Asked { placement, errand, work });
                }
                let hangs = errand.is_begun();
                if hangs {
                    let why =
                        reason!("PLY-0404 it does not come back from a room of another release");
                    let worker = placement.worker;
                    self.env.emit(Effect::Suspect { worker, of: Suspicion::Hangs, why });
                } else {
                    errand.report(now);
                    self.env.abandon(placement, errand, None);
                }
                self.judge(now, appeal, Some(placement), hangs && work == Work::Try);
            }
            // It is judged as no worker is found.
            Some((appeal, waiting)) => self.put_appeal(appeal, waiting),
            None => {}
        }
        self.run_queues(now);
    }

    /// Ends what nobody wants to know any more.
    fn end_step(&mut self, appeal: &Appeal, step: AppealStep) {
        if let AppealStep::Asked { placement, errand, .. } = step {
            self.env.abandon(placement, errand, None);
            self.env.retire(appeal.room, placement);
        }
    }

    /// `too`: it fails on the release before, too.
    fn judge(&mut self, now: Time, appeal: Appeal, placement: Option<Placement>, too: bool) {
        let Appeal { room, release, itself, .. } = appeal;
        if let Some(placement) = placement {
            self.env.retire(room, placement);
        }
        let too = too && !broken(Mutant::AppealsLost);
        self.env.report(Report::Appealed { room, release, itself, too });
        if let Some(appeal) = self.env.appeals.next() {
            self.begin_appeal(now, appeal);
        }
    }
}
