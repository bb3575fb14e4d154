//! What one process of bots has to say at the end.

use serde::{Deserialize, Serialize};

use super::book::BookFaults;
use super::gaps::{Measured, Stall};

/// Texts of trouble kept; the counts are complete.
pub(super) const TROUBLES_MAX: usize = 10;

/// What one process of bots has to say at the end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct BotReport {
    /// Players.
    pub players: u64,
    /// Sockets that were welcomed.
    pub sockets_opened: u64,
    /// Welcomed sockets that were closed, cut or silent.
    pub sockets_closed: u64,
    /// Sockets replaced because the keeper asked for it.
    pub sockets_moved: u64,
    /// Views that were told by what differs from the one before.
    pub views_delta: u64,
    /// Inputs sent.
    pub inputs_sent: u64,
    /// Inputs that were due while too many others waited, and therefore not sent.
    pub inputs_blocked: u64,
    /// Inputs that were lost as the kind of room allows, and that the keeper said are lost.
    pub inputs_told_lost: u64,
    /// Events that came.
    pub events: u64,
    /// What went wrong.
    pub faults: BookFaults,
    /// Players whose inputs were not all applied in time at the end.
    pub unsettled: u64,
    /// Sessions that ended before their time.
    pub sessions_ended: u64,
    /// The undisturbed window.
    pub baseline: Measured,
    /// The window with faults.
    pub disturbed: Measured,
    /// The long gaps of the disturbed window.
    pub stalls: Vec<Stall>,
    /// What the first troubles were.
    pub troubles: Vec<String>,
}

impl BotReport {
    /// Adds another process's.
    pub fn merge(&mut self, other: Self) {
        self.players += other.players;
        self.sockets_opened += other.sockets_opened;
        self.sockets_closed += other.sockets_closed;
        self.sockets_moved += other.sockets_moved;
        self.views_delta += other.views_delta;
        self.inputs_sent += other.inputs_sent;
        self.inputs_blocked += other.inputs_blocked;
        self.inputs_told_lost += other.inputs_told_lost;
        self.events += other.events;
        self.faults.add(other.faults);
        self.unsettled += other.unsettled;
        self.sessions_ended += other.sessions_ended;
        self.baseline.merge(&other.baseline);
        self.disturbed.merge(&other.disturbed);
        self.stalls.extend(other.stalls);
        other.troubles.into_iter().for_each(|text| self.trouble(text));
    }

    /// Notes a text of trouble, if there are not enough already.
    pub fn trouble(&mut self, text: String) {
        if self.troubles.len() < TROUBLES_MAX {
            self.troubles.push(text);
        }
    }
}

/// What a process of bots is told, one line of JSON each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BotOrder {
    /// From here on it is this phase.
    Phase(super::gaps::DrillPhase),
}

/// What a process of bots says, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Everyone is in.
    Ready {
        /// How many.
        players: u64,
    },
    /// The end.
    Report(Box<BotReport>),
    /// It did not work.
    Failed {
        /// Why.
        why: String,
    },
}
