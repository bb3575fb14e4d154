//! The commands of `playon`.
//!
//! Data goes to stdout, talk to stderr; `--json` makes the data JSON. Exit codes: 0 it worked, 1 it failed or a
//! promise was broken, 2 the command was not understood, 3 the keeper cannot be reached, 4 the keeper refused.

mod admin;
mod asleep;
mod config;
mod courses;
mod demo;
mod demo_page;
mod deploy;
mod exit;
mod explain;
mod lists;
mod locate;
mod log;
mod pages;
mod query;
mod screen;
mod serve;
mod service;
mod status;
mod store;
mod store_copies;
mod talk;
mod top;
mod tracing_setup;
mod upload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use playon_keeper::data_dir::make_files_private;

use playon_drill::DrillArgs;
use playon_drill::bots::Plan;

pub use exit::Exit;
pub use pages::PAGES;

/// Multiplayer game servers that stay up while you deploy them.
#[derive(Debug, Parser)]
#[command(name = "playon", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  playon demo                          play the example game at http://127.0.0.1:4000
  playon serve --release ./my-game     run a keeper with your game
  playon deploy ./my-game --now        ship a new build into the running rounds
  playon rollback                      go back to the release before
  playon status                        the keeper on one screen; playon top: live
  playon config default > playon.toml  a file to configure a keeper with
  playon explain PLY-0301              what an error code means and what to do

Exit codes: 0 it worked, 1 it failed or a promise was broken, 2 the command was not understood,
3 the keeper cannot be reached, 4 the keeper refused.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a keeper.
    Serve(serve::Serve),
    /// Run a keeper with the example game and bots, and play.
    Demo(demo::Demo),
    /// Upload an executable and move the rooms to it.
    Deploy(deploy::Deploy),
    /// Move the rooms to the release before this one.
    Rollback(deploy::Rollback),
    /// List the releases.
    Releases(lists::Releases),
    /// List the rooms in memory, or those at rest.
    Rooms(lists::Rooms),
    /// Show one room.
    Room(lists::Room),
    /// End a room for good, also a halted one or one at rest.
    Close(lists::Close),
    /// Show the keeper on one screen.
    Status(status::Status),
    /// Show the keeper's status, live.
    Top(top::Top),
    /// Show or change what a running keeper logs.
    Log(log::Log),
    /// Write, check and explain a configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Take no new rooms from now on.
    Drain(lists::Drain),
    /// Break things on purpose and count what players noticed.
    Drill(DrillArgs),
    /// Play in a drill.
    #[command(hide = true)]
    DrillBots(Plan),
    /// Verify, back up, restore and repair a data directory.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Explain an error code.
    Explain(explain::Explain),
}

impl Command {
    /// Whether it writes what only this user may read.
    const fn writes_rooms(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Demo(_) | Self::Store(_) | Self::Drill(_))
    }
}

/// Runs the command that the arguments ask for.
pub fn run() -> ExitCode {
    // A reader that has seen enough (`playon rooms | head`) ends us quietly: writing then fails, and that is no panic here.
    let command = Cli::parse().command;
    if command.writes_rooms() {
        make_files_private();
    }
    let outcome = match command {
        Command::Serve(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Deploy(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Releases(command) => command.run(),
        Command::Rooms(command) => command.run(),
        Command::Room(command) => command.run(),
        Command::Close(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Top(command) => command.run(),
        Command::Log(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Drain(command) => command.run(),
        Command::Drill(args) => return drill(&args),
        Command::DrillBots(plan) => {
            return drilled(playon_drill::bots::run(plan).map(|()| ExitCode::SUCCESS));
        }
        Command::Store(command) => command.run(),
        Command::Explain(command) => command.run(),
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    };
    talk::flush();
    code
}

fn drill(args: &DrillArgs) -> ExitCode {
    tracing_setup::start_plain("warn");
    drilled(playon_drill::run(args))
}

fn drilled(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        talk::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}
