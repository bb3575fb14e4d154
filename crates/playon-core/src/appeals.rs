//! What a release on probation fails on, to be tried on the release before: what fails there, too, is not its fault.

use std::collections::VecDeque;

use bytes::Bytes;
use playon_types::attach::{Deliver, Item};
use playon_types::ids::{Attempt, ReleaseId, RoomId, Seq, SessionId, WorkerId};
use playon_types::time::{RoomTime, Time};

use crate::agenda::{Agenda, Due};
use crate::errand::Errand;
use crate::fleet::Berth;
use crate::placement::Placement;

/// Appeals of one shard that wait or are under way. One more is not heard: the release is to blame.
pub const APPEALS_MAX: usize = 64;

/// Bytes of state that they hold; at the bound the next one is not heard.
pub const APPEALS_BYTES_MAX: usize = 64 << 20;

/// How often an appeal begins anew because its worker went away while it was at something else.
pub(crate) const INTERRUPTED_MAX: u32 = 3;

/// Something on which a release has failed, and the room as it was.
#[derive(Clone, Debug)]
pub(crate) struct Appeal {
    pub(crate) room: RoomId,
    /// The release that has failed.
    pub(crate) release: ReleaseId,
    pub(crate) kind: String,
    pub(crate) seq: Seq,
    pub(crate) version: u32,
    pub(crate) state: Bytes,
    /// The batch that fails: when it happens, what it brings, and who is shown the room after it.
    pub(crate) now: RoomTime,
    pub(crate) items: Vec<Item>,
    pub(crate) render: Vec<SessionId>,
    pub(crate) watch: bool,
    /// It is the room itself that fails, and not what could be set aside.
    pub(crate) itself: bool,
    /// How often a worker went away meanwhile that was at something else.
    pub(crate) interrupted: u32,
}

impl Appeal {
    /// The batch, for a copy under that attempt.
    pub(crate) fn batch(&self, attempt: Attempt) -> Deliver {
        Deliver {
            room: self.room,
            attempt,
            seq: self.seq.next(),
            now: self.now,
            items: self.items.clone(),
            render: self.render.clone(),
            render_watch: self.watch,
        }
    }
}

/// How far an appeal is. First the release that has failed writes the older version, if the one before needs that.
#[derive(Debug)]
pub(crate) enum AppealStep {
    /// For a worker where nobody else is, to write that version if one is to be written, else to open a copy.
    Waiting { until: Time, export: Option<u32> },
    /// A worker is at it.
    Asked { placement: Placement, errand: Errand, work: Work },
}

impl AppealStep {
    /// When to look at it again.
    const fn until(&self) -> Time {
        match self {
            Self::Waiting { until, .. } => *until,
            Self::Asked { errand, .. } => errand.until(),
        }
    }
}

/// What a worker is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The release that has failed writes an older version.
    Export(u32),
    /// The release before opens a copy.
    Open,
    /// It runs the batch.
    Try,
}

/// The appeals of a shard, one at a time.
#[derive(Debug)]
pub(crate) struct Appeals {
    /// The release on probation, and the one before it.
    probation: Option<(ReleaseId, ReleaseId)>,
    /// Where they are heard: a worker that no room ever has.
    lane: Berth,
    waiting: VecDeque<Appeal>,
    bytes: usize,
    current: Option<(Appeal, AppealStep)>,
}

impl Appeals {
    pub(crate) const fn new(lane: Berth) -> Self {
        Self { probation: None, lane, waiting: VecDeque::new(), bytes: 0, current: None }
    }

    /// From now on that release is on probation after that one, or none is. What was asked before has lost its purpose; gives
    /// what is under way.
    pub(crate) fn set_probation(
        &mut self,
        agenda: &mut Agenda,
        probation: Option<(ReleaseId, ReleaseId)>,
    ) -> Option<(Appeal, AppealStep)> {
        if self.probation == probation {
            return None;
        }
        self.probation = probation;
        self.waiting.clear();
        self.bytes = 0;
        self.take(agenda)
    }

    /// Whether what is found to fail on that release is tried on the one before.
    pub(crate) fn hears(&self, release: ReleaseId) -> bool {
        self.probation.is_some_and(|(on, _)| on == release)
    }

    /// The release before the one on probation.
    pub(crate) fn before(&self) -> Option<ReleaseId> {
        self.probation.map(|(_, before)| before)
    }

    /// Where they are heard.
    pub(crate) const fn lane(&self) -> Berth {
        self.lane
    }

    /// Tells whether it will be heard.
    pub(crate) fn want(&mut self, appeal: Appeal) -> bool {
        let bytes = self.bytes.saturating_add(appeal.state.len());
        let heard = self.hears(appeal.release)
            && self.len() < APPEALS_MAX
            && (bytes <= APPEALS_BYTES_MAX || self.waiting.is_empty());
        if heard {
            self.bytes = bytes;
            self.waiting.push_back(appeal);
        }
        heard
    }

    /// The next one, while none is under way.
    pub(crate) fn next(&mut self) -> Option<Appeal> {
        if self.current.is_some() {
            return None;
        }
        let appeal = self.waiting.pop_front()?;
        self.bytes -= appeal.state.len();
        Some(appeal)
    }

    /// How far the one is that is under way.
    pub(crate) fn put(&mut self, agenda: &mut Agenda, appeal: Appeal, step: AppealStep) {
        agenda.set(Due::Appeal, step.until());
        self.current = Some((appeal, step));
    }

    /// The one that is under way, to go on with it or to end it.
    pub(crate) fn take(&mut self, agenda: &mut Agenda) -> Option<(Appeal, AppealStep)> {
        agenda.stop(Due::Appeal);
        self.current.take()
    }

    pub(crate) const fn current(&self) -> Option<&(Appeal, AppealStep)> {
        self.current.as_ref()
    }

    /// The worker that was given the attempt, if it is not void.
    pub(crate) fn holder(&self, attempt: Attempt) -> Option<WorkerId> {
        match &self.current {
            Some((_, AppealStep::Asked { placement, .. })) if placement.attempt == attempt => {
                Some(placement.worker)
            }
            _ => None,
        }
    }

    /// The room of the one that is under way.
    pub(crate) fn room(&self) -> Option<RoomId> {
        self.current.as_ref().map(|(appeal, _)| appeal.room)
    }

    /// When to look at the one that is under way, for checks.
    pub(crate) fn until(&self) -> Option<Time> {
        self.current.as_ref().map(|(_, step)| step.until())
    }

    /// The worker is at something under that attempt.
    pub(crate) fn handle_turn(&mut self, agenda: &mut Agenda, now: Time, attempt: Attempt) {
        if let Some((_, AppealStep::Asked { placement, errand, .. })) = &mut self.current
            && placement.attempt == attempt
        {
            errand.begin(now);
            agenda.set(Due::Appeal, errand.until());
        }
    }

    /// The workers that are needed for the one that is under way.
    pub(crate) fn berths(&self) -> impl Iterator<Item = (ReleaseId, Berth)> + use<'_> {
        let exports = |step: &AppealStep| {
            matches!(
                step,
                AppealStep::Waiting { export: Some(_), .. }
                    | AppealStep::Asked { work: Work::Export(_), .. }
            )
        };
        let before = self.before().filter(|_| self.current.is_some());
        let writer = self.current.as_ref().filter(|(_, step)| exports(step));
        let releases = before.into_iter().chain(writer.map(|(appeal, _)| appeal.release));
        releases.map(|release| (release, self.lane))
    }

    /// Those that wait, and the one that is under way.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.current.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R1: ReleaseId = ReleaseId([1; 32]);
    const R2: ReleaseId = ReleaseId([2; 32]);

    fn appeal(release: ReleaseId, bytes: usize) -> Appeal {
        Appeal {
            room: RoomId([7; 16]),
            release,
            kind: "duel".into(),
            seq: Seq(5),
            version: 2,
            state: Bytes::from(vec![0; bytes]),
            now: RoomTime(9),
            items: Vec::new(),
            render: Vec::new(),
            watch: false,
            itself: false,
            interrupted: 0,
        }
    }

    fn appeals() -> Appeals {
        let mut appeals = Appeals::new(Berth::Trial(4));
        assert!(appeals.set_probation(&mut Agenda::default(), Some((R2, R1))).is_none());
        appeals
    }

    #[test]
    fn only_what_the_release_on_probation_fails_on_is_heard() {
        let mut appeals = appeals();
        assert!(!appeals.want(appeal(R1, 1)));
        assert!(appeals.want(appeal(R2, 1)));
        appeals.set_probation(&mut Agenda::default(), None);
        assert_eq!((appeals.len(), appeals.want(appeal(R2, 1))), (0, false));
    }

    #[test]
    fn so_many_wait_and_so_many_bytes() {
        let mut appeals = appeals();
        assert!((0..APPEALS_MAX).all(|_| appeals.want(appeal(R2, 1))));
        assert!(!appeals.want(appeal(R2, 1)));
        let mut appeals = self::appeals();
        assert!(appeals.want(appeal(R2, APPEALS_BYTES_MAX + 1)), "one of any size is heard");
        assert!(!appeals.want(appeal(R2, 1)));
        let mut appeals = self::appeals();
        assert!(appeals.want(appeal(R2, 10)) && appeals.want(appeal(R2, 10)));
        assert!(appeals.next().is_some(), "its bytes are let go of");
        assert!(!appeals.want(appeal(R2, APPEALS_BYTES_MAX - 9)));
        assert!(appeals.want(appeal(R2, APPEALS_BYTES_MAX - 10)));
        assert!(!appeals.want(appeal(R2, 1)));
    }

    #[test]
    fn workers_are_needed_while_one_is_under_way() {
        let (mut appeals, mut agenda) = (appeals(), Agenda::default());
        assert!(appeals.want(appeal(R2, 1)));
        assert_eq!(appeals.berths().count(), 0);
        let next = appeals.next().unwrap();
        appeals.put(
            &mut agenda,
            next.clone(),
            AppealStep::Waiting { until: Time(3), export: Some(1) },
        );
        let needed: Vec<_> = appeals.berths().collect();
        assert_eq!(needed, [(R1, Berth::Trial(4)), (R2, Berth::Trial(4))]);
        assert_eq!((agenda.next(), appeals.until()), (Some(Time(3)), Some(Time(3))));
        appeals.put(&mut agenda, next, AppealStep::Waiting { until: Time(4), export: None });
        assert_eq!(appeals.berths().collect::<Vec<_>>(), [(R1, Berth::Trial(4))]);
        assert!(appeals.next().is_none(), "one at a time");
        assert!(appeals.set_probation(&mut agenda, None).is_some());
        assert_eq!((appeals.berths().count(), agenda.next()), (0, None));
    }

    #[test]
    fn one_that_a_worker_is_at_is_known_by_its_attempt_and_has_time_from_its_turn_on() {
        let (mut appeals, mut agenda) = (appeals(), Agenda::default());
        assert_eq!(
            (appeals.room(), appeals.until(), appeals.holder(Attempt(3))),
            (None, None, None)
        );
        let (worker, attempt, berth) = (WorkerId(9), Attempt(3), Berth::Trial(4));
        let placement = Placement { worker, attempt, release: R1, berth };
        let errand = Errand::new(Time(0), playon_types::time::Span(10));
        let asked = |work| AppealStep::Asked { placement, errand: errand.clone(), work };
        assert!(appeals.want(appeal(R2, 1)) && appeals.want(appeal(R2, 2)));
        let next = appeals.next().expect("it waits");
        assert_eq!((appeals.bytes, appeals.len()), (2, 1), "it is with whoever goes on with it");
        appeals.put(&mut agenda, next.clone(), asked(Work::Export(1)));
        assert_eq!((appeals.room(), appeals.len()), (Some(RoomId([7; 16])), 2));
        assert_eq!((appeals.holder(attempt), appeals.holder(Attempt(4))), (Some(worker), None));
        let needed: Vec<_> = appeals.berths().map(|(release, _)| release).collect();
        assert_eq!(needed, [R1, R2], "the writer of the older version as well");
        appeals.handle_turn(&mut agenda, Time(5), Attempt(4));
        assert_eq!((appeals.until(), agenda.next()), (Some(Time(10)), Some(Time(10))));
        appeals.handle_turn(&mut agenda, Time(5), attempt);
        assert_eq!((appeals.until(), agenda.next()), (Some(Time(15)), Some(Time(15))));
        appeals.put(&mut agenda, next, asked(Work::Try));
        assert_eq!(appeals.berths().map(|(release, _)| release).collect::<Vec<_>>(), [R1]);
        assert!(appeals.take(&mut agenda).is_some() && appeals.take(&mut agenda).is_none());
        assert_eq!((appeals.holder(attempt), agenda.next(), appeals.len()), (None, None, 1));
    }

    #[test]
    fn what_is_said_again_of_a_probation_ends_nothing_and_another_one_ends_all() {
        let (mut appeals, mut agenda) = (appeals(), Agenda::default());
        assert!(appeals.want(appeal(R2, 5)));
        assert!(appeals.set_probation(&mut agenda, Some((R2, R1))).is_none());
        assert_eq!((appeals.len(), appeals.bytes), (1, 5));
        assert!(appeals.hears(R2) && !appeals.hears(R1) && appeals.before() == Some(R1));
        assert!(appeals.set_probation(&mut agenda, Some((R1, R2))).is_none());
        assert_eq!((appeals.len(), appeals.bytes, appeals.before()), (0, 0, Some(R2)));
    }

    #[test]
    fn the_batch_that_is_tried_is_the_next_one_of_the_room_as_it_was() {
        let session = SessionId(4);
        let items = vec![Item::Away(session)];
        let appeal =
            Appeal { items: items.clone(), render: vec![session], watch: true, ..appeal(R2, 1) };
        let wanted = Deliver {
            room: RoomId([7; 16]),
            attempt: Attempt(8),
            seq: Seq(6),
            now: RoomTime(9),
            items,
            render: vec![session],
            render_watch: true,
        };
        assert_eq!(appeal.batch(Attempt(8)), wanted);
    }
}
