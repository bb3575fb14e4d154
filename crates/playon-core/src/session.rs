//! The transport half of a session: which socket speaks for a seat, and what it has said and been told.
//!
//! The other half, the cursors that must survive, is [`playon_types::image::Seat`].

use bytes::Bytes;
use playon_types::gate::Push;
use playon_types::ids::{ConnId, Generation, History, NUMBER_MAX, SecretHash, Seq};
use playon_types::image::{Loss, Seat};
use playon_types::time::{RoomTime, Span, Time};

use crate::mutant::{Mutant, broken};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The join is on its way; there is no seat yet.
    Joining,
    /// It has a seat.
    Seated,
    /// The seat is being given up.
    Leaving,
}

/// Inputs that one session is believed to have lost with a keeper. More than that is counted as so many.
pub(crate) const LOST_INPUTS_MAX: u64 = 65_536;

/// What to do with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admit {
    /// It is the next one.
    Take,
    /// It was taken before.
    Duplicate,
    /// One is missing before it.
    Gap,
    /// Too many are waiting.
    TooMany,
}

/// One session, as long as the room is in memory.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) standing: Standing,
    pub(crate) secret: SecretHash,
    pub(crate) conn: Option<ConnId>,
    pub(crate) generation: Generation,
    /// The last input taken in; `applied` follows it.
    pub(crate) received: u64,
    /// The last input applied when the seat was read back from the store.
    pub(crate) recovered_at: u64,
    /// Commits after that may be gone with a keeper, and with them inputs that the player was told are applied.
    pub(crate) may_have_lost: bool,
    /// It was read back from the store, and its player has said nothing since: nobody knows yet what it lost.
    pub(crate) loss_open: bool,
    /// The last event that the player has acknowledged to this keeper.
    pub(crate) acked: u64,
    /// What else was lost before that.
    pub(crate) loss: Loss,
    /// Of the inputs taken for applied by `resumed_at`: how many the player had not been told are lost.
    pub(crate) untold: u64,
    /// Where the inputs went on after some were lost with a keeper; 0 otherwise.
    pub(crate) resumed_at: u64,
    /// The last input applied and safe.
    pub(crate) applied: u64,
    /// The last event whose commit is safe.
    pub(crate) released: u64,
    /// The last event handed to the present socket.
    pub(crate) pushed: u64,
    /// Since when, in room time, no socket is there.
    pub(crate) away_since: Option<RoomTime>,
    /// For how long no socket had been there before `away_since`: while the room slept, and before.
    pub(crate) absent: Span,
    /// Whether the room believes that the player is away.
    pub(crate) told_away: bool,
    /// No commit since the present socket came, or since the seat was taken, was rendered for the player.
    pub(crate) view_due: bool,
    /// Since which commit its views are left out, as those of a batch are too large together.
    pub(crate) view_owed: Option<Seq>,
    /// When the player of a new seat was told its key.
    pub(crate) told_at: Option<Time>,
    /// The player has said something since it was told its key, so it knows the key. Before that the seat may be one
    /// that nobody can come back to. Kept with the seat as [`Seat::unheard`].
    pub(crate) confirmed: bool,
}

impl Session {
    /// A player that asks for a seat.
    pub(crate) const fn joining(conn: ConnId, secret: SecretHash) -> Self {
        Self {
            standing: Standing::Joining,
            secret,
            conn: Some(conn),
            generation: Generation(1),
            received: 0,
            recovered_at: 0,
            may_have_lost: false,
            loss_open: false,
            acked: 0,
            loss: Loss { inputs: 0, history: History(0) },
            untold: 0,
            resumed_at: 0,
            applied: 0,
            released: 0,
            pushed: 0,
            away_since: None,
            absent: Span::ZERO,
            told_away: false,
            view_due: true,
            view_owed: None,
            told_at: None,
            confirmed: false,
        }
    }

    /// A seat read back from the store: nobody is there, everything in it is safe.
    pub(crate) fn recovered(seat: &Seat, now: RoomTime, age: Time, clean: bool) -> Self {
        Self {
            standing: Standing::Seated,
            secret: seat.secret,
            conn: None,
            generation: Generation(0),
            received: seat.applied,
            recovered_at: seat.applied,
            may_have_lost: !clean,
            loss_open: true,
            acked: 0,
            loss: seat.loss,
            untold: 0,
            resumed_at: 0,
            applied: seat.applied,
            released: seat.event_seq,
            pushed: seat.event_seq,
            away_since: Some(now),
            absent: seat.away_since.map_or(Span::ZERO, |since| age.since(since)),
            told_away: false,
            view_due: true,
            view_owed: None,
            told_at: None,
            confirmed: !seat.unheard,
        }
    }

    /// When the seat is given up if nobody comes.
    pub(crate) fn held_until(&self, hold: Span) -> Option<RoomTime> {
        let left = Span(hold.0.saturating_sub(self.absent.0));
        self.away_since.map(|since| since + left)
    }

    /// For how long nobody is connected, at that room time.
    pub(crate) fn away_for(&self, at: RoomTime) -> Span {
        let since = self.away_since.map_or(Span::ZERO, |since| at.since(since));
        Span(self.absent.0.saturating_add(since.0))
    }

    /// Whether the join is on its way.
    pub(crate) fn is_joining(&self) -> bool {
        self.standing == Standing::Joining
    }

    /// Whether the game knows the player, and a socket of it is there. So also while the commit with the join is not
    /// safe yet, if that has given the seat: commits that follow before it is show the player what the others are shown.
    pub(crate) const fn is_here(&self, has_seat: bool) -> bool {
        let seated = match self.standing {
            Standing::Seated => true,
            Standing::Joining => has_seat,
            Standing::Leaving => false,
        };
        seated && self.conn.is_some()
    }

    /// Judges the input numbered `seq` and takes it in if it is the next.
    pub(crate) fn admit(&mut self, seq: u64, pending_max: usize) -> Admit {
        if seq >= NUMBER_MAX {
            // Also of a session that has come so far: it cannot go on, and its player begins another.
            return Admit::Gap;
        }
        if seq <= self.received && !broken(Mutant::DuplicateTaken) {
            return Admit::Duplicate;
        }
        if seq > self.received + 1 && !broken(Mutant::GapTaken) {
            return Admit::Gap;
        }
        if self.waiting() >= pending_max as u64 && !broken(Mutant::InputsUnbounded) {
            return Admit::TooMany;
        }
        self.received = seq;
        Admit::Take
    }

    /// Whether its player has been here since the seat was taken or read back.
    pub(crate) const fn is_back(&self) -> bool {
        self.generation.0 > 0
    }

    /// Inputs taken in and not yet applied and safe. Those lost with a keeper do not wait for anything.
    pub(crate) fn waiting(&self) -> u64 {
        self.received.saturating_sub(self.applied.max(self.resumed_at))
    }

    /// Whether a socket that has taken in events up to `recv` can go on without a fresh view.
    pub(crate) fn reaches_back(&self, seat: &Seat, recv: u64) -> bool {
        recv <= self.released && (recv == self.released || seat.outbox_first() <= recv + 1)
    }

    /// What a player who comes back and knows of `history`, and of all inputs before `lo` that they are applied, is to be told
    /// that it lost, and how many of that nobody had known of. Nothing if its inputs do not fit: who cannot have lost anything
    /// with a keeper is not believed, nor who would have no number left for another input. `earlier` if another history has begun since; `lossy` if the kind of room lets go of commits.
    pub(crate) fn losses(
        &self,
        history: History,
        lo: u64,
        earlier: bool,
        lossy: bool,
    ) -> Option<(u64, u64)> {
        let earlier = earlier && self.loss_open;
        // Told again until the player shows that it knows the new history; the room hears it once.
        let told = if !earlier || broken(Mutant::LossUntold) {
            0
        } else {
            let since = (lo - 1).saturating_sub(self.recovered_at);
            since.saturating_add(self.loss.untold(history))
        };
        let lost = (lo - 1).saturating_sub(self.received);
        let possible = earlier && self.resumed_at == 0 && (self.may_have_lost || lossy);
        (lost == 0 || (possible && lo < NUMBER_MAX)).then_some((told, lost))
    }

    /// Safe events after `after` that are still kept. Only those up to `released` may leave.
    pub(crate) fn backlog(&self, seat: &Seat, after: u64) -> Vec<(u64, Bytes)> {
        let first = seat.outbox_first();
        (first..)
            .zip(&seat.outbox)
            .filter(|(seq, _)| *seq > after)
            .filter(|(seq, _)| *seq <= self.released || broken(Mutant::BacklogUnsafe))
            .map(|(seq, event)| (seq, event.clone()))
            .collect()
    }

    /// Cuts from `push` what the present socket already has, and notes what it gets.
    pub(crate) fn note(&mut self, push: &mut Push) {
        push.events.retain(|(seq, _)| *seq > self.pushed);
        if let Some((seq, _)) = push.events.last() {
            self.pushed = *seq;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_taken_once_and_in_order() {
        let mut session = Session::joining(ConnId(1), SecretHash::default());
        assert_eq!(session.admit(1, 2), Admit::Take);
        assert_eq!(session.admit(1, 2), Admit::Duplicate);
        assert_eq!(session.admit(3, 2), Admit::Gap);
        assert_eq!(session.admit(2, 2), Admit::Take);
        assert_eq!(session.admit(3, 2), Admit::TooMany);
        session.applied = 1;
        assert_eq!(session.admit(3, 2), Admit::Take);
    }

    #[test]
    fn there_is_an_end_to_the_numbers() {
        let mut session = Session::joining(ConnId(1), SecretHash::default());
        session.received = NUMBER_MAX - 2;
        session.applied = NUMBER_MAX - 2;
        assert_eq!(session.admit(NUMBER_MAX - 1, 2), Admit::Take);
        for seq in [NUMBER_MAX, NUMBER_MAX + 1, i64::MAX as u64, u64::MAX] {
            assert_eq!(session.admit(seq, 2), Admit::Gap);
        }
        assert_eq!((session.received, session.waiting()), (NUMBER_MAX - 1, 1));
    }

    #[test]
    fn the_backlog_holds_back_what_is_not_safe() {
        let mut seat = Seat { event_seq: 3, ..Seat::default() };
        seat.outbox.extend([1u8, 2, 3].map(|n| Bytes::copy_from_slice(&[n])));
        let mut session = Session::recovered(&seat, RoomTime(0), Time(0), true);
        session.released = 2;
        let seqs =
            |from| session.backlog(&seat, from).iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
        assert_eq!(seqs(0), [1, 2]);
        assert_eq!(seqs(1), [2]);
        assert!(session.reaches_back(&seat, 0) && !session.reaches_back(&seat, 3));
        seat.outbox.pop_front();
        assert!(!session.reaches_back(&seat, 0) && session.reaches_back(&seat, 1));
    }

    fn seat(applied: u64, event_seq: u64) -> Seat {
        Seat { applied, event_seq, ..Seat::default() }
    }

    #[test]
    fn a_player_that_joins_has_no_seat_and_has_said_nothing() {
        let mut session = Session::joining(ConnId(1), SecretHash::default());
        assert!(session.is_joining() && session.is_back() && !session.confirmed);
        assert_eq!((session.waiting(), session.held_until(Span(9))), (0, None));
        assert_eq!(session.away_for(RoomTime(100)), Span::ZERO);
        session.standing = Standing::Seated;
        assert!(!session.is_joining());
    }

    #[test]
    fn a_seat_that_is_read_back_is_as_it_was_and_nobody_is_there() {
        let read = Session::recovered(&seat(7, 4), RoomTime(50), Time(9), false);
        assert!(!read.is_back() && !read.is_joining() && read.loss_open && read.may_have_lost);
        assert_eq!((read.received, read.applied, read.recovered_at), (7, 7, 7));
        assert_eq!((read.released, read.pushed, read.conn), (4, 4, None));
        assert_eq!((read.waiting(), read.away_since), (0, Some(RoomTime(50))));
        assert!(!Session::recovered(&seat(7, 4), RoomTime(50), Time(9), true).may_have_lost);
    }

    #[test]
    fn the_time_without_a_socket_counts_over_keepers_and_while_the_room_slept() {
        let since = Some(Time(4));
        let away = Seat { away_since: since, ..seat(0, 0) };
        let session = Session::recovered(&away, RoomTime(100), Time(10), true);
        assert_eq!(session.absent, Span(6));
        assert_eq!(session.away_for(RoomTime(105)), Span(11));
        assert_eq!(session.held_until(Span(20)), Some(RoomTime(114)));
        assert_eq!(session.held_until(Span(5)), Some(RoomTime(100)), "its time was over before");
        let there = Session::recovered(&seat(0, 0), RoomTime(100), Time(10), true);
        assert_eq!((there.absent, there.held_until(Span(20))), (Span::ZERO, Some(RoomTime(120))));
    }

    #[test]
    fn a_player_is_here_with_a_seat_and_a_socket() {
        let mut session = Session::joining(ConnId(1), SecretHash::default());
        for (standing, without, with) in [
            (Standing::Joining, false, true),
            (Standing::Seated, true, true),
            (Standing::Leaving, false, false),
        ] {
            session.standing = standing;
            session.conn = Some(ConnId(1));
            assert_eq!((session.is_here(false), session.is_here(true)), (without, with));
            session.conn = None;
            assert!(!session.is_here(true));
        }
    }

    #[test]
    fn inputs_that_were_lost_with_a_keeper_are_waited_for_by_nobody() {
        let mut session = Session::recovered(&seat(7, 0), RoomTime(0), Time(0), true);
        (session.received, session.resumed_at) = (12, 10);
        assert_eq!(session.waiting(), 2);
        session.applied = 11;
        assert_eq!(session.waiting(), 1);
    }

    /// The keeper before has told it that inputs up to `lo - 1` are applied.
    #[test]
    fn a_player_who_knows_of_more_than_was_read_back_is_told_what_is_lost() {
        let history = History(1);
        let read = |clean| Session::recovered(&seat(5, 0), RoomTime(0), Time(0), clean);
        let dirty = read(false);
        assert_eq!(dirty.losses(history, 6, true, false), Some((0, 0)), "it knows of no more");
        assert_eq!(dirty.losses(history, 9, true, false), Some((3, 3)));
        assert_eq!(dirty.losses(history, 9, false, false), None, "no other history has begun");
        assert_eq!(dirty.losses(history, 6, false, false), Some((0, 0)));
        assert_eq!(
            dirty.losses(history, NUMBER_MAX - 1, true, false),
            Some((NUMBER_MAX - 7, NUMBER_MAX - 7))
        );
        assert_eq!(dirty.losses(history, NUMBER_MAX, true, false), None, "no number would be left");
        let clean = read(true);
        assert_eq!(clean.losses(history, 9, true, false), None, "nothing can have been lost");
        assert_eq!(clean.losses(history, 9, true, true), Some((3, 3)), "unless its kind lets go");
        // Once it has gone on nothing more can be lost; until its player shows that it knows it is told again.
        let mut on = read(false);
        (on.resumed_at, on.received) = (8, 8);
        assert_eq!(on.losses(history, 9, true, false), Some((3, 0)));
        assert_eq!(on.losses(history, 10, true, false), None);
        on.loss_open = false;
        assert_eq!(on.losses(history, 9, true, false), Some((0, 0)));
    }

    #[test]
    fn a_socket_gets_each_event_once() {
        let mut session = Session::joining(ConnId(1), SecretHash::default());
        let mut push = |seqs: &[u64]| {
            let event = |seq: &u64| (*seq, Bytes::new());
            let mut push = Push { events: seqs.iter().map(event).collect(), ..Push::default() };
            session.note(&mut push);
            (push.events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), session.pushed)
        };
        assert_eq!(push(&[1, 2]), (vec![1, 2], 2));
        assert_eq!(push(&[2, 3]), (vec![3], 3));
        assert_eq!(push(&[1, 3]), (vec![], 3));
        assert_eq!(push(&[]), (vec![], 3));
    }

    #[test]
    fn a_socket_that_has_all_of_it_needs_no_view_whatever_is_kept() {
        let session = Session::recovered(&seat(0, 9), RoomTime(0), Time(0), true);
        assert!(session.reaches_back(&seat(0, 9), 9) && !session.reaches_back(&seat(0, 9), 8));
    }
}
