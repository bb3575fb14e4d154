//! A store that goes on from an older state, because somebody decided so: it was restored or repaired.
//!
//! Players may know of commits that are no longer there. So it goes on in an epoch that has never been, and
//! rooms whose snapshot was written before it are marked: the keeper then tells each player what is lost. The mark
//! stays until a snapshot of the new life is stored, however often the keeper dies before.

use playon_types::ids::Epoch;
use rusqlite::Connection;

use crate::error::StoreError;
use crate::sqlite::apply::{Books, Group};
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::open::begin_epoch;
use crate::sqlite::tables::{self, Put};

/// The setting that holds the epoch in which the store was last restored or repaired.
const SETTING_REWOUND: &str = "rewound";

/// The epoch before which the store was last restored or repaired; 0 if it never was.
pub(crate) fn rewound(conn: &Connection) -> Result<Epoch, SqliteFault> {
    let value = tables::setting(conn, SETTING_REWOUND)?;
    let text = value.as_deref().map(std::str::from_utf8);
    let epoch = text.map(|text| text.ok().and_then(|text| text.parse().ok()));
    match epoch {
        None => Ok(Epoch(0)),
        Some(Some(epoch)) => Ok(Epoch(epoch)),
        Some(None) => {
            Err(SqliteFault::Damage(format!("table setting, row {SETTING_REWOUND}: not a number")))
        }
    }
}

/// Bits of an epoch below the time at which a store was rewound: chosen by chance, then counted up by openings.
const CHANCE_BITS: u32 = 20;

/// Seconds since 1970 that still count. Players take numbers in up to 2^53; a clock that is ahead of this is wrong.
const SECONDS_MAX: u64 = (1 << 32) - 1;

/// An epoch that no keeper has had, not even one that went on from the same older state: the time of rewinding, and chance.
/// Later than `last` and, unless the clock went back, than every epoch that players may know of.
fn unknown_epoch(last: Epoch) -> Result<Epoch, SqliteFault> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs()).min(SECONDS_MAX);
    let mut chance = [0; 8];
    getrandom::fill(&mut chance)
        .map_err(|error| SqliteFault::Damage(format!("there are no random numbers: {error}")))?;
    let chance = u64::from_le_bytes(chance) % (1 << CHANCE_BITS);
    // A clock that stands before what is known must not lead back to it.
    let floor = last.0.saturating_add(1 << CHANCE_BITS);
    Ok(Epoch((seconds << CHANCE_BITS).max(floor) + chance))
}

/// Goes on in an epoch that cannot have been before, and notes that all before it may be older than what
/// players were told.
pub(crate) fn rewind(conn: &Connection, books: &mut Books) -> Result<(), SqliteFault> {
    let epoch = unknown_epoch(books.epoch)?;
    begin_epoch(conn, books, epoch)?;
    let failed = |error: StoreError| SqliteFault::Damage(error.to_string());
    let mut group = Group::begin(conn, books).map_err(failed)?;
    let value = epoch.0.to_string().into();
    let put = Put::Setting { name: SETTING_REWOUND.to_owned(), value };
    group.put(&put).and_then(|said| said).map_err(failed)?;
    group.commit().map_err(failed)?;
    Ok(())
}
