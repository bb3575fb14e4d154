//! One transaction: everything that waits, as one batch row.

use std::collections::HashMap;

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::check;
use crate::contract::{Batch, RestNote, RestRow, SnapshotRow};
use crate::error::StoreError;
use crate::log::{self, EntryKind, FoundEntry, LogEntry};
use crate::sqlite::census::{Census, carried_key};
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::judge::Owed;
use crate::sqlite::ledger::{Ledger, Op, SEQ_MAX};
use crate::sqlite::row::number;
use crate::sqlite::scan::{carried_sum, read_batches};
use crate::sqlite::tables::{self, Put};

/// Everything the writer keeps in memory about what is stored.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) epoch: Epoch,
    /// The last batch written.
    pub(crate) last: u64,
    /// The last batch found when the store was opened.
    pub(crate) last_found: u64,
    pub(crate) ledger: Ledger,
    pub(crate) census: Census,
    /// Rows that are known to be missing or older than they should be, as the census counts them.
    pub(crate) owed: Owed,
    /// Over it, entries are carried instead of waiting for snapshots. Bytes.
    pub(crate) carry_over_bytes: u64,
}

/// A transaction that is being filled.
pub(crate) struct Group<'a> {
    tx: Transaction<'a>,
    books: &'a mut Books,
    id: u64,
    entries: Vec<LogEntry>,
    ops: Vec<Op>,
    /// Whether a batch was refused half way, so that the books cannot be relied on for cutting.
    spoilt: bool,
}

impl<'a> Group<'a> {
    /// Begins the next batch.
    pub(crate) fn begin(conn: &'a Connection, books: &'a mut Books) -> Result<Self, StoreError> {
        let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
        let id = books.last + 1;
        Ok(Self { tx, books, id, entries: Vec::new(), ops: Vec::new(), spoilt: false })
    }

    /// Adds what an owner handed over. After an error the group can still be committed without it, but the
    /// books know of parts of it, so nothing may follow.
    pub(crate) fn add(&mut self, batch: Batch) -> Result<(), StoreError> {
        let (entries, ops) = (self.entries.len(), self.ops.len());
        self.books.ledger.admit(batch, self.id, &mut self.entries, &mut self.ops).map_err(|why| {
            self.entries.truncate(entries);
            self.ops.truncate(ops);
            self.spoilt = true;
            StoreError::Misused(why)
        })
    }

    /// Adds a row of a small table; the inner error is the caller's, and changes nothing.
    pub(crate) fn put(&mut self, put: &Put) -> Result<Result<(), StoreError>, StoreError> {
        let said = tables::put(&self.tx, &mut self.books.census, put)?;
        Ok(said.map(|entries| self.entries.extend(entries)))
    }

    /// Makes it all safe. Returns the number of the batch, or nothing if there was nothing to write.
    pub(crate) fn commit(mut self) -> Result<Option<u64>, StoreError> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        for op in std::mem::take(&mut self.ops) {
            self.apply(op)?;
        }
        let first = self.cut_head().map_err(SqliteFault::into_store)?;
        let Self { tx, books, id, entries, .. } = self;
        let body = log::encode(id, books.epoch, first, &entries).map_err(StoreError::Misused)?;
        insert_batch(&tx, id, books.epoch, &body)?;
        books.census.write(&tx)?;
        tx.commit()?;
        books.last = id;
        books.ledger.written(body.len() as u64, first);
        Ok(Some(id))
    }

    fn apply(&mut self, op: Op) -> Result<(), StoreError> {
        let Self { tx, books: Books { epoch, census, owed, .. }, .. } = self;
        match op {
            Op::Snapshot { row, replaces } => {
                match replaces {
                    Some(seq) => census.remove("snapshot", &row.room.0, seq.0),
                    None => end_rest(tx, census, &row, "wakes")?,
                }
                census.add("snapshot", &row.room.0, row.seq.0);
                put_snapshot(tx, *epoch, &row)?;
            }
            Op::Superseded { room, seq } => drop_carried(tx, census, room, seq)?,
            Op::Sleep { rest, hot, carried } => {
                let row = &rest.row;
                if hot {
                    drop_room(tx, census, owed, "snapshot", row.room)?;
                }
                if carried {
                    drop_carried(tx, census, row.room, SEQ_MAX)?;
                }
                end_rest(tx, census, row, "goes to rest")?;
                census.add("sleeping", &row.room.0, 0);
                put_rest(tx, *epoch, &rest)?;
            }
            Op::Delete { room } => {
                drop_room(tx, census, owed, "snapshot", room)?;
                drop_room(tx, census, owed, "sleeping", room)?;
                drop_carried(tx, census, room, SEQ_MAX)?;
            }
        }
        Ok(())
    }

    /// Removes a bounded portion of batches that nobody needs, or, when the log is far over its bound, carries
    /// over what is needed and removes them too. Returns where the log begins from now on.
    fn cut_head(&mut self) -> Result<u64, SqliteFault> {
        let ledger = &self.books.ledger;
        if self.spoilt {
            return Ok(ledger.first());
        }
        let mut first = ledger.cut();
        if first == ledger.first() && ledger.bytes() > self.books.carry_over_bytes {
            first = ledger.forced_cut();
            self.carry(first)?;
        }
        if first > self.books.ledger.first() {
            self.tx
                .prepare_cached("DELETE FROM batch WHERE id < ?1")?
                .execute([first.cast_signed()])?;
        }
        Ok(first)
    }

    /// Copies what rooms still need of the batches before `until` out of the log.
    fn carry(&mut self, until: u64) -> Result<(), SqliteFault> {
        let Books { ledger, census, last_found, .. } = &mut *self.books;
        let tx = &self.tx;
        let mut carried: HashMap<RoomId, Seq> = HashMap::new();
        read_batches(tx, ledger.first(), until, |id, epoch, body| {
            let decoded = log::decode(id, epoch, body)
                .map_err(|why| SqliteFault::Damage(format!("table batch, row {id}: {why}")))?;
            let ends = last_deletions(&decoded.items);
            for (index, item) in decoded.items.into_iter().enumerate() {
                let (entry, sum) = to_carry(id, epoch, item);
                let former = ends.get(&entry.room).is_some_and(|end| index <= *end);
                if ledger.still_needs(entry.room, entry.seq, id, former) {
                    insert_carried(tx, census, epoch, &entry, sum)?;
                    carried.insert(entry.room, entry.seq);
                }
            }
            Ok(())
        })?;
        tracing::debug!(
            rooms = carried.len(),
            until,
            "entries of rooms without a recent snapshot are carried over"
        );
        ledger.carried_over(until, &carried, *last_found);
        Ok(())
    }
}

/// Inserts a batch row through the fence: only while the keeper's row still has our epoch.
pub(crate) fn insert_batch(
    conn: &Connection,
    id: u64,
    epoch: Epoch,
    body: &[u8],
) -> Result<(), StoreError> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO batch (id, epoch, body) SELECT ?1, ?2, ?3 FROM keeper WHERE id = 1 AND epoch = ?2",
        )?
        .execute((id.cast_signed(), epoch.0.cast_signed(), body))?;
    if inserted == 1 {
        return Ok(());
    }
    Err(StoreError::Fenced(format!("the epoch of the database is no longer {epoch}")))
}

/// Where in a batch rooms were deleted. What stands before belongs to a former room of the same name.
fn last_deletions(items: &[FoundEntry]) -> HashMap<RoomId, usize> {
    let deletions = items.iter().enumerate().filter_map(|(index, item)| match item {
        FoundEntry::Good { entry: LogEntry { kind: EntryKind::Delete, room, .. }, .. } => {
            Some((*room, index))
        }
        _ => None,
    });
    deletions.collect()
}

/// An entry as it is carried, with its checksum. A damaged one stays recognisable as such.
fn to_carry(id: u64, epoch: Epoch, item: FoundEntry) -> (LogEntry, u64) {
    match item {
        FoundEntry::Good { entry, .. } => {
            let sum = carried_sum(epoch, &entry);
            (entry, sum)
        }
        FoundEntry::Bad { kind, room, seq, offset, why } => {
            let body = Bytes::from(format!("batch {id}, offset {offset}: {why}"));
            let entry = LogEntry { kind: kind.unwrap_or(EntryKind::Record), room, seq, body };
            let sum = !carried_sum(epoch, &entry);
            (entry, sum)
        }
    }
}

fn insert_carried(
    conn: &Connection,
    census: &mut Census,
    epoch: Epoch,
    entry: &LogEntry,
    sum: u64,
) -> rusqlite::Result<()> {
    let LogEntry { kind, room, seq, body } = entry;
    census.add("carried", &carried_key(&room.0, kind.number(), seq.0), 0);
    conn.prepare_cached(
        "INSERT INTO carried (room, kind, seq, epoch, body, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        &room.0[..],
        kind.number(),
        seq.0.cast_signed(),
        epoch.0.cast_signed(),
        &body[..],
        sum.cast_signed(),
    ))?;
    Ok(())
}

fn drop_carried(
    conn: &Connection,
    census: &mut Census,
    room: RoomId,
    until: Seq,
) -> rusqlite::Result<()> {
    let mut delete = conn
        .prepare_cached("DELETE FROM carried WHERE room = ?1 AND seq <= ?2 RETURNING kind, seq")?;
    let mut rows = delete.query((&room.0[..], until.0.cast_signed()))?;
    while let Some(row) = rows.next()? {
        let (kind, seq): (u32, i64) = (row.get(0)?, row.get(1)?);
        census.remove("carried", &carried_key(&room.0, kind, seq.cast_unsigned()), 0);
    }
    Ok(())
}

/// Removes a room's row among those at rest, if it has one; what it does now must not be older.
fn end_rest(
    conn: &Connection,
    census: &mut Census,
    row: &SnapshotRow,
    does: &str,
) -> Result<(), StoreError> {
    let rested = conn
        .prepare_cached("DELETE FROM sleeping WHERE room = ?1 RETURNING seq")?
        .query_row([&row.room.0[..]], |found| number(found, 0))
        .optional()?;
    let Some(rested) = rested else { return Ok(()) };
    census.remove("sleeping", &row.room.0, 0);
    if row.seq.0 < rested {
        let SnapshotRow { room, seq, .. } = row;
        return Err(StoreError::Misused(format!(
            "room {room} rests at {rested} and {does} at {seq}"
        )));
    }
    Ok(())
}

fn put_snapshot(conn: &Connection, epoch: Epoch, row: &SnapshotRow) -> rusqlite::Result<()> {
    let SnapshotRow { room, seq, body } = row;
    let sum = check::room_row("snapshot", &room.0, seq.0, epoch.0, body);
    conn.prepare_cached(
        "INSERT INTO snapshot (room, seq, epoch, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (room) DO UPDATE SET seq = ?2, epoch = ?3, body = ?4, sum = ?5",
    )?
    .execute((
        &room.0[..],
        seq.0.cast_signed(),
        epoch.0.cast_signed(),
        &body[..],
        sum.cast_signed(),
    ))?;
    Ok(())
}

fn put_rest(conn: &Connection, epoch: Epoch, rest: &RestRow) -> rusqlite::Result<()> {
    let SnapshotRow { room, seq, body } = &rest.row;
    let RestNote { kind, name, version, release, seats, since_ms } = &rest.note;
    let sum = check::rest_row(&rest.row, epoch.0, &rest.note);
    conn.prepare_cached(
        "INSERT INTO sleeping
             (room, seq, epoch, kind, name, version, release, seats, since_ms, bytes, body, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, length(?10), ?10, ?11)",
    )?
    .execute((
        &room.0[..],
        seq.0.cast_signed(),
        epoch.0.cast_signed(),
        kind,
        name,
        version,
        &release.0[..],
        seats,
        since_ms.cast_signed(),
        &body[..],
        sum.cast_signed(),
    ))?;
    Ok(())
}

fn drop_room(
    conn: &Connection,
    census: &mut Census,
    owed: &mut Owed,
    table: &'static str,
    room: RoomId,
) -> rusqlite::Result<()> {
    let sql = match table {
        "snapshot" => "DELETE FROM snapshot WHERE room = ?1 RETURNING seq",
        // Rows at rest are counted without a version.
        _ => "DELETE FROM sleeping WHERE room = ?1 RETURNING 0",
    };
    let dropped =
        conn.prepare_cached(sql)?.query_row([&room.0[..]], |found| number(found, 0)).optional()?;
    if let Some(version) = owed.remove(&(table, room)).or(dropped) {
        census.remove(table, &room.0, version);
    }
    Ok(())
}
