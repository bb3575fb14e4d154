//! What a run may contain. The whole run follows from these and the seed.

use playon_core::time::Span;

/// The options of one run; probabilities are in percent per opportunity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where all randomness begins.
    pub seed: u64,
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
    /// Begin a deploy, also during another.
    pub deploy: u64,
    /// Cut a player's socket.
    pub cut_client: u64,
    /// Repeat a message of a worker.
    pub repeat: u64,
    /// A worker panics on a batch, per thousand batches.
    pub panic: u64,
    /// A new release cannot open a copy, per hundred copies.
    pub bad_copy: u64,
    /// A process that takes part in a handoff dies between its steps, per hundred steps.
    pub strike: u64,
    /// A socket is too slow, per thousand messages.
    pub slow: u64,
    /// A player gives its seat up and comes again, per thousand inputs.
    pub leave: u64,
    /// A player whose socket is gone stays away for seconds.
    pub holiday: u64,
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
    /// The mixture that a seed stands for: every fault on for some seeds and off for others.
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = playon_core::rng::Rng::new(seed ^ 0x5eed);
        let mut some = |max: u64| if rng.percent(60) { 1 + rng.below(max) } else { 0 };
        Self {
            seed,
            crash_worker: some(12),
            cut_worker: some(8),
            hang_worker: some(4),
            crash_keeper: some(6),
            deploy: some(25),
            cut_client: some(20),
            repeat: some(10),
            panic: some(8),
            bad_copy: some(10),
            strike: some(30),
            slow: some(20),
            leave: some(10),
            holiday: some(40),
            delay_max: Span::millis(1 + some(20)),
            fsync_max: Span::millis(1 + some(15)),
            rooms: 1 + some(4),
            players: 1 + some(3),
            trouble: Span::secs(20),
            recovery: Span::secs(25),
            digest: false,
            trace: false,
        }
    }

    /// The same mixture for a while that a test can afford.
    #[must_use]
    pub fn lite(self) -> Self {
        Self { trouble: Span::secs(8), ..self }
    }
}
