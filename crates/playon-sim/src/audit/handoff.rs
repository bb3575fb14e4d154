//! A handoff is one record, and one that fails leaves nothing behind.

use playon_core::effect::Order;
use playon_core::facts::{Place, RoomFacts};
use playon_types::ids::{DeployId, RoomId};
use playon_types::image::{Image, Record};
use playon_types::kind::OnDeploy;
use playon_types::record::DeployRecord;
use playon_types::time::{Span, Time};

use super::Audit;
use crate::game::Game;
use crate::world::RoomKind;

/// A thaw may come this much after its deadline: the shell's timer is not exact.
const SLACK: Span = Span::millis(5);

/// The new release holds the old one's last commit, in its own version, and nothing else has changed.
pub(super) fn check_migrate(before: &Image, after: &Image, record: &Record) -> Result<(), String> {
    let (room, seq) = (before.room, record.seq);
    let old = Game::decode(&before.state).ok_or("I10: unreadable state")?;
    let new = Game::decode(&after.state).ok_or("I10: unreadable state")?;
    let expected = if old.version == new.version { old } else { old.migrate(new.version) };
    if new != expected {
        return Err(format!("I8/I9: Migrate {seq} of {room} does not carry commit {}", before.seq));
    }
    let cursors = |image: &Image| (image.now, image.tick, image.between_rounds, image.ended);
    if cursors(before) != cursors(after) || !record.seats.is_empty() {
        return Err(format!("I9: Migrate {seq} of {room} changes cursors or seats"));
    }
    Ok(())
}

impl Audit {
    pub(super) fn moved(&mut self, room: RoomId, deploy: DeployId) -> Result<(), String> {
        let (lossy, target) = (RoomKind::of(room).is_lossy(), self.targets.get(&deploy).copied());
        let book = self.book(room);
        let switched = book.switch.take_if(|(_, of)| *of == deploy).is_some();
        let there = |image: &Image| target.is_none_or(|to| image.release == to);
        if !switched && !lossy && !book.shadow.as_ref().is_some_and(there) {
            return Err(format!("I8: {room} is said to have moved without a Migrate"));
        }
        Ok(())
    }

    pub(super) fn move_failed(&mut self, room: RoomId, deploy: DeployId) -> Result<(), String> {
        match self.book(room).switch {
            Some((seq, of)) if of == deploy => {
                Err(format!("I8: the move of {room} failed after its Migrate {seq} was issued"))
            }
            _ => Ok(()),
        }
    }

    /// A room changes its release: that is what its kind's policy allows.
    pub(super) fn check_policy(&self, before: &Image, of: DeployId) -> Result<(), String> {
        let room = before.room;
        let told = self.told.get(&(room, of)).copied();
        if told.is_some_and(|(_, at_once)| at_once) || self.lost.contains(&before.release) {
            return Ok(());
        }
        match self.manners.of(&before.kind) {
            OnDeploy::Finish => {
                Err(format!("I18: {room} is moved by {of}, and its kind ends where it began"))
            }
            OnDeploy::BetweenRounds { deadline } if !before.between_rounds => match told {
                // One that wakes has nobody in it.
                None if of == DeployId::NONE => Ok(()),
                Some((since, _)) if self.now + self.age >= since + deadline => Ok(()),
                _ => Err(format!("I18: {room} is moved by {of} in the middle of a round")),
            },
            _ => Ok(()),
        }
    }

    /// A deploy that an earlier keeper has stored.
    pub fn found(&mut self, record: &DeployRecord) {
        self.deploy(record);
        self.records.insert(record.id, record.clone());
    }

    /// A deploy was asked for: what was refused outside of one may be asked again.
    pub fn deploy(&mut self, record: &DeployRecord) {
        self.targets.insert(record.id, record.to);
        self.rejected.retain(|(_, deploy)| *deploy != DeployId::NONE);
    }

    /// Whether the current release refused the room outside of a deploy: it stays where it is until the next one.
    pub fn declined(&self, room: RoomId) -> bool {
        self.rejected.contains(&(room, DeployId::NONE))
    }

    /// An order of the director.
    ///
    /// # Errors
    /// When it tries again what the release was to blame for.
    pub fn ordered(&mut self, now: Time, order: &Order) -> Result<(), String> {
        match order {
            Order::Move { deploy, room, at_once, since, .. } => {
                let since = since.unwrap_or(now + self.age);
                self.told.entry((*room, *deploy)).or_insert((since, false)).1 |= at_once;
            }
            Order::Hurry { deploy, room } => {
                self.told.entry((*room, *deploy)).and_modify(|told| told.1 = true);
            }
            _ => {}
        }
        self.check_homecoming(order)?;
        match order {
            Order::Move { deploy, room, .. } if self.rejected.contains(&(*room, *deploy)) => {
                Err(format!("I15: {room} is ordered again to where it was refused"))
            }
            _ => Ok(()),
        }
    }

    /// Frozen rooms: for how long, and what becomes of them.
    pub(super) fn check_frozen(&mut self, now: Time, facts: &RoomFacts<'_>) -> Result<(), String> {
        let room = facts.room;
        let most = Span(self.limits.freeze_timeout.0 + SLACK.0);
        let book = self.rooms.entry(room).or_default();
        let Some(image) = facts.image else { return Ok(()) };
        match &book.frozen {
            None if facts.place.is_frozen() => book.frozen = Some((now, image.clone())),
            // A keeper that stops runs no room any more, frozen or not, and waits for nothing but the store.
            Some((since, _))
                if facts.place.is_frozen() && !self.stopping && now.since(*since) > most =>
            {
                return Err(format!("I9: {room} is frozen since {since:?}"));
            }
            Some(_) if facts.place.is_frozen() => {}
            Some((_, was)) => {
                let undone = facts.place.is_live() || facts.place == Place::Idle;
                // A batch may have left since, but no commit can have come back in the same step.
                if undone && !same_room(was, image) {
                    return Err(format!("I9: {room} was changed by a handoff that failed"));
                }
                book.frozen = None;
            }
            None => {}
        }
        Ok(())
    }
}

/// Equal but for events that players have acknowledged meanwhile.
fn same_room(was: &Image, is: &Image) -> bool {
    let cursors = |image: &Image| {
        let seat =
            |(id, seat): (&_, &playon_types::image::Seat)| (*id, seat.applied, seat.event_seq);
        image.seats.iter().map(seat).collect::<Vec<_>>()
    };
    let room = |i: &Image| (i.seq, i.hash, i.release, i.now, i.tick, i.wake_at, i.between_rounds);
    room(was) == room(is) && was.state == is.state && cursors(was) == cursors(is)
}
