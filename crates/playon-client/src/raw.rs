//! A joined room whose payloads are bytes: the driver round the state machine.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use playon_types::ids::{RoomId, SessionId};
use playon_types::time::Time;
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::counters::Counters;
use crate::error::{JoinError, SendError};
use crate::options::JoinOptions;
use crate::session::{Action, Closed, Session, SocketId};
use crate::socket::{self, Socket};
use crate::update::{End, RawUpdate, State, Update};

type Opening = Pin<Box<dyn Future<Output = Result<Box<Socket>, Closed>> + Send>>;

/// One socket of the session: at most three exist, one in use and two that may replace it.
enum RawSocket {
    Opening(SocketId, Opening),
    Open { id: SocketId, socket: Box<Socket>, dirty: bool },
}

impl RawSocket {
    const fn id(&self) -> SocketId {
        match self {
            Self::Opening(id, _) | Self::Open { id, .. } => *id,
        }
    }
}

/// A room whose payloads are left as bytes, for bots and tools. See [`Room`](crate::Room) for the typed one.
///
/// Dropping it closes the socket; the seat is then kept for a while. [`RawRoom::leave`] gives it up.
pub struct RawRoom {
    session: Session,
    links: Vec<RawSocket>,
    origin: Instant,
    message_bytes_max: usize,
    updates_max: usize,
    timer: Pin<Box<Sleep>>,
    /// When `timer` goes off; it may be earlier than needed, never later.
    armed: Option<Time>,
    ended: Option<End>,
}

impl RawRoom {
    /// Takes a seat (or a spectator's place).
    ///
    /// # Errors
    /// When the keeper says no, or nobody answers within the limit.
    pub async fn join(options: JoinOptions) -> Result<Self, JoinError> {
        let patience = options.limits.join_timeout;
        let mut room = Self::begin(options)?;
        let joined = tokio::time::timeout(Duration::from_micros(patience.0), room.welcomed()).await;
        match joined {
            Ok(None) => Ok(room),
            Ok(Some(end)) => Err(JoinError::Ended(end)),
            Err(_) => Err(JoinError::TimedOut {
                seconds: patience.as_millis() / 1_000,
                last: room.session.trouble().to_owned(),
            }),
        }
    }

    /// Begins to join without waiting for the welcome: inputs may be sent already, and updates tell how it goes.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn begin(options: JoinOptions) -> Result<Self, JoinError> {
        socket::check(&options.url)?;
        let seed = match options.seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(|why| JoinError::Random(why.to_string()))?,
        };
        Ok(Self {
            message_bytes_max: options.limits.message_bytes_max,
            updates_max: options.limits.updates_max,
            session: Session::new(Time(0), options, seed),
            links: Vec::with_capacity(1),
            origin: Instant::now(),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
            ended: None,
        })
    }

    /// Waits until the session is live or over.
    async fn welcomed(&mut self) -> Option<End> {
        poll_fn(|cx| {
            loop {
                let driven = self.poll_drive(cx, true);
                if matches!(self.session.state(), State::Live | State::Ended) {
                    return Poll::Ready(());
                }
                if driven.is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        if self.session.state() == State::Live {
            return None;
        }
        loop {
            match self.session.poll_update() {
                Some(Update::Ended(end)) => return Some(end),
                Some(_) => {}
                None => return Some(End::Left),
            }
        }
    }

    /// What happens next. May be cancelled at any time. After [`Update::Ended`] it says that again and again.
    pub async fn next(&mut self) -> RawUpdate {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`RawRoom::next`], for those who write their own futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<RawUpdate> {
        if let Some(end) = &self.ended {
            return Poll::Ready(Update::Ended(end.clone()));
        }
        loop {
            if let Some(update) = self.session.poll_update() {
                if let Update::Ended(end) = &update {
                    // What is still to be dropped is dropped now.
                    self.links.clear();
                    self.ended = Some(end.clone());
                }
                return Poll::Ready(update);
            }
            if self.poll_drive(cx, false).is_pending() && self.session.updates_len() == 0 {
                return Poll::Pending;
            }
        }
    }

    /// Takes an input if there is room for it. It leaves with the next call of `next` or `send`.
    ///
    /// # Errors
    /// See [`SendError`]; nothing has changed then.
    pub fn try_send(&mut self, payload: Bytes) -> Result<u64, SendError> {
        let now = self.now();
        self.session.send(now, payload)
    }

    /// Takes an input, waiting while too many are on their way, and writes it. Updates that arrive meanwhile are kept.
    ///
    /// # Errors
    /// See [`SendError`]; nothing has changed then.
    pub async fn send(&mut self, payload: Bytes) -> Result<u64, SendError> {
        poll_fn(|cx| {
            loop {
                let now = self.now();
                let sent = self.session.send(now, payload.clone());
                let full = matches!(sent, Err(SendError::Full { .. }));
                if full && self.session.updates_len() >= self.updates_max {
                    return Poll::Ready(sent);
                }
                let driven = self.poll_drive(cx, true);
                if !full {
                    return Poll::Ready(sent);
                }
                if driven.is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Gives the seat up and waits for the keeper to know, but not for longer than [`ClientLimits::leave_timeout`]. Without a socket,
    /// or an answer over it, others are opened to say it. If the keeper has not heard it by then, the seat is kept for as long as its
    /// kind holds empty seats. The same if the future is dropped before.
    ///
    /// [`ClientLimits::leave_timeout`]: crate::ClientLimits::leave_timeout
    pub async fn leave(mut self) -> End {
        self.session.leave(self.now());
        loop {
            if let Update::Ended(end) = self.next().await {
                return end;
            }
        }
    }

    /// Says that the network is another one: a phone has left its Wi-Fi, a laptop has woken up. Unless something is heard within
    /// a second or two another socket is tried, beside the one in use, which goes on until that is welcomed, and whatever other is
    /// on its way; where nothing is under way the next try is made at once, or nearly. It takes effect with the next call of `next` or `send`.
    pub fn network_changed(&mut self) {
        let now = self.now();
        self.session.network_changed(now);
    }

    /// Where the connection stands.
    pub const fn state(&self) -> State {
        self.session.state()
    }

    /// What has been counted so far.
    pub const fn counters(&self) -> &Counters {
        self.session.counters()
    }

    /// The room, once let in.
    pub const fn room(&self) -> Option<RoomId> {
        self.session.room()
    }

    /// The player's id in the game, once let in.
    pub fn session_id(&self) -> Option<SessionId> {
        self.session.session_id()
    }

    /// The label of the release that ran the room at the last welcome.
    pub fn release(&self) -> &str {
        self.session.release()
    }

    /// What the last attempt to open a socket ran into, or why the last socket ended; empty if nothing did. While the client is
    /// looking for a keeper, it says what stands in the way.
    pub fn trouble(&self) -> &str {
        self.session.trouble()
    }

    /// The last input that needs no care any more: known to be applied and safe, or told as set aside.
    pub fn applied(&self) -> u64 {
        self.session.applied()
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Moves everything one step: ready when something happened, pending (with a waker left) when nothing did.
    ///
    /// Unless `ahead`, sockets are only read while no update waits, so a slow reader slows its own socket
    /// down and nothing piles up here.
    fn poll_drive(&mut self, cx: &mut Context<'_>, ahead: bool) -> Poll<()> {
        self.act(cx);
        let mut moved = false;
        let mut at = 0;
        while let Some(link) = self.links.get(at) {
            let id = link.id();
            while (ahead || self.session.updates_len() == 0)
                && self.poll_link(cx, at, id).is_ready()
            {
                moved = true;
                self.act(cx);
                if self.links.get(at).is_none_or(|link| link.id() != id) {
                    break;
                }
                if self.session.updates_len() > 0 {
                    break;
                }
            }
            if self.links.get(at).is_some_and(|link| link.id() == id) {
                at += 1;
            }
        }
        moved |= self.poll_timer(cx);
        if moved { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Does what the session asks for.
    fn act(&mut self, cx: &mut Context<'_>) {
        loop {
            while let Some(action) = self.session.poll() {
                self.perform(action, cx);
            }
            let Some((id, why)) = self.flush(cx) else { return };
            self.links.retain(|link| link.id() != id);
            let now = self.now();
            self.session.handle_closed(now, id, why);
        }
    }

    fn perform(&mut self, action: Action, cx: &mut Context<'_>) {
        match action {
            Action::Open { socket, url } => {
                let opening = Box::pin(socket::open(url, self.message_bytes_max));
                self.links.push(RawSocket::Opening(socket, opening));
            }
            Action::Drop { socket: id } => {
                let found = self.links.iter_mut().find(|link| link.id() == id);
                if let Some(RawSocket::Open { socket, dirty: true, .. }) = found {
                    // Last words, as far as the network takes them at once.
                    let _ = Pin::new(&mut **socket).poll_flush(cx);
                }
                self.links.retain(|link| link.id() != id);
            }
            Action::Write { socket: id, message } => {
                let found = self.links.iter_mut().find(|link| link.id() == id);
                let Some(RawSocket::Open { socket, dirty, .. }) = found else { return };
                *dirty = true;
                // The buffer takes a whole window of inputs, so "not ready" is no reason to wait.
                let _ = Pin::new(&mut **socket).poll_ready(cx);
                if let Err(why) = Pin::new(&mut **socket).start_send(Message::Binary(message)) {
                    let why = socket::closed(&why);
                    self.links.retain(|link| link.id() != id);
                    let now = self.now();
                    self.session.handle_closed(now, id, why);
                }
            }
        }
    }

    /// Writes out what waits; names a socket that failed at it.
    fn flush(&mut self, cx: &mut Context<'_>) -> Option<(SocketId, Closed)> {
        for link in &mut self.links {
            let RawSocket::Open { id, socket, dirty } = link else { continue };
            if !*dirty {
                continue;
            }
            match Pin::new(&mut **socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => *dirty = false,
                Poll::Ready(Err(why)) => return Some((*id, socket::closed(&why))),
                Poll::Pending => {}
            }
        }
        None
    }

    fn poll_link(&mut self, cx: &mut Context<'_>, at: usize, id: SocketId) -> Poll<()> {
        let Some(link) = self.links.get_mut(at) else { return Poll::Pending };
        match link {
            RawSocket::Opening(_, opening) => match opening.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(socket)) => {
                    *link = RawSocket::Open { id, socket, dirty: false };
                    let now = self.now();
                    self.session.handle_opened(now, id);
                }
                Poll::Ready(Err(why)) => self.gone(at, id, why),
            },
            RawSocket::Open { socket, .. } => match Pin::new(&mut **socket).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Binary(message)))) => {
                    let now = self.now();
                    self.session.handle_message(now, id, message);
                }
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    self.gone(at, id, socket::close_frame(frame));
                }
                Poll::Ready(Some(Ok(Message::Text(_)))) => {
                    let reason = "a message is not binary".to_owned();
                    self.gone(at, id, Closed { reason, ..Closed::default() });
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(why))) => self.gone(at, id, socket::closed(&why)),
                Poll::Ready(None) => {
                    self.gone(at, id, Closed { reason: "cut off".to_owned(), ..Closed::default() });
                }
            },
        }
        Poll::Ready(())
    }

    fn gone(&mut self, at: usize, id: SocketId, why: Closed) {
        self.links.remove(at);
        let now = self.now();
        self.session.handle_closed(now, id, why);
    }

    /// Lets the session know that time has passed. The timer is only ever moved forward to an earlier moment: one that goes
    /// off too early costs one look, one that is moved with every message costs far more.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(due) = self.session.next_timeout() else { return false };
        if self.armed.is_none_or(|armed| due < armed) {
            self.arm(due);
        }
        let mut moved = false;
        while self.armed.is_some() && self.timer.as_mut().poll(cx).is_ready() {
            self.armed = None;
            let now = self.now();
            moved |= self.session.next_timeout().is_some_and(|due| due <= now);
            self.session.handle_timeout(now);
            self.act(cx);
            if let Some(due) = self.session.next_timeout() {
                self.arm(due);
            }
        }
        moved
    }

    fn arm(&mut self, due: Time) {
        let at = self.origin + Duration::from_micros(due.0);
        self.timer.as_mut().reset(at.into());
        self.armed = Some(due);
    }
}
