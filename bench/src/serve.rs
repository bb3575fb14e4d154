//! The keeper under load: that of `playon serve`, with the bounds raised that would stop such a load.
//!
//! Raised are how fast players may come and talk, how many sockets there may be, and how many rooms a deploy moves per second:
//! the first two protect a keeper from its players, the last keeps a deploy from being noticed, and all three
//! would be what is measured.

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use playon_keeper::gateway::{GatewayConfig, RateConfig};
use playon_keeper::{Bounds, Keeper, KeeperConfig, ReleaseFile};

/// More than any load here.
const PLENTY: u32 = 1_000_000;

/// Sockets; the players' side of each is in the process that measures, which may have as many files.
const SOCKETS_MAX: usize = 12_000;

/// Where a keeper keeps its data, and what it runs.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The data directory
    #[arg(long)]
    pub data: PathBuf,
    /// The executable of the release
    #[arg(long)]
    pub release: PathBuf,
}

/// The gateway of the load.
pub fn gateway_config() -> GatewayConfig {
    GatewayConfig {
        address: any_port(),
        threads: 1,
        sockets_max: SOCKETS_MAX,
        connections_max: SOCKETS_MAX,
        admit_per_second: PLENTY,
        admit_burst: PLENTY,
        rate: RateConfig {
            frames_per_second: PLENTY,
            frames_burst: PLENTY,
            bytes_per_second: u32::MAX,
            bytes_burst: u32::MAX,
        },
        // Opening ten thousand sockets takes its time, and those that are open say nothing meanwhile.
        ping_after: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(120),
        ..GatewayConfig::default()
    }
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Runs a keeper until its standard input ends. Each line that comes in is answered by what `answer` says.
///
/// # Errors
/// When it cannot start or cannot stop in order.
pub fn run(serve: Serve, answer: impl Fn() -> String) -> anyhow::Result<()> {
    let usual = KeeperConfig::new(serve.data);
    let config = KeeperConfig {
        listen: any_port(),
        admin: any_port(),
        releases: vec![ReleaseFile { path: serve.release, label: None }],
        bounds: Bounds { moves_per_second: PLENTY, ..usual.bounds.clone() },
        gateway: gateway_config(),
        ..usual
    };
    let keeper = Keeper::start(&config)?;
    announce(keeper.players_at(), Some(keeper.admin_at()))?;
    until_told(answer)?;
    Ok(keeper.stop()?)
}

/// Says where it listens, in one line.
pub(crate) fn announce(players: SocketAddr, admin: Option<SocketAddr>) -> anyhow::Result<()> {
    let facts = serde_json::json!({
        "players": players.to_string(),
        "admin": admin.map(|admin| admin.to_string()),
    });
    writeln!(std::io::stdout(), "{facts}").context("nobody listens")
}

/// Waits for the end of the standard input.
pub(crate) fn until_told(answer: impl Fn() -> String) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        line?;
        writeln!(std::io::stdout(), "{}", answer())?;
    }
    Ok(())
}
