//! How far a room is safe: which outputs still wait, and when it is stored whole.
//!
//! Two rules keep what the store has to do, and what a restart has to read, within bounds. At most one checkpoint of a
//! room is with the store; one that falls due meanwhile is taken when that one is safe, of the room as it is then. And
//! a snapshot falls due by what was appended since the last one, measured against its size: what is written twice is at
//! most as much again, and recovery applies a bounded number of records.

use std::collections::{BTreeSet, VecDeque};

use playon_types::ids::{RoomId, Seq, SessionId};
use playon_types::image::{Image, Record, SeatChange};
use playon_types::time::RoomTime;

use crate::limits::Limits;
use crate::mutant::{Mutant, broken};

use super::held::HeldOutput;

/// A large room has its snapshots after at most so many times the commits after which a small one has: each record that
/// recovery applies costs as much as the whole state.
pub(super) const COMMITS_SCALE_MAX: usize = 4;

/// Why a room is stored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WholeImage {
    /// By and by: it may wait for the one before.
    Checkpoint,
    /// It carries a handoff of a room that has no records. The room stands still until it is safe, so it does not wait, and
    /// no other one follows it: two are with the store at most.
    Switch,
    /// Nothing more comes: where the clock stands counts, too.
    Last,
}

/// A snapshot as it was handed to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SnapshotGiven {
    seq: Seq,
    /// The store calls it complete.
    clean: bool,
    /// Room time in it.
    clock: RoomTime,
    /// Seats in it whose players may not know of them.
    unheard: usize,
}

/// What is safe of a room, and what is on its way to be.
#[derive(Debug)]
pub(crate) struct Durability {
    /// The last commit that is as safe as the kind asks.
    safe: Seq,
    /// Outputs of commits that are not yet safe, oldest first.
    held: VecDeque<HeldOutput>,
    /// Commits the room may run ahead of the last safe one.
    ahead_max: u64,
    /// The first commit after an image that the store calls complete (`WorkerCrash` kinds only): nothing leaves
    /// before the store knows that commits may be missing, or a crash would lose them without a word.
    unmarked: Option<Seq>,
    /// Players who may have lost something before the room was read back, and whose loss no commit has counted yet. As
    /// long as there are any, the next life must be another history, too: they may have been told in this one.
    unsettled: BTreeSet<SessionId>,
    /// The store knows of the life that this is: it has a snapshot of it, or lost nothing before it.
    marked: bool,
    /// The last commit that the store has or was given, in a record or a snapshot.
    issued: Seq,
    /// The last snapshot that the store has or was given.
    last: Option<SnapshotGiven>,
    /// Bytes of it.
    size: usize,
    /// The commit of the snapshot that is with the store.
    under_way: Option<Seq>,
    /// Another one is to follow it.
    due: bool,
    /// Thousandths of the first interval that are left out.
    lead: u64,
    /// Commits appended since the last one.
    commits: u64,
    /// Bytes of them, with the events that players are owed.
    bytes: usize,
}

impl Durability {
    /// Of a room of which nothing is stored yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            safe: Seq(0),
            held: VecDeque::new(),
            ahead_max: limits.unsafe_commits_max as u64,
            unmarked: None,
            unsettled: BTreeSet::new(),
            marked: true,
            issued: Seq(0),
            last: None,
            size: 0,
            under_way: None,
            due: false,
            lead: 0,
            commits: 0,
            bytes: 0,
        }
    }

    /// Rooms that come up together would be stored whole together, time and again, and everything else that is to become safe
    /// would wait behind all of that. So each has its first snapshot that falls due at another time.
    pub(super) fn stagger(&mut self, room: RoomId) {
        self.lead = room.mix(2) % 1_000;
    }

    /// The room was read back: the store has all of it.
    pub(super) fn recovered(&mut self, image: &Image) {
        let Image { seq, clean, clock, .. } = *image;
        (self.safe, self.issued) = (seq, seq);
        let unheard = image.seats.values().filter(|seat| seat.unheard).count();
        self.last = Some(SnapshotGiven { seq, clean, clock, unheard });
        self.size = image.bytes();
        if !clean {
            self.marked = false;
            self.unsettled = image.seats.keys().copied().collect();
        }
    }

    /// Whether every loss before this life is counted in a commit, or its player gone. `counted` tells it of one player.
    pub(super) fn settle(&mut self, counted: impl Fn(&SessionId) -> bool) -> bool {
        self.unsettled.retain(|id| !counted(id));
        self.unsettled.is_empty() || broken(Mutant::LossForgotten)
    }

    /// The room was asleep: whatever the store was given of it before is not in the hot log.
    pub(super) fn handle_woken(&mut self) {
        self.last = None;
    }

    /// The last safe commit.
    pub(super) const fn safe(&self) -> Seq {
        self.safe
    }

    /// Commits whose outputs wait.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether a room at that commit is too far ahead of the store to go on.
    pub(super) fn blocks(&self, seq: Seq) -> bool {
        seq.0 - self.safe.0 >= self.ahead_max && !broken(Mutant::AheadUnbounded)
    }

    /// Whether the store has everything up to that commit that it was given.
    pub(super) fn is_settled(&self, seq: Seq) -> bool {
        self.safe >= seq && self.under_way.is_none()
    }

    /// Keeps what a commit says until it is safe.
    pub(super) fn hold(&mut self, held: HeldOutput) {
        self.held.push_back(held);
    }

    /// Everything up to `seq` is safe.
    pub(super) fn raise(&mut self, seq: Seq) {
        self.safe = self.safe.max(seq);
    }

    /// The oldest outputs that are safe and have not left.
    pub(super) fn next_to_leave(&mut self) -> Option<HeldOutput> {
        self.held.pop_front_if(|held| held.seq <= self.safe)
    }

    /// Gives back memory that an emptied queue keeps.
    pub(super) fn slim(&mut self) {
        self.held.shrink_to_fit();
    }

    /// Whether the next record cannot follow what the store has: commits in between were only kept in memory.
    pub(super) fn misses_commits_before(&self, seq: Seq) -> bool {
        self.issued.next() != seq
    }

    /// A record goes to the store. Tells whether a snapshot is due.
    pub(super) fn handle_record(&mut self, limits: &Limits, record: &Record) -> bool {
        self.issued = record.seq;
        self.commits += 1;
        self.bytes += bytes_of(record);
        let every = limits.snapshot_every_bytes.max(1);
        let scale = (self.size / every).clamp(1, COMMITS_SCALE_MAX) as u64;
        let commits_max = limits.snapshot_every_commits.saturating_mul(scale);
        let bytes_max = every.max(self.size) as u64;
        let first = |most: u64| most - most.saturating_mul(self.lead) / 1_000;
        let due = self.bytes as u64 >= first(bytes_max) || self.commits >= first(commits_max);
        if due {
            self.lead = 0;
        }
        // In a life that began with a loss the store must know of it before it has commits of this life: a keeper that
        // dies again at once has the same to tell.
        due || !self.marked
    }

    /// A commit is only kept in memory, until a checkpoint. With `first` the store still calls the room complete.
    /// Tells whether what the commit says may leave.
    pub(super) fn handle_kept(&mut self, seq: Seq, first: bool) -> bool {
        if first {
            self.unmarked = Some(seq);
        }
        self.unmarked.is_none()
    }

    /// A snapshot of the image is wanted. Tells whether to hand it over now: not while another one is with the store, and
    /// not if the store was given this very one. Its clock alone makes no other one unless it is the last. Of `unheard` seats
    /// in it nobody may know.
    pub(super) fn begin_snapshot(
        &mut self,
        image: &Image,
        unheard: usize,
        why: WholeImage,
    ) -> bool {
        let waits = why != WholeImage::Switch && !broken(Mutant::CheckpointsPile);
        if self.under_way.is_some() && waits {
            self.due = true;
            return false;
        }
        let Image { seq, clean, clock, .. } = *image;
        let known = |given: &SnapshotGiven| {
            given.seq == seq
                && given.clean == clean
                && given.unheard == unheard
                && (given.clock >= clock || why != WholeImage::Last)
        };
        self.due = false;
        if self.last.as_ref().is_some_and(known) {
            return false;
        }
        self.last = Some(SnapshotGiven { seq, clean, clock, unheard });
        self.size = image.bytes();
        self.issued = self.issued.max(seq);
        self.under_way = Some(seq);
        self.marked = true;
        (self.commits, self.bytes) = (0, 0);
        true
    }

    /// A snapshot is safe. Tells whether another one is to follow.
    pub(super) fn handle_snapshot_safe(&mut self, seq: Seq) -> bool {
        self.under_way.take_if(|at| *at <= seq);
        self.under_way.is_none() && std::mem::take(&mut self.due)
    }

    /// Commit `seq` is safe. If the store knows from now on that commits may be missing, everything that waited for that
    /// may leave: gives up to which commit.
    pub(super) fn take_mark(&mut self, seq: Seq) -> Option<Seq> {
        self.unmarked.take_if(|mark| *mark <= seq)?;
        Some(self.held.back().map_or(seq, |held| held.seq))
    }

    /// The last commit that the store has or was given.
    pub(super) const fn issued(&self) -> Seq {
        self.issued
    }

    /// Whether a snapshot is with the store.
    pub(super) const fn is_storing(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether commits up to that one are only kept in memory, and no snapshot of them follows by itself.
    pub(super) fn keeps(&self, seq: Seq) -> bool {
        self.issued < seq && !self.due
    }

    /// The room leaves memory: whatever were stored from here on would bring it back.
    pub(super) fn rest(&mut self) {
        self.due = false;
    }
}

/// About the bytes that a record adds to the log.
fn bytes_of(record: &Record) -> usize {
    let events = |change: &SeatChange| match change {
        SeatChange::Progress { events, .. } => events.iter().map(|event| event.len()).sum(),
        SeatChange::Joined { .. }
        | SeatChange::Left { .. }
        | SeatChange::SetAside { .. }
        | SeatChange::Presence { .. }
        | SeatChange::Heard { .. } => 0,
    };
    record.body.len() + record.seats.iter().map(events).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use playon_types::attach::Body;
    use playon_types::ids::{DeployId, ReleaseId};

    fn image(seq: u64, bytes: usize) -> Image {
        Image { seq: Seq(seq), state: vec![7; bytes].into(), clean: true, ..Image::default() }
    }

    fn record(seq: u64, bytes: usize, events: usize) -> Record {
        let progress = SeatChange::Progress {
            session: SessionId(1),
            applied: 1,
            events: vec![Bytes::from(vec![1; 100]); events],
            lost: 0,
            kept_from: 1,
        };
        Record {
            seq: Seq(seq),
            parent_hash: 0,
            hash: 0,
            version: 1,
            body: Body::Delta(vec![7; bytes].into()),
            release: ReleaseId::default(),
            now: RoomTime(0),
            tick: 0,
            wake_at: None,
            between_rounds: false,
            ended: false,
            migrate: None::<DeployId>,
            seats: vec![progress],
        }
    }

    /// A room of that size whose snapshots are safe at once: the commits and record bytes between them.
    fn intervals(size: usize, delta: usize, events: usize, commits: u64) -> Vec<(u64, usize)> {
        let limits = Limits::default();
        let mut room = Durability::new(&limits);
        room.recovered(&image(1, size));
        let mut found = Vec::new();
        let (mut last, mut bytes) = (1, 0);
        for seq in 2..2 + commits {
            bytes += delta + 100 * events;
            if room.handle_record(&limits, &record(seq, delta, events)) {
                assert!(room.begin_snapshot(&image(seq, size), 0, WholeImage::Checkpoint));
                assert!(!room.handle_snapshot_safe(Seq(seq)));
                found.push((seq - last, bytes));
                (last, bytes) = (seq, 0);
            }
        }
        found
    }

    /// What is written twice is at most as much again, and recovery applies a bounded number of records.
    #[test]
    fn snapshots_are_measured_against_the_size_of_the_room() {
        let limits = Limits::default();
        let (every, commits) = (limits.snapshot_every_bytes, limits.snapshot_every_commits);
        for (size, delta, events) in [
            (2_000, 50, 0),
            (16 << 20, 64 << 10, 0),
            (16 << 20, 100, 0),
            (1 << 20, 9_000, 3),
            (100, 0, 9),
        ] {
            let found = intervals(size, delta, events, 2_000);
            assert!(found.len() > 5, "{size}, {delta}, {events}: {found:?}");
            for (between, bytes) in found {
                assert!(between <= commits * COMMITS_SCALE_MAX as u64);
                assert!(bytes < every.max(size) + delta + 100 * events, "{bytes} of {size}");
                let by_bytes = bytes >= every.max(size);
                let scale = (size / every).clamp(1, COMMITS_SCALE_MAX) as u64;
                assert!(by_bytes || between == commits * scale, "{between} commits, {bytes} bytes");
            }
        }
        // 16 MiB, 64 KiB a commit: one snapshot for 256 commits, not one for each.
        assert_eq!(intervals(16 << 20, 64 << 10, 0, 256).len(), 1);
    }

    #[test]
    fn rooms_that_come_up_together_are_not_stored_whole_together() {
        let limits = Limits::default();
        let mut at = Vec::new();
        for n in 0..100 {
            let mut room = Durability::new(&limits);
            room.stagger(RoomId([n; 16]));
            room.recovered(&image(1, 5 << 20));
            let mut due = Vec::new();
            for seq in 2..1_000 {
                if room.handle_record(&limits, &record(seq, 100, 0)) {
                    assert!(room.begin_snapshot(&image(seq, 5 << 20), 0, WholeImage::Checkpoint));
                    assert!(!room.handle_snapshot_safe(Seq(seq)));
                    due.push(seq);
                }
            }
            let most = limits.snapshot_every_commits * COMMITS_SCALE_MAX as u64;
            assert!(due[0] <= 1 + most, "the first one comes earlier, never later");
            assert!(due.windows(2).all(|pair| pair[1] - pair[0] == most), "{due:?}");
            at.extend(due.into_iter().skip(1).take(1));
        }
        let within = |seq: u64| at.iter().filter(|at| (seq..seq + 26).contains(at)).count();
        let most = (0..1_000).map(within).max();
        assert!(most < Some(30), "{most:?} of 100 rooms within a tenth of the time");
    }

    #[test]
    fn one_checkpoint_is_under_way_and_the_next_is_of_the_room_as_it_is_then() {
        let limits = Limits::default();
        let mut room = Durability::new(&limits);
        assert!(room.begin_snapshot(&image(1, 10), 0, WholeImage::Checkpoint));
        for seq in 2..9 {
            room.handle_kept(Seq(seq), false);
            assert!(!room.begin_snapshot(&image(seq, 10), 0, WholeImage::Checkpoint));
        }
        assert!(room.handle_snapshot_safe(Seq(1)), "one more, not seven");
        assert!(room.begin_snapshot(&image(8, 10), 0, WholeImage::Checkpoint));
        assert!(!room.handle_snapshot_safe(Seq(8)));
        // A handoff does not wait, and what had to wait is in it.
        assert!(room.begin_snapshot(&image(9, 10), 0, WholeImage::Checkpoint));
        assert!(!room.begin_snapshot(&image(9, 10), 0, WholeImage::Checkpoint));
        assert!(room.begin_snapshot(&image(10, 10), 0, WholeImage::Switch));
        assert!(!room.handle_snapshot_safe(Seq(9)) && !room.is_settled(Seq(0)));
        assert!(!room.handle_snapshot_safe(Seq(10)) && room.is_settled(Seq(0)));
    }

    #[test]
    fn the_same_commit_is_not_stored_whole_twice_unless_more_is_known_of_it() {
        let mut room = Durability::new(&Limits::default());
        room.recovered(&image(3, 10));
        assert!(!room.begin_snapshot(&image(3, 10), 0, WholeImage::Checkpoint), "the store has it");
        assert!(!room.begin_snapshot(&image(3, 10), 0, WholeImage::Last));
        let dirty = Image { clean: false, ..image(3, 10) };
        assert!(room.begin_snapshot(&dirty, 0, WholeImage::Checkpoint));
        room.handle_snapshot_safe(Seq(3));
        let later = Image { clock: RoomTime(9), ..dirty };
        assert!(
            !room.begin_snapshot(&later, 0, WholeImage::Checkpoint),
            "the clock alone is nothing new"
        );
        assert!(
            room.begin_snapshot(&later, 0, WholeImage::Last),
            "but where it stands at a stop is"
        );
        room.handle_snapshot_safe(Seq(3));
        room.handle_woken();
        assert!(
            room.begin_snapshot(&later, 0, WholeImage::Checkpoint),
            "asleep, it left the hot log"
        );
    }

    #[test]
    fn a_record_never_follows_commits_that_were_kept_in_memory() {
        let limits = Limits::default();
        let mut room = Durability::new(&limits);
        room.recovered(&image(3, 10));
        assert!(!room.misses_commits_before(Seq(4)));
        room.handle_kept(Seq(4), true);
        assert!(room.misses_commits_before(Seq(5)));
        assert!(room.begin_snapshot(&image(5, 10), 0, WholeImage::Checkpoint));
        assert!(!room.misses_commits_before(Seq(6)));
    }

    fn output(seq: u64) -> HeldOutput {
        HeldOutput { seq: Seq(seq), ..HeldOutput::default() }
    }

    #[test]
    fn outputs_leave_in_order_once_their_commit_is_safe() {
        let mut room = Durability::new(&Limits::default());
        (1..=4).for_each(|seq| room.hold(output(seq)));
        assert_eq!(room.held(), 4);
        assert!(room.next_to_leave().is_none());
        room.raise(Seq(2));
        room.raise(Seq(1));
        assert_eq!(room.safe(), Seq(2), "what is safe stays so");
        let mut leaves = || room.next_to_leave().map(|held| held.seq.0);
        assert_eq!([leaves(), leaves(), leaves()], [Some(1), Some(2), None]);
        assert_eq!(room.held(), 2);
        room.raise(Seq(4));
        while room.next_to_leave().is_some() {}
        room.slim();
        assert_eq!(room.held.capacity(), 0);
    }

    #[test]
    fn a_room_runs_ahead_of_the_store_by_so_many_commits_and_no_more() {
        let limits = Limits { unsafe_commits_max: 3, ..Limits::default() };
        let mut room = Durability::new(&limits);
        room.recovered(&image(10, 1));
        assert_eq!([10, 12, 13, 14].map(|seq| room.blocks(Seq(seq))), [false, false, true, true]);
        room.raise(Seq(11));
        assert_eq!([11, 13, 14].map(|seq| room.blocks(Seq(seq))), [false, false, true]);
    }

    #[test]
    fn the_store_has_everything_when_the_last_commit_is_safe_and_no_snapshot_is_under_way() {
        let mut room = Durability::new(&Limits::default());
        room.recovered(&image(3, 10));
        assert!(room.is_settled(Seq(3)) && !room.is_settled(Seq(4)));
        assert!(!room.is_storing());
        assert!(room.begin_snapshot(&image(4, 10), 0, WholeImage::Checkpoint));
        room.raise(Seq(4));
        assert!(room.is_storing() && !room.is_settled(Seq(4)));
        assert!(!room.handle_snapshot_safe(Seq(3)), "an older one");
        assert!(room.is_storing());
        room.handle_snapshot_safe(Seq(4));
        assert!(!room.is_storing() && room.is_settled(Seq(4)));
    }

    #[test]
    fn what_is_kept_in_memory_waits_until_the_store_knows_that_commits_may_be_missing() {
        let mut room = Durability::new(&Limits::default());
        room.recovered(&image(3, 10));
        assert!(!room.handle_kept(Seq(4), true));
        assert!(!room.handle_kept(Seq(5), false));
        (4..=6).for_each(|seq| room.hold(output(seq)));
        assert_eq!(room.take_mark(Seq(3)), None);
        assert_eq!(room.take_mark(Seq(4)), Some(Seq(6)), "also what came meanwhile");
        assert_eq!(room.take_mark(Seq(6)), None, "told once");
        assert!(room.handle_kept(Seq(7), false), "from then on nothing waits");
        let mut alone = Durability::new(&Limits::default());
        alone.handle_kept(Seq(1), true);
        assert_eq!(alone.take_mark(Seq(2)), Some(Seq(2)), "nothing waits behind it");
    }

    #[test]
    fn commits_are_kept_until_a_snapshot_of_them_is_given_or_is_to_follow() {
        let mut room = Durability::new(&Limits::default());
        room.recovered(&image(3, 10));
        assert!(!room.keeps(Seq(3)));
        room.handle_kept(Seq(4), false);
        assert!(room.keeps(Seq(4)));
        assert!(room.begin_snapshot(&image(4, 10), 0, WholeImage::Checkpoint));
        assert_eq!(room.issued(), Seq(4));
        assert!(!room.keeps(Seq(4)) && room.keeps(Seq(5)));
        assert!(!room.begin_snapshot(&image(5, 10), 0, WholeImage::Checkpoint));
        assert!(!room.keeps(Seq(5)), "one follows");
        room.rest();
        assert!(!room.handle_snapshot_safe(Seq(4)), "it rests: what followed would bring it back");
    }

    #[test]
    fn a_life_that_began_with_a_loss_is_another_one_until_each_loss_is_counted() {
        let limits = Limits::default();
        let mut room = Durability::new(&limits);
        let seats = [1, 2].map(|n| (SessionId(n), playon_types::image::Seat::default())).into();
        room.recovered(&Image { clean: false, seats, ..image(3, 10) });
        assert!(!room.settle(|id| *id == SessionId(2)));
        assert!(room.settle(|id| *id == SessionId(1)), "the other one was counted before");
        assert!(room.handle_record(&limits, &record(4, 1, 0)), "the store must know at once");
        assert!(room.handle_record(&limits, &record(5, 1, 0)));
        assert!(room.begin_snapshot(&image(5, 10), 0, WholeImage::Checkpoint));
        assert!(!room.handle_record(&limits, &record(6, 1, 0)));
        let mut whole = Durability::new(&limits);
        let seats = [(SessionId(1), playon_types::image::Seat::default())].into();
        whole.recovered(&Image { seats, ..image(3, 10) });
        assert!(whole.settle(|_| false), "nobody lost anything");
        assert!(!whole.handle_record(&limits, &record(4, 1, 0)));
    }

    #[test]
    fn a_record_costs_its_body_and_the_events_of_all_players() {
        let mut all = record(1, 7, 2);
        let of = |n| SessionId(n);
        all.seats.push(SeatChange::Left { session: of(2) });
        all.seats.push(SeatChange::SetAside { session: of(3), input: 9 });
        all.seats.push(SeatChange::Presence { session: of(4), away_since: None });
        all.seats.extend(record(1, 0, 3).seats);
        assert_eq!(bytes_of(&all), 7 + 200 + 300);
    }

    #[test]
    fn a_snapshot_is_due_at_exactly_so_many_bytes_or_commits() {
        let limits =
            Limits { snapshot_every_bytes: 100, snapshot_every_commits: 5, ..Limits::default() };
        let due = |sizes: &[usize]| {
            let mut room = Durability::new(&limits);
            room.recovered(&image(1, 10));
            (2..)
                .zip(sizes)
                .map(|(seq, size)| room.handle_record(&limits, &record(seq, *size, 0)))
                .collect::<Vec<_>>()
        };
        assert_eq!(due(&[60, 39, 1]), [false, false, true]);
        assert_eq!(due(&[60, 40]), [false, true]);
        assert_eq!(due(&[1; 5]), [false, false, false, false, true]);
    }
}
