//! Who comes to a shard, waits, says goodbye or is turned away, and what operators order: each by what the room is just then.

use crate::effect::{Effect, Loaded, Order, Report, Stored, Unprobed};
use crate::facts::Place;
use crate::limits::Limits;
use crate::shard::{Shard, ShardConfig};
use bytes::Bytes;
use playon_types::attach::{Item, ToWorker, Turn};
use playon_types::gate::{Close, Create, Hello, ToOwner, Who};
use playon_types::ids::{
    Attempt, ConnId, DeployId, Epoch, Generation, History, RoomId, SecretHash, Seq, SessionId,
};
use playon_types::image::Image;
use playon_types::kind::{OnDeploy, Policies};
use playon_types::time::{Span, WallTime};

use super::bench::{Bench, DEPLOY, NEW, ONE, Plain, ROOM, TWO, answer, committed, turn_based};

const OTHER: RoomId = RoomId([3; 16]);

fn create() -> Create {
    Create { kind: "duel".into(), name: String::new(), params: Bytes::new(), seed: 0 }
}

/// A new player who wants the room made if it is not there; what the store says of it is still to come.
fn comes(bench: &mut Bench, conn: u64, room: RoomId) {
    let secret = SecretHash([conn as u8; 16]);
    let who = Who::New { session: SessionId(100 + conn), secret, profile: Bytes::new() };
    let hello = Hello { conn: ConnId(conn), room, who, create: Some(create()) };
    bench.gate(ToOwner::Hello(hello));
}

/// What is seen of the room: where it stands, and how many sockets wait for it.
fn seen(bench: &Bench, room: RoomId) -> Option<(Place, usize)> {
    let mut rooms = bench.shard.rooms(bench.now);
    rooms.find(|facts| facts.room == room).map(|facts| (facts.place, facts.waiting))
}

fn loads(bench: &Bench) -> usize {
    bench.effects.iter().filter(|effect| matches!(effect, Effect::Load(_))).count()
}

fn deletes(bench: &Bench) -> usize {
    bench.effects.iter().filter(|effect| matches!(effect, Effect::Delete(ROOM))).count()
}

/// A room at rest in which the first player has a seat, and the shard that has put it there.
fn at_rest_with_a_seat(policies: &Policies) -> (Bench, Image) {
    let idle = Span::secs(10);
    let policies = Policies { idle_hibernate: idle, ..policies.clone() };
    let mut bench = Bench::with_player(&policies, true);
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.obey(ONE, true);
    let asleep = bench.goes_to_rest(idle);
    assert_eq!((asleep.seats.len(), seen(&bench, ROOM)), (1, None));
    (bench, asleep)
}

#[test]
fn sockets_wait_for_a_room_as_long_as_the_store_is_asked_or_a_worker_makes_it() {
    let limits = Limits { waiting_max: 2, ..Limits::default() };
    let mut bench = Bench::limited(&turn_based(), limits);
    (1..=3).for_each(|conn| comes(&mut bench, conn, ROOM));
    assert_eq!((seen(&bench, ROOM), loads(&bench)), (Some((Place::Loading, 2)), 1));
    assert_eq!([1, 2, 3].map(|conn| bench.closed(conn)), [None, None, Some(Close::Busy)]);
    assert_eq!(bench.shard.facts().sockets, 2);
    bench.loaded(Loaded::Missing);
    assert_eq!(seen(&bench, ROOM), Some((Place::Creating, 2)));
    comes(&mut bench, 4, ROOM);
    assert_eq!(bench.closed(4), Some(Close::Busy));
    // Who has gone makes room for another one.
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    assert_eq!((seen(&bench, ROOM), bench.shard.facts().sockets), (Some((Place::Creating, 1)), 1));
    comes(&mut bench, 5, ROOM);
    bench.obey(ONE, false);
    bench.obey(ONE, false);
    assert_eq!([1, 2, 5].map(|conn| bench.welcomed(conn)), [false, true, true]);
    assert_eq!(seen(&bench, ROOM), Some((Place::Live, 0)));
}

#[test]
fn whoever_is_away_when_the_room_leaves_waits_for_what_follows() {
    let (mut bench, asleep) = at_rest_with_a_seat(&turn_based());
    bench.order(Order::Expire { room: ROOM, slept_by: WallTime(9) });
    bench.store_works = false;
    bench.found_asleep(asleep, 1);
    comes(&mut bench, 2, ROOM);
    assert_eq!((seen(&bench, ROOM), deletes(&bench)), (Some((Place::Resting, 1)), 1));
    bench.gate(ToOwner::Gone { conn: ConnId(2) });
    assert_eq!((seen(&bench, ROOM), bench.shard.facts().sockets), (Some((Place::Resting, 0)), 0));
    bench.stored(Stored::Snapshot(Seq(1)));
    assert!(seen(&bench, ROOM).is_some(), "that was before");
    bench.stored(Stored::Deleted);
    assert_eq!(seen(&bench, ROOM), None);
    assert!(bench.reports().contains(&Report::Expired { room: ROOM }));
}

#[test]
fn a_new_player_who_says_goodbye_before_there_is_a_seat_is_let_go() {
    let mut bench = Bench::new(&turn_based());
    comes(&mut bench, 1, ROOM);
    comes(&mut bench, 2, ROOM);
    bench.gate(ToOwner::Bye { conn: ConnId(2) });
    assert_eq!((bench.closed(1), bench.closed(2)), (None, Some(Close::Left)));
    assert_eq!((seen(&bench, ROOM), bench.shard.facts().sockets), (Some((Place::Loading, 1)), 1));
    // What else it says is nothing yet.
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    assert_eq!(bench.shard.facts().sockets, 1);
}

/// Its seat is given up as soon as the room is there, whether anybody still listens or not.
#[test]
fn a_player_who_comes_back_only_to_say_goodbye_gives_the_seat_up() {
    for gone in [false, true] {
        let (mut bench, asleep) = at_rest_with_a_seat(&turn_based());
        let who = Who::Known {
            session: SessionId(101),
            secret: SecretHash([1; 16]),
            history: History(1),
            generation: Generation(2),
            recv: 0,
            lo: 1,
            whole: false,
        };
        let hello = Hello { conn: ConnId(2), room: ROOM, who, create: None };
        bench.gate(ToOwner::Hello(hello));
        bench.gate(ToOwner::Bye { conn: ConnId(2) });
        assert_eq!((bench.closed(2), bench.shard.facts().sockets), (None, 1));
        if gone {
            bench.gate(ToOwner::Gone { conn: ConnId(2) });
        }
        bench.found_asleep(asleep, 1);
        let mut left = false;
        for _ in 0..4 {
            for message in bench.sent_to(ONE) {
                left |= matches!(&message, ToWorker::Deliver(deliver) if deliver.items.contains(&Item::Leave(SessionId(101))));
                answer(ONE, &message, false)
                    .into_iter()
                    .for_each(|answer| bench.worker(ONE, answer));
            }
        }
        assert!(left, "gone: {gone}");
    }
}

#[test]
fn a_shard_takes_so_many_rooms_and_no_more() {
    let limits = Limits { rooms_per_shard_max: 2, ..Limits::default() };
    let mut bench = Bench::limited(&turn_based(), limits);
    comes(&mut bench, 1, ROOM);
    let wanted = |room| Order::Create { room, create: create() };
    bench.order(wanted(OTHER));
    assert_eq!((loads(&bench), bench.shard.facts().rooms), (2, 2));
    let third = RoomId([4; 16]);
    comes(&mut bench, 2, third);
    bench.order(wanted(third));
    let slept_by = WallTime(9);
    bench.order(Order::Expire { room: third, slept_by });
    assert_eq!((bench.closed(2), loads(&bench)), (Some(Close::Busy), 2));
    bench.order(Order::Probe { deploy: DEPLOY, room: third, to: NEW });
    let full = Report::NotProbed { deploy: DEPLOY, room: third, why: Unprobed::Full };
    assert_eq!((bench.reports(), bench.shard.facts().rooms), (vec![full], 2));
    // One that is there already is one of them.
    comes(&mut bench, 3, OTHER);
    assert_eq!((bench.closed(3), seen(&bench, OTHER)), (None, Some((Place::Loading, 1))));
}

#[test]
fn what_an_operator_wants_made_is_made_though_nobody_comes() {
    let mut bench = Bench::new(&turn_based());
    let named = |name: &str| Create { name: name.into(), ..create() };
    bench.order(Order::Create { room: ROOM, create: named("first") });
    bench.order(Order::Create { room: ROOM, create: named("second") });
    assert_eq!(loads(&bench), 1);
    bench.loaded(Loaded::Missing);
    bench.obey(ONE, false);
    bench.order(Order::Create { room: ROOM, create: named("third") });
    let names = bench.shard.rooms(bench.now).map(|facts| facts.image.map(|i| i.name.clone()));
    assert_eq!(names.collect::<Vec<_>>(), [Some("first".to_owned())]);
}

#[test]
fn a_server_that_drains_makes_no_rooms_and_one_that_stops_takes_nobody() {
    let mut bench = Bench::new(&turn_based());
    comes(&mut bench, 1, ROOM);
    bench.order(Order::Drain);
    bench.loaded(Loaded::Missing);
    assert_eq!((bench.closed(1), seen(&bench, ROOM)), (Some(Close::Busy), None));
    bench.effects.clear();
    bench.order(Order::Create { room: ROOM, create: create() });
    assert_eq!((loads(&bench), seen(&bench, ROOM)), (0, None));
    // One that is there takes nobody new, and plays on.
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.order(Order::Drain);
    comes(&mut bench, 2, ROOM);
    bench.input(1, 1);
    assert_eq!([1, 2].map(|conn| bench.closed(conn)), [None, Some(Close::Busy)]);
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Deliver(_)]));
    bench.order(Order::Stop);
    comes(&mut bench, 3, ROOM);
    comes(&mut bench, 4, OTHER);
    assert_eq!([3, 4].map(|conn| bench.closed(conn)), [Some(Close::Restarting); 2]);
    bench.effects.clear();
    bench.order(Order::Create { room: OTHER, create: create() });
    assert_eq!((loads(&bench), seen(&bench, OTHER)), (0, None));
}

#[test]
fn a_room_in_the_making_is_not_closed_and_a_halted_one_is_deleted_once() {
    let mut bench = Bench::new(&turn_based());
    comes(&mut bench, 1, ROOM);
    bench.loaded(Loaded::Missing);
    bench.order(Order::Close { room: ROOM });
    let not_yet = Report::NotClosed { room: ROOM, unreadable: None };
    assert_eq!((bench.reports(), deletes(&bench)), (vec![not_yet], 0));
    assert_eq!(seen(&bench, ROOM), Some((Place::Creating, 1)));
    let mut bench = Bench::new(&turn_based());
    bench.store_works = false;
    bench.shard.handle_damaged(bench.now, ROOM, "its bits".into());
    bench.wait(Span::ZERO);
    comes(&mut bench, 1, ROOM);
    assert_eq!(bench.closed(1), Some(Close::RoomHalted));
    bench.order(Order::Close { room: ROOM });
    bench.order(Order::Close { room: ROOM });
    assert_eq!((deletes(&bench), seen(&bench, ROOM)), (1, Some((Place::Halted, 0))));
    bench.stored(Stored::Snapshot(Seq(1)));
    assert!(seen(&bench, ROOM).is_some(), "that was before");
    bench.reports();
    bench.stored(Stored::Deleted);
    assert_eq!(bench.reports(), [Report::Gone { room: ROOM, asleep: false }]);
    assert_eq!(seen(&bench, ROOM), None);
}

#[test]
fn a_room_that_wakes_goes_to_the_current_release_unless_rooms_stay_or_it_ends_where_it_began() {
    let finish = Policies { on_deploy: OnDeploy::Finish, ..turn_based() };
    let home = |policies: &Policies, bring: bool| {
        let (mut bench, asleep) = at_rest_with_a_seat(policies);
        bench.order(Order::Prefer(NEW));
        bench.order(Order::BringHome(bring));
        bench.gate(ToOwner::Hello(Hello {
            conn: ConnId(2),
            room: ROOM,
            who: Who::Watcher,
            create: None,
        }));
        bench.found_asleep(asleep, 1);
        bench.obey(ONE, true);
        bench.obey(TWO, true);
        let there = bench.shard.rooms(bench.now).find_map(|facts| facts.image.map(|i| i.release));
        there == Some(NEW)
    };
    assert!(home(&turn_based(), true));
    assert!(!home(&turn_based(), false));
    assert!(!home(&finish, true));
}

#[test]
fn the_store_gets_the_snapshots_that_it_wants_of_the_rooms_that_are_there() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.input(1, 1);
    bench.obey(ONE, false);
    bench.effects.clear();
    bench.shard.handle_snapshots_wanted(bench.now, &[OTHER, ROOM]);
    bench.wait(Span::ZERO);
    let snapshots = bench.effects.iter().filter_map(|effect| match effect {
        Effect::Snapshot(image) => Some(image.room),
        _ => None,
    });
    assert_eq!(snapshots.collect::<Vec<_>>(), [ROOM]);
}

#[test]
fn who_comes_before_recovery_is_over_is_looked_for_then() {
    let mut bench = Bench::new(&turn_based());
    let (epoch, limits) = (Epoch(2), Limits::default());
    bench.shard = Shard::new(ShardConfig { epoch, limits, shard: 0, age: Span::ZERO }, Plain);
    comes(&mut bench, 1, ROOM);
    comes(&mut bench, 2, OTHER);
    bench.order(Order::Probe { deploy: DEPLOY, room: RoomId([5; 16]), to: NEW });
    assert_eq!(loads(&bench), 0);
    // The second one is found among those that were not at rest.
    bench.recovered(committed(OTHER, "duel", Bytes::from_static(b"state")));
    bench.shard.handle_recovery_done(bench.now);
    bench.wait(Span::ZERO);
    let loads = bench.effects.iter().filter(|effect| matches!(effect, Effect::Load(ROOM)));
    assert_eq!(loads.count(), 1);
    assert!(!bench.effects.contains(&Effect::Load(OTHER)));
    assert_eq!(seen(&bench, OTHER).map(|(_, waiting)| waiting), Some(1));
}

#[test]
fn a_worker_that_hangs_over_a_room_in_the_making_is_suspect_from_its_turn_on() {
    let mut bench = Bench::new(&Policies::default());
    bench.hello(1);
    let turn = bench.sent_to(ONE)[0].turn();
    let span = Policies::default().batch_timeout;
    bench.wait(Span(span.0 - 1));
    // Another one's says nothing of it.
    let other = Turn { attempt: Attempt(turn.attempt.0 + 9), ..turn };
    bench.shard.handle_turn(bench.now, ONE, other);
    bench.shard.handle_turn(bench.now, TWO, turn);
    bench.shard.handle_turn(bench.now, ONE, turn);
    let suspected = |bench: &Bench| {
        bench.effects.iter().any(|effect| matches!(effect, Effect::Suspect { worker: ONE, .. }))
    };
    bench.wait(Span(span.0 - 1));
    assert!(!suspected(&bench));
    bench.wait(Span(1));
    assert!(suspected(&bench));
}

#[test]
fn copies_are_opened_of_what_somebody_could_ask_for_and_of_nothing_else() {
    let told = |bench: &mut Bench| {
        bench.order(Order::Probe { deploy: DEPLOY, room: ROOM, to: NEW });
        bench.reports().into_iter().find_map(|report| match report {
            Report::NotProbed { why, .. } => Some(why),
            _ => None,
        })
    };
    let mut bench = Bench::new(&turn_based());
    comes(&mut bench, 1, ROOM);
    bench.loaded(Loaded::Missing);
    assert_eq!(told(&mut bench), Some(Unprobed::Claimed), "it is being made");
    let mut bench = Bench::new(&turn_based());
    bench.shard.handle_damaged(bench.now, ROOM, "its bits".into());
    bench.wait(Span::ZERO);
    bench.reports();
    assert_eq!(told(&mut bench), Some(Unprobed::Damaged));
    let mut bench = Bench::new(&turn_based());
    bench.order(Order::Stop);
    bench.reports();
    assert_eq!(told(&mut bench), Some(Unprobed::Full));
    // Without a worker of the release it waits for one.
    let mut bench = Bench::new(&turn_based());
    bench.worker_down(TWO);
    assert_eq!((told(&mut bench), loads(&bench), bench.shard.facts().probes), (None, 0, 1));
    bench.worker_up(TWO);
    bench.wait(Span::ZERO);
    assert_eq!((loads(&bench), seen(&bench, ROOM)), (1, Some((Place::Loading, 0))));
    // Its worker goes while the room is read: the next one is waited for.
    bench.worker_down(TWO);
    bench.found_asleep(committed(ROOM, "duel", Bytes::from_static(b"state")), 1);
    assert_eq!((bench.shard.facts().probes, bench.shard.facts().rooms), (1, 0));
    assert!(bench.sent_to(TWO).is_empty() && bench.reports().is_empty());
}

#[test]
fn a_room_of_a_kind_that_the_release_does_not_read_is_not_opened_on_it() {
    for (kind_name, version, read) in [("duel", 1, true), ("chess", 1, false), ("duel", 3, false)] {
        let mut bench = Bench::new(&turn_based());
        bench.order(Order::Probe { deploy: DEPLOY, room: ROOM, to: NEW });
        let image = committed(ROOM, kind_name, Bytes::from_static(b"state"));
        bench.found_asleep(Image { version, ..image }, 1);
        assert_eq!(!bench.sent_to(TWO).is_empty(), read, "{kind_name} {version}");
        let not_read = Report::NotProbed { deploy: DEPLOY, room: ROOM, why: Unprobed::NotRead };
        assert_eq!(bench.reports().contains(&not_read), !read);
    }
}

#[test]
fn an_order_to_move_a_room_that_is_not_there_is_answered() {
    let mut bench = Bench::new(&turn_based());
    bench.move_to(NEW, true);
    assert_eq!(bench.reports(), [Report::Staying { deploy: DEPLOY, room: ROOM }]);
    bench.order(Order::Hurry { deploy: DEPLOY, room: ROOM });
    bench.order(Order::CancelMoves { deploy: DeployId(99) });
    assert_eq!(bench.reports(), []);
}

/// The first player of the room comes back, whether or not there is such a room.
fn comes_back(bench: &mut Bench, conn: u64) {
    let who = Who::Known {
        session: SessionId(101),
        secret: SecretHash([1; 16]),
        history: History(1),
        generation: Generation(conn),
        recv: 0,
        lo: 1,
        whole: false,
    };
    let hello = Hello { conn: ConnId(conn), room: ROOM, who, create: Some(create()) };
    bench.gate(ToOwner::Hello(hello));
}

#[test]
fn whoever_comes_back_to_a_room_that_there_is_not_is_told_so_and_new_players_get_one() {
    let mut bench = Bench::new(&turn_based());
    comes_back(&mut bench, 1);
    comes(&mut bench, 2, ROOM);
    bench.loaded(Loaded::Missing);
    assert_eq!([1, 2].map(|conn| bench.closed(conn)), [Some(Close::UnknownRoom), None]);
    assert_eq!(seen(&bench, ROOM), Some((Place::Creating, 1)));
    // Nobody says how it is to be made.
    let mut bench = Bench::new(&turn_based());
    let who = Who::Watcher;
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(1), room: ROOM, who, create: None }));
    bench.loaded(Loaded::Missing);
    assert_eq!((bench.closed(1), seen(&bench, ROOM)), (Some(Close::UnknownRoom), None));
}

#[test]
fn whoever_waits_for_a_room_that_turns_out_to_be_damaged_or_unreadable_is_told_which() {
    let mut bench = Bench::new(&turn_based());
    (1..=2).for_each(|conn| comes(&mut bench, conn, ROOM));
    bench.loaded(Loaded::Damaged("its bits".into()));
    assert_eq!([1, 2].map(|conn| bench.closed(conn)), [Some(Close::RoomHalted); 2]);
    let listing = bench.reports().into_iter().find_map(|report| match report {
        Report::Listing(listing) => Some((listing.halted, listing.live)),
        _ => None,
    });
    assert_eq!(listing, Some((Some("its bits".to_owned()), false)));
    assert_eq!(deletes(&bench), 0, "nobody has given it up");
    let mut bench = Bench::new(&turn_based());
    comes(&mut bench, 1, ROOM);
    bench.order(Order::Close { room: ROOM });
    bench.loaded(Loaded::Damaged("its bits".into()));
    assert_eq!((bench.closed(1), deletes(&bench)), (Some(Close::RoomHalted), 1));
    let mut bench = Bench::new(&turn_based());
    comes(&mut bench, 1, ROOM);
    bench.loaded(Loaded::Unreadable("the disk".into()));
    assert_eq!((bench.closed(1), seen(&bench, ROOM)), (Some(Close::Busy), None));
    // What comes once more is of nobody's asking.
    bench.loaded(Loaded::Damaged("its bits".into()));
    assert_eq!(seen(&bench, ROOM), None);
}

#[test]
fn a_room_that_is_read_back_damaged_while_it_is_there_takes_nobody_along() {
    let mut bench = Bench::with_player(&turn_based(), false);
    bench.shard.handle_damaged(bench.now, OTHER, "its bits".into());
    bench.wait(Span::ZERO);
    bench.input(1, 1);
    assert!(matches!(bench.sent_to(ONE)[..], [ToWorker::Deliver(_)]));
    assert_eq!((seen(&bench, OTHER), bench.shard.facts().rooms), (Some((Place::Halted, 0)), 2));
}

#[test]
fn whoever_comes_while_a_room_leaves_wakes_it_as_it_was_or_finds_none() {
    let idle = Span::secs(10);
    let policies = Policies { idle_hibernate: idle, ..turn_based() };
    for closes in [false, true] {
        let mut bench = Bench::with_player(&policies, true);
        bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
        bench.gate(ToOwner::Gone { conn: ConnId(1) });
        bench.obey(ONE, true);
        bench.store_works = false;
        bench.reports();
        if closes {
            bench.order(Order::Close { room: ROOM });
        } else {
            bench.goes_to_rest(idle);
        }
        comes_back(&mut bench, 2);
        assert_eq!((seen(&bench, ROOM), bench.closed(2)), (Some((Place::Resting, 1)), None));
        bench.stored(if closes { Stored::Deleted } else { Stored::Asleep });
        assert!(bench.reports().contains(&Report::Gone { room: ROOM, asleep: !closes }));
        let opened = bench.sent_to(ONE).iter().any(|sent| matches!(sent, ToWorker::Open { .. }));
        let gone = bench.closed(2) == Some(Close::UnknownRoom);
        assert_eq!((opened, gone), (!closes, closes));
    }
}
