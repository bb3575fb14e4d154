//! The weather of a network: bytes arrive in pieces, late, or not at all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use playon_types::rng::{Rng, mix};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

/// Bytes of a piece at most.
const PIECE_BYTES_MAX: u64 = 400;
/// One piece in so many is followed by a stall.
const PIECES_PER_STALL: u64 = 300;
/// How long a stall may be, in milliseconds.
const STALL_MS_MAX: u64 = 400;
/// Bytes of one direction until the socket is cut, at most.
const BYTES_TO_CUT_MAX: u64 = 30_000;

/// Which side speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkSide {
    /// The player.
    Player,
    /// The keeper.
    Keeper,
}

/// What all connections of a relay share. It is fine until [`Weather::begin`].
#[derive(Debug, Default)]
pub(super) struct Weather {
    bad: AtomicBool,
    seed: AtomicU64,
    directions: AtomicU64,
    cuts: AtomicU64,
    stalls: AtomicU64,
    closed_by_keeper: AtomicU64,
}

impl Weather {
    /// From now on it is bad. The seed decides which bytes of which connection are hit.
    pub(super) fn begin(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.bad.store(true, Ordering::Release);
    }

    /// From now on it is fine. Gives the cuts, the stalls, and the sockets that the keeper closed meanwhile.
    pub(super) fn end(&self) -> (u64, u64, u64) {
        self.bad.store(false, Ordering::Release);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.cuts), read(&self.stalls), read(&self.closed_by_keeper))
    }

    /// What will happen to one direction of one connection.
    pub(super) fn whims(self: &Arc<Self>, side: LinkSide) -> Whims {
        let number = self.directions.fetch_add(1, Ordering::Relaxed);
        Whims { weather: Arc::clone(self), side, number, storm: None }
    }
}

/// What happens to one direction of one connection.
pub(super) struct Whims {
    weather: Arc<Weather>,
    side: LinkSide,
    number: u64,
    storm: Option<Storm>,
}

struct Storm {
    rng: Rng,
    /// Bytes until the cut.
    left: u64,
}

impl Whims {
    /// Passes bytes on as the weather allows.
    ///
    /// # Errors
    /// When the connection is cut, or gone anyway.
    pub(super) async fn pass(
        &mut self,
        mut bytes: &[u8],
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let Self { weather, number, storm, .. } = self;
        while !bytes.is_empty() {
            if !weather.bad.load(Ordering::Acquire) {
                return to.write_all(bytes).await;
            }
            let storm = storm.get_or_insert_with(|| {
                let mut rng = Rng::new(mix(weather.seed.load(Ordering::Relaxed) ^ mix(*number)));
                let left = 1 + rng.below(BYTES_TO_CUT_MAX);
                Storm { rng, left }
            });
            let piece = (1 + storm.rng.below(PIECE_BYTES_MAX)).min(storm.left);
            let piece = bytes.len().min(usize::try_from(piece).unwrap_or(usize::MAX));
            to.write_all(&bytes[..piece]).await?;
            to.flush().await?;
            bytes = &bytes[piece..];
            storm.left -= piece as u64;
            if storm.left == 0 {
                weather.cuts.fetch_add(1, Ordering::Relaxed);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if storm.rng.below(PIECES_PER_STALL) == 0 {
                weather.stalls.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(1 + storm.rng.below(STALL_MS_MAX))).await;
            }
        }
        Ok(())
    }

    /// The side that speaks has closed its socket.
    pub(super) fn closed(&self) {
        if self.side == LinkSide::Keeper && self.weather.bad.load(Ordering::Acquire) {
            self.weather.closed_by_keeper.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What arrives of one direction of a connection in bad weather, and whether it was cut.
    async fn arrives(seed: u64, bytes: &[u8]) -> (Vec<u8>, bool) {
        let weather = Arc::new(Weather::default());
        weather.begin(seed);
        let mut to = Vec::new();
        let cut = weather.whims(LinkSide::Player).pass(bytes, &mut to).await.is_err();
        assert_eq!(weather.end().0, u64::from(cut));
        (to, cut)
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrives_is_a_beginning_and_the_seed_decides_where_it_ends() {
        let bytes: Vec<_> = (0..BYTES_TO_CUT_MAX + 1).map(|n| n as u8).collect();
        let (first, cut) = arrives(1, &bytes).await;
        assert!(cut && bytes.starts_with(&first));
        assert_eq!(arrives(1, &bytes).await.0, first);
        assert_ne!(arrives(2, &bytes).await.0.len(), first.len());
    }

    #[tokio::test]
    async fn fine_weather_changes_nothing() {
        let weather = Arc::new(Weather::default());
        let mut to = Vec::new();
        let bytes = vec![7; 1_000_000];
        weather.whims(LinkSide::Keeper).pass(&bytes, &mut to).await.unwrap();
        assert_eq!((to, weather.end()), (bytes, (0, 0, 0)));
    }
}
