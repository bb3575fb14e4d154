//! One deploy as it is counted and stored.

use bytes::Bytes;
use playon_core::deploy::{DeployPhase, DeployRecord};
use playon_core::ids::{DeployId, ReleaseId};
use playon_core::time::Span;
use serde::{Deserialize, Serialize};

use super::view::{DeployView, PauseView};

/// Pauses remembered for the percentiles of one deploy; of more rooms than that every later one counts for the longest only.
const PAUSES_MAX: usize = 100_000;

/// A deploy with its counts.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) record: DeployRecord,
    pub(super) started_ms: u64,
    pub(super) finished_ms: Option<u64>,
    /// Counters of the whole keeper when it began.
    pub(super) base: Counts,
    /// The same since it began, as of the end.
    pub(super) counts: Counts,
    pauses_us: Vec<u32>,
    max_us: u32,
    summary: PauseView,
}

/// Counters that a deploy must not move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) sockets_closed: u64,
    pub(super) inputs_lost: u64,
}

impl Counts {
    const fn since(self, base: Self) -> Self {
        Self {
            sockets_closed: self.sockets_closed.saturating_sub(base.sockets_closed),
            inputs_lost: self.inputs_lost.saturating_sub(base.inputs_lost),
        }
    }
}

/// How a deploy lies in the store. Fields are only ever added.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
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
    counts: Counts,
    pause_ms: PauseView,
}

impl Course {
    pub(super) fn new(record: DeployRecord, started_ms: u64, base: Counts) -> Self {
        Self {
            record,
            started_ms,
            finished_ms: None,
            base,
            counts: Counts::default(),
            pauses_us: Vec::new(),
            max_us: 0,
            summary: PauseView::default(),
        }
    }

    /// Takes the newest record in, with the keeper's counters and the time now.
    pub(super) fn update(&mut self, record: DeployRecord, total: Counts, now_ms: u64) {
        let was_final = self.record.phase.is_final();
        self.record = record;
        if was_final {
            return;
        }
        self.counts = total.since(self.base);
        if self.record.phase.is_final() {
            self.finished_ms = Some(now_ms);
            self.summary = self.summarize();
            self.pauses_us = Vec::new();
        }
    }

    pub(super) fn note_pause(&mut self, pause: Span) {
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
        PauseView { p50: at(50), p99: at(99), max: f64::from(self.max_us) / 1_000.0 }
    }

    pub(super) fn view(&self, label: impl Fn(ReleaseId) -> String) -> DeployView {
        let record = &self.record;
        DeployView {
            id: record.id.0,
            from: record.from.map(&label),
            to: label(record.to),
            phase: record.phase.name().to_owned(),
            finished: record.phase.is_final(),
            now: record.at_once,
            rooms_moved: record.moved,
            rooms_waiting: record.waiting,
            rooms_staying: record.staying,
            faults: record.faults,
            sockets_closed: self.counts.sockets_closed,
            inputs_lost: self.counts.inputs_lost,
            inputs_applied_twice: 0,
            pause_ms: self.summarize(),
            started_ms: self.started_ms,
            finished_ms: self.finished_ms,
            reason: record.reason.clone(),
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let record = &self.record;
        let stored = Stored {
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
            counts: self.counts,
            pause_ms: self.summarize(),
        };
        // Numbers and strings always have a JSON form.
        serde_json::to_vec(&stored).unwrap_or_default().into()
    }

    /// Reads what `encode` wrote, in this or an earlier build; nothing if a later build wrote something new.
    pub(super) fn decode(bytes: &[u8], base: Counts) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let from = match &stored.from {
            Some(text) => Some(ReleaseId::parse(text)?),
            None => None,
        };
        let record = DeployRecord {
            id: DeployId(stored.id),
            from,
            to: ReleaseId::parse(&stored.to)?,
            phase: DeployPhase::from_number(stored.phase)?,
            at_once: stored.at_once,
            moved: stored.moved,
            waiting: stored.waiting,
            staying: stored.staying,
            faults: stored.faults,
            reason: stored.reason,
        };
        let mut course = Self::new(record, stored.started_ms, base);
        course.finished_ms = stored.finished_ms;
        course.counts = stored.counts;
        course.summary = stored.pause_ms;
        Some(course)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(phase: DeployPhase) -> DeployRecord {
        DeployRecord {
            id: DeployId(7),
            from: Some(ReleaseId([1; 32])),
            to: ReleaseId([2; 32]),
            phase,
            at_once: true,
            moved: 3,
            waiting: 0,
            staying: 1,
            faults: 0,
            reason: None,
        }
    }

    #[test]
    fn a_finished_course_keeps_its_numbers_and_reads_back() {
        let base = Counts { sockets_closed: 5, inputs_lost: 1 };
        let mut course = Course::new(record(DeployPhase::Moving), 10, base);
        for ms in 1..=100 {
            course.note_pause(Span::millis(ms));
        }
        let total = Counts { sockets_closed: 6, inputs_lost: 1 };
        course.update(record(DeployPhase::Done), total, 20);
        course.update(
            record(DeployPhase::Done),
            Counts { sockets_closed: 99, inputs_lost: 99 },
            30,
        );
        let view = course.view(|id| format!("r{}", id.0[0]));
        assert_eq!(
            (view.from.as_deref(), view.to.as_str(), view.sockets_closed),
            (Some("r1"), "r2", 1)
        );
        assert_eq!((view.pause_ms.p50, view.pause_ms.p99, view.pause_ms.max), (51.0, 100.0, 100.0));
        assert_eq!(view.finished_ms, Some(20));
        let read = Course::decode(&course.encode(), Counts::default()).unwrap();
        assert_eq!(read.record, course.record);
        assert_eq!(read.view(|id| id.to_string()).pause_ms, view.pause_ms);
        assert!(Course::decode(b"{}", base).is_none());
    }
}
