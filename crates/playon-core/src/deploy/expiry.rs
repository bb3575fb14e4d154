//! The expiry: rooms that have been at rest for longer than their kind is kept.
//!
//! Passes over all that is at rest, one after another. A pass asks for what is at rest, then group by group for the rooms that
//! are past their age, and hands so many of them to their shards per second. A shard decides: whoever asks for a room wakes it.

use std::collections::VecDeque;

use playon_types::ids::RoomId;
use playon_types::kind::Policies;
use playon_types::time::{Span, Time, WallTime};

use crate::mutant::{Mutant, broken};

use super::rests::Resting;

/// While there are rooms to delete they are handed out this often.
const HAND_OUT_EVERY: Span = Span::secs(1);

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryConfig {
    /// Rooms that are handed to their shards per second, at most; with 0 none ever.
    pub rooms_per_second: u32,
    /// From the end of a pass to the beginning of the next.
    pub every: Span,
}

/// Rooms at rest that need the same of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestingGroup {
    /// What they need.
    pub need: Resting,
    /// Since when the first of them is at rest.
    pub oldest: WallTime,
}

/// Rooms of a group that are past their age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueAtRest {
    /// The group.
    pub need: Resting,
    /// Put to rest by then.
    pub slept_by: WallTime,
    /// Only those after this one, in the order of the times at which they were put to rest, and of their ids.
    pub after: Option<(WallTime, RoomId)>,
    /// At most so many.
    pub limit: usize,
}

/// Something the shell must do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpiryEffect {
    /// Say what is at rest; answered by [`Expiry::handle_count`] or [`Expiry::handle_unreadable`].
    Count,
    /// Look for rooms; answered by [`Expiry::handle_found`] or [`Expiry::handle_unreadable`].
    Find(DueAtRest),
    /// Have a room deleted by its shard, unless it has not been at rest since then or somebody asks for it.
    Expire {
        /// The room.
        room: RoomId,
        /// It is past its age if it was put to rest by then.
        slept_by: WallTime,
    },
    /// A pass is over.
    Ended {
        /// Rooms that were handed to their shards.
        handed_out: u64,
        /// Rooms that were deleted since the last pass ended; the last ones are deleted a moment later.
        deleted: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PassStep {
    /// Not all rooms are known yet.
    Unready,
    /// Something is due then.
    Until(Time),
    /// The shell has been asked for something.
    Asked,
}

/// One per keeper. Driven like the other machines: `handle_*`, then [`Self::poll`], [`Self::next_timeout`].
#[derive(Debug)]
pub struct Expiry {
    config: ExpiryConfig,
    step: PassStep,
    /// Groups that have rooms past their age, with the time by which those were put to rest.
    groups: VecDeque<(Resting, WallTime)>,
    /// The last room that was handed out of the first group.
    after: Option<(WallTime, RoomId)>,
    /// Rooms that may be handed out yet, until a second after the last ones were.
    left: usize,
    last: Option<Time>,
    /// What was asked for counts no more when it comes: the pass begins anew.
    stale: bool,
    handed_out: u64,
    deleted: u64,
    out: VecDeque<ExpiryEffect>,
}

impl Expiry {
    /// One that does nothing before all rooms are known.
    pub const fn new(config: ExpiryConfig) -> Self {
        Self {
            config,
            step: PassStep::Unready,
            groups: VecDeque::new(),
            after: None,
            left: 0,
            last: None,
            stale: false,
            handed_out: 0,
            deleted: 0,
            out: VecDeque::new(),
        }
    }

    /// All rooms are known: what is past its age is looked for from now on.
    pub fn handle_recovery_done(&mut self) {
        if self.step == PassStep::Unready {
            self.begin_pass();
        }
    }

    /// Another release is current: it may keep rooms longer, so the pass begins anew.
    pub fn handle_current(&mut self) {
        match self.step {
            PassStep::Unready => {}
            _ if broken(Mutant::ExpiryStale) => {}
            PassStep::Asked => self.stale = true,
            PassStep::Until(_) => self.begin_pass(),
        }
    }

    fn begin_pass(&mut self) {
        self.groups.clear();
        self.after = None;
        self.step = PassStep::Asked;
        self.stale = false;
        self.out.push_back(ExpiryEffect::Count);
    }

    /// A shard has deleted a room for its age.
    pub const fn handle_expired(&mut self) {
        self.deleted += 1;
    }

    /// When to call [`Self::handle_timeout`].
    pub const fn next_timeout(&self) -> Option<Time> {
        match self.step {
            PassStep::Until(at) => Some(at),
            PassStep::Unready | PassStep::Asked => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.next_timeout().is_none_or(|at| at > now) {
            return;
        }
        if self.groups.is_empty() {
            self.begin_pass();
        } else {
            self.go_on(now);
        }
    }

    /// What is at rest, and how long a group is kept there; `wall` is the time in which they were put to rest.
    pub fn handle_count(
        &mut self,
        now: Time,
        wall: WallTime,
        groups: Vec<RestingGroup>,
        keeps: impl Fn(&Resting) -> Option<Span>,
    ) {
        if self.stale {
            return self.begin_pass();
        }
        let due = groups.into_iter().filter_map(|RestingGroup { need, oldest }| {
            let keep = keeps(&need).filter(|keep| *keep != Policies::FOR_EVER)?;
            let slept_by = wall.before(keep);
            (oldest <= slept_by).then_some((need, slept_by))
        });
        self.groups = due.collect();
        self.go_on(now);
    }

    /// The rooms that were looked for, with the times at which they were put to rest.
    pub fn handle_found(&mut self, now: Time, rooms: &[(WallTime, RoomId)]) {
        if self.stale {
            return self.begin_pass();
        }
        let Some((_, slept_by)) = self.groups.front() else { return self.end_pass(now) };
        for (since, room) in rooms {
            self.out.push_back(ExpiryEffect::Expire { room: *room, slept_by: *slept_by });
            self.after = Some((*since, *room));
        }
        self.handed_out += rooms.len() as u64;
        self.last = if rooms.is_empty() { self.last } else { Some(now) };
        if rooms.len() < self.left {
            self.groups.pop_front();
            self.after = None;
        }
        if !broken(Mutant::ExpiryUnpaced) {
            self.left = self.left.saturating_sub(rooms.len());
        }
        self.go_on(now);
    }

    /// What is at rest cannot be read now: the next pass tries again.
    pub fn handle_unreadable(&mut self, now: Time) {
        self.end_pass(now);
    }

    fn go_on(&mut self, now: Time) {
        let Some((need, slept_by)) = self.groups.front() else { return self.end_pass(now) };
        if self.last.is_none_or(|last| now >= last + HAND_OUT_EVERY) {
            self.left = self.config.rooms_per_second as usize;
        }
        let (after, limit) = (self.after, self.left);
        if limit == 0 {
            self.step = PassStep::Until(self.last.unwrap_or(now) + HAND_OUT_EVERY);
            return;
        }
        self.step = PassStep::Asked;
        let due = DueAtRest { need: need.clone(), slept_by: *slept_by, after, limit };
        self.out.push_back(ExpiryEffect::Find(due));
    }

    fn end_pass(&mut self, now: Time) {
        self.groups.clear();
        self.after = None;
        self.stale = false;
        let (handed_out, deleted) = (self.handed_out, self.deleted);
        (self.handed_out, self.deleted) = (0, 0);
        self.out.push_back(ExpiryEffect::Ended { handed_out, deleted });
        // However short: time that has been handled is over.
        self.step = PassStep::Until(now + self.config.every.max(Span(1)));
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<ExpiryEffect> {
        self.out.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::ids::ReleaseId;

    const EVERY: Span = Span::secs(60);

    fn expiry(rooms_per_second: u32) -> Expiry {
        let mut expiry = Expiry::new(ExpiryConfig { rooms_per_second, every: EVERY });
        assert_eq!((expiry.next_timeout(), expiry.poll()), (None, None));
        expiry.handle_recovery_done();
        assert_eq!((expiry.next_timeout(), expiry.poll()), (None, Some(ExpiryEffect::Count)));
        expiry
    }

    fn group(version: u32, oldest: u64) -> RestingGroup {
        let need = Resting { kind: "duel".into(), version, release: ReleaseId([1; 32]) };
        RestingGroup { need, oldest: WallTime(oldest) }
    }

    const fn room(n: u8) -> (WallTime, RoomId) {
        (WallTime(n as u64), RoomId([n; 16]))
    }

    fn kept(need: &Resting) -> Option<Span> {
        match need.version {
            1 => Some(Span::secs(1)),
            2 => Some(Policies::FOR_EVER),
            _ => None,
        }
    }

    fn drain(expiry: &mut Expiry) -> Vec<ExpiryEffect> {
        std::iter::from_fn(|| expiry.poll()).collect()
    }

    #[test]
    fn only_what_is_past_its_age_is_looked_for() {
        let mut expiry = expiry(10);
        // Of two there is nothing said, or for ever; the others are as old as they may be, and a moment younger.
        let groups = vec![group(3, 0), group(2, 0), group(1, 4_000), group(1, 4_001)];
        expiry.handle_count(Time(2), WallTime(5_000), groups, kept);
        let (need, slept_by) = (group(1, 0).need, WallTime(4_000));
        let due = DueAtRest { need, slept_by, after: None, limit: 10 };
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Find(due)]);
        expiry.handle_found(Time(3), &[room(7)]);
        expiry.handle_expired();
        let expire = ExpiryEffect::Expire { room: room(7).1, slept_by };
        let ended = ExpiryEffect::Ended { handed_out: 1, deleted: 0 };
        assert_eq!(drain(&mut expiry), [expire, ended]);
        assert_eq!(expiry.next_timeout(), Some(Time(3) + EVERY));
        expiry.handle_timeout(Time(3) + EVERY);
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Count]);
        expiry.handle_count(Time(4) + EVERY, WallTime(5_000), vec![], kept);
        let ended = ExpiryEffect::Ended { handed_out: 0, deleted: 1 };
        assert_eq!(drain(&mut expiry), [ended]);
    }

    #[test]
    fn so_many_are_handed_out_per_second_and_the_rest_from_where_it_was() {
        let mut expiry = expiry(2);
        expiry.handle_count(Time(2), WallTime(5_000), vec![group(1, 0)], kept);
        drain(&mut expiry);
        expiry.handle_found(Time(2), &[room(1), room(2)]);
        assert_eq!(drain(&mut expiry).len(), 2);
        let next = Time(2) + HAND_OUT_EVERY;
        assert_eq!(expiry.next_timeout(), Some(next));
        expiry.handle_timeout(Time(3));
        assert_eq!(expiry.poll(), None);
        expiry.handle_timeout(next);
        let found = drain(&mut expiry);
        assert!(
            matches!(&found[..], [ExpiryEffect::Find(due)] if due.after == Some(room(2)) && due.limit == 2)
        );
    }

    #[test]
    fn with_another_release_a_pass_begins_anew_at_the_same_pace() {
        let mut expiry = expiry(2);
        expiry.handle_count(Time(2), WallTime(5_000), vec![group(1, 0)], kept);
        drain(&mut expiry);
        // The answer that is on its way was asked for with another release in mind.
        expiry.handle_current();
        assert_eq!(drain(&mut expiry), []);
        expiry.handle_found(Time(4), &[room(1), room(2)]);
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Count]);
        expiry.handle_count(Time(5), WallTime(5_000), vec![group(1, 0)], kept);
        drain(&mut expiry);
        expiry.handle_found(Time(6), &[room(1), room(2)]);
        drain(&mut expiry);
        let next = Time(6) + HAND_OUT_EVERY;
        assert_eq!(expiry.next_timeout(), Some(next));
        expiry.handle_current();
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Count]);
        expiry.handle_count(Time(8), WallTime(5_000), vec![group(1, 0)], kept);
        assert_eq!((drain(&mut expiry), expiry.next_timeout()), (vec![], Some(next)));
    }

    #[test]
    fn what_cannot_be_read_is_tried_again_with_the_next_pass() {
        let mut expiry = expiry(2);
        expiry.handle_count(Time(2), WallTime(5_000), vec![group(1, 0)], kept);
        drain(&mut expiry);
        expiry.handle_unreadable(Time(9));
        drain(&mut expiry);
        expiry.handle_timeout(Time(9) + EVERY);
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Count]);
    }

    #[test]
    fn with_a_bound_of_zero_nothing_is_deleted_and_nothing_spins() {
        let mut expiry = expiry(0);
        expiry.handle_count(Time(2), WallTime(5_000), vec![group(1, 0)], kept);
        assert_eq!((drain(&mut expiry), expiry.next_timeout()), (vec![], Some(Time(1_000_002))));
    }

    #[test]
    fn one_group_follows_the_other_and_each_begins_at_its_first_room() {
        let mut expiry = expiry(3);
        let groups = vec![group(1, 0), RestingGroup { oldest: WallTime(9), ..group(1, 0) }];
        expiry.handle_count(Time(2), WallTime(5_000), groups, kept);
        drain(&mut expiry);
        expiry.handle_found(Time(2), &[room(1), room(2)]);
        let told = drain(&mut expiry);
        assert!(
            matches!(&told[2..], [ExpiryEffect::Find(due)] if due.after.is_none() && due.limit == 1),
            "{told:?}"
        );
        expiry.handle_found(Time(3), &[room(3)]);
        assert_eq!((drain(&mut expiry).len(), expiry.next_timeout()), (1, Some(Time(1_000_003))));
        // What was handed out a second ago counts no more.
        expiry.handle_timeout(Time(1_000_003));
        let told = drain(&mut expiry);
        assert!(
            matches!(&told[..], [ExpiryEffect::Find(due)] if due.after == Some(room(3)) && due.limit == 3)
        );
        expiry.handle_found(Time(1_000_004), &[]);
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Ended { handed_out: 3, deleted: 0 }]);
        assert_eq!(expiry.next_timeout(), Some(Time(1_000_004) + EVERY));
    }

    #[test]
    fn a_pass_begins_once_all_rooms_are_known_and_anew_with_another_release() {
        let mut expiry = Expiry::new(ExpiryConfig { rooms_per_second: 1, every: Span::ZERO });
        expiry.handle_current();
        expiry.handle_timeout(Time(9));
        assert_eq!((expiry.poll(), expiry.next_timeout()), (None, None), "rooms are not known");
        (1..=2).for_each(|_| expiry.handle_recovery_done());
        assert_eq!(drain(&mut expiry), [ExpiryEffect::Count]);
        expiry.handle_current();
        expiry.handle_count(Time(9), WallTime(5_000), vec![group(1, 0)], kept);
        assert_eq!(
            drain(&mut expiry),
            [ExpiryEffect::Count],
            "it was asked for with another in mind"
        );
        expiry.handle_count(Time(9), WallTime(5_000), vec![], kept);
        assert_eq!(drain(&mut expiry).len(), 1);
        assert_eq!(expiry.next_timeout(), Some(Time(10)), "however short, time goes on");
        expiry.handle_current();
        assert_eq!((drain(&mut expiry), expiry.next_timeout()), (vec![ExpiryEffect::Count], None));
    }
}
