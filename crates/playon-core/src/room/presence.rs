//! Who is here: the sessions of players with their sockets, and those who watch.
//!
//! It knows who may speak and for whom seats are kept. What the room does about it, and what the game hears, is decided in
//! `players`.

use std::collections::{BTreeMap, BTreeSet};

use playon_types::attach::{Commit, Item, LeftOut};
use playon_types::ids::{ConnId, SessionId};
use playon_types::image::Seat;
use playon_types::time::{RoomTime, Span, Time};

use crate::facts::Seating;
use crate::session::{Session, Standing};

use super::phase::Inflight;

/// For how long a new player who was told of its seat and has said nothing has it for sure. Every client answers at once, so
/// after that its socket may be one over which nothing passes, and whoever asks may be the same player.
pub(super) const UNHEARD: Span = Span::secs(2);

/// Players and spectators of one room.
#[derive(Debug)]
pub(super) struct Presence {
    sessions: BTreeMap<SessionId, Session>,
    watchers: BTreeSet<ConnId>,
    /// A spectator came after the last batch that was rendered for spectators.
    watch_due: bool,
    /// Since when nobody is connected.
    idle_since: Option<Time>,
}

impl Presence {
    /// Nobody is here yet.
    pub(super) const fn new(now: Time) -> Self {
        Self {
            sessions: BTreeMap::new(),
            watchers: BTreeSet::new(),
            watch_due: false,
            idle_since: Some(now),
        }
    }

    /// Takes over sessions that were read back: none has a socket, and the room is told so of each.
    pub(super) fn recover(&mut self, sessions: BTreeMap<SessionId, Session>) {
        self.sessions = sessions;
        for session in self.sessions.values_mut() {
            session.told_away = true;
        }
    }

    pub(super) fn get(&self, id: &SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    /// Somebody asks for a seat, under an id that nobody has.
    pub(super) fn add(&mut self, id: SessionId, session: Session) {
        self.sessions.insert(id, session);
    }

    /// Forgets a session. Gives the socket it had.
    pub(super) fn remove(&mut self, id: &SessionId) -> Option<ConnId> {
        self.sessions.remove(id).and_then(|session| session.conn)
    }

    /// Whether nobody has a session.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Seats taken and seats asked for, without those that are free for whoever asks now: they are being given up, or would
    /// be for whoever asks.
    pub(super) fn players(&self) -> u32 {
        let counts = |s: &&Session| s.standing != Standing::Leaving && !is_ghost(s);
        let staying = self.sessions.values().filter(counts).count();
        u32::try_from(staying).unwrap_or(u32::MAX)
    }

    /// The session that speaks through this socket, if it still does.
    pub(super) fn speaker(
        &mut self,
        conn: ConnId,
        id: Option<SessionId>,
    ) -> Option<(SessionId, &mut Session)> {
        let id = id?;
        let session = self.sessions.get_mut(&id)?;
        (session.conn == Some(conn)).then_some((id, session))
    }

    /// Sockets of players.
    pub(super) fn connected(&self) -> Vec<(SessionId, ConnId)> {
        self.sessions.iter().filter_map(|(id, s)| s.conn.map(|conn| (*id, conn))).collect()
    }

    /// All sockets, of players and of spectators; none belongs to the room any more.
    pub(super) fn take_sockets(&mut self) -> Vec<ConnId> {
        let players = self.sessions.values_mut().filter_map(|s| s.conn.take());
        players.chain(std::mem::take(&mut self.watchers)).collect()
    }

    /// Takes note of whether anybody is connected, after anything that may have changed it.
    pub(super) fn note(&mut self, now: Time) {
        let present = !self.watchers.is_empty() || self.sessions.values().any(|s| s.conn.is_some());
        self.idle_since = if present { None } else { self.idle_since.or(Some(now)) };
    }

    /// Since when nobody is connected; nothing while somebody is.
    pub(super) const fn idle_since(&self) -> Option<Time> {
        self.idle_since
    }

    /// Gives back the memory of a room that nobody is in: an emptied collection keeps room for what it had.
    pub(super) fn slim(&mut self) {
        self.sessions = BTreeMap::new();
    }
}

/// Whether it is an empty seat whose player may never have been told of it.
fn is_ghost(session: &Session) -> bool {
    session.standing == Standing::Seated && session.conn.is_none() && !session.confirmed
}

/// Empty seats.
impl Presence {
    /// Seats that are kept for players without a socket.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&SessionId, &Session)> {
        self.sessions.iter().filter(|(_, s)| s.standing == Standing::Seated && s.conn.is_none())
    }

    /// Empty seats whose players may never have been told of them, for whoever asks for a seat now. Of those that were read back
    /// one, if the room is full with them.
    pub(super) fn unconfirmed(&self, players_max: u32) -> Vec<SessionId> {
        let (earlier, ours): (Vec<_>, Vec<_>) =
            self.holding().filter(|(_, s)| is_ghost(s)).partition(|(_, s)| !s.is_back());
        let full = self.players() as usize + earlier.len() >= players_max as usize;
        let one = earlier.into_iter().take(usize::from(full));
        ours.into_iter().chain(one).map(|(id, _)| *id).collect()
    }

    /// Who has been told of a seat first of those that said nothing since, and when.
    pub(super) fn unheard(&self) -> Option<(Time, SessionId)> {
        let silent =
            |s: &&Session| s.standing == Standing::Seated && s.conn.is_some() && !s.confirmed;
        let told = |(id, s): (&SessionId, &Session)| Some((Some(s).filter(silent)?.told_at?, *id));
        self.sessions.iter().filter_map(told).min()
    }

    /// Seats that were empty for as long as they are held, at that room time.
    pub(super) fn expired(&self, at: RoomTime, hold: Span) -> Vec<SessionId> {
        let over = |s: &Session| s.held_until(hold).is_some_and(|until| until <= at);
        self.holding().filter(|(_, s)| over(s)).map(|(id, _)| *id).collect()
    }

    /// When the next empty seat is given up if nobody comes.
    pub(super) fn next_expiry(&self, hold: Span) -> Option<RoomTime> {
        self.holding().filter_map(|(_, s)| s.held_until(hold)).min()
    }

    /// For how long a player is away, at that room time.
    pub(super) fn away_for(&self, id: SessionId, at: RoomTime) -> Span {
        self.sessions.get(&id).map_or(Span::ZERO, |s| s.away_for(at))
    }
}

/// Spectators.
impl Presence {
    /// A spectator comes, if there are not `most` already. It is owed a view.
    pub(super) fn watch(&mut self, conn: ConnId, most: usize) -> bool {
        let fits = self.watchers.len() < most;
        if fits {
            self.watchers.insert(conn);
            self.watch_due = true;
        }
        fits
    }

    /// A spectator has nothing to look at any more, and is owed a view. Tells whether the socket is one.
    pub(super) fn owe_watcher(&mut self, conn: ConnId) -> bool {
        let watches = self.watchers.contains(&conn);
        self.watch_due |= watches;
        watches
    }

    pub(super) fn forget_watcher(&mut self, conn: ConnId) {
        self.watchers.remove(&conn);
    }

    pub(super) const fn watchers(&self) -> &BTreeSet<ConnId> {
        &self.watchers
    }

    pub(super) fn take_watchers(&mut self) -> BTreeSet<ConnId> {
        std::mem::take(&mut self.watchers)
    }
}

/// Who is shown what. `seats` are those that commits have given so far; `shown` tells who may be shown anything now.
impl Presence {
    /// The players who see the room after this batch: those with a seat and a socket, and those who get
    /// their seat with it. Nobody else may be asked about: the game does not know them. Whoever has been left out for
    /// longest comes first, and those who were are alone if the batch is for that.
    pub(super) fn audience(
        &self,
        seats: &BTreeMap<SessionId, Seat>,
        items: &[Item],
        rest: bool,
    ) -> Vec<SessionId> {
        let joins = |id: &SessionId| {
            items.iter().any(|item| matches!(item, Item::Join { session, .. } if session == id))
        };
        let sees = |id: &SessionId, s: &Session| {
            s.is_here(seats.contains_key(id)) || (s.is_joining() && joins(id))
        };
        let seers = self.sessions.iter().filter(|(id, s)| sees(id, s));
        let mut seers: Vec<_> = seers.filter(|(_, s)| !rest || s.view_owed.is_some()).collect();
        seers.sort_by_key(|(_, s)| (s.view_owed.is_none(), s.view_owed));
        seers.into_iter().map(|(id, _)| *id).collect()
    }

    /// Whether somebody here has not been shown the room as it is. A kind without ticks is woken for it.
    pub(super) fn owes_a_view(
        &self,
        seats: &BTreeMap<SessionId, Seat>,
        shown: impl Fn(SessionId) -> bool,
    ) -> bool {
        let due = |(id, s): (&SessionId, &Session)| {
            s.view_due && s.is_here(seats.contains_key(id)) && shown(*id)
        };
        (self.watch_due && !self.watchers.is_empty() && shown(LeftOut::WATCHERS))
            || self.sessions.iter().any(due)
    }

    /// Whether somebody here was left out of the last batch, as it had no place for all views.
    pub(super) fn owes_the_rest(
        &self,
        seats: &BTreeMap<SessionId, Seat>,
        shown: impl Fn(SessionId) -> bool,
    ) -> bool {
        let owed = |(id, s): (&SessionId, &Session)| {
            s.view_owed.is_some() && s.is_here(seats.contains_key(id)) && shown(*id)
        };
        self.sessions.iter().any(owed)
    }

    /// A batch that was rendered for these has been committed.
    pub(super) fn note_rendered(&mut self, inflight: &Inflight, commit: &Commit) {
        let again: BTreeSet<SessionId> =
            commit.left_out.iter().filter(|left| left.again).map(|left| left.session).collect();
        for id in &inflight.render {
            if let Some(session) = self.sessions.get_mut(id) {
                session.view_due = false;
                let since = session.view_owed.unwrap_or(inflight.seq);
                session.view_owed = again.contains(id).then_some(since);
            }
        }
        self.watch_due &= !inflight.watch;
    }
}

/// What can be seen of it from outside.
impl Presence {
    /// Sockets that belong to the room.
    pub(super) fn sockets(&self) -> usize {
        self.watchers.len() + self.sessions.values().filter(|s| s.conn.is_some()).count()
    }

    /// Each session, where it stands, and its inputs that wait.
    pub(super) fn seatings(&self) -> Vec<(SessionId, Seating, u64)> {
        self.sessions.iter().map(|(id, s)| (*id, s.seating(), s.waiting())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::ids::SecretHash;

    const HOLD: Span = Span(100);

    fn here(players: u64) -> Presence {
        let mut presence = Presence::new(Time(0));
        for n in 0..players {
            let session = Session::joining(ConnId(n), SecretHash::default());
            presence.add(SessionId(n), session);
        }
        presence
    }

    fn seat(presence: &mut Presence, n: u64) -> &mut Session {
        let session = presence.get_mut(&SessionId(n)).unwrap();
        session.standing = Standing::Seated;
        session
    }

    #[test]
    fn only_the_socket_of_a_session_speaks_for_it() {
        let mut presence = here(2);
        assert!(presence.speaker(ConnId(1), Some(SessionId(1))).is_some());
        assert!(presence.speaker(ConnId(0), Some(SessionId(1))).is_none());
        assert!(presence.speaker(ConnId(1), None).is_none());
        assert_eq!(presence.remove(&SessionId(1)), Some(ConnId(1)));
        assert!(presence.speaker(ConnId(1), Some(SessionId(1))).is_none());
    }

    #[test]
    fn nobody_is_here_since_the_last_one_went() {
        let mut presence = here(1);
        presence.note(Time(5));
        assert_eq!(presence.idle_since(), None);
        presence.take_sockets();
        presence.note(Time(7));
        presence.note(Time(9));
        assert_eq!(presence.idle_since(), Some(Time(7)));
        assert!(presence.watch(ConnId(9), 1));
        presence.note(Time(11));
        assert_eq!(presence.idle_since(), None);
    }

    #[test]
    fn an_empty_seat_is_held_for_a_while() {
        let mut presence = here(2);
        seat(&mut presence, 0);
        let away = seat(&mut presence, 1);
        away.conn = None;
        away.away_since = Some(RoomTime(50));
        assert_eq!(presence.next_expiry(HOLD), Some(RoomTime(150)));
        assert_eq!(presence.expired(RoomTime(149), HOLD), []);
        assert_eq!(presence.expired(RoomTime(150), HOLD), [SessionId(1)]);
        assert_eq!(presence.away_for(SessionId(1), RoomTime(70)), Span(20));
        assert_eq!((presence.unconfirmed(9), presence.players()), (vec![SessionId(1)], 1));
        presence.get_mut(&SessionId(1)).unwrap().confirmed = true;
        assert_eq!((presence.unconfirmed(2), presence.players()), (vec![], 2));
    }

    #[test]
    fn a_seat_read_back_of_which_nobody_may_know_is_free_when_there_is_no_other() {
        let mut presence = here(3);
        for n in 0..3 {
            let session = seat(&mut presence, n);
            session.conn = None;
            session.generation = playon_types::ids::Generation(0);
            session.confirmed = n == 0;
        }
        assert_eq!(presence.players(), 1);
        assert_eq!(presence.unconfirmed(4), []);
        assert_eq!(presence.unconfirmed(3), [SessionId(1)]);
    }

    #[test]
    fn spectators_are_bounded_and_owed_a_view() {
        let mut presence = here(0);
        assert!(presence.watch(ConnId(1), 2) && presence.watch(ConnId(2), 2));
        assert!(!presence.watch(ConnId(3), 2));
        assert!(presence.owes_a_view(&BTreeMap::new(), |_| true));
        assert!(!presence.owes_a_view(&BTreeMap::new(), |id| id != LeftOut::WATCHERS));
        assert!(!presence.owe_watcher(ConnId(3)) && presence.owe_watcher(ConnId(2)));
        presence.forget_watcher(ConnId(1));
        assert_eq!(presence.sockets(), 1);
        assert_eq!(presence.take_watchers(), BTreeSet::from([ConnId(2)]));
        assert!(!presence.owes_a_view(&BTreeMap::new(), |_| true));
    }

    #[test]
    fn who_was_left_out_longest_is_shown_the_room_first() {
        let mut presence = here(3);
        let seats: BTreeMap<_, _> = (0..3).map(|n| (SessionId(n), Seat::default())).collect();
        for n in 0..3 {
            seat(&mut presence, n);
        }
        seat(&mut presence, 1).view_owed = Some(playon_types::ids::Seq(7));
        seat(&mut presence, 2).view_owed = Some(playon_types::ids::Seq(5));
        let all = presence.audience(&seats, &[], false);
        assert_eq!(all, [SessionId(2), SessionId(1), SessionId(0)]);
        assert!(presence.owes_the_rest(&seats, |_| true));
        assert!(!presence.owes_the_rest(&seats, |id| id == SessionId(0)));
        assert_eq!(presence.audience(&seats, &[], true), [SessionId(2), SessionId(1)]);
        let away = seat(&mut presence, 2);
        (away.conn, away.confirmed) = (None, true);
        assert_eq!(presence.audience(&seats, &[], true), [SessionId(1)]);
        assert_eq!(presence.players(), 3);
        seat(&mut presence, 0).standing = Standing::Leaving;
        assert_eq!(presence.players(), 2);
    }

    #[test]
    fn who_was_read_back_has_no_socket_and_the_room_is_told_so() {
        let mut presence = here(0);
        assert!(presence.is_empty());
        let session = Session::recovered(&Seat::default(), RoomTime(5), Time(0), true);
        presence.recover(BTreeMap::from([(SessionId(1), session)]));
        assert!(!presence.is_empty());
        assert!(presence.get(&SessionId(1)).unwrap().told_away);
        assert_eq!(presence.sockets(), 0);
        presence.note(Time(9));
        assert_eq!(presence.idle_since(), Some(Time(0)));
        presence.slim();
        assert!(presence.is_empty());
    }

    #[test]
    fn sockets_are_those_of_players_and_of_spectators() {
        let mut presence = here(3);
        seat(&mut presence, 1).conn = None;
        assert!(presence.watch(ConnId(7), 9));
        assert_eq!(presence.sockets(), 3);
        assert_eq!(presence.connected(), [(SessionId(0), ConnId(0)), (SessionId(2), ConnId(2))]);
        let seatings = [Seating::Joining, Seating::Away, Seating::Joining];
        let expected = (0..).zip(seatings).map(|(n, at)| (SessionId(n), at, 0));
        assert_eq!(presence.seatings(), expected.collect::<Vec<_>>());
        assert_eq!(presence.take_sockets(), [0, 2, 7].map(ConnId));
        assert_eq!((presence.sockets(), presence.take_sockets()), (0, Vec::new()));
        assert_eq!(presence.watchers().len(), 0);
    }

    #[test]
    fn inputs_that_wait_are_told_with_their_session() {
        let mut presence = here(2);
        let session = seat(&mut presence, 1);
        (session.received, session.applied) = (5, 3);
        assert_eq!(presence.seatings()[1], (SessionId(1), Seating::Here, 2));
        seat(&mut presence, 1).standing = Standing::Leaving;
        assert_eq!(presence.seatings()[1], (SessionId(1), Seating::Leaving, 2));
    }

    #[test]
    fn only_a_seat_without_a_socket_is_held_and_the_one_that_has_been_empty_longest_goes_first() {
        let mut presence = here(4);
        for (n, since) in [(0, 70), (1, 50), (2, 60)] {
            let session = seat(&mut presence, n);
            session.conn = None;
            session.away_since = Some(RoomTime(since));
            session.confirmed = n == 1;
        }
        seat(&mut presence, 2).standing = Standing::Leaving;
        let held: Vec<_> = presence.holding().map(|(id, _)| id.0).collect();
        assert_eq!(held, [0, 1]);
        assert_eq!(presence.unconfirmed(9), [SessionId(0)]);
        assert_eq!(presence.next_expiry(HOLD), Some(RoomTime(150)));
        assert_eq!(presence.expired(RoomTime(170), HOLD), [SessionId(0), SessionId(1)]);
        assert_eq!(presence.away_for(SessionId(9), RoomTime(70)), Span::ZERO);
        assert_eq!(presence.players(), 2, "one comes, and one of the empty seats is kept");
    }

    #[test]
    fn a_view_is_owed_to_who_is_here_has_not_been_shown_one_and_may_see() {
        let mut presence = here(2);
        let seats: BTreeMap<_, _> = (0..2).map(|n| (SessionId(n), Seat::default())).collect();
        let owes = |presence: &Presence| {
            (0..2).filter(|n| presence.owes_a_view(&seats, |id| id == SessionId(*n))).collect()
        };
        (0..2).for_each(|n| _ = seat(&mut presence, n));
        let found: Vec<u64> = owes(&presence);
        assert_eq!(found, [0, 1]);
        seat(&mut presence, 0).view_due = false;
        seat(&mut presence, 1).conn = None;
        let found: Vec<u64> = owes(&presence);
        assert!(found.is_empty(), "{found:?}");
        seat(&mut presence, 0).view_due = true;
        assert!(presence.owes_a_view(&seats, |_| true));
        assert!(!presence.owes_the_rest(&seats, |_| true), "it was not left out");
        seat(&mut presence, 0).view_owed = Some(playon_types::ids::Seq(3));
        assert!(presence.owes_the_rest(&seats, |_| true));
        seat(&mut presence, 0).conn = None;
        assert!(!presence.owes_the_rest(&seats, |_| true));
    }

    #[test]
    fn who_gets_a_seat_with_the_batch_sees_it_and_nobody_else_who_only_asks() {
        let presence = here(2);
        let join = |n| Item::Join { session: SessionId(n), profile: bytes::Bytes::new() };
        let none = BTreeMap::new();
        assert_eq!(presence.audience(&none, &[], false), []);
        assert_eq!(presence.audience(&none, &[Item::Wake, join(1)], false), [SessionId(1)]);
        // The commit with its join is not safe yet.
        let given = BTreeMap::from([(SessionId(0), Seat::default())]);
        assert_eq!(presence.audience(&given, &[], false), [SessionId(0)]);
        assert!(presence.owes_a_view(&given, |_| true));
    }
}
