//! How players part from the room in the model: by a goodbye, or because their socket goes.

use playon_types::attach::Item;
use playon_types::gate::Close;
use playon_types::ids::SessionId;

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
