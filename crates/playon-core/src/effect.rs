//! What a shard wants done, what it is told to do, and what it reports.

use std::collections::BTreeSet;

use playon_types::attach::ToWorker;
use playon_types::gate::{Create, ToGateway};
use playon_types::ids::{DeployId, ReleaseId, RoomId, Seq, SessionId, WorkerId};
use playon_types::image::{Image, Record};
use playon_types::reason::Reason;
use playon_types::time::{Span, Time, WallTime};

use crate::fleet::{Berth, Suspicion};

/// Something the shell must do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send to the gateway.
    Gate(ToGateway),
    /// Send to a worker.
    Worker(WorkerId, ToWorker),
    /// Append a record to the store's log.
    Append {
        /// The room.
        room: RoomId,
        /// The commit.
        seq: Seq,
        /// What it changed.
        record: Record,
    },
    /// Replace the room's snapshot.
    Snapshot(Image),
    /// Put the room to rest.
    Sleep(Image),
    /// Delete everything stored about the room.
    Delete(RoomId),
    /// Look whether the room is asleep in the store; answered by `handle_loaded`.
    Load(RoomId),
    /// A worker that must be killed; `handle_worker_down` follows.
    Suspect {
        /// The worker.
        worker: WorkerId,
        /// What it is suspected of.
        of: Suspicion,
        /// Why.
        why: Reason,
    },
    /// News for the director, the logs and the metrics.
    Report(Report),
}

/// A stored effect that has become safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The record of that commit.
    Record(Seq),
    /// A snapshot as of that commit.
    Snapshot(Seq),
    /// The room rests.
    Asleep,
    /// The room is deleted.
    Deleted,
}

/// What the store knows about a room that is not in the hot log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It certainly does not exist.
    Missing,
    /// It sleeps.
    Asleep {
        /// The room.
        image: Box<Image>,
        /// Since when.
        since: WallTime,
    },
    /// What is stored about it is damaged, for good.
    Damaged(String),
    /// It cannot be read now.
    Unreadable(String),
}

/// An order to a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// New and waking rooms go to this release.
    Prefer(ReleaseId),
    /// Whether sleeping rooms that wake go to the preferred release, as far as their kind's policy allows.
    BringHome(bool),
    /// That release is on probation after that one, or none is any more. What is set aside there is tried on the release before.
    Probation(Option<(ReleaseId, ReleaseId)>),
    /// Open a copy of the room on the release and report; the room does not notice.
    Check {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// The release.
        to: ReleaseId,
    },
    /// Open a copy of a room that nobody runs on the release and report: of one that is at rest, and stays so, or of one that has
    /// no worker just then. Answered by `Report::Checked` or `Report::NotProbed`, unless it is called off.
    Probe {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// The release.
        to: ReleaseId,
    },
    /// Call off the probes of a deploy. Not answered.
    CancelProbes {
        /// The deploy.
        deploy: DeployId,
    },
    /// Hand the room over to the release as its policy allows.
    Move {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// The release.
        to: ReleaseId,
        /// In the middle of a round if need be.
        at_once: bool,
        /// From when the time counts that the room's kind may wait for the end of a round, in the age of the directory's
        /// keepers (see [`crate::shard::ShardConfig::age`]); nothing: from now on.
        since: Option<Time>,
    },
    /// A room that was told to move by that deploy, and may be waiting for the end of its round, need not wait. Not answered.
    Hurry {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
    },
    /// Call off moves whose switch is not issued; each is answered by `Report::MoveFailed`.
    CancelMoves {
        /// The deploy.
        deploy: DeployId,
    },
    /// Create a room without a player.
    Create {
        /// The room.
        room: RoomId,
        /// How.
        create: Create,
    },
    /// End the room and delete it, also if it is at rest. Answered by `Report::Gone` or `Report::NotClosed`.
    Close {
        /// The room.
        room: RoomId,
    },
    /// Delete the room if it has been at rest since then or longer and nobody asks for it.
    Expire {
        /// The room.
        room: RoomId,
        /// Rooms that were put to rest later stay.
        slept_by: WallTime,
    },
    /// The releases whose executables are kept: workers of them can be started. Before this is said, workers of every release
    /// may yet attach.
    Startable(BTreeSet<ReleaseId>),
    /// Take no new players.
    Drain,
    /// Finish what is in flight, store everything, deliver nothing more.
    Stop,
}

/// News from a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The public facts about a room changed.
    Listing(Listing),
    /// The room is no longer held here.
    Gone {
        /// The room.
        room: RoomId,
        /// It sleeps; otherwise it is deleted.
        asleep: bool,
    },
    /// The room was at rest past its age, nobody asked for it, and it is deleted.
    Expired {
        /// The room.
        room: RoomId,
    },
    /// A room that was to be closed was not.
    NotClosed {
        /// The room.
        room: RoomId,
        /// Why not: it cannot be read now. Nothing if there certainly is no such room.
        unreadable: Option<String>,
    },
    /// Somebody asked for a room at rest that no release can read of which workers are attached or can be started. Whoever
    /// asked was told.
    Stranded {
        /// The room.
        room: RoomId,
        /// Which kind.
        kind: String,
        /// Version of its state.
        version: u32,
    },
    /// A copy of the room could be opened on the release, or not.
    Checked {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// What it cost, or why it failed.
        result: Result<Cost, Reason>,
    },
    /// No copy of the room was opened, which says nothing of the release.
    NotProbed {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// Why not.
        why: Unprobed,
    },
    /// The room runs on the new release.
    Moved {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// How long the room was frozen.
        pause: Span,
        /// In the middle of a round, and for longer than its kind's budget.
        late: bool,
    },
    /// The room was frozen on its way, which came to nothing, and goes on where it was.
    Thawed {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// How long the room was frozen.
        pause: Span,
        /// In the middle of a round, and for longer than its kind's budget.
        late: bool,
    },
    /// The room waits for the end of its round before it moves.
    Waiting {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// Then it moves in the middle of the round.
        until: Time,
    },
    /// The room stays where it was.
    MoveFailed {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
        /// Why.
        reason: Reason,
        /// Whether the new release is to blame; otherwise the move may be tried again.
        blame: AtFault,
    },
    /// The room's policy is to end on the release it has.
    Staying {
        /// The deploy.
        deploy: DeployId,
        /// The room.
        room: RoomId,
    },
    /// A room failed and is being reopened.
    Fault {
        /// The room.
        room: RoomId,
        /// On which release.
        release: ReleaseId,
        /// What happened.
        reason: Reason,
        /// Faults in a row that are held against the room; 0 if it merely lost its worker.
        count: u32,
        /// Whether it is known what the room fails on, and whose fault that is.
        inquiry: Inquiry,
    },
    /// Somebody asked for a kind of room that the current release does not have. Said once a minute.
    UnknownKind {
        /// What was answered.
        detail: Reason,
        /// How often that was since it was last reported.
        times: u64,
    },
    /// A commit held inputs that an earlier one had held, or left some out that should have come before.
    Miscounted {
        /// The room.
        room: RoomId,
        /// Inputs applied again.
        twice: u64,
        /// Inputs that no commit holds.
        missing: u64,
    },
    /// Something on which the game fails was set aside: it has not run and will not.
    SetAside {
        /// The room.
        room: RoomId,
        /// On which release.
        release: ReleaseId,
        /// Whose.
        session: SessionId,
        /// What.
        what: Aside,
        /// It is tried on the release before as well: [`Report::Appealed`] follows.
        appeal: bool,
    },
    /// What a release on probation fails on has been tried on the release before.
    Appealed {
        /// The room.
        room: RoomId,
        /// The release on probation.
        release: ReleaseId,
        /// It was the room itself, of which nothing can be set aside.
        itself: bool,
        /// It fails there, too. If it could not be tried it does not.
        too: bool,
    },
    /// A worker spoke for what another one has, and is ended for it.
    Lied {
        /// The release it runs.
        release: ReleaseId,
        /// What it did.
        reason: Reason,
    },
    /// It is known what the room failed on, or it does not fail any more. Said of a release on probation.
    Acquitted {
        /// The room.
        room: RoomId,
        /// On which release.
        release: ReleaseId,
    },
    /// The room keeps failing by itself; nobody runs it until another release comes.
    Halted {
        /// The room.
        room: RoomId,
        /// On which release.
        release: ReleaseId,
        /// Why.
        reason: Reason,
    },
    /// The workers that the rooms of this shard need beside the common ones, all of them.
    Berths(Vec<(ReleaseId, Berth)>),
    /// A rule of the keeper's own does not hold in the room, which is halted.
    Unsound {
        /// The room.
        room: RoomId,
        /// What does not hold.
        what: String,
    },
    /// A commit was not what it claimed to be and was refused.
    Refused {
        /// The room.
        room: RoomId,
        /// Why.
        reason: Reason,
    },
    /// The room is live again after it had lost its worker.
    Recovered {
        /// The room.
        room: RoomId,
        /// How long it was not live.
        outage: Span,
    },
    /// Inputs that were acknowledged are lost with a keeper that crashed (`WorkerCrash` kinds only).
    InputsLost {
        /// The room.
        room: RoomId,
        /// How many.
        inputs: u64,
    },
    /// After `Order::Stop`: everything is safe and nothing more will come.
    Stopped,
}

/// Why no copy of a room was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unprobed {
    /// What is stored of it is damaged.
    Damaged,
    /// It cannot be read now.
    Unreadable,
    /// Somebody asks for it or closes it, or it is gone.
    Claimed,
    /// The release does not read it.
    NotRead,
    /// The shard has as many rooms, or probes, as it may have, or it stops.
    Full,
}

/// What was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// The player's input of that number.
    Input(u64),
    /// The player's join: it was refused.
    Join,
    /// The game was not told that the player is away.
    Away,
    /// The game was not told that the player is back.
    Back,
    /// The game was not told that the player has left.
    Leave,
    /// The player is shown nothing for a while; spectators, if it is session 0.
    View,
}

/// How far it is known what a room fails on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// It is being found out: [`Report::SetAside`], another fault or [`Report::Acquitted`] follows.
    Open,
    /// It is the room itself, and that is tried on the release before as well: [`Report::Appealed`] follows.
    Appealed,
    /// It is the room itself.
    Over,
}

/// Who is to blame for a move that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtFault {
    /// The new release: it cannot open the room, or not in time.
    Release,
    /// A process that went away, or a newer deploy. The move may be tried again.
    Circumstance,
}

/// What opening a copy cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How long it took.
    pub took: Span,
    /// Bytes of state after migration.
    pub bytes: u64,
}

/// The public facts about a room; may lag behind the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The room.
    pub room: RoomId,
    /// Which kind.
    pub kind: String,
    /// Its name, or empty.
    pub name: String,
    /// The release it runs on.
    pub release: ReleaseId,
    /// Version of its state.
    pub version: u32,
    /// Seats taken or about to be; an empty one whose player may never have been told of it is free for whoever asks.
    pub players: u32,
    /// Seats there are.
    pub players_max: u32,
    /// A worker runs it.
    pub live: bool,
    /// Why it is halted, if it is.
    pub halted: Option<String>,
}
