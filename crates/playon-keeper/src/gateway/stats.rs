//! What the gateway counts, for whoever exports it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use playon_types::gate::Close;

/// Counters of all gateway threads. Every field only grows, but the four that say so.
#[derive(Debug, Default)]
pub struct GatewayStats {
    /// Sockets of any kind that are open now.
    pub sockets: StatsCount,
    /// Player sockets that are open now.
    pub connections: StatsCount,
    /// Sockets beyond those that are being told that there is no place now.
    pub turned_away: StatsCount,
    /// Player sockets that were let in.
    pub accepted: StatsCount,
    /// Sockets and requests that were not, by reason.
    pub refused: [StatsCount; HelloRefusal::ALL.len()],
    /// Requests for anything but a player socket.
    pub requests: StatsCount,
    /// Frames from players.
    pub frames_in: StatsCount,
    /// Bytes of messages from players.
    pub bytes_in: StatsCount,
    /// Frames to players.
    pub frames_out: StatsCount,
    /// Bytes of messages to players.
    pub bytes_out: StatsCount,
    /// Messages to players.
    pub messages_out: StatsCount,
    /// Views written.
    pub views: StatsCount,
    /// Those of them that were told by what differs from the one before.
    pub views_delta: StatsCount,
    /// Bytes of views as they are.
    pub view_bytes_whole: StatsCount,
    /// Bytes of the same views as they were written.
    pub view_bytes_out: StatsCount,
    /// Bytes of views that are kept now to tell the next ones by, or wait for that.
    pub view_bases_bytes: StatsCount,
    /// Views replaced by newer ones before they were written.
    pub views_replaced: StatsCount,
    /// Views left out because they are larger than may be sent.
    pub views_too_large: StatsCount,
    /// Events dropped for a slow socket; they are asked for again.
    pub events_dropped: StatsCount,
    /// Unnumbered messages dropped for a slow socket.
    pub nows_dropped: StatsCount,
    /// Slow sockets that caught up and asked for what was dropped.
    pub drained: StatsCount,
    /// Messages a full or stopped shard did not take.
    pub owner_full: StatsCount,
    /// Players that were sent to another room because the first was full or refused them.
    pub rematched: StatsCount,
    /// Sockets closed by this side, in the order of [`Close::ALL`].
    pub closed: [StatsCount; Close::ALL.len()],
    /// Sockets that had been welcomed and that this side closed for a reason that neither the player nor the game gave.
    pub cut: StatsCount,
    /// Sockets that ended from the other side: closed, reset or vanished.
    pub left: StatsCount,
}

/// Why a socket or request was turned away before it was a player's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloRefusal {
    /// `sockets_max` is reached.
    Sockets,
    /// `connections_max` is reached.
    Connections,
    /// More than `admit_per_second`.
    Pace,
    /// The page's origin is not allowed.
    Origin,
    /// Not a proper WebSocket request.
    Handshake,
}

impl HelloRefusal {
    /// All of them, in the order of [`GatewayStats::refused`].
    pub const ALL: [Self; 5] =
        [Self::Sockets, Self::Connections, Self::Pace, Self::Origin, Self::Handshake];

    /// A name for a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sockets => "sockets",
            Self::Connections => "connections",
            Self::Pace => "pace",
            Self::Origin => "origin",
            Self::Handshake => "handshake",
        }
    }
}

impl GatewayStats {
    pub(super) fn refuse(&self, why: HelloRefusal) {
        self.refused[why as usize].add(1);
    }

    pub(super) fn close(&self, why: Close) {
        self.closed[why as usize].add(1);
    }

    /// How many sockets were refused for that reason.
    pub fn refused(&self, why: HelloRefusal) -> u64 {
        self.refused[why as usize].get()
    }

    /// How many sockets this side closed for that reason.
    pub fn closed(&self, why: Close) -> u64 {
        self.closed[why as usize].get()
    }
}

/// One number that many threads may change.
#[derive(Debug, Default)]
pub struct StatsCount(AtomicU64);

impl StatsCount {
    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(super) fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Relaxed);
    }

    /// Adds `n` unless that would be more than `max`.
    pub(super) fn add_within(&self, n: u64, max: u64) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |now| Some(now + n).filter(|sum| *sum <= max)).is_ok()
    }

    /// Adds 1 unless it has reached `max`.
    pub(super) fn add_below(&self, max: usize) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |n| (n < max as u64).then_some(n + 1)).is_ok()
    }
}

/// A place under a bound, given back when dropped.
#[derive(Debug)]
pub(super) struct StatsSlot {
    stats: std::sync::Arc<GatewayStats>,
    which: fn(&GatewayStats) -> &StatsCount,
}

impl StatsSlot {
    /// Takes a place unless all `max` are taken.
    pub(super) fn take(
        stats: &std::sync::Arc<GatewayStats>,
        which: fn(&GatewayStats) -> &StatsCount,
        max: usize,
    ) -> Option<Self> {
        which(stats).add_below(max).then(|| Self { stats: stats.clone(), which })
    }
}

impl Drop for StatsSlot {
    fn drop(&mut self) {
        (self.which)(&self.stats).sub(1);
    }
}
