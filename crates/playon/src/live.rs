//! One room in memory: the game's state, its hidden part, and what a batch does to them.

use bytes::Bytes;
use playon_types::attach::{Item, Noted, Output};
use playon_types::ids::SessionId;
use playon_types::time::RoomTime;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::check;
use crate::codec::{Encoded, Shapes};
use crate::envelope::{self, Trouble};
use crate::{Cx, Player, PlayerId, Refusal, Room, Timer};

/// A room whose type is known to its kind alone.
pub(crate) trait Live: Send {
    /// Runs one batch: due timers first, then the items in order.
    fn run(&mut self, now: RoomTime, items: &[Item]) -> BatchOutcome;
    /// What the player may see now, as JSON; nothing without a seat.
    fn view(&self, who: SessionId) -> Result<Option<Bytes>, Trouble>;
    /// What spectators may see now, as JSON.
    fn watch(&self) -> Result<Option<Bytes>, Trouble>;
    /// Who has a seat.
    fn players(&self) -> Vec<SessionId>;
    /// The whole room as about so many bytes of the newest version; shapes are noted if there is somewhere to note them.
    fn encode(&self, bytes: usize, shapes: Option<&mut Shapes>) -> Result<Encoded, Trouble>;
    /// Proves that these bytes, just written of this very room, give it back: as often as it says.
    fn prove(&self, encoded: &Encoded, copies: usize) -> Result<(), Trouble>;
    /// Whether bytes that were written of this room earlier can be read and are written the same way then.
    fn reads(&self, bytes: &[u8], calls: u64) -> bool;
    /// What the owner needs to know about the room beside its bytes.
    fn facts(&self) -> Facts;
}

/// What a batch did beside changing the state.
#[derive(Debug, Default)]
pub(crate) struct BatchOutcome {
    /// Joins that were refused, and why.
    pub(crate) refused: Vec<(SessionId, String)>,
    /// Players sent away, and why.
    pub(crate) dismissed: Vec<(SessionId, String)>,
    /// What players are told, in order.
    pub(crate) outputs: Vec<Output>,
    /// Inputs that were dealt with.
    pub(crate) inputs: u32,
    /// Inputs that the game cannot read: how many, and what is wrong with the first.
    pub(crate) unreadable: Option<(u64, String)>,
}

/// What the owner needs to know about a room beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) wake_at: Option<RoomTime>,
    pub(crate) between_rounds: bool,
    pub(crate) ended: bool,
    /// Whether any player is here just now.
    pub(crate) attended: bool,
}

/// A room of a known type.
pub(crate) struct LiveRoom<R: Room> {
    pub(crate) state: R,
    pub(crate) cx: Cx<R>,
    pub(crate) version: u32,
}

impl<R: Room> Live for LiveRoom<R> {
    fn run(&mut self, now: RoomTime, items: &[Item]) -> BatchOutcome {
        let mut outcome = BatchOutcome::default();
        self.cx.begin(now);
        self.fire_timers();
        for item in items {
            self.item(item, &mut outcome);
        }
        outcome.outputs = std::mem::take(&mut self.cx.outputs);
        outcome.dismissed = std::mem::take(&mut self.cx.dismissed);
        outcome
    }

    fn view(&self, who: SessionId) -> Result<Option<Bytes>, Trouble> {
        let seat = self.cx.player(who.into());
        seat.map(|player| json(&self.state.view(player.id(), &self.cx))).transpose()
    }

    fn watch(&self) -> Result<Option<Bytes>, Trouble> {
        self.state.watch(&self.cx).as_ref().map(json).transpose()
    }

    fn players(&self) -> Vec<SessionId> {
        self.cx.players().iter().map(|player| player.id().into()).collect()
    }

    fn encode(&self, bytes: usize, shapes: Option<&mut Shapes>) -> Result<Encoded, Trouble> {
        envelope::encode(R::KIND, self.version, &self.cx.hidden, &self.state, bytes, shapes)
    }

    fn prove(&self, encoded: &Encoded, copies: usize) -> Result<(), Trouble> {
        check::prove(R::KIND, self.version, &self.state, encoded, copies)
    }

    fn reads(&self, bytes: &[u8], calls: u64) -> bool {
        check::reads::<R>(R::KIND, self.version, bytes, calls)
    }

    fn facts(&self) -> Facts {
        let hidden = &self.cx.hidden;
        Facts {
            wake_at: hidden.wake_at().map(RoomTime).filter(|_| !hidden.ended),
            between_rounds: hidden.between_rounds,
            ended: hidden.ended,
            attended: hidden.players.iter().any(Player::present),
        }
    }
}

impl<R: Room> LiveRoom<R> {
    /// Fires what was due when the batch began, once each. What is armed meanwhile waits, so that
    /// a timer that arms itself anew cannot keep the batch from ending.
    fn fire_timers(&mut self) {
        let timers = &self.cx.hidden.timers;
        let mut due: Vec<(u64, String)> = timers
            .iter()
            .filter(|(_, deadline)| **deadline <= self.cx.now.0)
            .map(|(name, deadline)| (*deadline, name.clone()))
            .collect();
        due.sort_unstable();
        for (deadline, name) in due {
            // An earlier one may have cancelled it or moved it.
            let armed = self.cx.hidden.timers.get(&name) == Some(&deadline);
            if armed && !self.cx.hidden.ended {
                self.cx.hidden.timers.remove(&name);
                self.state.timer(&Timer::new(name), &mut self.cx);
                self.settle();
            }
        }
    }

    fn item(&mut self, item: &Item, outcome: &mut BatchOutcome) {
        outcome.inputs += u32::from(matches!(item, Item::Input { .. }));
        if self.cx.hidden.ended {
            if let Item::Join { session, .. } = item {
                outcome.refused.push((*session, "the room has ended".to_owned()));
            }
            return;
        }
        match item {
            Item::Join { session, profile } => {
                if let Err(refusal) = self.join((*session).into(), profile) {
                    outcome.refused.push((*session, refusal.to_string()));
                }
            }
            Item::Input { session, seq: _, payload } => {
                self.input((*session).into(), payload, &mut outcome.unreadable);
            }
            Item::Away(session) => self.presence((*session).into(), false),
            Item::Back { session, lost } => {
                let who = (*session).into();
                if *lost > 0 && self.cx.player(who).is_some() {
                    self.state.lost(who, *lost, &mut self.cx);
                }
                self.presence(who, true);
            }
            Item::Leave(session) => {
                let who = (*session).into();
                if self.cx.hidden.unseat(who) {
                    self.state.leave(who, &mut self.cx);
                }
            }
            Item::Noted { session, change } => self.take_note((*session).into(), *change),
            Item::Tick(number) => {
                self.cx.hidden.tick = *number;
                self.state.tick(&mut self.cx);
            }
            Item::Wake => {}
        }
        self.settle();
    }

    fn join(&mut self, who: PlayerId, profile: &[u8]) -> Result<(), Refusal> {
        if self.cx.player(who).is_some() {
            return Ok(());
        }
        let player = Player::new(who, checked_profile(profile)?);
        self.cx.hidden.players.push(player.clone());
        let said = self.cx.outputs.len();
        let answer = self.state.join(&player, &mut self.cx);
        if answer.is_err() {
            self.cx.hidden.unseat(who);
            let mut at = 0;
            self.cx.outputs.retain(|output| {
                at += 1;
                at <= said || output.session != who.into()
            });
        }
        answer
    }

    fn input(&mut self, from: PlayerId, payload: &[u8], unreadable: &mut Option<(u64, String)>) {
        // Sent away earlier in this batch: the input counts as applied and does nothing.
        if self.cx.player(from).is_none() {
            return;
        }
        match serde_json::from_slice(payload) {
            Ok(input) => self.state.input(from, input, &mut self.cx),
            Err(why) => {
                unreadable.get_or_insert_with(|| (0, why.to_string())).0 += 1;
                self.state.unreadable(from, payload, &mut self.cx);
            }
        }
    }

    fn presence(&mut self, who: PlayerId, present: bool) {
        let Some(player) = self.cx.hidden.player_mut(who) else {
            return;
        };
        if player.present() == present {
            return;
        }
        player.set_present(present);
        if present {
            self.state.back(who, &mut self.cx);
        } else {
            self.state.away(who, &mut self.cx);
        }
    }

    /// The books are kept right, and the hook that the game fails in is not called.
    fn take_note(&mut self, who: PlayerId, change: Noted) {
        let present = match change {
            Noted::Away => false,
            Noted::Back => true,
            Noted::Leave => {
                self.cx.hidden.unseat(who);
                return;
            }
        };
        if let Some(player) = self.cx.hidden.player_mut(who) {
            player.set_present(present);
        }
    }

    /// Calls `leave` for everyone sent away by the call that has just returned.
    fn settle(&mut self) {
        while let Some((session, _)) = self.cx.dismissed.get(self.cx.settled) {
            let who = PlayerId::from(*session);
            self.cx.settled += 1;
            self.state.leave(who, &mut self.cx);
        }
    }
}

fn checked_profile(profile: &[u8]) -> Result<String, Refusal> {
    if profile.is_empty() {
        return Ok("null".to_owned());
    }
    if profile.len() > Player::PROFILE_BYTES_MAX {
        return Err("the profile is too long".into());
    }
    let text = std::str::from_utf8(profile).map_err(|_| Refusal::new("the profile is not text"))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|_| Refusal::new("the profile is not JSON"))?;
    Ok(text.to_owned())
}

fn json<T: Serialize>(view: &T) -> Result<Bytes, Trouble> {
    let bytes = serde_json::to_vec(view).map_err(|why| {
        Trouble::Unwritable(format!("{} cannot be JSON: {why}", std::any::type_name::<T>()))
    })?;
    Ok(bytes.into())
}
