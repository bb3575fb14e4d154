//! A store that goes on from an older state, because somebody decided so: it was restored or repaired.
//!
//! Players may know of commits that are no longer there. So it goes on in an epoch that has never been, and
//! rooms that were last written before it are marked: the keeper then tells each player what is lost.

use playon_core::ids::Epoch;
use rusqlite::Connection;

use crate::error::StoreError;
use crate::sqlite::apply::{Books, Group};
use crate::sqlite::fault::Fault;
use crate::sqlite::open::begin_epoch;
use crate::sqlite::tables::{self, Put};

/// The setting that holds the epoch in which the store was last restored or repaired.
const SETTING_REWOUND: &str = "rewound";

/// The epoch before which the store was last restored or repaired; 0 if it never was.
pub(crate) fn rewound(conn: &Connection) -> Result<Epoch, Fault> {
    let value = tables::setting(conn, SETTING_REWOUND)?;
    let text = value.as_deref().map(std::str::from_utf8);
    let epoch = text.map(|text| text.ok().and_then(|text| text.parse().ok()));
    match epoch {
        None => Ok(Epoch(0)),
        Some(Some(epoch)) => Ok(Epoch(epoch)),
        Some(None) => {
            Err(Fault::Damage(format!("table setting, row {SETTING_REWOUND}: not a number")))
        }
    }
}

/// Epochs between the last one known and the one in which a store goes on after it was rewound. More than any
/// keeper had in the time that is lost: no epoch of it may come again.
const EPOCHS_APART: u64 = 1 << 20;

/// Goes on in an epoch that cannot have been before, and notes that all before it may be older than what
/// players were told.
pub(crate) fn rewind(conn: &Connection, books: &mut Books) -> Result<(), Fault> {
    let epoch = Epoch(books.epoch.0 + EPOCHS_APART);
    begin_epoch(conn, books, epoch)?;
    let failed = |error: StoreError| Fault::Damage(error.to_string());
    let mut group = Group::begin(conn, books).map_err(failed)?;
    let value = epoch.0.to_string().into();
    let put = Put::Setting { name: SETTING_REWOUND.to_owned(), value };
    group.put(&put).and_then(|said| said).map_err(failed)?;
    group.commit().map_err(failed)?;
    Ok(())
}
