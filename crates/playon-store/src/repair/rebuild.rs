//! Writing what was saved into a new store.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::salvage::{Salvage, row_of};
use super::{RepairError, at};
use crate::contract::Batch;
use crate::error::StoreError;
use crate::inspect;
use crate::private;
use crate::sqlite::apply::Group;
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::open::{self, OpenedDatabase};
use crate::sqlite::rewind::rewind;
use crate::sqlite::tables::Put;
use crate::sqlite::{SqliteOptions, connect};
use crate::watermark::Watermark;

/// Where the new store is made, within the data directory.
const PART: &str = "repaired.part";

/// Makes the new store beside the old one, and verifies it.
pub(super) fn rebuild(
    source: &Connection,
    data: &Path,
    salvage: &Salvage,
) -> Result<PathBuf, RepairError> {
    let part = data.join(PART);
    match std::fs::remove_dir_all(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(&part)(error)),
        _ => {}
    }
    private::make_folder(&part).map_err(at(&part))?;
    private::give_to_owner_of(data, &part).map_err(at(&part))?;
    fill(source, &part, salvage)?;
    let report = inspect::verify(&part)?;
    match report.problems.first() {
        None => Ok(part),
        Some(problem) => {
            let why = format!("what was written is not sound: {}", problem.place);
            Err(RepairError::Io { path: part, why })
        }
    }
}

fn fill(source: &Connection, part: &Path, salvage: &Salvage) -> Result<(), RepairError> {
    let options = SqliteOptions::default();
    let mut opened = open::open(part, &options)?;
    opened.books.carry_over_bytes = u64::MAX;
    let fault = |fault: SqliteFault| RepairError::Open(fault.into_open(part));
    if salvage.epoch > opened.books.epoch {
        open::begin_epoch(&opened.conn, &mut opened.books, salvage.epoch).map_err(fault)?;
    }
    let store =
        |error: StoreError| RepairError::Io { path: part.to_owned(), why: error.to_string() };
    put_small(&mut opened, salvage).map_err(store)?;
    put_rooms(&mut opened, source, salvage, options.group_bytes_max).map_err(store)?;
    rewind(&opened.conn, &mut opened.books).map_err(fault)?;
    let sql = |error| connect::open_error(part, &error);
    connect::checkpoint_whole(&opened.conn).map_err(sql)?;
    let mark = Watermark { epoch: opened.books.epoch, batch: opened.books.last };
    opened.watermark.raise(mark).map_err(at(part))
}

fn put_small(opened: &mut OpenedDatabase, salvage: &Salvage) -> Result<(), StoreError> {
    let releases = salvage.releases.iter().cloned().map(Put::Release);
    let deploys = salvage.deploys.iter().cloned().map(Put::Deploy);
    let settings = salvage.settings.iter();
    let settings =
        settings.map(|(name, value)| Put::Setting { name: name.clone(), value: value.clone() });
    let mut group = Group::begin(&opened.conn, &mut opened.books)?;
    for put in releases.chain(deploys).chain(settings) {
        group.put(&put)??;
    }
    group.commit().map(drop)
}

/// Writes the rooms, in transactions of about `bytes_max` each.
fn put_rooms(
    opened: &mut OpenedDatabase,
    source: &Connection,
    salvage: &Salvage,
    bytes_max: usize,
) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    for room in &salvage.hot {
        bytes += room.snapshot.body.len();
        bytes += room.records.iter().map(|record| record.body.len()).sum::<usize>();
        batch.snapshots.push(room.snapshot.clone());
        batch.records.extend(room.records.iter().cloned());
        if bytes >= bytes_max {
            commit(opened, std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    for room in &salvage.asleep {
        let Some(rest) = row_of(source, "sleeping", *room) else {
            return Err(StoreError::Io(format!("room {room} can no longer be read")));
        };
        bytes += rest.row.body.len();
        batch.sleeps.push(rest);
        if bytes >= bytes_max {
            commit(opened, std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    commit(opened, batch)
}

fn commit(opened: &mut OpenedDatabase, batch: Batch) -> Result<(), StoreError> {
    let mut group = Group::begin(&opened.conn, &mut opened.books)?;
    group.add(batch)?;
    group.commit().map(drop)
}
