//! Reading whatever can be read of a damaged store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use playon_types::ids::{DeployId, Epoch, ReleaseId, RoomId, Seq};
use rusqlite::Connection;

use super::{Repair, RepairError, RepairLoss};
use crate::contract::{DeployRow, LogRecord, ReleaseRow, RestRow, SnapshotRow};
use crate::error::OpenError;
use crate::log::{self, EntryKind};
use crate::sqlite::census::{self, Census, SMALL};
use crate::sqlite::row::number;
use crate::sqlite::scan::{LoggedRoom, Scan, read_carried};
use crate::sqlite::schema::{self, Identity, MIGRATIONS};
use crate::sqlite::tables::{deploy_sum, release_sum, setting_sum};
use crate::sqlite::{connect, rooms};
use crate::watermark::{self, Reading};

/// What can be saved.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    pub(super) hot: Vec<SavedRoom>,
    /// Rooms at rest; their contents are read again when they are written.
    pub(super) asleep: Vec<RoomId>,
    pub(super) releases: Vec<ReleaseRow>,
    pub(super) deploys: Vec<DeployRow>,
    pub(super) settings: Vec<(String, Bytes)>,
    /// No epoch was later.
    pub(super) epoch: Epoch,
    pub(super) losses: Vec<RepairLoss>,
}

/// A room of the hot log as far as it is certain.
#[derive(Debug)]
pub(super) struct SavedRoom {
    pub(super) snapshot: SnapshotRow,
    pub(super) records: Vec<LogRecord>,
}

impl Salvage {
    /// Reads everything. An error means that there is nothing to be saved, or nothing of ours.
    pub(super) fn of(conn: &Connection, dir: &Path) -> Result<Self, RepairError> {
        identify(conn, dir).map_err(|error| match error {
            OpenError::Damaged { dir, place } => RepairError::Hopeless { dir, why: place },
            other => RepairError::Open(other),
        })?;
        let mut salvage = Self::default();
        let scan = salvage.read_log(conn);
        let mark = salvage.promises(dir, &scan);
        let keeper = conn.query_row("SELECT epoch FROM keeper", [], |row| number(row, 0));
        salvage.epoch = scan.epoch.max(Epoch(keeper.unwrap_or(0))).max(mark);
        let mut rooms: BTreeSet<RoomId> = scan.rooms.keys().copied().collect();
        for table in ["snapshot", "sleeping"] {
            salvage.list(conn, table, &mut rooms);
        }
        for room in rooms {
            salvage.room(conn, room, scan.rooms.get(&room));
        }
        salvage.read_releases(conn);
        salvage.read_deploys(conn);
        salvage.read_settings(conn);
        salvage.find_old_rows(conn);
        if salvage.hot.is_empty() && salvage.asleep.is_empty() && salvage.releases.is_empty() {
            let why = "neither a room nor a release can be read".to_owned();
            return Err(RepairError::Hopeless { dir: dir.to_owned(), why });
        }
        Ok(salvage)
    }

    pub(super) fn count(&self, plan: &mut Repair) {
        plan.rooms_hot = self.hot.len() as u64;
        plan.rooms_asleep = self.asleep.len() as u64;
        plan.records = self.hot.iter().map(|room| room.records.len() as u64).sum();
        plan.releases = self.releases.len() as u64;
        plan.losses.clone_from(&self.losses);
    }

    fn lose(&mut self, room: Option<RoomId>, what: impl Into<String>) {
        self.losses.push(RepairLoss { room: room.map(|room| room.to_string()), what: what.into() });
    }

    /// Reads the log row by row; one that cannot be read does not keep the others from it.
    fn read_log(&mut self, conn: &Connection) -> Scan {
        let mut scan = Scan::default();
        if let Err(fault) = read_carried(conn, |epoch, item| scan.take(0, epoch, item)) {
            let what = "entries that were carried over cannot all be read; rooms may go back";
            tracing::debug!(?fault, what);
            self.lose(None, what);
        }
        let mut ids = BTreeSet::new();
        for order in ["ASC", "DESC"] {
            // From both ends, up to where the table is broken: what lies between is missed below.
            let sql = format!("SELECT id FROM batch ORDER BY id {order}");
            let _ = each(conn, &sql, |row| {
                ids.insert(row.get::<_, i64>(0)?);
                Ok(())
            });
        }
        let mut said_first = None;
        let mut good = Vec::new();
        for id in ids {
            let row = conn.query_row("SELECT epoch, body FROM batch WHERE id = ?1", [id], |row| {
                Ok((Epoch(number(row, 0)?), Bytes::from(row.get::<_, Vec<u8>>(1)?)))
            });
            let id = id.cast_unsigned();
            // The checksum covers the number: a row that says another one is no batch.
            let Ok((epoch, body)) = row else { continue };
            let Ok(decoded) = log::decode(id, epoch, &body) else { continue };
            good.push(id);
            scan.last = id;
            scan.epoch = scan.epoch.max(epoch);
            said_first = Some(decoded.first);
            decoded.items.into_iter().for_each(|item| scan.take(id, epoch, item));
        }
        let gaps = gaps(said_first.unwrap_or(1), &good);
        if !gaps.is_empty() {
            let what = format!(
                "batches that cannot be read: {}; any room may lack the commits it had in them",
                gaps.join(", ")
            );
            self.lose(None, what);
        }
        scan
    }

    /// Compares with what was acknowledged; the epoch that the watermark knows of.
    fn promises(&mut self, dir: &Path, scan: &Scan) -> Epoch {
        match watermark::read(dir) {
            Ok(Reading::Mark(mark)) => {
                if mark.batch > scan.last {
                    let (from, to) = (scan.last + 1, mark.batch);
                    self.lose(
                        None,
                        format!("batches {from} to {to} were acknowledged and are not there; any room may go back"),
                    );
                }
                mark.epoch
            }
            Ok(Reading::Missing) => Epoch(0),
            Ok(Reading::Unreadable) | Err(_) => {
                self.lose(
                    None,
                    "the watermark cannot be read: whether the last batches are there cannot be told",
                );
                Epoch(0)
            }
        }
    }

    fn list(&mut self, conn: &Connection, table: &str, rooms: &mut BTreeSet<RoomId>) {
        let index = format!("sqlite_autoindex_{table}_1");
        let ways = [
            format!("SELECT room FROM {table} NOT INDEXED"),
            format!("SELECT room FROM {table} NOT INDEXED ORDER BY rowid DESC"),
            format!("SELECT room FROM {table} INDEXED BY {index}"),
            format!("SELECT room FROM {table} INDEXED BY {index} ORDER BY room DESC"),
        ];
        let mut broken = 0;
        let mut found = BTreeSet::new();
        for sql in &ways {
            let read = each(conn, sql, |row| {
                found.insert(RoomId(row.get(0)?));
                Ok(())
            });
            broken += usize::from(read.is_err());
        }
        let counted = conn.query_row("SELECT rows FROM census WHERE name = ?1", [table], |row| {
            row.get::<_, i64>(0)
        });
        let missing = counted.ok().map(|rows| rows - i64::try_from(found.len()).unwrap_or(0));
        rooms.extend(found);
        match missing {
            Some(1..) => {
                let missing = missing.unwrap_or_default();
                let what = format!(
                    "table {table} lacks {missing} rows; rooms that are not named here are gone with them"
                );
                self.lose(None, what);
            }
            None if broken > 0 => {
                let what = format!("table {table} cannot be read to its end; rooms may be gone");
                self.lose(None, what);
            }
            _ => {}
        }
    }

    /// Decides what is certain about a room.
    fn room(&mut self, conn: &Connection, room: RoomId, found: Option<&LoggedRoom>) {
        let nothing = LoggedRoom::default();
        let found = found.unwrap_or(&nothing);
        let gone = matches!(found.note, Some((EntryKind::Delete, ..)));
        if gone && found.records.is_empty() && found.bad.is_empty() {
            return;
        }
        let hot = row_of(conn, "snapshot", room).map(|found_row| saved(found_row.row, found));
        let asleep = row_of(conn, "sleeping", room).map(|rest| rest.row.seq);
        let noted = match found.note {
            Some((EntryKind::Snapshot | EntryKind::Sleep, seq, _)) => seq,
            _ => Seq(0),
        };
        let last_of = |saved: &SavedRoom| {
            saved.records.last().map_or(saved.snapshot.seq, |record| record.seq)
        };
        let kept = hot.as_ref().map(last_of).max(asleep);
        let known = found.records.iter().map(|found| found.record.seq);
        let known = known.chain(found.bad.iter().map(|(seq, _)| *seq)).chain(kept).max();
        let known = known.unwrap_or_default().max(noted);
        match kept {
            None => {
                self.lose(Some(room), format!("given up; its last known commit is {known}"));
                return;
            }
            Some(kept) if kept < known => {
                self.lose(Some(room), format!("goes back from commit {known} to {kept}"));
            }
            Some(_) => {}
        }
        match hot {
            Some(saved) if asleep.is_none_or(|at| last_of(&saved) > at) => self.hot.push(saved),
            _ => self.asleep.push(room),
        }
    }

    fn read_releases(&mut self, conn: &Connection) {
        let sql = "SELECT id, label, added_ms, sum FROM release NOT INDEXED ORDER BY added_ms, id";
        let mut good = Vec::new();
        let mut bad = 0;
        let read = each(conn, sql, |row| {
            let release = ReleaseRow {
                id: ReleaseId(row.get(0)?),
                label: row.get(1)?,
                added_ms: number(row, 2)?,
            };
            let sound = release_sum(&release) == number(row, 3)?;
            bad += u64::from(!sound);
            good.extend(sound.then_some(release));
            Ok(())
        });
        self.releases = good;
        self.lose_rows("release", bad, read, "deploy it again");
    }

    fn read_deploys(&mut self, conn: &Connection) {
        let mut good = Vec::new();
        let mut bad = 0;
        let read = each(conn, "SELECT id, body, sum FROM deploy", |row| {
            let id = DeployId(number(row, 0)?);
            let body = Bytes::from(row.get::<_, Vec<u8>>(1)?);
            let sound = deploy_sum(id, &body) == number(row, 2)?;
            bad += u64::from(!sound);
            good.extend(sound.then_some(DeployRow { id, body }));
            Ok(())
        });
        self.deploys = good;
        self.lose_rows("deploy", bad, read, "a deploy that was under way is not gone on with");
    }

    fn read_settings(&mut self, conn: &Connection) {
        let mut good = Vec::new();
        let mut bad = 0;
        let read = each(conn, "SELECT name, value, sum FROM setting NOT INDEXED", |row| {
            let name: String = row.get(0)?;
            let value = Bytes::from(row.get::<_, Vec<u8>>(1)?);
            let sound = setting_sum(&name, &value) == number(row, 2)?;
            bad += u64::from(!sound);
            good.extend(sound.then_some((name, value)));
            Ok(())
        });
        self.settings = good;
        self.lose_rows("setting", bad, read, "which release is current may be forgotten");
    }

    /// Says in which tables rows went back: as many as were counted are there, but not the same.
    fn find_old_rows(&mut self, conn: &Connection) {
        let Ok(counted) = Census::read(conn) else { return };
        let snapshots = ("snapshot", "SELECT room, seq FROM snapshot NOT INDEXED");
        for (table, listing) in SMALL.into_iter().chain([snapshots]) {
            let Ok(found) = census::count(conn, table, listing) else { continue };
            let counted = counted.of(table);
            if found.rows == counted.rows && found != counted {
                let what = format!(
                    "table {table} has rows that are older than what was written last; which ones cannot be told"
                );
                self.lose(None, what);
            }
        }
    }

    fn lose_rows(&mut self, table: &str, bad: u64, read: rusqlite::Result<()>, so: &str) {
        if bad > 0 {
            self.lose(None, format!("table {table}: {bad} damaged rows are given up; {so}"));
        }
        if read.is_err() {
            self.lose(None, format!("table {table} cannot be read to its end; {so}"));
        }
    }
}

/// Whether it is ours, and of a version we know.
fn identify(conn: &Connection, dir: &Path) -> Result<(), OpenError> {
    let sql = |error| connect::open_error(dir, &error);
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    match schema::identify(conn).map_err(sql)? {
        Identity::Empty => Err(OpenError::Missing { dir: dir.to_owned() }),
        Identity::Foreign(why) => {
            Err(OpenError::NotOurs { file: dir.join(crate::sqlite::DATABASE_FILE), why })
        }
        Identity::Ours(found) if found > known => {
            Err(OpenError::Newer { dir: dir.to_owned(), found, known })
        }
        Identity::Ours(_) => {
            let why = |why| OpenError::Schema { dir: dir.to_owned(), why };
            schema::compare(conn, MIGRATIONS).map_err(sql)?.map_err(why)
        }
    }
}

/// A room's row, if it is sound, by way of the index or without it.
pub(super) fn row_of(conn: &Connection, table: &str, room: RoomId) -> Option<RestRow> {
    let columns = rooms::columns_of(conn, table);
    ["", "NOT INDEXED "].into_iter().find_map(|way| {
        let sql = format!("SELECT {columns} FROM {table} {way}WHERE room = ?1");
        let row = conn.query_row(&sql, [&room.0[..]], |row| rooms::read_row(table, room, row));
        let found = row.ok()?.ok()?;
        Some(RestRow { row: found.snapshot, note: found.rest.unwrap_or_default() })
    })
}

/// A snapshot with the records that follow it without a gap.
fn saved(snapshot: SnapshotRow, found: &LoggedRoom) -> SavedRoom {
    let mut records: BTreeMap<Seq, LogRecord> = BTreeMap::new();
    for found in &found.records {
        records.insert(found.record.seq, found.record.clone());
    }
    let mut next = snapshot.seq.next();
    let mut kept = Vec::new();
    while let Some(record) = records.remove(&next) {
        kept.push(record);
        next = next.next();
    }
    SavedRoom { snapshot, records: kept }
}

/// The numbers that are missing between `first` and the last one there is.
fn gaps(first: u64, there: &[u64]) -> Vec<String> {
    let mut next = first;
    let mut gaps = Vec::new();
    for id in there {
        match id.checked_sub(next) {
            None | Some(0) => {}
            Some(1) => gaps.push(next.to_string()),
            Some(_) => gaps.push(format!("{next} to {}", id - 1)),
        }
        next = next.max(id + 1);
    }
    gaps
}

/// Reads rows up to the first that cannot be read.
fn each(
    conn: &Connection,
    sql: &str,
    mut take: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
