//! (h) What travels to a player of the arena, a real game, with views told by what differs from the last one and with whole ones.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use arena::autopilot::Autopilot;
use arena::event::Event;
use arena::steer::Steer;
use arena::view::View;
use playon_client::{Counters, JoinOptions, Room, SendError, Update, join};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Bench, progress};
use crate::load::open;
use crate::process::Keeper;
use crate::report::{Aim, Row, median, short};
use crate::tasks::Tasks;

/// Rooms, all full.
const ROOMS: usize = 10;
const ROOMS_QUICK: usize = 1;
const PLAYERS: usize = 8;

/// Kilobytes a second to a player.
const AIM: f64 = 4.0;

type Seat = Room<Steer, Event, View>;

/// One turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Bytes of messages to one player in a second.
    bytes: f64,
    /// Bytes of a view as it was written.
    view: f64,
    /// Microseconds of the keeper's processor time for each view.
    cost: f64,
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let rooms = bench.of(ROOMS, ROOMS_QUICK);
    progress(&format!("(h) bytes to a player of the arena: {rooms} rooms of {PLAYERS}"));
    let (mut deltas, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        deltas.push(turn(bench, rooms, true)?);
        whole.push(turn(bench, rooms, false)?);
    }
    let (deltas, whole) = (middle(&deltas), middle(&whole));
    let what = format!("bytes to a player of the arena, {PLAYERS} in a room");
    let from = format!(
        "{} KB/s with whole views; a view takes {:.0} of {:.0} B and {} µs of the keeper's processor time, a whole one {} µs",
        short(whole.bytes / 1e3),
        deltas.view,
        whole.view,
        short(deltas.cost),
        short(whole.cost),
    );
    Ok(vec![Row::new("h", what, deltas.bytes / 1e3).unit("KB/s").from(from).aim(Aim::AtMost(AIM))])
}

fn turn(bench: &Bench, rooms: usize, deltas: bool) -> anyhow::Result<Turn> {
    let data = bench.data()?;
    let keeper = Keeper::start_with(data.path(), "playon-bench-arena")?;
    let address = keeper.players();
    let seats =
        bench.block_on(open(rooms * PLAYERS, move |number| seat(address, number, deltas)))?;
    let mark = || {
        let views = keeper.metric("playon_gateway_views_total")?;
        let bytes = keeper.metric("playon_gateway_view_bytes_out_total")?;
        anyhow::Ok((Tasks::of(keeper.server.pid())?.busy as f64, views, bytes))
    };
    let (warm, time) = (bench.time() / 2, bench.time());
    let (bytes, begin, end) = bench.block_on(fly(seats, warm, time, mark))?;
    keeper.server.stop()?;
    let views = end.1 - begin.1;
    Ok(Turn {
        bytes: bytes as f64 / (rooms * PLAYERS) as f64 / time.as_secs_f64(),
        view: (end.2 - begin.2) / views,
        cost: (end.0 - begin.0) / 1e3 / views,
    })
}

fn middle(turns: &[Turn]) -> Turn {
    let of = |pick: fn(&Turn) -> f64| median(turns.iter().map(pick).collect());
    Turn { bytes: of(|t| t.bytes), view: of(|t| t.view), cost: of(|t| t.cost) }
}

async fn seat(address: SocketAddr, number: usize, deltas: bool) -> anyhow::Result<Seat> {
    let name = format!("pilot {}", number % PLAYERS);
    let options = JoinOptions::new(format!("ws://{address}/play"), "arena")
        .name((number / PLAYERS).to_string())
        .profile(&serde_json::json!({ "name": name }))?;
    let options = if deltas { options } else { options.whole_views() };
    Ok(Box::pin(join(options)).await?)
}

/// All fly for `warm` and then for `time`, of which only the latter counts: the bytes that came to all of them, and what `mark`
/// said at its begin and at its end.
async fn fly<T>(
    seats: Vec<Seat>,
    warm: Duration,
    time: Duration,
    mark: impl Fn() -> anyhow::Result<T>,
) -> anyhow::Result<(u64, T, T)> {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let mut flying = JoinSet::new();
            let counts: Vec<_> = seats.iter().map(|_| Rc::new(std::cell::Cell::new(0))).collect();
            for (seat, count) in seats.into_iter().zip(&counts) {
                flying.spawn_local(Box::pin(steer(seat, count.clone())));
            }
            let sum = || counts.iter().map(|count| count.get()).sum::<u64>();
            let ended = async {
                while let Some(one) = flying.join_next().await {
                    one??;
                }
                anyhow::Ok(())
            };
            let counted = async {
                sleep(warm).await;
                let (begin, bytes) = (mark()?, sum());
                sleep(time).await;
                anyhow::Ok((sum() - bytes, begin, mark()?))
            };
            tokio::select! {
                ended = ended => Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("nobody flies"))),
                counted = counted => counted,
            }
        })
        .await
}

/// Flies as a person would, until it is told to stop by being dropped.
async fn steer(mut seat: Seat, count: Rc<std::cell::Cell<u64>>) -> anyhow::Result<()> {
    let (mut pilot, mut told) = (Autopilot::default(), Steer::default());
    loop {
        let update = seat.next().await;
        let Counters { bytes, sockets_closed, .. } = *seat.counters();
        anyhow::ensure!(sockets_closed == 0, "a socket was closed");
        count.set(bytes);
        let wish = match update {
            Update::View { view, .. } => pilot.steer(&view),
            Update::Ended(end) => anyhow::bail!("a pilot was sent away: {end}"),
            _ => None,
        };
        let Some(wish) = wish.filter(|wish| *wish != told) else { continue };
        match seat.try_send(&wish) {
            Ok(_) => told = wish,
            // The next view brings the next wish.
            Err(SendError::Full { .. }) => {}
            Err(why) => return Err(why.into()),
        }
    }
}
