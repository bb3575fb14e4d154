//! What rooms of one thread make each other wait for.

// In tests a failed step is a failed test.
use std::sync::{Condvar, Mutex};

use crate::common::owner::{Held, Owner, input, join};
use playon::{Cx, Player, PlayerId, Refusal, Room};
use playon_types::attach::{Deliver, FromWorker, ToWorker};
use playon_types::ids::{Attempt, RoomId};
use playon_types::time::RoomTime;
use playon_wire::attach::{Down, cost};
use serde::{Deserialize, Serialize};

/// A door, and whether somebody stands before it.
struct Door {
    open: bool,
    awaited: bool,
}

static DOOR: (Mutex<Door>, Condvar) =
    (Mutex::new(Door { open: false, awaited: false }), Condvar::new());

/// Waits at the door if it is told to.
#[derive(Serialize, Deserialize)]
struct Caller;

impl Room for Caller {
    const KIND: &'static str = "caller";
    type Params = ();
    type Input = bool;
    type Event = ();
    type View = ();
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self)
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, waits: bool, _: &mut Cx<Self>) {
        let mut door = DOOR.0.lock().unwrap();
        door.awaited |= waits;
        DOOR.1.notify_all();
        drop(DOOR.1.wait_while(door, |door| waits && !door.open).unwrap());
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

fn deliver(room: &Held, waits: bool) -> ToWorker {
    ToWorker::Deliver(Deliver {
        room: room.room,
        attempt: room.attempt,
        seq: room.seq.next(),
        now: RoomTime(2_000),
        items: vec![input(5, 1, &waits)],
        render: Vec::new(),
        render_watch: false,
    })
}

fn open(room: &Held, attempt: Attempt) -> ToWorker {
    let (kind, state) = (room.kind.to_owned(), room.state.clone());
    ToWorker::Open { room: room.room, attempt, kind, seq: room.seq, version: room.version, state }
}

/// All in one frame, so that all of it waits in the worker.
fn tell(owner: &mut Owner, messages: Vec<ToWorker>) {
    owner.owed += messages.iter().map(cost).sum::<u64>();
    let items: Vec<_> = messages.into_iter().map(Down::Room).collect();
    owner.send(&items);
}

fn about(answer: &FromWorker) -> (RoomId, &'static str) {
    let what = match answer {
        FromWorker::Commit(_) => "commit",
        FromWorker::Ready(_) => "ready",
        FromWorker::Fault(_) => "fault",
        _ => "other",
    };
    (answer.about().0, what)
}

#[test]
fn an_answer_waits_for_nobody_and_a_room_that_stands_still_for_one_that_is_played() {
    let mut owner = Owner::attach(playon::app("caller").threads(1).room::<Caller>());
    let mut rooms: Vec<Held> = (1..20).map(|n| owner.create(n, "caller", "").unwrap()).collect();
    for room in &mut rooms {
        owner.batch(room, 1, vec![join(5, "ann")]);
    }
    let (stuck, first, closed) = (rooms[0].clone(), rooms[1].clone(), rooms[2].clone());
    let retire = |room: &Held| ToWorker::Retire { room: room.room, attempt: room.attempt };
    tell(&mut owner, vec![retire(&closed)]);
    tell(&mut owner, vec![deliver(&first, false), deliver(&stuck, true)]);
    // It has been made, and what is next on its thread takes for ever.
    assert_eq!(about(&owner.answer()), (first.room, "commit"));
    drop(DOOR.1.wait_while(DOOR.0.lock().unwrap(), |door| !door.awaited).unwrap());
    let mut messages: Vec<_> = rooms[3..].iter().map(|room| deliver(room, false)).collect();
    messages.push(open(&closed, Attempt(98)));
    messages.push(ToWorker::Retire { room: closed.room, attempt: Attempt(98) });
    messages.push(open(&closed, Attempt(99)));
    tell(&mut owner, messages);
    owner.until_read();
    DOOR.0.lock().unwrap().open = true;
    DOOR.1.notify_all();
    assert_eq!(about(&owner.answer()), (stuck.room, "commit"));
    let void = owner.answer();
    assert_eq!((void.about(), about(&void).1), ((closed.room, Attempt(98)), "fault"), "{void:?}");
    let answers: Vec<_> = (0..rooms.len() - 2).map(|_| owner.answer()).collect();
    let at = answers.iter().position(|answer| about(answer) == (closed.room, "ready"));
    assert!(at < Some(2), "it was opened after {at:?} others were played");
    owner.shutdown();
}
