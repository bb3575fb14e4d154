//! Spectators: they look at a room for a while, and go or stay.

use bytes::Buf;
use playon_types::gate::{Close, Hello, Mode, Push, Who};
use playon_types::ids::{ConnId, RoomId};
use playon_types::time::{Span, Time};

use super::sockets::bygone;
use super::{RoomKind, World, WorldEvent};
use crate::deeds::FailingTask;
use crate::gate::Heard;

/// Of those who have come so many go again while there is trouble. Percent.
const GO: u64 = 70;

/// How long they stay at the most, milliseconds.
const STAY_MS: u64 = 4_000;

/// A room with ticks shows itself more often.
const SHOWN_WITHIN: Span = Span::secs(1);

/// A spectator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watcher {
    room: RoomId,
    /// When it was welcomed, or last shown the room.
    heard: Option<Time>,
    /// The commit that it was last shown.
    seq: u64,
}

impl World {
    /// Somebody looks at a room, or at one that is gone.
    pub(super) fn watch(&mut self) -> Result<(), String> {
        let index = self.rng.below(self.clients.len() as u64) as usize;
        let mut room = self.clients[index].room;
        if self.rng.percent(10) {
            room = bygone(room);
        }
        self.watch_room(room)
    }

    /// Somebody looks at that room.
    pub(super) fn watch_room(&mut self, room: RoomId) -> Result<(), String> {
        let conn = ConnId(self.fresh());
        self.goes_to(conn, room);
        self.gate.open(conn);
        self.watchers.insert(conn, Watcher { room, heard: None, seq: 0 });
        if self.rng.percent(GO) {
            let after = Span::millis(self.rng.below(STAY_MS));
            self.schedule(after, self.life, WorldEvent::HangUp(conn));
        }
        let hello = Hello { conn, room, who: Who::Watcher, create: None };
        let out = self.gate.introduce(hello, false);
        self.carry(out)
    }

    /// A spectator hears something.
    pub(super) fn tell_watcher(&mut self, conn: ConnId, heard: Heard) -> Result<(), String> {
        let now = self.now;
        let Some(watcher) = self.watchers.get_mut(&conn) else { return Ok(()) };
        let room = watcher.room;
        match heard {
            Heard::Welcome(welcome) => {
                if (welcome.mode, welcome.room) != (Mode::Watching, room) {
                    return Err(format!("I6: a spectator of {room} is welcomed as {welcome:?}"));
                }
                watcher.heard = Some(now);
                Ok(())
            }
            Heard::Push(push) => watcher.take(now, push),
            Heard::Closed(why) => {
                self.watchers.remove(&conn);
                let panics = self.options.panic + self.options.cursed > 0;
                let explained = match why {
                    Close::Busy | Close::Restarting | Close::RoomEnded | Close::UnknownRoom => true,
                    Close::RoomHalted => self.store.was_damaged(room),
                    Close::RoomFails => {
                        panics
                            || !self.doomed.is_empty()
                            || self.litterer.is_some()
                            || !self.lost.is_empty()
                    }
                    // It cannot be shown to spectators, or not be made; or it failed by accident each time that it was shown.
                    Close::Refused => {
                        panics
                            || self.is_doomed(room, FailingTask::Show)
                            || self.unrunnable.contains(&room)
                    }
                    _ => false,
                };
                match explained {
                    true => Ok(()),
                    false => Err(format!("a spectator of {room} was closed with {why:?}")),
                }
            }
        }
    }

    fn is_doomed(&self, room: RoomId, at: FailingTask) -> bool {
        self.doomed.values().any(|rooms| rooms.get(&room).is_some_and(|doom| doom.at == at))
    }

    /// A room is given up.
    ///
    /// # Errors
    /// When all that it ever failed at was to be shown to spectators.
    pub(super) fn check_halt(&self, room: RoomId) -> Result<(), String> {
        let otherwise = self.unrunnable.contains(&room);
        let by_chance = self.options.panic + self.options.cursed > 0;
        match self.is_doomed(room, FailingTask::Show) && !otherwise && !by_chance {
            true => Err(format!("I7: {room} is given up for what spectators are shown")),
            false => Ok(()),
        }
    }

    /// Whoever still looks at a room is shown it.
    pub(super) fn check_watchers(&self) -> Result<(), String> {
        for (conn, Watcher { room, heard, .. }) in &self.watchers {
            let due = RoomKind::of(*room) != RoomKind::Turns;
            let Some(heard) = heard else {
                return Err(format!("I17: spectator {} of {room} is kept waiting", conn.0));
            };
            if due && *heard + SHOWN_WITHIN < self.now {
                return Err(format!(
                    "I17: spectator {} of {room} is shown nothing since {heard:?}",
                    conn.0
                ));
            }
        }
        Ok(())
    }
}

impl Watcher {
    /// It is shown the room, and nothing that is for players.
    fn take(&mut self, now: Time, push: Push) -> Result<(), String> {
        let Push { set_aside, applied, events, view, .. } = push;
        let room = self.room;
        if self.heard.is_none() || !set_aside.is_empty() || applied.is_some() || !events.is_empty()
        {
            return Err(format!("I6: a spectator of {room} gets what is for players"));
        }
        self.heard = Some(now);
        let seq = view.filter(|(_, view)| view.len() >= 8).map(|(_, mut view)| view.get_u64());
        if seq.is_some_and(|seq| seq < self.seq) {
            return Err(format!("I6: a spectator of {room} is shown {seq:?} after {}", self.seq));
        }
        self.seq = seq.unwrap_or(self.seq);
        Ok(())
    }
}
