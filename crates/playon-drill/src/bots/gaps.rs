//! How evenly a player's views come, and how evenly the room made them.

use serde::{Deserialize, Serialize};

use crate::spread::Spread;

/// Long gaps kept one by one for each player; a crash drill has one for each crash.
const STALLS_MAX: usize = 256;

/// When a view was made and when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ViewTime {
    /// The room's tick.
    pub tick: u64,
    /// The release that made it; 0 if unknown.
    pub release: u32,
    /// When the room made it, in nanoseconds of the monotonic clock; 0 if unknown.
    pub stamp: u64,
    /// When it arrived, likewise.
    pub arrived: u64,
}

/// Whether faults are going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrillPhase {
    /// Not everyone is in yet; nothing is measured.
    #[default]
    Gathering,
    /// The undisturbed window.
    Baseline,
    /// The window with faults.
    Disturbed,
    /// No inputs are sent any more.
    Settling,
}

/// A gap that is longer than one and a half ticks, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// When the last view before it was made.
    pub stamp_before: u64,
    /// When the first view after it was made.
    pub stamp_after: u64,
    /// When the last view before it arrived.
    pub arrived_before: u64,
    /// When the first view after it arrived.
    pub arrived_after: u64,
}

/// Everything measured in one phase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Time between the views a player receives; one tick is the ideal.
    pub gaps: Spread,
    /// The longest such time of each player.
    pub longest: Spread,
    /// Time between two ticks of a room, less the tick.
    pub pauses: Spread,
    /// The same for the two ticks between which a room changed its release.
    pub moves: Spread,
    /// Time between the last view of one release and the first of the next, as each player received them.
    pub handoffs: Spread,
}

impl Measured {
    /// Adds another process's.
    pub fn merge(&mut self, other: &Self) {
        self.gaps.merge(&other.gaps);
        self.longest.merge(&other.longest);
        self.pauses.merge(&other.pauses);
        self.moves.merge(&other.moves);
        self.handoffs.merge(&other.handoffs);
    }
}

/// One player's measurements.
#[derive(Debug)]
pub(super) struct Gaps {
    tick_ns: u64,
    /// One player of each room speaks for the room.
    speaker: bool,
    last: Option<ViewTime>,
    longest: [u64; 2],
    stalls: Vec<Stall>,
}

impl Gaps {
    /// Nothing measured yet.
    pub(super) const fn new(tick_ns: u64, speaker: bool) -> Self {
        Self { tick_ns, speaker, last: None, longest: [0; 2], stalls: Vec::new() }
    }

    /// Enters a view. Phases other than the two measured ones only move the mark.
    pub(super) fn mark(&mut self, phase: DrillPhase, mark: ViewTime, into: &mut Measured) {
        let Some(last) = self.last.replace(mark) else { return };
        let index = match phase {
            DrillPhase::Baseline => 0,
            DrillPhase::Disturbed => 1,
            DrillPhase::Gathering | DrillPhase::Settling => return,
        };
        let gap = mark.arrived.saturating_sub(last.arrived);
        let ticks = mark.tick.saturating_sub(last.tick);
        let pause = mark.stamp.saturating_sub(last.stamp).saturating_sub(ticks * self.tick_ns);
        let game = mark.stamp != 0;
        into.gaps.add(gap / 1_000);
        self.longest[index] = self.longest[index].max(gap);
        let moved = game && mark.release != last.release;
        if moved {
            into.handoffs.add(gap / 1_000);
        }
        if self.speaker && game {
            into.pauses.add(pause / 1_000);
            if moved {
                into.moves.add(pause / 1_000);
            }
        }
        let long = gap.max(if game { mark.stamp.saturating_sub(last.stamp) } else { 0 });
        if phase == DrillPhase::Disturbed
            && long > self.tick_ns * 3 / 2
            && self.stalls.len() < STALLS_MAX
        {
            self.stalls.push(Stall {
                stamp_before: last.stamp,
                stamp_after: mark.stamp,
                arrived_before: last.arrived,
                arrived_after: mark.arrived,
            });
        }
    }

    /// Closes the measurements: the longest gap of each phase goes into that phase's.
    pub(super) fn close(self, baseline: &mut Measured, disturbed: &mut Measured) -> Vec<Stall> {
        for (longest, into) in self.longest.into_iter().zip([baseline, disturbed]) {
            if longest > 0 {
                into.longest.add(longest / 1_000);
            }
        }
        self.stalls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 50_000_000;

    fn mark(tick: u64, stamp_ms: u64, release: u32) -> ViewTime {
        ViewTime {
            tick,
            release,
            stamp: 1 + stamp_ms * 1_000_000,
            arrived: (stamp_ms + 3) * 1_000_000,
        }
    }

    fn measure(speaker: bool, marks: &[ViewTime]) -> (Measured, Vec<Stall>) {
        let mut gaps = Gaps::new(TICK, speaker);
        let (mut baseline, mut disturbed) = (Measured::default(), Measured::default());
        for mark in marks {
            gaps.mark(DrillPhase::Disturbed, *mark, &mut disturbed);
        }
        let stalls = gaps.close(&mut baseline, &mut disturbed);
        assert!(baseline.gaps.is_empty());
        (disturbed, stalls)
    }

    #[test]
    fn a_pause_is_what_a_tick_took_too_long() {
        let (measured, stalls) = measure(true, &[mark(1, 0, 1), mark(2, 50, 1), mark(3, 130, 2)]);
        assert_eq!(measured.gaps.figures().map(|f| (f.count, f.max.round())), Some((2, 80.0)));
        assert_eq!(measured.pauses.figures().map(|f| f.max.round()), Some(30.0));
        assert_eq!(measured.moves.figures().map(|f| (f.count, f.max.round())), Some((1, 30.0)));
        assert_eq!(measured.handoffs.figures().map(|f| (f.count, f.max.round())), Some((1, 80.0)));
        assert_eq!((measured.longest.len(), stalls.len()), (1, 1));
    }

    #[test]
    fn a_view_that_was_skipped_is_no_pause_of_the_room() {
        let (measured, stalls) = measure(true, &[mark(1, 0, 1), mark(3, 100, 1)]);
        assert_eq!(measured.pauses.figures().map(|f| f.max.round()), Some(0.0));
        assert_eq!(stalls.len(), 1);
    }

    #[test]
    fn one_player_speaks_for_the_room() {
        let (measured, _) = measure(false, &[mark(1, 0, 1), mark(2, 50, 2)]);
        assert!(measured.pauses.is_empty() && measured.moves.is_empty());
        assert_eq!(measured.handoffs.len(), 1, "every player sees the handoff");
        assert_eq!(measured.gaps.len(), 1);
    }

    #[test]
    fn nothing_is_measured_before_the_beginning() {
        let mut gaps = Gaps::new(TICK, true);
        let mut measured = Measured::default();
        gaps.mark(DrillPhase::Gathering, mark(1, 0, 1), &mut measured);
        gaps.mark(DrillPhase::Gathering, mark(2, 500, 1), &mut measured);
        assert!(measured.gaps.is_empty());
    }
}
