//! What a run may contain. The whole run follows from these and the seed.

use playon_types::kind::OnDeploy;
use playon_types::rng::Rng;
use playon_types::time::Span;

use crate::manners::{Manners, ROUND};

/// How a seed becomes a mixture of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SeedMode {
    /// Every fault a little, in few rooms: what is broken often is found soon.
    Lite,
    /// Each seed switches faults on and off and up and down by itself.
    #[default]
    Swarm,
    /// As swarm, with more rooms and players and a longer time of trouble.
    Soak,
}

impl SeedMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lite, Self::Swarm, Self::Soak];

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lite => "lite",
            Self::Swarm => "swarm",
            Self::Soak => "soak",
        }
    }
}

/// The options of one run; probabilities are in percent per opportunity where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// Where all randomness begins.
    pub seed: u64,
    /// Shards of the keeper; at least one.
    pub shards: u16,
    /// One of several shards gets to nothing for a while, per thousand things that it is told.
    pub lag: u64,
    /// Rooms.
    pub rooms: u64,
    /// Players of each room.
    pub players: u64,
    /// How long faults are injected.
    pub trouble: Span,
    /// How long the world may take afterwards until everything is well.
    pub recovery: Span,
    /// Kill a worker, per fault opportunity.
    pub crash_worker: u64,
    /// Cut a worker's link: what it sent may still arrive.
    pub cut_worker: u64,
    /// Stop a worker for longer than every timeout.
    pub hang_worker: u64,
    /// Kill the keeper.
    pub crash_keeper: u64,
    /// Stop the keeper in order, under load.
    pub stop_keeper: u64,
    /// Put a copy of the store, made four times as often, in its place.
    pub restore: u64,
    /// Begin a deploy, also during another.
    pub deploy: u64,
    /// Cut a player's socket.
    pub cut_client: u64,
    /// Repeat a message of a worker at once.
    pub repeat: u64,
    /// Repeat a message of a worker after a while, out of order.
    pub late: u64,
    /// A worker that lost a room commits to it all the same, per hundred batches.
    pub zombie: u64,
    /// A worker gives a wrong hash with a commit, per thousand batches.
    pub lie: u64,
    /// A worker panics on a batch, per thousand batches.
    pub panic: u64,
    /// A player sends an input that makes the game panic, die or hang, per thousand inputs.
    pub poison: u64,
    /// Players whose hooks make the game panic, die or hang, per hundred and hook of four.
    pub cursed: u64,
    /// A player sends an input that ends the room, per thousand inputs.
    pub farewell: u64,
    /// An operator closes a room.
    pub close: u64,
    /// A new release cannot open a copy, per hundred copies.
    pub bad_copy: u64,
    /// A process that takes part in a handoff dies between its steps, per hundred steps.
    pub strike: u64,
    /// A socket is too slow, per thousand messages.
    pub slow: u64,
    /// A player sends an input twice.
    pub stutter: u64,
    /// A player leaves an input out, or sends more than may wait, per thousand inputs.
    pub rude: u64,
    /// A player opens two sockets at once, and the older introduces itself later.
    pub double: u64,
    /// A player gives its seat up and comes again, per thousand inputs.
    pub leave: u64,
    /// A player whose socket is gone stays away for seconds.
    pub holiday: u64,
    /// An operator has a room made.
    pub found: u64,
    /// The store cannot read a sleeping room just now.
    pub unreadable: u64,
    /// What is stored about a room is damaged when a keeper starts, per hundred starts.
    pub damage: u64,
    /// The store takes up to a second for a batch, per thousand batches.
    pub stall: u64,
    /// Microseconds of a worker's time for each byte that it is sent, and for each byte of the state that it works on.
    pub byte_us: u64,
    /// A worker turns to another room than the one whose message came first, per hundred steps.
    pub disorder: u64,
    /// An operator goes back, also in the middle of a deploy.
    pub rollback: u64,
    /// A release that is shipped cannot run a batch of some room: it panics, or the process ends. Per hundred deploys.
    pub doom: u64,
    /// From some moment on a room leaves threads behind that end processes.
    pub threads: u64,
    /// Releases that may be shipped: 3, or without the last.
    pub releases: u64,
    /// Executables that are kept, unless more are in use.
    pub artifacts: usize,
    /// A room is said to be at rest past its age.
    pub expire: u64,
    /// The shard's queue is full for a moment.
    pub refuse: u64,
    /// The other side of a socket that is cut is noticed to be gone only after seconds, per hundred cuts.
    pub half_open: u64,
    /// A new player does not care which room it is.
    pub anywhere: u64,
    /// What several steps write is handed over to the store at once, per hundred.
    pub gather: u64,
    /// Somebody looks at a room without playing.
    pub watch: u64,
    /// When deploys may move rooms.
    pub manners: Manners,
    /// Delays vary up to this.
    pub delay_max: Span,
    /// The store takes up to this for a batch.
    pub fsync_max: Span,
    /// Hash every step into the summary.
    pub digest: bool,
    /// Print every step.
    pub trace: bool,
}

impl Options {
    /// The mixture that a seed stands for in a mode.
    pub fn new(mode: SeedMode, seed: u64) -> Self {
        match mode {
            SeedMode::Lite => Self::lite(seed),
            SeedMode::Swarm => Self::swarm(seed),
            SeedMode::Soak => Self {
                rooms: 8,
                players: 6,
                trouble: Span::secs(60),
                recovery: Span::secs(40),
                ..Self::swarm(seed)
            },
        }
    }

    /// A world in which nothing goes wrong by itself.
    pub fn calm(rooms: u64, players: u64) -> Self {
        Self {
            shards: 1,
            rooms,
            players,
            recovery: Span::secs(40),
            releases: 2,
            artifacts: 3,
            delay_max: Span::millis(2),
            fsync_max: Span::millis(3),
            ..Self::default()
        }
    }

    fn lite(seed: u64) -> Self {
        Self {
            seed,
            trouble: Span::secs(8),
            crash_worker: 6,
            cut_worker: 4,
            hang_worker: 2,
            crash_keeper: 3,
            stop_keeper: 3,
            restore: 1,
            deploy: 15,
            rollback: 4,
            releases: 3,
            artifacts: 2,
            cut_client: 10,
            repeat: 5,
            late: 5,
            zombie: 20,
            panic: 2,
            farewell: 2,
            close: 2,
            bad_copy: 3,
            strike: 15,
            slow: 8,
            stutter: 5,
            double: 10,
            leave: 5,
            holiday: 20,
            damage: 10,
            expire: 10,
            refuse: 2,
            half_open: 30,
            anywhere: 30,
            gather: 30,
            watch: 10,
            disorder: 20,
            ..Self::calm(3, 2)
        }
    }

    /// Every fault on for some seeds and off for others.
    fn swarm(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let mut some = |max: u64| if rng.percent(60) { 1 + rng.below(max) } else { 0 };
        Self {
            seed,
            crash_worker: some(12),
            cut_worker: some(8),
            hang_worker: some(4),
            crash_keeper: some(6),
            stop_keeper: some(8),
            restore: some(2),
            deploy: some(25),
            cut_client: some(20),
            repeat: some(10),
            late: some(10),
            zombie: some(30),
            lie: some(3),
            panic: some(8),
            poison: some(4),
            cursed: some(12),
            farewell: some(3),
            close: some(4),
            bad_copy: some(10),
            strike: some(30),
            slow: some(20),
            stutter: some(10),
            rude: some(6),
            double: some(30),
            leave: some(40),
            holiday: some(40),
            found: some(30),
            unreadable: some(50),
            damage: some(40),
            stall: some(10),
            // At the most half a second for a state: then all work queues up behind other work.
            byte_us: some(60) * some(60),
            delay_max: Span::millis(1 + some(20)),
            fsync_max: Span::millis(1 + some(15)),
            rooms: 1 + some(4),
            players: 1 + some(3),
            trouble: Span::secs(8),
            recovery: Span::secs(40),
            rollback: some(12),
            doom: some(60),
            releases: 2 + some(2).min(1),
            artifacts: 1 + some(3) as usize,
            manners: Manners { expire: age_of(seed), ..manners(&mut some) },
            expire: some(40),
            refuse: some(6),
            half_open: some(60),
            anywhere: some(60),
            gather: some(80),
            watch: some(20),
            shards: shards_of(seed),
            threads: threads_of(seed),
            lag: some(5),
            disorder: some(60),
            digest: false,
            trace: false,
        }
    }
}

/// Two of three seeds have one shard, the others two or three.
const fn shards_of(seed: u64) -> u16 {
    match playon_types::rng::mix(seed ^ 0x5a4d) % 6 {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

/// With every sixth seed some room begins to leave threads behind soon.
const fn threads_of(seed: u64) -> u64 {
    match playon_types::rng::mix(seed ^ 0x7d5) % 6 {
        0 => 20,
        _ => 0,
    }
}

/// With every other seed rooms that sleep get old within a run.
fn age_of(seed: u64) -> Span {
    match playon_types::rng::mix(seed ^ 0xa9e) % 4 {
        0 => Span::millis(700),
        1 => Span::secs(2),
        _ => Manners::default().expire,
    }
}

/// Rooms of each kind move at once, at the end of a round or never.
fn manners(some: &mut impl FnMut(u64) -> u64) -> Manners {
    let mut one = |usual| match some(4) {
        3 => ROUND,
        4 => OnDeploy::Finish,
        _ => usual,
    };
    Manners {
        ticking: one(OnDeploy::Now),
        turns: one(ROUND),
        lossy: one(OnDeploy::Now),
        ..Manners::default()
    }
}
