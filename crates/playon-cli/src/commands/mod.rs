//! The commands of `playon`.
//!
//! Data goes to stdout, talk to stderr; `--json` makes the data JSON, also what is the matter if a command does not work:
//! one document, whatever comes of it. Exit codes: 0 it worked, 1 it failed or a
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
mod lively;
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

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use playon_types::ply;
use playon_types::reason::Reason;

use playon_keeper::data::dir::make_files_private;
use playon_keeper::outlive_file_limit;

use playon_drill::DrillArgs;
use playon_drill::bots::BotPlan;

pub use exit::{CliError, Exit};
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
    Deploy(deploy::DeployArgs),
    /// Move the rooms to the release before this one.
    Rollback(deploy::Rollback),
    /// List the releases.
    Releases(lists::Releases),
    /// List the rooms in memory, or those at rest.
    Rooms(lists::RoomsArgs),
    /// Show one room.
    Room(lists::RoomArgs),
    /// End a room for good, also a halted one or one at rest.
    Close(lists::CloseArgs),
    /// Show the keeper on one screen.
    Status(status::StatusArgs),
    /// Show the keeper's status, live.
    Top(top::Top),
    /// Show or change what a running keeper logs.
    Log(log::LogArgs),
    /// Write, check and explain a configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Take no new rooms from now on.
    Drain(lists::Drain),
    /// Break things on purpose and count what players noticed.
    Drill(DrillArgs),
    /// Play in a drill.
    #[command(hide = true)]
    DrillBots(BotPlan),
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

/// All commands with all that they take, as `--help` shows them.
pub fn cli() -> clap::Command {
    Cli::command()
}

/// Runs the command that the arguments ask for.
pub fn run() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let parsed = cli().try_get_matches_from(&args);
    let read = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match read {
        Ok(read) => read,
        Err(error) => return not_understood(&error, &args),
    };
    // A reader that has seen enough (`playon rooms | head`) ends us quietly: writing then fails, and that is no panic here.
    if cli.command.writes_rooms() {
        make_files_private();
    }
    let begun = outlive_file_limit().map_err(|error| exit::io("signals cannot be caught", error));
    let code = begun
        .and_then(|()| cli.command.run())
        .unwrap_or_else(|exit| exit.report(wants_json(&matches)));
    talk::flush();
    code
}

impl Command {
    fn run(self) -> Result<ExitCode, Exit> {
        match self {
            Self::Serve(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Deploy(command) => command.run(),
            Self::Rollback(command) => command.run(),
            Self::Releases(command) => command.run(),
            Self::Rooms(command) => command.run(),
            Self::Room(command) => command.run(),
            Self::Close(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Top(command) => command.run(),
            Self::Log(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Drain(command) => command.run(),
            Self::Drill(args) => return drill(&args),
            Self::DrillBots(plan) => playon_drill::bots::run(plan).map_err(not_drilled),
            Self::Store(command) => command.run(),
            Self::Explain(command) => command.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The options with which a program waits for JSON on stdout, whatever comes of the command.
const JSON_OPTIONS: [&str; 2] = ["json", "announce"];

/// Whether the command that was called was told to print JSON.
fn wants_json(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => wants_json(inner),
        None => JSON_OPTIONS.iter().any(|name| matches!(matches.try_get_one(name), Ok(Some(true)))),
    }
}

/// Says what is wrong with the arguments, or the help that was asked for.
fn not_understood(error: &clap::Error, args: &[OsString]) -> ExitCode {
    // When nobody listens there is nothing to be done about it.
    let _ = error.print();
    let mut options = args.iter().skip(1).take_while(|arg| *arg != "--");
    let asks = |arg: &OsString| {
        let name = arg.to_str().and_then(|arg| arg.strip_prefix("--"));
        name.is_some_and(|name| JSON_OPTIONS.contains(&name))
    };
    if error.use_stderr() && options.any(asks) {
        let text = error.render().to_string();
        let first = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<_> = first.trim_start_matches("error: ").split_whitespace().collect();
        let remedy = "`playon help COMMAND` shows what it takes";
        let trouble = CliError::new(ply!("PLY-0548"), words.join(" "), remedy);
        // These have one shape for all that comes of them, and for nothing, too.
        if args.get(1).is_some_and(|name| name == "deploy" || name == "rollback") {
            let _ = courses::tell(true, Err(Exit::Usage(trouble)));
        } else {
            trouble.print();
        }
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn drill(args: &DrillArgs) -> Result<ExitCode, Exit> {
    tracing_setup::start_plain("warn");
    playon_drill::run(args).map_err(not_drilled)
}

/// What kept a drill from being carried through. Some of it has a code of its own.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn not_drilled(error: anyhow::Error) -> Exit {
    let code = playon_drill::code_of(&error).unwrap_or(ply!("PLY-0549"));
    let reason = Reason::of(code, &format!("{error:#}"));
    let remedy = "it says nothing about the promises: mend what is named and run it again";
    Exit::Failed(CliError::new(code, reason.words(), remedy))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use playon_types::reason;

    use super::*;

    #[test]
    fn what_kept_a_drill_from_being_carried_through_has_its_own_code() {
        let same = || anyhow::Error::from(reason!("PLY-0561 both releases are the same"));
        let told = |error| not_drilled(error).to_string();
        assert_eq!(told(same()), "PLY-0561 both releases are the same");
        let named = |error: anyhow::Result<()>| told(error.context("shipping them").unwrap_err());
        assert_eq!(
            named(Err(same())),
            "PLY-0561 shipping them: PLY-0561 both releases are the same"
        );
        assert_eq!(told(anyhow::anyhow!("no such file")), "PLY-0549 no such file");
        assert_eq!(named(Err(anyhow::anyhow!("no"))), "PLY-0549 shipping them: no");
    }
}
