//! One worker's link. One task owns the socket; nothing is ever split.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use playon_core::fleet::{Ended, Suspicion, WorkerEnd};
use playon_types::attach::{FromWorker, Turn};
use playon_types::ids::WorkerId;
use playon_types::reason::Reason;
use playon_wire::attach::{
    AttachError, Credit, Down, FrameDecoder, KeeperRefuse, KeeperWelcome, LogLevel, LogLine, Up,
    WorkerHello, cost, decode_up, encode_down,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::handshake;
use super::hub::Hub;
use super::notes::Notes;
use super::outbound::{Ending, Outbound, encode_fitting};
use super::turns::TurnsFile;
use crate::error::Coded;
use crate::messages::{Attached, FromLinks, ToShard};
use crate::workers::Fate;

/// Bytes of batches that a worker may have before it must give credit back.
const CREDIT_BYTES: u64 = 8 << 20;

/// Bytes read before the other links get their turn.
const READ_BYTES_MAX: usize = 1 << 20;

/// Room made for one read.
const READ_CHUNK: usize = 64 << 10;

/// A ping that is later than this shows that the keeper stood still; less is ordinary waiting for a processor.
const STALL_MIN: Duration = Duration::from_millis(250);

/// How often it is looked at what a worker has begun, while it has anything to do.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks from one time that shards are told of answers, perhaps to others, to the next: well below the least time that anything
/// may take a worker.
const LOOKS_PER_WORD: u32 = 5;

/// How long a refused or ended worker may take to read why.
const LINGER: Duration = Duration::from_millis(500);

/// How long a link that its worker has ended waits for how the process did: what rooms and deploys say of it holds that. Nothing
/// is lost by it, as another worker is not started before the process has ended.
const DEATH_WAIT: Duration = Duration::from_millis(150);

/// Serves one connection to its end. The permit stands for a process that has not said who it is.
pub(super) async fn run(stream: UnixStream, hub: Arc<Hub>, greeting: OwnedSemaphorePermit) {
    let _mishap = hub.alarms.one_of_many("the link of a worker");
    let mut decoder = FrameDecoder::new();
    let hello = timeout(hub.bounds.hello_timeout, read_hello(&stream, &mut decoder)).await;
    drop(greeting);
    let hello = match hello {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a process connected and said no hello");
            return;
        }
        Err(_) => {
            tracing::warn!("PLY-0453 a process connected and said no hello in time");
            return;
        }
    };
    match handshake::check(&hub, *hello) {
        Ok((attached, protocol)) => {
            Link::open(stream, decoder, hub, attached, protocol).serve().await
        }
        Err(refused) => {
            let (pass, error) = *refused;
            hub.refuse(pass.as_ref(), error.clone()).await;
            refuse(&stream, &error).await;
        }
    }
}

async fn read_hello(
    stream: &UnixStream,
    decoder: &mut FrameDecoder,
) -> Result<Box<WorkerHello>, AttachError> {
    loop {
        if let Some(frame) = decoder.next_frame()? {
            let mut items = decode_up(frame)?;
            return match (items.pop(), items.is_empty()) {
                (Some(Up::Hello(hello)), true) => Ok(hello),
                _ => Err(AttachError::Field { field: "the hello" }),
            };
        }
        stream.readable().await?;
        match read_some(stream, decoder) {
            Ok(0) => return Err(AttachError::Cut),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn read_some(stream: &UnixStream, decoder: &mut FrameDecoder) -> io::Result<usize> {
    let buffer = decoder.buffer();
    buffer.reserve(READ_CHUNK);
    stream.try_read_buf(buffer)
}

async fn refuse(stream: &UnixStream, error: &Coded) {
    let refusal =
        Down::Refuse(KeeperRefuse { code: error.code.to_string(), detail: error.message.clone() });
    let Ok(mut bytes) = encode_down(&[refusal]) else { return };
    let write = async {
        while !bytes.is_empty() {
            stream.writable().await?;
            match stream.try_write(&bytes) {
                Ok(count) => bytes.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    // A worker that does not listen learns it from the end of the link.
    let _ = timeout(LINGER, write).await;
}

/// Why a link ends.
enum LinkEnd {
    /// The worker closed it.
    Closed,
    /// The worker broke the protocol or the socket failed.
    Broken(AttachError),
    /// Nothing was heard for too long.
    Silent,
    /// One of its threads got no further with this.
    Stuck(Turn),
    /// The keeper cut it, as a shard suspects the worker.
    Cut(Suspicion, Reason),
}

impl From<AttachError> for LinkEnd {
    fn from(error: AttachError) -> Self {
        Self::Broken(error)
    }
}

impl From<io::Error> for LinkEnd {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.into())
    }
}

struct Link {
    stream: UnixStream,
    decoder: FrameDecoder,
    hub: Arc<Hub>,
    outbound: Arc<Outbound>,
    worker: WorkerId,
    label: String,
    credit: Credit,
    /// Encoded and not yet written.
    unwritten: Bytes,
    heard: Instant,
    ping_at: Instant,
    look_at: Instant,
    notes: Notes,
    /// Looks since shards were last told of answers.
    looks: u32,
    /// When it has last answered something since then.
    answered: Option<std::time::Instant>,
    turns: TurnsFile,
    nonce: u64,
    shutdown_sent: bool,
    /// What becomes of the worker's process, if the keeper has started it.
    fate: Option<Fate>,
    /// How it ended.
    how: String,
    /// Who ended it.
    ended: Ended,
    /// Per shard, what one read brought.
    sorted: Vec<Vec<ToShard>>,
}

impl Drop for Link {
    /// Also after a panic, so that the rooms of this worker go elsewhere, and when the keeper ends without waiting for it.
    fn drop(&mut self) {
        let how = match std::mem::take(&mut self.how) {
            _ if std::thread::panicking() => "the link's task has panicked".to_owned(),
            how if how.is_empty() => "the keeper ends".to_owned(),
            how => how,
        };
        tracing::info!(worker = %self.worker, release = %self.label, how, "worker detached");
        // What was read before the end has been handed over; nothing of this worker follows.
        let end = WorkerEnd { ended: self.ended, turns: self.turns.now(), how };
        self.hub.unregister(self.worker, end);
    }
}

impl Link {
    fn open(
        stream: UnixStream,
        decoder: FrameDecoder,
        hub: Arc<Hub>,
        attached: Attached,
        protocol: u32,
    ) -> Self {
        let worker = attached.info.id;
        let label = attached.label.clone();
        let fate = attached.process.as_ref().map(|(_, fate)| fate.clone());
        let heartbeat_ms = u64::try_from(hub.bounds.ping_every.as_millis()).unwrap_or(1_000);
        let turns = TurnsFile::new();
        let welcome = KeeperWelcome {
            protocol,
            worker,
            heartbeat_ms,
            credit_bytes: CREDIT_BYTES,
            state_bytes_max: hub.state_bytes_max as u64,
            view_bytes_max: hub.view_bytes_max as u64,
            turns: turns.path(),
        };
        // A welcome is far smaller than a frame may be, so this never leaves the worker without one.
        let unwritten = encode_down(&[Down::Welcome(welcome)]).unwrap_or_default();
        tracing::info!(%worker, release = %label, app = %attached.app, pid = attached.pid, "worker attached");
        let outbound = hub.register(attached);
        let now = Instant::now();
        let ping_at = now + hub.bounds.ping_every;
        let sorted = hub.shards.iter().map(|_| Vec::new()).collect();
        Self {
            stream,
            decoder,
            outbound,
            worker,
            label,
            credit: Credit::new(CREDIT_BYTES),
            unwritten,
            heard: now,
            ping_at,
            look_at: now + LOOK_EVERY,
            notes: Notes::new(now),
            looks: 0,
            answered: None,
            turns,
            nonce: 0,
            shutdown_sent: false,
            fate,
            how: String::new(),
            ended: Ended::Dismissed,
            sorted,
            hub,
        }
    }

    async fn serve(mut self) {
        let end = self.converse().await;
        self.ended = match end {
            LinkEnd::Closed | LinkEnd::Broken(_) if !self.shutdown_sent => Ended::ByItself,
            LinkEnd::Stuck(_) => Ended::Suspect,
            LinkEnd::Cut(of, _) => of.ended(),
            _ => Ended::Dismissed,
        };
        // With a process that has ended its link has ended, too.
        let gone =
            matches!(end, LinkEnd::Closed | LinkEnd::Broken(AttachError::Cut | AttachError::Io(_)));
        let how = match end {
            LinkEnd::Closed => "the worker closed the link".to_owned(),
            LinkEnd::Broken(error) => error.to_string(),
            LinkEnd::Silent => {
                format!("PLY-0409 nothing was heard for {:?}", self.hub.bounds.silent_max)
            }
            LinkEnd::Stuck(turn) => format!(
                "PLY-0454 it was at one message of room {} for {:?}",
                turn.room, self.hub.stuck_after
            ),
            LinkEnd::Cut(_, why) => why.to_string(),
        };
        let Some(fate) = self.fate.clone() else {
            self.how = how;
            return;
        };
        self.how = fate.with_last_line(how);
        if gone && let Some(died) = fate.ended(DEATH_WAIT).await {
            self.how = died;
        }
    }

    async fn converse(&mut self) -> LinkEnd {
        // Bytes that came with the hello are already here.
        if let Err(end) = self.take_frames() {
            return end;
        }
        loop {
            if let Err(end) = self.fill() {
                return end;
            }
            let interest = if self.unwritten.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            let dead_at = self.heard + self.hub.bounds.silent_max;
            let busy = self.credit.outstanding() > 0;
            let outcome = tokio::select! {
                ready = self.stream.ready(interest) => match ready {
                    Ok(ready) => self.transfer(ready.is_readable(), ready.is_writable()),
                    Err(error) => Err(error.into()),
                },
                () = self.outbound.changed() => Ok(()),
                () = tokio::time::sleep_until(self.ping_at.min(dead_at)) => self.beat(Instant::now()),
                () = tokio::time::sleep_until(self.look_at), if busy => self.look(),
            };
            if let Err(end) = outcome {
                return end;
            }
        }
    }

    /// Encodes the next batch if the last one is written.
    fn fill(&mut self) -> Result<(), LinkEnd> {
        let orderly = match self.outbound.ending() {
            Ending::AtOnce(of, why) => return Err(LinkEnd::Cut(of, why)),
            Ending::Orderly => true,
            Ending::No => false,
        };
        if !self.unwritten.is_empty() {
            return Ok(());
        }
        let batch = self.outbound.take(&mut self.credit);
        if !batch.is_empty() {
            self.hub.metrics.worker_messages_out.inc_by(batch.len() as u64);
            self.unwritten = self.encode(batch)?;
        } else if orderly && !self.shutdown_sent && self.outbound.is_empty() {
            // The worker closes the link when it has ended; until then its last words are read.
            self.shutdown_sent = true;
            self.unwritten = encode_down(&[Down::Shutdown])?;
        }
        self.write()
    }

    /// What fits into no frame is a fault of its room, and not the end of the link.
    fn encode(&mut self, batch: Vec<Down>) -> Result<Bytes, LinkEnd> {
        let (bytes, misfits) = encode_fitting(batch);
        for (message, fault) in misfits {
            self.credit.returned(cost(&message))?;
            let event = ToShard::Worker(self.worker, FromWorker::Fault(fault));
            self.hub.shards.of(message.turn().room).push(event);
        }
        Ok(bytes)
    }

    fn transfer(&mut self, readable: bool, writable: bool) -> Result<(), LinkEnd> {
        if readable {
            self.read()?;
        }
        if writable {
            self.write()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), LinkEnd> {
        let mut total = 0;
        let mut closed = false;
        while total < READ_BYTES_MAX {
            match read_some(&self.stream, &mut self.decoder) {
                Ok(0) => {
                    closed = true;
                    break;
                }
                Ok(count) => total += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if total > 0 {
            self.heard = Instant::now();
            self.take_frames()?;
        }
        match closed {
            true if self.decoder.is_between_frames() => Err(LinkEnd::Closed),
            true => Err(AttachError::Cut.into()),
            false => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), LinkEnd> {
        while !self.unwritten.is_empty() {
            match self.stream.try_write(&self.unwritten) {
                Ok(count) => self.unwritten.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Hands all whole frames over, each shard its part at once.
    fn take_frames(&mut self) -> Result<(), LinkEnd> {
        let outcome = self.sort_frames();
        for (inbox, events) in self.hub.shards.iter().zip(&mut self.sorted) {
            if !events.is_empty() {
                self.hub.metrics.worker_messages_in.inc_by(events.len() as u64);
                inbox.push_all(events.drain(..));
                self.answered = Some(std::time::Instant::now());
            }
        }
        outcome
    }

    fn sort_frames(&mut self) -> Result<(), LinkEnd> {
        while let Some(frame) = self.decoder.next_frame()? {
            for item in decode_up(frame)? {
                self.take_item(item)?;
            }
        }
        Ok(())
    }

    fn take_item(&mut self, item: Up) -> Result<(), LinkEnd> {
        match item {
            Up::Room(message) => {
                if let FromWorker::Commit(commit) = &message {
                    self.hub.metrics.views_left_out.inc_by(commit.left_out.len() as u64);
                }
                let shard = crate::gateway::shard_of(message.about().0, self.hub.shards.count());
                if let Some(events) = self.sorted.get_mut(usize::from(shard)) {
                    events.push(ToShard::Worker(self.worker, message));
                }
                Ok(())
            }
            Up::Credit { bytes } => Ok(self.credit.returned(bytes)?),
            Up::Log(line) => {
                self.log(&line);
                if let Some((room, what)) = self.notes.take(Instant::now(), &line) {
                    (self.hub.news)(FromLinks::Note { room, what });
                }
                Ok(())
            }
            // Any byte shows that the worker lives; the nonce is for those who read a trace.
            Up::Pong { .. } => Ok(()),
            Up::Hello(_) => Err(AttachError::Field { field: "a second hello" }.into()),
        }
    }

    fn log(&self, line: &LogLine) {
        let (release, epoch, text) = (&self.label, self.hub.epoch.0, line.text.as_str());
        let room = line.room.map(tracing::field::display);
        match line.level {
            LogLevel::Error => tracing::error!(target: "worker", room, epoch, release, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "worker", room, epoch, release, "{text}"),
            LogLevel::Info => tracing::info!(target: "worker", room, epoch, release, "{text}"),
            LogLevel::Debug => tracing::debug!(target: "worker", room, epoch, release, "{text}"),
            LogLevel::Trace => tracing::trace!(target: "worker", room, epoch, release, "{text}"),
        }
    }

    /// Tells the shards whose turn has come and lasts, and that others were answered: all of them, as they share the worker,
    /// and none may take it for hung while it works for another.
    fn look(&mut self) -> Result<(), LinkEnd> {
        self.look_at = Instant::now() + LOOK_EVERY;
        self.looks += 1;
        if self.looks >= LOOKS_PER_WORD {
            self.looks = 0;
            if let Some(at) = self.answered.take().filter(|_| self.hub.shards.count() > 1) {
                self.hub.shards.push_each(|| ToShard::Heard(self.worker, at));
            }
        }
        let looks_max = self.hub.stuck_after.as_micros() / LOOK_EVERY.as_micros();
        let look = self.turns.look(u32::try_from(looks_max).unwrap_or(u32::MAX));
        for turn in look.begun {
            self.hub.shards.push_each(|| ToShard::Turn(self.worker, turn));
        }
        look.stuck.map_or(Ok(()), |turn| Err(LinkEnd::Stuck(turn)))
    }

    fn beat(&mut self, now: Instant) -> Result<(), LinkEnd> {
        // While the keeper stood still nobody was asked, so nobody was silent.
        let late = now.saturating_duration_since(self.ping_at);
        if late > STALL_MIN {
            self.heard += late;
        }
        if now >= self.heard + self.hub.bounds.silent_max {
            return Err(LinkEnd::Silent);
        }
        if now >= self.ping_at {
            self.ping_at = now + self.hub.bounds.ping_every;
            self.nonce += 1;
            // While bytes wait to be written a ping behind them says nothing more than they do.
            if self.unwritten.is_empty() {
                self.unwritten = encode_down(&[Down::Ping { nonce: self.nonce }])?;
                self.write()?;
            }
        }
        Ok(())
    }
}
