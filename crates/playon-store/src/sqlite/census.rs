//! How many rows each table should have, which, and of what age: the guard against rows that vanish or go back.
//!
//! A count and the exclusive or of the hashes of all keys, each with the version of its row, are kept per table
//! and written in the same transaction as the change. A row that is lost to damage, was removed by hand, or is
//! on a page that a disk never wrote again, no longer adds up, however long ago the log was cut that told of it.
//!
//! The version is the commit of a snapshot, the checksum of a row of a small table, and 0 where a changed row
//! is always a new one.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::check::Check;
use crate::sqlite::row::number;

/// The tables that are counted.
pub(crate) const COUNTED: [&str; 6] =
    ["snapshot", "sleeping", "carried", "release", "deploy", "setting"];

/// The small ones among them, and the queries that list their keys and versions.
pub(crate) const SMALL: [(&str, &str); 3] = [
    ("release", "SELECT id, sum FROM release NOT INDEXED"),
    ("deploy", "SELECT id, sum FROM deploy"),
    ("setting", "SELECT name, sum FROM setting NOT INDEXED"),
];

/// Rows and digest of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowTally {
    pub(crate) rows: i64,
    pub(crate) digest: u64,
}

impl RowTally {
    /// Counts a row in.
    pub(crate) fn add(&mut self, table: &str, key: &[u8], version: u64) {
        self.rows += 1;
        self.digest ^= Check::of(table).bytes(key).number(version).sum();
    }

    /// Counts a row out.
    pub(crate) fn remove(&mut self, table: &str, key: &[u8], version: u64) {
        self.rows -= 1;
        self.digest ^= Check::of(table).bytes(key).number(version).sum();
    }
}

/// The tallies of all counted tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    tallies: HashMap<&'static str, RowTally>,
    changed: Vec<&'static str>,
}

impl Census {
    /// Reads what is stored.
    pub(crate) fn read(conn: &Connection) -> rusqlite::Result<Self> {
        let mut census = Self::default();
        for table in COUNTED {
            let tally = conn.query_row(
                "SELECT rows, digest FROM census WHERE name = ?1",
                [table],
                |row| {
                    Ok(RowTally {
                        rows: row.get(0)?,
                        digest: row.get::<_, i64>(1)?.cast_unsigned(),
                    })
                },
            )?;
            census.tallies.insert(table, tally);
        }
        Ok(census)
    }

    /// What a table should have.
    pub(crate) fn of(&self, table: &str) -> RowTally {
        self.tallies.get(table).copied().unwrap_or_default()
    }

    /// Counts a row in.
    pub(crate) fn add(&mut self, table: &'static str, key: &[u8], version: u64) {
        self.change(table).add(table, key, version);
    }

    /// Counts a row out.
    pub(crate) fn remove(&mut self, table: &'static str, key: &[u8], version: u64) {
        self.change(table).remove(table, key, version);
    }

    fn change(&mut self, table: &'static str) -> &mut RowTally {
        if !self.changed.contains(&table) {
            self.changed.push(table);
        }
        self.tallies.entry(table).or_default()
    }

    /// Writes what has changed since the last call.
    pub(crate) fn write(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        for table in self.changed.drain(..) {
            let tally = self.tallies.get(table).copied().unwrap_or_default();
            conn.prepare_cached("UPDATE census SET rows = ?2, digest = ?3 WHERE name = ?1")?
                .execute((table, tally.rows, tally.digest.cast_signed()))?;
        }
        Ok(())
    }
}

/// The key of a row of `carried`.
pub(crate) fn carried_key(room: &[u8], kind: u32, seq: u64) -> Vec<u8> {
    [room, &kind.to_le_bytes(), &seq.to_le_bytes()].concat()
}

/// Counts the rows that a query finds: of each the key and the version.
pub(crate) fn count(conn: &Connection, table: &str, query: &str) -> rusqlite::Result<RowTally> {
    let mut tally = RowTally::default();
    let mut statement = conn.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, version) = (row.get_ref(0)?, number(row, 1)?);
        match key {
            ValueRef::Blob(key) | ValueRef::Text(key) => tally.add(table, key, version),
            ValueRef::Integer(key) => tally.add(table, &key.to_le_bytes(), version),
            // A key that cannot be one never adds up.
            ValueRef::Null | ValueRef::Real(_) => tally.rows += 1,
        }
    }
    Ok(tally)
}
