//! A game whose players say what its code does wrong. For tests.

use std::process::ExitCode;
use std::time::Duration;

use playon::{Cx, Player, PlayerId, Policies, Refusal, Room};
use playon_drill::game::Deeds;
use serde::{Deserialize, Serialize};

/// A room without ticks for so many players, whose seats and rooms are kept for so long.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Quiet<const PLAYERS: u32> {
    words: u64,
    /// Bytes that each view has beside the number of words.
    view_bytes: usize,
    /// What becomes of whoever joins.
    door: String,
}

/// Sleeps soon and gives empty seats up soon.
type Booth = Quiet<2>;

/// Does not.
type Hall = Quiet<16>;

impl<const PLAYERS: u32> Room for Quiet<PLAYERS> {
    const KIND: &'static str = if PLAYERS == 2 { "booth" } else { "hall" };

    type Params = Option<String>;
    type Input = String;
    type Event = u64;
    type View = (u64, String);

    fn policies() -> Policies {
        let policies = Policies::default().players_max(PLAYERS);
        if Self::KIND == "hall" {
            return policies;
        }
        policies.seat_hold(Duration::from_secs(8)).idle_hibernate(Duration::from_secs(1))
    }

    fn create(_: Option<String>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        match self.door.as_str() {
            "closed" => Err(Refusal::new("the round has begun")),
            "panic" => panic!("a player too many"),
            "abort" => std::process::abort(),
            _ => Ok(()),
        }
    }

    /// `view:N` gives all later views N more bytes, `door:WHAT` says what becomes of whoever joins.
    fn input(&mut self, _: PlayerId, word: String, _: &mut Cx<Self>) {
        self.words += 1;
        match word.split_once(':') {
            Some(("view", bytes)) => self.view_bytes = bytes.parse().unwrap_or(0),
            Some(("door", what)) => what.clone_into(&mut self.door),
            _ => {}
        }
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> (u64, String) {
        (self.words, "v".repeat(self.view_bytes))
    }
}

fn main() -> ExitCode {
    playon::app("deeds").room::<Deeds>().room::<Booth>().room::<Hall>().run()
}
