//! Players who look at what they are shown, and say something now and then: how a game is played, and not how a server is tried out.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, sleep_until, timeout};

use crate::player::{Player, Wish};
use crate::tasks::Tasks;
use crate::ws::Ws;

/// Between two inputs of a player.
const INPUT_EVERY: Duration = Duration::from_millis(200);

/// How long the answers to the last inputs may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The kind of room that is looked at.
const KIND: &str = "table";

/// Somebody with a socket.
pub(crate) enum Guest {
    /// A player of a keeper, who knows what was applied.
    Player(Box<Player>),
    /// A socket of the floor, which answers nothing.
    Plain(Ws),
}

impl Guest {
    /// A player in a room of so many.
    pub(crate) async fn player(
        address: SocketAddr,
        number: usize,
        players: usize,
    ) -> anyhow::Result<Self> {
        let (name, profile) =
            ((number / players).to_string(), format!(r#"{{"name":"p{}"}}"#, number % players));
        let wish = Wish { kind: KIND, name: &name, profile: &profile, ..Wish::default() };
        Ok(Self::Player(Box::new(Player::join(address, &wish).await?)))
    }

    /// A socket of the floor.
    pub(crate) async fn plain(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self::Plain(Ws::connect(address, "/").await?))
    }

    async fn say(&mut self, number: u64) -> anyhow::Result<()> {
        let payload = Bytes::from(number.to_string());
        match self {
            Self::Player(player) => player.say(payload).await,
            Self::Plain(ws) => ws.send(&payload).await,
        }
    }

    /// The next message: bytes of it, and of what it shows if it shows something.
    async fn look(&mut self) -> anyhow::Result<(usize, bool)> {
        match self {
            Self::Player(player) => player.look().await,
            Self::Plain(ws) => Ok((ws.recv().await?.len(), true)),
        }
    }

    /// Waits until all that was said has been applied.
    async fn settle(&mut self) -> anyhow::Result<()> {
        while let Self::Player(player) = self
            && !player.is_answered()
        {
            player.look().await?;
        }
        Ok(())
    }
}

/// What one socket saw while it was counted.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    bytes: u64,
    /// The longest time between two frames.
    gap: Duration,
}

/// What all of them saw.
#[derive(Debug)]
pub(crate) struct Sight {
    /// Frames in the time that was counted.
    pub(crate) frames: u64,
    /// Bytes of a frame, in the middle.
    pub(crate) bytes: u64,
    /// The longest times between two frames, of each socket one, in milliseconds; the shortest first.
    pub(crate) gaps: Vec<f64>,
    /// What this process did meanwhile.
    pub(crate) own: Tasks,
}

/// All look and speak for `warm` and then for `time`, of which only the latter counts; `mark` is called at its begin and at its end.
///
/// # Errors
/// When a socket is closed, or an input is not applied: nothing that was promised is measured away.
pub(crate) async fn play<T>(
    guests: Vec<Guest>,
    warm: Duration,
    time: Duration,
    mark: impl Fn() -> anyhow::Result<T>,
) -> anyhow::Result<(Sight, T, T)> {
    let (counted, over) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let all = Rc::new(RefCell::new(Vec::new()));
    let count = guests.len();
    LocalSet::new()
        .run_until(async {
            let mut playing = JoinSet::new();
            for (number, guest) in guests.into_iter().enumerate() {
                let (counted, over, all) = (counted.clone(), over.clone(), all.clone());
                // They do not all speak in the same moment.
                let first = Instant::now() + INPUT_EVERY * number as u32 / count as u32;
                playing.spawn_local(async move {
                    let seen = attend(guest, first, &counted, &over).await?;
                    all.borrow_mut().push(seen);
                    anyhow::Ok(())
                });
            }
            sleep(warm).await;
            let (begin, own) = (mark()?, Tasks::of(std::process::id())?);
            counted.set(true);
            sleep(time).await;
            counted.set(false);
            let (end, own) = (mark()?, Tasks::of(std::process::id())? - own);
            over.set(true);
            while let Some(one) = playing.join_next().await {
                one??;
            }
            Ok((sight(&all.borrow(), own), begin, end))
        })
        .await
}

fn sight(all: &[Seen], own: Tasks) -> Sight {
    let sum = |of: fn(&Seen) -> u64| all.iter().map(of).sum::<u64>();
    let frames = sum(|seen| seen.frames);
    let mut gaps: Vec<f64> = all.iter().map(|seen| seen.gap.as_secs_f64() * 1e3).collect();
    gaps.sort_by(f64::total_cmp);
    Sight { frames, bytes: sum(|seen| seen.bytes) / frames.max(1), gaps, own }
}

async fn attend(
    mut guest: Guest,
    first: Instant,
    counted: &Cell<bool>,
    over: &Cell<bool>,
) -> anyhow::Result<Seen> {
    let (mut seen, mut last) = (Seen::default(), None::<Instant>);
    let (mut next, mut said) = (first, 0);
    while !over.get() {
        tokio::select! {
            biased;
            () = sleep_until(next.into()) => {
                said += 1;
                guest.say(said).await?;
                next += INPUT_EVERY;
            }
            looked = guest.look() => {
                let (bytes, shown) = looked?;
                let now = Instant::now();
                if !shown {
                    continue;
                }
                if counted.get() {
                    seen.frames += 1;
                    seen.bytes += bytes as u64;
                    seen.gap = seen.gap.max(last.map_or(Duration::ZERO, |last| now - last));
                }
                last = Some(now);
            }
        }
    }
    timeout(ANSWER_TIMEOUT, guest.settle()).await.context("an input is lost")??;
    Ok(seen)
}
