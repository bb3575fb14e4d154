//! Reading single rooms back from the store while others play.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use playon_core::effect::Loaded;
use playon_store::{RestingRooms, StoreError, StoredRoom};
use playon_types::ids::{Epoch, RoomId};
use playon_types::image::{ApplyBounds, Image};
use playon_types::time::WallTime;
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::{RecoverError, recover};

use super::inbox::Shards;
use crate::messages::ToShard;
use crate::process::alarm::{self, Alarm};

/// Asks for sleeping rooms; the answers go to the shards.
#[derive(Clone, Debug)]
pub(crate) struct Loader(Sender<RoomId>);

impl Loader {
    /// Starts the thread; it ends when the last `Loader` is dropped.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(
        alarm: Alarm,
        rooms: Arc<dyn RestingRooms>,
        epoch: Epoch,
        shards: Shards,
        bounds: ApplyBounds,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (asks, asked) = mpsc::channel();
        let run = move |alarm: &Alarm| {
            for room in asked {
                alarm.busy();
                let loaded = load(rooms.as_ref(), epoch, room, &bounds);
                shards.of(room).push(ToShard::Loaded(room, loaded));
                alarm.idle();
            }
        };
        let thread = alarm::spawn("loader", alarm, run)?;
        Ok((Self(asks), thread))
    }

    /// Asks for a room.
    pub(crate) fn ask(&self, room: RoomId) {
        // The thread lives as long as this sender does.
        let _ = self.0.send(room);
    }
}

fn load(rooms: &dyn RestingRooms, epoch: Epoch, room: RoomId, bounds: &ApplyBounds) -> Loaded {
    match rooms.load_sleeping(room) {
        Ok(None) => Loaded::Missing,
        Ok(Some(stored)) => match read_back(&stored, bounds) {
            Ok(image) => Loaded::Asleep { image: Box::new(image), since: since(&stored) },
            Err(error) => Loaded::Damaged(error.to_string()),
        },
        Err(error @ StoreError::Damaged(_)) => Loaded::Damaged(error.to_string()),
        // Cannot read is never "does not exist".
        Err(error) => {
            tracing::error!(%room, epoch = epoch.0, release = "unknown", %error, "a sleeping room cannot be read");
            Loaded::Unreadable(error.to_string())
        }
    }
}

/// Since when a room is at rest. One of which that is not known is never past its age.
fn since(stored: &StoredRoom) -> WallTime {
    let known = stored.rest.as_ref().map(|note| note.since_ms).filter(|ms| *ms > 0);
    WallTime(known.unwrap_or(u64::MAX))
}

/// The room that was held when these bytes were stored.
///
/// # Errors
/// When they cannot be read or do not fit together.
pub(crate) fn read_back(stored: &StoredRoom, bounds: &ApplyBounds) -> Result<Image, RecoverError> {
    let records = stored.records.iter().map(|(epoch, record)| (*epoch, &record.body[..]));
    let mut image = recover(&stored.snapshot.body, records, &ZstdXxh3, bounds)?;
    // What players know beyond it is gone, and must be told to them.
    image.clean &= !stored.rewound;
    Ok(image)
}
