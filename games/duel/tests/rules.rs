//! The rules of the duel, without a network.

use std::time::Duration;

use duel::message::How;
use duel::{Duel, Event, Move, Pair, Params, Side};
use playon::PlayerId;
use playon::testing::TestRoom;

const SEC: fn(u64) -> Duration = Duration::from_secs;

/// Two players whose first round has just begun.
fn started() -> (TestRoom<Duel>, PlayerId, PlayerId) {
    let mut room = TestRoom::<Duel>::create(Params::default());
    let (ann, bob) = (room.join("ann"), room.join("bob"));
    room.advance(SEC(5));
    assert_eq!(room.sent(ann), [Event::Started { round: 1, first: Side::Red }]);
    room.sent(bob);
    (room, ann, bob)
}

/// Ann builds a column, Bob another; Ann wins.
fn win_for_ann(room: &mut TestRoom<Duel>, ann: PlayerId, bob: PlayerId) {
    for _ in 0..3 {
        room.input(ann, Move::Drop(0));
        room.input(bob, Move::Drop(1));
    }
    room.input(ann, Move::Drop(0));
}

#[test]
fn four_in_a_row_win_the_round() {
    let (mut room, ann, bob) = started();
    win_for_ann(&mut room, ann, bob);
    let told = room.sent(bob);
    assert_eq!(told.len(), 8);
    assert_eq!(told[6], Event::Dropped { side: Side::Red, column: 0 });
    assert_eq!(told[7], Event::Ended { winner: Some(Side::Red), how: How::Row });
    let view = room.view(bob);
    assert_eq!((view.you, view.turn), (Some(Side::Yellow), None));
    assert_eq!(view.wins, Pair { red: 1, yellow: 0 });
    assert_eq!(view.board[5], "ry.....");
    room.advance(SEC(5));
    assert_eq!(
        room.sent(bob),
        [Event::Started { round: 2, first: Side::Yellow }],
        "the loser begins"
    );
    assert_eq!(room.view(ann).board[5], ".......");
}

#[test]
fn a_deploy_has_its_moment_between_rounds_only() {
    let (mut room, ann, bob) = started();
    assert!(!room.between_rounds());
    win_for_ann(&mut room, ann, bob);
    assert!(room.between_rounds());
    room.advance(SEC(5));
    assert!(!room.between_rounds());
}

#[test]
fn moves_out_of_turn_or_place_do_not_count() {
    let (mut room, ann, bob) = started();
    let rejected = |why: &str| [Event::Rejected { why: why.to_owned() }];
    room.input(bob, Move::Drop(0));
    assert_eq!(room.sent(bob), rejected("it is not your turn"));
    room.input(ann, Move::Drop(7));
    assert_eq!(room.sent(ann), rejected("there is no such column"));
    for _ in 0..3 {
        room.input(ann, Move::Drop(0));
        room.input(bob, Move::Drop(0));
    }
    room.sent(ann);
    room.input(ann, Move::Drop(0));
    assert_eq!(room.sent(ann), rejected("the column is full"));
    assert_eq!(room.view(ann).turn, Some(Side::Red));
}

#[test]
fn who_lets_the_clock_run_out_loses() {
    let (mut room, ann, bob) = started();
    room.input(ann, Move::Drop(3));
    room.advance(SEC(29));
    // A deploy or a crash does not give the time back, nor take any.
    room.reopen();
    assert_eq!(room.view(bob).clock_ms, Some(1_000));
    room.sent(ann);
    room.advance(SEC(1));
    assert_eq!(room.sent(ann), [Event::Ended { winner: Some(Side::Red), how: How::Clock }]);
}

#[test]
fn a_player_who_is_away_keeps_seat_and_clock() {
    let (mut room, ann, bob) = started();
    room.away(ann);
    let seat = room.view(bob).seats.red.unwrap();
    assert_eq!((seat.name.as_str(), seat.here), ("ann", false));
    room.advance(SEC(10));
    room.back(ann);
    assert_eq!(room.view(ann).clock_ms, Some(20_000));
    room.input(ann, Move::Drop(0));
    assert_eq!(room.view(ann).turn, Some(Side::Yellow));
}

#[test]
fn a_player_who_leaves_loses_and_may_be_replaced() {
    let (mut room, ann, bob) = started();
    assert_eq!(room.try_join("cid").unwrap_err().reason(), "the room is full");
    room.leave(bob);
    assert_eq!(room.sent(ann), [Event::Ended { winner: Some(Side::Red), how: How::Resigned }]);
    room.advance(SEC(60));
    assert_eq!(room.sent(ann), [], "nothing begins alone");
    let cid = room.join("cid");
    assert_eq!(room.view(cid).wins, Pair::default());
    room.advance(SEC(5));
    assert_eq!(room.sent(cid), [Event::Started { round: 2, first: Side::Yellow }]);
}

#[test]
fn resigning_ends_the_round() {
    let (mut room, ann, bob) = started();
    room.input(ann, Move::Resign);
    assert_eq!(room.sent(bob), [Event::Ended { winner: Some(Side::Yellow), how: How::Resigned }]);
    room.sent(ann);
    room.input(ann, Move::Resign);
    assert_eq!(room.sent(ann), [Event::Rejected { why: "no round is being played".to_owned() }]);
}

#[test]
fn a_full_board_is_a_draw() {
    let (mut room, ann, bob) = started();
    // Column by column in pairs, shifted so that no four meet.
    let order: Vec<usize> = [0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1]
        .into_iter()
        .chain([2, 3, 2, 3, 3, 2, 3, 2, 2, 3, 2, 3])
        .chain([4, 5, 4, 5, 5, 4, 5, 4, 4, 5, 4, 5])
        .chain([6, 6, 6, 6, 6, 6])
        .collect();
    for (turn, column) in order.into_iter().enumerate() {
        room.input(if turn % 2 == 0 { ann } else { bob }, Move::Drop(column));
    }
    let last = room.sent(ann).pop();
    assert_eq!(last, Some(Event::Ended { winner: None, how: How::Full }), "{:#?}", room.view(ann));
}

#[test]
fn spectators_see_the_board() {
    let (mut room, ann, _) = started();
    room.input(ann, Move::Drop(6));
    let view = room.watch().unwrap();
    assert_eq!((view.you, view.turn), (None, Some(Side::Yellow)));
    assert_eq!(view.board[5], "......r");
}

#[test]
fn params_are_checked() {
    let refused = TestRoom::<Duel>::try_create(Params { turn_seconds: 1 }, 1).err().unwrap();
    assert_eq!(refused.reason(), "a turn has 5 to 3600 seconds");
}
