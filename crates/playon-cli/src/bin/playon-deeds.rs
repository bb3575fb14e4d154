//! A game whose players say what its code does wrong. For tests.

use std::process::ExitCode;
use std::time::Duration;

use playon::{Cx, Player, PlayerId, Policies, Refusal, Room};
use playon_drill::game::Deeds;
use serde::{Deserialize, Serialize};

/// A room for two without ticks, which sleeps soon and gives empty seats up soon.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Booth {
    words: u64,
    /// Bytes that each view has beside the number of words.
    view_bytes: usize,
}

impl Room for Booth {
    const KIND: &'static str = "booth";

    type Params = Option<String>;
    type Input = String;
    type Event = u64;
    type View = (u64, String);

    fn policies() -> Policies {
        Policies::default()
            .players_max(2)
            .seat_hold(Duration::from_secs(8))
            .idle_hibernate(Duration::from_secs(1))
    }

    fn create(_: Option<String>, _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }

    /// `view:N` gives all later views N more bytes.
    fn input(&mut self, _: PlayerId, word: String, _: &mut Cx<Self>) {
        self.words += 1;
        if let Some(("view", bytes)) = word.split_once(':') {
            self.view_bytes = bytes.parse().unwrap_or(0);
        }
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> (u64, String) {
        (self.words, "v".repeat(self.view_bytes))
    }
}

fn main() -> ExitCode {
    playon::app("deeds").room::<Deeds>().room::<Booth>().run()
}
