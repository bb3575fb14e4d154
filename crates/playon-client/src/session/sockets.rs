//! Opening, losing and replacing sockets.

use playon_types::gate::Close;
use playon_types::ids::GENERATION_MAX;
use playon_types::time::{Span, Time};
use playon_wire::player::{ClientFrame, ClientHello, PLAYER_PROTOCOL};

use super::{Action, Closed, Session, SocketId, Timer, address};
use crate::update::{End, State, Update};

/// How long a socket must have been in use for the next retry to be a first one again.
pub(super) const STABLE: Span = Span::secs(1);

/// How long a socket may take to be welcomed before its silence after news of the network counts.
const PATIENCE: Span = Span::secs(2);

/// Silence after such news after which another socket is tried.
const PROBE: Span = Span::secs(1);

/// HTTP statuses with which a keeper says that it will not have this client: a page of that origin, that address, that version.
/// They do not pass by themselves.
const REFUSALS: [u16; 3] = [403, 404, 426];

/// At most one socket in use, one that is being opened, and one that was before that.
#[derive(Debug)]
pub(super) struct SessionSockets {
    live: Option<SocketId>,
    opening: Option<Opening>,
    /// HELLO was said over it, and it was silent when the network changed: another is being opened, but whichever is welcomed
    /// is taken.
    earlier: Option<Opening>,
    /// Frames and bytes that were said over the one welcomed last before it was.
    said: (u64, u64),
    /// Since when one is in use.
    live_since: Time,
    last: u64,
    /// Failures since a socket last lived for [`STABLE`].
    failures: u32,
    /// Sockets that could not be opened since one was: the addresses take turns.
    turns: u32,
    home: String,
    /// Where the socket that was welcomed last leads.
    here: String,
    moving: Option<Moving>,
    trouble: String,
}

/// A socket that is not welcomed yet.
#[derive(Debug)]
struct Opening {
    socket: SocketId,
    url: String,
    since: Time,
    /// HELLO was said over it.
    greeted: bool,
    /// Frames and bytes that were said over it.
    said: (u64, u64),
}

/// A MOVE under way.
#[derive(Debug)]
struct Moving {
    url: String,
    /// When it is not wanted any more.
    until: Time,
    tries: u32,
}

impl SessionSockets {
    pub(super) fn new(home: String) -> Self {
        Self {
            live: None,
            opening: None,
            earlier: None,
            said: (0, 0),
            live_since: Time(0),
            last: 0,
            failures: 0,
            turns: 0,
            here: home.clone(),
            home,
            moving: None,
            trouble: String::new(),
        }
    }

    pub(super) const fn live(&self) -> Option<SocketId> {
        self.live
    }

    pub(super) const fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Whether it is one of those that wait for a welcome.
    pub(super) fn waits(&self, socket: SocketId) -> bool {
        self.opens(socket) || self.is_earlier(socket)
    }

    fn opens(&self, socket: SocketId) -> bool {
        self.opening.as_ref().is_some_and(|one| one.socket == socket)
    }

    pub(super) fn is_earlier(&self, socket: SocketId) -> bool {
        self.earlier.as_ref().is_some_and(|one| one.socket == socket)
    }

    /// Those over which HELLO was said and that wait for a welcome, the newest last.
    pub(super) fn greeted(&self) -> Vec<SocketId> {
        let all = [&self.earlier, &self.opening].into_iter().flatten();
        all.filter(|one| one.greeted).map(|one| one.socket).collect()
    }

    pub(super) fn trouble(&self) -> &str {
        &self.trouble
    }

    /// Counts what is said over a socket before it is welcomed.
    pub(super) fn count_said(&mut self, socket: SocketId, bytes: u64) {
        for one in [&mut self.opening, &mut self.earlier].into_iter().flatten() {
            if one.socket == socket {
                one.said = (one.said.0 + 1, one.said.1 + bytes);
            }
        }
    }

    /// What was said over the socket welcomed last before it was.
    pub(super) const fn said(&self) -> (u64, u64) {
        self.said
    }

    /// The one being opened, if HELLO was not said over it yet.
    pub(super) fn take_mute(&mut self) -> Option<SocketId> {
        self.opening.take_if(|one| !one.greeted).map(|one| one.socket)
    }

    pub(super) const fn take_live(&mut self) -> Option<SocketId> {
        self.live.take()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = SocketId> + use<> {
        let waiting = self.take_waiting();
        self.live.take().into_iter().chain(waiting)
    }

    fn take_waiting(&mut self) -> impl Iterator<Item = SocketId> + use<> {
        let waiting = [self.opening.take(), self.earlier.take()];
        waiting.into_iter().flatten().map(|one| one.socket)
    }

    /// One that waited for it is welcomed, and the one in use from here on. Gives the one it replaces, and the other that
    /// waited, with whether HELLO was said over it, unless that goes on: the keeper answers a later HELLO for the same seat next.
    pub(super) fn promote(
        &mut self,
        now: Time,
        socket: SocketId,
        same_seat: bool,
    ) -> (Option<SocketId>, Option<(SocketId, bool)>) {
        let opened = self.opening.take();
        let earlier = self.earlier.take();
        let (welcomed, other) = match opened {
            Some(one) if one.socket == socket => (Some(one), earlier),
            mut later => {
                self.opening = later.take_if(|one| same_seat && one.greeted);
                (earlier, later)
            }
        };
        self.live_since = now;
        self.turns = 0;
        self.moving = None;
        if let Some(welcomed) = welcomed {
            self.here = welcomed.url;
            self.said = welcomed.said;
        }
        (self.live.replace(socket), other.map(|one| (one.socket, one.greeted)))
    }

    /// Where the next socket leads: to where a MOVE asks us, while the socket in use goes on. Once that is gone, there too at
    /// first, else to where we were; and that and the first address take turns.
    fn destination(&mut self) -> String {
        let moving = match self.live {
            Some(_) => self.moving.as_ref().map(|moving| moving.url.clone()),
            None => self.moving.take().map(|moving| moving.url),
        };
        match moving {
            Some(url) => url,
            None if self.turns.is_multiple_of(2) => self.here.clone(),
            None => self.home.clone(),
        }
    }
}

impl Session {
    /// Opens a socket unless one is on its way.
    pub(super) fn open(&mut self, now: Time) {
        self.timers.clear(Timer::Retry);
        if self.sockets.opening.is_none() {
            let url = self.sockets.destination();
            self.open_at(now, url);
        }
    }

    fn open_at(&mut self, now: Time, url: String) {
        self.sockets.last += 1;
        let socket = SocketId(self.sockets.last);
        let opening =
            Opening { socket, url: url.clone(), since: now, greeted: false, said: (0, 0) };
        self.sockets.opening = Some(opening);
        let patience = if self.leaving { PATIENCE } else { self.options.limits.silence };
        self.timers.set(Timer::Open, now + patience);
        // It is begun in the network that there is now.
        self.timers.clear(Timer::Probe);
        self.actions.push_back(Action::Open { socket, url });
    }

    /// The socket is open: says who we are.
    pub fn handle_opened(&mut self, _now: Time, socket: SocketId) {
        let Some(opening) = self.sockets.opening.as_mut().filter(|one| one.socket == socket) else {
            return self.actions.push_back(Action::Drop { socket });
        };
        opening.greeted = true;
        // It works, so there is nothing to be found out.
        self.timers.clear(Timer::Probe);
        let hello = ClientFrame::Hello(Box::new(self.hello()));
        self.write(socket, &hello);
        if self.leaving {
            self.write(socket, &ClientFrame::Bye);
        }
    }

    fn hello(&mut self) -> ClientHello {
        let known = self.token.is_some();
        self.generation = self.generation.next().min(GENERATION_MAX);
        ClientHello {
            protocol: PLAYER_PROTOCOL,
            watch: self.options.watch,
            whole: false,
            deltas: self.options.deltas,
            token: self.token,
            room: self.room,
            kind: self.options.kind.clone(),
            name: self.options.name.clone(),
            profile: if known { Default::default() } else { self.options.profile.clone() },
            params: if known { Default::default() } else { self.options.params.clone() },
            history: self.history,
            generation: self.generation,
            recv: self.recv,
            lo: self.inputs.lo(),
        }
    }

    /// The socket is gone, or could not be opened.
    pub fn handle_closed(&mut self, now: Time, socket: SocketId, closed: Closed) {
        let live = self.sockets.live == Some(socket);
        if !live && !self.sockets.waits(socket) {
            return;
        }
        let earlier = self.forget_socket(socket);
        if self.leaving {
            return self.parted(now, closed.code);
        }
        if earlier {
            // What comes of it is for the one that came after it.
            return;
        }
        let replaced = live && closed.code == Some(Close::Replaced.code());
        let ours = replaced && self.is_replaced_by_own();
        self.sockets.trouble = match closed.code {
            Some(code) => format!("closed with {code} {}", closed.reason),
            None => closed.reason.clone(),
        };
        if self.sockets.live.is_some() {
            // Whatever the second one was told, the first plays on.
            return self.second_failed(now, closed.retry_after);
        }
        // Whoever was let in before has met something in between that is not as it was, and has a seat to come back to.
        if let Some(status) = closed.status.filter(|status| REFUSALS.contains(status))
            && !self.admitted
        {
            return self.end(End::Refused { status, reason: closed.reason });
        }
        match closed.code {
            // A newer socket took over, and it is our own: its welcome is on the way.
            Some(_) if ours => self.lost(now, live, None),
            Some(code @ 4900..5000) => self.end(End::Closed { code, reason: closed.reason }),
            Some(code @ 4400..4500) => {
                self.count_loss(now, live);
                self.start_afresh(now, code, closed.reason);
            }
            _ => self.lost(now, live, closed.retry_after),
        }
    }

    /// The socket is no more. Tells whether another one had been opened since it said HELLO.
    fn forget_socket(&mut self, socket: SocketId) -> bool {
        if self.sockets.live == Some(socket) {
            self.sockets.live = None;
        } else if self.sockets.opens(socket) {
            self.sockets.opening = None;
            self.timers.clear(Timer::Open);
        } else {
            self.sockets.earlier = None;
            self.timers.clear(Timer::Earlier);
            return true;
        }
        false
    }

    /// Goodbye was said over the sockets that there are: each has so long to be answered.
    pub(super) fn await_parting(&mut self, now: Time) {
        let there = [
            (Timer::Silence, self.sockets.live.is_some()),
            (Timer::Open, self.sockets.opening.is_some()),
            (Timer::Earlier, self.sockets.earlier.is_some()),
        ];
        for (timer, _) in there.into_iter().filter(|(_, there)| *there) {
            self.timers.set(timer, now + PATIENCE);
        }
    }

    /// A socket has ended after the goodbye, or before it could be said. If the keeper may not have heard it, it is said again as
    /// long as there is time, over another socket.
    fn parted(&mut self, now: Time, code: Option<u16>) {
        let replaced = code == Some(Close::Replaced.code());
        let more = self.sockets.live.is_some() || !self.sockets.greeted().is_empty();
        match code {
            Some(_) if replaced && more => {}
            Some(4400..5000) => self.end(End::Left),
            _ if more => {}
            _ if self.token.is_some() => {
                let wait = self.backoff();
                self.timers.set(Timer::Retry, now + wait);
            }
            _ => self.end(End::Left),
        }
    }

    /// Whether it may be one of our own that took over from the socket in use: its welcome is waited for.
    fn is_replaced_by_own(&mut self) -> bool {
        if !self.sockets.opening.as_ref().is_some_and(|one| one.greeted)
            && let Some(earlier) = self.sockets.earlier.take()
        {
            // The keeper has heard of this one.
            self.drop_opening();
            self.sockets.opening = Some(earlier);
            let silent = self.timers.take(Timer::Earlier);
            silent.into_iter().for_each(|at| self.timers.set(Timer::Open, at));
        }
        self.sockets.opening.as_ref().is_some_and(|one| one.greeted)
    }

    fn drop_opening(&mut self) {
        self.timers.clear(Timer::Open);
        let opening = self.sockets.opening.take();
        self.actions.extend(opening.map(|one| Action::Drop { socket: one.socket }));
    }

    /// The one that was opened before is not waited for any more.
    pub(super) fn drop_earlier(&mut self) {
        self.timers.clear(Timer::Earlier);
        let earlier = self.sockets.earlier.take();
        self.actions.extend(earlier.map(|one| Action::Drop { socket: one.socket }));
    }

    /// It has been silent for too long.
    pub(super) fn earlier_lost(&mut self, now: Time) {
        self.drop_earlier();
        if self.leaving {
            self.parted(now, None);
        }
    }

    /// The socket in use has been silent for too long.
    pub(super) fn live_lost(&mut self, now: Time) {
        let Some(socket) = self.sockets.live.take() else { return };
        self.actions.push_back(Action::Drop { socket });
        if self.leaving {
            return self.parted(now, None);
        }
        self.sockets.trouble = "silence".to_owned();
        self.lost(now, true, None);
    }

    /// The socket being opened came to nothing.
    pub(super) fn opening_failed(&mut self, now: Time, why: &str) {
        self.drop_opening();
        if self.leaving {
            return self.parted(now, None);
        }
        self.sockets.trouble = why.to_owned();
        if self.sockets.live.is_some() {
            return self.second_failed(now, None);
        }
        self.lost(now, false, None);
    }

    /// The network is another one: a look follows, whatever is under way, or a try at once, or nearly.
    pub(super) fn look_soon(&mut self, now: Time) {
        let opening = self.sockets.opening.as_ref();
        let slow = opening.is_some_and(|one| !one.greeted && now.since(one.since) >= PATIENCE);
        if self.sockets.live.is_none() && (opening.is_none() || slow) {
            self.drop_opening();
            self.open_soon(now);
        } else {
            // One that runs is not put off: a network that comes and goes would do that for ever.
            self.timers.set_once(Timer::Probe, now + PROBE);
        }
    }

    /// Nothing was heard since the network changed: another socket is tried beside those that may still be answered, in the
    /// place of one that never opened.
    pub(super) fn look(&mut self, now: Time) {
        let Some(opening) = &self.sockets.opening else {
            match self.sockets.live {
                Some(_) => self.open(now),
                None => self.open_soon(now),
            }
            return;
        };
        let patience = opening.since + PATIENCE;
        if now < patience {
            return self.timers.set(Timer::Probe, patience);
        }
        let url = opening.url.clone();
        if opening.greeted {
            self.drop_earlier();
            self.sockets.earlier = self.sockets.opening.take();
            let silent = self.timers.take(Timer::Open);
            silent.into_iter().for_each(|at| self.timers.set(Timer::Earlier, at));
        } else {
            self.drop_opening();
        }
        self.open_at(now, url);
    }

    /// The next try is as the first after a break, unless it is to be made even earlier.
    pub(super) fn open_soon(&mut self, now: Time) {
        self.sockets.failures = 0;
        let at = now + self.backoff();
        let sooner = self.timers.take(Timer::Retry).map_or(at, |set| set.min(at));
        self.timers.set(Timer::Retry, sooner);
    }

    /// A socket that was opened beside the one in use came to nothing: once more if there is time.
    fn second_failed(&mut self, now: Time, retry_after: Option<Span>) {
        // Where to come back to once the first is gone is another matter: the addresses do not take turns for this.
        self.counters.opens_failed += 1;
        let Some(moving) = &mut self.sockets.moving else { return };
        let (tries, until) = (moving.tries, moving.until);
        moving.tries = tries.saturating_add(1);
        let again = now + self.wait_after(tries) + retry_after.unwrap_or_default();
        if again < until {
            self.timers.set(Timer::Move, again);
        } else {
            self.sockets.moving = None;
        }
    }

    /// The time for a MOVE is over: the socket in use is kept.
    pub(super) fn move_over(&mut self) {
        self.timers.clear(Timer::Move);
        self.sockets.moving = None;
        if self.sockets.live.is_some() {
            self.drop_opening();
        }
    }

    /// What the socket says makes no sense to us.
    pub(super) fn misunderstood(&mut self, now: Time, socket: SocketId, why: &str) {
        self.actions.push_back(Action::Drop { socket });
        self.handle_closed(now, socket, Closed { reason: why.to_owned(), ..Closed::default() });
    }

    fn count_loss(&mut self, now: Time, live: bool) {
        if live {
            self.counters.sockets_closed += 1;
            if now.since(self.sockets.live_since) >= STABLE {
                self.sockets.failures = 0;
            }
        } else {
            self.counters.opens_failed += 1;
            self.sockets.turns = self.sockets.turns.saturating_add(1);
        }
    }

    fn lost(&mut self, now: Time, live: bool, retry_after: Option<Span>) {
        self.count_loss(now, live);
        if live {
            self.outgoing.clear();
            for timer in [Timer::Silence, Timer::Ack, Timer::Pace, Timer::Move, Timer::MoveOver] {
                self.timers.clear(timer);
            }
        }
        self.look_for_a_keeper(now);
        if self.sockets.opening.is_none() {
            let wait = self.backoff();
            self.timers.set(Timer::Retry, now + wait + retry_after.unwrap_or_default());
        }
    }

    fn look_for_a_keeper(&mut self, now: Time) {
        // Only a seat can be come back to.
        let seated = self.token.is_some();
        self.set_state(if seated { State::Reconnecting } else { State::Joining });
        if let Some(patience) = self.options.limits.give_up {
            self.timers.set_once(Timer::GiveUp, now + patience);
        }
    }

    /// How long to wait for the next socket, which counts as one more failure.
    fn backoff(&mut self) -> Span {
        let failures = self.sockets.failures;
        self.sockets.failures = failures.saturating_add(1);
        self.wait_after(failures)
    }

    /// Full jitter: a random part of a bound that doubles with every failure.
    fn wait_after(&mut self, failures: u32) -> Span {
        let limits = &self.options.limits;
        let bound = limits.retry_first.0.saturating_mul(1 << failures.min(20));
        Span(self.rng.below(bound.min(limits.retry_max.0).saturating_add(1)))
    }

    /// The keeper does not know the session any more: the next socket begins a new one.
    fn start_afresh(&mut self, now: Time, code: u16, reason: String) {
        if self.afresh >= self.options.limits.afresh_max {
            // No welcome in between: whoever asks is told, rather than the keeper asked for ever.
            return self.end(End::Closed { code, reason });
        }
        self.afresh += 1;
        let inputs = self.inputs.len() as u64;
        if self.token.take().is_some() {
            if inputs > 0 {
                self.updates.push_back(Update::Lost { inputs });
            }
            // The new session counts from 1 again, also if nothing waits.
            self.inputs = Default::default();
        }
        self.sockets.moving = None;
        self.room = self.options.room;
        self.history = Default::default();
        self.generation = Default::default();
        (self.recv, self.recv_told) = (0, 0);
        self.outgoing.clear();
        for socket in self.sockets.take_all() {
            self.actions.push_back(Action::Drop { socket });
        }
        self.timers.clear_all();
        self.look_for_a_keeper(now);
        let wait = self.backoff();
        self.timers.set(Timer::Retry, now + wait);
    }

    /// The keeper asks us to connect elsewhere, somewhere within the window, while this socket goes on. A later order replaces
    /// an earlier one; what is no address is no order.
    pub(super) fn move_to(&mut self, now: Time, url: &str, window: Span, deadline: Span) {
        let Some(url) = address::seen_from(&self.sockets.here, url) else { return };
        let until = now + deadline;
        self.sockets.moving = Some(Moving { url, until, tries: 0 });
        let wait = self.rng.below(window.min(deadline).0.saturating_add(1));
        self.timers.set(Timer::Move, now + Span(wait));
        self.timers.set(Timer::MoveOver, until);
    }
}
