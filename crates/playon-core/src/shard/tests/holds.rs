//! How long an empty seat is kept, over sleeps and over keepers.

use crate::effect::{Effect, Order};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::gate::{Hello, ToOwner, Who};
use playon_types::ids::{ConnId, SecretHash, SessionId};
use playon_types::image::{ApplyBounds, Image};
use playon_types::kind::Policies;
use playon_types::time::{Span, Time};

use super::bench::{Bench, ONE, Plain, ROOM};
use super::now;

/// One seat, kept for 20 s.
fn one_seat() -> Policies {
    Policies {
        players_max: 1,
        seat_hold: Span::secs(20),
        idle_hibernate: Span::secs(600),
        tick: None,
        ..now()
    }
}

/// The only player of the room has hung up, and the game has heard of it.
fn left_behind(policies: &Policies) -> (Bench, Image) {
    let mut bench = Bench::with_player(policies, false);
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    let before = bench.shard.rooms(bench.now).next().and_then(|room| room.image.cloned());
    bench.gate(ToOwner::Gone { conn: ConnId(1) });
    bench.obey(ONE, false);
    (bench, before.expect("it is live"))
}

/// Somebody else asks for the seat; whether it is had.
fn asks(bench: &mut Bench, conn: u64) -> bool {
    let (session, secret) = (SessionId(100 + conn), SecretHash([conn as u8; 16]));
    let who = Who::New { session, secret, profile: Bytes::new() };
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
    bench.obey(ONE, false);
    assert_ne!(bench.welcomed(conn), bench.closed(conn).is_some(), "{conn}");
    bench.welcomed(conn)
}

/// What a keeper reads back that was killed now: `image` and the records that have become safe since.
fn killed(bench: &Bench, mut image: Image) -> Image {
    for effect in &bench.effects {
        match effect {
            Effect::Append { record, .. } => image
                .apply(image.epoch, record, &Plain, &ApplyBounds::from(&Limits::default()))
                .expect("records follow one another"),
            Effect::Snapshot(whole) => image = whole.clone(),
            _ => {}
        }
    }
    image
}

/// The next keeper, when keepers are so old, with the room live.
fn next(epoch: u64, age: u64, policies: &Policies, image: Image) -> Bench {
    let mut bench = Bench::under(epoch, Span::secs(age), policies);
    bench.now = Time(0);
    bench.recovered(image);
    bench.obey(ONE, false);
    bench
}

#[test]
fn the_hold_of_an_empty_seat_runs_on_while_its_room_sleeps() {
    let policies = Policies { idle_hibernate: Span::secs(2), ..one_seat() };
    let (mut bench, _) = left_behind(&policies);
    for (conn, welcomed) in [(2, false), (3, true)] {
        bench.effects.clear();
        bench.wait(Span::secs(3));
        bench.obey(ONE, false);
        let asleep = bench.effects.iter().find_map(|effect| match effect {
            Effect::Sleep(image) => Some(image.clone()),
            _ => None,
        });
        let asleep = asleep.expect("nobody is there");
        bench.wait(Span::secs(10));
        // Two come, one after ten seconds and one after twenty and more: the first wakes the room for nothing.
        let (session, secret) = (SessionId(100 + conn), SecretHash([conn as u8; 16]));
        let who = Who::New { session, secret, profile: Bytes::new() };
        let hello = Hello { conn: ConnId(conn), room: ROOM, who, create: None };
        bench.gate(ToOwner::Hello(hello));
        bench.found_asleep(asleep, 0);
        bench.obey(ONE, false);
        assert_eq!(bench.welcomed(conn), welcomed, "{conn}");
        assert_eq!(bench.closed(conn).is_some(), !welcomed, "{conn}");
    }
}

#[test]
fn the_hold_of_an_empty_seat_runs_on_under_each_next_keeper() {
    let policies = one_seat();
    let (mut bench, before) = left_behind(&policies);
    bench.wait(Span::secs(6));
    let mut image = killed(&bench, before);
    // Each is killed after six seconds without a word: the seat is kept in the first three lives and free in the fourth.
    for life in 1..=3 {
        let mut bench = next(1 + life, 6 * life, &policies, image.clone());
        assert!(!asks(&mut bench, 10 + life), "life {life}");
        bench.wait(Span::secs(6));
        image = killed(&bench, image);
    }
    assert!(asks(&mut next(5, 24, &policies, image), 20));
}

#[test]
fn the_hold_of_an_empty_seat_runs_on_after_an_orderly_stop() {
    let policies = one_seat();
    let (mut bench, before) = left_behind(&policies);
    bench.wait(Span::secs(15));
    bench.order(Order::Stop);
    let image = killed(&bench, before);
    let mut bench = next(2, 15, &policies, image.clone());
    assert!(!asks(&mut bench, 2), "an outage of ours takes nothing off");
    bench.wait(Span::secs(6));
    assert!(asks(&mut bench, 3));
    // Of keepers who have lost count of their age the seat is kept anew, once.
    let mut bench = next(2, 0, &policies, image.clone());
    bench.wait(Span::secs(10));
    assert!(!asks(&mut bench, 2));
    let image = killed(&bench, image);
    assert!(!asks(&mut next(3, 10, &policies, image.clone()), 2));
    assert!(asks(&mut next(3, 21, &policies, image), 2));
}

#[test]
fn a_player_who_was_there_when_the_keeper_died_has_the_whole_hold() {
    let policies = one_seat();
    let mut bench = Bench::with_player(&policies, false);
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.wait(Span::secs(1));
    let image = bench.shard.rooms(bench.now).next().and_then(|room| room.image.cloned());
    let mut bench = next(2, 500, &policies, image.expect("it is live"));
    bench.wait(Span::secs(19));
    assert!(!asks(&mut bench, 2));
    bench.wait(Span::secs(2));
    assert!(asks(&mut bench, 3));
}

#[test]
fn who_comes_back_has_the_whole_hold_again() {
    let policies = one_seat();
    let (mut bench, before) = left_behind(&policies);
    bench.wait(Span::secs(15));
    let back = |bench: &mut Bench, conn| {
        bench.hello_again(conn);
        bench.obey(ONE, false);
        assert!(bench.welcomed(conn));
    };
    back(&mut bench, 2);
    let image = killed(&bench, before);
    let mut bench = next(2, 15, &policies, image);
    bench.wait(Span::secs(15));
    assert!(!asks(&mut bench, 3), "it was there when the keeper died");
}

/// Back and away again in one batch: the hold is a new one, and it is known that it runs.
#[test]
fn who_was_back_for_a_moment_is_away_from_then_on() {
    let policies = one_seat();
    let (mut bench, before) = left_behind(&policies);
    bench.wait(Span::secs(15));
    // While the room waits for another worker nothing is delivered.
    let image = killed(&bench, before);
    let mut bench = Bench::under(2, Span::secs(15), &policies);
    bench.now = Time(0);
    bench.recovered(image.clone());
    bench.hello_again(2);
    let input = Bytes::from_static(b"move");
    bench.gate(ToOwner::Input { conn: ConnId(2), seq: 1, recv: 0, payload: input });
    bench.gate(ToOwner::Gone { conn: ConnId(2) });
    bench.obey(ONE, false);
    let image = killed(&bench, image);
    let since = image.seats[&SessionId(101)].away_since;
    assert!(since >= Some(Time(15_000_000)), "{since:?}");
    let mut bench = next(3, 25, &policies, image);
    assert!(!asks(&mut bench, 3), "ten seconds of its hold are left");
    bench.wait(Span::secs(12));
    assert!(asks(&mut bench, 4));
}

/// The player has a seat and has been told of it. What is stored of the room then.
fn told() -> (Bench, Image) {
    let bench = Bench::with_player(&one_seat(), false);
    let image = bench.shard.rooms(bench.now).next().and_then(|room| room.image.cloned());
    (bench, image.expect("it is live"))
}

/// WELCOME may have been lost with the keeper: then nobody knows of the seat, and who asks may be whose it is.
#[test]
fn a_seat_of_which_nobody_was_heard_is_free_under_the_next_keeper() {
    let (bench, before) = told();
    let image = killed(&bench, before);
    assert!(asks(&mut next(2, 0, &one_seat(), image.clone()), 2));
    // It was: and whoever knows of it has it back as long as nobody else asks.
    let mut bench = next(2, 0, &one_seat(), image.clone());
    bench.hello_again(3);
    bench.obey(ONE, false);
    assert!(bench.welcomed(3) && !asks(&mut bench, 4));
    // Where there is another seat nobody loses this one.
    let policies = Policies { players_max: 2, ..one_seat() };
    let mut bench = next(2, 0, &policies, image.clone());
    assert!(asks(&mut bench, 5));
    bench.hello_again(6);
    bench.obey(ONE, false);
    assert!(bench.welcomed(6) && !asks(&mut bench, 7));
    // Nor does it count as heard because a keeper has read it back, nor by an orderly stop of one.
    let mut bench = next(2, 0, &one_seat(), image.clone());
    bench.order(Order::Stop);
    let image = killed(&bench, image);
    assert!(asks(&mut next(3, 0, &one_seat(), image), 8));
}

#[test]
fn who_has_said_a_word_has_the_seat_under_the_next_keeper() {
    let stops: [fn(&mut Bench); 4] = [
        // A room without ticks has no other commit before it is killed.
        |bench| bench.wait(Span::millis(300)),
        |bench| bench.order(Order::Stop),
        |bench| {
            bench.gate(ToOwner::Gone { conn: ConnId(1) });
            bench.obey(ONE, false);
        },
        |bench| {
            let payload = Bytes::from_static(b"move");
            bench.gate(ToOwner::Input { conn: ConnId(1), seq: 1, recv: 0, payload });
            bench.obey(ONE, false);
        },
    ];
    for (n, stop) in stops.into_iter().enumerate() {
        let (mut bench, before) = told();
        bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
        stop(&mut bench);
        let image = killed(&bench, before);
        assert!(!image.seats[&SessionId(101)].unheard, "{n}");
        assert!(!asks(&mut next(2, 0, &one_seat(), image), 2), "{n}");
    }
}

/// That a player was heard is written once, and not for each frame.
#[test]
fn that_a_player_was_heard_is_stored_once() {
    let (mut bench, _) = told();
    bench.effects.clear();
    for _ in 0..50 {
        bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
        bench.wait(Span::millis(100));
    }
    let stored = |effect: &&Effect| matches!(effect, Effect::Append { .. } | Effect::Snapshot(_));
    assert_eq!(bench.effects.iter().filter(stored).count(), 1);
}

/// A commit that comes first says so, too, and then no snapshot follows.
#[test]
fn that_a_player_was_heard_is_stored_with_the_next_commit() {
    let (mut bench, _) = told();
    bench.effects.clear();
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.input(1, 1);
    bench.obey(ONE, false);
    bench.wait(Span::secs(1));
    let count = |which: fn(&Effect) -> bool| bench.effects.iter().filter(|e| which(e)).count();
    assert_eq!(count(|effect| matches!(effect, Effect::Append { .. })), 1);
    assert_eq!(count(|effect| matches!(effect, Effect::Snapshot(_))), 0);
}
