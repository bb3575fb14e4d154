//! What the admin API shows, as JSON.

mod status;

use serde::{Deserialize, Serialize};

pub(crate) use status::Queues;

/// The keeper at a glance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusView {
    /// Version of the keeper.
    pub version: String,
    /// The store's epoch: how often it was opened.
    pub epoch: u64,
    /// Seconds since the keeper began.
    pub uptime_s: u64,
    /// Where players connect.
    pub players_at: String,
    /// Whether new players are taken.
    pub ready: bool,
    /// Why not.
    pub not_ready: Option<String>,
    /// The current release's label.
    pub current: Option<String>,
    /// Rooms in memory.
    pub rooms: usize,
    /// Of these, rooms that a worker runs.
    pub rooms_live: usize,
    /// The same rooms by kind, release and state.
    pub rooms_by: Vec<RoomGroup>,
    /// Rooms at rest in the store, when they were last counted.
    pub rooms_at_rest: u64,
    /// Of these, rooms that no release reads which is kept.
    pub rooms_unread: u64,
    /// Seats taken.
    pub players: u64,
    /// Player sockets.
    pub sockets: u64,
    /// Whether all rooms have been read back after the start.
    pub recovered: bool,
    /// Whether no new rooms are taken.
    pub draining: bool,
    /// All releases, oldest first.
    pub releases: Vec<ReleaseView>,
    /// Attached workers.
    pub workers: Vec<WorkerView>,
    /// The deploy under way or the last one.
    pub deploy: Option<DeployView>,
    /// What took how long in the last minute, in milliseconds.
    pub timings_ms: TimingsView,
    /// What waits where.
    pub queues: QueuesView,
    /// The store's size.
    pub store: StoreView,
    /// Memory of the keeper process.
    pub memory_bytes: u64,
    /// Counters since the keeper began, for rates.
    pub totals: TotalsView,
    /// The last faults, newest first.
    pub faults: Vec<FaultView>,
}

/// Rooms that have kind, release and state in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomGroup {
    /// Which kind.
    pub kind: String,
    /// The label of the release.
    pub release: String,
    /// `live`, `opening` or `halted`.
    pub state: String,
    /// How many.
    pub rooms: usize,
    /// Seats taken in them.
    pub players: u64,
}

/// What took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingsView {
    /// How long after its time a round of ticks began.
    pub tick_late: DurationView,
    /// From when a room's batch was due until its commit came back from the worker.
    pub batch: DurationView,
    /// From handing commits to the store until they are safe.
    pub commit: DurationView,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DurationView {
    /// Half took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// How many there were.
    pub count: u64,
}

/// What waits where. Each queue has a bound, see `docs/limits.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuesView {
    /// Events for the owner's shards.
    pub owner: usize,
    /// Batches for the gateway's threads.
    pub gateway: usize,
    /// Messages for workers that have used up their credits.
    pub link: usize,
    /// Batches that are not safe yet.
    pub store: usize,
}

/// The store's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreView {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
    /// Free bytes where it lies.
    pub disk_free_bytes: u64,
}

/// Counters since the keeper began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsView {
    /// Frames from players.
    pub frames_in: u64,
    /// Frames to players.
    pub frames_out: u64,
    /// Bytes from players.
    pub bytes_in: u64,
    /// Bytes to players.
    pub bytes_out: u64,
    /// Player sockets let in.
    pub accepted: u64,
    /// Batches that workers ran.
    pub batches: u64,
    /// Commits handed to the store.
    pub commits: u64,
    /// Times that the store made batches of commits safe.
    pub syncs: u64,
    /// Faults of rooms.
    pub room_faults: u64,
    /// Workers that ended unwished.
    pub worker_ends: u64,
    /// Acknowledged inputs lost with a keeper.
    pub inputs_lost: u64,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// In which room.
    pub room: Option<String>,
    /// On which release.
    pub release: Option<String>,
    /// What happened, with its code if it has one.
    pub what: String,
}

/// An attached worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its number.
    pub id: u64,
    /// Its release's label.
    pub release: String,
    /// The game's own name.
    pub app: String,
    /// Its process.
    pub pid: u32,
    /// Whether the keeper started it.
    pub spawned: bool,
}

/// A room's public facts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomView {
    /// Its UUID.
    pub id: String,
    /// Which kind.
    pub kind: String,
    /// Its name, or empty.
    pub name: String,
    /// The label of the release it runs on.
    pub release: String,
    /// Version of its state.
    pub version: u32,
    /// Seats taken or about to be.
    pub players: u32,
    /// Seats there are.
    pub players_max: u32,
    /// Whether a worker runs it.
    pub live: bool,
    /// Why it is halted, if it is.
    pub halted: Option<String>,
    /// Faults since the keeper began.
    pub faults: u64,
    /// The last of them.
    pub last_fault: Option<String>,
    /// Since when it is at rest, in milliseconds since 1970; nothing if it is in memory, 0 if that is not known.
    #[serde(default)]
    pub at_rest_since_ms: Option<u64>,
}

/// A room at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsleepView {
    /// Its UUID.
    pub id: String,
    /// Which kind; empty if it was put to rest by a build that did not note it.
    pub kind: String,
    /// Its name, or empty.
    pub name: String,
    /// The label of the release that wrote its state.
    pub release: String,
    /// Version of its state.
    pub version: u32,
    /// Seats that are kept in it.
    pub seats: u32,
    /// Bytes of what is stored of it.
    pub bytes: u64,
    /// When it was put to rest, in milliseconds since 1970; nothing if that is not known.
    pub since_ms: Option<u64>,
    /// For how long it has been at rest, in milliseconds, as the keeper counts that: the wall clock may have been set meanwhile.
    pub rested_ms: Option<u64>,
    /// From when on it is deleted; nothing if it is kept for ever.
    pub expires_ms: Option<u64>,
    /// In how many milliseconds that is, as the keeper counts.
    pub expires_in_ms: Option<u64>,
    /// Whether it would be deleted now.
    pub expired: bool,
    /// Whether a release that is kept reads it.
    pub readable: bool,
}

/// Which rooms at rest to list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AsleepFilter {
    /// Only this kind.
    pub kind: Option<String>,
    /// Only what this release wrote, by label or the beginning of its hash.
    pub release: Option<String>,
    /// Only those that would be deleted now.
    #[serde(default)]
    pub expired: bool,
    /// Only those after this id.
    pub after: Option<String>,
    /// At most so many, and at most 1,000.
    pub limit: Option<usize>,
}

/// Some of the rooms at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsleepPage {
    /// How many are at rest, whatever was asked for.
    pub at_rest: u64,
    /// Of these, rooms that no kept release reads.
    pub unread: u64,
    /// Those that were asked for, in the order of their ids.
    pub rooms: Vec<AsleepView>,
    /// There may be more after this id; ask for them with `after`.
    pub next: Option<String>,
}

/// A release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseView {
    /// Its label.
    pub label: String,
    /// The SHA-256 of its executable.
    pub id: String,
    /// When it was added, in milliseconds since 1970.
    pub added_ms: u64,
    /// Whether new rooms go to it.
    pub current: bool,
    /// Whether the keeper has its executable.
    pub stored: bool,
    /// Its attached workers.
    pub workers: usize,
    /// Rooms on it.
    pub rooms: usize,
    /// What it can run, once a worker of it has attached.
    pub kinds: Vec<KindView>,
    /// In the answer to an upload: what the release is called now that had the label before and never ran a room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_was_of: Option<String>,
}

/// A kind of room as a release serves it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KindView {
    /// The kind's name.
    pub name: String,
    /// The state version it writes.
    pub writes: u32,
    /// The oldest state version it reads.
    pub reads_from: u32,
    /// The oldest state version it can turn its own back into.
    pub exports_to: u32,
}

/// How long rooms were frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PauseView {
    /// Half of the rooms were frozen for less, in milliseconds.
    pub p50: f64,
    /// 99 of 100 rooms were frozen for less.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// A deploy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeployView {
    /// Its number.
    pub id: u64,
    /// `deploy`, `rollback` or `automatic rollback`.
    pub kind: String,
    /// The label of the release before.
    pub from: Option<String>,
    /// The label of the release after.
    pub to: String,
    /// `starting`, `checking`, `moving`, `done`, `partial`, `stopped`, `reverted` or `superseded`.
    pub phase: String,
    /// Whether nothing more will happen.
    pub finished: bool,
    /// Whether rooms move in the middle of a round.
    pub now: bool,
    /// Copies of rooms in memory that were opened before anything moved; 0 if there was none.
    pub rooms_checked: u64,
    /// Copies of rooms at rest that were; they rest on.
    #[serde(default)]
    pub at_rest_checked: u64,
    /// Rooms at rest that were passed over because what is stored of them is damaged.
    #[serde(default)]
    pub at_rest_damaged: u64,
    /// Groups of rooms at rest, of a kind, version and release that wrote them, that the release says it reads and of which none
    /// was tried.
    #[serde(default)]
    pub at_rest_untried: u64,
    /// Rooms that were told to move, each counted once.
    pub rooms: u64,
    /// Rooms that have moved.
    pub rooms_moved: u64,
    /// Rooms that still have to move.
    pub rooms_waiting: u64,
    /// Of these, rooms that wait for the end of their round.
    pub rooms_in_round: u64,
    /// When the last of them moves at the latest, in milliseconds since 1970.
    pub in_round_until_ms: Option<u64>,
    /// Rooms that end on the release they have.
    pub rooms_staying: u64,
    /// Rooms that ended or went to sleep before it was their turn.
    pub rooms_gone: u64,
    /// Rooms that could not go.
    pub rooms_left: u64,
    /// The first 100 of them.
    pub left: Vec<LeftView>,
    /// Handoffs that failed, retries included.
    pub faults: u64,
    /// Times that the keeper ended meanwhile; sockets that ended with it are not counted.
    pub restarts: u64,
    /// Sockets with a seat, or watching, that the keeper closed meanwhile for a reason that neither player nor game gave.
    pub sockets_closed: u64,
    /// Acknowledged inputs that were lost meanwhile, and inputs that a commit should have held and did not.
    pub inputs_lost: u64,
    /// Inputs that were set aside because the game failed on them.
    pub inputs_set_aside: u64,
    /// Inputs that a commit held although an earlier one had.
    pub inputs_applied_twice: u64,
    /// Rooms that stood still in the middle of a round for longer than their kind's `pause_budget`.
    pub pauses_over_budget: u64,
    /// How long rooms were frozen.
    pub pause_ms: PauseView,
    /// When it was begun, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended.
    pub finished_ms: Option<u64>,
    /// Why it was stopped or reverted.
    pub reason: Option<String>,
    /// Rooms at rest that the release does not read; nothing before it has attached.
    #[serde(default)]
    pub at_rest_unread: Option<u64>,
    /// Of these, rooms that no release reads which is kept.
    #[serde(default)]
    pub at_rest_lost: Option<u64>,
}

/// A room that could not go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftView {
    /// Its UUID.
    pub room: String,
    /// Why, with its code.
    pub reason: String,
}

/// What a rollback would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBackView {
    /// The number of the deploy that it undoes.
    pub undoes: u64,
    /// The label of the release that rooms leave.
    pub from: String,
    /// The label of the release that they go to.
    pub to: String,
    /// One line about it.
    pub note: String,
}

/// The answer to a request for a deploy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeployAnswer {
    /// The deploy; nothing if there is nothing to do.
    pub deploy: Option<DeployView>,
    /// One line about it.
    pub note: String,
    /// Whether the deploy was under way already, and is what was asked for.
    #[serde(default)]
    pub joined: bool,
}
