//! Matchmaking: which room a player without one is sent to.
//!
//! Fed by listings that lag behind the rooms, so it counts the players it has sent somewhere and not yet seen
//! there. A hundred players that ask at the same instant therefore fill rooms one after the other
//! instead of all storming the same free seat. It is a guess all the same: the owner may still say
//! that a room is full, and then the caller says so with [`Lobby::handle_full`] and asks again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::RoomId;
use playon_types::time::{Span, Time};

/// How long a player that was sent to a room counts as on the way there.
pub const PLACEMENT_TTL: Span = Span::secs(5);

/// Seats assumed in a room of a kind that no release has declared.
pub const PLAYERS_MAX_UNDECLARED: u32 = 8;

/// What the lobby needs to know about a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LobbyOpening {
    /// The room.
    pub room: RoomId,
    /// Which kind.
    pub kind: String,
    /// Seats taken or about to be.
    pub players: u32,
    /// Seats there are.
    pub players_max: u32,
    /// Whether strangers may be sent there.
    pub open: bool,
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Into a room that exists.
    Room(RoomId),
    /// Into a room that may have to be created first. Several players may be told the same one.
    New(RoomId),
}

impl Pick {
    /// The room, whether or not it exists.
    pub const fn room(self) -> RoomId {
        match self {
            Self::Room(room) | Self::New(room) => room,
        }
    }
}

/// All rooms of a keeper, as far as matchmaking is concerned.
#[derive(Debug, Default)]
pub struct Lobby {
    kinds: BTreeMap<String, LobbyKind>,
    rooms: BTreeMap<RoomId, LobbyEntry>,
    /// Placements in the order in which they expire.
    placements: VecDeque<(Time, RoomId)>,
}

#[derive(Debug, Default)]
struct LobbyKind {
    declared: Option<u32>,
    /// Rooms with a free seat, by the seats taken.
    free: BTreeSet<(u32, RoomId)>,
    /// Rooms that exist and are open, by players.
    seen: BTreeSet<(u32, RoomId)>,
}

#[derive(Debug)]
struct LobbyEntry {
    kind: String,
    players: u32,
    players_max: u32,
    open: bool,
    /// A listing has been seen; until then the room may not exist yet.
    listed: bool,
    /// The owner said that it is full; the next listing knows better.
    full: bool,
    /// When each player on the way there stops counting.
    coming: VecDeque<Time>,
}

impl LobbyEntry {
    fn taken(&self) -> u32 {
        self.players.saturating_add(u32::try_from(self.coming.len()).unwrap_or(u32::MAX))
    }

    fn has_seat(&self) -> bool {
        self.open && !self.full && self.taken() < self.players_max
    }
}

impl Lobby {
    /// An empty lobby.
    pub fn new() -> Self {
        Self::default()
    }

    /// A release declares the kind, with the seats of its rooms.
    pub fn handle_kind(&mut self, kind: &str, players_max: u32) {
        self.kinds.entry(kind.to_owned()).or_default().declared = Some(players_max);
    }

    /// The facts about a room changed.
    pub fn handle_listing(&mut self, opening: LobbyOpening) {
        let room = opening.room;
        let mut entry = self
            .take(room)
            .unwrap_or_else(|| LobbyEntry::unlisted(&opening.kind, opening.players_max));
        let arrived = opening.players.saturating_sub(entry.players) as usize;
        entry.coming.drain(..arrived.min(entry.coming.len()));
        entry.kind = opening.kind;
        entry.players = opening.players;
        entry.players_max = opening.players_max;
        entry.open = opening.open;
        entry.listed = true;
        entry.full = false;
        self.put(room, entry);
    }

    /// The room ended or went to sleep.
    pub fn handle_gone(&mut self, room: RoomId) {
        self.take(room);
    }

    /// The owner turned a player away because the room is full. It gets no more until its next listing.
    pub fn handle_full(&mut self, room: RoomId) {
        self.change(room, |entry| {
            entry.coming.pop_back();
            entry.full = true;
        });
    }

    /// A player that was sent to the room will not arrive.
    pub fn handle_lost(&mut self, room: RoomId) {
        self.change(room, |entry| {
            entry.coming.pop_back();
        });
    }

    /// Finds the fullest open room of the kind that still has a seat, else a new one under the id `fresh`.
    pub fn pick(&mut self, now: Time, kind: &str, fresh: RoomId) -> Pick {
        self.expire(now);
        let free = self.kinds.get(kind).and_then(|kind| kind.free.last());
        let room = free.map_or(fresh, |(_, room)| *room);
        let until = now + PLACEMENT_TTL;
        self.placements.push_back((until, room));
        let mut entry = self.take(room).unwrap_or_else(|| {
            let declared = self.kinds.get(kind).and_then(|kind| kind.declared);
            LobbyEntry::unlisted(kind, declared.unwrap_or(PLAYERS_MAX_UNDECLARED))
        });
        entry.coming.push_back(until);
        let pick = if entry.listed { Pick::Room(room) } else { Pick::New(room) };
        self.put(room, entry);
        pick
    }

    /// The open room of the kind with the most players, for a spectator.
    pub fn watch(&self, kind: &str) -> Option<RoomId> {
        self.kinds.get(kind)?.seen.last().map(|(_, room)| *room)
    }

    /// How many rooms it holds, those that may not exist yet included.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    fn expire(&mut self, now: Time) {
        while let Some((until, room)) = self.placements.pop_front_if(|(until, _)| *until <= now) {
            self.change(room, |entry| {
                entry.coming.pop_front_if(|at| *at <= until);
            });
        }
    }

    fn change(&mut self, room: RoomId, change: impl FnOnce(&mut LobbyEntry)) {
        if let Some(mut entry) = self.take(room) {
            change(&mut entry);
            // A room that nobody has seen and nobody is going to does not exist.
            if entry.listed || !entry.coming.is_empty() {
                self.put(room, entry);
            }
        }
    }

    /// Takes the room out of the map and of both indexes.
    fn take(&mut self, room: RoomId) -> Option<LobbyEntry> {
        let entry = self.rooms.remove(&room)?;
        if let Some(kind) = self.kinds.get_mut(&entry.kind) {
            kind.free.remove(&(entry.taken(), room));
            kind.seen.remove(&(entry.players, room));
            // Kinds nobody declared are named by players: they must not pile up.
            if kind.declared.is_none() && kind.free.is_empty() && kind.seen.is_empty() {
                self.kinds.remove(&entry.kind);
            }
        }
        Some(entry)
    }

    fn put(&mut self, room: RoomId, entry: LobbyEntry) {
        if entry.has_seat() || (entry.listed && entry.open) {
            let kind = self.kinds.entry(entry.kind.clone()).or_default();
            if entry.has_seat() {
                kind.free.insert((entry.taken(), room));
            }
            if entry.listed && entry.open {
                kind.seen.insert((entry.players, room));
            }
        }
        self.rooms.insert(room, entry);
    }
}

impl LobbyEntry {
    fn unlisted(kind: &str, players_max: u32) -> Self {
        Self {
            kind: kind.to_owned(),
            players: 0,
            players_max,
            open: true,
            listed: false,
            full: false,
            coming: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1);

    fn id(n: u8) -> RoomId {
        RoomId([n; 16])
    }

    fn opening(room: RoomId, players: u32) -> LobbyOpening {
        LobbyOpening { room, kind: "duel".into(), players, players_max: 4, open: true }
    }

    fn burst(lobby: &mut Lobby, players: u8) -> BTreeMap<RoomId, u32> {
        let mut sent = BTreeMap::new();
        for n in 0..players {
            *sent.entry(lobby.pick(NOW, "duel", id(100 + n)).room()).or_default() += 1;
        }
        sent
    }

    #[test]
    fn a_burst_fills_rooms_one_after_the_other() {
        let mut lobby = Lobby::new();
        lobby.handle_kind("duel", 8);
        let sent = burst(&mut lobby, 100);
        assert_eq!(sent.len(), 13);
        assert_eq!(sent.values().filter(|players| **players == 8).count(), 12);
        assert!(sent.values().all(|players| *players <= 8));
    }

    #[test]
    fn the_fullest_room_comes_first_and_full_ones_never() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(opening(id(1), 1));
        lobby.handle_listing(opening(id(2), 3));
        lobby.handle_listing(opening(id(3), 4));
        lobby.handle_listing(LobbyOpening { open: false, ..opening(id(4), 2) });
        let picks: Vec<_> = (0..5).map(|_| lobby.pick(NOW, "duel", id(9))).collect();
        let expected = [
            Pick::Room(id(2)),
            Pick::Room(id(1)),
            Pick::Room(id(1)),
            Pick::Room(id(1)),
            Pick::New(id(9)),
        ];
        assert_eq!(picks, expected);
    }

    #[test]
    fn a_new_room_is_new_until_it_is_listed() {
        let mut lobby = Lobby::new();
        lobby.handle_kind("duel", 4);
        assert_eq!(lobby.pick(NOW, "duel", id(1)), Pick::New(id(1)));
        assert_eq!(lobby.pick(NOW, "duel", id(2)), Pick::New(id(1)));
        // One of the two has arrived; the other still counts.
        lobby.handle_listing(opening(id(1), 1));
        assert_eq!(lobby.pick(NOW, "duel", id(2)), Pick::Room(id(1)));
        assert_eq!(lobby.pick(NOW, "duel", id(2)), Pick::Room(id(1)));
        assert_eq!(lobby.pick(NOW, "duel", id(2)), Pick::New(id(2)));
    }

    #[test]
    fn players_that_never_arrive_are_forgotten() {
        let mut lobby = Lobby::new();
        burst(&mut lobby, 20);
        assert_eq!(lobby.len(), 3);
        let later = NOW + PLACEMENT_TTL;
        assert_eq!(lobby.pick(later, "other", id(1)), Pick::New(id(1)));
        assert!(lobby.len() == 1 && !lobby.is_empty());
        lobby.handle_lost(id(1));
        assert!(lobby.is_empty() && lobby.kinds.is_empty());
    }

    #[test]
    fn a_full_room_gets_nobody_until_it_is_listed_again() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(opening(id(1), 2));
        assert_eq!(lobby.pick(NOW, "duel", id(9)), Pick::Room(id(1)));
        lobby.handle_full(id(1));
        assert_eq!(lobby.pick(NOW, "duel", id(9)), Pick::New(id(9)));
        lobby.handle_gone(id(9));
        lobby.handle_listing(opening(id(1), 3));
        assert_eq!(lobby.pick(NOW, "duel", id(9)), Pick::Room(id(1)));
    }

    #[test]
    fn spectators_go_where_most_players_are() {
        let mut lobby = Lobby::new();
        assert_eq!(lobby.watch("duel"), None);
        lobby.pick(NOW, "duel", id(7));
        assert_eq!(lobby.watch("duel"), None, "it may not exist yet");
        lobby.handle_listing(opening(id(1), 4));
        lobby.handle_listing(opening(id(2), 3));
        assert_eq!(lobby.watch("duel"), Some(id(1)));
        lobby.handle_gone(id(1));
        assert_eq!(lobby.watch("duel"), Some(id(2)));
    }

    #[test]
    fn the_indexes_agree_with_the_rooms_whatever_happens() {
        let mut lobby = Lobby::new();
        let mut now = NOW;
        for step in 0..20_000_u64 {
            let random = playon_types::rng::mix(step);
            let room = id((random >> 8) as u8 % 16);
            now = now + Span::millis(random % 97);
            match random % 7 {
                0..=2 => _ = lobby.pick(now, "duel", room),
                3 => lobby.handle_listing(opening(room, (random >> 16) as u32 % 5)),
                4 => lobby.handle_full(room),
                5 => lobby.handle_lost(room),
                _ => lobby.handle_gone(room),
            }
            let free: BTreeSet<_> = lobby
                .rooms
                .iter()
                .filter(|(_, e)| e.has_seat())
                .map(|(room, e)| (e.taken(), *room))
                .collect();
            let indexed = lobby.kinds.get("duel").map(|kind| kind.free.clone()).unwrap_or_default();
            assert_eq!(free, indexed, "step {step}");
            assert!(lobby.placements.len() < 1_000, "placements expire");
        }
    }
}
