//! What a worker begins with is noted before any of the game's code runs.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::common::owner::{Owner, input, join};
use playon::{Cx, Player, PlayerId, Refusal, Room};
use playon_types::attach::Turn;
use playon_wire::attach::{AT_REST, TURNS_PAGE_BYTES, decode_turns};
use serde::{Deserialize, Serialize};

static PAGE: OnceLock<PathBuf> = OnceLock::new();

fn noted() -> Vec<(u64, Turn)> {
    let page = std::fs::read(PAGE.get().expect("set by the test")).expect("a page");
    decode_turns(&page).map(|(_, count, turn)| (count, turn)).collect()
}

/// Looks at the page from within.
#[derive(Default, Serialize, Deserialize)]
struct Reader {
    seen: Vec<u64>,
}

impl Room for Reader {
    const KIND: &'static str = "reader";
    type Params = ();
    type Input = ();
    type Event = Vec<u64>;
    type View = ();
    fn create((): (), _: &mut Cx<Self>) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
    fn join(&mut self, _: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        Ok(())
    }
    fn input(&mut self, _: PlayerId, (): (), _: &mut Cx<Self>) {
        self.seen.extend(noted().iter().map(|(_, turn)| turn.seq.0));
    }
    fn view(&self, _: PlayerId, _: &Cx<Self>) {}
}

#[test]
fn the_note_is_there_when_the_game_runs_and_says_when_nothing_does() {
    let path = PAGE.get_or_init(|| concat!(env!("CARGO_TARGET_TMPDIR"), "/turns").into());
    std::fs::write(path, [0; TURNS_PAGE_BYTES]).unwrap();
    let app = playon::app("reader").threads(1).room::<Reader>();
    let mut owner = Owner::attach_with(app, Some(path.display().to_string()));
    let mut room = owner.create(1, "reader", "").unwrap();
    owner.batch(&mut room, 1, vec![join(5, "ann")]);
    owner.batch(&mut room, 2, vec![input(5, 1, &())]);
    let seen: Vec<u8> = room.state.iter().copied().filter(|byte| *byte == 3).collect();
    assert_eq!(seen, [3], "the game read the number of its own batch: {:?}", room.state);
    owner.shutdown();
    assert!(matches!(noted()[..], [(_, AT_REST)]), "{:?}", noted());
}
