//! How our values stand in columns. SQLite has no unsigned numbers.

use rusqlite::Row;

/// A column that holds one of our numbers.
pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}
