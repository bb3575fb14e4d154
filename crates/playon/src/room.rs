//! The one trait a game implements.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Cx, Player, PlayerId, Policies, Refusal, Timer, Versions};

/// One kind of room: its state is `Self`, its rules are these functions.
///
/// The functions are plain and synchronous, and only one runs at a time for a room. They take the time, random
/// numbers and new ids from [`Cx`] and nowhere else. After each batch of calls the state is encoded
/// and kept by the keeper; a room that is moved to another release or reopened after a crash is decoded from it and goes on.
///
/// The state is encoded by `serde` with named fields, and what is written is read again before players are told (`docs/state.md` says
/// which types and attributes are exact). Fields may be added with `#[serde(default)]` and removed
/// freely; other changes are described by [`Room::versions`]. Use `BTreeMap` and `BTreeSet` in it:
/// a `HashMap` has no fixed order, and is refused when the worker starts (`PLY-0426`).
///
/// A panic throws the object away; the room is reopened from its last commit, and no other room notices.
pub trait Room: Serialize + DeserializeOwned + Send + 'static {
    /// The name of the kind: `[a-z0-9_-]`, 1 to 64 bytes. It never changes.
    const KIND: &'static str;

    /// How a room is created; JSON that clients or operators send.
    type Params: DeserializeOwned;
    /// What a player sends; JSON.
    type Input: DeserializeOwned;
    /// What players are told, reliably, in order and once; JSON.
    type Event: Serialize;
    /// What one player may see now; the latest replaces all before; JSON.
    type View: Serialize;

    /// What this kind asks of its keeper.
    fn policies() -> Policies {
        Policies::default()
    }

    /// The versions of the state, oldest first, and the ways between them.
    fn versions() -> Versions<Self> {
        Versions::first()
    }

    /// Makes a new room.
    ///
    /// Without params the client's are read as `null`, and if that does not fit as `{}`.
    ///
    /// # Errors
    /// When the game does not want such a room; the player reads why.
    fn create(params: Self::Params, cx: &mut Cx<Self>) -> Result<Self, Refusal>;

    /// Seats a player, who is already among [`Cx::players`].
    ///
    /// # Errors
    /// When the game does not want the player now; refuse before changing anything. What was sent to this player is dropped.
    fn join(&mut self, who: &Player, cx: &mut Cx<Self>) -> Result<(), Refusal>;

    /// A seated player's next input. Each comes exactly once, in the order sent.
    fn input(&mut self, from: PlayerId, input: Self::Input, cx: &mut Cx<Self>);

    /// An input that is no [`Room::Input`]: a broken client, or one of another release.
    ///
    /// It counts as applied and is reported in the worker's log. Override this to tell the player.
    fn unreadable(&mut self, _from: PlayerId, _payload: &[u8], _cx: &mut Cx<Self>) {}

    /// The fixed step, [`Cx::dt`] long, if [`Policies::hz`] asks for one.
    fn tick(&mut self, _cx: &mut Cx<Self>) {}

    /// A timer set with [`Cx::set_timer`] is due. It is gone by now and may be set again.
    fn timer(&mut self, _timer: &Timer, _cx: &mut Cx<Self>) {}

    /// The player's socket is gone; the seat is kept.
    fn away(&mut self, _who: PlayerId, _cx: &mut Cx<Self>) {}

    /// The player has a socket again.
    fn back(&mut self, _who: PlayerId, _cx: &mut Cx<Self>) {}

    /// The seat is given up, has expired or was dismissed; the player is no longer among [`Cx::players`].
    fn leave(&mut self, _who: PlayerId, _cx: &mut Cx<Self>) {}

    /// The keeper crashed and the room went back to a checkpoint: so many of the player's inputs had been acknowledged and are undone.
    ///
    /// Called before [`Room::back`], and only for kinds with [`Survives::WorkerCrash`](crate::Survives::WorkerCrash).
    fn lost(&mut self, _who: PlayerId, _inputs: u64, _cx: &mut Cx<Self>) {}

    /// What this player may see now.
    fn view(&self, who: PlayerId, cx: &Cx<Self>) -> Self::View;

    /// What spectators may see now; without it there are none.
    fn watch(&self, _cx: &Cx<Self>) -> Option<Self::View> {
        None
    }
}
