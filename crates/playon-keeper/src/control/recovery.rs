//! Reading the hot rooms back at start, while players may already connect.

use std::sync::mpsc::Sender;

use playon_store::{RoomDamage, RoomLog, StoredRoom};
use playon_types::image::ApplyBounds;

use crate::error::store_error;
use crate::messages::{ToControl, ToShard};
use crate::owner::{Shards, read_back};

/// Hands every room of the hot log to its shard, and tells the shards when that was all. If the rooms cannot be told
/// apart from the damage, the shards are never told: no room is created in the place of one that cannot be read.
pub(crate) fn recover_rooms(
    log: &dyn RoomLog,
    shards: &Shards,
    bounds: &ApplyBounds,
    news: &Sender<ToControl>,
) {
    let mut rooms = 0_u64;
    let mut each = |found: Result<StoredRoom, RoomDamage>| match found {
        Ok(stored) => {
            rooms += 1;
            let event = match read_back(&stored, bounds) {
                Ok(image) => ToShard::Recovered(Box::new(image)),
                Err(error) => ToShard::Damaged(stored.room, error.to_string()),
            };
            shards.of(stored.room).push(event);
        }
        Err(RoomDamage { room, place }) => {
            shards.of(room).push(ToShard::Damaged(room, place));
        }
    };
    match log.recover(&mut each) {
        Ok(()) => {
            tracing::info!(rooms, "all rooms have been read back");
            shards.push_each(|| ToShard::RecoveryDone);
        }
        Err(error) => {
            tracing::error!(%error, "the rooms cannot be read back");
            let _ = news.send(ToControl::Failed(store_error(&error)));
        }
    }
}
