//! Many rooms on several threads of one worker.

// In tests a failed step is a failed test.
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};

use crate::common::Log;
use crate::common::owner::{Held, Owner, input, join, told};
use playon::{Cx, Player, PlayerId, Refusal, Room};
use playon_types::attach::{FromWorker, ToWorker};
use playon_types::ids::{Attempt, RoomId, Seq};
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
        owner.deliver(room, 2, vec![input(5, 1, &crate::common::Do::Id)]);
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
            owner.deliver(&room, 2 + batch, vec![input(5, batch + 1, &crate::common::Do::Id)]);
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

/// Its batches take as long as it is told.
#[derive(Default, Serialize, Deserialize)]
struct Slow {
    takes_ms: u64,
    threads: Vec<String>,
}

impl Room for Slow {
    const KIND: &'static str = "slow";
    type Params = ();
    type Input = u64;
    type Event = String;
    type View = ();
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, takes_ms: u64, cx: &mut Cx<Self>) {
        self.takes_ms = takes_ms;
        std::thread::sleep(std::time::Duration::from_millis(takes_ms));
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        cx.broadcast(&thread);
        self.threads.push(thread);
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

/// The thread on which the room's batch ran that is answered next.
fn ran_on(owner: &mut Owner, room: &mut Held) -> String {
    let FromWorker::Commit(commit) = owner.answer() else { panic!() };
    assert_eq!(commit.room, room.room);
    room.take_in(&commit);
    told(&commit, 5)[0].trim_matches('"').to_owned()
}

fn run(owner: &mut Owner, room: &mut Held, batch: u64, takes_ms: u64) -> String {
    owner.deliver(room, batch, vec![input(5, batch - 1, &takes_ms)]);
    ran_on(owner, room)
}

#[test]
fn a_room_that_is_slow_again_and_again_holds_up_no_other() {
    let mut owner = Owner::attach(playon::app("slow").threads(1).room::<Slow>());
    let mut slow = owner.create(1, "slow", "").unwrap();
    let mut other = owner.create(2, "slow", "").unwrap();
    owner.batch(&mut slow, 1, vec![join(5, "ann")]);
    owner.batch(&mut other, 1, vec![join(5, "bob")]);
    for batch in 2..5 {
        assert_eq!(run(&mut owner, &mut slow, batch, 60), "rooms-0");
    }
    // The next one keeps a thread for long, and the other room is answered meanwhile.
    owner.deliver(&slow, 5, vec![input(5, 4, &400)]);
    for batch in 2..20 {
        assert_eq!(run(&mut owner, &mut other, batch, 0), "rooms-0");
    }
    assert_eq!(ran_on(&mut owner, &mut slow), "slow-0");
    let told = owner.logs.iter().filter(|line| line.text.starts_with("PLY-0415 "));
    assert_eq!(told.map(|line| line.room).collect::<Vec<_>>(), [Some(slow.room)]);
    // Quick again for long enough, it is among the others.
    let threads: Vec<_> = (6..108).map(|batch| run(&mut owner, &mut slow, batch, 0)).collect();
    assert!(threads[..100].iter().all(|thread| thread == "slow-0"), "{threads:?}");
    assert!(threads[100..].iter().all(|thread| thread == "rooms-0"), "{threads:?}");
    owner.shutdown();
}

/// What is sent while a room changes its thread is done once, in its order.
#[test]
fn a_room_that_changes_its_thread_loses_nothing_of_what_is_on_the_way() {
    let mut owner = Owner::attach(playon::app("slow").threads(2).room::<Slow>());
    let mut rooms: Vec<Held> = (1..=12).map(|n| owner.create(n, "slow", "").unwrap()).collect();
    for room in &mut rooms {
        owner.batch(room, 1, vec![join(5, "ann")]);
    }
    for batch in 2..8 {
        for room in &rooms {
            owner.deliver(room, batch, vec![input(5, batch - 1, &50u64)]);
            // A copy of the room under another attempt, which is given up before anybody gets to it, or after.
            let attempt = Attempt(1_000 * batch + u64::from(room.room.0[0]));
            let Held { room, kind, seq, version, state, .. } = room.clone();
            let kind = kind.to_owned();
            owner.tell(ToWorker::Prewarm { room, attempt, kind, seq, version, state });
            owner.tell(ToWorker::Retire { room, attempt });
        }
        let mut left = rooms.len();
        while left > 0 {
            // Copies are answered, too, or declined.
            let FromWorker::Commit(commit) = owner.answer() else { continue };
            let room = rooms.iter_mut().find(|room| room.room == commit.room).unwrap();
            room.take_in(&commit);
            left -= 1;
        }
    }
    assert!(rooms.iter().all(|room| room.seq == Seq(8)));
    owner.shutdown();
}
