//! Rules that can be broken on purpose, to prove that the simulator would notice.
//!
//! With the feature `mutants` one rule at a time can be switched off in the machines of the present thread. Without
//! the feature, which is how every keeper is built, [`broken`] is the constant `false`.

use bytes::Bytes;
use playon_types::image::StateCodec;

/// Declares the rules with their names and what breaking each does.
macro_rules! mutants {
    ($($(#[doc = $about:literal])+ $variant:ident $name:literal,)+) => {
        /// A rule of the core, broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[doc = $about])+ $variant,)+
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name on a command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it does.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($about,)+).trim_ascii(),)+
                }
            }
        }
    };
}

mutants! {
    /// Outputs leave before their commit is safe.
    ReleaseUnsafe "release-unsafe",
    /// Events that are not yet safe are sent to a socket that comes back.
    BacklogUnsafe "backlog-unsafe",
    /// A message of a worker counts whatever attempt it carries.
    AttemptUnchecked "attempt-unchecked",
    /// An older socket of a session takes it back from a newer one.
    GenerationUnchecked "generation-unchecked",
    /// An input is acknowledged when it arrives, not when it is applied and safe.
    AckAtReceipt "ack-at-receipt",
    /// An input that was taken before is taken again.
    DuplicateTaken "duplicate-taken",
    /// An input is taken although one before it is missing.
    GapTaken "gap-taken",
    /// What was in flight with a lost worker is not delivered again.
    NoRedelivery "no-redelivery",
    /// The room thaws on the old worker after the switch was issued.
    ThawAfterMigrate "thaw-after-migrate",
    /// The new worker is delivered to before the switch is safe.
    SwitchUnsafe "switch-unsafe",
    /// The old worker is not told that its attempt has ended.
    NoRetire "no-retire",
    /// Deltas between the copy and the cutover are not sent to the new worker.
    TailDropped "tail-dropped",
    /// When the room wants to be woken is lost in a handoff.
    TimersLost "timers-lost",
    /// The events kept for players are lost in a handoff.
    OutboxLost "outbox-lost",
    /// A frozen room is never thawed by time.
    FreezeForever "freeze-forever",
    /// A room comes back with its old history although commits that players saw are gone.
    HistoryKept "history-kept",
    /// A returning player is not told that inputs were lost.
    LossUntold "loss-untold",
    /// A returning player is told that nothing is missing although events are.
    GapHidden "gap-hidden",
    /// A room that cannot be read is taken for one that does not exist.
    EmptyTwin "empty-twin",
    /// A damaged room is forgotten, and so taken for one that does not exist.
    DamageForgotten "damage-forgotten",
    /// Players are told of the end of a room, and it is deleted, before the end is safe.
    EndUnsafe "end-unsafe",
    /// A room that had ended when the keeper died is kept.
    EndForgotten "end-forgotten",
    /// The room is not told that a player is away.
    AwayLost "away-lost",
    /// Whoever comes and goes while a room waits is told to it each time.
    NothingUnsaid "nothing-unsaid",
    /// Seats of absent players are never given up.
    SeatsForever "seats-forever",
    /// A room's clock runs on while no worker has the room.
    ClockRunsDown "clock-runs-down",
    /// The hash of a commit is not compared with the bytes.
    HashUnchecked "hash-unchecked",
    /// Snapshots of a room are handed to the store although earlier ones are not safe.
    CheckpointsPile "checkpoints-pile",
    /// A keeper that dies again forgets that commits were lost before.
    LossForgotten "loss-forgotten",
    /// A room runs any number of commits ahead of the store.
    AheadUnbounded "ahead-unbounded",
    /// A session may have any number of inputs waiting.
    InputsUnbounded "inputs-unbounded",
    /// The events kept for a session have no bound.
    OutboxUnbounded "outbox-unbounded",
    /// A socket that the owner has closed stays in its books.
    SocketsKept "sockets-kept",
    /// Any number of rooms is handed over at the same time.
    HandoffsUnbounded "handoffs-unbounded",
    /// Rooms that take long are handed over beside others.
    HandoffsBeside "handoffs-beside",
    /// What a room fails on is held against its release before it is known what it was.
    Hasty "hasty",
    /// What a release on probation fails on is held against it although the one before fails on it, too.
    AppealsLost "appeals-lost",
    /// A room that was frozen for too long is not tried alone.
    LateOnce "late-once",
    /// The deltas sent after a copy may be longer than the state.
    TailUnbounded "tail-unbounded",
    /// A worker that takes too long to open a room is waited for.
    OpenForever "open-forever",
    /// A worker that died over openings is asked for as many at once again.
    RetryGreedy "retry-greedy",
    /// An input that makes the game fail is delivered for ever.
    PoisonKept "poison-kept",
    /// What was alone when its process died is set aside at once, although that may have had another cause.
    OneStrike "one-strike",
    /// A process that dies at nothing of any room says nothing of a release on probation.
    DeathsUnwatched "deaths-unwatched",
    /// What fails in a process that others share is charged with it, although a panic may have spoiled the process.
    ProcessTrusted "process-trusted",
    /// A fault that took the process down is tried among the other rooms.
    TrialInCommon "trial-in-common",
    /// A copy that took a process down is opened among the other rooms again.
    CopiesAmongOthers "copies-among-others",
    /// What rooms have left behind in threads, of which processes die when no room is at anything, is never held against any.
    ThreadsUnheeded "threads-unheeded",
    /// Rooms of which one has left behind what takes processes down are run in one process, and not split.
    SuspectsTogether "suspects-together",
    /// Every room that a lost worker had is held to have caused it.
    AllSuspects "all-suspects",
    /// An input that was set aside is told as applied.
    AsideUntold "aside-untold",
    /// A room that appears while a deploy moves rooms is forgotten by it.
    StraysForgotten "strays-forgotten",
    /// A deploy that was under way is forgotten by the next keeper.
    DeployForgotten "deploy-forgotten",
    /// A rollback undoes the last deploy even if that had moved nothing.
    WayBackAny "way-back-any",
    /// An order to move that is dropped is waited for, for ever.
    DroppedUnanswered "dropped-unanswered",
    /// A second wish for the deploy that is under way takes its place.
    TwinSupersedes "twin-supersedes",
    /// Rooms that a stopped deploy had moved are moved back without being told to.
    StoppedGoHome "stopped-go-home",
    /// What a deploy had moved before its keeper died is not counted.
    MovesUncounted "moves-uncounted",
    /// Nothing is held against a new release.
    ProbationBlind "probation-blind",
    /// The probation of a release ends with its keeper.
    ProbationForgotten "probation-forgotten",
    /// A room whose kind's policy is not known yet is moved as if it had none.
    PolicyAssumed "policy-assumed",
    /// A room that has no worker just then is moved in the middle of a round.
    RoundsForgotten "rounds-forgotten",
    /// A room at rest past its age is deleted although somebody asks for it.
    ExpireAsked "expire-asked",
    /// A room at rest is deleted however short it has been there.
    ExpireYoung "expire-young",
    /// A room at rest whose release is gone waits for it, though another one could read it.
    ReaderForgotten "reader-forgotten",
    /// A room whose last worker is gone waits for another one of its release, though none can be started and another release
    /// could read it.
    LastWorkerUnheeded "last-worker-unheeded",
    /// Whoever is in a room that no release reads any more, or comes to it, waits for ever.
    StrandedUntold "stranded-untold",
    /// An executable is deleted although no other one reads what is at rest.
    SleepersForgotten "sleepers-forgotten",
    /// The executable that the way back leads to is deleted.
    WayBackDiscarded "way-back-discarded",
    /// While a deploy is under way the executable is deleted that the way back leads to if it comes to nothing.
    FormerWayBackDiscarded "former-way-back-discarded",
    /// Rooms at rest are deleted as fast as they are found.
    ExpiryUnpaced "expiry-unpaced",
    /// Rooms at rest are deleted as the release before would have them deleted.
    ExpiryStale "expiry-stale",
    /// How long the current release keeps a kind at rest is not looked at, only what the release says that wrote it.
    ExpiryByWriter "expiry-by-writer",
    /// No copy of a room at rest is opened before a deploy.
    SleepersUnchecked "sleepers-unchecked",
    /// A copy that a deploy wants of a room at rest wakes it.
    ProbeWakes "probe-wakes",
    /// A room that fails whenever somebody sees it is held to fail by itself.
    ViewsUnsuspected "views-unsuspected",
    /// A shard knows of a worker only what that does for the shard's own rooms.
    NeighboursUnheard "neighbours-unheard",
    /// The workers that one shard needs take the place of those that another one needs.
    BerthsOverwritten "berths-overwritten",
    /// What the director tells all shards reaches only the first.
    FirstShardOnly "first-shard-only",
    /// Shards give out the same attempts.
    AttemptsShared "attempts-shared",
    /// Rooms of all shards are tried in the same workers.
    LanesShared "lanes-shared",
    /// What was held against the release that a room leaves is held against its move.
    LeavingBlamed "leaving-blamed",
    /// A batch that may take longer, as its turn had not come, is not looked at again.
    TimersUnarmed "timers-unarmed",
    /// What a room waited for is still waited for when its phase has ended.
    TimersUnstopped "timers-unstopped",
}

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Breaks a rule in every machine of this thread, or none.
    pub fn switch_on(mutant: Option<Mutant>) {
        ON.set(mutant);
    }

    pub(crate) fn broken(rule: Mutant) -> bool {
        ON.get() == Some(rule)
    }
}

#[cfg(feature = "mutants")]
pub(crate) use switch::broken;
#[cfg(feature = "mutants")]
pub use switch::switch_on;

/// Whether the rule is broken on purpose.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn broken(_: Mutant) -> bool {
    false
}

/// A codec that finds whatever hash it was told: for [`Mutant::HashUnchecked`].
pub(crate) struct Believing<'a, C> {
    pub(crate) codec: &'a C,
    pub(crate) told: u64,
}

impl<C: StateCodec> StateCodec for Believing<'_, C> {
    fn apply(&self, base: &[u8], delta: &[u8], max: usize) -> Option<Bytes> {
        self.codec.apply(base, delta, max)
    }

    fn hash(&self, _: &[u8]) -> u64 {
        self.told
    }
}
