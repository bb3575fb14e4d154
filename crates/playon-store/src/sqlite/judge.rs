//! Holds what the log announced against what the tables have.

use std::collections::{HashMap, HashSet};

use playon_core::ids::{Epoch, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension};

use crate::log::Kind;
use crate::sqlite::census::{self, Census, Tally};
use crate::sqlite::fault::Fault;
use crate::sqlite::ledger::{FoundRoom, Ledger};
use crate::sqlite::scan::{Found, FoundRecord, Scan, number, scan};
use crate::sqlite::tables;

/// Rows by table and room.
pub(crate) type Missing = HashSet<(&'static str, RoomId)>;

/// The whole store, read and verified except for the bodies of snapshots and sleeping rooms.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) scan: Scan,
    /// The rooms in the hot log, with the commits and epochs of their snapshots.
    pub(crate) hot: HashMap<RoomId, (Seq, Epoch)>,
    /// Rooms that cannot be served, and why.
    pub(crate) damaged: HashMap<RoomId, String>,
    /// Rows that should be there, certainly: the log names them.
    pub(crate) missing: Missing,
    pub(crate) census: Census,
    pub(crate) keeper: Epoch,
}

/// Reads and verifies everything. An error means that damage cannot be pinned to rooms.
pub(crate) fn judge(conn: &Connection) -> Result<Judged, Fault> {
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
        return Err(Fault::Damage(format!(
            "table keeper has epoch {keeper}, the last batch has {found}"
        )));
    }
    judged.missing = judged.rooms(conn)?;
    judged.count(conn)?;
    tables::verify(conn, &judged.scan.announced)?;
    Ok(judged)
}

fn read_hot(conn: &Connection) -> Result<HashMap<RoomId, (Seq, Epoch)>, Fault> {
    let mut query = conn.prepare("SELECT room, seq, epoch, rowid FROM snapshot NOT INDEXED")?;
    let mut rows = query.query([])?;
    let mut hot = HashMap::new();
    while let Some(row) = rows.next()? {
        let rowid: i64 = row.get(3)?;
        let at = |why: &str| Fault::Damage(format!("table snapshot, row {rowid}: {why}"));
        let room = RoomId(row.get(0).map_err(|_| at("its room is not 16 bytes"))?);
        if hot.insert(room, (Seq(number(row, 1)?), Epoch(number(row, 2)?))).is_some() {
            return Err(at("its room has another row"));
        }
    }
    Ok(hot)
}

impl Judged {
    fn rooms(&mut self, conn: &Connection) -> Result<Missing, Fault> {
        let mut missing = Missing::default();
        let mut asleep = conn.prepare("SELECT seq FROM sleeping WHERE room = ?1")?;
        for (room, found) in &self.scan.rooms {
            let verdict = match self.hot.get(room) {
                Some((seq, _)) => verdict_on_hot(found, *seq),
                None => {
                    let at = asleep.query_row([&room.0[..]], |row| number(row, 0)).optional()?;
                    verdict_on_gone(*room, found, at.map(Seq), &mut missing)
                }
            };
            if let Err(place) = verdict {
                self.damaged.insert(*room, place);
            }
        }
        Ok(missing)
    }

    /// Compares the tables with their census, allowing for rows that are known to be missing.
    fn count(&self, conn: &Connection) -> Result<(), Fault> {
        let listings = [
            ("snapshot", "SELECT room FROM snapshot NOT INDEXED"),
            ("snapshot", "SELECT room FROM snapshot INDEXED BY sqlite_autoindex_snapshot_1"),
            ("sleeping", "SELECT room FROM sleeping INDEXED BY sqlite_autoindex_sleeping_1"),
            ("release", "SELECT id FROM release NOT INDEXED"),
            ("deploy", "SELECT id FROM deploy"),
            ("setting", "SELECT name FROM setting NOT INDEXED"),
        ];
        for (table, listing) in listings {
            let mut found = census::count(conn, table, listing)?;
            for (_, room) in self.missing.iter().filter(|(of, _)| *of == table) {
                found.add(table, &room.0);
            }
            self.agree(table, found)?;
        }
        self.agree("carried", count_carried(conn)?)
    }

    fn agree(&self, table: &str, found: Tally) -> Result<(), Fault> {
        let counted = self.census.of(table);
        if counted == found {
            return Ok(());
        }
        Err(Fault::Damage(format!(
            "table {table}: {} rows were counted when it was last written, {} are found{}",
            counted.rows,
            found.rows,
            if counted.rows == found.rows { " with other keys" } else { "" },
        )))
    }

    /// The writer's view of what was found.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(self.scan.first, self.scan.sizes.clone());
        let nothing = Found::default();
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
fn verdict_on_hot(found: &Found, snapshot: Seq) -> Result<(), String> {
    match found.note {
        Some((Kind::Snapshot, seq, _)) if seq == snapshot => {}
        Some((Kind::Snapshot, seq, batch)) => {
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
    for FoundRecord { batch, record, .. } in
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
    found: &Found,
    asleep: Option<Seq>,
    missing: &mut Missing,
) -> Result<(), String> {
    if let Some((_, place)) = found.bad.first()
        && !(found.records.is_empty()
            && found.bad.iter().all(|(seq, _)| asleep.is_some_and(|at| *seq <= at)))
    {
        if asleep.is_none()
            && (!found.records.is_empty() || matches!(found.note, Some((Kind::Snapshot, ..))))
        {
            missing.insert(("snapshot", room));
        }
        return Err(place.clone());
    }
    match (found.note, asleep) {
        (Some((Kind::Sleep, seq, _)), Some(at)) if seq == at && found.records.is_empty() => Ok(()),
        (Some((Kind::Delete, ..)), None) if found.records.is_empty() => Ok(()),
        (None, Some(_)) if found.records.is_empty() => Ok(()),
        (Some((Kind::Sleep, seq, batch)), at) => {
            if at.is_none() {
                missing.insert(("sleeping", room));
            }
            let has = at.map_or("nothing".to_owned(), |at| format!("commit {at}"));
            Err(format!(
                "table sleeping has {has} of the room, batch {batch} announced commit {seq}"
            ))
        }
        (Some((kind, seq, batch)), None) => {
            missing.insert(("snapshot", room));
            Err(format!(
                "table snapshot has nothing of the room, batch {batch} announced {kind:?} at {seq}"
            ))
        }
        (note, Some(at)) => {
            Err(format!("table sleeping has commit {at} of the room, the log says {note:?}"))
        }
        (None, None) => {
            missing.insert(("snapshot", room));
            let batch = found.first;
            Err(format!(
                "table snapshot has nothing of the room, but batch {batch} has commits of it"
            ))
        }
    }
}

fn count_carried(conn: &Connection) -> Result<Tally, Fault> {
    let mut tally = Tally::default();
    let mut query = conn.prepare("SELECT room, kind, seq FROM carried NOT INDEXED")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let room: Vec<u8> = row.get(0)?;
        tally.add("carried", &census::carried_key(&room, row.get(1)?, number(row, 2)?));
    }
    Ok(tally)
}
