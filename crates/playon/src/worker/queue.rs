//! What waits for a room thread, and whose turn it is.
//!
//! A room's own messages keep their order; between rooms it matters who waits. A room that is opened stands still with all its
//! players, one that is played is late by a tick, and a copy is missed by nobody. Where there is less time than is wanted, and
//! large states want much, first come, first served would let each of the first wait for all of the second. So the time of a
//! thread is shared out among the three by weight: none is ever left without, and what one does not use the others have.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use playon_types::attach::ToWorker;
use playon_types::ids::RoomId;

/// Who waits for what a message brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Everybody in the room, which stands still.
    Standing,
    /// Players of a room that goes on.
    Playing,
    /// Nobody.
    Preparing,
}

impl Wanted {
    const fn of(message: &ToWorker) -> Self {
        match message {
            ToWorker::Create { .. }
            | ToWorker::Open { .. }
            | ToWorker::Tail { .. }
            | ToWorker::Export { .. }
            // It takes no time and gives memory back.
            | ToWorker::Retire { .. } => Self::Standing,
            ToWorker::Deliver(_) => Self::Playing,
            ToWorker::Prewarm { .. } => Self::Preparing,
        }
    }

    /// Its share of the time, as long as the others want theirs.
    const fn weight(self) -> u32 {
        match self {
            Self::Standing => 4,
            Self::Playing => 2,
            Self::Preparing => 1,
        }
    }
}

/// Rooms that wait for the same reason, in the order in which they came.
#[derive(Debug)]
struct Line {
    wanted: Wanted,
    rooms: VecDeque<RoomId>,
    /// Time that it has had, by its weight, or would have had if it had always wanted some.
    had: Duration,
}

/// What waits for a room thread.
#[derive(Debug)]
pub(super) struct Queue {
    /// Messages of each room, in their order. Each of these rooms waits in one line, by its first message.
    rooms: HashMap<RoomId, VecDeque<ToWorker>>,
    lines: [Line; 3],
    /// For what the thread is at work.
    serving: Wanted,
}

impl Queue {
    pub(super) fn new() -> Self {
        let line = |wanted| Line { wanted, rooms: VecDeque::new(), had: Duration::ZERO };
        let lines = [Wanted::Standing, Wanted::Playing, Wanted::Preparing].map(line);
        Self { rooms: HashMap::new(), lines, serving: Wanted::Standing }
    }

    /// One more message waits. Gives what nobody wants any more because of it: what has not begun under an attempt that ends
    /// would only hold up those who wait behind it.
    pub(super) fn push(&mut self, message: ToWorker) -> Vec<ToWorker> {
        let room = message.turn().room;
        let Some(waiting) = self.rooms.get_mut(&room) else {
            let wanted = Wanted::of(&message);
            self.rooms.insert(room, VecDeque::from([message]));
            self.line_up(room, wanted);
            return Vec::new();
        };
        let ToWorker::Retire { attempt: ended, .. } = message else {
            waiting.push_back(message);
            return Vec::new();
        };
        let (void, mut left): (VecDeque<_>, VecDeque<_>) = std::mem::take(waiting)
            .into_iter()
            .partition(|earlier| earlier.turn().attempt == ended);
        left.push_back(message);
        let wanted = left.front().map(Wanted::of);
        *waiting = left;
        if !void.is_empty()
            && let Some(wanted) = wanted
        {
            self.lines.iter_mut().for_each(|line| line.rooms.retain(|waits| *waits != room));
            self.line_up(room, wanted);
        }
        void.into()
    }

    fn line_up(&mut self, room: RoomId, wanted: Wanted) {
        let others = self.lines.iter().filter(|line| !line.rooms.is_empty());
        let least = others.map(|line| line.had).min().unwrap_or_default();
        if let Some(line) = self.lines.iter_mut().find(|line| line.wanted == wanted) {
            if line.rooms.is_empty() {
                // Time in which it wanted nothing is not made up for.
                line.had = line.had.max(least);
            }
            line.rooms.push_back(room);
        }
    }

    /// The message whose turn it is.
    pub(super) fn pop(&mut self) -> Option<ToWorker> {
        let waiting = self.lines.iter_mut().filter(|line| !line.rooms.is_empty());
        let line = waiting.min_by_key(|line| line.had)?;
        let room = line.rooms.pop_front()?;
        self.serving = line.wanted;
        let messages = self.rooms.get_mut(&room)?;
        let message = messages.pop_front();
        match messages.front().map(Wanted::of) {
            Some(wanted) => self.line_up(room, wanted),
            None => drop(self.rooms.remove(&room)),
        }
        message
    }

    /// What was given out last took so long.
    pub(super) fn took(&mut self, time: Duration) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.wanted == self.serving) {
            line.had += time / line.wanted.weight();
        }
    }

    /// What waits for that room, in its order; it does not wait here any more.
    pub(super) fn take(&mut self, room: RoomId) -> Vec<ToWorker> {
        self.lines.iter_mut().for_each(|line| line.rooms.retain(|waits| *waits != room));
        self.rooms.remove(&room).map(Vec::from).unwrap_or_default()
    }

    pub(super) fn has(&self, room: RoomId) -> bool {
        self.rooms.contains_key(&room)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use playon_types::attach::Deliver;
    use playon_types::ids::{Attempt, Seq};
    use playon_types::time::RoomTime;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn room(number: u8) -> RoomId {
        RoomId([number; 16])
    }

    fn open(number: u8) -> ToWorker {
        let (kind, state) = ("log".to_owned(), Bytes::new());
        ToWorker::Open {
            room: room(number),
            attempt: Attempt(1),
            kind,
            seq: Seq(1),
            version: 1,
            state,
        }
    }

    fn prewarm(number: u8) -> ToWorker {
        let (kind, state) = ("log".to_owned(), Bytes::new());
        let (room, attempt) = (room(number), Attempt(2));
        ToWorker::Prewarm { room, attempt, kind, seq: Seq(1), version: 1, state }
    }

    fn deliver(number: u8, seq: u64) -> ToWorker {
        ToWorker::Deliver(Deliver {
            room: room(number),
            attempt: Attempt(1),
            seq: Seq(seq),
            now: RoomTime(0),
            items: Vec::new(),
            render_watch: false,
            render: Vec::new(),
        })
    }

    fn retire(number: u8) -> ToWorker {
        ToWorker::Retire { room: room(number), attempt: Attempt(1) }
    }

    /// All that comes out when each thing takes so long; what is a batch comes back as the next one.
    fn served(queue: &mut Queue, steps: usize, took: Duration) -> Vec<Wanted> {
        let mut out = Vec::new();
        for _ in 0..steps {
            let Some(message) = queue.pop() else { break };
            queue.took(took);
            out.push(Wanted::of(&message));
            if let ToWorker::Deliver(deliver) = message {
                queue.push(ToWorker::Deliver(deliver));
            }
        }
        out
    }

    fn count(served: &[Wanted], wanted: Wanted) -> usize {
        served.iter().filter(|one| **one == wanted).count()
    }

    #[test]
    fn the_messages_of_a_room_keep_their_order_and_rooms_take_turns() {
        let mut queue = Queue::new();
        let sent = [deliver(1, 2), prewarm(1), open(1), deliver(1, 3), retire(9)];
        assert!(sent.iter().cloned().all(|message| queue.push(message).is_empty()));
        queue.push(deliver(2, 9));
        let mut of_first = Vec::new();
        let mut turns = Vec::new();
        while let Some(message) = queue.pop() {
            queue.took(MS);
            turns.push(message.turn().room.0[0]);
            of_first.extend((message.turn().room == room(1)).then_some(message));
        }
        assert_eq!(of_first, sent[..4]);
        assert_ne!(turns.last(), Some(&2), "the other one has its turn in between: {turns:?}");
        assert!(queue.is_empty());
    }

    #[test]
    fn what_has_not_begun_when_its_attempt_ends_is_not_done() {
        let mut queue = Queue::new();
        queue.push(deliver(1, 2));
        queue.push(prewarm(2));
        queue.push(open(2));
        assert_eq!(queue.push(retire(2)), [open(2)], "the copy is of another attempt");
        assert_eq!(queue.push(retire(1)), [deliver(1, 2)]);
        assert_eq!(queue.push(retire(1)), [retire(1)], "to forget it once will do");
        let left: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(left, [retire(1), prewarm(2), retire(2)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_waits_for_one_room_is_taken_out_and_the_others_wait_as_before() {
        let mut queue = Queue::new();
        let sent = [deliver(1, 2), deliver(2, 2), deliver(1, 3), retire(3)];
        sent.iter().for_each(|message| drop(queue.push(message.clone())));
        assert_eq!((queue.has(room(1)), queue.has(room(4))), (true, false));
        assert_eq!(queue.take(room(1)), [deliver(1, 2), deliver(1, 3)]);
        assert_eq!((queue.has(room(1)), queue.take(room(4))), (false, Vec::new()));
        queue.push(deliver(1, 4));
        let left: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn a_room_that_stands_still_does_not_wait_for_all_that_are_played() {
        let mut queue = Queue::new();
        (0..50).for_each(|number| drop(queue.push(deliver(number, 2))));
        served(&mut queue, 200, 30 * MS);
        (100..120).for_each(|number| drop(queue.push(open(number))));
        let out = served(&mut queue, 30, 30 * MS);
        assert!(out[..2].contains(&Wanted::Standing), "{out:?}");
        assert_eq!(count(&out, Wanted::Standing), 20, "two of three turns: {out:?}");
    }

    #[test]
    fn nobody_is_left_without_a_turn() {
        let mut queue = Queue::new();
        (0..50).for_each(|number| drop(queue.push(deliver(number, 2))));
        (100..200).for_each(|number| drop(queue.push(open(number))));
        (200..=255).for_each(|number| drop(queue.push(prewarm(number))));
        let out = served(&mut queue, 70, 30 * MS);
        let shares = [Wanted::Standing, Wanted::Playing, Wanted::Preparing];
        let shares = shares.map(|wanted| count(&out, wanted));
        assert!(
            shares.iter().zip([40, 20, 10]).all(|(had, due)| had.abs_diff(due) <= 1),
            "{shares:?}"
        );
    }

    #[test]
    fn who_wanted_nothing_for_long_has_nothing_in_store() {
        let mut queue = Queue::new();
        (0..50).for_each(|number| drop(queue.push(deliver(number, 2))));
        served(&mut queue, 1_000, 30 * MS);
        (100..200).for_each(|number| drop(queue.push(prewarm(number))));
        let out = served(&mut queue, 30, 30 * MS);
        assert!(count(&out, Wanted::Preparing).abs_diff(10) <= 1, "one of three turns: {out:?}");
    }

    #[test]
    fn small_things_count_for_little() {
        let mut queue = Queue::new();
        (0..50).for_each(|number| drop(queue.push(deliver(number, 2))));
        queue.push(prewarm(100));
        let before = served(&mut queue, 1, 30 * MS);
        // A large copy: the next one has its turn only when the others have had twice as much.
        queue.push(prewarm(101));
        let out = served(&mut queue, 400, MS / 4);
        let at = out.iter().position(|one| *one == Wanted::Preparing);
        assert!(at < Some(250), "{before:?}, then at {at:?}");
    }
}
