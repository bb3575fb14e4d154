//! Which states and transitions of the machines the runs have reached, and which not.
//!
//! The tables below say what the machines may do. What is seen and does not stand there breaks the run; what stands
//! there and was never seen is named, in brackets.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use playon_core::facts::{Place, Seating};
use playon_types::record::DeployPhase;

/// Where a room may go in one step of the shard; several things may happen to it within one.
pub const ROOMS: &[(Place, &[Place])] = &[
    (
        Place::Absent,
        &[
            Place::Loading,
            Place::Creating,
            Place::Halted,
            Place::Idle,
            Place::Opening,
            Place::Resting,
        ],
    ),
    (
        Place::Loading,
        &[
            Place::Absent,
            Place::Creating,
            Place::Halted,
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Resting,
        ],
    ),
    (Place::Creating, &[Place::Absent, Place::Idle, Place::Opening, Place::Live]),
    (Place::Halted, &[Place::Absent]),
    (Place::Idle, &[Place::Opening, Place::Live, Place::Resting]),
    (
        Place::Opening,
        &[
            Place::Idle,
            Place::Live,
            Place::Exporting,
            Place::Prewarming,
            Place::Warm,
            Place::SwitchingOldGone,
            Place::Resting,
        ],
    ),
    (
        Place::Live,
        &[
            Place::Idle,
            Place::Opening,
            Place::Exporting,
            Place::Prewarming,
            Place::Warm,
            Place::Resting,
        ],
    ),
    (
        Place::Exporting,
        &[Place::Idle, Place::Opening, Place::Live, Place::Prewarming, Place::Warm, Place::Resting],
    ),
    (
        Place::Prewarming,
        &[
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Exporting,
            Place::Warm,
            Place::Cutover,
            Place::CutoverExporting,
            Place::Resting,
        ],
    ),
    (
        Place::Warm,
        &[
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Exporting,
            Place::Prewarming,
            Place::Cutover,
            Place::CutoverExporting,
            Place::Resting,
        ],
    ),
    (
        Place::Cutover,
        &[
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Exporting,
            Place::Prewarming,
            Place::CutoverOrphan,
            Place::Switching,
            Place::Resting,
        ],
    ),
    (
        Place::CutoverExporting,
        &[
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Exporting,
            Place::Prewarming,
            Place::Cutover,
            Place::CutoverOrphan,
            Place::Resting,
        ],
    ),
    (Place::CutoverOrphan, &[Place::Idle, Place::Opening, Place::SwitchingOldGone, Place::Resting]),
    (
        Place::Switching,
        &[
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Exporting,
            Place::Prewarming,
            Place::SwitchingOldGone,
            Place::SwitchingNewGone,
            Place::SwitchingBothGone,
            Place::Resting,
        ],
    ),
    (
        Place::SwitchingOldGone,
        &[
            Place::Idle,
            Place::Opening,
            Place::Live,
            Place::Exporting,
            Place::Prewarming,
            Place::SwitchingBothGone,
            Place::Resting,
        ],
    ),
    (
        Place::SwitchingNewGone,
        &[Place::Idle, Place::Opening, Place::SwitchingBothGone, Place::Resting],
    ),
    (Place::SwitchingBothGone, &[Place::Idle, Place::Opening, Place::Resting]),
    (
        Place::Resting,
        &[Place::Absent, Place::Loading, Place::Creating, Place::Idle, Place::Opening],
    ),
];

/// Where a session may go in one step.
pub const SESSIONS: &[(Seating, &[Seating])] = &[
    (Seating::Unknown, &[Seating::Joining, Seating::Here, Seating::Away, Seating::Leaving]),
    // `Away` when the next keeper finds the seat in the store.
    (Seating::Joining, &[Seating::Unknown, Seating::Here, Seating::Away, Seating::Leaving]),
    (Seating::Here, &[Seating::Unknown, Seating::Away, Seating::Leaving]),
    (Seating::Away, &[Seating::Unknown, Seating::Here, Seating::Leaving]),
    // The same.
    (Seating::Leaving, &[Seating::Unknown, Seating::Away]),
];

/// Where a deploy may go. A keeper that comes back finds it in any phase.
pub const DEPLOYS: &[(Option<DeployPhase>, &[DeployPhase])] = &[
    (None, &DeployPhase::ALL),
    (
        Some(DeployPhase::Starting),
        &[
            DeployPhase::Checking,
            DeployPhase::Moving,
            DeployPhase::Reverted,
            DeployPhase::Superseded,
        ],
    ),
    (
        Some(DeployPhase::Checking),
        &[DeployPhase::Moving, DeployPhase::Done, DeployPhase::Reverted, DeployPhase::Superseded],
    ),
    (
        Some(DeployPhase::Moving),
        &[DeployPhase::Done, DeployPhase::Partial, DeployPhase::Stopped, DeployPhase::Superseded],
    ),
];

/// How often each transition was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    rooms: BTreeMap<(Place, Place), u64>,
    sessions: BTreeMap<(Seating, Seating), u64>,
    deploys: BTreeMap<(Option<DeployPhase>, DeployPhase), u64>,
}

impl Coverage {
    /// A room went from one place to another.
    ///
    /// # Errors
    /// When the machine has no such transition.
    pub fn room(&mut self, from: Place, to: Place) -> Result<(), String> {
        if from == to {
            return Ok(());
        }
        note(&mut self.rooms, ROOMS, from, to)
    }

    /// A session went from one standing to another.
    ///
    /// # Errors
    /// When the machine has no such transition.
    pub fn session(&mut self, from: Seating, to: Seating) -> Result<(), String> {
        if from == to {
            return Ok(());
        }
        note(&mut self.sessions, SESSIONS, from, to)
    }

    /// A deploy went from one phase to another.
    ///
    /// # Errors
    /// When the machine has no such transition.
    pub fn deploy(&mut self, from: Option<DeployPhase>, to: DeployPhase) -> Result<(), String> {
        if from == Some(to) {
            return Ok(());
        }
        note(&mut self.deploys, DEPLOYS, from, to)
    }

    /// Adds what another run has seen.
    pub fn merge(&mut self, other: &Self) {
        other.rooms.iter().for_each(|(key, n)| *self.rooms.entry(*key).or_default() += n);
        other.sessions.iter().for_each(|(key, n)| *self.sessions.entry(*key).or_default() += n);
        other.deploys.iter().for_each(|(key, n)| *self.deploys.entry(*key).or_default() += n);
    }
}

fn note<A: Ord + Copy + fmt::Debug, B: Ord + Copy + fmt::Debug>(
    seen: &mut BTreeMap<(A, B), u64>,
    table: &[(A, &[B])],
    from: A,
    to: B,
) -> Result<(), String> {
    if !table.iter().any(|(a, bs)| *a == from && bs.contains(&to)) {
        return Err(format!("the machine has no transition from {from:?} to {to:?}"));
    }
    *seen.entry((from, to)).or_default() += 1;
    Ok(())
}

impl Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("transitions seen, [never seen]\n")?;
        table(f, "rooms", ROOMS, &self.rooms, |from| format!("{from:?}"))?;
        table(f, "sessions", SESSIONS, &self.sessions, |from| format!("{from:?}"))?;
        table(f, "deploys", DEPLOYS, &self.deploys, |from| {
            from.map_or("(found)".into(), |phase| format!("{phase:?}"))
        })
    }
}

fn table<A: Ord + Copy + fmt::Debug, B: Ord + Copy + fmt::Debug>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    table: &[(A, &[B])],
    seen: &BTreeMap<(A, B), u64>,
    name: impl Fn(A) -> String,
) -> fmt::Result {
    let all: usize = table.iter().map(|(_, to)| to.len()).sum();
    writeln!(f, "{what}: {} of {all} transitions", seen.len())?;
    for (from, to) in table {
        write!(f, "  {:<18}", name(*from))?;
        for to in *to {
            match seen.get(&(*from, *to)) {
                Some(n) => write!(f, " {to:?}:{n}")?,
                None => write!(f, " [{to:?}]")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}
