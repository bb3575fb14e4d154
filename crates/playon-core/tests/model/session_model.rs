//! What a session is, told naively: whole lists instead of cursors into rings, and every answer worked out anew.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use playon_core::effect::Aside;
use playon_core::limits::Limits;
use playon_types::attach::{Deliver, Item, Noted};
use playon_types::gate::{Close, Mode, Push, ToGateway, Welcome};
use playon_types::ids::{Generation, History, NUMBER_MAX, SecretHash, SessionId};
use playon_types::image::Image;
use playon_types::kind::Policies;
use playon_types::time::{RoomTime, Span, Time};

use crate::game::State;
use crate::rig::ROOM;

/// A message to the gateway without its wording.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Welcome(u64, Welcome),
    Push(u64, Push),
    Close(u64, Close),
}

impl Told {
    pub(crate) fn of(message: &ToGateway) -> Self {
        match message.clone() {
            ToGateway::Welcome { conn, welcome } => Self::Welcome(conn.0, welcome),
            ToGateway::Push { conn, push } => Self::Push(conn.0, push),
            ToGateway::Close { conn, why, .. } => Self::Close(conn.0, why),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Asking,
    Seated,
    Leaving,
}

/// What a commit keeps of a player.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) secret: SecretHash,
    pub(crate) applied: u64,
    /// Every event ever, the first one at place 0.
    pub(crate) events: Vec<Bytes>,
    /// Events up to here can no longer be sent again.
    pub(crate) forgotten: u64,
    /// Inputs lost, for players who know of no history from this one on.
    pub(crate) loss: (u64, u64),
    /// The last inputs that were set aside.
    pub(crate) set_aside: Vec<u64>,
    /// Since when it is away, as the game was told; time in which the room is not live may come off.
    pub(crate) away: Option<u64>,
}

/// What only the owner's memory has of a player.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    pub(crate) standing: Standing,
    pub(crate) secret: SecretHash,
    pub(crate) conn: Option<u64>,
    pub(crate) generation: u64,
    pub(crate) taken: u64,
    pub(crate) recovered_at: u64,
    pub(crate) loss: (u64, u64),
    pub(crate) untold: u64,
    pub(crate) resumed_at: u64,
    pub(crate) applied: u64,
    pub(crate) safe_events: u64,
    pub(crate) pushed: u64,
    pub(crate) away_since: Option<u64>,
    /// For how long it had been away before that, under keepers before this one.
    pub(crate) absent: u64,
    pub(crate) told_away: bool,
    /// Read back from a store in which commits may be missing.
    pub(crate) may_have_lost: bool,
    /// Read back from the store, and the player has not spoken since.
    pub(crate) loss_open: bool,
    /// The last event acknowledged to this keeper.
    pub(crate) acked: u64,
    /// When it was told the key of a new seat.
    pub(crate) told_at: Option<Time>,
    /// It has said something since it was told its key.
    pub(crate) confirmed: bool,
}

/// What a commit says, until it may be said.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) seq: u64,
    pub(crate) seated: Vec<u64>,
    pub(crate) pushes: BTreeMap<u64, Push>,
    pub(crate) goodbyes: Vec<(u64, Close)>,
}

/// The room as of one commit.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) seats: BTreeMap<u64, Kept>,
    pub(crate) state: State,
}

pub(crate) struct Model {
    pub(crate) players: BTreeMap<u64, Player>,
    pub(crate) seats: BTreeMap<u64, Kept>,
    pub(crate) state: State,
    /// What waits to be delivered; wake-ups are left out.
    pub(crate) queue: VecDeque<Item>,
    pub(crate) inflight: Option<Deliver>,
    pub(crate) held: VecDeque<Held>,
    pub(crate) skipped: BTreeMap<u64, u64>,
    pub(crate) past: BTreeMap<u64, Past>,
    pub(crate) seq: u64,
    pub(crate) safe: u64,
    pub(crate) live: bool,
    /// It has failed in this keeper's life, so some may be shown nothing: it may have been their view.
    dark: bool,
    pub(crate) history: History,
    /// Whether outputs wait for the store.
    pub(crate) durable: bool,
    /// The store knows that commits may be missing, so outputs need not wait for it.
    pub(crate) marked: bool,
    /// The commit with which the store will know.
    pub(crate) mark: u64,
    /// Who came before it was known how many players the room takes.
    pub(crate) late: Vec<(u64, u64, SecretHash, Bytes)>,
    /// A worker has opened the room for this keeper.
    pub(crate) known: bool,
    pub(crate) limits: Limits,
    pub(crate) hold: Span,
    pub(crate) players_max: usize,
    pub(crate) clock: u64,
    pub(crate) clock_at: Time,
    /// What the gateway must hear now, in order.
    pub(crate) expected: Vec<Told>,
}

/// What a returning player claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) secret: SecretHash,
    pub(crate) history: u64,
    pub(crate) generation: u64,
    pub(crate) recv: u64,
    pub(crate) lo: u64,
    pub(crate) whole: bool,
}

impl Model {
    pub(crate) fn new(
        image: &Image,
        now: Time,
        durable: bool,
        limits: Limits,
        hold: Span,
        players_max: usize,
    ) -> Self {
        let (state, seq) = (State::decode(&image.state), image.seq.0);
        let past = Past { seats: BTreeMap::new(), state: state.clone() };
        Self {
            players: BTreeMap::new(),
            seats: BTreeMap::new(),
            state,
            queue: VecDeque::new(),
            inflight: None,
            held: VecDeque::new(),
            skipped: BTreeMap::new(),
            past: BTreeMap::from([(seq, past)]),
            seq,
            safe: seq,
            live: true,
            dark: false,
            history: image.history,
            durable,
            marked: false,
            mark: u64::MAX,
            late: Vec::new(),
            known: true,
            limits,
            hold,
            players_max,
            clock: image.clock.0,
            clock_at: now,
            expected: Vec::new(),
        }
    }

    /// Room time runs while the room is live.
    pub(crate) fn tick(&mut self, now: Time) {
        if self.live {
            self.clock += now.since(self.clock_at).0;
        }
        self.clock_at = now;
    }

    pub(crate) fn hello(&mut self, conn: u64, id: u64, secret: SecretHash, profile: Bytes) -> bool {
        if self.known {
            return self.ask(conn, id, secret, profile);
        }
        self.late.push((conn, id, secret, profile));
        false
    }

    /// A worker has opened the room. Returns who came too early, with the sockets, if they may ask for a seat now.
    pub(crate) fn opened(&mut self) -> Vec<(u64, u64)> {
        (self.live, self.known) = (true, true);
        let late = std::mem::take(&mut self.late);
        late.into_iter()
            .filter_map(|(conn, id, secret, profile)| {
                self.ask(conn, id, secret, profile).then_some((conn, id))
            })
            .collect()
    }

    fn ask(&mut self, conn: u64, id: u64, secret: SecretHash, profile: Bytes) -> bool {
        self.give_up_expired();
        self.drop_ghosts();
        // A seat is taken from the request on, and until it is being given up: that comes first.
        if self.staying(|player| !player.is_ghost()) >= self.players_max
            && let Some(why) = self.no_seat()
        {
            self.expected.push(Told::Close(conn, why));
            return false;
        }
        if self.players.contains_key(&id) {
            self.expected.push(Told::Close(conn, Close::Busy));
            return false;
        }
        let player = Player {
            standing: Standing::Asking,
            secret,
            conn: Some(conn),
            generation: 1,
            taken: 0,
            recovered_at: 0,
            loss: (0, 0),
            untold: 0,
            resumed_at: 0,
            applied: 0,
            safe_events: 0,
            pushed: 0,
            away_since: None,
            absent: 0,
            told_away: false,
            may_have_lost: false,
            loss_open: false,
            acked: 0,
            told_at: None,
            confirmed: false,
        };
        self.players.insert(id, player);
        self.queue.push_back(Item::Join { session: SessionId(id), profile });
        true
    }

    pub(crate) fn resume(&mut self, conn: u64, id: u64, claim: Claim) -> bool {
        let refusal = self.refusal(id, &claim);
        if let Some(why) = refusal {
            self.expected.push(Told::Close(conn, why));
            return false;
        }
        let same = claim.history == self.history.0;
        let lo = claim.lo.max(1);
        let seat = self.seats.get(&id).expect("judged").clone();
        let player = self.players.get_mut(&id).expect("judged");
        let before = if claim.history < player.loss.1 { player.loss.0 } else { 0 };
        let since = match claim.history < self.history.0 {
            true => (lo - 1).saturating_sub(player.recovered_at),
            false => 0,
        };
        let told = if same || !player.loss_open { 0 } else { since + before };
        let lost = (lo - 1).saturating_sub(player.taken);
        if lost > 0 {
            player.untold = told;
            player.taken = lo - 1;
            player.applied = lo - 1;
            player.resumed_at = lo - 1;
        }
        player.loss_open &= !same;
        let recv = if same { claim.recv.max(player.acked) } else { claim.recv };
        let whole = same && can_go_on(player, &seat, recv) && !claim.whole;
        let recv = if whole { recv } else { player.safe_events };
        if let Some(old) = player.conn.replace(conn) {
            self.expected.push(Told::Close(old, Close::Replaced));
        }
        player.generation = player.generation.max(claim.generation);
        player.away_since = None;
        player.absent = 0;
        player.confirmed = true;
        if std::mem::take(&mut player.told_away) || lost > 0 {
            self.queue.push_back(Item::Back { session: SessionId(id), lost });
        }
        let mode = if whole { Mode::Resumed } else { Mode::Fresh };
        self.welcome(conn, id, mode, recv, told);
        self.catch_up(conn, id, recv);
        true
    }

    fn refusal(&self, id: u64, claim: &Claim) -> Option<Close> {
        let known = self.players.get(&id).filter(|p| p.secret == claim.secret);
        let (Some(player), true) = (known, self.seats.contains_key(&id)) else {
            return Some(Close::UnknownSession);
        };
        if player.standing != Standing::Seated {
            return Some(Close::UnknownSession);
        }
        if claim.generation <= player.generation && player.conn.is_some() {
            return Some(Close::Replaced);
        }
        let missing = claim.lo.max(1) - 1 > player.taken;
        let lossy = player.may_have_lost || !self.durable || !self.known;
        let once = player.loss_open && player.resumed_at == 0;
        let possible = lossy && once && claim.history < self.history.0;
        let impossible = !possible || claim.lo >= NUMBER_MAX;
        (missing && impossible).then_some(Close::InputGap)
    }

    pub(crate) fn welcome(&mut self, conn: u64, id: u64, mode: Mode, event_seq: u64, lost: u64) {
        let player = &self.players[&id];
        let welcome = Welcome {
            mode,
            session: SessionId(id),
            room: ROOM,
            history: self.history,
            generation: Generation(player.generation),
            in_next: player.taken + 1,
            event_seq,
            lost,
            release: crate::session::GAME,
            ttl: if self.known { self.hold } else { Policies::default().seat_hold },
        };
        self.expected.push(Told::Welcome(conn, welcome));
    }

    fn catch_up(&mut self, conn: u64, id: u64, recv: u64) {
        let (Some(player), Some(seat)) = (self.players.get_mut(&id), self.seats.get(&id)) else {
            return;
        };
        let mut events = Vec::new();
        if can_go_on(player, seat, recv) {
            events = (recv + 1..=player.safe_events)
                .map(|n| (n, seat.events[n as usize - 1].clone()))
                .collect();
        }
        player.pushed = player.safe_events;
        let set_aside = seat.set_aside.iter().copied().filter(|n| *n <= player.applied).collect();
        let push = Push { set_aside, applied: Some(player.applied), events, ..Push::default() };
        self.expected.push(Told::Push(conn, push));
    }

    /// The session that this socket speaks for, if it still does.
    pub(crate) fn speaker(&mut self, conn: u64, id: u64) -> Option<&mut Player> {
        self.players.get_mut(&id).filter(|player| player.conn == Some(conn))
    }

    pub(crate) fn ack(&mut self, conn: u64, id: u64, recv: u64) {
        let Some(player) = self.speaker(conn, id) else { return };
        let recv = recv.min(player.pushed);
        player.confirmed = true;
        player.loss_open = false;
        player.acked = player.acked.max(recv);
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.forgotten = seat.forgotten.max(recv.min(seat.events.len() as u64));
        }
    }

    pub(crate) fn input(&mut self, conn: u64, id: u64, seq: u64, payload: Bytes) {
        let (pending_max, bytes_max) =
            (self.limits.inputs_pending_max, self.limits.input_bytes_max);
        let Some(player) = self.speaker(conn, id).filter(|p| p.standing == Standing::Seated) else {
            return;
        };
        let why = if payload.len() > bytes_max {
            Close::TooLarge
        } else if seq < NUMBER_MAX && seq <= player.taken {
            return;
        } else if seq >= NUMBER_MAX || seq > player.taken + 1 {
            Close::InputGap
        } else if player.taken - player.applied >= pending_max as u64 {
            Close::TooMany
        } else {
            player.taken += 1;
            self.queue.push_back(Item::Input { session: SessionId(id), seq, payload });
            return;
        };
        self.expected.push(Told::Close(conn, why));
        self.gone(conn, id);
    }

    pub(crate) fn drained(&mut self, conn: u64, id: u64, sent: u64) {
        if self.speaker(conn, id).is_some() {
            self.catch_up(conn, id, sent);
        }
    }

    /// Up to which event the next view replaces what this socket misses, when that is no longer kept.
    pub(crate) fn view_stands_for(&self, conn: u64, id: u64, sent: u64) -> Option<u64> {
        let player = self.players.get(&id).filter(|player| player.conn == Some(conn))?;
        let seat = self.seats.get(&id)?;
        (!can_go_on(player, seat, sent)).then_some(player.safe_events)
    }

    /// A batch has left: it must be the head of what waits.
    pub(crate) fn delivered(&mut self, deliver: &Deliver) {
        assert!(
            self.live && self.inflight.is_none(),
            "{deliver:?} while not live or another is under way"
        );
        assert_eq!(deliver.seq.0, self.seq + 1);
        assert!(self.seq - self.safe < self.limits.unsafe_commits_max as u64, "too far ahead");
        assert_eq!(deliver.now.0, self.clock, "the room's time");
        let payload =
            |item: &Item| if let Item::Input { payload, .. } = item { payload.len() } else { 0 };
        let bytes: usize = deliver.items.iter().map(payload).sum();
        assert!(deliver.items.len() <= self.limits.batch_items_max, "{deliver:?}");
        assert!(bytes <= self.limits.batch_bytes_max || deliver.items.len() == 1, "{deliver:?}");
        for item in deliver.items.iter().filter(|item| **item != Item::Wake) {
            let next = self.queue.pop_front();
            assert_eq!(Some(item), next.as_ref(), "delivered out of turn");
        }
        let audience = self.audience(&deliver.items);
        let seen = audience.into_iter().filter(|id| !self.dark || deliver.render.contains(id));
        assert_eq!(deliver.render, seen.collect::<Vec<_>>(), "who sees the room");
        self.inflight = Some(deliver.clone());
    }

    fn audience(&self, items: &[Item]) -> Vec<SessionId> {
        let joins = |id: u64| {
            items.iter().any(|i| matches!(i, Item::Join { session, .. } if session.0 == id))
        };
        let sees = |(id, player): &(&u64, &Player)| {
            player.conn.is_some()
                && match player.standing {
                    Standing::Asking => joins(**id) || self.seats.contains_key(id),
                    Standing::Seated => true,
                    Standing::Leaving => false,
                }
        };
        self.players.iter().filter(sees).map(|(id, _)| SessionId(*id)).collect()
    }

    /// The live object is gone; what was under way will be delivered again, before everything else.
    pub(crate) fn fell(&mut self) {
        (self.live, self.dark) = (false, true);
        let items = self.inflight.take().map(|deliver| deliver.items).unwrap_or_default();
        for item in items.into_iter().rev().filter(|item| *item != Item::Wake) {
            self.queue.push_front(item);
        }
    }

    /// What waits first, on which the game fails or seemed to when its worker lied, is set aside with a batch that brought
    /// nothing: an input counts as dealt with, a join is refused, of all else the worker takes note by itself.
    pub(crate) fn set_aside(&mut self, session: SessionId, what: Aside, lied: bool) {
        if what == Aside::View {
            return assert!(self.dark, "the view of {session} is set aside for nothing");
        }
        let batch = self.inflight.as_ref().map(|deliver| deliver.items.as_slice());
        assert!(matches!(batch, Some([Item::Wake])), "set aside with {batch:?}");
        let item = self.queue.pop_front().expect("it waits");
        assert!(lied || State::panics_on(std::slice::from_ref(&item)), "{item:?} did no harm");
        let (whose, found, noted) = match item {
            Item::Input { session, seq, .. } => {
                self.skipped.insert(session.0, seq);
                (session, Aside::Input(seq), None)
            }
            Item::Join { session, .. } => {
                if let Some(conn) = self.players.remove(&session.0).and_then(|p| p.conn) {
                    self.expected.push(Told::Close(conn, Close::Refused));
                }
                // Who has withdrawn meanwhile leaves nothing: the game never knew of it.
                self.queue.retain(|item| *item != Item::Leave(session));
                (session, Aside::Join, None)
            }
            Item::Away(session) => (session, Aside::Away, Some(Noted::Away)),
            Item::Back { session, .. } => (session, Aside::Back, Some(Noted::Back)),
            Item::Leave(session) => (session, Aside::Leave, Some(Noted::Leave)),
            other => panic!("{other:?} is set aside"),
        };
        assert_eq!((whose, found), (session, what), "another one is set aside");
        let noted = noted.map(|change| Item::Noted { session, change });
        noted.into_iter().for_each(|item| self.queue.push_front(item));
    }

    /// Another keeper has read the room back: as of one commit, none older than what anybody was told of.
    pub(crate) fn recovered(&mut self, image: &Image, epoch: u64) {
        let seq = image.seq.0;
        assert!(!self.durable || seq >= self.safe, "{seq} is read back, {} was safe", self.safe);
        let told = self.durable || seq >= self.safe;
        assert!(told || !image.clean, "commits are missing and the image does not say so");
        self.marked = !self.durable && !image.clean;
        self.mark = u64::MAX;
        self.late.clear();
        (self.known, self.dark) = (false, false);
        let past = self.past.get(&seq).expect("a commit that was").clone();
        self.past.retain(|at, _| *at <= seq);
        assert_eq!(State::decode(&image.state), past.state);
        assert_eq!(image.seats.len(), past.seats.len());
        self.seats = past.seats;
        for (id, kept) in &mut self.seats {
            let seat = &image.seats[&SessionId(*id)];
            assert_eq!((seat.secret, seat.applied), (kept.secret, kept.applied), "seat {id}");
            assert_eq!(seat.event_seq, kept.events.len() as u64, "seat {id}");
            let outbox: Vec<_> = seat.outbox.iter().cloned().collect();
            assert!(kept.events.ends_with(&outbox), "seat {id}");
            kept.forgotten = seat.event_seq - outbox.len() as u64;
            let away = seat.away_since.map(|since| since.0);
            assert_eq!(away.is_some(), kept.away.is_some(), "seat {id}");
            assert!(away >= kept.away && away <= Some(self.clock_at.0), "seat {id}: {away:?}");
            kept.away = away;
            let heard = self.players.get(id).is_none_or(|player| player.confirmed);
            assert!(seat.unheard || heard, "seat {id} is said to be of a player who was heard");
        }
        if !image.clean {
            self.history = History(epoch);
        }
        self.state = past.state;
        (self.seq, self.safe, self.live) = (seq, seq, false);
        (self.clock, self.inflight) = (image.clock.0, None);
        self.held.clear();
        self.skipped.clear();
        self.queue = self.seats.keys().map(|id| Item::Away(SessionId(*id))).collect();
        let (now, clock) = (self.clock_at.0, self.clock);
        let back =
            |(id, seat): (&u64, &Kept)| (*id, Player::read_back(seat, now, clock, !image.clean));
        self.players = self.seats.iter().map(back).collect();
        for (id, player) in &mut self.players {
            player.confirmed = !image.seats[&SessionId(*id)].unheard;
        }
    }

    /// What must hold after every step, whatever it was.
    pub(crate) fn check(&self) {
        let ahead = self.seq - self.safe >= self.limits.unsafe_commits_max as u64;
        let idle = self.live && self.inflight.is_none() && !ahead;
        assert!(!idle || self.queue.is_empty(), "a live room does nothing about {:?}", self.queue);
        for (id, player) in &self.players {
            assert!(player.applied <= player.taken, "player {id}");
            let open = player.taken - player.applied;
            assert!(open <= self.limits.inputs_pending_max as u64, "player {id}");
        }
    }

    pub(crate) fn now(&self) -> RoomTime {
        RoomTime(self.clock)
    }
}

impl Player {
    fn read_back(seat: &Kept, now: u64, clock: u64, unclean: bool) -> Self {
        let events = seat.events.len() as u64;
        Self {
            standing: Standing::Seated,
            secret: seat.secret,
            conn: None,
            generation: 0,
            taken: seat.applied,
            recovered_at: seat.applied,
            loss: seat.loss,
            untold: 0,
            resumed_at: 0,
            applied: seat.applied,
            safe_events: events,
            pushed: events,
            away_since: Some(clock),
            absent: seat.away.map_or(0, |since| now - since),
            told_away: true,
            may_have_lost: unclean,
            loss_open: true,
            acked: 0,
            told_at: None,
            confirmed: true,
        }
    }
}

/// Whether a socket that has `recv` can be sent everything after it that may leave.
fn can_go_on(player: &Player, seat: &Kept, recv: u64) -> bool {
    recv <= player.safe_events && (recv == player.safe_events || seat.forgotten <= recv)
}
