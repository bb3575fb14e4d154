//! One player's socket, from the upgrade to the close. One task owns it, unsplit.
//!
//! The task is one hand-written poll: read what has come, write what waits, look at the one timer. A
//! message is begun only when the one before is written, so what waits stays in the outbox, where views
//! replace each other, and the library below never holds more than one message.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use playon_core::gate::{Close, ToOwner, Welcome};
use playon_core::ids::ConnId;
use playon_core::time::Time;
use playon_wire::player::{ClientFrame, ServerFrame, decode_client};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, Sleep, sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, error::ProtocolError};

use super::close::Reason;
use super::goodbye::{goodbye, hang_up};
use super::hello::{Request, check_version};
use super::local::{Living, Local};
use super::mailbox::Mailbox;
use super::owner::shard_of;
use super::pace::Bucket;
use super::stats::Slot;

/// Bytes the library reads at once, and keeps for each socket.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Messages read from one socket before the others have their turn.
const READS_PER_TURN: usize = 16;

/// Messages up to this are copied out of the read buffer, which would otherwise be kept for as long as an input waits.
const COPY_BYTES_MAX: usize = 1 << 10;

/// Between two attempts to tell a full shard that a socket is gone.
const GONE_RETRY: Duration = Duration::from_millis(20);

/// A player's socket.
pub(super) struct Conn {
    id: ConnId,
    local: Rc<Local>,
    mailbox: Rc<Mailbox>,
    ws: WebSocketStream<TcpStream>,
    stage: Stage,
    frames: Bucket,
    bytes: Bucket,
    born: Instant,
    heard: Instant,
    /// A ping was sent since something was heard.
    pinged: bool,
    /// A message is being written.
    writing: bool,
    /// When to stop trying to write what comes before a close.
    close_by: Option<Instant>,
    _living: Living,
    _slots: (Slot, Slot),
}

/// How far a socket has come.
enum Stage {
    /// Nothing was said yet.
    Silent,
    /// The owner was asked for a seat.
    Asking(Box<Request>, u16),
    /// The owner's shard knows it.
    Seated(u16),
}

/// How it ends.
enum End {
    /// This side closes; the owner does not know yet.
    Close(Reason),
    /// The owner has closed.
    Owner(Reason),
    /// The other side closed, or is gone.
    Left,
}

type Go = Result<(), End>;

impl Conn {
    pub(super) async fn new(local: Rc<Local>, stream: TcpStream, begun: Vec<u8>, slots: (Slot, Slot)) -> Self {
        let config = &local.shared.config;
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(config.outbox.message_bytes_max())
            .max_message_size(Some(config.limits.message_bytes_max))
            .max_frame_size(Some(config.limits.message_bytes_max))
            .accept_unmasked_frames(false);
        let ws = WebSocketStream::from_partially_read(stream, begun, Role::Server, Some(limits)).await;
        let (clock, rate) = (local.shared.parts.clock.now(), config.rate);
        let id = local.new_conn();
        let mailbox = Rc::new(Mailbox::new(config.outbox));
        local.switchboard.add(id, mailbox.clone());
        local.stats().accepted.add(1);
        Self {
            id,
            mailbox,
            ws,
            stage: Stage::Silent,
            frames: Bucket::new(clock, rate.frames_per_second, rate.frames_burst),
            bytes: Bucket::new(clock, rate.bytes_per_second, rate.bytes_burst),
            born: Instant::now(),
            heard: Instant::now(),
            pinged: false,
            writing: false,
            close_by: None,
            _living: Living::new(&local),
            _slots: slots,
            local,
        }
    }

    pub(super) async fn run(mut self) {
        let end = {
            let mut timer = pin!(sleep_until(self.next_timeout()));
            poll_fn(|cx| self.poll(cx, timer.as_mut())).await
        };
        self.finish(end).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<End> {
        self.mailbox.wake_with(cx.waker());
        let done = self.poll_read(cx).and_then(|()| self.poll_write(cx)).and_then(|()| self.poll_timer(cx, timer));
        done.map_or_else(Poll::Ready, |()| Poll::Pending)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Go {
        let next = self.next_timeout();
        // Mostly it moves later with every message, and then the timer may as well fire early once.
        if next < timer.deadline() {
            timer.as_mut().reset(next);
        }
        while timer.as_mut().poll(cx).is_ready() {
            self.handle_timeout(Instant::now())?;
            self.poll_write(cx)?;
            timer.as_mut().reset(self.next_timeout());
        }
        Ok(())
    }

    fn next_timeout(&self) -> Instant {
        let config = &self.local.shared.config;
        if matches!(self.stage, Stage::Silent) {
            return self.born + config.hello_timeout;
        }
        let quiet = self.heard + if self.pinged { config.idle_timeout } else { config.ping_after };
        let view = self.mailbox.outbox().next_timeout();
        let view = view.map(|at| Instant::now() + self.local.shared.parts.clock.until(at));
        [self.close_by, view].into_iter().flatten().fold(quiet, Instant::min)
    }

    fn handle_timeout(&mut self, now: Instant) -> Go {
        let config = &self.local.shared.config;
        if self.close_by.is_some_and(|by| now >= by) {
            let close = self.mailbox.outbox().close.take();
            return Err(close.map_or(End::Left, End::Owner));
        }
        if matches!(self.stage, Stage::Silent) {
            if now >= self.born + config.hello_timeout {
                return close(Close::Silent, "PLY-0120 no HELLO came in time");
            }
        } else if now >= self.heard + config.idle_timeout {
            return close(Close::Silent, format!("nothing was heard for {} ms", config.idle_timeout.as_millis()));
        } else if now >= self.heard + config.ping_after && !self.pinged {
            self.pinged = true;
            self.mailbox.outbox().ping = Some(self.now().0);
        }
        Ok(())
    }

    fn now(&self) -> Time {
        self.local.shared.parts.clock.now()
    }
}

/// Reading.
impl Conn {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Go {
        for _ in 0..READS_PER_TURN {
            match Pin::new(&mut self.ws).poll_next(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => return Err(End::Left),
                Poll::Ready(Some(Ok(message))) => self.handle_message(message)?,
                Poll::Ready(Some(Err(error))) => return Err(read_error(&error)),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn handle_message(&mut self, message: Message) -> Go {
        self.heard = Instant::now();
        self.pinged = false;
        match message {
            Message::Binary(bytes) => self.handle_binary(bytes),
            Message::Ping(bytes) | Message::Pong(bytes) => self.pace(1, bytes.len()),
            Message::Text(_) => close(Close::BadFrame, "PLY-0125 messages must be binary"),
            Message::Close(_) | Message::Frame(_) => Err(End::Left),
        }
    }

    fn handle_binary(&mut self, mut bytes: Bytes) -> Go {
        if bytes.len() <= COPY_BYTES_MAX {
            bytes = Bytes::copy_from_slice(&bytes);
        }
        let size = bytes.len();
        if matches!(self.stage, Stage::Silent) {
            check_version(&bytes).map_err(End::Close)?;
        }
        let frames = decode_client(bytes, &self.local.shared.config.limits)
            .map_err(|error| End::Close(Reason::new(error.close(), error.to_string())))?;
        self.local.stats().frames_in.add(frames.len() as u64);
        self.local.stats().bytes_in.add(size as u64);
        self.pace(frames.len(), size)?;
        frames.into_iter().try_for_each(|frame| self.handle_frame(frame))
    }

    fn pace(&mut self, frames: usize, bytes: usize) -> Go {
        let now = self.now();
        if self.frames.take(now, frames as u64).is_err() {
            return close(Close::TooMany, "PLY-0126 too many frames per second");
        }
        if self.bytes.take(now, bytes as u64).is_err() {
            return close(Close::TooMany, "PLY-0127 too many bytes per second");
        }
        Ok(())
    }

    fn handle_frame(&mut self, frame: ClientFrame) -> Go {
        let conn = self.id;
        match (&self.stage, frame) {
            (Stage::Silent, ClientFrame::Hello(hello)) => self.handle_hello(hello),
            (Stage::Silent, _) => close(Close::BadFrame, "PLY-0121 the first frame must be HELLO"),
            (_, ClientFrame::Hello(_)) => close(Close::BadFrame, "PLY-0122 HELLO comes once"),
            (_, ClientFrame::Pong { .. }) => Ok(()),
            (Stage::Asking(..), ClientFrame::Bye) => close(Close::Left, "the player left"),
            (Stage::Asking(..), _) => close(Close::BadFrame, "PLY-0123 nothing may be sent before WELCOME"),
            (Stage::Seated(shard), ClientFrame::Input { seq, recv, payload }) => {
                self.tell(*shard, ToOwner::Input { conn, seq, recv, payload })
            }
            (Stage::Seated(shard), ClientFrame::Ack { recv }) => self.tell(*shard, ToOwner::Ack { conn, recv }),
            (Stage::Seated(shard), ClientFrame::Bye) => self.tell(*shard, ToOwner::Bye { conn }),
        }
    }

    fn handle_hello(&mut self, hello: Box<playon_wire::player::ClientHello>) -> Go {
        let request = Request::new(hello, self.now(), &self.local.shared.parts.lobby).map_err(End::Close)?;
        self.ask(Box::new(request))
    }

    /// Asks the owner for what the socket wants.
    fn ask(&mut self, request: Box<Request>) -> Go {
        let shard = shard_of(request.room(), self.local.shared.parts.owner.shards());
        let hello = request.to_owner(self.id).map_err(End::Close)?;
        self.stage = Stage::Asking(request, shard);
        self.tell(shard, ToOwner::Hello(hello))
    }

    fn tell(&self, shard: u16, message: ToOwner) -> Go {
        match self.local.tell(shard, message) {
            true => Ok(()),
            false => close(Close::Busy, "the owner is too busy, try again in a moment"),
        }
    }
}

/// Writing.
impl Conn {
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Go {
        loop {
            if self.writing {
                match Pin::new(&mut self.ws).poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.writing = false,
                    Poll::Ready(Err(_)) => return Err(End::Left),
                    Poll::Pending => {
                        self.limit_close();
                        return Ok(());
                    }
                }
            }
            let message = self.compose();
            if message.is_empty() {
                self.all_written()?;
                // Another room may have been asked, but nothing new can be there to write.
                return Ok(());
            }
            self.local.stats().bytes_out.add(message.len() as u64);
            self.local.stats().messages_out.add(1);
            if Pin::new(&mut self.ws).start_send(Message::Binary(message)).is_err() {
                return Err(End::Left);
            }
            self.writing = true;
        }
    }

    /// A close waits for what comes before it, but not for ever.
    fn limit_close(&mut self) {
        if self.close_by.is_none() && self.mailbox.outbox().close.is_some() {
            self.close_by = Some(Instant::now() + self.local.shared.config.close_timeout);
        }
    }

    /// One message of all that waits; empty if nothing does.
    fn compose(&mut self) -> Bytes {
        let local = self.local.clone();
        let mut out = local.scratch.borrow_mut();
        let welcome = self.mailbox.outbox().welcome.take();
        let mut frames = 0;
        if let Some(frame) = welcome.and_then(|welcome| self.seat(&welcome)) {
            frame.encode(&mut out);
            frames += 1;
        }
        frames += self.mailbox.outbox().encode(self.now(), &mut out);
        local.stats().frames_out.add(frames);
        out.split().freeze()
    }

    fn seat(&mut self, welcome: &Welcome) -> Option<ServerFrame> {
        let Stage::Asking(request, shard) = &self.stage else { return None };
        let (shared, shard) = (&self.local.shared, *shard);
        let site = shared.parts.assets.current();
        let welcome = request.welcome(welcome, &shared.config, site.label());
        self.stage = Stage::Seated(shard);
        Some(ServerFrame::Welcome(Box::new(welcome)))
    }

    /// Nothing waits any more: the moment for what had to come after.
    fn all_written(&mut self) -> Go {
        let (drained, reason) = {
            let mut outbox = self.mailbox.outbox();
            (outbox.drained(self.now()), outbox.close.take())
        };
        if let Some(reason) = reason {
            return self.owner_closed(reason);
        }
        if let (Some(sent), Stage::Seated(shard)) = (drained, &self.stage) {
            self.local.stats().drained.add(1);
            return self.tell(*shard, ToOwner::Drained { conn: self.id, sent });
        }
        Ok(())
    }

    /// The owner wants it closed, unless it was not let into a room and there is another.
    fn owner_closed(&mut self, reason: Reason) -> Go {
        let now = self.now();
        let Stage::Asking(request, _) = &mut self.stage else { return Err(End::Owner(reason)) };
        if !request.retry(reason.why, now, &self.local.shared.parts.lobby) {
            return Err(End::Owner(reason));
        }
        self.local.stats().rematched.add(1);
        let Stage::Asking(request, _) = std::mem::replace(&mut self.stage, Stage::Silent) else { return Ok(()) };
        self.ask(request)
    }
}

/// Ending.
impl Conn {
    async fn finish(self, end: End) {
        let Self { id, local, ws, stage, _living, _slots, .. } = self;
        local.switchboard.remove(id);
        let shard = match (&stage, &end) {
            (Stage::Silent, _) | (_, End::Owner(_)) => None,
            (Stage::Asking(request, shard), _) => {
                request.give_up(&local.shared.parts.lobby);
                Some(*shard)
            }
            (Stage::Seated(shard), _) => Some(*shard),
        };
        drop(stage);
        if let Some(shard) = shard {
            // Were it never told, the seat would count as taken for ever.
            while local.shared.parts.owner.send(shard, ToOwner::Gone { conn: id }).is_err() {
                sleep(GONE_RETRY).await;
            }
        }
        match end {
            End::Left => {
                local.stats().left.add(1);
                hang_up(ws, local.shared.config.close_timeout).await;
            }
            End::Close(reason) | End::Owner(reason) => {
                local.stats().close(reason.why);
                goodbye(ws, reason, local.shared.config.close_timeout).await;
            }
        }
    }
}

fn close(why: Close, text: impl Into<String>) -> Go {
    Err(End::Close(Reason::new(why, text)))
}

fn read_error(error: &WsError) -> End {
    let (why, text) = match error {
        WsError::Capacity(error) => (Close::TooLarge, format!("PLY-0180 {error}")),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Left,
        WsError::Protocol(error) => (Close::BadFrame, format!("PLY-0128 {error}")),
        WsError::Utf8(_) => (Close::BadFrame, "PLY-0125 messages must be binary".to_owned()),
        _ => return End::Left,
    };
    End::Close(Reason::new(why, text))
}
