//! What a process of bots is asked to play.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;

/// What one process of bots plays.
#[derive(Clone, Debug, clap::Args)]
pub struct BotPlan {
    /// The keeper's player address.
    #[arg(long)]
    pub url: String,
    /// The kind of room.
    #[arg(long)]
    pub kind: String,
    /// The number of this process's first room.
    #[arg(long, default_value_t = 0)]
    pub first_room: u32,
    /// Rooms.
    #[arg(long)]
    pub rooms: u32,
    /// Players in each room.
    #[arg(long)]
    pub players: u32,
    /// Views a room should make per second.
    #[arg(long)]
    pub hz: u32,
    /// Inputs each player sends per second.
    #[arg(long)]
    pub inputs_per_second: u32,
    /// Where the contents and the timing come from.
    #[arg(long)]
    pub seed: u64,
    /// Others play in the same rooms, so what a room's accounts add up to cannot be known.
    #[arg(long)]
    pub strangers: bool,
    /// Rooms go back to their last checkpoint when the keeper is killed.
    #[arg(long)]
    pub goes_back: bool,
    /// One player is once shown something else than was made for it.
    #[arg(long)]
    pub corrupt_view: bool,
    /// Inputs of another game, one JSON value a line, sent in turn.
    #[arg(long)]
    pub inputs: Option<PathBuf>,
}

impl BotPlan {
    pub(super) fn input_every(&self) -> Duration {
        Duration::from_secs(1) / self.inputs_per_second.max(1)
    }

    pub(super) fn lines(&self) -> anyhow::Result<Option<Vec<Bytes>>> {
        let Some(path) = &self.inputs else { return Ok(None) };
        let text = playon_store::open_regular(path)
            .and_then(std::io::read_to_string)
            .with_context(|| format!("reading {}", path.display()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<_> = lines.map(|line| Bytes::copy_from_slice(line.as_bytes())).collect();
        anyhow::ensure!(!lines.is_empty(), "{} holds no inputs", path.display());
        Ok(Some(lines))
    }
}

/// The name of a room of the drill, by the seed and its number.
pub(crate) fn room_name(seed: u64, number: u32) -> String {
    format!("drill-{seed}-{number}")
}
