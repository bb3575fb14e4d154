//! What a run came to, in numbers.

use std::fmt;

use crate::coverage::Coverage;

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events of the world.
    pub steps: u64,
    /// Rooms handed over.
    pub moved: u64,
    /// Handoffs that came to nothing.
    pub move_failed: u64,
    /// Times a room went to sleep.
    pub slept: u64,
    /// Times a room ended, by itself or by an operator.
    pub ended: u64,
    /// Deploys asked for.
    pub deploys: u64,
    /// Keepers killed.
    pub keeper_crashes: u64,
    /// Keepers stopped in order.
    pub keeper_stops: u64,
    /// Times a copy was put in the place of the store.
    pub restores: u64,
    /// Workers killed, cut off or found hung.
    pub worker_crashes: u64,
    /// Sockets cut.
    pub cuts: u64,
    /// Inputs made.
    pub inputs: u64,
    /// Inputs that players were told are lost.
    pub lost: u64,
    /// A hash over everything that happened.
    pub trace: u64,
    /// States and transitions that were reached.
    pub coverage: Coverage,
}

impl Summary {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.moved += other.moved;
        self.move_failed += other.move_failed;
        self.slept += other.slept;
        self.ended += other.ended;
        self.deploys += other.deploys;
        self.keeper_crashes += other.keeper_crashes;
        self.keeper_stops += other.keeper_stops;
        self.restores += other.restores;
        self.worker_crashes += other.worker_crashes;
        self.cuts += other.cuts;
        self.inputs += other.inputs;
        self.lost += other.lost;
        self.coverage.merge(&other.coverage);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} steps, {} inputs, {} deploys, {} rooms moved, {} moves undone, {} put to sleep, {} ended, \
             {} sockets cut, {} workers and {} keepers lost, {} stopped, {} restored",
            self.steps,
            self.inputs,
            self.deploys,
            self.moved,
            self.move_failed,
            self.slept,
            self.ended,
            self.cuts,
            self.worker_crashes,
            self.keeper_crashes,
            self.keeper_stops,
            self.restores
        )
    }
}
