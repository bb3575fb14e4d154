//! Matchmaking: which room a player without one is sent to.
//!
//! Fed by listings that lag behind the rooms, so it counts the players it has sent somewhere and not yet seen
//! there. A hundred players that ask at the same instant therefore fill rooms one after the other
//! instead of all storming the same free seat. It is a guess all the same: the owner may still say
//! that a room is full, and then the caller says so with [`Lobby::handle_full`] and asks again. So may the game, for reasons
//! that are its own ("the round has begun"): [`Lobby::handle_refused`]. A room that refuses one after the other who are taken elsewhere is
//! passed over for some time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use playon_types::ids::RoomId;
use playon_types::time::{Span, Time};

/// How long a player that was sent to a room counts as on the way there.
pub const PLACEMENT_TTL: Span = Span::secs(5);

/// Seats assumed in a room of a kind that no release has declared.
pub const PLAYERS_MAX_UNDECLARED: u32 = 8;

/// Players that a room refuses in a row before everybody is sent elsewhere. One alone may be refused for what that player is.
pub const REFUSALS_MAX: u32 = 2;

/// For how long a room that refuses players is passed over at first. It doubles each time it refuses another one after that.
pub const PASSED_OVER_MIN: Span = Span::secs(5);

/// For how long such a room is passed over at most.
pub const PASSED_OVER_MAX: Span = Span::secs(60);

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

/// How a room did not take a player in that was sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The game does not want this player, or nobody just now.
    Declined,
    /// The game failed at it. That may cost processes, so nobody else is sent there for some time.
    Failed,
}

/// All rooms of a keeper, as far as matchmaking is concerned.
#[derive(Debug, Default)]
pub struct Lobby {
    kinds: BTreeMap<String, LobbyKind>,
    rooms: BTreeMap<RoomId, LobbyEntry>,
    /// Placements in the order in which they expire.
    placements: VecDeque<(Time, RoomId)>,
    /// Rooms that are passed over, by the time until when.
    passed_over: BTreeSet<(Time, RoomId)>,
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
    /// Players that were sent there.
    sent: u32,
    /// Of these, those that were refused since the last one was let in.
    refusals: u32,
    /// It is passed over until then.
    passed_over: Option<Time>,
    /// When each player on the way there stops counting.
    coming: VecDeque<Time>,
}

impl LobbyEntry {
    fn taken(&self) -> u32 {
        self.players.saturating_add(u32::try_from(self.coming.len()).unwrap_or(u32::MAX))
    }

    fn has_seat(&self) -> bool {
        self.open && !self.full && self.passed_over.is_none() && self.taken() < self.players_max
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

    /// The room did not take in a player that was sent there. Whether others were sent there, too: a room that was made for
    /// this player, and nobody else knows of, refuses the player and no crowd.
    pub fn handle_refused(&mut self, room: RoomId) -> bool {
        let mut others = false;
        self.change(room, |entry| {
            entry.coming.pop_back();
            others = entry.sent > 1;
        });
        others
    }

    /// A player that the room refused was taken in elsewhere. Whom no room takes says nothing about any.
    pub fn handle_taken_elsewhere(&mut self, now: Time, room: RoomId, how: Refusal) {
        self.change(room, |entry| {
            // Those who were on the way when it was first passed over say nothing new.
            if entry.passed_over.is_none() {
                entry.refuse(now, how);
            }
        });
    }

    /// The room took in a player that was sent there. Listings do not tell: a player that the game has yet to take counts there.
    pub fn handle_taken(&mut self, room: RoomId) {
        self.change(room, |entry| (entry.refusals, entry.passed_over) = (0, None));
    }

    /// A player that was sent to the room will not arrive.
    pub fn handle_lost(&mut self, room: RoomId) {
        self.change(room, |entry| {
            entry.coming.pop_back();
        });
    }

    /// Finds the fullest open room of the kind that still has a seat and is none of `tried`, else a new one under the id `fresh`.
    pub fn pick(&mut self, now: Time, kind: &str, fresh: RoomId, tried: &[RoomId]) -> Pick {
        self.expire(now);
        let free = self.kinds.get(kind).map(|kind| kind.free.iter().rev());
        let free = free.and_then(|mut free| free.find(|(_, room)| !tried.contains(room)));
        let room = free.map_or(fresh, |(_, room)| *room);
        self.send(now, kind, room)
    }

    /// A new room under the id `fresh`, whatever others there are.
    pub fn pick_new(&mut self, now: Time, kind: &str, fresh: RoomId) -> Pick {
        self.expire(now);
        self.send(now, kind, fresh)
    }

    fn send(&mut self, now: Time, kind: &str, room: RoomId) -> Pick {
        let until = now + PLACEMENT_TTL;
        self.placements.push_back((until, room));
        let mut entry = self.take(room).unwrap_or_else(|| {
            let declared = self.kinds.get(kind).and_then(|kind| kind.declared);
            LobbyEntry::unlisted(kind, declared.unwrap_or(PLAYERS_MAX_UNDECLARED))
        });
        entry.coming.push_back(until);
        entry.sent = entry.sent.saturating_add(1);
        let pick = if entry.listed { Pick::Room(room) } else { Pick::New(room) };
        self.put(room, entry);
        pick
    }

    /// The open room of the kind with the most players that is none of `tried`, for a spectator.
    pub fn watch(&self, kind: &str, tried: &[RoomId]) -> Option<RoomId> {
        let mut seen = self.kinds.get(kind)?.seen.iter().rev();
        seen.find(|(_, room)| !tried.contains(room)).map(|(_, room)| *room)
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
        while let Some((_, room)) = self.passed_over.first().filter(|(until, _)| *until <= now) {
            self.change(*room, |entry| entry.passed_over = None);
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
        if let Some(until) = entry.passed_over {
            self.passed_over.remove(&(until, room));
        }
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
        if let Some(until) = entry.passed_over {
            self.passed_over.insert((until, room));
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
            sent: 0,
            refusals: 0,
            passed_over: None,
            coming: VecDeque::new(),
        }
    }

    fn refuse(&mut self, now: Time, how: Refusal) {
        self.refusals = match how {
            Refusal::Declined => self.refusals.saturating_add(1),
            Refusal::Failed => self.refusals.saturating_add(1).max(REFUSALS_MAX),
        };
        if let Some(again) = self.refusals.checked_sub(REFUSALS_MAX) {
            // Shifted further it would be longer than the longest anyway.
            let wait = Span(PASSED_OVER_MIN.0 << again.min(8)).min(PASSED_OVER_MAX);
            self.passed_over = Some(now + wait);
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
            *sent.entry(lobby.pick(NOW, "duel", id(100 + n), &[]).room()).or_default() += 1;
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
        let picks: Vec<_> = (0..5).map(|_| lobby.pick(NOW, "duel", id(9), &[])).collect();
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
        assert_eq!(lobby.pick(NOW, "duel", id(1), &[]), Pick::New(id(1)));
        assert_eq!(lobby.pick(NOW, "duel", id(2), &[]), Pick::New(id(1)));
        // One of the two has arrived; the other still counts.
        lobby.handle_listing(opening(id(1), 1));
        assert_eq!(lobby.pick(NOW, "duel", id(2), &[]), Pick::Room(id(1)));
        assert_eq!(lobby.pick(NOW, "duel", id(2), &[]), Pick::Room(id(1)));
        assert_eq!(lobby.pick(NOW, "duel", id(2), &[]), Pick::New(id(2)));
    }

    #[test]
    fn players_that_never_arrive_are_forgotten() {
        let mut lobby = Lobby::new();
        burst(&mut lobby, 20);
        assert_eq!(lobby.len(), 3);
        let later = NOW + PLACEMENT_TTL;
        assert_eq!(lobby.pick(later, "other", id(1), &[]), Pick::New(id(1)));
        assert!(lobby.len() == 1 && !lobby.is_empty());
        lobby.handle_lost(id(1));
        assert!(lobby.is_empty() && lobby.kinds.is_empty());
    }

    #[test]
    fn a_full_room_gets_nobody_until_it_is_listed_again() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(opening(id(1), 2));
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::Room(id(1)));
        lobby.handle_full(id(1));
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::New(id(9)));
        lobby.handle_gone(id(9));
        lobby.handle_listing(opening(id(1), 3));
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::Room(id(1)));
    }

    #[test]
    fn whoever_was_refused_is_sent_elsewhere_and_then_to_a_room_of_its_own() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(opening(id(1), 3));
        lobby.handle_listing(opening(id(2), 1));
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::Room(id(1)));
        lobby.handle_refused(id(1));
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[id(1)]), Pick::Room(id(2)));
        lobby.handle_refused(id(2));
        assert_eq!(lobby.pick_new(NOW, "duel", id(9)), Pick::New(id(9)));
        // The player itself is listed there until it is refused.
        lobby.handle_listing(opening(id(9), 1));
        assert!(!lobby.handle_refused(id(9)), "nobody else is there");
        lobby.handle_gone(id(9));
        assert_eq!(lobby.pick_new(NOW, "duel", id(9)), Pick::New(id(9)));
        assert_eq!(lobby.pick(NOW, "duel", id(8), &[id(1), id(2)]), Pick::New(id(9)));
        assert!(lobby.handle_refused(id(9)), "another is");
        lobby.handle_gone(id(9));
        // It says nothing of a room that it refuses whom nobody takes, and one refusal may be about the player anyway.
        for _ in 0..REFUSALS_MAX {
            lobby.handle_refused(id(1));
        }
        lobby.handle_taken_elsewhere(NOW, id(1), Refusal::Declined);
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::Room(id(1)));
    }

    #[test]
    fn a_room_that_refuses_one_after_the_other_is_passed_over_for_some_time() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(opening(id(1), 1));
        let (mut now, mut waits) = (NOW, Vec::new());
        for _ in 0..12 {
            while lobby.pick(now, "duel", id(9), &[]) == Pick::Room(id(1)) {
                lobby.handle_taken_elsewhere(now, id(1), Refusal::Declined);
            }
            lobby.handle_lost(id(9));
            // Those that were on the way do not make it longer.
            lobby.handle_taken_elsewhere(now, id(1), Refusal::Declined);
            let (until, _) = *lobby.passed_over.first().unwrap();
            waits.push(until.0 - now.0);
            now = until;
        }
        let seconds: Vec<_> = waits.iter().map(|us| us / 1_000_000).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60, 60]);
        assert_eq!(lobby.passed_over.len(), 1);
    }

    #[test]
    fn a_room_is_not_passed_over_any_more_when_it_takes_somebody_in() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(opening(id(1), 2));
        lobby.handle_taken_elsewhere(NOW, id(1), Refusal::Failed);
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::New(id(9)), "it has failed");
        // Whoever is refused is listed for a moment.
        lobby.handle_listing(opening(id(1), 3));
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::New(id(9)));
        lobby.handle_gone(id(9));
        lobby.handle_taken(id(1));
        for _ in 0..2 {
            lobby.handle_listing(opening(id(1), 2));
            assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::Room(id(1)));
            lobby.handle_taken_elsewhere(NOW, id(1), Refusal::Declined);
        }
        assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::New(id(9)));
        lobby.handle_gone(id(1));
        assert!(lobby.passed_over.is_empty());
    }

    #[test]
    fn spectators_go_where_most_players_are() {
        let mut lobby = Lobby::new();
        assert_eq!(lobby.watch("duel", &[]), None);
        lobby.pick(NOW, "duel", id(7), &[]);
        assert_eq!(lobby.watch("duel", &[]), None, "it may not exist yet");
        lobby.handle_listing(opening(id(1), 4));
        lobby.handle_listing(opening(id(2), 3));
        assert_eq!(lobby.watch("duel", &[]), Some(id(1)));
        assert_eq!(lobby.watch("duel", &[id(1)]), Some(id(2)));
        assert_eq!(lobby.watch("duel", &[id(1), id(2)]), None);
        lobby.handle_gone(id(1));
        assert_eq!(lobby.watch("duel", &[]), Some(id(2)));
    }

    #[test]
    fn the_indexes_agree_with_the_rooms_whatever_happens() {
        let mut lobby = Lobby::new();
        let mut now = NOW;
        for step in 0..20_000_u64 {
            let random = playon_types::rng::mix(step);
            let room = id((random >> 8) as u8 % 16);
            now = now + Span::millis(random % 97);
            match random % 10 {
                0..=2 => _ = lobby.pick(now, "duel", room, &[]),
                3 => lobby.handle_listing(opening(room, (random >> 16) as u32 % 5)),
                4 => lobby.handle_full(room),
                5 => lobby.handle_lost(room),
                6 => _ = lobby.handle_refused(room),
                8 => lobby.handle_taken_elsewhere(now, room, Refusal::Declined),
                7 => _ = lobby.pick_new(now, "duel", room),
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
            let passed_over =
                lobby.rooms.iter().filter_map(|(room, e)| Some((e.passed_over?, *room)));
            assert_eq!(passed_over.collect::<BTreeSet<_>>(), lobby.passed_over, "step {step}");
        }
    }

    #[test]
    fn who_has_arrived_is_on_the_way_no_more_and_nobody_else() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(LobbyOpening { players_max: 9, ..opening(id(1), 1) });
        (0..4).for_each(|_| assert_eq!(lobby.pick(NOW, "duel", id(9), &[]), Pick::Room(id(1))));
        for (players, coming) in [(3, 2), (2, 2), (2, 2), (9, 0)] {
            lobby.handle_listing(LobbyOpening { players_max: 9, ..opening(id(1), players) });
            let entry = &lobby.rooms[&id(1)];
            assert_eq!((entry.coming.len(), entry.taken()), (coming, players + coming as u32));
        }
    }

    #[test]
    fn kinds_that_a_release_has_declared_stay_known_and_others_go_with_their_last_room() {
        let mut lobby = Lobby::new();
        lobby.handle_kind("duel", 2);
        lobby.handle_listing(opening(id(1), 1));
        lobby.handle_listing(LobbyOpening { kind: "chess".into(), ..opening(id(2), 1) });
        lobby.handle_listing(LobbyOpening { kind: "chess".into(), ..opening(id(3), 4) });
        lobby.handle_gone(id(1));
        lobby.handle_gone(id(2));
        assert_eq!(
            lobby.kinds.keys().collect::<Vec<_>>(),
            ["chess", "duel"],
            "a full one is there"
        );
        lobby.handle_gone(id(3));
        assert_eq!(lobby.kinds.keys().collect::<Vec<_>>(), ["duel"]);
        let closed = LobbyOpening { kind: "go".into(), open: false, ..opening(id(4), 1) };
        lobby.handle_listing(closed);
        assert_eq!(lobby.kinds.keys().collect::<Vec<_>>(), ["duel"], "nobody is sent to it");
        assert_eq!(burst(&mut lobby, 3).into_values().collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_room_that_is_closed_to_strangers_is_shown_to_no_spectator() {
        let mut lobby = Lobby::new();
        lobby.handle_listing(LobbyOpening { open: false, ..opening(id(1), 1) });
        assert_eq!((lobby.watch("duel", &[]), lobby.len()), (None, 1));
        lobby.handle_listing(opening(id(1), 4));
        assert_eq!(lobby.watch("duel", &[]), Some(id(1)), "full, but open");
    }
}
