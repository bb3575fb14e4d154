//! Finding the keeper: its admin address and token.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use playon_keeper::data::dir::DataDir;
use playon_store::open_regular;
use playon_types::ply;

use super::exit::{CliError, Exit};

/// Where the keeper is.
#[derive(Clone, Debug, Args)]
pub(super) struct KeeperAddress {
    /// The keeper's data directory; address and token are found there
    #[arg(long, env = "PLAYON_DATA", default_value = "playon-data", value_name = "DIR")]
    pub(super) data: PathBuf,
    /// The admin address, instead of the one noted in the data directory
    #[arg(long, env = "PLAYON_ADMIN", value_name = "ADDR")]
    pub(super) admin: Option<String>,
    /// The admin token, instead of the one in the data directory
    #[arg(long, env = "PLAYON_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Give up when the keeper has given no sign of life for so long; an upload may take four times as long
    #[arg(long, env = "PLAYON_TIMEOUT", default_value_t = PATIENCE_SECONDS, value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: f64,
}

/// Seconds that a keeper may be quiet unless it is told otherwise: it answers within the 10 s of its `admin_timeout`,
/// if only that it cannot in time.
const PATIENCE_SECONDS: f64 = 15.0;

/// A number of seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=3_600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("between 0.1 and 3600 seconds".to_owned())
    }
}

/// Where a keeper listens for admins unless it is told otherwise.
const USUAL_ADDRESS: &str = "127.0.0.1:4001";

/// The way in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) address: String,
    pub(super) token: String,
    /// How long the keeper may be quiet.
    pub(super) patience: Duration,
}

impl KeeperAddress {
    pub(super) fn door(&self) -> Result<Door, Exit> {
        let data = DataDir::at(&self.data);
        let noted = || noted_address(&data.addresses());
        let address = self.admin.clone().or_else(noted).unwrap_or_else(|| USUAL_ADDRESS.to_owned());
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let token = match &self.token {
            Some(token) => token.clone(),
            None => read_token(&data.admin_token())?,
        };
        Ok(Door { address, token, patience: Duration::from_secs_f64(self.timeout) })
    }
}

fn noted_address(path: &Path) -> Option<String> {
    let facts: serde_json::Value = serde_json::from_reader(open_regular(path).ok()?).ok()?;
    Some(facts.get("admin")?.as_str()?.to_owned())
}

fn read_token(path: &Path) -> Result<String, Exit> {
    let text = open_regular(path).and_then(io::read_to_string).map_err(|error| {
        let message = format!("no admin token: {}: {error}", path.display());
        let remedy =
            "say where the keeper's data is with --data, or give the token in PLAYON_TOKEN";
        Exit::Unreachable(CliError::new(ply!("PLY-0520"), message, remedy))
    })?;
    Ok(text.trim().to_owned())
}
