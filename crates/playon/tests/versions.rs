//! State across releases: chains of upgrades, ways back, and what is refused.

// The rooms below are as public as a game's would be.
#![allow(missing_docs)]

use std::collections::HashMap;
use std::time::Duration;

use playon::testing::TestRoom;
use playon::{Cx, Player, PlayerId, Refusal, Room, Versions};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct V1 {
    red: u32,
    blue: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct V2 {
    teams: Vec<u32>,
}

#[derive(Default, Serialize, Deserialize)]
struct V3 {
    teams: Vec<u32>,
    total: u32,
    // An addition within a version.
    #[serde(default)]
    motto: String,
}

fn v2(old: V1) -> V2 {
    V2 {
        teams: vec![old.red, old.blue],
    }
}

fn v1(new: V2) -> V1 {
    V1 {
        red: new.teams[0],
        blue: new.teams[1],
    }
}

fn v3(old: V2) -> V3 {
    V3 {
        total: old.teams.iter().sum(),
        teams: old.teams,
        motto: String::new(),
    }
}

/// Version 3 before it had a motto.
#[derive(Default, Serialize, Deserialize)]
struct V3Before {
    teams: Vec<u32>,
    total: u32,
}

trait Game: Room {
    fn goal(&mut self, team: usize);
}

macro_rules! release {
    ($state:ty, $versions:expr, |$self:ident, $team:ident| $goal:expr) => {
        impl Game for $state {
            fn goal(&mut $self, $team: usize) {
                $goal;
            }
        }

        impl Room for $state {
            const KIND: &'static str = "match";
            type Params = ();
            type Input = usize;
            type Event = (u64, Duration, u64);
            type View = String;

            fn versions() -> Versions<Self> {
                $versions
            }
            fn create((): (), cx: &mut Cx<Self>) -> Result<Self, Refusal> {
                cx.set_timer("whistle", Duration::from_secs(90));
                Ok(Self::default())
            }
            fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
                Ok(())
            }
            fn input(&mut self, from: PlayerId, team: usize, cx: &mut Cx<Self>) {
                self.goal(team);
                let told = (cx.rng().next_u64(), cx.now(), cx.new_id());
                cx.send(from, told);
            }
            fn timer(&mut self, name: &str, cx: &mut Cx<Self>) {
                assert_eq!(name, "whistle");
                cx.end();
            }
            fn view(&self, _: PlayerId, _: &Cx<Self>) -> String {
                serde_json::to_string(self).unwrap()
            }
        }
    };
}

release!(V1, Versions::first(), |self, team| if team == 0 {
    self.red += 1
} else {
    self.blue += 1
});
release!(V2, Versions::first().then_and_back(v2, v1), |self, team| {
    self.teams.resize(2, 0);
    self.teams[team] += 1;
});
release!(
    V3,
    Versions::first().then_and_back(v2, v1).then(v3),
    |self, team| {
        self.teams.resize(2, 0);
        self.teams[team] += 1;
        self.total += 1;
    }
);

release!(V3Before, Versions::since(3), |self, team| {
    assert!(team < 2);
    self.total += 1;
});

#[test]
fn a_running_room_goes_through_two_upgrades() {
    let mut one = TestRoom::<V1>::create(());
    let ann = one.join("ann");
    one.input(ann, 0);
    let mut two = one.upgrade_to::<V2>();
    two.input(ann, 1);
    let mut three = two.upgrade_to::<V3>();
    three.input(ann, 1);
    assert_eq!(
        (three.state().teams.as_slice(), three.state().total),
        ([1, 2].as_slice(), 3)
    );
}

#[test]
fn a_room_may_skip_a_release() {
    let mut one = TestRoom::<V1>::create(());
    let ann = one.join("ann");
    one.input(ann, 1);
    let three = one.upgrade_to::<V3>();
    assert_eq!(
        (three.state().teams.as_slice(), three.state().total),
        ([0, 1].as_slice(), 1)
    );
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
    assert!(
        room.ended(),
        "the timer set by release 1 fires in release 3"
    );
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
#[should_panic(expected = "PLY-0410")]
fn a_one_way_step_cannot_be_taken_back() {
    let _ = TestRoom::<V2>::create(())
        .upgrade_to::<V3>()
        .rollback_to::<V2>();
}

#[test]
#[should_panic(expected = "PLY-0403 the state has version 3, this release reads up to 2")]
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
#[should_panic(expected = "PLY-0405")]
fn another_kinds_state_is_refused() {
    let bytes = TestRoom::<V1>::create(()).save();
    let at = bytes
        .windows(5)
        .position(|found| found == b"match")
        .unwrap();
    let mut other = bytes;
    other[at..at + 5].copy_from_slice(b"lobby");
    TestRoom::<V1>::load(&other, Duration::ZERO);
}

#[test]
#[should_panic(expected = "PLY-0406 kind `tally`: field `votes`")]
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
