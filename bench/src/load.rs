//! Many clients at once, all in one thread: each waits for its answer before it sends again.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep_until, timeout};

use crate::game::ECHO;
use crate::player::{Player, Wish};
use crate::ws::Ws;

/// An answer that takes longer is lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A message as a game would send it: a string of 64 bytes.
const MESSAGE_BYTES: usize = 64;

/// Sockets that are being opened at the same time.
pub(crate) const OPENING_MAX: usize = 64;

/// Something with one message in flight.
pub(crate) enum Caller {
    /// A player of an echoing room, or of the gateway that echoes.
    Player { player: Player, payload: Bytes },
    /// A player whose room changes with every input.
    Changer { player: Player, next: u64 },
    /// A socket of a plain server.
    Plain { ws: Ws, payload: Bytes },
}

impl Caller {
    /// A player of the room with that number.
    pub(crate) async fn player(
        address: SocketAddr,
        kind: &str,
        room: usize,
    ) -> anyhow::Result<Self> {
        let name = format!("{kind}-{room}");
        let player = Player::join(address, &Wish { kind, name: &name, ..Wish::default() }).await?;
        Ok(Self::Player { player, payload: Bytes::from(message()) })
    }

    /// A socket of a plain server.
    pub(crate) async fn plain(address: SocketAddr) -> anyhow::Result<Self> {
        let ws = Ws::connect(address, "/").await?;
        Ok(Self::Plain { ws, payload: Bytes::from(message()) })
    }

    async fn call(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Player { player, payload } => player.round_trip(payload).await,
            Self::Changer { player, next } => {
                *next += 1;
                player.round_trip(&Bytes::from(next.to_string())).await
            }
            Self::Plain { ws, payload } => {
                ws.send(payload).await?;
                let answer = ws.recv().await?;
                anyhow::ensure!(answer == *payload, "another message than the one sent");
                Ok(())
            }
        }
    }
}

fn message() -> String {
    format!("\"{}\"", "x".repeat(MESSAGE_BYTES - 2))
}

/// How often callers call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Again as soon as the answer is there.
    Full,
    /// At most so many times a second each.
    PerSecond(u32),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Answered calls per second.
    pub(crate) rate: f64,
    /// Half of the answers took less, in microseconds.
    pub(crate) p50: f64,
    /// 99 of 100 answers took less, in microseconds.
    pub(crate) p99: f64,
}

/// Opens that many sockets, [`OPENING_MAX`] at a time, in the order of their numbers.
pub(crate) async fn open<T: 'static, F>(
    count: usize,
    open: impl Fn(usize) -> F,
) -> anyhow::Result<Vec<T>>
where
    F: Future<Output = anyhow::Result<T>> + 'static,
{
    let mut opened: Vec<Option<T>> = (0..count).map(|_| None).collect();
    LocalSet::new()
        .run_until(async {
            let mut opening = JoinSet::new();
            for number in 0..count {
                if opening.len() >= OPENING_MAX {
                    keep(&mut opened, opening.join_next().await)?;
                }
                let future = open(number);
                opening.spawn_local(async move { (number, future.await) });
            }
            while !opening.is_empty() {
                keep(&mut opened, opening.join_next().await)?;
            }
            anyhow::Ok(())
        })
        .await?;
    Ok(opened.into_iter().flatten().collect())
}

type Opened<T> = Option<Result<(usize, anyhow::Result<T>), tokio::task::JoinError>>;

fn keep<T>(opened: &mut [Option<T>], one: Opened<T>) -> anyhow::Result<()> {
    if let Some(one) = one {
        let (number, one) = one?;
        opened[number] = Some(one.with_context(|| format!("socket {number}"))?);
    }
    Ok(())
}

/// Lets all call for `warm` and then for `time`, of which only the latter counts. Gives the callers back.
///
/// # Errors
/// When an answer is missing, comes twice or is another's: nothing that was promised is measured away.
pub(crate) async fn run(
    callers: Vec<Caller>,
    pace: Pace,
    warm: Duration,
    time: Duration,
) -> anyhow::Result<(Calls, Vec<Caller>)> {
    let begin = Instant::now() + warm;
    let end = begin + time;
    let times = Rc::new(RefCell::new(Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?));
    let callers = LocalSet::new()
        .run_until(async {
            let mut calling = JoinSet::new();
            for (number, mut caller) in callers.into_iter().enumerate() {
                let times = Rc::clone(&times);
                calling.spawn_local(async move {
                    let mut next = offset(pace, number);
                    while Instant::now() < end {
                        if let (Pace::PerSecond(rate), Some(at)) = (pace, next.as_mut()) {
                            sleep_until((*at).into()).await;
                            *at += Duration::from_secs(1) / rate;
                        }
                        let sent = Instant::now();
                        timeout(ANSWER_TIMEOUT, caller.call())
                            .await
                            .context("an input is lost")??;
                        let now = Instant::now();
                        if now >= begin && now < end {
                            let nanos = now.duration_since(sent).as_nanos();
                            times.borrow_mut().saturating_record(u64::try_from(nanos)?);
                        }
                    }
                    anyhow::Ok(caller)
                });
            }
            let mut back = Vec::new();
            while let Some(caller) = calling.join_next().await {
                back.push(caller??);
            }
            anyhow::Ok(back)
        })
        .await?;
    let times = times.borrow();
    let micros = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    let rate = times.len() as f64 / time.as_secs_f64();
    Ok((Calls { rate, p50: micros(0.5), p99: micros(0.99) }, callers))
}

/// Paced callers do not call all at the same moment.
fn offset(pace: Pace, number: usize) -> Option<Instant> {
    match pace {
        Pace::Full => None,
        Pace::PerSecond(_) => {
            Some(Instant::now() + Duration::from_micros(number as u64 * 1_370 % 20_000))
        }
    }
}

/// So many players, each alone in an echoing room.
pub(crate) async fn echo_players(
    address: SocketAddr,
    kind: &'static str,
    count: usize,
) -> anyhow::Result<Vec<Caller>> {
    open(count, move |number| Caller::player(address, kind, number)).await
}

/// So many sockets of a plain server.
pub(crate) async fn plain(address: SocketAddr, count: usize) -> anyhow::Result<Vec<Caller>> {
    open(count, move |_| Caller::plain(address)).await
}

/// A few players in echoing rooms of their own, beside others that are there already.
pub(crate) async fn light_players(
    address: SocketAddr,
    count: usize,
) -> anyhow::Result<Vec<Caller>> {
    /// Above the numbers of all other players.
    const FIRST: usize = 1_000_000;
    open(count, move |number| Caller::player(address, ECHO, FIRST + number)).await
}
