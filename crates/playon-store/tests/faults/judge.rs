//! What a fault has left, held against what was acknowledged.

use std::path::Path;

use playon_faults::{IoEvent, What};
use playon_store::{Decisions, OpenError, SqliteStore};

use crate::child::options;
use crate::common::{COUNTER, Seen, World, see};

/// What the child said was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    pub(crate) step: u64,
    pub(crate) note: u64,
    /// Steps of former lives that were stored and not acknowledged.
    pub(crate) unheard: u64,
}

impl Acked {
    /// Takes a line of notes in.
    pub(crate) fn hear(&mut self, text: &[u8]) {
        for line in std::str::from_utf8(text).unwrap().lines() {
            match line.strip_prefix("note ") {
                Some(note) => self.note = note.parse().unwrap(),
                None => self.step = line.parse().unwrap(),
            }
        }
    }

    /// All that was acknowledged in a log.
    pub(crate) fn of(events: &[IoEvent]) -> Self {
        let mut acked = Self::default();
        for event in events {
            if let What::Note(text) = &event.what {
                acked.hear(text);
            }
        }
        acked
    }
}

/// How a store is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All that was acknowledged is there, and nothing that was not begun.
    Exact,
    /// Rooms are reported as damaged; the others are exact.
    RoomsDamaged,
    /// It is refused, with this error.
    Refused(String),
}

/// Opens what was left. An error means that the store is silently wrong.
pub(crate) fn judge(seed: u64, dir: &Path, acked: Acked) -> Result<Outcome, String> {
    let store = match SqliteStore::open(dir, options()) {
        Ok(store) => store,
        Err(error @ (OpenError::Locked { .. } | OpenError::Missing { .. })) => {
            return Err(format!("refused for the wrong reason: {error}"));
        }
        Err(error) => return Ok(Outcome::Refused(error.to_string())),
    };
    let seen = match see(&store) {
        Ok(seen) => seen,
        Err(error) => return Ok(Outcome::Refused(error.to_string())),
    };
    if seen.damaged.contains(&COUNTER) {
        let world = World::after(seed, acked.step);
        // How far the others got cannot be told without it; at least one step may have been under way.
        let next = World::after(seed, acked.step + 1);
        world.compare(&seen, &store).or_else(|_| next.compare(&seen, &store))?;
        return Ok(Outcome::RoomsDamaged);
    }
    let steps = steps_of(&seen);
    if steps < acked.step || steps > acked.step + acked.unheard + 1 {
        return Err(format!("{steps} steps are found, {acked:?} were acknowledged"));
    }
    World::after(seed, steps).compare(&seen, &store)?;
    match store.setting("note") {
        Ok(None) if acked.note == 0 => {}
        Ok(Some(value)) => {
            let note: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
            if note < acked.note {
                return Err(format!("the note is {note}, {acked:?} was acknowledged"));
            }
        }
        Err(_) => {}
        Ok(None) => return Err(format!("there is no note, {acked:?} was acknowledged")),
    }
    Ok(if seen.places.is_empty() { Outcome::Exact } else { Outcome::RoomsDamaged })
}

fn steps_of(seen: &Seen) -> u64 {
    seen.rooms.get(&COUNTER).map_or(0, |found| {
        found.records.last().map_or(found.snapshot.seq.0, |(_, last)| last.seq.0)
    })
}

/// How many steps a store has.
pub(crate) fn steps(dir: &Path) -> u64 {
    let store = SqliteStore::open(dir, options()).unwrap();
    steps_of(&see(&store).unwrap())
}
