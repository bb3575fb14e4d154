//! A room passes between workers of different releases over real sockets.

// In tests a failed step is a failed test.
use crate::common::owner::{Held, Owner, input, join, told};
use crate::common::releases::{V1, V2, V3};
use bytes::Bytes;
use playon_types::attach::{Body, Commit, FromWorker, Item, Stage, ToWorker};
use playon_types::ids::Attempt;
use playon_types::time::RoomTime;

fn worker<R: playon::Room>() -> Owner {
    Owner::attach(playon::app("match").room::<R>())
}

fn delta(commit: &Commit) -> Bytes {
    match &commit.body {
        Body::Delta(delta) => delta.clone(),
        other => panic!("{other:?}"),
    }
}

/// A room of release 1 that has been played a little.
fn played(one: &mut Owner) -> Held {
    let mut room = one.create(1, "match", "").unwrap();
    one.batch(&mut room, 1, vec![join(5, "ann")]);
    one.batch(&mut room, 2, vec![input(5, 1, &0)]);
    room
}

#[test]
fn a_room_is_handed_over_between_two_batches() {
    // What the player is told when nothing is handed over.
    let mut alone = worker::<V1>();
    let mut room = played(&mut alone);
    let straight: Vec<_> =
        (2..6).map(|n| alone.batch(&mut room, n + 1, vec![input(5, n, &1)]).outputs).collect();
    alone.shutdown();

    let (mut one, mut two) = (worker::<V1>(), worker::<V2>());
    let mut room = played(&mut one);
    let FromWorker::Prewarmed(copy) = two.prewarm(&room, Attempt(9)) else { panic!() };
    assert!(copy.seq == room.seq && copy.size > 0);
    // It plays on while the copy waits.
    let first = one.batch(&mut room, 3, vec![input(5, 2, &1)]);
    let second = one.batch(&mut room, 4, vec![input(5, 3, &1)]);
    let old = room.clone();
    room.attempt = Attempt(9);
    let ready = two.tail(&mut room, vec![delta(&first), delta(&second)]).unwrap();
    assert_eq!((ready.version, ready.wake_at), (2, Some(RoomTime(90_000_000))));
    one.tell(ToWorker::Retire { room: old.room, attempt: old.attempt });
    let third = two.batch(&mut room, 5, vec![input(5, 4, &1)]);
    let fourth = two.batch(&mut room, 6, vec![input(5, 5, &1)]);
    let outputs = [first.outputs, second.outputs, third.outputs, fourth.outputs];
    assert_eq!(outputs.to_vec(), straight, "random numbers and ids go on where they were");
    let last = two.batch(&mut room, 90_000, vec![Item::Wake]);
    assert!(last.ended, "and so do timers");
    one.shutdown();
    two.shutdown();
}

#[test]
fn a_failed_handoff_leaves_the_old_room_as_it_was() {
    let (mut one, mut two) = (worker::<V1>(), worker::<V2>());
    let mut room = played(&mut one);
    assert!(matches!(two.prewarm(&room, Attempt(9)), FromWorker::Prewarmed(_)));
    one.batch(&mut room, 3, vec![input(5, 2, &1)]);
    let mut copy = room.clone();
    copy.attempt = Attempt(9);
    let fault = two.tail(&mut copy, Vec::new()).unwrap_err();
    assert!(
        fault.stage == Stage::Open && fault.message.starts_with("PLY-0432"),
        "{}",
        fault.message
    );
    let commit = one.batch(&mut room, 4, vec![input(5, 3, &1)]);
    assert_eq!(told(&commit, 5).len(), 1);
    one.shutdown();
    two.shutdown();
}

#[test]
fn a_long_tail_is_sent_whole_under_the_same_attempt() {
    let (mut one, mut two) = (worker::<V1>(), worker::<V2>());
    let mut room = played(&mut one);
    assert!(matches!(two.prewarm(&room, Attempt(9)), FromWorker::Prewarmed(_)));
    one.batch(&mut room, 3, vec![input(5, 2, &1)]);
    room.attempt = Attempt(9);
    assert_eq!(two.open(&mut room).unwrap().version, 2);
    two.batch(&mut room, 4, vec![input(5, 3, &1)]);
    one.shutdown();
    two.shutdown();
}

/// What asks for a state in an older version, under an attempt of its own.
fn export(room: &Held, version: u32) -> ToWorker {
    let (seq, state) = (room.seq, room.state.clone());
    let kind = "match".to_owned();
    ToWorker::Export { room: room.room, attempt: Attempt(77), kind, seq, version, state }
}

#[test]
fn a_room_that_is_not_open_anywhere_is_exported_from_its_bytes() {
    let (mut two, mut other) = (worker::<V2>(), worker::<V2>());
    let mut room = two.create(1, "match", "").unwrap();
    two.batch(&mut room, 1, vec![join(5, "ann"), input(5, 1, &1)]);
    two.shutdown();
    // This process has never seen the room.
    other.tell(export(&room, 1));
    let FromWorker::Exported(exported) = other.answer() else { panic!() };
    assert_eq!((exported.seq, exported.version), (room.seq, 1));
    let mut one = worker::<V1>();
    let mut back = Held { attempt: Attempt(9), version: 1, state: exported.state, ..room };
    assert_eq!(one.open(&mut back).unwrap().body, Body::Same);
    one.shutdown();
    other.shutdown();
}

#[test]
fn a_rollback_exports_without_touching_the_live_room() {
    let (mut two, mut one) = (worker::<V2>(), worker::<V1>());
    let mut room = two.create(1, "match", "").unwrap();
    two.batch(&mut room, 1, vec![join(5, "ann"), input(5, 1, &1)]);
    two.tell(export(&room, 1));
    let FromWorker::Exported(exported) = two.answer() else { panic!() };
    assert_eq!((exported.seq, exported.version), (room.seq, 1));
    two.batch(&mut room, 2, vec![input(5, 2, &1)]);
    two.tell(export(&room, 1));
    let FromWorker::Exported(exported) = two.answer() else { panic!() };
    let mut back = Held { attempt: Attempt(9), version: 1, state: exported.state, ..room.clone() };
    assert_eq!(one.open(&mut back).unwrap().body, Body::Same);
    let commit = one.batch(&mut back, 3, vec![input(5, 3, &0)]);
    assert_eq!((commit.version, told(&commit, 5).len()), (1, 1));
    one.shutdown();
    two.shutdown();
}

#[test]
fn what_cannot_be_read_or_written_is_said() {
    let (mut two, mut three) = (worker::<V2>(), worker::<V3>());
    let mut room = three.create(1, "match", "").unwrap();
    three.tell(export(&room, 2));
    let fault = three.fault();
    assert_eq!(fault.stage, Stage::Export);
    assert!(fault.message.starts_with("PLY-0430"), "{}", fault.message);
    three.batch(&mut room, 1, vec![join(5, "ann")]);
    let FromWorker::Fault(fault) = two.prewarm(&room, Attempt(9)) else { panic!() };
    let said = "PLY-0423 the state has version 3, this release reads up to 2";
    assert_eq!((fault.stage, fault.message.as_str()), (Stage::Prewarm, said));
    let mut copy = room.clone();
    copy.attempt = Attempt(10);
    assert_eq!(two.open(&mut copy).unwrap_err().message, said);
    copy.state = copy.state.slice(..copy.state.len() / 2);
    assert!(
        three
            .open(&mut Held { attempt: Attempt(11), ..copy })
            .unwrap_err()
            .message
            .starts_with("PLY-0425")
    );
    three.batch(&mut room, 2, vec![input(5, 1, &0)]);
    two.shutdown();
    three.shutdown();
}
