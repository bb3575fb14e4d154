use arena::arena::Arena;
use arena::r2::R2;
use arena::view::View;
use playon::testing::TestRoom;

use crate::{fly, room};

/// Bytes of a view of a full room.
const VIEW_BYTES_MAX: usize = 1_500;

fn bytes(view: &View) -> usize {
    serde_json::to_vec(view).expect("views are JSON").len()
}

#[test]
fn a_full_room_fits_a_small_view() {
    let mut room: TestRoom<Arena<R2>> = room(300);
    let names =
        ["Anastasia II", "Bartholomew", "Cassandra", "Dionysius", "Eleonore", "F", "G", "H"];
    let players = names.map(|name| room.join(name));
    let mut largest = 0;
    for _ in 0..300 {
        fly(&mut room, &players, 2);
        largest = largest.max(bytes(&room.view(players[0])));
    }
    assert!(largest <= VIEW_BYTES_MAX, "{largest} bytes");
}

#[test]
fn a_spectator_sees_everything_but_instruments() {
    let mut room: TestRoom<Arena<R2>> = room(300);
    let ann = room.join("ann");
    room.ticks(10);
    let (player, spectator) = (room.view(ann), room.watch().unwrap());
    assert_eq!(player.things, spectator.things);
    assert_eq!(player.board, spectator.board);
    assert!(player.you > 0 && player.gauges.len() == 2);
    assert!(spectator.you == 0 && spectator.gauges.is_empty());
}

#[test]
fn a_view_is_what_the_page_reads() {
    let mut room: TestRoom<Arena<R2>> = room(300);
    let ann = room.join("ann");
    room.ticks(1);
    let view = serde_json::to_value(room.view(ann)).unwrap();
    assert_eq!(view["tick"], 1);
    assert_eq!(view["clock_ms"], 299_950);
    assert_eq!(view["length_ms"], 300_000);
    assert_eq!(view["release"], "release 2");
    assert_eq!(view["things"][0].as_array().unwrap().len(), 6);
    assert_eq!(view["things"].as_array().unwrap().last().unwrap().as_array().unwrap().len(), 4);
    assert_eq!(view["looks"][0][0], "ship");
    let own = view["board"].as_array().unwrap().iter().find(|row| row[0] == view["you"]);
    assert_eq!(own.unwrap()[1], "ann");
}
