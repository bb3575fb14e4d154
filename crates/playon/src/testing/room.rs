//! A room driven by a test.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use playon_types::attach::Item;
use playon_types::ids::SessionId;
use playon_types::time::{RoomTime, WAKE_EVERY_MIN};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::mailbox::Mailbox;
use crate::check;
use crate::envelope::Trouble;
use crate::kind::{Kind, TypedKind};
use crate::live::{BatchOutcome, Live, LiveRoom};
use crate::policies::span;
use crate::{Player, PlayerId, Refusal, Room};

/// A room driven by a test: virtual time, no network. See the [module](super).
///
/// Whatever would be a fault in a worker panics here.
pub struct TestRoom<R: Room> {
    kind: TypedKind<R>,
    live: LiveRoom<R>,
    bytes: Vec<u8>,
    now: RoomTime,
    /// When it last ran.
    batch_at: RoomTime,
    joined: u64,
    inputs: u64,
    mailbox: Mailbox,
}

impl<R: Room> fmt::Debug for TestRoom<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRoom").field("cx", &self.live.cx).finish_non_exhaustive()
    }
}

impl<R: Room> TestRoom<R> {
    /// A new room, with random numbers from seed 1.
    ///
    /// # Panics
    /// When the game refuses the params.
    pub fn create(params: R::Params) -> Self
    where
        R::Params: Serialize,
    {
        Self::try_create(params, 1).unwrap_or_else(|refusal| panic!("refused: {refusal}"))
    }

    /// A new room with random numbers from this seed.
    ///
    /// # Errors
    /// When the game refuses the params.
    ///
    /// # Panics
    /// When the state cannot be kept, see [`Room`].
    pub fn try_create(params: R::Params, seed: u64) -> Result<Self, Refusal>
    where
        R::Params: Serialize,
    {
        let kind = TypedKind::<R>::new();
        if let Some(defect) = kind.try_out().defect {
            panic!("{defect}");
        }
        let live = kind.create_room(&to_json(&params), seed).map_err(|trouble| match trouble {
            Trouble::Refused(reason) => Refusal::new(reason),
            other => panic!("{other}"),
        })?;
        Ok(Self::over(kind, live, RoomTime(0), Mailbox::default(), 0, 0))
    }

    /// A room from what [`TestRoom::save`] gave, possibly by an older release; room time begins anew at `now`.
    ///
    /// # Panics
    /// When this release cannot open it.
    pub fn load(bytes: &[u8], now: Duration) -> Self {
        let kind = TypedKind::<R>::new();
        let live = open(&kind, bytes);
        let joined = live.cx.players().iter().map(|player| player.id().0).max().unwrap_or(0);
        Self::over(kind, live, RoomTime(0) + span(now), Mailbox::default(), joined, 0)
    }

    fn over(
        kind: TypedKind<R>,
        mut live: LiveRoom<R>,
        now: RoomTime,
        mailbox: Mailbox,
        joined: u64,
        inputs: u64,
    ) -> Self {
        live.cx.begin(now);
        let batch_at = RoomTime(0);
        let mut room =
            Self { kind, live, bytes: Vec::new(), now, batch_at, joined, inputs, mailbox };
        room.commit();
        room
    }

    /// Seats a player with the profile `{"name": name}`. Ids are 1, 2, 3 and so on.
    ///
    /// # Panics
    /// When the game refuses.
    pub fn join(&mut self, name: &str) -> PlayerId {
        self.try_join(name).unwrap_or_else(|refusal| panic!("{name} was refused: {refusal}"))
    }

    /// Seats a player with the profile `{"name": name}`.
    ///
    /// # Errors
    /// When the game refuses.
    pub fn try_join(&mut self, name: &str) -> Result<PlayerId, Refusal> {
        self.join_with(&serde_json::json!({ "name": name }))
    }

    /// Seats a player with any profile.
    ///
    /// # Errors
    /// When the game refuses.
    pub fn join_with(&mut self, profile: &impl Serialize) -> Result<PlayerId, Refusal> {
        if self.players().len() >= R::policies().declared().players_max as usize {
            // In a real room nobody asks the game either.
            return Err("the room is full".into());
        }
        self.joined += 1;
        let who = PlayerId(self.joined);
        let profile = to_json(profile).into();
        let refused = self.batch(&[Item::Join { session: who.into(), profile }]);
        match refused.into_iter().next() {
            Some((_, reason)) => Err(reason.into()),
            None => Ok(who),
        }
    }

    /// A player's input, at once. (A worker of a kind with ticks gets it just before the next one.)
    pub fn input(&mut self, from: PlayerId, input: R::Input)
    where
        R::Input: Serialize,
    {
        self.input_raw(from, &to_json(&input));
    }

    /// An input as it came from the network, readable or not.
    pub fn input_raw(&mut self, from: PlayerId, payload: &[u8]) {
        self.inputs += 1;
        let payload = Bytes::copy_from_slice(payload);
        self.batch(&[Item::Input { session: from.into(), seq: self.inputs, payload }]);
    }

    /// Lets room time pass: ticks run and timers fire, each at its time.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + span(by);
        let step = R::policies().declared().tick;
        while !self.ended() {
            let tick = step.map(|step| RoomTime(step.0 * (self.live.cx.tick() + 1)).max(self.now));
            // As a keeper does: one that arms itself for "at once" waits as well.
            let soonest = self.batch_at + WAKE_EVERY_MIN;
            let timer = self.live.facts().wake_at.map(|at| at.max(soonest).max(self.now));
            match (tick, timer) {
                (Some(tick), timer) if tick <= end && timer.is_none_or(|timer| timer >= tick) => {
                    self.now = tick;
                    self.tick();
                }
                (_, Some(timer)) if timer <= end => {
                    self.now = timer;
                    self.batch(&[Item::Wake]);
                }
                _ => break,
            }
        }
        self.now = end;
        self.live.cx.begin(end);
    }

    /// Runs so many ticks, letting the time pass that they take.
    pub fn ticks(&mut self, count: u32) {
        let step = R::policies().step().unwrap_or_default();
        self.advance(step * count);
    }

    fn tick(&mut self) {
        self.batch(&[Item::Tick(self.live.cx.tick() + 1)]);
    }

    /// The player's socket is gone.
    pub fn away(&mut self, who: PlayerId) {
        self.batch(&[Item::Away(who.into())]);
    }

    /// The player has a socket again.
    pub fn back(&mut self, who: PlayerId) {
        self.lost(who, 0);
    }

    /// The player has a socket again after a keeper's crash that undid so many of its inputs.
    pub fn lost(&mut self, who: PlayerId, inputs: u64) {
        self.batch(&[Item::Back { session: who.into(), lost: inputs }]);
    }

    /// The player gives its seat up.
    pub fn leave(&mut self, who: PlayerId) {
        self.batch(&[Item::Leave(who.into())]);
    }

    /// The events sent to a player since the last time this was asked.
    pub fn sent(&mut self, to: PlayerId) -> Vec<R::Event>
    where
        R::Event: DeserializeOwned,
    {
        self.mailbox.sent(to)
    }

    /// The events flashed to a player since the last time this was asked.
    pub fn flashed(&mut self, to: PlayerId) -> Vec<R::Event>
    where
        R::Event: DeserializeOwned,
    {
        self.mailbox.flashed(to)
    }

    /// What a player sees, after its way through JSON.
    ///
    /// # Panics
    /// When the player has no seat.
    pub fn view(&self, who: PlayerId) -> R::View
    where
        R::View: DeserializeOwned,
    {
        let view = sound(self.live.view(who.into()));
        from_json(&view.unwrap_or_else(|| panic!("player {who} has no seat")))
    }

    /// What spectators see, after its way through JSON.
    pub fn watch(&self) -> Option<R::View>
    where
        R::View: DeserializeOwned,
    {
        sound(self.live.watch()).map(|view| from_json(&view))
    }

    /// Why the room sent a player away, if it did.
    pub fn dismissed(&self, who: PlayerId) -> Option<&str> {
        self.mailbox.dismissed(who)
    }

    /// The room's state, for looking at.
    pub const fn state(&self) -> &R {
        &self.live.state
    }

    /// Seated players in the order in which they joined.
    pub fn players(&self) -> &[Player] {
        self.live.cx.players()
    }

    /// Room time.
    pub const fn now(&self) -> Duration {
        Duration::from_micros(self.now.0)
    }

    /// Whether the room said that it is between rounds.
    pub fn between_rounds(&self) -> bool {
        self.live.facts().between_rounds
    }

    /// Whether the room has ended.
    pub fn ended(&self) -> bool {
        self.live.facts().ended
    }

    /// The room as a keeper would hold it: good as a fixture for the tests of later releases.
    pub fn save(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// Throws the object away and opens the room from its last commit, as after a crash of the worker.
    pub fn reopen(&mut self) {
        self.live = open(&self.kind, &self.bytes);
        self.live.cx.begin(self.now);
    }

    /// Moves the room to another release, as a deploy does. Events not yet looked at stay.
    ///
    /// # Panics
    /// When that release cannot open it.
    #[must_use]
    pub fn upgrade_to<N: Room>(self) -> TestRoom<N> {
        let kind = TypedKind::<N>::new();
        let live = open(&kind, &self.bytes);
        TestRoom::over(kind, live, self.now, self.mailbox, self.joined, self.inputs)
    }

    /// Moves the room back to an older release, as a rollback does: this release writes the version that the older one writes.
    ///
    /// # Panics
    /// When there is no way back.
    #[must_use]
    pub fn rollback_to<O: Room>(self) -> TestRoom<O> {
        let kind = TypedKind::<O>::new();
        let version = self.kind.version().min(kind.version());
        let bytes = sound(self.kind.export(&self.bytes, version));
        let live = open(&kind, &bytes);
        TestRoom::over(kind, live, self.now, self.mailbox, self.joined, self.inputs)
    }

    /// Runs one batch and commits it; gives the refused joins.
    fn batch(&mut self, items: &[Item]) -> Vec<(SessionId, String)> {
        self.batch_at = self.now;
        let mut outcome: BatchOutcome = self.live.run(self.now, items);
        let refused = std::mem::take(&mut outcome.refused);
        self.mailbox.take_in(outcome);
        self.commit();
        refused
    }

    /// The room goes on with the copy that its bytes give, so that what is not in them is missing here as it would be
    /// after a handoff.
    fn commit(&mut self) {
        let encoded = sound(self.live.encode(self.bytes.len(), None));
        sound(self.live.prove(&encoded, check::COPIES));
        self.bytes = encoded.bytes;
        self.reopen();
    }
}

fn open<R: Room>(kind: &TypedKind<R>, bytes: &[u8]) -> LiveRoom<R> {
    sound(kind.open_room(bytes))
}

fn sound<T>(result: Result<T, Trouble>) -> T {
    result.unwrap_or_else(|trouble| panic!("{trouble}"))
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|why| panic!("cannot be JSON: {why}"))
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|why| panic!("a view does not read back what was written: {why}"))
}
