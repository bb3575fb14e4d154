//! Rooms that are read back: how many at a time are opened, and how large they may be.

use crate::effect::{Effect, Report};
use crate::fleet::{Berth, WorkerInfo};
use crate::limits::Limits;
use crate::shard::{Shard, ShardConfig};
use bytes::Bytes;
use playon_types::attach::{Body, Commit, FromWorker, Ready, ToWorker};
use playon_types::gate::{Create, Hello, ToOwner, Who};
use playon_types::ids::{Attempt, ConnId, Epoch, RoomId, SecretHash, Seq, SessionId, WorkerId};
use playon_types::image::{Image, StateCodec};
use playon_types::kind::Policies;
use playon_types::ply;
use playon_types::time::Span;

use super::bench::{Bench, NEW, OLD, ONE, Plain, ROOM, TWO, answer, committed, kind, prewarmed};

const KB: usize = 1 << 10;

/// The bounds of a shard in miniature.
fn small() -> Limits {
    Limits { opens_bytes_max: 32 * KB, ..Limits::default() }
}

fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

fn image(id: RoomId, bytes: usize) -> Image {
    Image { between_rounds: true, ..committed(id, "duel", Bytes::from(vec![1; bytes])) }
}

/// A keeper with these limits that has read rooms of that size back, and no worker yet.
fn recovered(limits: Limits, rooms: u8, bytes: usize) -> Bench {
    let mut bench = Bench::new(&Policies::default());
    let config = ShardConfig { epoch: Epoch(2), limits, shard: 0, age: Span::ZERO };
    bench.shard = Shard::new(config, Plain);
    for n in 0..rooms {
        bench.shard.handle_recovered(bench.now, image(room(n), bytes));
    }
    bench.shard.handle_recovery_done(bench.now);
    bench.effects.clear();
    bench
}

fn worker_up(bench: &mut Bench, id: u64) -> WorkerId {
    let id = WorkerId(id);
    let kinds = vec![kind(1, Policies::default())];
    bench
        .shard
        .handle_worker_up(bench.now, WorkerInfo { id, berth: Berth::Common, release: OLD, kinds });
    bench.wait(Span::ZERO);
    id
}

/// The rooms that the worker was asked to open since the last time.
fn asked(bench: &mut Bench, worker: WorkerId) -> Vec<(RoomId, Attempt)> {
    let opens = bench.sent_to(worker).into_iter().filter_map(|message| match message {
        ToWorker::Open { room, attempt, .. } => Some((room, attempt)),
        _ => None,
    });
    opens.collect()
}

fn open(bench: &mut Bench, worker: WorkerId, (room, attempt): (RoomId, Attempt), bytes: usize) {
    let image = image(room, bytes);
    let ready = Ready {
        room,
        attempt,
        seq: image.seq,
        version: 1,
        body: Body::Same,
        hash: image.hash,
        wake_at: None,
        cost_us: 5,
    };
    bench.worker(worker, FromWorker::Ready(ready));
}

#[test]
fn large_rooms_are_opened_a_few_at_a_time_and_the_next_when_one_is_open() {
    let mut bench = recovered(small(), 50, 5 * KB);
    let one = worker_up(&mut bench, 1);
    let mut under_way = asked(&mut bench, one);
    assert_eq!(under_way.len(), 7, "32 KiB are on their way");
    let mut opened = 0;
    while let Some(next) = under_way.pop() {
        open(&mut bench, one, next, 5 * KB);
        opened += 1;
        under_way.extend(asked(&mut bench, one));
        assert!(under_way.len() <= 7);
    }
    assert_eq!(opened, 50);
}

#[test]
fn each_worker_that_dies_of_openings_is_followed_by_one_that_is_asked_for_less() {
    let mut bench = recovered(small(), 50, KB);
    let mut tries = Vec::new();
    for id in 1..9 {
        let worker = worker_up(&mut bench, id);
        tries.push(asked(&mut bench, worker).len());
        bench.wait(Span::secs(1));
        bench.worker_down(worker);
    }
    assert_eq!(tries, [32, 16, 8, 4, 2, 1, 1, 1]);
}

#[test]
fn an_opening_that_hangs_is_reported_from_its_turn_on_and_not_before() {
    let mut bench = recovered(small(), 2, KB);
    let one = worker_up(&mut bench, 1);
    let [(first, attempt), _] = asked(&mut bench, one)[..] else { panic!() };
    let turn = playon_types::attach::Turn { room: first, attempt, seq: Seq(5) };
    bench.wait(Span::secs(3));
    bench.shard.handle_turn(bench.now, one, turn);
    bench.wait(Span::secs(4));
    let suspects = |bench: &Bench| {
        let suspects = bench.effects.iter().filter(|effect| match effect {
            Effect::Suspect { why, .. } => {
                why.code() == Some(ply!("PLY-0403")) && why.words().contains(&first.to_string())
            }
            _ => false,
        });
        suspects.count()
    };
    assert_eq!(suspects(&bench), 0);
    bench.wait(Span::secs(1));
    assert_eq!(suspects(&bench), 1);
}

fn welcome(bench: &mut Bench, id: RoomId) {
    let who =
        Who::New { session: SessionId(7), secret: SecretHash([1; 16]), profile: Bytes::new() };
    let create = Create { kind: "duel".into(), name: String::new(), params: Bytes::new(), seed: 0 };
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(7), room: id, who, create: Some(create) }));
}

/// Answers the room's batch with a state of that size. Whether it was taken.
fn grows_to(bench: &mut Bench, worker: WorkerId, bytes: usize, parent: usize) -> bool {
    let sent = bench.sent_to(worker);
    let [ToWorker::Deliver(deliver)] = sent.as_slice() else { panic!("{sent:?}") };
    let state = Bytes::from(vec![1; bytes]);
    let commit = Commit {
        room: deliver.room,
        attempt: deliver.attempt,
        seq: deliver.seq,
        parent_hash: image(deliver.room, parent).hash,
        hash: Plain.hash(&state),
        version: 1,
        body: Body::Full(state),
        refused: Vec::new(),
        dismissed: Vec::new(),
        outputs: Vec::new(),
        inputs: deliver.inputs(),
        views: Vec::new(),
        left_out: Vec::new(),
        watch_view: None,
        wake_at: None,
        between_rounds: true,
        ended: false,
        cost_us: 5,
    };
    bench.worker(worker, FromWorker::Commit(commit));
    !bench.reports().iter().any(|report| matches!(report, Report::Refused { .. }))
}

#[test]
fn a_room_that_was_stored_above_a_lowered_bound_plays_on_and_grows_no_further() {
    let limits = Limits { state_bytes_max: 1_000, ..Limits::default() };
    for (grown, taken) in [(1_600, true), (1_650, true), (1_701, false), (900, true)] {
        let mut bench = recovered(limits.clone(), 1, 1_600);
        let one = worker_up(&mut bench, 1);
        let next = asked(&mut bench, one)[0];
        open(&mut bench, one, next, 1_600);
        welcome(&mut bench, room(0));
        assert_eq!(grows_to(&mut bench, one, grown, 1_600), taken, "{grown} bytes");
    }
}

#[test]
fn a_room_that_has_shrunk_below_the_bound_is_held_to_it() {
    let limits = Limits { state_bytes_max: 1_000, ..Limits::default() };
    let mut bench = recovered(limits, 1, 1_600);
    let one = worker_up(&mut bench, 1);
    let next = asked(&mut bench, one)[0];
    open(&mut bench, one, next, 1_600);
    welcome(&mut bench, room(0));
    assert!(grows_to(&mut bench, one, 900, 1_600));
    let payload = Bytes::from_static(b"move");
    bench.gate(ToOwner::Input { conn: ConnId(7), seq: 1, recv: 0, payload });
    assert!(!grows_to(&mut bench, one, 1_100, 900));
}

#[test]
fn a_tail_longer_than_the_state_is_sent_as_the_state() {
    let mut bench = Bench::with_player(&Policies::default(), true);
    bench.move_to(NEW, true);
    let sent = bench.sent_to(TWO);
    let [ToWorker::Prewarm { attempt, seq, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    let (attempt, seq) = (*attempt, seq.0);
    // The bench's states have two bytes, and so have its deltas.
    for number in 1..3 {
        bench.input(1, number);
        for message in bench.sent_to(ONE) {
            let Some(FromWorker::Commit(commit)) = answer(ONE, &message, true) else { continue };
            let Body::Full(bytes) = commit.body.clone() else { panic!() };
            let commit = Commit { body: Body::Delta(bytes), ..commit };
            bench.worker(ONE, FromWorker::Commit(commit));
        }
    }
    let longest = bench.shard.rooms(bench.now).map(|facts| facts.tail_bytes).max();
    assert_eq!(longest, Some(0));
    bench.worker(TWO, prewarmed(ROOM, attempt, seq, 5));
    let sent = bench.sent_to(TWO);
    assert!(matches!(sent.as_slice(), [ToWorker::Open { .. }]), "{sent:?}");
}
