use arena::arena::{Arena, Params};
use arena::r1::R1;
use arena::r2::R2;
use arena::view::View;
use playon::Room;
use playon::testing::TestRoom;

use crate::{fly, own, room};

/// All that a page draws and counts, without what is new in a release.
fn seen(view: &View) -> impl PartialEq + std::fmt::Debug {
    let counted = (view.tick, view.clock_ms, view.round, view.you);
    (counted, view.things.clone(), view.board.clone(), view.podium.clone())
}

#[test]
fn an_upgrade_in_mid_round_keeps_clock_scores_and_places() {
    let mut old = room::<R1>(300);
    let (ann, bob) = (old.join("ann"), old.join("bob"));
    fly(&mut old, &[ann, bob], 500);
    let before = old.view(ann);
    assert!(own(&before).2 > 0);

    let mut new = old.upgrade_to::<Arena<R2>>();
    let after = new.view(ann);
    assert_eq!(seen(&after), seen(&before));
    assert_eq!((before.release.as_str(), after.release.as_str()), ("release 1", "release 2"));
    assert_eq!(before.banner, "");
    assert!(after.banner.contains("comets"), "{}", after.banner);

    fly(&mut new, &[ann, bob], 1);
    let next = new.view(ann);
    assert_eq!((next.tick, next.clock_ms), (before.tick + 1, before.clock_ms - 50));
    assert!(own(&next).2 >= own(&before).2);
}

#[test]
fn a_rollback_in_mid_round_keeps_clock_scores_and_places() {
    let mut new = room::<R2>(300);
    let ann = new.join("ann");
    fly(&mut new, &[ann], 500);
    while !new.watch().unwrap().looks.iter().any(|look| look.0 == "comet") {
        fly(&mut new, &[ann], 1);
    }
    let before = new.view(ann);

    let mut old = new.rollback_to::<Arena<R1>>();
    let after = old.view(ann);
    assert_eq!(after.board, before.board);
    assert_eq!((after.tick, after.clock_ms), (before.tick, before.clock_ms));
    assert_eq!(after.things.len(), before.things.len(), "the comet goes on as a star");
    assert!(after.looks.iter().all(|look| look.0 != "comet"));
    fly(&mut old, &[ann], 100);
    assert!(own(&old.view(ann)).2 >= own(&before).2);
}

#[test]
fn there_and_back_again_changes_nothing_that_release_1_knows() {
    let mut room = room::<R1>(60);
    let ann = room.join("ann");
    fly(&mut room, &[ann], 1_150);
    // Once in mid-round, once on the podium.
    for _ in 0..2 {
        let before = room.save();
        room = room.upgrade_to::<Arena<R2>>().rollback_to::<Arena<R1>>();
        assert_eq!(room.save(), before);
        fly(&mut room, &[ann], 100);
    }
    assert!(!room.view(ann).podium.is_empty());
}

#[test]
fn release_2_reads_and_writes_both_versions() {
    let versions = Arena::<R2>::versions();
    assert_eq!((versions.oldest(), versions.newest(), versions.goes_back_to()), (1, 2, 1));
}

#[test]
fn equal_seeds_and_inputs_give_equal_states() {
    let play = |seed| {
        let params = Params { round_s: Some(20) };
        let mut room = TestRoom::<Arena<R2>>::try_create(params, seed).unwrap();
        let players = [room.join("ann"), room.join("bob")];
        fly(&mut room, &players, 800);
        room.save()
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7), play(8));
}

#[test]
fn a_crash_between_any_two_steps_changes_nothing() {
    let play = |crashes: bool| {
        let mut room = room::<R2>(300);
        let ann = room.join("ann");
        for _ in 0..60 {
            fly(&mut room, &[ann], 5);
            if crashes {
                room.reopen();
            }
        }
        room.save()
    };
    assert_eq!(play(false), play(true));
}
