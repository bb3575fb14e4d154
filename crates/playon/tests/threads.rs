//! Many rooms on several threads of one worker.

// In tests a failed step is a failed test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};

use common::Log;
use common::owner::{Held, Owner, input, join, told};
use playon::{Cx, Player, PlayerId, Refusal, Room};
use playon_types::attach::FromWorker;
use playon_types::ids::RoomId;
use playon_wire::attach::{Down, Up};
use serde::{Deserialize, Serialize};

#[test]
fn rooms_are_answered_in_their_own_order() {
    const ROOMS: u8 = 100;
    const BATCHES: u64 = 30;
    let mut owner = Owner::attach(playon::app("logs").threads(4).room::<Log>());
    let mut rooms: BTreeMap<RoomId, Held> = BTreeMap::new();
    for number in 1..=ROOMS {
        let mut room = owner.create(number, "log", "").unwrap();
        owner.batch(&mut room, 1, vec![join(5, "ann")]);
        rooms.insert(room.room, room);
    }
    for room in rooms.values() {
        owner.deliver(room, 2, vec![input(5, 1, &common::Do::Id)]);
    }
    // Each answer is followed by that room's next batch, so all rooms are under way at once.
    let mut left = u64::from(ROOMS) * BATCHES;
    while left > 0 {
        let FromWorker::Commit(commit) = owner.answer() else { panic!() };
        let room = rooms.get_mut(&commit.room).unwrap();
        room.take_in(&commit);
        let batch = room.seq.0 - 2;
        assert_eq!(told(&commit, 5), [format!("\"id {batch}\"")]);
        left -= 1;
        if batch < BATCHES {
            let room = room.clone();
            owner.deliver(&room, 2 + batch, vec![input(5, batch + 1, &common::Do::Id)]);
        }
    }
    owner.shutdown();
}

static DOOR: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Hangs until the door is opened.
#[derive(Serialize, Deserialize)]
struct Stuck;

impl Room for Stuck {
    const KIND: &'static str = "stuck";
    type Params = ();
    type Input = bool;
    type Event = String;
    type View = ();
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self)
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, hang: bool, cx: &mut Cx<Self>) {
        let open = DOOR.0.lock().unwrap();
        drop(DOOR.1.wait_while(open, |open| hang && !*open).unwrap());
        cx.broadcast(&"moved".to_owned());
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[test]
fn a_room_that_hangs_holds_up_neither_other_threads_nor_the_link() {
    let mut owner = Owner::attach(playon::app("stuck").threads(4).room::<Stuck>());
    let mut rooms: Vec<Held> = (1..30).map(|n| owner.create(n, "stuck", "").unwrap()).collect();
    for room in &mut rooms {
        owner.batch(room, 1, vec![join(5, "ann")]);
    }
    owner.deliver(&rooms[0], 2, vec![input(5, 1, &true)]);
    for room in &rooms[1..] {
        owner.deliver(room, 2, vec![input(5, 1, &false)]);
    }
    owner.send(&[Down::Ping { nonce: 3 }]);
    let (mut pong, mut moved) = (false, 0);
    // The hanging room's thread has a quarter of the rooms, more or less.
    while !pong || moved < 10 {
        match owner.next() {
            Up::Pong { nonce: 3 } => pong = true,
            Up::Room(FromWorker::Commit(commit)) => {
                assert_ne!(commit.room, rooms[0].room);
                moved += 1;
            }
            Up::Credit { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    *DOOR.0.lock().unwrap() = true;
    DOOR.1.notify_all();
    owner.shutdown();
}
