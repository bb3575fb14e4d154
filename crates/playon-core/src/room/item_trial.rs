//! Which of the items of a batch that failed it was.

use std::collections::{BTreeSet, VecDeque};

use playon_types::attach::Item;
use playon_types::ids::SessionId;

/// Failures after which what was in a batch, alone, is at fault. Only of a panic it is known that the game has done it; a
/// process may have died, and a commit be wrong, for another reason.
pub(super) const STRIKES: u32 = 2;

/// The trial of what was in a batch that failed.
#[derive(Debug, Default)]
pub(super) struct ItemTrial {
    /// The moment has passed without any of them.
    pub(super) control_passed: bool,
    /// What is still under suspicion, in the order in which it came.
    pub(super) groups: VecDeque<Vec<Item>>,
    /// What failed alone.
    pub(super) accused: Option<Accused>,
    /// Who saw the moment that failed first, and has seen none that passed since.
    pub(super) unseen: BTreeSet<SessionId>,
    /// It has taken down a worker that it was confined to.
    pub(super) guilty: bool,
}

impl ItemTrial {
    /// Nothing that was in a batch is under suspicion any more.
    pub(super) fn is_cleared(&self) -> bool {
        self.groups.is_empty() && self.accused.is_none()
    }

    /// The accused is a suspect as before.
    pub(super) fn put_back(&mut self) {
        if let Some(accused) = self.accused.take() {
            self.groups.push_front(vec![accused.item]);
        }
    }
}

/// What failed alone.
#[derive(Debug)]
pub(super) struct Accused {
    pub(super) item: Item,
    /// How often it has failed alone.
    pub(super) strikes: u32,
}

impl Accused {
    /// Nothing of the game's runs for what is merely noted, and without it the room's books would be wrong for ever: if
    /// the room fails on it, the room itself is at fault.
    pub(super) const fn is_the_room(&self) -> bool {
        matches!(self.item, Item::Noted { .. })
    }

    pub(super) const fn is_proven(&self) -> bool {
        self.strikes >= STRIKES && !self.is_the_room()
    }
}
