//! Rooms that are halted, and workers that are waited for in vain: what only the inside of a shard shows.

use super::super::*;
use crate::deadly::DeadlyDeed;
use crate::effect::{Loaded, Order};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::ToWorker;
use playon_types::gate::Create;
use playon_types::ids::Epoch;
use playon_types::image::Image;
use playon_types::kind::{KindInfo, Policies};
use playon_types::time::Span;

const ROOM: RoomId = RoomId([1; 16]);

struct Plain;

impl StateCodec for Plain {
    fn apply(&self, _base: &[u8], delta: &[u8], _max: usize) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(delta))
    }

    fn hash(&self, state: &[u8]) -> u64 {
        state.len() as u64
    }
}

/// With one room that no worker is there for.
fn shard() -> Shard<Plain> {
    let (epoch, limits) = (Epoch(1), Limits::default());
    let mut shard = Shard::new(ShardConfig { epoch, limits, shard: 0, age: Span::ZERO }, Plain);
    let kind = "duel".to_owned();
    shard.handle_recovered(Time(0), Image { room: ROOM, kind, clean: true, ..Image::default() });
    shard.handle_recovery_done(Time(0));
    shard.env.out.clear();
    shard
}

/// What does not hold, if it is said of the room.
fn unsound(shard: &mut Shard<Plain>) -> Option<String> {
    std::iter::from_fn(|| shard.poll()).find_map(|effect| match effect {
        Effect::Report(Report::Unsound { room: ROOM, what }) => Some(what),
        _ => None,
    })
}

#[test]
fn a_room_in_which_something_is_due_again_and_again_is_halted() {
    let mut shard = shard();
    shard.overrun(Time(9), Time(7), Due::Room(ROOM));
    let what = unsound(&mut shard).expect("it is said");
    assert!(what.contains("Time(7us)") && what.contains("again and again"), "{what}");
    assert!(matches!(shard.rooms[&ROOM].slot, RoomSlot::Halted(_)));
    assert_eq!(shard.next_timeout(), None);
}

#[test]
fn a_room_in_the_making_that_is_halted_leaves_its_worker() {
    let (mut shard, other, worker) = (shard(), RoomId([2; 16]), WorkerId(1));
    let release = ReleaseId::default();
    let kinds = vec![KindInfo {
        name: "duel".into(),
        writes: 0,
        reads_from: 0,
        exports_to: 0,
        policies: Policies::default(),
    }];
    let info = WorkerInfo { id: worker, berth: Berth::Common, release, kinds };
    shard.handle_order(Time(0), Order::Prefer(release));
    shard.handle_worker_up(Time(0), info);
    let (params, name) = (Bytes::new(), String::new());
    let create = Create { kind: "duel".into(), name, params, seed: 0 };
    shard.handle_order(Time(0), Order::Create { room: other, create });
    shard.handle_loaded(Time(0), other, Loaded::Missing);
    shard.env.out.clear();
    shard.env.unsound(other, "a test".into());
    shard.settle(Time(0), other);
    let retired = |effect: &Effect| matches!(effect, Effect::Worker(_, ToWorker::Retire { room, .. }) if *room == other);
    assert!(shard.env.out.iter().any(retired), "{:?}", shard.env.out);
    assert!(matches!(shard.rooms[&other].slot, RoomSlot::Halted(_)));
}

#[test]
fn what_is_due_again_and_again_of_no_room_halts_none() {
    let mut shard = shard();
    for due in [Due::Probe, Due::Appeal, Due::Abandoned(WorkerId(1), Attempt(1))] {
        shard.overrun(Time(9), Time(7), due);
    }
    assert_eq!(unsound(&mut shard), None);
    assert!(matches!(shard.rooms[&ROOM].slot, RoomSlot::Room(_)));
}

#[test]
fn a_room_that_leaves_takes_its_entries_along() {
    let mut shard = shard();
    shard.env.agenda.set(Due::Room(ROOM), Time(5));
    let deed = DeadlyDeed {
        room: ROOM,
        release: ReleaseId::default(),
        task: crate::deadly::DeadlyTask::Copy,
    };
    shard.env.deadly.note(deed, "");
    assert!(shard.env.occupy_for(deed, "duel").is_none());
    shard.env.confine(ROOM, ReleaseId::default(), Berth::Quarantine);
    assert!(shard.remove(ROOM).is_some() && shard.remove(ROOM).is_none());
    assert_eq!(shard.env.agenda.next(), None);
    shard.env.report_berths();
    assert!(shard.poll().is_none(), "it needs no worker");
}
