//! A rule of the keeper's own does not hold in a room: it is halted, and nothing more is stored of it.

use crate::effect::{Effect, Report, Stored};
use playon_types::attach::ToWorker;
use playon_types::gate::Close;
use playon_types::ids::Seq;

use super::bench::{Bench, ONE, ROOM};
use super::now;

/// A store that calls safe what nobody has given it.
#[test]
fn a_room_in_which_a_rule_does_not_hold_is_halted_and_left_as_it_is_stored() {
    let mut bench = Bench::with_player(&now(), false);
    bench.input(1, 1);
    bench.effects.clear();
    bench.stored(Stored::Record(Seq(99)));
    let stores = |effect: &Effect| {
        matches!(effect, Effect::Append { .. } | Effect::Snapshot(_) | Effect::Delete(_))
    };
    assert!(!bench.effects.iter().any(stores), "{:?}", bench.effects);
    assert_eq!(bench.closed(1), Some(Close::RoomHalted));
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Retire { room: ROOM, .. }]));
    let reports = bench.reports();
    let told = reports.iter().find_map(|report| match report {
        Report::Unsound { room: ROOM, what } => Some(what.as_str()),
        _ => None,
    });
    assert_eq!(told, Some("99 is safe, the last commit is 2"));
    let halted = |report: &Report| matches!(report, Report::Listing(l) if l.halted.is_some());
    assert!(reports.iter().any(halted), "{reports:?}");
    // Only the worker is still watched, which was at its last batch.
    bench.worker_down(ONE);
    assert_eq!(bench.shard.next_timeout(), None);
    // Whoever comes is told, and the room is not made anew.
    bench.hello(2);
    assert_eq!(bench.closed(2), Some(Close::RoomHalted));
    assert!(bench.sent_to(ONE).is_empty());
}
