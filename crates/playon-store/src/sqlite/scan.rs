//! Reading the log once, from its head to its end.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId, Seq};
use rusqlite::Connection;

use crate::check::Check;
use crate::contract::LogRecord;
use crate::log::{self, EntryKind, FoundEntry, LogEntry};
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::row::number;
use crate::sqlite::tables::Announced;

/// Past every id that a batch can have.
pub(crate) const ID_END: u64 = i64::MAX.cast_unsigned();

/// What the log says about one room.
#[derive(Debug, Default)]
pub(crate) struct LoggedRoom {
    /// Records that no later snapshot covers, in the order found.
    pub(crate) records: Vec<LoggedRecord>,
    /// Damaged entries that no later snapshot covers.
    pub(crate) bad: Vec<(Seq, String)>,
    /// The last thing announced about its rows, and in which batch.
    pub(crate) note: Option<(EntryKind, Seq, u64)>,
    /// The first batch that says anything that still counts.
    pub(crate) first: u64,
    /// Whether some of it was carried over from batches that are gone.
    pub(crate) carried: bool,
}

/// A record and the batch it stands in; 0 if it was carried over.
#[derive(Clone, Debug)]
pub(crate) struct LoggedRecord {
    pub(crate) batch: u64,
    pub(crate) epoch: Epoch,
    pub(crate) record: LogRecord,
}

/// The log as found. Records share the memory of their batches, so it takes at most as much as the log.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) first: u64,
    /// The last batch; 0 if there is none.
    pub(crate) last: u64,
    /// The epoch of the last batch.
    pub(crate) epoch: Epoch,
    pub(crate) sizes: VecDeque<u64>,
    pub(crate) rooms: HashMap<RoomId, LoggedRoom>,
    pub(crate) announced: Announced,
}

/// Reads the log. An error means that the damage cannot be pinned to rooms.
pub(crate) fn scan(conn: &Connection) -> Result<Scan, SqliteFault> {
    let mut scan = Scan::default();
    read_carried(conn, |epoch, item| scan.take(0, epoch, item))?;
    let mut said_first = 0;
    read_batches(conn, 0, ID_END, |id, epoch, row| {
        scan.follow(id, epoch)?;
        scan.sizes.push_back(row.len() as u64);
        let decoded = log::decode(id, epoch, row).map_err(|why| damage(id, &why))?;
        said_first = decoded.first;
        for item in decoded.items {
            scan.take(id, epoch, item);
        }
        Ok(())
    })?;
    if scan.last == 0 {
        return Err(SqliteFault::Damage("table batch is empty".to_owned()));
    }
    if scan.first != said_first {
        let (first, last) = (scan.first, scan.last);
        let place = format!(
            "table batch begins with row {first}, but row {last} says that row {said_first} is the first"
        );
        return Err(SqliteFault::Damage(place));
    }
    Ok(scan)
}

impl Scan {
    /// Checks that a batch follows the one before it.
    fn follow(&mut self, id: u64, epoch: Epoch) -> Result<(), SqliteFault> {
        if self.first == 0 {
            self.first = id;
        } else if id != self.last + 1 {
            return Err(SqliteFault::Damage(format!(
                "table batch: row {} is followed by row {id}",
                self.last
            )));
        }
        if epoch < self.epoch {
            let before = self.epoch;
            return Err(damage(
                id,
                &format!("its epoch is {epoch}, that of the row before is {before}"),
            ));
        }
        self.last = id;
        self.epoch = epoch;
        Ok(())
    }

    /// Takes one entry in.
    pub(crate) fn take(&mut self, batch: u64, epoch: Epoch, item: FoundEntry) {
        match item {
            FoundEntry::Good {
                entry: LogEntry { kind: EntryKind::Put, room, body, .. }, ..
            } => {
                let sum = <[u8; 8]>::try_from(&body[..]).ok().map(u64::from_le_bytes);
                self.announced.insert(room, sum);
            }
            // Which version of the row is right can no longer be told from here.
            FoundEntry::Bad { kind: Some(EntryKind::Put), room, .. } => {
                self.announced.remove(&room);
            }
            FoundEntry::Good { entry, .. } => {
                self.room(batch, entry.room).take(batch, epoch, entry)
            }
            FoundEntry::Bad { room, seq, offset, why, .. } => {
                let found = self.room(batch, room);
                if !found.covers(seq) {
                    found.bad.push((seq, place(batch, offset, room, seq, &why)));
                }
            }
        }
    }

    fn room(&mut self, batch: u64, room: RoomId) -> &mut LoggedRoom {
        self.rooms.entry(room).or_insert_with(|| LoggedRoom {
            first: batch,
            carried: batch == 0,
            ..LoggedRoom::default()
        })
    }
}

impl LoggedRoom {
    fn take(&mut self, batch: u64, epoch: Epoch, entry: LogEntry) {
        let LogEntry { kind, room, seq, body } = entry;
        match kind {
            EntryKind::Record if self.covers(seq) => {}
            EntryKind::Record => {
                self.records.push(LoggedRecord {
                    batch,
                    epoch,
                    record: LogRecord { room, seq, body },
                });
            }
            EntryKind::Snapshot | EntryKind::Sleep => {
                self.records.retain(|found| found.record.seq > seq);
                self.bad.retain(|(bad, _)| *bad > seq);
                self.noted(kind, seq, batch);
            }
            EntryKind::Delete => {
                self.records.clear();
                self.bad.clear();
                self.noted(kind, seq, batch);
            }
            EntryKind::Put => {}
        }
    }

    fn noted(&mut self, kind: EntryKind, seq: Seq, batch: u64) {
        self.note = Some((kind, seq, batch));
        if self.records.is_empty() && self.bad.is_empty() {
            self.first = batch;
            self.carried = batch == 0;
        }
    }

    fn covers(&self, seq: Seq) -> bool {
        matches!(self.note, Some((EntryKind::Snapshot, at, _)) if at >= seq)
    }
}

/// Reads the batches from `from` on and before `until`, in order.
pub(crate) fn read_batches(
    conn: &Connection,
    from: u64,
    until: u64,
    mut each: impl FnMut(u64, Epoch, &Bytes) -> Result<(), SqliteFault>,
) -> Result<(), SqliteFault> {
    let mut query = conn.prepare_cached(
        "SELECT id, epoch, body FROM batch WHERE id >= ?1 AND id < ?2 ORDER BY id",
    )?;
    let mut rows = query.query([from.cast_signed(), until.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let body = Bytes::from(row.get::<_, Vec<u8>>(2)?);
        each(number(row, 0)?, Epoch(number(row, 1)?), &body)?;
    }
    Ok(())
}

/// Reads everything that was carried over, in the order of the log.
pub(crate) fn read_carried(
    conn: &Connection,
    mut each: impl FnMut(Epoch, FoundEntry),
) -> Result<(), SqliteFault> {
    let mut query =
        conn.prepare("SELECT id, room, kind, seq, epoch, body, sum FROM carried ORDER BY id")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id = number(row, 0)?;
        let at = |why: &str| SqliteFault::Damage(format!("table carried, row {id}: {why}"));
        let room = RoomId(row.get(1).map_err(|_| at("its room is not 16 bytes"))?);
        let kind = EntryKind::of(row.get(2)?).ok_or_else(|| at("its kind is not known"))?;
        let (seq, epoch) = (Seq(number(row, 3)?), Epoch(number(row, 4)?));
        let body = Bytes::from(row.get::<_, Vec<u8>>(5)?);
        let entry = LogEntry { kind, room, seq, body };
        each(
            epoch,
            match carried_sum(epoch, &entry) == number(row, 6)? {
                true => FoundEntry::Good { entry, offset: 0 },
                false => {
                    let why = format!("table carried, row {id}: the checksum is wrong");
                    FoundEntry::Bad { kind: Some(kind), room, seq, offset: 0, why }
                }
            },
        );
    }
    Ok(())
}

/// The checksum of a carried entry.
pub(crate) fn carried_sum(epoch: Epoch, entry: &LogEntry) -> u64 {
    Check::of("carried")
        .number(u64::from(entry.kind.number()))
        .bytes(&entry.room.0)
        .number(entry.seq.0)
        .number(epoch.0)
        .bytes(&entry.body)
        .sum()
}

fn damage(id: u64, why: &str) -> SqliteFault {
    SqliteFault::Damage(format!("table batch, row {id}: {why}"))
}

fn place(batch: u64, offset: usize, room: RoomId, seq: Seq, why: &str) -> String {
    match batch {
        0 => why.to_owned(),
        _ => {
            format!("table batch, row {batch}, offset {offset}, commit {seq} of room {room}: {why}")
        }
    }
}
