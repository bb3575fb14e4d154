//! One deploy as it is counted, shown and stored.

use bytes::Bytes;
use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::record::{Course, DeployPhase, DeployRecord, Left, Numbers, Watch};
use playon_types::time::{Span, Time};
use serde::{Deserialize, Serialize};

use crate::control::views::{DeployView, LeftView, PauseView};

/// Pauses remembered for the percentiles of one deploy; of more rooms than that every later one counts for the longest only.
const PAUSES_MAX: usize = 100_000;

/// A deploy with what the keeper counts beside the core.
#[derive(Clone, Debug)]
pub(crate) struct DeployEntry {
    pub(crate) record: DeployRecord,
    pub(crate) started_ms: u64,
    pub(crate) finished_ms: Option<u64>,
    /// When the last room that waits for the end of its round moves at the latest.
    in_round_until_ms: Option<u64>,
    /// Sockets of the whole keeper cut before it began, or before this keeper went on with it.
    base_cut: u64,
    /// Sockets cut by earlier keepers that ran it.
    before_cut: u64,
    sockets_cut: u64,
    pauses_us: Vec<u32>,
    max_us: u32,
    summary: PauseView,
    /// What it does to rooms at rest, once the release has attached.
    pub(crate) at_rest: Option<UnreadCounts>,
}

/// Rooms at rest that a release does not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnreadCounts {
    /// All of them.
    pub(crate) unread: u64,
    /// Those that no other release reads which is kept.
    pub(crate) lost: u64,
}

/// How a deploy lies in the store. Fields are only ever added.
#[derive(Debug, Serialize, Deserialize)]
struct StoredDeploy {
    id: u64,
    from: Option<String>,
    to: String,
    phase: u8,
    at_once: bool,
    moved: u64,
    waiting: u64,
    staying: u64,
    faults: u64,
    reason: Option<String>,
    started_ms: u64,
    finished_ms: Option<u64>,
    counts: StoredCounts,
    pause_ms: PauseView,
    #[serde(default)]
    course: u8,
    #[serde(default)]
    checked: u64,
    #[serde(default)]
    checked_at_rest: u64,
    #[serde(default)]
    damaged_at_rest: u64,
    #[serde(default)]
    untried_at_rest: u64,
    #[serde(default)]
    rooms: u64,
    #[serde(default)]
    gone: u64,
    #[serde(default)]
    left: u64,
    #[serde(default)]
    left_rooms: Vec<StoredLeft>,
    #[serde(default)]
    restarts: u64,
    #[serde(default)]
    predicted_us: u64,
    #[serde(default)]
    at_rest: Option<UnreadCounts>,
    #[serde(default)]
    watch: Option<StoredWatch>,
    #[serde(default)]
    moving_since_us: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWatch {
    since_us: Option<u64>,
    faults: u32,
    last: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct StoredCounts {
    sockets_closed: u64,
    inputs_lost: u64,
    #[serde(default)]
    inputs_set_aside: u64,
    #[serde(default)]
    inputs_applied_twice: u64,
    #[serde(default)]
    pauses_over_budget: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredLeft {
    room: String,
    reason: String,
}

impl DeployEntry {
    /// A deploy that begins, when so many sockets of the keeper have been cut.
    pub(crate) fn new(record: DeployRecord, started_ms: u64, base_cut: u64) -> Self {
        Self {
            record,
            started_ms,
            finished_ms: None,
            in_round_until_ms: None,
            base_cut,
            before_cut: 0,
            sockets_cut: 0,
            pauses_us: Vec::new(),
            max_us: 0,
            summary: PauseView::default(),
            at_rest: None,
        }
    }

    /// Takes the newest record in, with the sockets cut so far and the times now.
    pub(crate) fn update(
        &mut self,
        record: DeployRecord,
        cut: u64,
        now_ms: u64,
        in_round_until_ms: Option<u64>,
    ) {
        let was_final = self.record.phase.is_final();
        self.record = record;
        self.in_round_until_ms = in_round_until_ms;
        if was_final {
            return;
        }
        self.sockets_cut = self.before_cut + cut.saturating_sub(self.base_cut);
        if self.record.phase.is_final() {
            self.finished_ms = Some(now_ms);
            self.summary = self.summarize();
            self.pauses_us = Vec::new();
        }
    }

    pub(crate) fn note_pause(&mut self, pause: Span) {
        let us = u32::try_from(pause.0).unwrap_or(u32::MAX);
        self.max_us = self.max_us.max(us);
        if self.pauses_us.len() < PAUSES_MAX {
            self.pauses_us.push(us);
        }
    }

    /// Sorts, so it is for those who look and not for every room that moves.
    fn summarize(&self) -> PauseView {
        if self.pauses_us.is_empty() {
            return self.summary;
        }
        let mut sorted = self.pauses_us.clone();
        sorted.sort_unstable();
        let last = sorted.len() - 1;
        let at = |percent: usize| f64::from(sorted[(last * percent).div_ceil(100)]) / 1_000.0;
        // What an earlier keeper saw is known as far as the longest.
        let max = (f64::from(self.max_us) / 1_000.0).max(self.summary.max);
        PauseView { p50: at(50), p99: at(99), max }
    }

    pub(crate) fn view(&self, label: impl Fn(ReleaseId) -> String) -> DeployView {
        let record = &self.record;
        let left =
            |left: &Left| LeftView { room: left.room.to_string(), reason: left.reason.clone() };
        DeployView {
            id: record.id.0,
            kind: record.course.name().to_owned(),
            from: record.from.map(&label),
            to: label(record.to),
            phase: record.phase.name().to_owned(),
            finished: record.phase.is_final(),
            now: record.at_once,
            rooms_checked: record.checked,
            at_rest_checked: record.checked_at_rest,
            at_rest_damaged: record.damaged_at_rest,
            at_rest_untried: record.untried_at_rest,
            rooms: record.rooms,
            rooms_moved: record.moved,
            rooms_waiting: record.waiting,
            rooms_in_round: record.in_round,
            in_round_until_ms: self.in_round_until_ms,
            rooms_staying: record.staying,
            rooms_gone: record.gone,
            rooms_left: record.left,
            left: record.left_rooms.iter().map(left).collect(),
            faults: record.faults,
            restarts: record.restarts,
            sockets_closed: self.sockets_cut,
            inputs_lost: record.numbers.inputs_lost,
            inputs_set_aside: record.numbers.inputs_set_aside,
            inputs_applied_twice: record.numbers.inputs_applied_twice,
            pauses_over_budget: record.numbers.pauses_over_budget,
            pause_ms: self.summarize(),
            started_ms: self.started_ms,
            finished_ms: self.finished_ms,
            reason: record.reason.clone(),
            at_rest_unread: self.at_rest.map(|at_rest| at_rest.unread),
            at_rest_lost: self.at_rest.map(|at_rest| at_rest.lost),
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let record = &self.record;
        let numbers = record.numbers;
        let left =
            |left: &Left| StoredLeft { room: left.room.to_string(), reason: left.reason.clone() };
        let stored = StoredDeploy {
            id: record.id.0,
            from: record.from.map(|id| id.to_string()),
            to: record.to.to_string(),
            phase: record.phase as u8,
            at_once: record.at_once,
            moved: record.moved,
            waiting: record.waiting,
            staying: record.staying,
            faults: record.faults,
            reason: record.reason.clone(),
            started_ms: self.started_ms,
            finished_ms: self.finished_ms,
            counts: StoredCounts {
                sockets_closed: self.sockets_cut,
                inputs_lost: numbers.inputs_lost,
                inputs_set_aside: numbers.inputs_set_aside,
                inputs_applied_twice: numbers.inputs_applied_twice,
                pauses_over_budget: numbers.pauses_over_budget,
            },
            pause_ms: self.summarize(),
            course: record.course as u8,
            checked: record.checked,
            checked_at_rest: record.checked_at_rest,
            damaged_at_rest: record.damaged_at_rest,
            untried_at_rest: record.untried_at_rest,
            rooms: record.rooms,
            gone: record.gone,
            left: record.left,
            left_rooms: record.left_rooms.iter().map(left).collect(),
            restarts: record.restarts,
            predicted_us: record.predicted.0,
            at_rest: self.at_rest,
            moving_since_us: record.moving_since.map(|since| since.0),
            watch: record.watch.as_ref().map(|watch| StoredWatch {
                since_us: watch.since.map(|since| since.0),
                faults: watch.faults,
                last: watch.last.clone(),
            }),
        };
        // Numbers and strings always have a JSON form.
        serde_json::to_vec(&stored).unwrap_or_default().into()
    }

    /// Reads what `encode` wrote, in this or an earlier build; nothing if a later build wrote something new.
    pub(crate) fn decode(bytes: &[u8], base_cut: u64) -> Option<Self> {
        let stored: StoredDeploy = serde_json::from_slice(bytes).ok()?;
        let from = match &stored.from {
            Some(text) => Some(ReleaseId::parse(text)?),
            None => None,
        };
        let left =
            |left: StoredLeft| Some(Left { room: RoomId::parse(&left.room)?, reason: left.reason });
        let counts = stored.counts;
        let course = Course::from_number(stored.course)?;
        let id = DeployId(stored.id);
        let mut record =
            DeployRecord::new(id, course, from, ReleaseId::parse(&stored.to)?, stored.at_once);
        record.phase = DeployPhase::from_number(stored.phase)?;
        record.checked = stored.checked;
        record.checked_at_rest = stored.checked_at_rest;
        record.damaged_at_rest = stored.damaged_at_rest;
        record.untried_at_rest = stored.untried_at_rest;
        record.rooms = stored.rooms;
        record.moved = stored.moved;
        record.waiting = stored.waiting;
        record.staying = stored.staying;
        record.gone = stored.gone;
        record.left = stored.left;
        record.left_rooms = stored.left_rooms.into_iter().filter_map(left).collect();
        record.faults = stored.faults;
        record.restarts = stored.restarts;
        record.numbers = Numbers {
            inputs_lost: counts.inputs_lost,
            inputs_set_aside: counts.inputs_set_aside,
            inputs_applied_twice: counts.inputs_applied_twice,
            pauses_over_budget: counts.pauses_over_budget,
        };
        record.predicted = Span(stored.predicted_us);
        record.reason = stored.reason;
        record.moving_since = stored.moving_since_us.map(Time);
        record.watch = stored.watch.map(|watch| Watch {
            since: watch.since_us.map(Time),
            faults: watch.faults,
            last: watch.last,
        });
        let mut course = Self::new(record, stored.started_ms, base_cut);
        course.finished_ms = stored.finished_ms;
        course.before_cut = counts.sockets_closed;
        course.sockets_cut = counts.sockets_closed;
        course.summary = stored.pause_ms;
        course.at_rest = stored.at_rest;
        Some(course)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(phase: DeployPhase) -> DeployRecord {
        let (from, to) = (Some(ReleaseId([1; 32])), ReleaseId([2; 32]));
        let record = DeployRecord::new(DeployId(7), Course::Back, from, to, true);
        let numbers = Numbers { inputs_lost: 1, inputs_applied_twice: 2, ..Numbers::default() };
        let left_rooms = vec![Left { room: RoomId([9; 16]), reason: "it has no way".into() }];
        let watch = Watch { since: Some(Time(5)), faults: 1, last: "it panicked".into() };
        DeployRecord {
            phase,
            watch: Some(watch),
            moving_since: Some(Time(6)),
            checked: 1,
            checked_at_rest: 2,
            damaged_at_rest: 3,
            untried_at_rest: 4,
            moved: 3,
            rooms: 5,
            staying: 1,
            left: 1,
            left_rooms,
            numbers,
            ..record
        }
    }

    #[test]
    fn a_finished_course_keeps_its_numbers_and_reads_back() {
        let mut course = DeployEntry::new(record(DeployPhase::Moving), 10, 5);
        for ms in 1..=100 {
            course.note_pause(Span::millis(ms));
        }
        course.at_rest = Some(UnreadCounts { unread: 3, lost: 1 });
        course.update(record(DeployPhase::Partial), 6, 20, None);
        course.update(record(DeployPhase::Partial), 99, 30, None);
        let view = course.view(|id| format!("r{}", id.0[0]));
        assert_eq!(
            (view.from.as_deref(), view.to.as_str(), view.sockets_closed),
            (Some("r1"), "r2", 1)
        );
        assert_eq!((view.inputs_lost, view.inputs_applied_twice), (1, 2));
        assert_eq!((view.pause_ms.p50, view.pause_ms.p99, view.pause_ms.max), (51.0, 100.0, 100.0));
        assert_eq!(view.finished_ms, Some(20));
        let read = DeployEntry::decode(&course.encode(), 0).unwrap();
        assert_eq!((&read.record, read.at_rest), (&course.record, course.at_rest));
        assert_eq!(read.view(|id| id.to_string()).pause_ms, view.pause_ms);
        assert!(DeployEntry::decode(b"{}", 0).is_none());
    }

    #[test]
    fn what_an_earlier_keeper_counted_is_kept() {
        let mut course = DeployEntry::new(record(DeployPhase::Moving), 10, 0);
        course.note_pause(Span::millis(70));
        course.update(record(DeployPhase::Moving), 3, 20, None);
        let mut next = DeployEntry::decode(&course.encode(), 0).unwrap();
        next.note_pause(Span::millis(10));
        next.update(record(DeployPhase::Done), 2, 30, None);
        let view = next.view(|id| id.to_string());
        assert_eq!((view.sockets_closed, view.pause_ms.max), (5, 70.0));
    }

    #[test]
    fn what_the_first_build_wrote_is_still_read() {
        let (from, to) = ("01".repeat(32), "02".repeat(32));
        let text = format!(
            r#"{{"id":7,"from":"{from}","to":"{to}","phase":30,"at_once":true,"moved":3,"waiting":0,"staying":1,
            "faults":0,"reason":null,"started_ms":1,"finished_ms":2,"counts":{{"sockets_closed":0,"inputs_lost":4}},
            "pause_ms":{{"p50":1.0,"p99":2.0,"max":3.0}}}}"#
        );
        let record = DeployEntry::decode(text.as_bytes(), 0).unwrap().record;
        assert_eq!(
            (record.course, record.moved, record.numbers.inputs_lost),
            (Course::Forward, 3, 4)
        );
    }
}
