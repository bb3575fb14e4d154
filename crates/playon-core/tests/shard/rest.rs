//! Rooms that nobody is in: which of them sleep, and which end.

use playon_core::effect::Effect;
use playon_core::gate::{Close, Hello, ToOwner, Who};
use playon_core::ids::ConnId;
use playon_core::kind::Policies;
use playon_core::time::Span;

use super::bench::{Bench, ONE, ROOM};

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
