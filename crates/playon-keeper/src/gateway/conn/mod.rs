//! One player's socket, from the upgrade to the close. One task owns it, unsplit.
//!
//! The task is one hand-written poll: read what has come, write what waits, look at the one timer. A
//! message is begun only when the one before is written, so what waits stays in the outbox, where views
//! replace each other, and the library below never holds more than one message.

mod end;
mod entry;
mod read;
mod silence;
mod watched;
mod write;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use playon_types::gate::{Close, ToOwner};
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::Time;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use self::entry::ConnEntry;
use self::silence::{STALL_MIN, Silence, Taken, UNHEARD_MAX, Verdict};
use self::watched::WatchedSocket;
use super::close::{Closing, Farewell};
use super::hello::Request;
use super::local::{Living, Local};
use super::owner::shard_of;
use super::pace::Bucket;
use super::stats::StatsSlot;

/// Bytes the library reads at once, and keeps for each socket.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// A player's socket.
pub(super) struct Conn {
    entry: ConnEntry,
    ws: WebSocketStream<WatchedSocket>,
    stage: ConnStage,
    frames: Bucket,
    bytes: Bucket,
    born: Instant,
    silence: Silence,
    /// The owner has heard from the player since it was told its key.
    confirmed: bool,
    /// A message is being written.
    writing: bool,
    /// When to stop trying to write what comes before a close.
    close_by: Option<Instant>,
    _living: Living,
    _slots: (StatsSlot, StatsSlot),
}

/// How far a socket has come.
enum ConnStage {
    /// Nothing was said yet.
    Silent,
    /// The owner was asked for a seat.
    Asking(Box<Request>),
    /// The owner has let it in.
    Seated,
}

/// How it ends.
enum ConnEnd {
    /// This side closes; the owner does not know yet.
    Close(Farewell),
    /// The owner has closed.
    Owner(Farewell),
    /// The other side closed, or is gone.
    Left,
}

impl From<Closing> for ConnEnd {
    fn from(Closing { farewell, owner_knows }: Closing) -> Self {
        if owner_knows { Self::Owner(farewell) } else { Self::Close(farewell) }
    }
}

type Go = Result<(), ConnEnd>;

impl Conn {
    pub(super) async fn new(
        local: Rc<Local>,
        stream: TcpStream,
        begun: Vec<u8>,
        slots: (StatsSlot, StatsSlot),
    ) -> Self {
        let config = &local.shared.config;
        let stream = WatchedSocket::new(stream, begun.into());
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(config.outbox.message_bytes_max())
            .max_message_size(Some(config.limits.message_bytes_max))
            .max_frame_size(Some(config.limits.message_bytes_max))
            .accept_unmasked_frames(false);
        let ws = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
        let (clock, rate) = (local.shared.parts.clock.now(), config.rate);
        let born = Instant::now();
        let silence = Silence::new(born, config.ping_after, config.idle_timeout);
        local.stats().accepted.add(1);
        Self {
            entry: ConnEntry::new(&local),
            ws,
            stage: ConnStage::Silent,
            frames: Bucket::new(clock, rate.frames_per_second, rate.frames_burst),
            bytes: Bucket::new(clock, rate.bytes_per_second, rate.bytes_burst),
            born,
            silence,
            confirmed: false,
            writing: false,
            close_by: None,
            _living: Living::new(&local),
            _slots: slots,
        }
    }

    pub(super) async fn run(mut self) {
        let _mishap = self.entry.local.shared.parts.alarms.one_of_many("the socket of a player");
        let end = {
            let mut timer = pin!(sleep_until(self.next_timeout()));
            poll_fn(|cx| self.poll(cx, timer.as_mut())).await
        };
        self.finish(end).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<ConnEnd> {
        self.entry.mailbox.wake_with(cx.waker());
        let done = self
            .poll_read(cx)
            .and_then(|()| self.poll_write(cx))
            .and_then(|()| self.poll_timer(cx, timer));
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
        let config = &self.entry.local.shared.config;
        if matches!(self.stage, ConnStage::Silent) {
            return self.born + config.hello_timeout;
        }
        let quiet = self.silence.next_timeout();
        // While something is being written, a view that is due has to wait for that first.
        let view = self.entry.mailbox.outbox().next_timeout().filter(|_| !self.writing);
        let view = view.map(|at| Instant::now() + self.entry.local.shared.parts.clock.until(at));
        [self.close_by, view].into_iter().flatten().fold(quiet, Instant::min)
    }

    fn handle_timeout(&mut self, now: Instant) -> Go {
        let config = self.entry.local.shared.clone();
        let config = &config.config;
        if self.close_by.is_some_and(|by| now >= by) {
            let close = self.entry.mailbox.outbox().take_close();
            return Err(close.map_or(ConnEnd::Left, ConnEnd::from));
        }
        if matches!(self.stage, ConnStage::Silent) {
            let late = now.saturating_duration_since(self.born + config.hello_timeout);
            if late > STALL_MIN {
                self.born = now;
            } else if now >= self.born + config.hello_timeout {
                return close(Close::Silent, reason!("PLY-0143 no HELLO came in time"));
            }
            return Ok(());
        }
        let Self { silence, ws, entry, writing, .. } = self;
        let verdict = silence.handle_timeout(now, || Taken {
            bytes: ws.get_ref().taken(&entry.local.kernel),
            more: *writing,
        });
        match verdict {
            Verdict::Wait => {}
            Verdict::Ask => {
                let nonce = self.now().0;
                let mut outbox = self.entry.mailbox.outbox();
                outbox.ping = Some(nonce);
                outbox.rest();
            }
            Verdict::Gone => {
                let silent = config.idle_timeout.as_millis();
                return close(Close::Silent, reason!("PLY-0140 nothing was heard for {silent} ms"));
            }
            Verdict::Unheard => {
                let unheard = UNHEARD_MAX.as_millis().max(config.idle_timeout.as_millis());
                return close(
                    Close::Silent,
                    reason!("PLY-0140 no whole message was heard for {unheard} ms"),
                );
            }
        }
        Ok(())
    }

    fn now(&self) -> Time {
        self.entry.local.shared.parts.clock.now()
    }

    /// Asks the owner for what the socket wants.
    fn ask(&mut self, request: Box<Request>) -> Go {
        let shard = shard_of(request.room(), self.entry.local.shared.parts.owner.shards());
        let hello = request.to_owner(self.entry.id).map_err(ConnEnd::Close)?;
        self.entry.mailbox.outbox().take_deltas(request.takes_deltas());
        self.stage = ConnStage::Asking(request);
        self.entry.shard = Some(shard);
        self.tell(ToOwner::Hello(hello))
    }

    /// Tells the shard that was asked for a seat.
    fn tell(&self, message: ToOwner) -> Go {
        match self.entry.shard {
            Some(shard) if !self.entry.local.tell(shard, message) => {
                close(Close::Busy, reason!("PLY-0101 the owner is too busy, try again in a moment"))
            }
            _ => Ok(()),
        }
    }
}

fn close(why: Close, reason: Reason) -> Go {
    Err(ConnEnd::Close(Farewell::new(why, reason)))
}
