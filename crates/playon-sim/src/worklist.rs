//! What waits in a worker for its turn.

use std::collections::{BTreeSet, VecDeque};

use playon_types::attach::{Stage, ToWorker};
use playon_types::ids::{Attempt, RoomId};
use playon_types::rng::Rng;
use playon_types::time::{Span, Time};

/// Messages that a worker was sent and has not dealt with.
#[derive(Debug, Default)]
pub struct Worklist {
    waiting: VecDeque<ToWorker>,
    /// When it will be done with the first of them, once it has begun.
    done_at: Option<Time>,
    /// What had not begun when its attempt ended: it is not done any more.
    void: BTreeSet<(RoomId, Attempt)>,
}

impl Worklist {
    /// One more message waits.
    pub fn push(&mut self, message: ToWorker) {
        if let ToWorker::Retire { room, attempt } = message {
            let begun = usize::from(self.done_at.is_some());
            let mut waiting = self.waiting.iter().skip(begun).map(ToWorker::turn);
            if waiting.any(|turn| (turn.room, turn.attempt) == (room, attempt)) {
                self.void.insert((room, attempt));
            }
        }
        self.waiting.push_back(message);
    }

    /// Which room has its turn is the worker's own business: only the messages of each keep their order.
    pub fn choose(&mut self, rng: &mut Rng) {
        if self.done_at.is_some() || self.waiting.len() < 2 {
            return;
        }
        let at = rng.below(self.waiting.len() as u64) as usize;
        let room = self.waiting.get(at).map(|message| message.turn().room);
        let first = self.waiting.iter().position(|message| Some(message.turn().room) == room);
        if let Some(message) = first.and_then(|at| self.waiting.remove(at)) {
            self.waiting.push_front(message);
        }
    }

    /// What it is at, or comes to next.
    pub fn front(&self) -> Option<&ToWorker> {
        self.waiting.front()
    }

    /// Begins with the first message, if it has not, which takes so long; tells when it is done.
    pub fn begin(&mut self, now: Time, takes: Span) -> Time {
        *self.done_at.get_or_insert(now + takes)
    }

    /// The first message is dealt with now.
    pub const fn reach(&mut self) {
        self.done_at = None;
    }

    /// Takes the first message out; whether it is not to be done any more.
    pub fn pop(&mut self) -> Option<(ToWorker, bool)> {
        let message = self.waiting.pop_front()?;
        let void = self.is_void(&message);
        if let ToWorker::Retire { room, attempt } = &message {
            self.void.remove(&(*room, *attempt));
        }
        Some((message, void))
    }

    /// Whether nobody wants it any more.
    pub fn is_void(&self, message: &ToWorker) -> bool {
        let turn = message.turn();
        let ends = matches!(message, ToWorker::Retire { .. });
        !ends && self.void.contains(&(turn.room, turn.attempt))
    }

    /// Whether it waits for more.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// What a fault at it is a fault at.
pub const fn stage_of(message: &ToWorker) -> Stage {
    match message {
        ToWorker::Create { .. } => Stage::Create,
        ToWorker::Open { .. } | ToWorker::Tail { .. } => Stage::Open,
        ToWorker::Export { .. } => Stage::Export,
        ToWorker::Prewarm { .. } => Stage::Prewarm,
        ToWorker::Deliver(_) | ToWorker::Retire { .. } => Stage::Deliver,
    }
}
