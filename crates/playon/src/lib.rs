//! Write a multiplayer game that stays up while you deploy it.
//!
//! A game is an executable with one or more kinds of *rooms*. A keeper holds the players' sockets and everything that
//! must not be lost, starts the executable as a *worker*, and has it play the rooms. When a new release is
//! deployed, each room passes from the old worker to the new one between two steps: no socket
//! closes, no input is lost, and the round goes on by the new rules.
//!
//! For that a room is a plain struct that `serde` can write and read, and the rules are plain functions on it:
//!
//! ```no_run
//! use std::{collections::BTreeMap, process::ExitCode, time::Duration};
//!
//! use playon::{Cx, Player, PlayerId, Refusal, Room, Timer};
//! use serde::{Deserialize, Serialize};
//!
//! /// Whoever holds the potato when it goes off is burnt.
//! #[derive(Clone, Default, Serialize, Deserialize)]
//! struct Potato {
//!     holder: Option<PlayerId>,
//!     burns: BTreeMap<PlayerId, u32>,
//! }
//!
//! impl Room for Potato {
//!     const KIND: &'static str = "potato";
//!     type Params = (); // how a room is created
//!     type Input = PlayerId; // what a player sends: whom to throw it to
//!     type Event = String; // what players are told: in order, once, for certain
//!     type View = Potato; // what a player sees: the latest is all that counts
//!
//!     fn create((): (), cx: &mut Cx<Self>) -> Result<Self, Refusal> {
//!         cx.set_timer("bang", Duration::from_secs(10));
//!         Ok(Self::default())
//!     }
//!
//!     fn join(&mut self, who: &Player, _: &mut Cx<Self>) -> Result<(), Refusal> {
//!         self.burns.insert(who.id(), 0);
//!         self.holder.get_or_insert(who.id());
//!         Ok(())
//!     }
//!
//!     fn input(&mut self, from: PlayerId, to: PlayerId, cx: &mut Cx<Self>) {
//!         if self.holder == Some(from) && cx.player(to).is_some() {
//!             self.holder = Some(to);
//!         }
//!     }
//!
//!     fn timer(&mut self, _: &Timer, cx: &mut Cx<Self>) {
//!         let fuse = cx.rng().range(5..20);
//!         cx.set_timer("bang", Duration::from_secs(fuse));
//!         let Some(holder) = self.holder else { return };
//!         *self.burns.entry(holder).or_default() += 1;
//!         cx.broadcast(&format!("{holder} is burnt"));
//!     }
//!
//!     fn leave(&mut self, who: PlayerId, cx: &mut Cx<Self>) {
//!         self.burns.remove(&who);
//!         self.holder = cx.players().first().map(Player::id);
//!     }
//!
//!     fn view(&self, _: PlayerId, _: &Cx<Self>) -> Potato {
//!         self.clone()
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     playon::app("potato").room::<Potato>().run()
//! }
//! ```
//!
//! That is a whole server. What else there is:
//!
//! - [`Cx`] is a room's clock, random numbers, timers, players and mouth. Room time stands still while a room is
//!   not live, so no outage eats into a round.
//! - [`Policies`] say what a room survives, when a deploy may move it, and whether it ticks.
//! - [`Versions`] say how the state of an older release becomes that of this one, and back.
//! - [`testing`] drives rooms in tests: no network, virtual time.
//! - [`worker`] is what [`App::run`] does once a keeper has started the executable. With the feature `embedded` it is
//!   a keeper as well when none has: `cargo run` in the game's folder is a whole server then.

#![warn(missing_debug_implementations)]

mod app;
mod check;
mod codec;
mod cx;
#[cfg(feature = "embedded")]
mod embedded;
mod envelope;
mod executable;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod hidden;
mod kind;
mod live;
mod player;
mod policies;
mod refusal;
mod rng;
mod room;
pub mod testing;
mod timer;
mod versions;
pub mod worker;

pub use app::{App, Asset, app};
pub use cx::Cx;
pub use player::{Player, PlayerId};
pub use policies::{OnDeploy, Policies, Survives};
pub use refusal::Refusal;
pub use rng::{Number, Rng};
pub use room::Room;
pub use timer::Timer;
pub use versions::Versions;
