//! The small tables: releases, deploys, settings.

use std::collections::HashMap;

use bytes::Bytes;
use playon_types::ids::{DeployId, ReleaseId, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension, Params};

use crate::check::Check;
use crate::contract::{Decision, DeployRow, ReleaseRow};
use crate::error::StoreError;
use crate::log::{EntryKind, LogEntry};
use crate::sqlite::census::Census;
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::row::number;

/// Deploys that are kept; beyond it the oldest are removed.
pub(crate) const DEPLOYS_KEPT_MAX: i64 = 1_000;

/// A row to be written.
#[derive(Debug)]
pub(crate) enum Put {
    Release(ReleaseRow),
    Deploy(DeployRow),
    Setting { name: String, value: Bytes },
    Decision(Decision),
}

/// Writes a row. Returns what the log has to say about it, or why the caller may not have it; in that case
/// nothing was written.
pub(crate) fn put(
    conn: &Connection,
    census: &mut Census,
    put: &Put,
) -> rusqlite::Result<Result<Vec<LogEntry>, StoreError>> {
    if let Some(number) = ordinal(put).filter(|number| i64::try_from(*number).is_err()) {
        // Columns are signed, and rows are sorted by them.
        let why = format!("{number} is over the largest number of a table, {}", i64::MAX);
        return Ok(Err(StoreError::Misused(why)));
    }
    match put {
        Put::Release(row) => put_release(conn, census, row),
        Put::Deploy(row) => put_deploy(conn, census, row).map(Ok),
        Put::Setting { name, value } => put_setting(conn, census, name, value).map(Ok),
        Put::Decision(decision) => decide(conn, census, decision),
    }
}

/// The number that a row is sorted by.
fn ordinal(put: &Put) -> Option<u64> {
    match put {
        Put::Release(row) => Some(row.added_ms),
        Put::Deploy(row) | Put::Decision(Decision { deploy: Some(row), .. }) => Some(row.id.0),
        Put::Setting { .. } | Put::Decision(_) => None,
    }
}

fn put_release(
    conn: &Connection,
    census: &mut Census,
    row: &ReleaseRow,
) -> rusqlite::Result<Result<Vec<LogEntry>, StoreError>> {
    let mut holders = conn.prepare_cached("SELECT 1 FROM release WHERE label = ?1 AND id <> ?2")?;
    if holders.exists((&row.label, &row.id.0[..]))? {
        return Ok(Err(StoreError::LabelTaken(row.label.clone())));
    }
    let sum = release_sum(row);
    let former = former(conn, "SELECT sum FROM release WHERE id = ?1", [&row.id.0[..]])?;
    recount(census, "release", &row.id.0, former, sum);
    conn.prepare_cached(
        "INSERT INTO release (id, label, added_ms, sum) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET label = ?2, added_ms = ?3, sum = ?4",
    )?
    .execute((&row.id.0[..], &row.label, row.added_ms.cast_signed(), sum.cast_signed()))?;
    Ok(Ok(vec![announce("release", &row.id.0, Some(sum))]))
}

fn put_deploy(
    conn: &Connection,
    census: &mut Census,
    row: &DeployRow,
) -> rusqlite::Result<Vec<LogEntry>> {
    let id = row.id.0.cast_signed();
    let sum = deploy_sum(row.id, &row.body);
    let former = former(conn, "SELECT sum FROM deploy WHERE id = ?1", [id])?;
    recount(census, "deploy", &id.to_le_bytes(), former, sum);
    conn.prepare_cached(
        "INSERT INTO deploy (id, body, sum) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET body = ?2, sum = ?3",
    )?
    .execute((id, &row.body[..], sum.cast_signed()))?;
    let mut said = vec![announce("deploy", &id.to_le_bytes(), Some(sum))];
    while census.of("deploy").rows > DEPLOYS_KEPT_MAX {
        let (oldest, sum): (i64, u64) = conn
            .prepare_cached(
                "DELETE FROM deploy WHERE id = (SELECT min(id) FROM deploy) RETURNING id, sum",
            )?
            .query_row([], |found| Ok((found.get(0)?, number(found, 1)?)))?;
        census.remove("deploy", &oldest.to_le_bytes(), sum);
        said.push(announce("deploy", &oldest.to_le_bytes(), None));
    }
    Ok(said)
}

fn put_setting(
    conn: &Connection,
    census: &mut Census,
    name: &str,
    value: &Bytes,
) -> rusqlite::Result<Vec<LogEntry>> {
    let sum = setting_sum(name, value);
    let former = former(conn, "SELECT sum FROM setting WHERE name = ?1", [name])?;
    recount(census, "setting", name.as_bytes(), former, sum);
    conn.prepare_cached(
        "INSERT INTO setting (name, value, sum) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET value = ?2, sum = ?3",
    )?
    .execute((name, &value[..], sum.cast_signed()))?;
    Ok(vec![announce("setting", name.as_bytes(), Some(sum))])
}

/// All of it in the transaction that the caller commits, or nothing.
fn decide(
    conn: &Connection,
    census: &mut Census,
    decision: &Decision,
) -> rusqlite::Result<Result<Vec<LogEntry>, StoreError>> {
    let Decision { deploy, name, expected, value } = decision;
    let held: Option<Vec<u8>> = conn
        .prepare_cached("SELECT value FROM setting WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if held.as_deref() != expected.as_deref() {
        return Ok(Err(StoreError::Conflict(name.clone())));
    }
    let mut said = Vec::new();
    if let Some(deploy) = deploy {
        said.extend(put_deploy(conn, census, deploy)?);
    }
    if let Some(value) = value {
        said.extend(put_setting(conn, census, name, value)?);
    }
    Ok(Ok(said))
}

/// The checksum of the row that a new one replaces, if there is one.
fn former(conn: &Connection, query: &str, key: impl Params) -> rusqlite::Result<Option<u64>> {
    conn.prepare_cached(query)?.query_row(key, |row| number(row, 0)).optional()
}

fn recount(census: &mut Census, table: &'static str, key: &[u8], former: Option<u64>, sum: u64) {
    if let Some(former) = former {
        census.remove(table, key, former);
    }
    census.add(table, key, sum);
}

/// All releases, oldest first.
pub(crate) fn releases(conn: &Connection) -> Result<Vec<ReleaseRow>, SqliteFault> {
    let mut query =
        conn.prepare_cached("SELECT id, label, added_ms, sum FROM release ORDER BY added_ms, id")?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let release = ReleaseRow {
            id: ReleaseId(row.get(0)?),
            label: row.get(1)?,
            added_ms: row.get::<_, i64>(2)?.cast_unsigned(),
        };
        trust("release", &release.label, release_sum(&release), row.get(3)?)?;
        found.push(release);
    }
    Ok(found)
}

/// The newest deploys, newest first.
pub(crate) fn deploys(conn: &Connection, limit: usize) -> Result<Vec<DeployRow>, SqliteFault> {
    let mut query =
        conn.prepare_cached("SELECT id, body, sum FROM deploy ORDER BY id DESC LIMIT ?1")?;
    let mut rows = query.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = DeployId(row.get::<_, i64>(0)?.cast_unsigned());
        let body = Bytes::from(row.get::<_, Vec<u8>>(1)?);
        trust("deploy", &id.to_string(), deploy_sum(id, &body), row.get(2)?)?;
        found.push(DeployRow { id, body });
    }
    Ok(found)
}

/// One named value.
pub(crate) fn setting(conn: &Connection, name: &str) -> Result<Option<Bytes>, SqliteFault> {
    let found: Option<(Vec<u8>, i64)> = conn
        .prepare_cached("SELECT value, sum FROM setting WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((value, sum)) = found else { return Ok(None) };
    let value = Bytes::from(value);
    trust("setting", name, setting_sum(name, &value), sum)?;
    Ok(Some(value))
}

/// What the log says about rows of the small tables: their checksums, or that they were removed.
pub(crate) type Announced = HashMap<RoomId, Option<u64>>;

/// Verifies all small tables against their own checksums and against the log.
pub(crate) fn verify(conn: &Connection, announced: &Announced) -> Result<(), SqliteFault> {
    let mut open = announced.clone();
    for row in releases(conn)? {
        agree(&mut open, "release", &row.label, &row.id.0, release_sum(&row))?;
    }
    for row in deploys(conn, usize::MAX)? {
        let key = row.id.0.cast_signed().to_le_bytes();
        agree(&mut open, "deploy", &row.id.to_string(), &key, deploy_sum(row.id, &row.body))?;
    }
    let mut names = conn.prepare("SELECT name FROM setting")?;
    for name in names.query_map([], |row| row.get::<_, String>(0))? {
        let name = name?;
        let value = setting(conn, &name)?.unwrap_or_default();
        agree(&mut open, "setting", &name, name.as_bytes(), setting_sum(&name, &value))?;
    }
    if open.values().any(Option::is_some) {
        return Err(SqliteFault::Damage(
            "the log names a release, a deploy or a setting that no table has".to_owned(),
        ));
    }
    Ok(())
}

fn agree(
    open: &mut Announced,
    table: &str,
    name: &str,
    key: &[u8],
    sum: u64,
) -> Result<(), SqliteFault> {
    match open.remove(&key_hash(table, key)) {
        Some(said) if said != Some(sum) => Err(SqliteFault::Damage(format!(
            "table {table}, row {name}: the log says that it was changed later"
        ))),
        _ => Ok(()),
    }
}

fn trust(table: &str, name: &str, computed: u64, stored: i64) -> Result<(), SqliteFault> {
    if computed == stored.cast_unsigned() {
        return Ok(());
    }
    let place = format!(
        "table {table}, row {name}: the checksum is {stored:#x}, the contents have {computed:#x}"
    );
    Err(SqliteFault::Damage(place))
}

fn announce(table: &str, key: &[u8], sum: Option<u64>) -> LogEntry {
    let body = sum.map_or_else(Bytes::new, |sum| Bytes::copy_from_slice(&sum.to_le_bytes()));
    LogEntry { kind: EntryKind::Put, room: key_hash(table, key), seq: Seq(0), body }
}

fn key_hash(table: &str, key: &[u8]) -> RoomId {
    let check = Check::of(table).bytes(key);
    let mut id = RoomId::default();
    id.0[..8].copy_from_slice(&check.sum().to_le_bytes());
    id.0[8..].copy_from_slice(&check.number(1).sum().to_le_bytes());
    id
}

/// The checksum of a row.
pub(crate) fn release_sum(row: &ReleaseRow) -> u64 {
    Check::of("release").bytes(&row.id.0).bytes(row.label.as_bytes()).number(row.added_ms).sum()
}

/// The checksum of a row.
pub(crate) fn deploy_sum(id: DeployId, body: &[u8]) -> u64 {
    Check::of("deploy").number(id.0).bytes(body).sum()
}

/// The checksum of a row.
pub(crate) fn setting_sum(name: &str, value: &[u8]) -> u64 {
    Check::of("setting").bytes(name.as_bytes()).bytes(value).sum()
}
