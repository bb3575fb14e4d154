//! What reading the database can run into.

use std::path::Path;

use crate::damage::{Damage, RoomDamage};
use crate::error::{OpenError, StoreError};
use crate::sqlite::connect;

/// Why a part of the database cannot be used.
#[derive(Debug)]
pub(crate) enum SqliteFault {
    /// The engine failed.
    Sql(rusqlite::Error),
    /// What is stored cannot be right, and it is not certain which rooms are concerned.
    Damage(String),
    /// What is stored about one room cannot be right.
    Room(RoomDamage),
}

impl From<rusqlite::Error> for SqliteFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl SqliteFault {
    /// As the answer to an attempt to open.
    pub(crate) fn into_open(self, dir: &Path) -> OpenError {
        match self {
            // Only values of the wrong type or range end here: the schema does not allow them.
            Self::Sql(
                error @ (rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::QueryReturnedNoRows),
            ) => OpenError::Damaged { dir: dir.to_owned(), place: error.to_string() },
            Self::Sql(error) => connect::open_error(dir, &error),
            Self::Damage(place) | Self::Room(RoomDamage { place, .. }) => {
                OpenError::Damaged { dir: dir.to_owned(), place }
            }
        }
    }

    /// As the answer to a later question.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Sql(error) => error.into(),
            Self::Damage(place) => StoreError::Damaged(Damage { room: None, place }),
            Self::Room(damage) => StoreError::Damaged(damage.into()),
        }
    }
}
