//! What the writer knows about the log without reading it: where it begins, how large it is, and which of
//! its batches each room still needs.

use std::collections::{BTreeSet, HashMap, VecDeque};

use playon_types::ids::{RoomId, Seq};

use crate::contract::{Batch, RestRow, SnapshotRow};
use crate::log::{EntryKind, LogEntry};

/// Rooms asked for a snapshot at a time.
pub(crate) const WANTED_ROOMS_MAX: usize = 256;

/// Rows cut off the head of the log in one transaction.
pub(crate) const CUT_ROWS_MAX: u64 = 16;

/// The last commit that a room can have.
pub(crate) const SEQ_MAX: Seq = Seq(i64::MAX.cast_unsigned());

/// One room as opening found it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FoundRoom {
    /// Its last commit.
    pub(crate) last: Seq,
    /// The commit of its stored snapshot.
    pub(crate) snapshot: Seq,
    /// Whether entries of it were carried over.
    pub(crate) carried: bool,
    /// Whether it is damaged. Then it can only be deleted.
    pub(crate) damaged: bool,
}

/// One room of the hot log.
#[derive(Clone, Debug, Default)]
struct Mark {
    last: Seq,
    snapshot: Seq,
    /// The first batch that recovery needs for it, if any.
    needs: Option<u64>,
    carried: bool,
    damaged: bool,
    /// Whether its owner was asked for a snapshot.
    wished: bool,
}

/// What a batch does to the tables.
#[derive(Debug)]
pub(crate) enum Op {
    /// Add the snapshot or replace the one of an earlier commit. If there is none, the room may be asleep.
    Snapshot { row: SnapshotRow, replaces: Option<Seq> },
    /// Remove carried entries up to a commit.
    Superseded { room: RoomId, seq: Seq },
    /// Put the room to rest; `hot` if it has a snapshot, `carried` if entries of it may be carried.
    Sleep { rest: RestRow, hot: bool, carried: bool },
    /// Remove everything about the room.
    Delete { room: RoomId },
}

/// What a batch says about one room's snapshot.
struct GivenSnapshot {
    /// The commits of all that are in the batch.
    commits: Vec<Seq>,
    /// The newest of them; older ones are passed over.
    newest: Seq,
    /// Which row counts: of several of the newest commit, the last.
    row: usize,
    /// The room's last commit before the batch.
    before: Seq,
    /// The commit of the snapshot that it has; none if the room was not in the hot log.
    replaces: Option<Seq>,
}

/// The writer's view of the log.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    rooms: HashMap<RoomId, Mark>,
    needs: BTreeSet<(u64, RoomId)>,
    /// The first batch that is kept.
    first: u64,
    /// Bytes of each batch kept, from `first` on.
    sizes: VecDeque<u64>,
    bytes: u64,
    /// Batches from here on may still be in the write-ahead log only, and are kept.
    floor: u64,
}

impl Ledger {
    /// A ledger of the batches from `first` on, with their sizes in bytes.
    pub(crate) fn new(first: u64, sizes: VecDeque<u64>) -> Self {
        let bytes = sizes.iter().sum();
        let floor = first + sizes.len() as u64;
        Self { first, sizes, bytes, floor, ..Self::default() }
    }

    /// Adds a room found when the store was opened.
    pub(crate) fn found(&mut self, room: RoomId, found: FoundRoom, needs: Option<u64>) {
        let FoundRoom { last, snapshot, carried, damaged } = found;
        self.rooms.insert(room, Mark { last, snapshot, carried, damaged, ..Mark::default() });
        self.set_needs(room, needs);
    }

    /// The first batch kept.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Bytes of all batches kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a batch into the group `id`, or says which rule it breaks.
    pub(crate) fn admit(
        &mut self,
        batch: Batch,
        id: u64,
        entries: &mut Vec<LogEntry>,
        ops: &mut Vec<Op>,
    ) -> Result<(), String> {
        check_numbers(&batch)?;
        let given = self.given(&batch.snapshots);
        for (room, given) in &given {
            self.begin_snapshot(*room, given.newest)?;
            entries.push(entry(EntryKind::Snapshot, *room, given.newest));
        }
        for record in batch.records {
            self.record(record.room, record.seq, given.get(&record.room), id)?;
            entries.push(LogEntry {
                kind: EntryKind::Record,
                room: record.room,
                seq: record.seq,
                body: record.body,
            });
        }
        for (index, row) in batch.snapshots.into_iter().enumerate() {
            if let Some(given) = given.get(&row.room).filter(|given| index == given.row) {
                self.end_snapshot(row, given, id, ops);
            }
        }
        for rest in batch.sleeps {
            let row = &rest.row;
            let gone = self.remove(row.room);
            if let Some(mark) = gone.as_ref().filter(|mark| mark.damaged || row.seq < mark.last) {
                return Err(broken(row.room, row.seq, "goes to rest", mark));
            }
            entries.push(entry(EntryKind::Sleep, row.room, row.seq));
            let carried = gone.as_ref().is_some_and(|mark| mark.carried);
            ops.push(Op::Sleep { rest, hot: gone.is_some(), carried });
        }
        for room in batch.deletes {
            let last = self.remove(room).map_or(Seq(0), |mark| mark.last);
            entries.push(entry(EntryKind::Delete, room, last));
            ops.push(Op::Delete { room });
        }
        Ok(())
    }

    /// Which snapshots the batch has of each room. However many they are, one of them replaces what is stored.
    fn given(&self, rows: &[SnapshotRow]) -> HashMap<RoomId, GivenSnapshot> {
        let mut given: HashMap<RoomId, GivenSnapshot> = HashMap::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let known = self.rooms.get(&row.room);
            let given = given.entry(row.room).or_insert_with(|| GivenSnapshot {
                commits: Vec::with_capacity(1),
                newest: row.seq,
                row: index,
                before: known.map_or(row.seq, |mark| mark.last),
                replaces: known.map(|mark| mark.snapshot),
            });
            given.commits.push(row.seq);
            if row.seq >= given.newest {
                (given.newest, given.row) = (row.seq, index);
            }
        }
        given
    }

    /// Checks a snapshot and makes its room known.
    fn begin_snapshot(&mut self, room: RoomId, seq: Seq) -> Result<(), String> {
        let new = || Mark { last: seq, snapshot: seq, ..Mark::default() };
        let mark = self.rooms.entry(room).or_insert_with(new);
        if mark.damaged || seq < mark.snapshot {
            return Err(broken(room, seq, "has a snapshot", mark));
        }
        Ok(())
    }

    /// Checks that a record follows the one before it, or a snapshot in the same batch.
    fn record(
        &mut self,
        room: RoomId,
        seq: Seq,
        given: Option<&GivenSnapshot>,
        id: u64,
    ) -> Result<(), String> {
        let Some(mark) = self.rooms.get_mut(&room) else {
            return Err(format!("room {room} has commit {seq} but no snapshot before it"));
        };
        // Commits that led to the first snapshot of a room may come along with it.
        if given.is_some_and(|given| given.replaces.is_none() && seq <= given.newest) {
            return Ok(());
        }
        let follows = |at: &Seq| seq == at.next();
        let after_given = || given.is_some_and(|given| given.commits.iter().any(follows));
        let goes_on = seq > mark.last && (follows(&mark.last) || after_given());
        if mark.damaged || !goes_on {
            return Err(broken(room, seq, "has a record", mark));
        }
        mark.last = seq;
        // If a snapshot in the same batch holds it, that lets go of it.
        if mark.needs.is_none() {
            self.set_needs(room, Some(id));
        }
        Ok(())
    }

    /// Lets go of the batches that a snapshot makes needless.
    fn end_snapshot(
        &mut self,
        row: SnapshotRow,
        given: &GivenSnapshot,
        id: u64,
        ops: &mut Vec<Op>,
    ) {
        let room = row.room;
        let Some(mark) = self.rooms.get_mut(&room) else { return };
        mark.snapshot = row.seq;
        mark.last = mark.last.max(row.seq);
        mark.wished = false;
        let last = mark.last;
        if mark.carried {
            ops.push(Op::Superseded { room, seq: row.seq });
        }
        // If commits after the snapshot's came before this group, they stay where they are needed.
        if given.before <= row.seq {
            mark.carried = false;
            self.set_needs(room, (last > row.seq).then_some(id));
        }
        ops.push(Op::Snapshot { row, replaces: given.replaces });
    }

    fn remove(&mut self, room: RoomId) -> Option<Mark> {
        self.set_needs(room, None);
        self.rooms.remove(&room)
    }

    fn set_needs(&mut self, room: RoomId, needs: Option<u64>) {
        let Some(mark) = self.rooms.get_mut(&room) else { return };
        if let Some(old) = mark.needs {
            self.needs.remove(&(old, room));
        }
        mark.needs = needs;
        if let Some(new) = needs {
            self.needs.insert((new, room));
        }
    }

    /// Where the log will begin when what nobody needs is cut off, a bounded portion at a time.
    pub(crate) fn cut(&self) -> u64 {
        let needed = self.needs.first().map_or(u64::MAX, |(batch, _)| *batch);
        needed.min(self.floor).min(self.first + CUT_ROWS_MAX).max(self.first)
    }

    /// Where the log would begin if a bounded portion were cut off whether rooms need it or not.
    pub(crate) fn forced_cut(&self) -> u64 {
        self.floor.min(self.first + CUT_ROWS_MAX).max(self.first)
    }

    /// Whether recovery still needs an entry of `batch`. A `former` one stands before a deletion in it.
    pub(crate) fn still_needs(&self, room: RoomId, seq: Seq, batch: u64, former: bool) -> bool {
        self.rooms.get(&room).is_some_and(|mark| {
            let needed = seq > mark.snapshot && mark.needs.is_some_and(|needs| needs <= batch);
            mark.damaged || (needed && !former)
        })
    }

    /// Notes that all entries before batch `first` that rooms need have been carried over. `last_found` is the last batch
    /// that was there when the store was opened.
    pub(crate) fn carried_over(
        &mut self,
        first: u64,
        carried: &HashMap<RoomId, Seq>,
        last_found: u64,
    ) {
        let behind: Vec<RoomId> = self
            .needs
            .iter()
            .take_while(|(batch, _)| *batch < first)
            .map(|(_, room)| *room)
            .collect();
        for room in behind {
            let Some(mark) = self.rooms.get_mut(&room) else { continue };
            let mut needs = Some(first);
            // Its next commits may be asked for again.
            mark.wished = false;
            if let Some(seq) = carried.get(&room) {
                mark.carried = true;
                if !mark.damaged && *seq >= mark.last {
                    needs = None;
                }
            }
            // A damaged room gets no new entries.
            if mark.damaged && first > last_found {
                needs = None;
            }
            self.set_needs(room, needs);
        }
    }

    /// Notes that the batch after the last one was written with the log beginning at `first`.
    pub(crate) fn written(&mut self, bytes: u64, first: u64) {
        self.sizes.push_back(bytes);
        self.bytes += bytes;
        while self.first < first {
            self.bytes -= self.sizes.pop_front().unwrap_or_default();
            self.first += 1;
        }
    }

    /// Notes that all batches before `id` are in the database file and the write-ahead log starts anew.
    pub(crate) fn wal_restarted(&mut self, id: u64) {
        self.floor = id;
    }

    /// The rooms whose snapshots would let the log shrink to three quarters of `bytes_max`; each is named
    /// once until its snapshot comes.
    pub(crate) fn wanted(&mut self, bytes_max: u64) -> Vec<RoomId> {
        let mut over = self.bytes.saturating_sub(bytes_max / 4 * 3);
        let mut until = self.first;
        for size in &self.sizes {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*size);
            until += 1;
        }
        let mut wanted = Vec::new();
        for (_, room) in self.needs.range(..(until, RoomId::default())) {
            let Some(mark) = self.rooms.get_mut(room) else { continue };
            if !mark.wished && !mark.damaged {
                mark.wished = true;
                wanted.push(*room);
            }
            if wanted.len() == WANTED_ROOMS_MAX {
                break;
            }
        }
        wanted
    }
}

/// Columns are signed: a larger number would read back as itself, but sort before all others.
fn check_numbers(batch: &Batch) -> Result<(), String> {
    let records = batch.records.iter().map(|row| (row.room, row.seq));
    let rests = batch.sleeps.iter().map(|rest| &rest.row);
    let rows = batch.snapshots.iter().chain(rests).map(|row| (row.room, row.seq));
    match records.chain(rows).find(|(_, seq)| *seq > SEQ_MAX) {
        Some((room, seq)) => {
            Err(format!("room {room} has commit {seq}, the last can be {SEQ_MAX}"))
        }
        None => Ok(()),
    }
}

fn entry(kind: EntryKind, room: RoomId, seq: Seq) -> LogEntry {
    LogEntry { kind, room, seq, body: bytes::Bytes::new() }
}

fn broken(room: RoomId, seq: Seq, what: &str, mark: &Mark) -> String {
    let Mark { last, snapshot, damaged, .. } = mark;
    if *damaged {
        return format!("room {room} {what} of commit {seq}, but what is stored of it is damaged");
    }
    format!(
        "room {room} {what} of commit {seq}, but its last commit is {last} and its snapshot is of {snapshot}"
    )
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
