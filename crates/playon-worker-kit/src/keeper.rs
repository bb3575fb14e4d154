//! The keeper's side: committed bytes, attempts, and what may be said next.

use bytes::Bytes;
use playon_types::attach::{
    Body, Commit, Deliver, Fault, FromWorker, Item, Ready, Stage, ToWorker,
};
use playon_types::ids::{Attempt, RoomId, Seq, SessionId};
use playon_types::image::{StateCodec, materialize};
use playon_types::time::RoomTime;
use playon_wire::state::ZstdXxh3;

use crate::{GameUnderTest, Subject};

/// Bytes of a state in these scripts.
const STATE_BYTES_MAX: usize = 16 << 20;

/// The player of all scripts.
pub(crate) const ANN: SessionId = SessionId(5);
/// Somebody who never had a seat.
pub(crate) const STRANGER: SessionId = SessionId(99);

/// A room as its keeper holds it.
#[derive(Clone, Debug)]
pub struct HeldRoom {
    pub(crate) room: RoomId,
    pub(crate) attempt: Attempt,
    pub(crate) seq: Seq,
    pub(crate) version: u32,
    pub(crate) state: Bytes,
    pub(crate) hash: u64,
    pub(crate) tick: u64,
}

/// A keeper that follows a script.
pub struct ScriptedKeeper<'a> {
    subject: &'a mut dyn Subject,
    pub(crate) game: &'a GameUnderTest,
    minted: u64,
}

impl<'a> ScriptedKeeper<'a> {
    pub(crate) fn new(subject: &'a mut dyn Subject, game: &'a GameUnderTest) -> Self {
        Self { subject, game, minted: 0 }
    }

    /// A token that was never given out before.
    pub(crate) const fn mint(&mut self) -> Attempt {
        self.minted += 1;
        Attempt(self.minted)
    }

    pub(crate) fn tell(&mut self, message: ToWorker) {
        self.subject.tell(message);
    }

    /// What it says next.
    pub(crate) fn hear(&mut self) -> FromWorker {
        self.subject.answer()
    }

    /// What it says to that.
    pub(crate) fn ask(&mut self, message: ToWorker) -> FromWorker {
        self.subject.tell(message);
        self.subject.answer()
    }

    /// A new room with a player in it.
    pub(crate) fn create(&mut self) -> Result<HeldRoom, String> {
        let attempt = self.mint();
        let room = RoomId([attempt.0 as u8; 16]);
        let (kind, params) = (self.game.kind.clone(), Bytes::new());
        let answer = self.ask(ToWorker::Create { room, attempt, kind, params, seed: 7 });
        let FromWorker::Commit(commit) = answer else { return Err(format!("{answer:?}")) };
        let Body::Full(state) = &commit.body else {
            return Err(format!("the first state is not whole: {:?}", commit.body));
        };
        let (state, hash, version) = (state.clone(), commit.hash, commit.version);
        equal("the room", (commit.room, commit.attempt, commit.seq), (room, attempt, Seq(1)))?;
        equal("the hash of its bytes", ZstdXxh3.hash(&state), hash)?;
        equal("the version", version, self.game.version)?;
        let mut room = HeldRoom { room, attempt, seq: Seq(1), version, state, hash, tick: 0 };
        let profile = self.game.profile.clone();
        let commit = self.batch(&mut room, vec![Item::Join { session: ANN, profile }])?;
        equal("refused joins", commit.refused.len(), 0)?;
        Ok(room)
    }

    /// The next batch of a room, with a tick at its end, for a player who wants to see.
    pub(crate) fn deliver(
        &self,
        room: &mut HeldRoom,
        mut items: Vec<Item>,
        whole: bool,
    ) -> Deliver {
        if whole {
            room.tick += 1;
            items.push(Item::Tick(room.tick));
        }
        Deliver {
            room: room.room,
            attempt: room.attempt,
            seq: room.seq.next(),
            now: RoomTime(room.tick * 100_000),
            items,
            render: Vec::new(),
            render_watch: false,
        }
    }

    /// The items and a tick; gives the commit, which has been looked at and taken in.
    pub(crate) fn batch(
        &mut self,
        room: &mut HeldRoom,
        items: Vec<Item>,
    ) -> Result<Commit, String> {
        let deliver = self.deliver(room, items, true);
        self.commit(room, deliver)
    }

    pub(crate) fn commit(
        &mut self,
        room: &mut HeldRoom,
        deliver: Deliver,
    ) -> Result<Commit, String> {
        let answer = self.ask(ToWorker::Deliver(deliver));
        let FromWorker::Commit(commit) = answer else { return Err(format!("{answer:?}")) };
        let is = (commit.room, commit.attempt, commit.seq);
        equal("the commit", is, (room.room, room.attempt, room.seq.next()))?;
        equal("what it was made from", commit.parent_hash, room.hash)?;
        room.state = bytes_of(commit.seq, &room.state, &commit.body, commit.hash)?;
        (room.seq, room.hash, room.version) = (commit.seq, commit.hash, commit.version);
        Ok(commit)
    }

    /// Opens the committed bytes under a new attempt.
    pub(crate) fn open(&mut self, room: &HeldRoom) -> Result<(HeldRoom, Ready), String> {
        let attempt = self.mint();
        let HeldRoom { room: id, seq, version, state, .. } = room.clone();
        let kind = self.game.kind.clone();
        let answer = self.ask(ToWorker::Open { room: id, attempt, kind, seq, version, state });
        let FromWorker::Ready(ready) = answer else { return Err(format!("{answer:?}")) };
        let opened = HeldRoom { attempt, ..room.clone() };
        Ok((self.opened(opened, &ready)?, ready))
    }

    /// What has been opened is what was committed: the release reads the version that it writes.
    pub(crate) fn opened(&self, room: HeldRoom, ready: &Ready) -> Result<HeldRoom, String> {
        let is = (ready.room, ready.attempt, ready.seq);
        equal("what was opened", is, (room.room, room.attempt, room.seq))?;
        equal("the version", ready.version, room.version)?;
        let state = bytes_of(ready.seq, &room.state, &ready.body, ready.hash)?;
        equal("the bytes", &state, &room.state)?;
        Ok(room)
    }

    /// What it cannot do it says, under the attempt it was asked with.
    pub(crate) fn fault(&mut self, message: ToWorker, stage: Stage) -> Result<Fault, String> {
        let turn = message.turn();
        let answer = self.ask(message);
        let FromWorker::Fault(fault) = answer else { return Err(format!("{answer:?}")) };
        equal("the fault", (fault.room, fault.attempt), (turn.room, turn.attempt))?;
        equal("where it failed", fault.stage, stage)?;
        Ok(fault)
    }

    pub(crate) fn input(&self, seq: u64) -> Item {
        Item::Input { session: ANN, seq, payload: self.game.input.clone() }
    }

    pub(crate) fn poison(&self, seq: u64) -> Item {
        Item::Input { session: ANN, seq, payload: self.game.poison.clone() }
    }
}

fn bytes_of(seq: Seq, from: &Bytes, body: &Body, hash: u64) -> Result<Bytes, String> {
    materialize(seq, from, body, hash, &ZstdXxh3, STATE_BYTES_MAX).map_err(|why| why.to_string())
}

/// Says what is not as it should be.
pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    is: T,
    due: T,
) -> Result<(), String> {
    if is == due { Ok(()) } else { Err(format!("{what}: {is:?} instead of {due:?}")) }
}
