use std::time::Duration;

use arena::event::Event;
use arena::r1::R1;

use crate::{fly, own, room};

#[test]
fn the_clock_goes_down_a_step_at_a_time() {
    let mut room = room::<R1>(60);
    let mut before = room.watch().unwrap();
    for _ in 0..400 {
        room.ticks(1);
        let view = room.watch().unwrap();
        assert_eq!(view.tick, before.tick + 1);
        assert_eq!(view.clock_ms, before.clock_ms - 50);
        before = view;
    }
}

#[test]
fn a_round_ends_on_the_podium_and_the_next_one_begins_at_zero() {
    let mut room = room::<R1>(30);
    let ann = room.join("ann");
    fly(&mut room, &[ann], 590);
    assert!(!room.between_rounds());
    fly(&mut room, &[ann], 15);
    let view = room.view(ann);
    assert!(room.between_rounds());
    assert_eq!(view.podium.len(), 3);
    assert!(view.podium.is_sorted_by(|a, b| a.score >= b.score));
    assert_eq!(view.podium[0].score, view.board.iter().map(|row| row.2).max().unwrap());
    let score = own(&view).2;

    // On the podium nothing counts.
    fly(&mut room, &[ann], 200);
    assert_eq!(own(&room.view(ann)).2, score);

    room.advance(Duration::from_secs(6));
    let view = room.view(ann);
    assert!(!room.between_rounds());
    assert_eq!((view.round, view.podium.len()), (2, 0));
    assert!(view.clock_ms <= 30_000 && view.clock_ms > 25_000);
    let said = room.sent(ann);
    assert_eq!(said, [Event::say("Time!"), Event::say("Round 2")]);
}

#[test]
fn a_round_lasts_five_minutes_unless_said_otherwise() {
    use arena::arena::{Arena, Params};
    use playon::testing::TestRoom;
    let clock = |round_s| {
        let room = TestRoom::<Arena<R1>>::create(Params { round_s });
        room.watch().unwrap().clock_ms
    };
    assert_eq!(clock(None), 300_000);
    assert_eq!(clock(Some(1)), 10_000);
    assert_eq!(clock(Some(u64::MAX)), 3_600_000);
}
