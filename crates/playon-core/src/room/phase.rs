//! The phases of a room's life in memory. They are closed: every transition is in this folder.

use bytes::Bytes;
use playon_types::attach::{Item, LeftOut};
use playon_types::ids::{Attempt, DeployId, ReleaseId, Seq, SessionId, WorkerId};
use playon_types::time::{RoomTime, Span, Time};

use crate::deadly::DeadlyTask;
use crate::errand::Errand;
use crate::mutant::{Mutant, broken};
use crate::placement::Placement;

use super::blame::Portion;

/// Where a room stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Committed bytes, no worker: waits for its turn and a worker, and while [`Timer::Retry`](super::timers::Timer) is armed for
    /// that.
    Idle,
    /// A worker has been asked to open it.
    Opening(Opening),
    /// A worker runs it.
    Live(Live),
    /// Frozen: the old worker is quiet, the new one brings itself up to the last commit.
    Cutover(Cutover),
    /// The `Migrate` commit is with the store; neither side moves until its fate is known.
    Switching(Switching),
    /// On its way to rest or to deletion.
    Resting,
}

#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) placement: Placement,
    /// Who writes the version that the new release reads, until that is done.
    pub(crate) export: Option<ExportStep>,
    /// The bytes the worker was given, if they are not the image's own.
    pub(crate) given: Option<Bytes>,
    pub(crate) errand: Errand,
}

impl Opening {
    /// Who is asked for something.
    pub(crate) fn asked(&self) -> (Placement, DeadlyTask) {
        self.export.map_or((self.placement, DeadlyTask::Copy), |export| {
            (export.placement, DeadlyTask::Export)
        })
    }
}

/// A worker of the release that the room leaves writes an older version, from committed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExportStep {
    pub(crate) placement: Placement,
    pub(crate) version: u32,
}

#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) placement: Placement,
    pub(crate) inflight: Option<Inflight>,
    pub(crate) warm: Option<Warm>,
}

/// The one batch that is with the worker.
#[derive(Debug)]
pub(crate) struct Inflight {
    pub(crate) seq: Seq,
    pub(crate) items: Vec<Item>,
    pub(crate) now: RoomTime,
    pub(crate) tick: u64,
    pub(crate) errand: Errand,
    /// What it was allowed to bring.
    pub(crate) portion: Portion,
    /// The players who were to be shown the room after it.
    pub(crate) render: Vec<SessionId>,
    /// Whether spectators asked for a view.
    pub(crate) watch: bool,
}

impl Inflight {
    /// Who is to be shown the room after it; all spectators as one.
    pub(crate) fn viewers(&self) -> impl Iterator<Item = SessionId> {
        let watchers = self.watch.then_some(LeftOut::WATCHERS);
        self.render.iter().copied().chain(watchers)
    }

    /// Whether it brought anything beside the time.
    pub(crate) fn brings(&self) -> bool {
        self.items.iter().any(|item| !matches!(item, Item::Tick(_) | Item::Wake))
    }

    /// What it brought beside the time.
    pub(crate) fn into_items(self) -> Vec<Item> {
        let mut items = self.items;
        items.retain(|item| !matches!(item, Item::Tick(_) | Item::Wake));
        items
    }
}

/// The preparation of a handoff, while the room plays on.
#[derive(Debug)]
pub(crate) struct Warm {
    pub(crate) order: MoveOrder,
    pub(crate) step: WarmStep,
    /// What the same steps will take once more when the room is frozen.
    pub(crate) cost: Span,
    pub(crate) errand: Errand,
}

#[derive(Debug)]
pub(crate) enum WarmStep {
    /// A worker of the present release writes a version that the new one reads.
    Exporting { placement: Placement, export: ExportStep },
    /// The new worker opens a copy.
    Prewarming { placement: Placement, tail: Tail },
    /// The copy works; the room is handed over at the next quiet moment.
    Ready { placement: Placement, tail: Tail },
}

impl Warm {
    /// What is asked of a worker for it.
    pub(crate) fn into_errand(self) -> Option<(Placement, Errand, Option<DeadlyTask>)> {
        let (placement, task) = self.step.asked()?;
        Some((placement, self.errand, Some(task)))
    }
}

impl WarmStep {
    pub(crate) const fn placement(&self) -> Placement {
        match self {
            Self::Exporting { placement, .. }
            | Self::Prewarming { placement, .. }
            | Self::Ready { placement, .. } => *placement,
        }
    }

    /// Who is asked for something.
    pub(crate) const fn asked(&self) -> Option<(Placement, DeadlyTask)> {
        match self {
            Self::Exporting { export, .. } => Some((export.placement, DeadlyTask::Export)),
            Self::Prewarming { placement, .. } => Some((*placement, DeadlyTask::Copy)),
            Self::Ready { .. } => None,
        }
    }

    pub(crate) const fn export(&self) -> Option<ExportStep> {
        match self {
            Self::Exporting { export, .. } => Some(*export),
            Self::Prewarming { .. } | Self::Ready { .. } => None,
        }
    }
}

/// How the prewarmed copy is brought up to the last commit.
#[derive(Debug)]
pub(crate) enum Tail {
    /// By these deltas on the bytes it was prewarmed with.
    Deltas(Vec<Bytes>),
    /// By the whole state: the tail grew too long.
    Whole,
    /// By a fresh export in this version.
    Export(u32),
}

#[derive(Debug)]
pub(crate) struct Cutover {
    pub(crate) order: MoveOrder,
    /// Where it can be thawed; nothing once that worker has died.
    pub(crate) old: Option<Placement>,
    pub(crate) new: Placement,
    /// The bytes the new worker was given, once they are not the image's own.
    pub(crate) given: Option<Bytes>,
    /// Who writes an older version, until that is done.
    pub(crate) exporting: Option<ExportStep>,
    /// The last commit, which the room goes on from if it is not handed over.
    pub(crate) seq: Seq,
    pub(crate) frozen_at: Time,
    /// What is asked for. It may take longer than the room stands still; then the room does not wait for it.
    pub(crate) errand: Errand,
}

impl Cutover {
    /// Who is asked for something.
    pub(crate) fn asked(&self) -> (Placement, DeadlyTask) {
        self.exporting
            .map_or((self.new, DeadlyTask::Copy), |export| (export.placement, DeadlyTask::Export))
    }
}

#[derive(Debug)]
pub(crate) struct Switching {
    pub(crate) order: Option<MoveOrder>,
    pub(crate) old: Option<Placement>,
    /// Nothing once that worker has died: the room is reopened when the commit is safe.
    pub(crate) new: Option<Placement>,
    pub(crate) seq: Seq,
    pub(crate) frozen_at: Time,
}

/// A wish to run on another release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MoveOrder {
    pub(crate) deploy: DeployId,
    pub(crate) to: ReleaseId,
    /// Only try whether a copy opens.
    pub(crate) check: bool,
    /// A worker went away while it was tried, through nothing that is known of the copy: the next time counts.
    pub(crate) tried: bool,
    /// The room was frozen for too long on the way: it is tried once more, with nobody beside it.
    pub(crate) late: bool,
    /// From when the time counts that its policy lets it wait, in the age of the directory's keepers; nothing: from now on.
    pub(crate) since: Option<Time>,
    /// From when on a safe point is not waited for.
    pub(crate) at_once_from: Time,
    /// That time has come: it waits for its turn or for a worker, and no timer is needed any more.
    pub(crate) due: bool,
    /// It may be put off to a safe point if the pause is predicted to exceed the kind's budget.
    pub(crate) patient: bool,
    /// The kind's policy is known and allows it; before that the room stays where it is.
    pub(crate) allowed: bool,
    /// Its copy takes processes down, and it waits for a worker where nobody else is.
    pub(crate) apart: Option<Apart>,
}

/// A room waits for a worker of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Apart {
    pub(crate) since: Time,
    /// Then it stays where it is.
    pub(crate) until: Time,
}

impl MoveOrder {
    /// A move to a release; the room's policy decides when.
    pub(crate) const fn to(deploy: DeployId, to: ReleaseId) -> Self {
        let at_once_from = Time(0);
        Self {
            deploy,
            to,
            check: false,
            tried: false,
            late: false,
            since: None,
            at_once_from,
            due: false,
            patient: false,
            allowed: true,
            apart: None,
        }
    }

    /// Whether it is that deploy's order to move.
    pub(crate) fn is_of(&self, deploy: DeployId) -> bool {
        self.deploy == deploy && !self.check
    }

    /// No safe point is waited for, whatever the policy says.
    pub(crate) const fn hurry(&mut self) {
        self.at_once_from = Time(0);
        self.patient = false;
        self.allowed = true;
    }

    /// Whether a room without a worker may be opened where it is to go: what waits for a safe point goes on waiting.
    pub(crate) fn may_go(&self, now: Time, between_rounds: bool) -> bool {
        let safe = between_rounds || self.at_once_from <= now || broken(Mutant::RoundsForgotten);
        !self.check && self.allowed && safe
    }
}

impl Phase {
    /// All posts the room holds.
    pub(crate) fn posts(&self) -> impl Iterator<Item = Placement> + use<> {
        let posts = match self {
            Self::Idle | Self::Resting => [None, None, None],
            Self::Opening(opening) => {
                [Some(opening.placement), opening.export.map(|e| e.placement), None]
            }
            Self::Live(live) => {
                let step = live.warm.as_ref().map(|warm| &warm.step);
                let export = step.and_then(WarmStep::export).map(|export| export.placement);
                [Some(live.placement), step.map(WarmStep::placement), export]
            }
            Self::Cutover(cutover) => {
                [cutover.old, Some(cutover.new), cutover.exporting.map(|export| export.placement)]
            }
            Self::Switching(switching) => [switching.old, switching.new, None],
        };
        posts.into_iter().flatten()
    }

    /// What workers were asked and have not answered; what it was if not a batch. The opening of a room is told as that of a copy.
    pub(crate) fn into_errands(
        self,
    ) -> impl Iterator<Item = (Placement, Errand, Option<DeadlyTask>)> {
        let errands = match self {
            Self::Opening(opening) => {
                let (asked, task) = opening.asked();
                [Some((asked, opening.errand, Some(task))), None]
            }
            Self::Live(Live { placement, inflight, warm }) => {
                let batch = inflight.map(|inflight| (placement, inflight.errand, None));
                [batch, warm.and_then(Warm::into_errand)]
            }
            Self::Cutover(cutover) => {
                let (asked, task) = cutover.asked();
                [Some((asked, cutover.errand, Some(task))), None]
            }
            Self::Idle | Self::Switching(_) | Self::Resting => [None, None],
        };
        errands.into_iter().flatten()
    }

    /// The batch that is with the worker.
    pub(crate) const fn inflight(&self) -> Option<&Inflight> {
        match self {
            Self::Live(live) => live.inflight.as_ref(),
            _ => None,
        }
    }

    /// The worker that was given the attempt, if it is not void.
    pub(crate) fn holder(&self, attempt: Attempt) -> Option<WorkerId> {
        self.posts()
            .find(|placement| placement.attempt == attempt)
            .map(|placement| placement.worker)
    }

    /// Whether any placement is on that worker.
    pub(crate) fn is_on(&self, worker: WorkerId) -> bool {
        self.posts().any(|placement| placement.worker == worker)
    }
}

/// Doubles from 100 ms for each fault after the first, up to `max`; the first retry is immediate.
pub(crate) fn backoff(faults: u32, max: Span) -> Span {
    if faults <= 1 {
        return Span::ZERO;
    }
    Span(Span::millis(100).0.saturating_mul(1 << (faults - 2).min(20))).min(max)
}
