//! Looking into a store while no keeper runs. Nothing is changed.

use std::fmt;
use std::path::Path;

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension};
use serde::{Serialize, Serializer};

use crate::damage::Damage;
use crate::error::OpenError;
use crate::lock::DirLock;
use crate::log::{self, FoundEntry};
use crate::sqlite::judge::{Judged, judge};
use crate::sqlite::open::FoundDatabase;
use crate::sqlite::scan::{ID_END, read_batches, read_carried};
use crate::sqlite::{DATABASE_FILE, connect, open, rooms};

/// What `verify` found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VerifyReport {
    /// Schema version of the database; 0 if it could not be told.
    pub schema: u32,
    /// The last epoch.
    pub epoch: u64,
    /// The first batch of the log.
    pub batch_first: u64,
    /// The last batch of the log.
    pub batch_last: u64,
    /// The last batch that was acknowledged, according to the watermark; 0 if there is none.
    pub batch_promised: u64,
    /// Bytes of all batches.
    pub log_bytes: u64,
    /// Rooms in the hot log.
    pub rooms_hot: u64,
    /// Rooms at rest.
    pub rooms_asleep: u64,
    /// Commits that recovery would apply to snapshots.
    pub records: u64,
    /// Everything that is wrong. Empty means that every checksum and every count was verified.
    pub problems: Vec<Damage>,
}

/// What is stored about one room.
#[derive(Clone, Debug, Serialize)]
pub struct RoomDump {
    /// The room, in hyphenated form.
    pub room: String,
    /// Its snapshot in the hot log.
    pub snapshot: Option<DumpedSnapshot>,
    /// Its row among the rooms at rest.
    pub asleep: Option<DumpedSnapshot>,
    /// Everything the log says about it, oldest first, whether it still counts or not.
    pub entries: Vec<DumpedEntry>,
    /// Parts of the database that could not be read, and might hold more.
    pub unreadable: Vec<String>,
}

/// A stored snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct DumpedSnapshot {
    /// Its commit.
    pub seq: u64,
    /// The epoch that wrote it.
    pub epoch: u64,
    /// What is wrong with it, if anything.
    pub damage: Option<String>,
    /// The contents; in hexadecimal digits when serialized.
    #[serde(serialize_with = "hex")]
    pub body: Bytes,
}

/// One entry of the log.
#[derive(Clone, Debug, Serialize)]
pub struct DumpedEntry {
    /// The batch; 0 if the entry was carried over from one that is gone.
    pub batch: u64,
    /// Where the body begins within the batch. Bytes.
    pub offset: usize,
    /// The epoch that wrote it.
    pub epoch: u64,
    /// `record`, `snapshot`, `sleep`, `delete`, or `unknown` when it is damaged.
    pub kind: String,
    /// Its commit.
    pub seq: u64,
    /// What is wrong with it, if anything.
    pub damage: Option<String>,
    /// The contents; in hexadecimal digits when serialized.
    #[serde(serialize_with = "hex")]
    pub body: Bytes,
}

/// Verifies every checksum, count and promise of the store in `dir`. No keeper may be running.
///
/// # Errors
/// When the store cannot be looked into at all. Damage is not an error but part of the report.
pub fn verify(dir: &Path) -> Result<VerifyReport, OpenError> {
    let (_lock, conn) = connect(dir)?;
    let mut report = VerifyReport {
        batch_promised: open::promised(dir).unwrap_or(0),
        ..VerifyReport::default()
    };
    if let Err(error) = verify_with(&conn, dir, &mut report) {
        match error {
            OpenError::Damaged { .. } | OpenError::LostWrites { .. } | OpenError::Schema { .. } => {
                report.problems.push(Damage { room: None, place: error.to_string() });
            }
            other => return Err(other),
        }
    }
    Ok(report)
}

fn verify_with(conn: &Connection, dir: &Path, report: &mut VerifyReport) -> Result<(), OpenError> {
    let promised = open::promised(dir)?;
    let FoundDatabase::Used(schema) = open::examine(conn, dir, promised)? else {
        return Err(OpenError::Missing { dir: dir.to_owned() });
    };
    report.schema = schema;
    let sql = |error| connect::open_error(dir, &error);
    let mut check = conn.prepare("PRAGMA integrity_check(20)").map_err(sql)?;
    for verdict in check.query_map([], |row| row.get::<_, String>(0)).map_err(sql)? {
        let verdict = verdict.map_err(sql)?;
        if verdict != "ok" {
            report
                .problems
                .push(Damage { room: None, place: format!("{DATABASE_FILE}: {verdict}") });
        }
    }
    let judged = judge(conn).map_err(|fault| fault.into_open(dir))?;
    report.count(&judged);
    let mut problems = Vec::new();
    rooms::recover(conn, judged, Epoch(0), None, &mut |found| {
        if let Err(damage) = found {
            problems.push(damage.into());
        }
    })
    .map_err(|fault| fault.into_open(dir))?;
    report.problems.append(&mut problems);
    verify_asleep(conn, report).map_err(sql)
}

fn verify_asleep(conn: &Connection, report: &mut VerifyReport) -> rusqlite::Result<()> {
    let columns = rooms::columns_of(conn, "sleeping");
    let mut query = conn.prepare(&format!("SELECT {columns} FROM sleeping"))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let room = RoomId(row.get(0)?);
        report.rooms_asleep += 1;
        if let Err(damage) = rooms::read_row("sleeping", room, row)? {
            report.problems.push(Damage { room: Some(room), place: damage.place });
        }
    }
    Ok(())
}

/// Everything stored about one room of the store in `dir`, as far as it can be read. No keeper may be
/// running.
///
/// # Errors
/// When the store cannot be looked into at all.
pub fn dump(dir: &Path, room: RoomId) -> Result<RoomDump, OpenError> {
    let (_lock, conn) = connect(dir)?;
    let mut dump = RoomDump {
        room: room.to_string(),
        snapshot: None,
        asleep: None,
        entries: Vec::new(),
        unreadable: Vec::new(),
    };
    match row_of(&conn, "snapshot", room) {
        Ok(row) => dump.snapshot = row,
        Err(error) => dump.unreadable.push(format!("table snapshot: {error}")),
    }
    match row_of(&conn, "sleeping", room) {
        Ok(row) => dump.asleep = row,
        Err(error) => dump.unreadable.push(format!("table sleeping: {error}")),
    }
    let mut entries = Vec::new();
    let carried = read_carried(&conn, |epoch, item| entries.extend(dumped(0, epoch, room, item)));
    let mut unreadable = Vec::new();
    let batches = read_batches(&conn, 0, ID_END, |id, epoch, body| {
        match log::decode(id, epoch, body) {
            Ok(found) => entries
                .extend(found.items.into_iter().filter_map(|item| dumped(id, epoch, room, item))),
            Err(why) => unreadable.push(format!("table batch, row {id}: {why}")),
        }
        Ok(())
    });
    dump.unreadable.append(&mut unreadable);
    dump.entries = entries;
    for fault in [carried, batches].into_iter().filter_map(Result::err) {
        dump.unreadable.push(fault.into_open(dir).to_string());
    }
    Ok(dump)
}

pub(crate) fn connect(dir: &Path) -> Result<(Option<DirLock>, Connection), OpenError> {
    let file = dir.join(DATABASE_FILE);
    if !file.try_exists().unwrap_or(true) {
        return Err(OpenError::Missing { dir: dir.to_owned() });
    }
    let lock = DirLock::take_to_read(dir)?;
    let wal = dir.join(format!("{DATABASE_FILE}-wal"));
    let empty_wal = std::fs::metadata(wal).map_or(true, |meta| meta.len() == 0);
    let opened = if connect::writable(dir) || !empty_wal {
        connect::reader(dir)
    } else {
        connect::immutable(dir)
    };
    let conn = opened.map_err(|error| connect::open_error(dir, &error))?;
    Ok((lock, conn))
}

fn row_of(
    conn: &Connection,
    table: &str,
    room: RoomId,
) -> rusqlite::Result<Option<DumpedSnapshot>> {
    let columns = rooms::columns_of(conn, table);
    let sql = format!("SELECT {columns} FROM {table} WHERE room = ?1");
    conn.query_row(&sql, [&room.0[..]], |row| {
        Ok(DumpedSnapshot {
            seq: row.get::<_, i64>(1)?.cast_unsigned(),
            epoch: row.get::<_, i64>(2)?.cast_unsigned(),
            damage: rooms::read_row(table, room, row)?.err().map(|damage| damage.place),
            body: Bytes::from(row.get::<_, Vec<u8>>(3)?),
        })
    })
    .optional()
}

fn dumped(
    batch: u64,
    Epoch(epoch): Epoch,
    wanted: RoomId,
    item: FoundEntry,
) -> Option<DumpedEntry> {
    let (kind, room, Seq(seq), offset, damage, body) = match item {
        FoundEntry::Good { entry, offset } => {
            (Some(entry.kind), entry.room, entry.seq, offset, None, entry.body)
        }
        FoundEntry::Bad { kind, room, seq, offset, why } => {
            (kind, room, seq, offset, Some(why), Bytes::new())
        }
    };
    let kind = kind.map_or("unknown".to_owned(), |kind| format!("{kind:?}").to_lowercase());
    (room == wanted).then_some(DumpedEntry { batch, offset, epoch, kind, seq, damage, body })
}

impl VerifyReport {
    fn count(&mut self, judged: &Judged) {
        self.epoch = judged.keeper.0;
        self.batch_first = judged.scan.first;
        self.batch_last = judged.scan.last;
        self.log_bytes = judged.scan.sizes.iter().sum();
        self.rooms_hot = judged.hot.len() as u64;
        self.records = judged.scan.rooms.values().map(|found| found.records.len() as u64).sum();
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, epoch, batch_first, batch_last, batch_promised, log_bytes, .. } = self;
        let Self { rooms_hot, rooms_asleep, records, problems, .. } = self;
        writeln!(f, "schema {schema}, epoch {epoch}")?;
        writeln!(
            f,
            "log: batches {batch_first} to {batch_last}, {log_bytes} bytes, acknowledged up to {batch_promised}"
        )?;
        writeln!(
            f,
            "rooms: {rooms_hot} hot with {records} commits after their snapshots, {rooms_asleep} at rest"
        )?;
        for Damage { room, place } in problems {
            match room {
                Some(room) => writeln!(f, "damaged: room {room}: {place}")?,
                None => writeln!(f, "damaged: {place}")?,
            }
        }
        match problems.len() {
            0 => write!(f, "everything is sound"),
            1 => write!(f, "1 problem"),
            n => write!(f, "{n} problems"),
        }
    }
}

impl fmt::Display for RoomDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "room {}", self.room)?;
        for (name, row) in [("snapshot", &self.snapshot), ("at rest", &self.asleep)] {
            if let Some(DumpedSnapshot { seq, epoch, damage, body }) = row {
                writeln!(
                    f,
                    "{name}: commit {seq}, epoch {epoch}, {} bytes{}",
                    body.len(),
                    Flaw(damage)
                )?;
            }
        }
        for DumpedEntry { batch, offset, epoch, kind, seq, damage, body } in &self.entries {
            let bytes = body.len();
            writeln!(
                f,
                "batch {batch} +{offset}: {kind} {seq}, epoch {epoch}, {bytes} bytes{}",
                Flaw(damage)
            )?;
        }
        self.unreadable.iter().try_for_each(|place| writeln!(f, "unreadable: {place}"))?;
        if self.snapshot.is_none() && self.asleep.is_none() && self.entries.is_empty() {
            writeln!(f, "nothing is stored about it")?;
        }
        Ok(())
    }
}

struct Flaw<'a>(&'a Option<String>);

impl fmt::Display for Flaw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |damage| write!(f, " - DAMAGED: {damage}"))
    }
}

fn hex<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write;
    let mut digits = String::with_capacity(body.len() * 2);
    for byte in body {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    serializer.serialize_str(&digits)
}
