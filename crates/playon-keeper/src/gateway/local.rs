//! What the parts of the gateway share: all threads, and all tasks of one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use playon_core::lobby::Lobby;
use playon_types::gate::ToOwner;
use playon_types::ids::ConnId;
use playon_types::time::{Span, Time};
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, Instant, sleep_until};

use super::assets::Assets;
use super::config::GatewayConfig;
use super::http::Extra;
use super::labels::Labels;
use super::mailbox::Switchboard;
use super::owner::OwnerLink;
use super::pace::Bucket;
use super::stats::GatewayStats;
use super::unacked::SocketDiag;
use super::views::ViewTeller;
use crate::process::alarm::Alarms;
use crate::time::clock::Clock;

/// What the gateway works with, besides its configuration.
#[derive(Clone)]
pub struct GatewayParts {
    /// How it reaches the owner.
    pub owner: Arc<dyn OwnerLink>,
    /// Who finds rooms for players without one.
    pub lobby: Arc<Mutex<Lobby>>,
    /// The pages of the current release.
    pub assets: Assets,
    /// What releases are called.
    pub labels: Labels,
    /// Answers requests below `/demo`, if anything does.
    pub extra: Option<Extra>,
    /// What it counts.
    pub stats: Arc<GatewayStats>,
    /// The clock that the lobby is also told.
    pub clock: Clock,
    /// Where its threads raise the alarm.
    pub alarms: Alarms,
}

/// Shared by all threads of the gateway.
pub(super) struct LocalShared {
    pub(super) config: GatewayConfig,
    pub(super) parts: GatewayParts,
    pace: Mutex<Bucket>,
    /// Said once a minute, with how many there were since.
    origins: Mutex<OriginsRefused>,
}

/// Pages that were refused.
#[derive(Default)]
struct OriginsRefused {
    said: Option<Time>,
    since: u64,
}

/// The shortest time between two lines about refused pages.
const ORIGINS_SAID_EVERY: Span = Span::secs(60);

impl LocalShared {
    pub(super) fn new(mut config: GatewayConfig, parts: GatewayParts) -> Self {
        // A message must hold the largest input, whichever of the two bounds was changed.
        const INPUT_HEAD_BYTES: usize = 64;
        let limits = &mut config.limits;
        limits.message_bytes_max =
            limits.message_bytes_max.max(limits.input_bytes_max + INPUT_HEAD_BYTES);
        let pace = Bucket::new(parts.clock.now(), config.admit_per_second, config.admit_burst);
        Self { config, parts, pace: Mutex::new(pace), origins: Mutex::default() }
    }

    /// A page was refused: its origin, and the host it asked for, which a proxy may have rewritten.
    pub(super) fn note_refused_origin(&self, origin: &str, host: &str) {
        let now = self.parts.clock.now();
        let mut refused = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        refused.since += 1;
        if refused.said.is_some_and(|said| now < said + ORIGINS_SAID_EVERY) {
            return;
        }
        refused.said = Some(now);
        let times = std::mem::take(&mut refused.since);
        drop(refused);
        tracing::warn!(
            origin,
            host,
            times,
            "PLY-0154 pages of another origin than the host are refused: add theirs to `origins`, or have the proxy pass `Host` on"
        );
    }

    /// Lets one more player in, or says after how long to ask again.
    pub(super) fn admit(&self) -> Result<(), Span> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.take(self.parts.clock.now(), 1)
    }
}

/// How long the players of a keeper that stops may take to answer the close. Whoever is there does so at once; for one that is
/// not, nobody who wants to come back has to wait.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(200);

/// Shared by all tasks of one thread.
pub(super) struct Local {
    pub(super) shared: Arc<LocalShared>,
    pub(super) switchboard: Switchboard,
    /// Messages are put together here, so that writing needs no memory of its own.
    pub(super) scratch: RefCell<BytesMut>,
    /// And views are told here.
    pub(super) teller: RefCell<ViewTeller>,
    thread: u8,
    next: Cell<u64>,
    /// Shards that were told something and not woken since.
    told: RefCell<Vec<u16>>,
    pub(super) telling: Notify,
    /// Player sockets whose tasks have not ended.
    live: Cell<usize>,
    pub(super) quiet: Notify,
    /// The sockets are to be told that the gateway goes down.
    pub(super) closing: Notify,
    /// The gateway is going down.
    pub(super) ending: Cell<bool>,
    /// When, while it goes down, sockets are not waited for any more.
    last_words: watch::Sender<Option<Instant>>,
    /// Where the kernel is asked about sockets.
    pub(super) kernel: SocketDiag,
}

impl Local {
    pub(super) fn new(shared: Arc<LocalShared>, thread: u8) -> Self {
        Self {
            shared,
            switchboard: Switchboard::default(),
            scratch: RefCell::new(BytesMut::with_capacity(16 << 10)),
            teller: RefCell::default(),
            thread,
            next: Cell::new(1),
            told: RefCell::default(),
            telling: Notify::new(),
            live: Cell::new(0),
            quiet: Notify::new(),
            closing: Notify::new(),
            ending: Cell::new(false),
            last_words: watch::Sender::new(None),
            kernel: SocketDiag::open(),
        }
    }

    /// A number that no other socket of this keeper process has or had. The lowest 8 bits are the thread.
    pub(super) fn new_conn(&self) -> ConnId {
        let next = self.next.replace(self.next.get() + 1);
        ConnId(next << 8 | u64::from(self.thread))
    }

    pub(super) fn stats(&self) -> &Arc<GatewayStats> {
        &self.shared.parts.stats
    }

    /// Tells a shard; whether it was taken. The shard is woken when the other sockets that wait have had their turn.
    pub(super) fn tell(&self, shard: u16, message: ToOwner) -> bool {
        if self.shared.parts.owner.send(shard, message).is_err() {
            self.stats().owner_full.add(1);
            return false;
        }
        let mut told = self.told.borrow_mut();
        if !told.contains(&shard) {
            told.push(shard);
            self.telling.notify_one();
        }
        true
    }

    /// Wakes the shards that were told something.
    pub(super) fn wake_told(&self) {
        for shard in self.told.borrow_mut().drain(..) {
            self.shared.parts.owner.wake(shard);
        }
    }

    /// From now on no socket is waited for longer than [`LAST_WORDS_TIMEOUT`], whatever it waits for.
    pub(super) fn begin_last_words(&self) {
        self.last_words.send_replace(Some(Instant::now() + LAST_WORDS_TIMEOUT));
    }

    /// When no socket is waited for any more; none while the gateway does not go down.
    pub(super) fn last_words_by(&self) -> Option<Instant> {
        *self.last_words.borrow()
    }

    /// Works on what comes before the end of a socket, until then at the latest, or earlier if the gateway goes down. It is
    /// begun in any case, so that what needs no waiting is done. None if it did not come to its end.
    pub(super) async fn before<T>(&self, by: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut last_words = self.last_words.subscribe();
        let out_of_time = async {
            tokio::select! {
                () = sleep_until(by) => {}
                Ok(by) = async { last_words.wait_for(Option::is_some).await.map(|by| *by) } => {
                    sleep_until(by.unwrap_or_else(Instant::now)).await;
                }
            }
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = out_of_time => None,
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.get()
    }
}

/// Counts a task among the living until it is dropped.
pub(super) struct Living(Rc<Local>);

impl Living {
    pub(super) fn new(local: &Rc<Local>) -> Self {
        local.live.set(local.live.get() + 1);
        Self(local.clone())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.live.set(self.0.live.get() - 1);
        if self.0.live.get() == 0 {
            self.0.quiet.notify_one();
        }
    }
}
