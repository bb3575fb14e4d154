//! Copies that took a process down: where they may be tried again.
//!
//! A copy of a room is opened, or an older version of it written, in a process that other rooms run in. When that process dies
//! of it they all fall, so the next try is made where nobody else is. A room that fails there too stays where it is.

use std::collections::{BTreeMap, VecDeque};

use playon_types::ids::{ReleaseId, RoomId};

use crate::mutant::{Mutant, broken};

/// Copies of one shard of which it is remembered that they took a process down. Beyond it the oldest is forgotten, which costs
/// the rooms beside it one more reopening.
pub(crate) const DEADLY_MAX: usize = 1_024;

/// What is done of a room with the code of a release beside running it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DeadlyTask {
    /// A copy is opened and brought up to the last commit.
    Copy,
    /// An older version is written.
    Export,
}

/// What was done, of which room, with which release's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeadlyDeed {
    pub(crate) room: RoomId,
    pub(crate) release: ReleaseId,
    pub(crate) task: DeadlyTask,
}

/// What is remembered of a deed.
#[derive(Debug)]
struct Death {
    /// It is not tried again unasked.
    declined: bool,
    /// How the process ended, for people.
    how: String,
}

/// What took a process down, and whether it is tried again unasked.
#[derive(Debug, Default)]
pub(crate) struct Deadly {
    deaths: BTreeMap<DeadlyDeed, Death>,
    oldest: VecDeque<DeadlyDeed>,
}

impl Deadly {
    /// A process with other rooms died of it, or hung at it; `how`, for people.
    pub(crate) fn note(&mut self, deed: DeadlyDeed, how: &str) {
        if broken(Mutant::CopiesAmongOthers) {
            return;
        }
        if let Some(death) = self.deaths.get_mut(&deed) {
            how.clone_into(&mut death.how);
            return;
        }
        if self.oldest.len() == DEADLY_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.deaths.remove(&oldest);
        }
        self.deaths.insert(deed, Death { declined: false, how: how.to_owned() });
        self.oldest.push_back(deed);
    }

    /// It failed where nobody else is, too, or is not to be tried there.
    pub(crate) fn decline(&mut self, deed: DeadlyDeed, how: &str) {
        self.note(deed, how);
        if let Some(death) = self.deaths.get_mut(&deed) {
            death.declined = true;
        }
    }

    /// How the last process ended that was taken down by it; empty if nobody knows.
    pub(crate) fn how(&self, deed: DeadlyDeed) -> &str {
        self.deaths.get(&deed).map_or("", |death| death.how.as_str())
    }

    /// Whether it may only be tried where nobody else is.
    pub(crate) fn has(&self, deed: DeadlyDeed) -> bool {
        self.deaths.contains_key(&deed)
    }

    /// Whether it is not tried before somebody asks for it.
    pub(crate) fn is_declined(&self, deed: DeadlyDeed) -> bool {
        self.deaths.get(&deed).is_some_and(|death| death.declined)
    }

    /// Somebody wants rooms on another release: each may be tried once more, apart.
    pub(crate) fn begin_anew(&mut self) {
        self.deaths.values_mut().for_each(|death| death.declined = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(n: u16) -> DeadlyDeed {
        let mut room = RoomId([0; 16]);
        room.0[..2].copy_from_slice(&n.to_be_bytes());
        DeadlyDeed { room, release: ReleaseId([1; 32]), task: DeadlyTask::Copy }
    }

    #[test]
    fn what_was_declined_is_tried_apart_once_more_when_somebody_asks() {
        let mut deadly = Deadly::default();
        deadly.note(deed(1), "");
        assert!(deadly.has(deed(1)) && !deadly.is_declined(deed(1)) && !deadly.has(deed(2)));
        deadly.decline(deed(1), "killed by SIGSEGV");
        assert_eq!(deadly.how(deed(1)), "killed by SIGSEGV");
        deadly.note(deed(1), "exit code 3");
        assert_eq!(deadly.how(deed(1)), "exit code 3", "the last one");
        assert!(deadly.is_declined(deed(1)));
        assert!(!deadly.has(DeadlyDeed { task: DeadlyTask::Export, ..deed(1) }));
        deadly.begin_anew();
        assert!(deadly.has(deed(1)) && !deadly.is_declined(deed(1)));
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut deadly = Deadly::default();
        let most = u16::try_from(DEADLY_MAX).unwrap();
        (0..=most).for_each(|n| deadly.note(deed(n), ""));
        assert!(!deadly.has(deed(0)) && deadly.has(deed(1)) && deadly.has(deed(most)));
        assert_eq!((deadly.deaths.len(), deadly.oldest.len()), (DEADLY_MAX, DEADLY_MAX));
    }
}
