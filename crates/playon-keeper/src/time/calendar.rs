//! The time by which rooms at rest grow old.
//!
//! The wall clock is no measure of age: it is set, sometimes wrongly, and then says of a room that it has rested for decades, or that
//! it will begin to in decades. A keeper's days are counted by a clock that nobody sets. What lies between two keepers of a
//! directory only the system knows: exactly since it was started, and by the wall clock if it was started anew, of which no
//! more than a day is believed at a time.
//!
//! The first keeper begins with the wall clock, so that days read like dates. What is stored is where the days were at a moment of
//! each of the other clocks.

use std::fs;

use playon_store::{Decision, Decisions, RestingRooms, StoreError};
use playon_types::time::{Span, WallTime};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::time::clock::wall_ms;

/// How much of the time between two keepers makes rooms at rest older, at most.
pub(crate) const OUTAGE_COUNTED_MAX: Span = Span::secs(24 * 3_600);

/// How often it is written down where the days are. Much less than an outage that is counted.
pub(crate) const WRITTEN_EVERY: Span = Span::secs(600);

/// The name under which the store keeps it.
const SETTING: &str = "calendar";

/// Rooms at rest that are looked at for the newest of them at once.
const PAGE_ROOMS: usize = 1_000;

/// How far the wall clock may be from the days before dates are shown by it, and in which steps. Milliseconds.
const SLIP_MAX_MS: u64 = 60_000;
const STEP_MS: u64 = 1_000;

/// A moment by the clocks of the system, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moment {
    wall_ms: u64,
    /// Since the system was started, with the time it slept, and which start that was.
    up_ms: u64,
    start: String,
}

impl Moment {
    fn now() -> Self {
        let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { wall_ms: wall_ms(), up_ms: up_ms(), start: start.trim().to_owned() }
    }

    /// How long it is since an earlier moment, as far as that is believed.
    fn since(&self, earlier: &Self) -> u64 {
        let passed = if !self.start.is_empty() && self.start == earlier.start {
            self.up_ms.saturating_sub(earlier.up_ms)
        } else {
            self.wall_ms.saturating_sub(earlier.wall_ms)
        };
        passed.min(OUTAGE_COUNTED_MAX.0 / 1_000)
    }
}

fn up_ms() -> u64 {
    let up = clock_gettime(ClockId::Boottime);
    let part = |number: i64, factor: u64| u64::try_from(number).unwrap_or(0) * factor;
    part(up.tv_sec, 1_000) + part(up.tv_nsec, 1) / 1_000_000
}

/// What is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredDays {
    day_ms: u64,
    at: Moment,
}

/// The days of a data directory; copies agree with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// Where the days were when the system was started, or would have been.
    began_ms: i64,
}

impl Calendar {
    /// Goes on where the last keeper was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn open(
        store: &(impl Decisions + RestingRooms + ?Sized),
    ) -> Result<Self, StoreError> {
        let now = Moment::now();
        let stored = store.setting(SETTING)?;
        let stored = stored.and_then(|bytes| serde_json::from_slice::<StoredDays>(&bytes).ok());
        let day_ms = match stored {
            Some(StoredDays { day_ms, at }) => day_ms.saturating_add(now.since(&at)),
            // Rooms that rest already were put to rest by a wall clock of which nothing is known.
            None => begin(newest_rest(store)?, now.wall_ms),
        };
        Ok(Self::at(day_ms, now.up_ms))
    }

    fn at(day_ms: u64, up_ms: u64) -> Self {
        Self { began_ms: day_ms.cast_signed().saturating_sub(up_ms.cast_signed()) }
    }

    /// The time now. Not by the wall clock, though it looks like it.
    pub(crate) fn now(&self) -> WallTime {
        self.then(up_ms())
    }

    fn then(&self, up_ms: u64) -> WallTime {
        let day = self.began_ms.saturating_add(up_ms.cast_signed());
        WallTime(u64::try_from(day).unwrap_or(0))
    }

    /// Writes down where the days are.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) fn write(&self, decisions: &(impl Decisions + ?Sized)) -> Result<(), StoreError> {
        let at = Moment::now();
        let stored = StoredDays { day_ms: self.then(at.up_ms).0, at };
        // Numbers and strings always have a JSON form.
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        let (name, value) = (SETTING.to_owned(), Some(bytes.into()));
        let expected = decisions.setting(SETTING)?;
        decisions.decide(Decision { deploy: None, name, expected, value })
    }

    /// A day as people would date it who believe the wall clock. Milliseconds since 1970.
    pub(crate) fn date_ms(&self, day_ms: u64) -> u64 {
        dated(day_ms, self.now().0, wall_ms())
    }
}

fn dated(day_ms: u64, now_ms: u64, wall_ms: u64) -> u64 {
    let slip = wall_ms.abs_diff(now_ms);
    if slip < SLIP_MAX_MS {
        return day_ms;
    }
    let slip = slip / STEP_MS * STEP_MS;
    if wall_ms > now_ms { day_ms.saturating_add(slip) } else { day_ms.saturating_sub(slip) }
}

/// Where days begin of which nothing is written down.
fn begin(newest_ms: Option<u64>, wall_ms: u64) -> u64 {
    newest_ms.map_or(wall_ms, |newest| {
        wall_ms.clamp(newest, newest.saturating_add(OUTAGE_COUNTED_MAX.0 / 1_000))
    })
}

fn newest_rest(rooms: &(impl RestingRooms + ?Sized)) -> Result<Option<u64>, StoreError> {
    let (mut newest, mut after) = (None, None);
    loop {
        let rests = rooms.rests(after, PAGE_ROOMS)?;
        newest = newest.max(rests.iter().map(|rest| rest.note.since_ms).filter(|ms| *ms > 0).max());
        match rests.last() {
            Some(last) if rests.len() == PAGE_ROOMS => after = Some(last.room),
            _ => return Ok(newest),
        }
    }
}

#[cfg(test)]
mod tests {
    use playon_store::{
        Batch, RestNote, RestRow, RoomLog, SnapshotRow, SqliteOptions, SqliteStore,
    };
    use playon_types::ids::RoomId;

    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const YEAR_MS: u64 = 365 * DAY_MS;

    fn moment(wall_ms: u64, up_ms: u64, start: &str) -> Moment {
        Moment { wall_ms, up_ms, start: start.to_owned() }
    }

    #[test]
    fn a_wall_clock_that_was_set_between_two_keepers_says_nothing() {
        let before = moment(56 * YEAR_MS, 5_000, "one");
        for wall in [0, 56 * YEAR_MS, 126 * YEAR_MS] {
            assert_eq!(moment(wall, 65_000, "one").since(&before), 60_000);
        }
    }

    #[test]
    fn a_system_that_was_started_anew_is_believed_a_day_at_most() {
        let since = |wall| moment(wall, 5, "two").since(&moment(56 * YEAR_MS, 9, "one"));
        assert_eq!(since(56 * YEAR_MS + 3_600_000), 3_600_000);
        assert_eq!(since(57 * YEAR_MS), DAY_MS);
        assert_eq!(since(0), 0, "it was set back");
        let unknown = moment(56 * YEAR_MS + 7, 5_000_000, "");
        assert_eq!(unknown.since(&moment(56 * YEAR_MS, 5, "")), 7);
        assert_eq!(moment(0, 5 * DAY_MS, "one").since(&moment(0, 5, "one")), DAY_MS);
    }

    #[test]
    fn days_that_are_not_known_begin_after_every_room_at_rest() {
        assert_eq!(begin(None, 7), 7);
        assert_eq!(begin(Some(100 * YEAR_MS), 56 * YEAR_MS), 100 * YEAR_MS);
        assert_eq!(begin(Some(5), 56 * YEAR_MS), 5 + DAY_MS);
        assert_eq!(begin(Some(56 * YEAR_MS), 56 * YEAR_MS + 9), 56 * YEAR_MS + 9);
    }

    #[test]
    fn dates_follow_the_wall_clock_once_it_is_far_away() {
        assert_eq!(dated(5 * DAY_MS, 6 * DAY_MS, 6 * DAY_MS + 50_000), 5 * DAY_MS);
        assert_eq!(dated(5 * DAY_MS, 6 * DAY_MS, 8 * DAY_MS + 999), 7 * DAY_MS);
        assert_eq!(dated(5 * DAY_MS, 6 * DAY_MS, 4 * DAY_MS), 3 * DAY_MS);
    }

    #[test]
    fn days_go_on_from_keeper_to_keeper_and_come_with_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
        let room = RoomId([7; 16]);
        let row = SnapshotRow { room, seq: playon_types::ids::Seq(1), body: vec![1].into() };
        let note = RestNote { kind: "duel".into(), since_ms: 126 * YEAR_MS, ..RestNote::default() };
        let (tell, told) = std::sync::mpsc::channel();
        let batch = Batch { sleeps: vec![RestRow { row, note }], ..Batch::default() };
        store.submit(batch, Box::new(move |outcome| tell.send(outcome).unwrap()));
        told.recv().unwrap().unwrap();
        let first = Calendar::open(&store).unwrap();
        assert!((126 * YEAR_MS..127 * YEAR_MS).contains(&first.now().0), "{first:?}");
        first.write(&store).unwrap();
        let second = Calendar::open(&store).unwrap();
        let slip = second.began_ms.abs_diff(first.began_ms);
        assert!(slip <= 1, "{first:?} {second:?}");
        assert!(second.now() >= first.now());
    }
}
