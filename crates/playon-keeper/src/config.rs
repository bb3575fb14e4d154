//! How a keeper is set up, and every bound of its shell.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use playon_core::limits::Limits;

use crate::gateway::GatewayConfig;

/// How a keeper is set up.
#[derive(Clone, Debug)]
pub struct KeeperConfig {
    /// The data directory: database, artifacts, attach socket, admin token. Made if missing.
    pub data: PathBuf,
    /// Where players connect. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the admin API listens. Port 0 takes any free one.
    pub admin: SocketAddr,
    /// Releases to add at start, oldest first. The last becomes current if no release is yet.
    pub releases: Vec<ReleaseFile>,
    /// Owner shards, each a thread.
    pub shards: u16,
    /// Gateway threads.
    pub gateway_threads: u8,
    /// Worker processes per release that runs rooms.
    pub workers_per_release: u32,
    /// Names of environment variables that workers see, beside those of [`crate::workers`].
    pub worker_env: Vec<String>,
    /// Web pages that may open a player socket, as `scheme://host[:port]`; `*` for all. The page's own host always may.
    pub origins: Vec<String>,
    /// An open socket to take players from instead of `listen`, as service managers pass them.
    pub players_socket: Option<Arc<TcpListener>>,
    /// The same for `admin`.
    pub admin_socket: Option<Arc<TcpListener>>,
    /// The levels of this process's log, if they may be changed while it runs.
    pub log: Option<Arc<dyn LogLevels>>,
    /// The bounds of the rules.
    pub limits: Limits,
    /// The bounds of the shell.
    pub bounds: Bounds,
    /// The bounds of the gateway. Its address, threads, origins and the limits on inputs are taken from the fields above.
    pub gateway: GatewayConfig,
}

/// The levels of a log. The keeper only writes to it; whose it is decides what is kept.
pub trait LogLevels: Debug + Send + Sync {
    /// What is logged now.
    fn get(&self) -> String;

    /// Logs from now on what this says.
    ///
    /// # Errors
    /// When it says nothing that makes sense, in words for people.
    fn set(&self, levels: &str) -> Result<(), String>;

    /// Lines that were dropped because nobody read them.
    fn dropped(&self) -> u64;
}

/// An executable to add at start.
#[derive(Clone, Debug)]
pub struct ReleaseFile {
    /// The executable.
    pub path: PathBuf,
    /// Its label; without one the file name is taken.
    pub label: Option<String>,
}

/// Every bound of the shell, with its unit and what happens at it.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Messages from the gateway waiting for one shard. At the bound the socket that sent is closed with `4003`.
    pub inbox_gate_items_max: usize,
    /// Workers attached at the same time. One more is refused (`PLY-0408`).
    pub workers_max: usize,
    /// Processes that have connected and not said their hello yet. One more waits in the kernel until one of them is done.
    pub greetings_max: usize,
    /// How long a process may take from connecting to its complete hello. Then its link is closed (`PLY-0453`).
    pub hello_timeout: Duration,
    /// How long a started worker may take to attach. Then it is killed (`PLY-0413`).
    pub attach_timeout: Duration,
    /// A link is pinged this often.
    pub ping_every: Duration,
    /// A link silent for that long is dead; its worker is killed (`PLY-0409`).
    pub silent_max: Duration,
    /// The first wait before a worker that failed again is restarted; it doubles each time.
    pub restart_backoff_min: Duration,
    /// The longest wait before a restart.
    pub restart_backoff_max: Duration,
    /// Restarts in a row that wait for nothing, as a room had ended the worker, which is tried elsewhere; after them it is
    /// waited as for any other worker that fails.
    pub restarts_at_once_max: u32,
    /// A worker attached for that long is healthy: its earlier faults are forgotten and its next restart is immediate.
    /// Short, because rooms wait for a restart, and one start in two seconds harms nobody.
    pub healthy_after: Duration,
    /// Failed starts in a row after which a release that never attached is given up.
    pub starts_max: u32,
    /// Files a worker may have open.
    pub worker_files_max: u64,
    /// Bytes of one artifact. A larger upload is refused (`PLY-0505`).
    pub artifact_bytes_max: u64,
    /// Executables kept. Beyond it the one that was deployed longest ago is deleted, unless it is in use, what a rollback
    /// leads to, or the last one that reads a room at rest; to deploy it again it has to be uploaded again (`PLY-0513`).
    pub artifacts_max: usize,
    /// Rooms at rest past their age that are deleted per second; the others wait for their turn.
    pub expiries_per_second: u32,
    /// How often rooms at rest past their age are looked for, and it is counted what rests and which release reads it.
    pub sweep_every: Duration,
    /// Rooms that a deploy hands over per second and shard; the others wait for their turn.
    pub moves_per_second: u32,
    /// How long a release is watched for hard faults after a deploy; two of them, and the keeper goes back. 0: not watched.
    pub probation: Duration,
    /// Connections to the admin API. One more waits in the kernel until one of them has ended.
    pub admin_connections_max: usize,
    /// How long the head and the body of a request to the admin API may take, and each piece of an upload (`PLY-0451`); and the answer (`PLY-0542`).
    pub admin_timeout: Duration,
    /// How long an orderly stop may take. Then the keeper exits as it is.
    pub stop_timeout: Duration,
    /// How long workers may take to end by themselves at a stop. Then they are killed.
    pub worker_stop_timeout: Duration,
    /// Deploys kept in memory and listed.
    pub deploys_listed_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            inbox_gate_items_max: 65_536,
            workers_max: 64,
            greetings_max: 64,
            hello_timeout: Duration::from_secs(5),
            attach_timeout: Duration::from_secs(10),
            ping_every: Duration::from_secs(1),
            silent_max: Duration::from_secs(3),
            restart_backoff_min: Duration::from_millis(100),
            restart_backoff_max: Duration::from_secs(10),
            restarts_at_once_max: 8,
            healthy_after: Duration::from_secs(2),
            starts_max: 3,
            worker_files_max: 4_096,
            artifact_bytes_max: 512 << 20,
            artifacts_max: 20,
            expiries_per_second: 50,
            sweep_every: Duration::from_secs(60),
            moves_per_second: 100,
            probation: Duration::from_secs(60),
            admin_connections_max: 256,
            admin_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(10),
            worker_stop_timeout: Duration::from_secs(2),
            deploys_listed_max: 100,
        }
    }
}

impl KeeperConfig {
    /// The defaults for a data directory: players on 127.0.0.1:4000, admin on 127.0.0.1:4001.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            data: data.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 4001)),
            releases: Vec::new(),
            // The other half of the cores is for gateways and workers.
            shards: u16::try_from((cores / 2).clamp(1, 8)).unwrap_or(1),
            gateway_threads: u8::try_from((cores / 4).clamp(1, 8)).unwrap_or(1),
            workers_per_release: 1,
            worker_env: Vec::new(),
            origins: Vec::new(),
            players_socket: None,
            admin_socket: None,
            log: None,
            limits: Limits::default(),
            bounds: Bounds::default(),
            gateway: GatewayConfig::default(),
        }
    }
}
