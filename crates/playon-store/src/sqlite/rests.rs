//! Rooms at rest, without reading them: what is needed of releases, lists, and who has been there for long.

use playon_types::ids::{ReleaseId, RoomId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::contract::{RestGroup, RestNote, RestingRoom};
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::row::number;

/// The note of a row, from its columns kind, name, version, release, seats and since_ms, which begin at `at`.
pub(crate) fn note(row: &Row<'_>, at: usize) -> rusqlite::Result<RestNote> {
    Ok(RestNote {
        kind: row.get(at)?,
        name: row.get(at + 1)?,
        version: row.get(at + 2)?,
        release: ReleaseId(row.get(at + 3)?),
        seats: row.get(at + 4)?,
        since_ms: number(row, at + 5)?,
    })
}

/// How many there are of each kind, version and release. It is read from an index alone.
pub(crate) fn groups(conn: &Connection) -> Result<Vec<RestGroup>, SqliteFault> {
    let mut query = conn.prepare_cached(
        "SELECT kind, version, release, count(*), min(since_ms) FROM sleeping INDEXED BY sleeping_of
         GROUP BY kind, version, release",
    )?;
    let rows = query.query_map([], |row| {
        Ok(RestGroup {
            kind: row.get(0)?,
            version: row.get(1)?,
            release: ReleaseId(row.get(2)?),
            rooms: number(row, 3)?,
            oldest_ms: number(row, 4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn rest(row: &Row<'_>) -> rusqlite::Result<RestingRoom> {
    Ok(RestingRoom { room: RoomId(row.get(0)?), note: note(row, 1)?, bytes: number(row, 7)? })
}

/// Rooms in the order of their ids, after `after`, at most `limit`.
pub(crate) fn page(
    conn: &Connection,
    after: Option<RoomId>,
    limit: usize,
) -> Result<Vec<RestingRoom>, SqliteFault> {
    let mut query = conn.prepare_cached(
        "SELECT room, kind, name, version, release, seats, since_ms, bytes FROM sleeping
         WHERE room > ?1 ORDER BY room LIMIT ?2",
    )?;
    // Before every id of 16 bytes lies the one of none.
    let after = after.map_or_else(Vec::new, |room| room.0.to_vec());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map(params![after, limit], rest)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Rooms of a group that were put to rest by then, the first one first, after that time and room, at most `limit`. Those of
/// which it is not known when are not among them.
pub(crate) fn of_group(
    conn: &Connection,
    group: &RestGroup,
    after: Option<(u64, RoomId)>,
    by_ms: u64,
    limit: usize,
) -> Result<Vec<RestingRoom>, SqliteFault> {
    let mut query = conn.prepare_cached(
        "SELECT room, kind, name, version, release, seats, since_ms, bytes FROM sleeping
         WHERE kind = ?1 AND version = ?2 AND release = ?3
           AND (since_ms, room) > (?4, ?5) AND since_ms <= ?6
         ORDER BY since_ms, room LIMIT ?7",
    )?;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (since, room) = after.unwrap_or((0, RoomId([0xff; 16])));
    let wanted = params![
        group.kind,
        group.version,
        &group.release.0[..],
        signed(since),
        &room.0[..],
        signed(by_ms),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ];
    let rows = query.query_map(wanted, rest)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One room, as it is listed; nothing if it is not at rest.
pub(crate) fn one(conn: &Connection, room: RoomId) -> Result<Option<RestingRoom>, SqliteFault> {
    let mut query = conn.prepare_cached(
        "SELECT room, kind, name, version, release, seats, since_ms, bytes FROM sleeping
         WHERE room = ?1",
    )?;
    Ok(query.query_row([&room.0[..]], rest).optional()?)
}
