//! The process that plays: hundreds of players on one thread.
//!
//! It is started by the drill and speaks lines of JSON with it: orders come in on stdin, words go out on stdout.

mod book;
mod bot;
mod gaps;
mod past;
mod plan;
mod report;
mod shared;

use std::cell::Cell;
use std::io::{BufRead, Write};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

pub use book::BookFaults;
pub use gaps::{DrillPhase, Measured, Stall};
pub use plan::BotPlan;
pub(crate) use plan::room_name;
pub use report::{BotOrder, BotReport, Word};

use bot::Bot;
use shared::{BotContext, SETTLE_TIMEOUT};

/// Plays until the drill says that it is enough.
///
/// # Errors
/// When not everyone gets in, or the drill goes away.
pub fn run(plan: BotPlan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = tokio::task::LocalSet::new().block_on(&runtime, play(plan));
    let word = match result {
        Ok(report) => Word::Report(Box::new(report)),
        Err(why) => Word::Failed { why: format!("{why:#}") },
    };
    say(&word)
}

fn say(word: &Word) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Lines from stdin. A thread reads them, because nothing else can be interrupted; it ends with the process.
fn orders() -> mpsc::Receiver<BotOrder> {
    let (into, orders) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str(&line) else { break };
            if into.blocking_send(order).is_err() {
                break;
            }
        }
    });
    orders
}

async fn play(plan: BotPlan) -> anyhow::Result<BotReport> {
    let lines = plan.lines()?;
    let shared = Rc::new(BotContext::new(plan, lines));
    let failure = Rc::new(Cell::new(None));
    for room in 0..shared.plan.rooms {
        for player in 0..shared.plan.players {
            let (shared, failure) = (Rc::clone(&shared), Rc::clone(&failure));
            tokio::task::spawn_local(async move {
                match Bot::join(Rc::clone(&shared), room, player).await {
                    Ok(bot) => {
                        shared.count(&shared.joined);
                        bot.run().await;
                    }
                    Err(why) => failure.set(Some(why)),
                }
                shared.count(&shared.finished);
            });
        }
    }
    while shared.joined.get() < shared.players() {
        if let Some(why) = failure.take() {
            return Err(why.into());
        }
        shared.changed.notified().await;
    }
    say(&Word::Ready { players: shared.players() })?;
    obey(&shared).await?;
    let all = async {
        while shared.finished.get() < shared.players() {
            shared.changed.notified().await;
        }
    };
    // Each bot keeps to the time limit by itself; this one is for a bot that does not.
    let _ = tokio::time::timeout(SETTLE_TIMEOUT + Duration::from_secs(5), all).await;
    let mut report = shared.report.take();
    let missing = shared.players() - report.players;
    report.unsettled += missing;
    Ok(report)
}

async fn obey(shared: &BotContext) -> anyhow::Result<()> {
    let mut orders = orders();
    loop {
        let BotOrder::Phase(phase) = orders.recv().await.context("the drill went away")?;
        shared.enter(phase);
        if phase == DrillPhase::Settling {
            return Ok(());
        }
    }
}
