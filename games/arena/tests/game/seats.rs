use arena::r1::R1;
use arena::r2::R2;
use arena::view::View;

use crate::{fly, own, room};

/// Machines, players with a socket, players without.
fn crew(view: &View) -> [usize; 3] {
    [0, 1, 2].map(|who| view.board.iter().filter(|row| row.3 == who).count())
}

#[test]
fn machines_fill_the_room_and_make_place() {
    let mut room = room::<R1>(300);
    assert_eq!(crew(&room.watch().unwrap()), [4, 0, 0]);
    let mut players = Vec::new();
    for (people, machines) in [(1, 3), (2, 2), (3, 1), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)] {
        players.push(room.join("ann"));
        room.ticks(40);
        assert_eq!(crew(&room.watch().unwrap()), [machines, people, 0]);
    }
    assert!(room.try_join("one too many").is_err());
    for who in &players[1..] {
        room.leave(*who);
    }
    room.ticks(80);
    assert_eq!(crew(&room.watch().unwrap()), [3, 1, 0]);
}

#[test]
fn the_machine_with_the_fewest_points_goes() {
    let mut room = room::<R2>(300);
    room.ticks(1_000);
    let before = room.watch().unwrap().board;
    let least = before.iter().map(|row| row.2).min().unwrap();
    room.join("ann");
    let after = room.watch().unwrap().board;
    let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].2, least);
}

#[test]
fn whoever_comes_back_finds_ship_and_score() {
    let mut room = room::<R1>(300);
    let ann = room.join("ann");
    fly(&mut room, &[ann], 400);
    let before = room.view(ann);
    assert!(own(&before).2 > 0);
    room.away(ann);
    room.ticks(100);
    assert_eq!(crew(&room.watch().unwrap()), [3, 0, 1]);
    room.reopen();
    room.back(ann);
    room.ticks(1);
    let after = room.view(ann);
    assert_eq!(after.you, before.you);
    assert_eq!(own(&after).3, 1);
    assert!(own(&after).2 >= own(&before).2);
}

#[test]
fn names_are_short_printable_and_told_apart() {
    let mut room = room::<R1>(300);
    for name in ["ann", "ann", "", " \u{7}\"evil\"\\name that goes on and on "] {
        room.join(name);
    }
    let names: Vec<_> = room.watch().unwrap().board.into_iter().map(|row| row.1).collect();
    assert_eq!(names, ["ann", "ann 2", "Pilot", "evilname tha"]);
}
