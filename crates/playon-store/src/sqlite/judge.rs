//! Holds what the log announced against what the tables have.

use std::collections::HashMap;

use playon_types::ids::{Epoch, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension};

use crate::log::EntryKind;
use crate::sqlite::census::{self, Census, RowTally, SMALL};
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::ledger::{FoundRoom, Ledger};
use crate::sqlite::row::number;
use crate::sqlite::scan::{LoggedRecord, LoggedRoom, Scan, scan};
use crate::sqlite::tables;

/// By table and room: rows that should be there, certainly, and with this version. The log names them.
pub(crate) type Owed = HashMap<(&'static str, RoomId), u64>;

/// The whole store, read and verified except for the bodies of snapshots and sleeping rooms.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) scan: Scan,
    /// The rooms in the hot log, with the commits and epochs of their snapshots.
    pub(crate) hot: HashMap<RoomId, (Seq, Epoch)>,
    /// Rooms that cannot be served, and why.
    pub(crate) damaged: HashMap<RoomId, String>,
    /// Rows that are missing or older than they should be.
    pub(crate) owed: Owed,
    pub(crate) census: Census,
    pub(crate) keeper: Epoch,
}

/// Reads and verifies everything. An error means that damage cannot be pinned to rooms.
pub(crate) fn judge(conn: &Connection) -> Result<Judged, SqliteFault> {
    let keeper = conn
        .query_row("SELECT epoch FROM keeper WHERE id = 1", [], |row| number(row, 0))
        .map(Epoch)?;
    let mut judged = Judged {
        scan: scan(conn)?,
        hot: read_hot(conn)?,
        census: Census::read(conn)?,
        keeper,
        ..Judged::default()
    };
    if judged.scan.epoch != keeper {
        let found = judged.scan.epoch;
        return Err(SqliteFault::Damage(format!(
            "table keeper has epoch {keeper}, the last batch has {found}"
        )));
    }
    judged.owed = judged.rooms(conn)?;
    judged.count(conn)?;
    tables::verify(conn, &judged.scan.announced)?;
    Ok(judged)
}

fn read_hot(conn: &Connection) -> Result<HashMap<RoomId, (Seq, Epoch)>, SqliteFault> {
    let mut query = conn.prepare("SELECT room, seq, epoch, rowid FROM snapshot NOT INDEXED")?;
    let mut rows = query.query([])?;
    let mut hot = HashMap::new();
    while let Some(row) = rows.next()? {
        let rowid: i64 = row.get(3)?;
        let at = |why: &str| SqliteFault::Damage(format!("table snapshot, row {rowid}: {why}"));
        let room = RoomId(row.get(0).map_err(|_| at("its room is not 16 bytes"))?);
        if hot.insert(room, (Seq(number(row, 1)?), Epoch(number(row, 2)?))).is_some() {
            return Err(at("its room has another row"));
        }
    }
    Ok(hot)
}

impl Judged {
    fn rooms(&mut self, conn: &Connection) -> Result<Owed, SqliteFault> {
        let mut owed = Owed::default();
        let mut asleep = conn.prepare("SELECT seq FROM sleeping WHERE room = ?1")?;
        for (room, found) in &self.scan.rooms {
            let verdict = match self.hot.get(room) {
                Some((seq, _)) => verdict_on_hot(*room, found, *seq, &mut owed),
                None => {
                    let at = asleep.query_row([&room.0[..]], |row| number(row, 0)).optional()?;
                    verdict_on_gone(*room, found, at.map(Seq), &mut owed)
                }
            };
            if let Err(place) = verdict {
                self.damaged.insert(*room, place);
            }
        }
        Ok(owed)
    }

    /// Compares the tables with their census, with what is owed instead of what is there.
    fn count(&self, conn: &Connection) -> Result<(), SqliteFault> {
        let asleep = "SELECT room, 0 FROM sleeping INDEXED BY sqlite_autoindex_sleeping_1";
        for (table, listing) in SMALL.into_iter().chain([("sleeping", asleep)]) {
            let mut found = census::count(conn, table, listing)?;
            self.add_owed(table, &mut found);
            self.agree(table, found)?;
        }
        self.agree("carried", count_carried(conn)?)?;
        self.agree("snapshot", self.count_hot(conn)?)
    }

    /// Counts the snapshots; the index must know the same rooms as the table.
    fn count_hot(&self, conn: &Connection) -> Result<RowTally, SqliteFault> {
        let listing = "SELECT room, 0 FROM snapshot INDEXED BY sqlite_autoindex_snapshot_1";
        let indexed = census::count(conn, "snapshot", listing)?;
        let (mut found, mut rooms) = (RowTally::default(), RowTally::default());
        for (room, (Seq(seq), _)) in &self.hot {
            rooms.add("snapshot", &room.0, 0);
            if !self.owed.contains_key(&("snapshot", *room)) {
                found.add("snapshot", &room.0, *seq);
            }
        }
        if rooms != indexed {
            return Err(SqliteFault::Damage(
                "table snapshot: its index has other rooms".to_owned(),
            ));
        }
        self.add_owed("snapshot", &mut found);
        Ok(found)
    }

    fn add_owed(&self, table: &str, found: &mut RowTally) {
        for ((_, room), version) in self.owed.iter().filter(|((of, _), _)| *of == table) {
            found.add(table, &room.0, *version);
        }
    }

    fn agree(&self, table: &str, found: RowTally) -> Result<(), SqliteFault> {
        let counted = self.census.of(table);
        if counted == found {
            return Ok(());
        }
        Err(SqliteFault::Damage(format!(
            "table {table}: {} rows were counted when it was last written, {} are found{}",
            counted.rows,
            found.rows,
            if counted.rows == found.rows { ", not the same or older ones" } else { "" },
        )))
    }

    /// The writer's view of what was found.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(self.scan.first, self.scan.sizes.clone());
        let nothing = LoggedRoom::default();
        for (room, (snapshot, _)) in &self.hot {
            let found = self.scan.rooms.get(room).unwrap_or(&nothing);
            let last = found.records.last().map_or(*snapshot, |last| last.record.seq);
            let damaged = self.damaged.contains_key(room);
            let mark = FoundRoom { last, snapshot: *snapshot, carried: found.carried, damaged };
            let first = found.records.iter().find(|found| found.batch > 0).map(|found| found.batch);
            ledger.found(
                *room,
                mark,
                if damaged { Some(found.first.max(self.scan.first)) } else { first },
            );
        }
        for room in self.damaged.keys().filter(|room| !self.hot.contains_key(room)) {
            let first = self.scan.rooms.get(room).map_or(0, |found| found.first);
            let mark = FoundRoom { damaged: true, carried: first == 0, ..FoundRoom::default() };
            ledger.found(*room, mark, Some(first.max(self.scan.first)));
        }
        ledger
    }
}

/// Whether the log and the snapshot of a hot room fit together.
fn verdict_on_hot(
    room: RoomId,
    found: &LoggedRoom,
    snapshot: Seq,
    owed: &mut Owed,
) -> Result<(), String> {
    match found.note {
        Some((EntryKind::Snapshot, seq, _)) if seq == snapshot => {}
        Some((EntryKind::Snapshot, seq, batch)) => {
            // A later one than announced is there because the announcement is damaged.
            if snapshot < seq {
                owed.insert(("snapshot", room), seq.0);
            }
            return Err(format!(
                "table snapshot has commit {snapshot}, batch {batch} announced commit {seq}"
            ));
        }
        Some((kind, seq, batch)) => {
            return Err(format!(
                "table snapshot has commit {snapshot}, batch {batch} announced {kind:?} at {seq}"
            ));
        }
        None => {}
    }
    if let Some((_, place)) = found.bad.iter().find(|(seq, _)| *seq > snapshot) {
        return Err(place.clone());
    }
    let mut next = snapshot.next();
    for LoggedRecord { batch, record, .. } in
        found.records.iter().filter(|found| found.record.seq > snapshot)
    {
        if record.seq != next {
            let seq = record.seq;
            return Err(format!(
                "table batch, row {batch}: commit {seq} of the room where {next} is due"
            ));
        }
        next = next.next();
    }
    Ok(())
}

/// Whether the log agrees that a room has no snapshot.
fn verdict_on_gone(
    room: RoomId,
    found: &LoggedRoom,
    asleep: Option<Seq>,
    owed: &mut Owed,
) -> Result<(), String> {
    if let (Some((EntryKind::Snapshot, Seq(seq), _)), None) = (found.note, asleep) {
        owed.insert(("snapshot", room), seq);
    }
    if let Some((_, place)) = found.bad.first()
        && !(found.records.is_empty()
            && found.bad.iter().all(|(seq, _)| asleep.is_some_and(|at| *seq <= at)))
    {
        return Err(place.clone());
    }
    match (found.note, asleep) {
        (Some((EntryKind::Sleep, seq, _)), Some(at)) if seq == at && found.records.is_empty() => {
            Ok(())
        }
        (Some((EntryKind::Delete, ..)), None) if found.records.is_empty() => Ok(()),
        (None, Some(_)) if found.records.is_empty() => Ok(()),
        (Some((EntryKind::Sleep, seq, batch)), at) => {
            if at.is_none() {
                owed.insert(("sleeping", room), 0);
            }
            let has = at.map_or("nothing".to_owned(), |at| format!("commit {at}"));
            Err(format!(
                "table sleeping has {has} of the room, batch {batch} announced commit {seq}"
            ))
        }
        (Some((kind, seq, batch)), None) => Err(format!(
            "table snapshot has nothing of the room, batch {batch} announced {kind:?} at {seq}"
        )),
        (note, Some(at)) => {
            Err(format!("table sleeping has commit {at} of the room, the log says {note:?}"))
        }
        (None, None) => {
            // Which commit its snapshot was of is not known: if there was one, the census will not agree.
            let batch = found.first;
            Err(format!(
                "table snapshot has nothing of the room, but batch {batch} has commits of it"
            ))
        }
    }
}

fn count_carried(conn: &Connection) -> Result<RowTally, SqliteFault> {
    let mut tally = RowTally::default();
    let mut query = conn.prepare("SELECT room, kind, seq FROM carried NOT INDEXED")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let room: Vec<u8> = row.get(0)?;
        tally.add("carried", &census::carried_key(&room, row.get(1)?, number(row, 2)?), 0);
    }
    Ok(tally)
}
