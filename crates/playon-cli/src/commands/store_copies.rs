//! `playon store backup`, `restore` and `repair`.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use playon_store::backup::{self, Manifest, Progress};
use playon_store::repair;

use super::exit::Exit;
use super::store::{StoreArgs, failed};
use super::talk;

/// Copy the whole store, while a keeper runs or not.
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is as of one moment: everything that was acknowledged when it began is in it. It holds the
rooms, the deploys, the settings and the executables of the releases, but no secrets. It is verified before it gets
its name; if the command fails, there is no such directory.

Examples:
  playon store backup /backup/today
  playon store backup /backup/today --data /srv/game --json"
)]
pub(super) struct BackupTo {
    /// The directory to make; it must not be there yet, or be empty
    to: PathBuf,
    #[command(flatten)]
    place: StoreArgs,
}

/// Make a data directory from a backup.
#[derive(Debug, Args)]
#[command(
    after_help = "The directory must not be there yet, or be empty: nothing is overwritten. One that is there is filled in place,
keeps its owner and is closed to other users. A keeper that is started on it goes on from the moment of the backup. Players who know of more are told what is lost.

Examples:
  playon store restore /backup/today --data /srv/game-again"
)]
pub(super) struct RestoreFrom {
    /// The backup
    from: PathBuf,
    #[command(flatten)]
    place: StoreArgs,
}

/// Say what can be saved of a damaged store, or save it.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --yes nothing is changed. With it, everything whose checksums hold is written into a new database, which takes
the place of the damaged one; the damaged files are kept in a folder of the data directory. No keeper may be running.
Exit code 1 if something is, or would be, given up.

Examples:
  playon store repair                  what it would give up
  playon store repair --yes            do it"
)]
pub(super) struct Mend {
    /// Really do it
    #[arg(long)]
    yes: bool,
    /// Only say what would be given up, which is what is done without --yes
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    place: StoreArgs,
}

impl BackupTo {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let bar = Bar::new();
        let made = backup::backup(&self.place.data, &self.to, &mut |done| bar.show(done));
        bar.clear();
        let made = made.map_err(|error| failed(error.code(), &error))?;
        if self.place.json {
            return talk::json(&made);
        }
        talk::good(&format!("{} holds {}", self.to.display(), contents(&made)));
        if made.rooms_damaged > 0 {
            talk::line(&format!(
                "{} rooms were damaged already, and are so in the backup; `playon store verify` names them",
                made.rooms_damaged
            ));
        }
        Ok(())
    }
}

impl RestoreFrom {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let bar = Bar::new();
        let made = backup::restore(&self.from, &self.place.data, &mut |done| bar.show(done));
        bar.clear();
        let made = made.map_err(|error| failed(error.code(), &error))?;
        if self.place.json {
            return talk::json(&made);
        }
        talk::good(&format!("{} has {}", made.data.display(), contents(&made.backup)));
        talk::line(&format!("start a keeper with: playon serve --data {}", made.data.display()));
        Ok(())
    }
}

impl Mend {
    pub(super) fn run(&self) -> Result<(), Exit> {
        let bar = Bar::new();
        let really = self.yes && !self.dry_run;
        let outcome = repair(&self.place.data, really, &mut |step| {
            bar.show(Progress { step, done: 0, total: 0 });
        });
        bar.clear();
        let outcome = outcome.map_err(|error| failed(error.code(), &error))?;
        if self.place.json {
            talk::json(&outcome)?;
        } else {
            talk::data(&outcome.to_string())?;
        }
        if outcome.losses.is_empty() { Ok(()) } else { Err(Exit::Told) }
    }
}

fn contents(made: &Manifest) -> String {
    let Manifest { rooms_hot, rooms_asleep, epoch, batch, database_bytes, releases, .. } = made;
    let (releases, kib) = (releases.len(), database_bytes / 1024);
    format!(
        "{} rooms and {releases} releases as of batch {batch} of epoch {epoch}; the database has {kib} KiB",
        rooms_hot + rooms_asleep
    )
}

/// Shows how far it is, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(ProgressBar::new(0))
    }

    fn show(&self, Progress { step, done, total }: Progress) {
        let template = match total {
            0 => "{spinner} {msg}",
            _ => "{msg} [{bar:30}] {bytes} of {total_bytes}",
        };
        if self.0.message() != step {
            // A template that cannot be read would show the default one.
            let style = ProgressStyle::with_template(template);
            self.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.0.set_message(step);
        }
        self.0.set_length(total);
        self.0.set_position(done);
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}
