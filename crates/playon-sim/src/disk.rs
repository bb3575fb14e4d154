//! The model of the store's engine: what it accepts, what becomes safe, and what is found again.
//!
//! It is held to the suite that every engine must pass (`crates/playon-sim/tests/store.rs`), so it knows nothing of what is inside a row, takes
//! batches as the keeper's threads put them together, and writes all of one or nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use bytes::Bytes;
use playon_store::{
    Batch, LogRecord, RestGroup, RestNote, RestRow, RestingRoom, RoomDamage, SnapshotRow,
    StoredRoom,
};
use playon_types::ids::{Epoch, RoomId, Seq};

/// The last commit that a room can have.
const SEQ_MAX: Seq = Seq(i64::MAX as u64);

/// Bytes of records that recovery needs, beyond which rooms are asked for snapshots: so few that runs get there.
const LOG_BYTES_MAX: usize = 5_000;

/// A row as it was written.
#[derive(Clone, Debug)]
struct StoredRow {
    epoch: Epoch,
    seq: Seq,
    body: Bytes,
}

/// What is safe of one room.
#[derive(Clone, Debug)]
enum Rows {
    /// Its snapshot, and the commits since.
    Hot {
        whole: StoredRow,
        log: BTreeMap<Seq, (Epoch, Bytes)>,
        /// Its owner was asked for a snapshot.
        wished: bool,
    },
    /// All of it, and what is known without reading it.
    Resting { whole: StoredRow, note: RestNote },
}

impl Rows {
    fn whole(&self) -> &StoredRow {
        match self {
            Self::Hot { whole, .. } | Self::Resting { whole, .. } => whole,
        }
    }

    fn last(&self) -> Seq {
        match self {
            Self::Hot { whole, log, .. } => log.keys().next_back().map_or(whole.seq, |last| *last),
            Self::Resting { whole, .. } => whole.seq,
        }
    }
}

/// Which of the batches that were handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchFate {
    /// All of it is safe.
    Safe,
    /// Nothing of it was written: a later keeper has the disk.
    Fenced,
    /// Nothing of it was written, or will be: it breaks a rule.
    Misused(String),
    /// Nothing of it was written, as one before it broke a rule.
    Stopped,
}

/// What is known of a room that is not in the hot log.
#[derive(Clone, Debug)]
pub enum Asleep {
    /// It certainly does not exist.
    Missing,
    /// It rests.
    Resting(Box<StoredRoom>),
    /// It cannot be served: damaged, or not at rest.
    Damaged(RoomDamage),
}

/// A batch on its way.
#[derive(Debug)]
struct Handed {
    ticket: Ticket,
    epoch: Epoch,
    batch: Batch,
}

/// A copy of what is safe.
#[derive(Clone, Debug)]
pub struct DiskCopy {
    rooms: BTreeMap<RoomId, Rows>,
}

impl DiskCopy {
    /// The last commit of each room.
    pub fn lasts(&self) -> impl Iterator<Item = (RoomId, Seq)> {
        self.rooms.iter().map(|(room, rows)| (*room, rows.last()))
    }
}

/// The disk: what is safe, and the batches on their way.
#[derive(Debug, Default)]
pub struct Disk {
    epoch: Epoch,
    /// The epoch in which it was last put back to a copy.
    rewound: Epoch,
    rooms: BTreeMap<RoomId, Rows>,
    /// What is stored of these is not what was written.
    damaged: BTreeSet<RoomId>,
    pending: VecDeque<Handed>,
    tickets: u64,
    /// A batch has broken a rule.
    stopped: bool,
}

impl Disk {
    /// A keeper opens it, in an epoch of its own, and finds these rooms in the hot log. Those that are made from then on are not
    /// among them.
    pub fn open(&mut self) -> (Epoch, Vec<Result<StoredRoom, RoomDamage>>) {
        self.epoch = self.epoch.next();
        self.stopped = false;
        let hot = self.rooms.iter().filter(|(_, rows)| matches!(rows, Rows::Hot { .. }));
        (self.epoch, hot.map(|(room, rows)| self.read_sound(*room, rows)).collect())
    }

    /// The epoch of the last opening.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Takes a batch, of the keeper of that epoch.
    pub fn submit(&mut self, epoch: Epoch, batch: Batch) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.pending.push_back(Handed { ticket, epoch, batch });
        ticket
    }

    /// How many batches are on their way.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Snapshots of a room on their way, from the keeper that has the disk.
    pub fn snapshots_under_way(&self, room: RoomId) -> usize {
        let own = self.pending.iter().filter(|handed| handed.epoch == self.epoch);
        own.flat_map(|handed| &handed.batch.snapshots).filter(|row| row.room == room).count()
    }

    /// What is on its way is lost.
    pub fn lose_pending(&mut self) {
        self.pending.clear();
    }

    /// The oldest batch becomes safe, or not.
    pub fn make_safe(&mut self) -> Option<(Ticket, BatchFate)> {
        let Handed { ticket, epoch, batch } = self.pending.pop_front()?;
        if epoch < self.epoch {
            return Some((ticket, BatchFate::Fenced));
        }
        if self.stopped {
            return Some((ticket, BatchFate::Stopped));
        }
        let fate = match self.write(batch) {
            Ok(()) => BatchFate::Safe,
            Err(why) => {
                self.stopped = true;
                BatchFate::Misused(why)
            }
        };
        Some((ticket, fate))
    }

    /// Writes a batch: snapshots and records first, whatever their order, then rests, then deletions.
    fn write(&mut self, batch: Batch) -> Result<(), String> {
        let Batch { records, snapshots, sleeps, deletes } = batch;
        let mut draft = Draft { disk: self, rooms: BTreeMap::new() };
        let given = draft.given(snapshots)?;
        records.into_iter().try_for_each(|record| draft.append(record, &given))?;
        given.into_iter().for_each(|(room, given)| draft.settle(room, given));
        sleeps.into_iter().try_for_each(|rest| draft.put_to_rest(rest))?;
        for room in deletes {
            draft.rooms.insert(room, None);
        }
        for (room, rows) in draft.rooms {
            match rows {
                Some(rows) => _ = self.rooms.insert(room, rows),
                None => {
                    self.rooms.remove(&room);
                    self.damaged.remove(&room);
                }
            }
        }
        Ok(())
    }

    /// The last safe commit of a room.
    pub fn last(&self, room: RoomId) -> Option<Seq> {
        self.rooms.get(&room).map(Rows::last)
    }

    /// Whether the room is at rest.
    pub fn is_resting(&self, room: RoomId) -> bool {
        matches!(self.rooms.get(&room), Some(Rows::Resting { .. }))
    }

    /// The snapshot of a room in the hot log, with the epoch that wrote it.
    pub fn snapshot(&self, room: RoomId) -> Option<(Epoch, Bytes)> {
        match self.rooms.get(&room)? {
            Rows::Hot { whole, .. } => Some((whole.epoch, whole.body.clone())),
            Rows::Resting { .. } => None,
        }
    }

    /// What is stored about a room is changed.
    pub fn damage(&mut self, room: RoomId) {
        if self.rooms.contains_key(&room) {
            self.damaged.insert(room);
        }
    }

    /// Whether what is stored about a room is damaged.
    pub fn is_damaged(&self, room: RoomId) -> bool {
        self.damaged.contains(&room)
    }

    /// One room that is not in the hot log.
    pub fn load_sleeping(&self, room: RoomId) -> Asleep {
        match self.rooms.get(&room) {
            None => Asleep::Missing,
            Some(Rows::Hot { .. }) => {
                Asleep::Damaged(RoomDamage { room, place: "it is in the hot log".into() })
            }
            Some(rows) => match self.read_sound(room, rows) {
                Ok(found) => Asleep::Resting(Box::new(found)),
                Err(damage) => Asleep::Damaged(damage),
            },
        }
    }

    /// One room, wherever it is.
    pub fn read(&self, room: RoomId) -> Option<StoredRoom> {
        self.rooms.get(&room).map(|rows| self.found(room, rows))
    }

    fn read_sound(&self, room: RoomId, rows: &Rows) -> Result<StoredRoom, RoomDamage> {
        match self.is_damaged(room) {
            true => Err(RoomDamage { room, place: "the disk has changed it".into() }),
            false => Ok(self.found(room, rows)),
        }
    }

    fn found(&self, room: RoomId, rows: &Rows) -> StoredRoom {
        let StoredRow { epoch, seq, body } = rows.whole().clone();
        let record = |(seq, (epoch, body)): (&Seq, &(Epoch, Bytes))| {
            (*epoch, LogRecord { room, seq: *seq, body: body.clone() })
        };
        let (records, rest) = match rows {
            Rows::Hot { log, .. } => (log.iter().map(record).collect(), None),
            Rows::Resting { note, .. } => (Vec::new(), Some(note.clone())),
        };
        StoredRoom {
            room,
            snapshot: SnapshotRow { room, seq, body },
            snapshot_epoch: epoch,
            records,
            rewound: epoch < self.rewound,
            rest,
        }
    }

    fn resting(&self) -> impl Iterator<Item = RestingRoom> {
        self.rooms.iter().filter_map(|(room, rows)| match rows {
            Rows::Hot { .. } => None,
            Rows::Resting { whole, note } => Some(RestingRoom {
                room: *room,
                note: note.clone(),
                bytes: whole.body.len() as u64,
            }),
        })
    }

    /// Rooms at rest, page by page.
    pub fn rests(&self, after: Option<RoomId>, limit: usize) -> Vec<RestingRoom> {
        self.resting()
            .filter(|rest| after.is_none_or(|after| rest.room > after))
            .take(limit)
            .collect()
    }

    /// What is known of one room at rest.
    pub fn rest(&self, room: RoomId) -> Option<RestingRoom> {
        self.resting().find(|rest| rest.room == room)
    }

    /// How many rooms rest of each kind, version and release.
    pub fn rest_groups(&self) -> Vec<RestGroup> {
        let mut groups: Vec<RestGroup> = Vec::new();
        for RestingRoom { note, .. } in self.resting() {
            let (kind, oldest_ms) = (note.kind.clone(), note.since_ms);
            let of = (note.version, note.release);
            let known = groups.iter_mut().find(|g| g.kind == kind && (g.version, g.release) == of);
            match known {
                Some(group) => {
                    group.rooms += 1;
                    group.oldest_ms = group.oldest_ms.min(oldest_ms);
                }
                None => {
                    let (version, release) = of;
                    groups.push(RestGroup { kind, version, release, rooms: 1, oldest_ms });
                }
            }
        }
        groups.sort();
        groups
    }

    /// Rooms of a group that have rested since then, the first one first.
    pub fn rests_of(
        &self,
        group: &RestGroup,
        after: Option<(u64, RoomId)>,
        by_ms: u64,
        limit: usize,
    ) -> Vec<RestingRoom> {
        // One of which it is not known since when it rests has the time 0.
        let after = Bound::Excluded(after.unwrap_or((0, RoomId([0xff; 16]))));
        let due: BTreeMap<(u64, RoomId), RestingRoom> = self
            .resting()
            .filter(|RestingRoom { note, .. }| {
                (&note.kind, note.version, note.release)
                    == (&group.kind, group.version, group.release)
            })
            .map(|rest| ((rest.note.since_ms, rest.room), rest))
            .collect();
        let due = due.range((after, Bound::Unbounded)).map(|(_, rest)| rest);
        due.filter(|rest| rest.note.since_ms <= by_ms).take(limit).cloned().collect()
    }

    /// Rooms that hold up the log, if it is too long: each is named once until its snapshot comes.
    pub fn wanted(&mut self) -> Vec<RoomId> {
        let bytes = |rows: &Rows| match rows {
            Rows::Hot { log, .. } => log.values().map(|(_, body)| body.len()).sum(),
            Rows::Resting { .. } => 0,
        };
        if self.rooms.values().map(bytes).sum::<usize>() <= LOG_BYTES_MAX {
            return Vec::new();
        }
        let damaged = &self.damaged;
        let named = self.rooms.iter_mut().filter_map(|(room, rows)| match rows {
            Rows::Hot { log, wished, .. } if !log.is_empty() && !damaged.contains(room) => {
                (!std::mem::replace(wished, true)).then_some(*room)
            }
            _ => None,
        });
        named.collect()
    }

    /// A copy of what is safe.
    pub fn back_up(&self) -> DiskCopy {
        DiskCopy { rooms: self.rooms.clone() }
    }

    /// Goes on from a copy, in an epoch that has never been.
    pub fn restore(&mut self, copy: DiskCopy, epoch: Epoch) {
        self.rooms = copy.rooms;
        self.pending.clear();
        self.damaged.clear();
        (self.epoch, self.rewound) = (epoch, epoch);
    }
}

/// What a batch says about one room's snapshots.
struct SnapshotNote {
    commits: Vec<Seq>,
    /// Of several the one of the newest commit counts, and of several of that the last.
    newest: SnapshotRow,
    /// The room was not in the hot log before.
    begins: bool,
}

/// A batch that is being written: the rooms it changes; nothing for those it deletes.
struct Draft<'a> {
    disk: &'a Disk,
    rooms: BTreeMap<RoomId, Option<Rows>>,
}

impl Draft<'_> {
    fn rows(&mut self, room: RoomId) -> &mut Option<Rows> {
        self.rooms.entry(room).or_insert_with(|| self.disk.rooms.get(&room).cloned())
    }

    fn check(&self, room: RoomId, seq: Seq) -> Result<(), String> {
        if seq > SEQ_MAX {
            return Err(format!("{room} has commit {seq}, the last can be {SEQ_MAX}"));
        }
        if self.disk.is_damaged(room) {
            return Err(format!("{room} is damaged, and was written to"));
        }
        Ok(())
    }

    /// Which snapshots come of each room; those that begin are there from here on.
    fn given(
        &mut self,
        snapshots: Vec<SnapshotRow>,
    ) -> Result<BTreeMap<RoomId, SnapshotNote>, String> {
        let mut all: BTreeMap<RoomId, SnapshotNote> = BTreeMap::new();
        for row in snapshots {
            self.check(row.room, row.seq)?;
            let begins = !matches!(self.rows(row.room), Some(Rows::Hot { .. }));
            let first = || SnapshotNote { commits: Vec::new(), newest: row.clone(), begins };
            let given = all.entry(row.room).or_insert_with(first);
            given.commits.push(row.seq);
            if row.seq >= given.newest.seq {
                given.newest = row;
            }
        }
        let epoch = self.disk.epoch;
        for (room, SnapshotNote { newest, begins, .. }) in &all {
            let rows = self.rows(*room);
            let seq = newest.seq;
            if let Some(known) = rows.as_ref().map(Rows::whole).filter(|known| known.seq > seq) {
                return Err(format!("{room} got a snapshot of {seq} after one of {}", known.seq));
            }
            if *begins {
                let whole = StoredRow { epoch, seq, body: newest.body.clone() };
                *rows = Some(Rows::Hot { whole, log: BTreeMap::new(), wished: false });
            }
        }
        Ok(all)
    }

    /// A record follows the last commit, or a snapshot of its batch that runs ahead.
    fn append(
        &mut self,
        LogRecord { room, seq, body }: LogRecord,
        given: &BTreeMap<RoomId, SnapshotNote>,
    ) -> Result<(), String> {
        self.check(room, seq)?;
        let epoch = self.disk.epoch;
        let rows = self.rows(room);
        let last = rows.as_ref().map(Rows::last);
        let Some(Rows::Hot { log, .. }) = rows else {
            return Err(format!("{room} has commit {seq} and no snapshot before it"));
        };
        let given = given.get(&room);
        // Commits that led to the first snapshot may come along with it.
        if given.is_some_and(|given| given.begins && seq <= given.newest.seq) {
            return Ok(());
        }
        let ahead = |at: &Seq| seq == at.next() && Some(*at) > last;
        let jumps = given.is_some_and(|given| given.commits.iter().any(ahead));
        if last.map(Seq::next) != Some(seq) && !jumps {
            return Err(format!("{room} appended commit {seq} after {last:?}"));
        }
        log.insert(seq, (epoch, body));
        Ok(())
    }

    /// The snapshot takes the place of all that came before it.
    fn settle(&mut self, room: RoomId, given: SnapshotNote) {
        let epoch = self.disk.epoch;
        if let Some(Rows::Hot { whole, log, wished }) = self.rows(room) {
            let SnapshotRow { seq, body, .. } = given.newest;
            log.retain(|at, _| *at > seq);
            *whole = StoredRow { epoch, seq, body };
            *wished = false;
        }
    }

    fn put_to_rest(&mut self, RestRow { row, note }: RestRow) -> Result<(), String> {
        let SnapshotRow { room, seq, body } = row;
        self.check(room, seq)?;
        let epoch = self.disk.epoch;
        let rows = self.rows(room);
        if let Some(last) = rows.as_ref().map(Rows::last).filter(|last| *last > seq) {
            return Err(format!("{room} goes to rest at {seq} after commit {last}"));
        }
        *rows = Some(Rows::Resting { whole: StoredRow { epoch, seq, body }, note });
        Ok(())
    }
}
