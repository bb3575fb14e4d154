//! How players part from the room in the model: by a goodbye, because their socket goes, or because their seat is given up.

use playon_types::attach::Item;
use playon_types::gate::Close;
use playon_types::ids::SessionId;
use playon_types::time::Span;

use crate::session_model::{Model, Player, Standing, Told};

impl Model {
    pub(crate) fn bye(&mut self, conn: u64, id: u64) {
        let Some(player) = self.speaker(conn, id) else { return };
        match player.standing {
            Standing::Seated => {
                player.standing = Standing::Leaving;
                self.queue.push_back(Item::Leave(SessionId(id)));
            }
            Standing::Asking => {
                player.conn = None;
                self.withdraw(id);
                self.expected.push(Told::Close(conn, Close::Left));
            }
            Standing::Leaving => {}
        }
    }

    /// Nobody can come back to the seat that was asked for.
    fn withdraw(&mut self, id: u64) {
        let joins =
            |item: &Item| matches!(item, Item::Join { session, .. } if *session == SessionId(id));
        if self.queue.iter().any(joins) {
            self.queue.retain(|item| !joins(item));
            self.players.remove(&id);
        } else {
            self.players.get_mut(&id).expect("asking").standing = Standing::Leaving;
            self.queue.push_back(Item::Leave(SessionId(id)));
        }
    }

    pub(crate) fn gone(&mut self, conn: u64, id: u64) {
        let clock = self.clock;
        let Some(player) = self.speaker(conn, id) else { return };
        player.conn = None;
        if player.standing == Standing::Seated {
            player.away_since = Some(clock);
            player.told_away = true;
            // Nobody is told of a return that is over before it was delivered.
            let session = SessionId(id);
            let last = self.queue.iter().rposition(|item| item.session() == Some(session));
            match last.filter(|at| self.queue[*at] == Item::Back { session, lost: 0 }) {
                Some(at) => drop(self.queue.remove(at)),
                None => self.queue.push_back(Item::Away(session)),
            }
        } else if player.standing == Standing::Asking {
            self.withdraw(id);
        }
    }

    /// The shard was called because a time had come: seats that were empty for too long are given up.
    pub(crate) fn expire(&mut self) {
        if self.live {
            self.give_up_expired();
        }
    }

    pub(crate) fn give_up_expired(&mut self) {
        for (id, player) in &mut self.players {
            let empty = player.standing == Standing::Seated && player.conn.is_none();
            let left = self.hold.0.saturating_sub(player.absent);
            if empty && player.away_since.is_some_and(|since| since + left <= self.clock) {
                player.standing = Standing::Leaving;
                self.queue.push_back(Item::Leave(SessionId(*id)));
            }
        }
    }

    /// All seats are taken. One of a player who was told of it two seconds ago and has said nothing since goes to whoever asks.
    pub(crate) fn no_seat(&mut self) -> Option<Close> {
        let silent = |(id, p): (&u64, &Player)| {
            let silent = p.standing == Standing::Seated && !p.confirmed;
            Some((p.told_at.filter(|_| silent)?, *id))
        };
        let Some((told, id)) = self.players.iter().filter_map(silent).min() else {
            return Some(Close::RoomFull);
        };
        if self.clock_at.since(told) < Span::secs(2) {
            return Some(Close::Busy);
        }
        let player = self.players.get_mut(&id).expect("it has a seat");
        player.standing = Standing::Leaving;
        if let Some(conn) = player.conn.take() {
            self.expected.push(Told::Close(conn, Close::RoomFull));
        }
        self.queue.push_back(Item::Leave(SessionId(id)));
        None
    }
}

/// Seats of which nobody may know.
impl Model {
    /// Whoever asks may be somebody who was never told of the seat it got before. Of those that an earlier keeper had given
    /// their seats one goes, and only when there is no other seat.
    pub(crate) fn drop_ghosts(&mut self) {
        let ghosts = self.players.iter().filter(|(_, player)| player.is_ghost());
        let (earlier, mut ghosts): (Vec<_>, Vec<_>) =
            ghosts.map(|(id, p)| (*id, p.generation == 0)).partition(|(_, earlier)| *earlier);
        if self.staying(|_| true) - ghosts.len() >= self.players_max {
            ghosts.extend(earlier.first());
        }
        for (id, _) in ghosts {
            self.players.get_mut(&id).expect("it is one of them").standing = Standing::Leaving;
            self.queue.push_back(Item::Leave(SessionId(id)));
        }
    }

    /// How many of those players have a seat or have asked for one, and are not giving it up.
    pub(crate) fn staying(&self, counts: impl Fn(&Player) -> bool) -> usize {
        let stays = |p: &&Player| p.standing != Standing::Leaving && counts(p);
        self.players.values().filter(stays).count()
    }
}

impl Player {
    pub(crate) fn is_ghost(&self) -> bool {
        self.standing == Standing::Seated && self.conn.is_none() && !self.confirmed
    }
}
