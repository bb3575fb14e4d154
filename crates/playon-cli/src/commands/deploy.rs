//! `playon deploy` and `playon rollback`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use playon_keeper::admin::{DeployRequest, RollbackRequest};
use playon_keeper::control::{ReleaseView, WayBackView};
use playon_store::open_regular;
use playon_types::ply;

use super::admin::{AdminClient, block_on};
use super::courses::{follow, tell};
use super::exit::{CliError, Exit};
use super::locate::KeeperAddress;
use super::query::encode;
use super::talk;
use super::upload::FileBody;

/// Upload an executable and move the rooms to it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  playon deploy ./target/release/my-game
  playon deploy ./my-game --label v2.1 --now
  playon deploy v2.0                     a release that the keeper has already

Exit codes: 0 all rooms are where the deploy says and the numbers hold, or there was nothing to do; 1 stopped, reverted or
a promise was broken; 3 not reachable; 4 refused; 130 ended by Ctrl-C, and the deploy goes on in the keeper.

A deploy to the release that one under way leads to is that one: both commands wait for the same end. With --now it
becomes one at once.")]
pub(super) struct DeployArgs {
    /// The executable, or the label or hash of a release that the keeper has
    #[arg(value_name = "EXECUTABLE")]
    what: PathBuf,
    /// What to call the release; the file's name unless it is said
    #[arg(long)]
    label: Option<String>,
    /// Move rooms at once, in the middle of a round if need be
    #[arg(long)]
    now: bool,
    /// Print the result as JSON, in one shape whatever comes of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keeper: KeeperAddress,
}

/// Move the rooms back to where they were before the last deploy.
#[derive(Debug, Args)]
#[command(
    after_help = "Rooms go to the release they were on before the last deploy that moved any, whatever state that deploy is in: done,
stopped half way, or under way. The command says which release that is before it does anything. A rollback is a deploy like
any other, so a second one goes forth again; name a release with --to for any other. After an automatic rollback there is
nothing left to undo.

Rooms are taken from their committed bytes, so the release that they leave need not be able to run them. A room that cannot
go keeps no other: those that cannot are listed with the reason.

Examples:
  playon rollback
  playon rollback --to v2.0
  playon rollback --plan                 only say what would be done

Exit codes: 0 all rooms are back and the numbers hold, or there was nothing to do; 1 a room could not go or a promise was
broken; 3 not reachable; 4 refused, or there is nothing to go back to; 130 ended by Ctrl-C, and the rollback goes on."
)]
pub(super) struct Rollback {
    /// The label or hash of the release to go to
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// Say what a rollback would do, and do nothing
    #[arg(long, conflicts_with = "to")]
    plan: bool,
    /// Wait for rooms to be between rounds instead of moving them at once
    #[arg(long)]
    wait: bool,
    /// Print the result as JSON, in one shape whatever comes of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keeper: KeeperAddress,
}

impl DeployArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        tell(self.json, self.ship())
    }

    fn ship(&self) -> Result<(), Exit> {
        let admin = AdminClient::new(self.keeper.door()?);
        block_on(async {
            let release = match open_regular(&self.what) {
                Ok(file) => upload(&admin, &self.what, file, self.label.as_deref()).await?.id,
                Err(why) => self.known(&admin, &why).await?,
            };
            let wish = DeployRequest { release, now: self.now };
            follow(&admin, "/v1/deploys", &wish, self.json).await
        })
    }

    /// Not a file: perhaps a release that is there already.
    async fn known(&self, admin: &AdminClient, why: &io::Error) -> Result<String, Exit> {
        let text = self.what.to_string_lossy().into_owned();
        let releases: Vec<ReleaseView> = admin.get("/v1/releases").await?;
        let fits = |release: &ReleaseView| {
            release.label == text || (text.len() >= 6 && release.id.starts_with(&text))
        };
        if releases.iter().any(fits) {
            return Ok(text);
        }
        if why.kind() != io::ErrorKind::NotFound {
            return Err(unreadable(&self.what, why));
        }
        let message = format!("{text} is neither a file nor a release of this keeper");
        Err(Exit::Usage(CliError::new(
            ply!("PLY-0504"),
            message,
            "give the path of an executable; `playon releases` lists releases",
        )))
    }
}

impl Rollback {
    pub(super) fn run(self) -> Result<(), Exit> {
        tell(self.json, self.go_back())
    }

    fn go_back(&self) -> Result<(), Exit> {
        let admin = AdminClient::new(self.keeper.door()?);
        block_on(async {
            let to = match &self.to {
                Some(to) => to.clone(),
                None => {
                    let way: WayBackView = admin.get("/v1/rollback").await?;
                    if self.plan {
                        return if self.json { talk::json(&way) } else { talk::data(&way.note) };
                    }
                    talk::line(&format!("rollback: {}", way.note));
                    // What was said is what is done, whatever else begins meanwhile.
                    way.to
                }
            };
            let wish = RollbackRequest { to: Some(to), now: !self.wait };
            follow(&admin, "/v1/rollback", &wish, self.json).await
        })
    }
}

fn unreadable(path: &Path, why: &io::Error) -> Exit {
    let message = format!("cannot read {}: {why}", path.display());
    let remedy = "give the path of an executable that this user can read";
    Exit::Usage(CliError::new(ply!("PLY-0504"), message, remedy))
}

async fn upload(
    admin: &AdminClient,
    path: &Path,
    file: File,
    label: Option<&str>,
) -> Result<ReleaseView, Exit> {
    let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
    let hint = path.file_name().map(|name| encode(&name.to_string_lossy())).unwrap_or_default();
    let label = label.map(|label| format!("&label={}", encode(label))).unwrap_or_default();
    // Drawn on terminals only.
    let bar = ProgressBar::new(meta.len()).with_message("uploading");
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let counted = bar.clone();
    let body = FileBody::new(file, meta.len(), move |count| counted.inc(count));
    let release: ReleaseView =
        admin.upload(&format!("/v1/releases?hint={hint}{label}"), body).await?;
    bar.finish_and_clear();
    talk::line(&format!("release {} ({})", release.label, &release.id[..12]));
    if let Some(former) = &release.label_was_of {
        let label = &release.label;
        talk::line(&format!("the label {label} passes on from {former}, which never ran a room"));
    }
    Ok(release)
}
