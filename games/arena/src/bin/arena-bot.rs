//! Bots that play the arena over real sockets.
//!
//! `arena-bot --url ws://127.0.0.1:4000/play --bots 3` keeps three of them in any open room until it is stopped; then
//! they give their seats up. They resume by themselves when the keeper comes back.

use std::process::ExitCode;

use arena::autopilot::Autopilot;
use arena::event::Event;
use arena::steer::Steer;
use arena::view::View;
use clap::Parser;
use playon_client::{JoinError, JoinOptions, SendError, Update, join};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Names of bots; the ninth is the first one's namesake.
const NAMES: [&str; 8] =
    ["Ada", "Grace", "Alan", "Barbara", "Edsger", "Margaret", "Donald", "Radia"];

/// A change of less thrust than this, in percent, is not worth an input.
const CHANGE: i32 = 12;

/// Bots that play the arena over real sockets.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// The keeper's address for players.
    #[arg(long, default_value = "ws://127.0.0.1:4000/play")]
    url: String,
    /// How many bots, 1 to 64.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=64))]
    bots: u8,
    /// The name of the room; any open one if it is not said.
    #[arg(long, default_value = "")]
    room: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let (stop, stopped) = watch::channel(false);
    let mut bots = JoinSet::new();
    for number in 0..usize::from(options.bots) {
        let (options, stopped) = (options.clone(), stopped.clone());
        bots.spawn(async move { play(&options, NAMES[number % NAMES.len()], stopped).await });
    }
    let told = tokio::spawn(async move {
        until_signalled().await;
        stop.send_replace(true);
    });
    let mut code = ExitCode::SUCCESS;
    while let Some(bot) = bots.join_next().await {
        if let Err(why) = bot.unwrap_or_else(|panic| Err(panic.to_string())) {
            eprintln!("arena-bot: {why}");
            code = ExitCode::FAILURE;
        }
    }
    told.abort();
    code
}

/// One bot, from its seat to its goodbye.
async fn play(
    options: &Options,
    name: &str,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), String> {
    let seat = options_for(options, name).map_err(|why| why.to_string())?;
    let mut room = tokio::select! {
        room = join::<Steer, Event, View>(seat) => room.map_err(|why| format!("{name}: {why}"))?,
        () = told_to_stop(&mut stopped) => return Ok(()),
    };
    let mut pilot = Autopilot::default();
    let mut told = Steer::default();
    loop {
        let update = tokio::select! {
            update = room.next() => update,
            () = told_to_stop(&mut stopped) => {
                room.leave().await;
                return Ok(());
            }
        };
        let wish = match update {
            Update::View { view, .. } => pilot.steer(&view),
            Update::Ended(end) => return Err(format!("{name}: {end}")),
            _ => None,
        };
        let Some(wish) = wish.filter(|wish| differs(*wish, told)) else { continue };
        match room.try_send(&wish) {
            Ok(_) => told = wish,
            // Too much is on its way: the next view brings the next wish.
            Err(SendError::Full { .. }) => {}
            Err(why) => return Err(format!("{name}: {why}")),
        }
    }
}

fn options_for(options: &Options, name: &str) -> Result<JoinOptions, JoinError> {
    JoinOptions::new(&options.url, "arena")
        .name(&options.room)
        .profile(&serde_json::json!({ "name": name }))
}

fn differs(a: Steer, b: Steer) -> bool {
    (a.x - b.x).abs() >= CHANGE || (a.y - b.y).abs() >= CHANGE || a.button != b.button
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone cannot say it any more: that is a stop as well.
    let _ = stopped.wait_for(|stop| *stop).await.map(|_| ());
}

/// Waits for Ctrl-C or a polite request to stop. Without signals it waits for ever.
async fn until_signalled() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
