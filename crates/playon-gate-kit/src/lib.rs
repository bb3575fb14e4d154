//! What every gateway must do, asked by a scripted owner and scripted players: the contract of the seam *gate*.
//!
//! The same points are put to the real gateway over real sockets and to the simulator's model of one, so that the model
//! cannot be kinder. They say who tells what when: which words of a player reach the owner, which of the owner's reach the
//! player, and with whose word a socket is forgotten.

mod points;
mod script;

use bytes::Bytes;
use playon_types::gate::{Close, ToGateway, ToOwner};
use playon_types::ids::{RoomId, SessionId};

pub use points::{POINTS, Point};
pub use script::{Script, welcome};

/// A player of the script: one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptedPlayer(pub usize);

/// As whom a player comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// As a new player, to that room.
    New(RoomId),
    /// As one who was there before.
    Known(RoomId, SessionId),
    /// As a spectator.
    Watcher(RoomId),
    /// As a new player, to any room that takes it.
    Anywhere,
}

/// What a player says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its first words.
    Hello(Guest),
    /// An input.
    Input {
        /// Its number.
        seq: u64,
        /// The last event taken in.
        recv: u64,
        /// What it is.
        payload: Bytes,
    },
    /// Events are taken in up to there.
    Ack(u64),
    /// It answers a ping.
    Pong,
    /// It gives the seat up.
    Bye,
}

/// What a player hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has its seat.
    Welcome,
    /// Inputs up to there are applied.
    Applied(u64),
    /// The event of that number.
    Event(u64),
    /// The room, with all events up to that number.
    View(u64),
    /// Its socket is closed.
    Closed(Close),
}

/// A gateway, real or modelled, that has just begun, with one shard behind it.
pub trait Subject {
    /// A socket is opened.
    fn connect(&mut self) -> ScriptedPlayer;

    /// A player says something, whether anybody still listens or not.
    fn say(&mut self, player: ScriptedPlayer, said: Said);

    /// A player hangs up.
    fn hang_up(&mut self, player: ScriptedPlayer);

    /// A player takes nothing more, so that what is sent to it waits; or goes on.
    fn take(&mut self, player: ScriptedPlayer, takes: bool);

    /// The next thing that a player hears. Called only where something is owed to it.
    fn hear(&mut self, player: ScriptedPlayer) -> Heard;

    /// The owner says something.
    fn tell(&mut self, message: ToGateway);

    /// The next thing that the owner is told. Called only where something is owed to it.
    fn told(&mut self) -> ToOwner;

    /// The owner takes nothing more; or does again.
    fn refuse(&mut self, refuses: bool);

    /// The gateway goes down. All that the owner was told and has not looked at.
    fn go_down(&mut self) -> Vec<ToOwner>;
}

/// Puts every point to a gateway of its own. Gives the name of each that does not hold, with the reason.
pub fn check(make: &mut dyn FnMut() -> Box<dyn Subject>) -> Vec<(&'static str, String)> {
    let failed = POINTS.iter().filter_map(|point| {
        let mut subject = make();
        let outcome = (point.check)(&mut Script::new(&mut *subject));
        outcome.err().map(|why| (point.name, why))
    });
    failed.collect()
}
