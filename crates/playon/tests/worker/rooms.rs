//! The promises of `Cx` and `Room`, through the testing kit.

use std::time::Duration;

use crate::common::{Do, Log, LogParams};
use playon::testing::TestRoom;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn room() -> TestRoom<Log> {
    TestRoom::create(LogParams::default())
}

#[test]
fn events_come_in_order_and_once() {
    let mut room = room();
    let ann = room.join("ann");
    let bob = room.join("bob");
    room.input(ann, Do::Say("hi".into()));
    assert_eq!(room.sent(ann), ["join ann", "join bob", "1: hi"]);
    assert_eq!(room.sent(ann), [""; 0]);
    assert_eq!(room.sent(bob), ["join bob", "1: hi"]);
}

#[test]
fn flashes_reach_only_players_who_are_here() {
    let mut room = room();
    let ann = room.join("ann");
    room.input(ann, Do::Flash("boo".into()));
    assert_eq!(room.flashed(ann), ["boo"]);
    room.away(ann);
    let bob = room.join("bob");
    room.input(ann, Do::Flash("boo".into()));
    room.input(ann, Do::FlashAll("boo!".into()));
    assert_eq!(room.flashed(ann), [""; 0]);
    assert_eq!(room.flashed(bob), ["boo!"]);
}

#[test]
fn refusals_leave_no_seat_and_no_message_behind() {
    let mut room = room();
    let ann = room.join("ann");
    assert_eq!(room.try_join("mallory").unwrap_err().reason(), "not you");
    assert_eq!(room.players().len(), 1);
    assert_eq!(room.sent(ann), ["join ann", "mallory is at the door"]);
    let refused = TestRoom::<Log>::try_create(LogParams { refuse: true }, 1);
    assert_eq!(refused.err().unwrap().reason(), "not today");
}

#[test]
fn the_bound_on_players_is_kept() {
    let mut room = room();
    for name in ["ann", "bob", "cid"] {
        room.join(name);
    }
    assert_eq!(room.try_join("dot").unwrap_err().reason(), "the room is full");
    let long = "x".repeat(5_000);
    room.leave(playon::PlayerId(1));
    assert_eq!(room.try_join(&long).unwrap_err().reason(), "the profile is too long");
}

#[test]
fn timers_fire_by_deadline_then_name_once_each() {
    let mut room = room();
    let ann = room.join("ann");
    for (name, at) in [("b", 50), ("a", 50), ("c", 40), ("gone", 45)] {
        room.input(ann, Do::Timer(name.into(), at));
    }
    room.input(ann, Do::Cancel("gone".into()));
    room.sent(ann);
    room.advance(MS(39));
    assert_eq!(room.sent(ann), [""; 0]);
    room.advance(MS(21));
    assert_eq!(room.sent(ann), ["timer c at 40ms", "timer a at 50ms", "timer b at 50ms"]);
}

#[test]
fn overdue_timers_fire_in_order_and_may_cancel_each_other() {
    let mut room = room();
    let ann = room.join("ann");
    room.input(ann, Do::Timer("killer".into(), 10));
    room.input(ann, Do::Timer("victim".into(), 10));
    room.input(ann, Do::Timer("again".into(), 20));
    room.sent(ann);
    room.advance(MS(34));
    let expected = [
        "timer killer at 10ms",
        "timer again at 20ms",
        // Armed for at once: a room is woken no sooner than so long after its last batch.
        "timer again at 25ms",
        "timer again at 30ms",
    ];
    assert_eq!(room.sent(ann), expected);
}

#[test]
fn ticks_run_at_their_step() {
    let mut room = room();
    let ann = room.join("ann");
    room.sent(ann);
    room.ticks(3);
    let expected =
        ["tick 1 at 100ms", "tick 2 at 200ms", "timer first at 250ms", "tick 3 at 300ms"];
    assert_eq!(room.sent(ann), expected);
    assert_eq!(room.now(), MS(300));
}

#[test]
fn timers_ids_and_random_numbers_go_on_through_a_reopen() {
    let script = |reopen: bool| {
        let mut room = room();
        let ann = room.join("ann");
        room.input(ann, Do::Timer("bell".into(), 150));
        for _ in 0..3 {
            room.input(ann, Do::Roll);
            room.input(ann, Do::Id);
            room.advance(MS(60));
            if reopen {
                room.reopen();
            }
        }
        room.sent(ann)
    };
    let plain = script(false);
    assert_eq!(plain, script(true));
    assert!(
        plain.contains(&"timer bell at 150ms".to_owned()) && plain.contains(&"id 3".to_owned())
    );
}

#[test]
fn presence_is_told_once() {
    let mut room = room();
    let ann = room.join("ann");
    let bob = room.join("bob");
    room.sent(bob);
    room.away(ann);
    room.away(ann);
    assert!(!room.players()[0].present());
    room.lost(ann, 2);
    room.back(ann);
    room.leave(ann);
    room.leave(ann);
    assert_eq!(room.sent(bob), ["away 1", "lost 1 2", "back 1", "leave 1"]);
}

#[test]
fn a_dismissed_player_leaves_like_any_other() {
    let mut room = room();
    let ann = room.join("ann");
    let bob = room.join("bob");
    room.input(ann, Do::Dismiss(bob));
    assert_eq!(room.dismissed(bob), Some("rude"));
    assert_eq!(room.sent(bob), ["join bob"]);
    assert_eq!(room.sent(ann), ["join ann", "join bob", "leave 2"]);
    room.input(bob, Do::Say("still here?".into()));
    assert_eq!(room.sent(ann), [""; 0]);
}

#[test]
fn unreadable_inputs_are_the_games_to_answer() {
    let mut room = room();
    let ann = room.join("ann");
    room.sent(ann);
    room.input_raw(ann, b"{\"Fly\":1}");
    room.input_raw(ann, b"\xff");
    assert_eq!(room.sent(ann), ["what?", "what?"]);
}

#[test]
fn safe_points_and_the_end_are_kept() {
    let mut room = room();
    let ann = room.join("ann");
    assert!(!room.between_rounds());
    room.input(ann, Do::Safe(true));
    room.reopen();
    assert!(room.between_rounds());
    room.input(ann, Do::End);
    room.reopen();
    assert!(room.ended());
    assert_eq!(room.try_join("bob").unwrap_err().reason(), "the room has ended");
    room.sent(ann);
    room.advance(MS(1_000));
    assert_eq!(room.sent(ann), [""; 0]);
}

#[test]
fn views_are_per_player() {
    let mut room = room();
    let ann = room.join("ann");
    room.advance(MS(5));
    assert_eq!(room.view(ann), "1 sees 1 lines at 5ms");
    assert_eq!(room.watch().unwrap(), "1 lines");
}

#[test]
#[should_panic(expected = "PLY-0431")]
fn floods_of_events_are_stopped() {
    let mut room = room();
    let ann = room.join("ann");
    room.input(ann, Do::Flood(20_000));
}
