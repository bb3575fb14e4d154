//! One game in several releases, each with another shape of state.

use std::time::Duration;

use playon::{Cx, Player, PlayerId, Refusal, Room, Timer, Versions};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub struct V1 {
    pub red: u32,
    pub blue: u32,
}

#[derive(Default, Serialize, Deserialize)]
pub struct V2 {
    pub teams: Vec<u32>,
}

#[derive(Default, Serialize, Deserialize)]
pub struct V3 {
    pub teams: Vec<u32>,
    pub total: u32,
    // An addition within a version.
    #[serde(default)]
    pub motto: String,
}

fn v2(old: V1) -> V2 {
    V2 { teams: vec![old.red, old.blue] }
}

fn v1(new: V2) -> V1 {
    V1 { red: new.teams[0], blue: new.teams[1] }
}

fn v3(old: V2) -> V3 {
    V3 { total: old.teams.iter().sum(), teams: old.teams, motto: String::new() }
}

/// Version 3 before it had a motto.
#[derive(Default, Serialize, Deserialize)]
pub struct V3Before {
    pub teams: Vec<u32>,
    pub total: u32,
}

pub trait Game: Room {
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
                cx.send(from, &told);
            }
            fn timer(&mut self, timer: &Timer, cx: &mut Cx<Self>) {
                assert_eq!(timer.name(), "whistle");
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
release!(V3, Versions::first().then_and_back(v2, v1).then(v3), |self, team| {
    self.teams.resize(2, 0);
    self.teams[team] += 1;
    self.total += 1;
});

release!(V3Before, Versions::since(3), |self, team| {
    assert!(team < 2);
    self.total += 1;
});
