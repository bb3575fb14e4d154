//! Reading rooms, verified.

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::check;
use crate::contract::{SnapshotRow, StoredRoom};
use crate::damage::RoomDamage;
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::judge::Judged;
use crate::sqlite::rests;
use crate::sqlite::row::number;

/// Where the note begins among [`REST_COLUMNS`].
const NOTE_AT: usize = 6;

/// Hands every hot room to `each`, damaged ones as such. Rooms whose snapshots were written by `except` are
/// passed over: they were created after the log was read. The store was last rewound before epoch `rewound`.
pub(crate) fn recover(
    conn: &Connection,
    mut judged: Judged,
    rewound: Epoch,
    except: Option<Epoch>,
    each: &mut dyn FnMut(Result<StoredRoom, RoomDamage>),
) -> Result<(), SqliteFault> {
    for (room, place) in &judged.damaged {
        each(Err(RoomDamage { room: *room, place: place.clone() }));
    }
    let mut query = conn.prepare(&format!("SELECT {ROW_COLUMNS} FROM snapshot NOT INDEXED"))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id: RoomId = RoomId(row.get(0)?);
        let known = judged.hot.remove(&id);
        if judged.damaged.contains_key(&id) || except == Some(Epoch(number(row, 2)?)) {
            continue;
        }
        let room = read_row("snapshot", id, row)?;
        each(room.and_then(|room| match known {
            Some((seq, _)) if seq == room.snapshot.seq => {
                Ok(with_records(room, &mut judged).seen_from(rewound))
            }
            _ => Err(RoomDamage {
                room: id,
                place: format!("table snapshot, row {id}: it changed while it was read"),
            }),
        }));
    }
    for (room, _) in judged.hot.drain() {
        if !judged.damaged.contains_key(&room) {
            let place = format!("table snapshot, row {room}: it vanished while the table was read");
            each(Err(RoomDamage { room, place }));
        }
    }
    Ok(())
}

impl StoredRoom {
    /// Tells whether the room has a snapshot since the store was last rewound. Records alone say nothing of what players know.
    fn seen_from(mut self, rewound: Epoch) -> Self {
        self.rewound = self.snapshot_epoch < rewound;
        self
    }
}

fn with_records(mut room: StoredRoom, judged: &mut Judged) -> StoredRoom {
    if let Some(found) = judged.scan.rooms.remove(&room.room) {
        let later = found.records.into_iter().filter(|found| found.record.seq > room.snapshot.seq);
        room.records = later.map(|found| (found.epoch, found.record)).collect();
    }
    room
}

/// Reads one sleeping room. A room that is in the hot log instead is an error, not an absence.
pub(crate) fn load_sleeping(
    conn: &Connection,
    room: RoomId,
    rewound: Epoch,
) -> Result<Option<StoredRoom>, SqliteFault> {
    // Both questions must be put to the same state of the database.
    let tx = conn.unchecked_transaction()?;
    let found = tx
        .prepare_cached(&format!("SELECT {REST_COLUMNS} FROM sleeping WHERE room = ?1"))?
        .query_row([&room.0[..]], |row| read_row("sleeping", room, row))
        .optional()?;
    if let Some(found) = found {
        return found.map(|found| Some(found.seen_from(rewound))).map_err(SqliteFault::Room);
    }
    if tx.prepare_cached("SELECT 1 FROM snapshot WHERE room = ?1")?.exists([&room.0[..]])? {
        let place = format!("room {room} is in the hot log, not at rest");
        return Err(SqliteFault::Room(RoomDamage { room, place }));
    }
    Ok(None)
}

/// What [`read_row`] wants of a row.
pub(crate) const ROW_COLUMNS: &str = "room, seq, epoch, body, sum, rowid";

/// What it wants of a row at rest.
pub(crate) const REST_COLUMNS: &str =
    "room, seq, epoch, body, sum, rowid, kind, name, version, release, seats, since_ms";

/// What there is to read of rows of a table, in a file that may be of an earlier schema.
pub(crate) fn columns_of(conn: &Connection, table: &str) -> &'static str {
    let noted = table == "sleeping" && conn.prepare("SELECT since_ms FROM sleeping").is_ok();
    if noted { REST_COLUMNS } else { ROW_COLUMNS }
}

/// Reads a row of `snapshot` or `sleeping` with [`ROW_COLUMNS`] or [`REST_COLUMNS`].
pub(crate) fn read_row(
    table: &str,
    wanted: RoomId,
    row: &Row<'_>,
) -> rusqlite::Result<Result<StoredRoom, RoomDamage>> {
    let rowid: i64 = row.get(5)?;
    let damage = |why: &str| RoomDamage {
        room: wanted,
        place: format!("table {table}, row {rowid}, room {wanted}: {why}"),
    };
    let typed = || -> rusqlite::Result<_> {
        let room: [u8; 16] = row.get(0)?;
        Ok((
            RoomId(room),
            number(row, 1)?,
            number(row, 2)?,
            row.get::<_, Vec<u8>>(3)?,
            number(row, 4)?,
        ))
    };
    let Ok((room, seq, epoch, body, sum)) = typed() else {
        return Ok(Err(damage("a column has a value of the wrong type")));
    };
    if room != wanted {
        return Ok(Err(damage(&format!("the index leads to room {room}"))));
    }
    let noted = row.as_ref().column_count() > NOTE_AT;
    let Ok(rest) = noted.then(|| rests::note(row, NOTE_AT)).transpose() else {
        return Ok(Err(damage("a column of its note has a value of the wrong type")));
    };
    let snapshot = SnapshotRow { room, seq: Seq(seq), body: Bytes::from(body) };
    let computed = match &rest {
        Some(note) => check::rest_row(&snapshot, epoch, note),
        None => check::room_row(table, &room.0, seq, epoch, &snapshot.body),
    };
    if computed != sum {
        return Ok(Err(damage("the checksum over room, seq, epoch and body is wrong")));
    }
    let (snapshot_epoch, records) = (Epoch(epoch), Vec::new());
    Ok(Ok(StoredRoom { room, snapshot, snapshot_epoch, records, rewound: false, rest }))
}
