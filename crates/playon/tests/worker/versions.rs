//! State across releases: chains of upgrades, ways back, and what is refused.

use std::collections::HashMap;
use std::time::Duration;

use crate::common::releases::{V1, V2, V3, V3Before};
use playon::testing::TestRoom;
use playon::{Cx, Player, PlayerId, Refusal, Room};
use serde::{Deserialize, Serialize};

#[test]
fn a_running_room_goes_through_two_upgrades() {
    let mut one = TestRoom::<V1>::create(());
    let ann = one.join("ann");
    one.input(ann, 0);
    let mut two = one.upgrade_to::<V2>();
    two.input(ann, 1);
    let mut three = two.upgrade_to::<V3>();
    three.input(ann, 1);
    assert_eq!((three.state().teams.as_slice(), three.state().total), ([1, 2].as_slice(), 3));
}

#[test]
fn a_room_may_skip_a_release() {
    let mut one = TestRoom::<V1>::create(());
    let ann = one.join("ann");
    one.input(ann, 1);
    let three = one.upgrade_to::<V3>();
    assert_eq!((three.state().teams.as_slice(), three.state().total), ([0, 1].as_slice(), 1));
}

#[test]
fn the_hidden_state_goes_along() {
    let straight = {
        let mut room = TestRoom::<V1>::create(());
        let ann = room.join("ann");
        (0..4).for_each(|_| room.input(ann, 0));
        room.sent(ann)
    };
    let mut room = TestRoom::<V1>::create(());
    let ann = room.join("ann");
    room.input(ann, 0);
    let mut room = room.upgrade_to::<V2>();
    room.input(ann, 0);
    let mut room = room.upgrade_to::<V3>();
    room.input(ann, 0);
    room.input(ann, 0);
    assert_eq!(room.sent(ann), straight);
    room.advance(Duration::from_secs(89));
    assert!(!room.ended());
    room.advance(Duration::from_secs(1));
    assert!(room.ended(), "the timer set by release 1 fires in release 3");
}

#[test]
fn a_rollback_takes_the_room_along() {
    let mut room = TestRoom::<V1>::create(()).upgrade_to::<V2>();
    let ann = room.join("ann");
    room.input(ann, 1);
    let mut room = room.rollback_to::<V1>();
    room.input(ann, 0);
    assert_eq!((room.state().red, room.state().blue), (1, 1));
}

#[test]
#[should_panic(expected = "PLY-0430")]
fn a_one_way_step_cannot_be_taken_back() {
    let _ = TestRoom::<V2>::create(()).upgrade_to::<V3>().rollback_to::<V2>();
}

#[test]
#[should_panic(expected = "PLY-0423 the state has version 3, this release reads up to 2")]
fn a_newer_state_is_refused() {
    let _ = TestRoom::<V3>::create(()).upgrade_to::<V2>();
}

#[test]
fn additions_need_no_version() {
    let mut room = TestRoom::<V3Before>::create(());
    let ann = room.join("ann");
    room.input(ann, 1);
    let mut room = room.upgrade_to::<V3>();
    assert_eq!((room.state().total, room.state().motto.as_str()), (1, ""));
    room.input(ann, 1);
    assert_eq!(room.rollback_to::<V3Before>().state().total, 2);
}

#[test]
#[should_panic(expected = "PLY-0425")]
fn another_kinds_state_is_refused() {
    let bytes = TestRoom::<V1>::create(()).save();
    let at = bytes.windows(5).position(|found| found == b"match").unwrap();
    let mut other = bytes;
    other[at..at + 5].copy_from_slice(b"lobby");
    TestRoom::<V1>::load(&other, Duration::ZERO);
}

#[test]
#[should_panic(expected = "PLY-0426 kind `tally`: field `votes`")]
fn a_hash_map_fails_the_games_own_tests() {
    TestRoom::<Tally>::create(());
}

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    votes: HashMap<String, u32>,
}

impl Room for Tally {
    const KIND: &'static str = "tally";
    type Params = ();
    type Input = String;
    type Event = ();
    type View = ();
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, vote: String, _: &mut Cx<Self>) {
        *self.votes.entry(vote).or_default() += 1;
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}
