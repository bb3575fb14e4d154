//! Hot potato: whoever holds it when it goes off is burnt.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use playon::{Asset, Cx, Player, PlayerId, Refusal, Room, Timer};
use serde::{Deserialize, Serialize};

/// Whoever holds the potato when it goes off is burnt.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Potato {
    holder: Option<PlayerId>,
    burns: BTreeMap<PlayerId, u32>,
}

impl Room for Potato {
    const KIND: &'static str = "potato";
    type Params = (); // how a room is created
    type Input = PlayerId; // what a player sends: whom to throw it to
    type Event = String; // what players are told: in order, once, for certain
    type View = Potato; // what a player sees: the latest is all that counts

    fn create((): (), cx: &mut Cx<Self>) -> Result<Self, Refusal> {
        cx.set_timer("bang", Duration::from_secs(10));
        Ok(Self::default())
    }

    fn join(&mut self, who: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
        self.burns.insert(who.id(), 0);
        self.holder.get_or_insert(who.id());
        Ok(())
    }

    fn input(&mut self, from: PlayerId, to: PlayerId, cx: &mut Cx<Self>) {
        if self.holder == Some(from) && cx.player(to).is_some() {
            self.holder = Some(to);
        }
    }

    fn timer(&mut self, _: &Timer, cx: &mut Cx<Self>) {
        let fuse = cx.rng().range(5..20);
        cx.set_timer("bang", Duration::from_secs(fuse));
        let Some(holder) = self.holder else { return };
        *self.burns.entry(holder).or_default() += 1;
        cx.broadcast(&format!("{holder} is burnt"));
    }

    fn leave(&mut self, who: PlayerId, cx: &mut Cx<Self>) {
        self.burns.remove(&who);
        self.holder = cx.players().first().map(Player::id);
    }

    fn view(&self, _: PlayerId, _: &Cx<Self>) -> Potato {
        self.clone()
    }
}

const PAGE: [Asset; 2] = [
    Asset::new("/index.html", "text/html; charset=utf-8", include_bytes!("../page/index.html")),
    Asset::new("/playon.js", "text/javascript", include_bytes!("../page/playon.js")),
];

fn main() -> ExitCode {
    playon::app("potato").room::<Potato>().assets(&PAGE).run()
}
