//! Players who misbehave, in the rooms of those who do not: slow readers, floods, and sockets that say nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use playon_wire::player::ClientFrame;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::socket::{BotSocket, SocketEnd};

/// The receive buffer of those who read slowly, in bytes; the kernel may double it.
const SLOW_RECEIVE_BYTES: u32 = 4 << 10;
/// A slow reader reads one message in this time.
const SLOW_EVERY: Duration = Duration::from_millis(500);
/// Those who do not read still say that they are there.
const ALIVE_EVERY: Duration = Duration::from_secs(3);
/// Inputs of a flood in one message.
const FLOOD_INPUTS: u64 = 32;
/// A flood rests so long after it was closed.
const FLOOD_REST: Duration = Duration::from_millis(1_500);
/// Floods of one task; each takes a seat that is held for two minutes.
const FLOODS_MAX: u32 = 8;
/// A socket that says nothing must be closed within that time; the keeper's own limits are 5 s.
const SILENT_MAX: Duration = Duration::from_secs(40);
/// Silent sockets opened by one task after another, so that the keeper's pace of admission is kept.
const SILENT_PER_TASK: u32 = 50;

/// How slow readers end: they do not.
pub(super) const STAYED: &str = "stayed";

/// How sockets of the crowd ended: what kind of player and how, with the number of them.
pub(super) type Ends = BTreeMap<(&'static str, String), u64>;

/// Everyone who misbehaves. They go when it is dropped.
pub(super) struct Crowd {
    at: SocketAddr,
    kind: String,
    tasks: JoinSet<()>,
    silent: JoinSet<()>,
    /// Slow readers by kind, with the number of them.
    slow: BTreeMap<&'static str, u64>,
    ends: Arc<Mutex<Ends>>,
}

impl Crowd {
    /// Nobody yet.
    pub(super) fn new(at: SocketAddr, kind: &str) -> Self {
        Self {
            at,
            kind: kind.to_owned(),
            tasks: JoinSet::new(),
            silent: JoinSet::new(),
            slow: BTreeMap::new(),
            ends: Arc::default(),
        }
    }

    /// A player of that room who for so long reads next to nothing, or nothing at all, but says that it is there.
    pub(super) fn slow_reader(&mut self, room: &str, reads: bool, lasts: Duration) {
        let (at, kind, room) = (self.at, self.kind.clone(), room.to_owned());
        let ends = Arc::clone(&self.ends);
        let what = if reads { "slow reader" } else { "no reader" };
        *self.slow.entry(what).or_default() += 1;
        self.tasks.spawn(async move {
            let end = timeout(lasts, slow_reader(at, &kind, &room, reads)).await;
            let Ok(end) = end else { return };
            enter(&ends, what, end);
        });
    }

    /// A player of that room who sends as much as it can, again and again.
    pub(super) fn flood(&mut self, room: &str) {
        let (at, kind, room) = (self.at, self.kind.clone(), room.to_owned());
        let ends = Arc::clone(&self.ends);
        self.tasks.spawn(async move {
            for _ in 0..FLOODS_MAX {
                let end = flood(at, &kind, &room).await;
                enter(&ends, "flood", end);
                sleep(FLOOD_REST).await;
            }
        });
    }

    /// Connections that say nothing: half of them not even a word of HTTP, the others no HELLO.
    pub(super) fn silent(&mut self, count: u32) {
        for task in 0..count.div_ceil(SILENT_PER_TASK) {
            let here = SILENT_PER_TASK.min(count - task * SILENT_PER_TASK);
            let (at, ends) = (self.at, Arc::clone(&self.ends));
            self.silent.spawn(async move {
                let mut sockets = JoinSet::new();
                for number in 0..here {
                    sockets.spawn(silent(at, number % 2 == 0));
                }
                while let Some(done) = sockets.join_next().await {
                    let Ok((what, end)) = done else { continue };
                    enter(&ends, what, end);
                }
            });
        }
    }

    /// Whether there are fewer than so many slow readers and floods.
    pub(super) fn has_room(&mut self, max: usize) -> bool {
        while self.tasks.try_join_next().is_some() {}
        while self.silent.try_join_next().is_some() {}
        self.tasks.len() < max
    }

    /// Waits until all silent connections have come to an end.
    pub(super) async fn silence_over(&mut self) {
        while self.silent.join_next().await.is_some() {}
    }

    /// Lets everybody go who is still there, and tells how the others ended.
    pub(super) async fn disperse(mut self) -> Ends {
        self.silent.shutdown().await;
        self.tasks.shutdown().await;
        let mut ends =
            std::mem::take(&mut *self.ends.lock().unwrap_or_else(PoisonError::into_inner));
        for (what, came) in self.slow {
            let ended = ends.iter().filter(|((kind, _), _)| *kind == what).map(|(_, n)| n).sum();
            ends.insert((what, STAYED.to_owned()), came.saturating_sub(ended));
        }
        ends
    }
}

fn enter(ends: &Mutex<Ends>, what: &'static str, end: Result<SocketEnd, anyhow::Error>) {
    let how = match end {
        Ok(end) => end.to_string(),
        // Refused with 503, most likely.
        Err(_) => "not let in".to_owned(),
    };
    *ends.lock().unwrap_or_else(PoisonError::into_inner).entry((what, how)).or_default() += 1;
}

async fn slow_reader(
    at: SocketAddr,
    kind: &str,
    room: &str,
    reads: bool,
) -> anyhow::Result<SocketEnd> {
    let mut socket = BotSocket::open(at, Some(SLOW_RECEIVE_BYTES)).await?;
    if let Err(end) = socket.hello(kind, room).await {
        return Ok(end);
    }
    let every = if reads { SLOW_EVERY } else { ALIVE_EVERY };
    loop {
        sleep(every).await;
        if reads && let Err(end) = socket.next().await {
            return Ok(end);
        }
        // It never says that it has taken in any event.
        if let Err(end) = socket.send(&[ClientFrame::Ack { recv: 0 }]).await {
            return Ok(end);
        }
    }
}

async fn flood(at: SocketAddr, kind: &str, room: &str) -> anyhow::Result<SocketEnd> {
    let mut socket = BotSocket::open(at, None).await?;
    if let Err(end) = socket.hello(kind, room).await {
        return Ok(end);
    }
    // The welcome.
    if let Err(end) = socket.next().await {
        return Ok(end);
    }
    let mut seq = 0;
    loop {
        let frames: Vec<_> = (0..FLOOD_INPUTS)
            .map(|_| {
                seq += 1;
                let payload = Bytes::from(format!(r#"{{"n":{seq},"word":{seq}}}"#));
                ClientFrame::Input { seq, recv: 0, payload }
            })
            .collect();
        if let Err(end) = socket.send(&frames).await {
            return Ok(end);
        }
        // Views are of no interest, but what is not read keeps the close code from arriving.
        while let Ok(read) = timeout(Duration::ZERO, socket.next()).await {
            if let Err(end) = read {
                return Ok(end);
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn silent(at: SocketAddr, upgraded: bool) -> (&'static str, anyhow::Result<SocketEnd>) {
    if upgraded {
        return ("no HELLO", no_hello(at).await);
    }
    ("no request", no_request(at).await)
}

async fn no_hello(at: SocketAddr) -> anyhow::Result<SocketEnd> {
    let mut socket = BotSocket::open(at, None).await?;
    Ok(timeout(SILENT_MAX, socket.end()).await.unwrap_or(SocketEnd::Open))
}

async fn no_request(at: SocketAddr) -> anyhow::Result<SocketEnd> {
    let mut stream = TcpStream::connect(at).await?;
    // An answer may come before the end, to be polite.
    let mut read = [0; 512];
    let end = async {
        while matches!(stream.read(&mut read).await, Ok(1..)) {}
        SocketEnd::Cut
    };
    Ok(timeout(SILENT_MAX, end).await.unwrap_or(SocketEnd::Open))
}
