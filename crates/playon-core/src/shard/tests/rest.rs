//! Rooms that nobody is in: which of them sleep, and which end.

use std::collections::BTreeSet;

use crate::effect::{Effect, Listing, Loaded, Order, Report, Stored};
use bytes::Bytes;
use playon_types::attach::ToWorker;
use playon_types::gate::{Close, Hello, ToOwner, Who};
use playon_types::ids::{ConnId, ReleaseId, SecretHash, SessionId};
use playon_types::image::Image;
use playon_types::kind::{KindInfo, Policies};
use playon_types::time::{Span, WallTime};

use super::bench::{Bench, DEPLOY, NEW, OLD, ONE, ROOM, TWO, committed, kind};

const IDLE: Span = Span::secs(10);

fn policies(seat_hold: Span) -> Policies {
    Policies { idle_hibernate: IDLE, seat_hold, ..Policies::default() }
}

/// What became of the room.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Asleep,
    Deleted,
    Awake,
}

fn rest_of(bench: &mut Bench) -> Rest {
    bench.effects.clear();
    bench.wait(IDLE);
    let found = bench.effects.iter().find_map(|effect| match effect {
        Effect::Sleep(image) if image.room == ROOM => Some(Rest::Asleep),
        Effect::Delete(ROOM) => Some(Rest::Deleted),
        _ => None,
    });
    found.unwrap_or(Rest::Awake)
}

fn with_player(seat_hold: Span, name: &str) -> Bench {
    let mut bench = Bench::new(&policies(seat_hold));
    bench.hello_to(1, name);
    bench.obey(ONE, false);
    assert!(bench.welcomed(1));
    bench
}

#[test]
fn a_nameless_room_that_nobody_can_come_back_to_ends_and_others_sleep() {
    for (name, rest) in [("", Rest::Deleted), ("table", Rest::Asleep)] {
        let mut bench = with_player(Span::secs(60), name);
        bench.gate(ToOwner::Bye { conn: ConnId(1) });
        bench.obey(ONE, false);
        assert_eq!(rest_of(&mut bench), rest, "named {name:?}");
    }
}

#[test]
fn a_seat_that_is_kept_keeps_a_nameless_room() {
    let mut bench = with_player(Span::secs(3_600), "");
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.obey(ONE, false);
    assert_eq!(rest_of(&mut bench), Rest::Asleep);
}

#[test]
fn a_room_whose_last_visitor_was_a_refused_spectator_rests() {
    let mut bench = with_player(Span::secs(60), "table");
    bench.gate(ToOwner::Bye { conn: ConnId(1) });
    bench.obey(ONE, false);
    let hello = Hello { conn: ConnId(2), room: ROOM, who: Who::Watcher, create: None };
    bench.gate(ToOwner::Hello(hello));
    bench.obey(ONE, false);
    assert_eq!(bench.closed(2), Some(Close::Refused), "the game has no view for spectators");
    assert_eq!(rest_of(&mut bench), Rest::Asleep);
}

#[test]
fn somebody_who_is_there_keeps_a_room_awake() {
    let mut bench = with_player(Span::secs(60), "");
    assert_eq!(rest_of(&mut bench), Rest::Awake);
}

/// A room at rest that somebody has left for good, and the shard that has put it there.
fn at_rest() -> (Bench, Image) {
    let mut bench = with_player(Span::secs(60), "table");
    bench.gate(ToOwner::Bye { conn: ConnId(1) });
    bench.obey(ONE, false);
    let asleep = bench.goes_to_rest(IDLE);
    (bench, asleep)
}

fn expire(slept_by: u64) -> Order {
    Order::Expire { room: ROOM, slept_by: WallTime(slept_by) }
}

/// A player comes; nobody answers for the store.
fn come(bench: &mut Bench, conn: u64) {
    let who = Who::Watcher;
    let hello = Hello { conn: ConnId(conn), room: ROOM, who, create: None };
    bench.gate(ToOwner::Hello(hello));
}

fn looked_for(bench: &Bench) -> usize {
    bench.effects.iter().filter(|effect| matches!(effect, Effect::Load(ROOM))).count()
}

fn deleted(bench: &Bench) -> bool {
    bench.effects.contains(&Effect::Delete(ROOM))
}

#[test]
fn a_room_past_its_age_is_deleted_and_a_younger_one_stays() {
    for (since, goes) in [(10, true), (11, false)] {
        let (mut bench, asleep) = at_rest();
        bench.order(expire(10));
        assert_eq!(looked_for(&bench), 1, "the store says whether it still rests");
        bench.found_asleep(asleep, since);
        assert_eq!(deleted(&bench), goes, "{since}");
        assert_eq!(bench.reports().contains(&Report::Expired { room: ROOM }), goes);
        assert_eq!(bench.shard.facts().rooms, 0);
    }
}

#[test]
fn a_room_that_somebody_asks_for_wakes_however_old_it_is() {
    let (mut bench, asleep) = at_rest();
    bench.order(expire(10));
    come(&mut bench, 2);
    assert_eq!(looked_for(&bench), 1);
    bench.found_asleep(asleep, 0);
    assert!(!deleted(&bench));
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Open { .. }]));
}

#[test]
fn a_room_that_is_not_at_rest_any_more_is_left_alone() {
    let mut bench = with_player(Span::secs(60), "table");
    bench.effects.clear();
    bench.order(expire(u64::MAX));
    assert_eq!(bench.effects, []);
    let (mut bench, asleep) = at_rest();
    come(&mut bench, 2);
    bench.order(expire(u64::MAX));
    bench.found_asleep(asleep, 0);
    assert!(!deleted(&bench) && looked_for(&bench) == 1);
    // One that has been deleted meanwhile stays so.
    let (mut bench, _) = at_rest();
    bench.order(expire(u64::MAX));
    bench.loaded(Loaded::Missing);
    assert!(bench.sent_to(ONE).is_empty() && bench.shard.facts().rooms == 0);
}

#[test]
fn whoever_comes_while_the_deletion_is_with_the_store_waits_for_it() {
    let (mut bench, asleep) = at_rest();
    bench.store_works = false;
    bench.order(expire(10));
    bench.found_asleep(asleep, 0);
    bench.hello(2);
    come(&mut bench, 3);
    assert_eq!((bench.closed(2), bench.closed(3)), (None, None));
    assert!(bench.sent_to(ONE).is_empty(), "until then it may still be there");
    bench.shard.handle_stored(bench.now, ROOM, Stored::Deleted);
    bench.wait(Span(1));
    assert_eq!(bench.closed(3), None, "a spectator waits for whoever makes it");
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Create { .. }]));
}

#[test]
fn an_operator_closes_a_room_at_rest() {
    let (mut bench, asleep) = at_rest();
    come(&mut bench, 2);
    bench.order(Order::Close { room: ROOM });
    bench.order(Order::Close { room: ROOM });
    bench.found_asleep(asleep, 0);
    assert!(deleted(&bench));
    assert_eq!(bench.closed(2), Some(Close::UnknownRoom), "it finds no room any more");
    let gone = Report::Gone { room: ROOM, asleep: false };
    assert_eq!(bench.reports().iter().filter(|report| **report == gone).count(), 1);
}

#[test]
fn an_order_to_close_is_answered_whatever_is_found() {
    let not_closed = |unreadable| Report::NotClosed { room: ROOM, unreadable };
    for (found, answer) in [
        (Loaded::Missing, not_closed(None)),
        (Loaded::Unreadable("why".into()), not_closed(Some("why".into()))),
        (Loaded::Damaged("why".into()), Report::Gone { room: ROOM, asleep: false }),
    ] {
        let (mut bench, _) = at_rest();
        bench.order(Order::Close { room: ROOM });
        bench.loaded(found);
        assert!(bench.reports().contains(&answer), "{answer:?}");
        assert_eq!(bench.shard.facts().rooms, 0);
    }
    // One that is being made is not there yet.
    let mut bench = Bench::new(&policies(Span::secs(60)));
    bench.hello(1);
    bench.order(Order::Close { room: ROOM });
    assert!(bench.reports().contains(&not_closed(None)));
}

const THIRD: ReleaseId = ReleaseId([3; 32]);

/// What the new release says is that it reads nothing before its own version.
fn new_reads_only_its_own(bench: &mut Bench) {
    let said = KindInfo { reads_from: 2, ..kind(2, policies(Span::secs(60))) };
    bench.shard.handle_release(NEW, vec![said]);
}

fn listed(bench: &mut Bench) -> Vec<ReleaseId> {
    let release = |report| match report {
        Report::Listing(Listing { release, .. }) => Some(release),
        _ => None,
    };
    bench.reports().into_iter().filter_map(release).collect()
}

#[test]
fn a_room_that_no_release_reads_says_so_to_whoever_asks_for_it() {
    let (mut bench, asleep) = at_rest();
    bench.order(Order::Prefer(NEW));
    new_reads_only_its_own(&mut bench);
    bench.worker_down(ONE);
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    for conn in [2, 3] {
        come(&mut bench, conn);
        bench.found_asleep(asleep.clone(), 0);
        assert_eq!(bench.closed(conn), Some(Close::RoomFails));
        let stranded = Report::Stranded { room: ROOM, kind: "duel".into(), version: 1 };
        assert!(bench.reports().contains(&stranded));
        assert_eq!(bench.shard.facts().rooms, 0, "it stays at rest");
    }
    assert!(!deleted(&bench));
}

#[test]
fn a_room_whose_release_is_gone_wakes_on_one_that_reads_it() {
    let (mut bench, asleep) = at_rest();
    bench.order(Order::Prefer(NEW));
    new_reads_only_its_own(&mut bench);
    bench.worker_down(ONE);
    let older = kind(1, policies(Span::secs(60)));
    bench.shard.handle_release(THIRD, vec![older]);
    bench.order(Order::Startable(BTreeSet::from([NEW, THIRD])));
    come(&mut bench, 2);
    bench.found_asleep(asleep, 0);
    assert_eq!(bench.closed(2), None);
    // Where it is listed, a worker is started for it.
    assert_eq!(listed(&mut bench).last(), Some(&THIRD));
}

#[test]
fn a_room_whose_release_is_gone_wakes_on_the_current_one_if_that_reads_it() {
    let (mut bench, asleep) = at_rest();
    bench.order(Order::Prefer(NEW));
    bench.worker_down(ONE);
    bench.order(Order::Startable(BTreeSet::from([NEW, THIRD])));
    bench.shard.handle_release(THIRD, vec![kind(1, Policies::default())]);
    come(&mut bench, 2);
    bench.found_asleep(asleep, 0);
    assert_eq!(listed(&mut bench).last(), Some(&NEW));
    bench.obey(TWO, false);
    assert!(
        bench
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Append { record, .. } if record.version == 2))
    );
}

#[test]
fn whoever_asks_for_a_room_that_no_release_reads_is_told_so() {
    let mut bench = Bench::new(&Policies::default());
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    let gone = ReleaseId([5; 32]);
    let stored = committed(ROOM, "duel", Bytes::from_static(b"s"));
    bench.recovered(Image { release: gone, version: 9, ..stored });
    bench.hello(1);
    assert_eq!(bench.closed(1), Some(Close::RoomFails));
}

#[test]
fn a_new_player_who_waits_for_a_room_that_no_release_reads_any_more_is_told_so() {
    let (mut bench, asleep) = at_rest();
    bench.order(Order::Prefer(NEW));
    new_reads_only_its_own(&mut bench);
    [ONE, TWO].into_iter().for_each(|worker| bench.worker_down(worker));
    bench.order(Order::Startable(BTreeSet::from([OLD, NEW])));
    let secret = SecretHash([2; 16]);
    let who = Who::New { session: SessionId(102), secret, profile: Bytes::new() };
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(2), room: ROOM, who, create: None }));
    bench.found_asleep(asleep, 0);
    assert_eq!(bench.closed(2), None, "a worker may be started for it");
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    assert_eq!(bench.closed(2), Some(Close::RoomFails));
}

#[test]
fn whoever_is_in_a_room_that_no_release_reads_any_more_is_told_so() {
    let mut bench = with_player(Span::secs(60), "table");
    bench.order(Order::Prefer(NEW));
    new_reads_only_its_own(&mut bench);
    bench.order(Order::Startable(BTreeSet::from([OLD, NEW])));
    [ONE, TWO].into_iter().for_each(|worker| bench.worker_down(worker));
    assert_eq!(bench.closed(1), None, "a worker may be started for it");
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    assert_eq!(bench.closed(1), Some(Close::RoomFails));
}

#[test]
fn the_last_worker_of_a_release_that_cannot_be_started_takes_no_room_with_it() {
    let mut bench = with_player(Span::secs(60), "table");
    bench.order(Order::Prefer(NEW));
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    bench.worker_down(ONE);
    assert!(bench.sent_to(TWO).iter().any(|sent| matches!(sent, ToWorker::Open { .. })));
    assert_eq!(bench.closed(1), None);
}

#[test]
fn the_last_worker_of_the_last_release_that_reads_a_room_is_told_of_to_whoever_is_in_it() {
    let mut bench = with_player(Span::secs(60), "table");
    bench.order(Order::Prefer(NEW));
    new_reads_only_its_own(&mut bench);
    bench.worker_down(TWO);
    bench.order(Order::Startable(BTreeSet::from([NEW])));
    assert_eq!(bench.closed(1), None, "a worker runs it");
    bench.worker_down(ONE);
    assert_eq!(bench.closed(1), Some(Close::RoomFails));
}

/// A room with a name that goes by turns, whose only player has left.
fn left(store_works: bool) -> Bench {
    let policies = Policies { tick: None, ..policies(Span::secs(60)) };
    let mut bench = Bench::new(&policies);
    bench.hello(1);
    bench.obey(ONE, false);
    bench.store_works = store_works;
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.obey(ONE, false);
    bench
}

#[test]
fn a_room_does_not_rest_before_its_last_commit_is_safe() {
    let mut bench = left(false);
    assert_eq!(rest_of(&mut bench), Rest::Awake);
    let seq = bench.shard.rooms(bench.now).next().and_then(|f| f.image.map(|image| image.seq));
    bench.effects.clear();
    bench.stored(Stored::Record(seq.expect("it is there")));
    bench.wait(Span::ZERO);
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Sleep(_))));
}

#[test]
fn a_room_that_is_to_move_or_has_something_with_its_worker_does_not_rest() {
    let mut bench = left(true);
    bench.worker_down(TWO);
    bench.move_to(NEW, true);
    assert_eq!(rest_of(&mut bench), Rest::Awake, "it waits for the other release");
    bench.order(Order::CancelMoves { deploy: DEPLOY });
    bench.wait(Span::ZERO);
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Sleep(_))));
    let policies = Policies { tick: None, ..policies(Span::secs(60)) };
    let mut bench = Bench::new(&policies);
    bench.hello(1);
    bench.obey(ONE, false);
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Deliver(_)]));
    bench.shard.handle_heard(bench.now, ONE);
    assert_eq!(rest_of(&mut bench), Rest::Awake, "the game hears that its player is away");
}

#[test]
fn a_room_on_its_way_to_rest_waits_for_nothing_and_is_not_put_to_rest_or_closed_again() {
    let mut bench = left(true);
    bench.store_works = false;
    assert_eq!(rest_of(&mut bench), Rest::Asleep);
    let facts = bench.shard.rooms(bench.now).next().map(|facts| (facts.place, facts.posts));
    assert_eq!(facts, Some((crate::facts::Place::Resting, Vec::new())));
    assert_eq!(rest_of(&mut bench), Rest::Awake);
    // Who comes meanwhile waits until it has gone to rest.
    bench.hello_again(2);
    assert_eq!((bench.closed(2), bench.sent_to(ONE)), (None, Vec::new()));
}

#[test]
fn a_room_that_an_operator_closes_is_deleted_once() {
    let mut bench = left(true);
    bench.store_works = false;
    bench.effects.clear();
    for _ in 0..2 {
        bench.order(Order::Close { room: ROOM });
    }
    let deleted = bench.effects.iter().filter(|effect| matches!(effect, Effect::Delete(ROOM)));
    assert_eq!(deleted.count(), 1);
    bench.hello_again(2);
    assert!(!bench.welcomed(2), "it is gone");
}

#[test]
fn a_room_that_had_ended_when_the_keeper_died_is_deleted_by_the_next_one() {
    let stored = committed(ROOM, "duel", Bytes::from_static(&[1, 5]));
    let mut bench = Bench::new(&policies(Span::secs(60)));
    bench.recovered(Image { ended: true, ..stored });
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Delete(ROOM))));
    assert_eq!(bench.sent_to(ONE), []);
}

#[test]
fn a_stop_stores_nothing_of_a_room_on_its_way_to_rest() {
    let mut bench = left(true);
    bench.store_works = false;
    assert_eq!(rest_of(&mut bench), Rest::Asleep);
    bench.effects.clear();
    bench.order(Order::Stop);
    let stored = |effect: &Effect| matches!(effect, Effect::Snapshot(_) | Effect::Append { .. });
    assert!(!bench.effects.iter().any(stored), "it would be back: {:?}", bench.effects);
}
