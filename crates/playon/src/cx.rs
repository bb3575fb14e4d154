//! What a room may ask of the world.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use playon_types::attach::Output;
use playon_types::ids::SessionId;
use playon_types::time::RoomTime;
use serde::Serialize;

use crate::hidden::Hidden;
use crate::policies::span;
use crate::timer::name_of;
use crate::{Player, PlayerId, Refusal, Rng, Room};

/// A room's clock, random numbers, players, timers and mouth.
///
/// What a room says leaves only after the commit that contains it is safe, so a player never
/// hears of something that is later forgotten.
pub struct Cx<R: Room> {
    pub(crate) hidden: Hidden,
    pub(crate) now: RoomTime,
    dt: Duration,
    pub(crate) outputs: Vec<Output>,
    output_bytes: usize,
    pub(crate) dismissed: Vec<(SessionId, String)>,
    /// How many of `dismissed` have been told to [`Room::leave`].
    pub(crate) settled: usize,
    room: PhantomData<fn() -> R>,
}

impl<R: Room> fmt::Debug for Cx<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Cx");
        shown.field("kind", &R::KIND).field("now", &self.now()).field("tick", &self.tick());
        shown.field("players", &self.players()).finish_non_exhaustive()
    }
}

impl<R: Room> Cx<R> {
    /// Events that one batch of calls may send, each receiver counted. One more panics (`PLY-0431`).
    pub const OUTPUTS_MAX: usize = 16_384;

    /// Bytes of events that one batch of calls may send, each receiver counted. More panics (`PLY-0431`).
    pub const OUTPUT_BYTES_MAX: usize = 8 << 20;

    /// Timers armed at the same time. One more panics (`PLY-0435`).
    pub const TIMERS_MAX: usize = 1_024;

    /// Bytes of a timer's name. A longer one panics (`PLY-0435`).
    pub const TIMER_NAME_BYTES_MAX: usize = 256;

    pub(crate) fn new(hidden: Hidden) -> Self {
        Self {
            hidden,
            now: RoomTime(0),
            dt: R::policies().step().unwrap_or_default(),
            outputs: Vec::new(),
            output_bytes: 0,
            dismissed: Vec::new(),
            settled: 0,
            room: PhantomData,
        }
    }

    /// Forgets what an earlier batch said.
    pub(crate) fn begin(&mut self, now: RoomTime) {
        self.now = now;
        self.outputs.clear();
        self.output_bytes = 0;
        self.dismissed.clear();
        self.settled = 0;
    }

    /// The time since the room was created. It stands still while the room is not live, and within one batch of calls.
    pub const fn now(&self) -> Duration {
        Duration::from_micros(self.now.0)
    }

    /// The number of the current or last tick; the first is 1.
    pub const fn tick(&self) -> u64 {
        self.hidden.tick
    }

    /// The length of one tick; zero for a kind without ticks.
    pub const fn dt(&self) -> Duration {
        self.dt
    }

    /// The room's random numbers.
    pub const fn rng(&mut self) -> &mut Rng {
        &mut self.hidden.rng
    }

    /// A number that this room has never given out before: 1, 2, 3 and so on.
    pub const fn new_id(&mut self) -> u64 {
        self.hidden.ids += 1;
        self.hidden.ids
    }

    /// Seated players in the order in which they joined.
    pub fn players(&self) -> &[Player] {
        &self.hidden.players
    }

    /// The ids of [`Cx::players`], for loops that send.
    pub fn player_ids(&self) -> Vec<PlayerId> {
        self.hidden.players.iter().map(Player::id).collect()
    }

    /// One seated player.
    pub fn player(&self, id: PlayerId) -> Option<&Player> {
        self.hidden.player(id)
    }

    /// Tells one player: in order, exactly once, kept while the player is away. Nothing happens if it has no seat.
    ///
    /// # Panics
    /// When the event cannot be JSON, or past [`Cx::OUTPUTS_MAX`] or [`Cx::OUTPUT_BYTES_MAX`].
    pub fn send(&mut self, to: PlayerId, event: &R::Event) {
        if self.hidden.player(to).is_some() {
            self.push(to, json(event), true);
        }
    }

    /// Tells every seated player, as [`Cx::send`] does.
    ///
    /// # Panics
    /// As [`Cx::send`].
    pub fn broadcast(&mut self, event: &R::Event) {
        let payload = json(event);
        for to in self.player_ids() {
            self.push(to, payload.clone(), true);
        }
    }

    /// Tells one player if it is here just now, else nobody: for things of the moment, like an emote.
    ///
    /// # Panics
    /// As [`Cx::send`].
    pub fn flash(&mut self, to: PlayerId, event: &R::Event) {
        if self.hidden.player(to).is_some_and(Player::present) {
            self.push(to, json(event), false);
        }
    }

    /// Tells everyone who is here just now, as [`Cx::flash`] does.
    ///
    /// # Panics
    /// As [`Cx::send`].
    pub fn flash_all(&mut self, event: &R::Event) {
        let payload = json(event);
        let here = self.hidden.players.iter().filter(|player| player.present());
        for to in here.map(Player::id).collect::<Vec<_>>() {
            self.push(to, payload.clone(), false);
        }
    }

    fn push(&mut self, to: PlayerId, payload: Bytes, reliable: bool) {
        self.output_bytes += payload.len();
        assert!(
            self.outputs.len() < Self::OUTPUTS_MAX && self.output_bytes <= Self::OUTPUT_BYTES_MAX,
            "PLY-0431 one batch sent more than {} events or {} bytes",
            Self::OUTPUTS_MAX,
            Self::OUTPUT_BYTES_MAX,
        );
        self.outputs.push(Output { session: to.into(), payload, reliable });
    }

    /// Arms a timer: [`Room::timer`] is called once with it when `after` has passed in room time.
    ///
    /// It is known by its name, or by a value of the game's own (see [`Timer`](crate::Timer)). One that is armed already is replaced. Timers due
    /// together fire in the order of deadline, then name; one armed while others fire waits for the next batch, even if it is due.
    ///
    /// A kind with ticks fires them with its ticks. A kind without is woken for them no sooner than 5 ms after its last batch, so `Duration::ZERO`
    /// means that; whoever wants steps asks for ticks.
    ///
    /// # Panics
    /// Past [`Cx::TIMERS_MAX`] or [`Cx::TIMER_NAME_BYTES_MAX`], or when the value cannot be JSON (`PLY-0436`).
    pub fn set_timer<T: Serialize + ?Sized>(&mut self, timer: &T, after: Duration) {
        let name = name(timer);
        let room =
            self.hidden.timers.len() < Self::TIMERS_MAX || self.hidden.timers.contains_key(&name);
        assert!(
            room && name.len() <= Self::TIMER_NAME_BYTES_MAX,
            "PLY-0435 more than {} timers, or a name of more than {} bytes",
            Self::TIMERS_MAX,
            Self::TIMER_NAME_BYTES_MAX,
        );
        self.hidden.timers.insert(name, (self.now + span(after)).0);
    }

    /// Disarms a timer; nothing happens if it is not armed.
    pub fn cancel_timer<T: Serialize + ?Sized>(&mut self, timer: &T) {
        self.hidden.timers.remove(&name(timer));
    }

    /// How long until the timer is due, if it is armed.
    pub fn timer<T: Serialize + ?Sized>(&self, timer: &T) -> Option<Duration> {
        let deadline = self.hidden.timers.get(&name(timer))?;
        Some(Duration::from_micros(deadline.saturating_sub(self.now.0)))
    }

    /// Takes the player's seat and closes its socket, for good. [`Room::leave`] follows when the current call returns.
    ///
    /// Nothing happens if it has no seat. What was sent to it before still goes out.
    pub fn dismiss(&mut self, who: PlayerId, reason: impl Into<Refusal>) {
        if self.hidden.unseat(who) {
            self.dismissed.push((who.into(), reason.into().to_string()));
        }
    }

    /// Says whether the room is at a safe point, where a deploy may move it without anyone minding. Kept until said otherwise; at first it is not.
    pub const fn between_rounds(&mut self, safe: bool) {
        self.hidden.between_rounds = safe;
    }

    /// Ends the room for good, after the current call. Players keep what was sent; nothing is called any more.
    pub const fn end(&mut self) {
        self.hidden.ended = true;
    }
}

fn json<T: Serialize>(event: &T) -> Bytes {
    serde_json::to_vec(event).unwrap_or_else(|why| no_json::<T>(&why)).into()
}

fn name<T: Serialize + ?Sized>(timer: &T) -> String {
    name_of(timer).unwrap_or_else(|why| no_json::<T>(&why))
}

fn no_json<T: ?Sized>(why: &serde_json::Error) -> ! {
    panic!("PLY-0436 {} cannot be JSON: {why}", std::any::type_name::<T>())
}
