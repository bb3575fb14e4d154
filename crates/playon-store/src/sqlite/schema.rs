//! Schema versions: a short ordered list of SQL files, each applied once and remembered with its checksum.

use rusqlite::{Connection, TransactionBehavior};

use crate::check::Check;

/// Marks the file as ours ("PLY1" in its header).
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"PLY1");

/// One step from a schema version to the next; the version is its place in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All steps, oldest first. A step that has been released is never edited; a new one is added.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_first", sql: include_str!("../../migrations/0001_first.sql") },
    Migration { name: "0002_rest", sql: include_str!("../../migrations/0002_rest.sql") },
];

/// What a database file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// New: nothing has been written to it.
    Empty,
    /// Ours, with this schema version.
    Ours(u32),
    /// Somebody else's.
    Foreign(String),
}

/// Tells what a database is, reading only.
pub(crate) fn identify(conn: &Connection) -> rusqlite::Result<Identity> {
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version) {
        (0, 0) if tables == 0 => Identity::Empty,
        (APPLICATION_ID, version) if version > 0 => u32::try_from(version).map_or_else(
            |_| Identity::Foreign(format!("schema version {version}")),
            Identity::Ours,
        ),
        _ => {
            Identity::Foreign(format!("it has application id {application:#x} and {tables} tables"))
        }
    })
}

/// Compares the steps applied with the steps known; the error says which one differs.
pub(crate) fn compare(
    conn: &Connection,
    known: &[Migration],
) -> rusqlite::Result<Result<(), String>> {
    let mut query = conn.prepare("SELECT version, name, sum FROM migration ORDER BY version")?;
    let mut rows = query.query([])?;
    let mut applied = 0;
    while let Some(row) = rows.next()? {
        let (version, name, found): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        applied += 1;
        let Some(step) = known.get(applied - 1).filter(|_| usize::try_from(version) == Ok(applied))
        else {
            return Ok(Err(format!("migration {version} ({name}) is not known")));
        };
        if found != sum(step) {
            return Ok(Err(format!("migration {version} is not the {} known here", step.name)));
        }
    }
    Ok(if applied == 0 { Err("no migration is recorded".to_owned()) } else { Ok(()) })
}

/// Applies all steps after version `from` in one transaction.
pub(crate) fn migrate(
    conn: &mut Connection,
    from: u32,
    steps: &[Migration],
) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sum INTEGER NOT NULL)",
    )?;
    for (version, step) in (1_u32..).zip(steps).filter(|(version, _)| *version > from) {
        tx.execute_batch(step.sql)?;
        tx.execute(
            "INSERT INTO migration (version, name, sum) VALUES (?1, ?2, ?3)",
            (version, step.name, sum(step)),
        )?;
        tx.pragma_update(None, "user_version", version)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.commit()
}

fn sum(step: &Migration) -> i64 {
    Check::of("migration")
        .bytes(step.name.as_bytes())
        .bytes(step.sql.as_bytes())
        .sum()
        .cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RestNote;
    use crate::sqlite::{rests, rooms};
    use playon_types::ids::{Epoch, RoomId, Seq};

    const FIRST: Migration = Migration { name: "one", sql: "CREATE TABLE a (x)" };
    const SECOND: Migration =
        Migration { name: "two", sql: "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)" };
    const EDITED: Migration = Migration { name: "one", sql: "CREATE TABLE a (z)" };
    const BROKEN: Migration = Migration { name: "two", sql: "CREATE TABLE b (x); nonsense" };

    #[test]
    fn steps_are_applied_once_and_in_order() {
        let mut conn = Connection::open_in_memory().unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Empty);
        migrate(&mut conn, 0, &[FIRST]).unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(1));
        migrate(&mut conn, 1, &[FIRST, SECOND]).unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(2));
        assert_eq!(compare(&conn, &[FIRST, SECOND]).unwrap(), Ok(()));
        assert_eq!(conn.query_row("SELECT y FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    }

    #[test]
    fn an_edited_step_is_noticed() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, 0, &[FIRST]).unwrap();
        assert!(compare(&conn, &[EDITED]).unwrap().is_err());
        assert!(compare(&conn, &[]).unwrap().is_err());
    }

    #[test]
    fn a_failed_step_leaves_the_version_as_it_was() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, 0, &[FIRST]).unwrap();
        assert!(migrate(&mut conn, 1, &[FIRST, BROKEN]).is_err());
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(1));
        assert!(conn.query_row("SELECT * FROM b", [], |_| Ok(())).is_err());
    }

    /// A step that has been applied anywhere is never edited: append another one.
    #[test]
    fn released_steps_stay_as_they_are() {
        let sums: Vec<String> =
            MIGRATIONS.iter().map(|step| format!("{:016x}", sum(step))).collect();
        assert_eq!(sums, ["3b0cbe8b2ce43e59", "2fb73b6d2d4ec4b0"]);
    }

    #[test]
    fn rooms_at_rest_are_what_they_were_after_the_second_step() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, 0, &MIGRATIONS[..1]).unwrap();
        for n in [1_u8, 2] {
            let body = vec![n; 100];
            let sum = crate::check::room_row("sleeping", &[n; 16], 7, 3, &body).cast_signed();
            let insert =
                "INSERT INTO sleeping (room, seq, epoch, body, sum) VALUES (?1, 7, 3, ?2, ?3)";
            conn.execute(insert, (&[n; 16][..], &body, sum)).unwrap();
        }
        migrate(&mut conn, 1, MIGRATIONS).unwrap();
        let load = |n| rooms::load_sleeping(&conn, RoomId([n; 16]), Epoch(0)).unwrap().unwrap();
        assert_eq!((load(2).snapshot.seq, load(2).snapshot.body.len()), (Seq(7), 100));
        assert_eq!(load(1).rest, Some(RestNote::default()));
        let listed = rests::page(&conn, None, 9).unwrap();
        assert_eq!(listed.iter().map(|rest| rest.bytes).collect::<Vec<_>>(), [100, 100]);
        // What looks for rooms by way of the index finds it under the name it had.
        let index = "SELECT count(*) FROM sleeping INDEXED BY sqlite_autoindex_sleeping_1";
        assert_eq!(conn.query_row(index, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    }

    #[test]
    fn a_foreign_database_is_told_apart() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(identify(&conn).unwrap(), Identity::Foreign(_)));
    }
}
