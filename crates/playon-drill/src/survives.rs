//! What the rooms of a drill promise to survive.

use std::time::Duration;

use clap::ValueEnum;

/// The environment variable that tells the drill game its policy.
pub(super) const SURVIVES: &str = "PLAYON_DRILL_SURVIVES";

/// The time between two checkpoints of a room that goes back to them.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// What the drill game's rooms survive without a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SurvivesArg {
    /// Everything: what players are told is on disk.
    #[default]
    KeeperCrash,
    /// The crash of a worker; after one of the keeper they go back to their last checkpoint, at most about a second.
    WorkerCrash,
}

impl SurvivesArg {
    /// As it is written on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KeeperCrash => "keeper-crash",
            Self::WorkerCrash => "worker-crash",
        }
    }

    /// What the environment of this process asks for.
    pub(super) fn asked() -> Self {
        let name = std::env::var(SURVIVES).unwrap_or_default();
        let asked = |survives: &&Self| survives.name() == name;
        Self::value_variants().iter().find(asked).copied().unwrap_or_default()
    }

    /// The same as a game says it.
    pub(super) const fn policy(self) -> playon::Survives {
        match self {
            Self::KeeperCrash => playon::Survives::KeeperCrash,
            Self::WorkerCrash => playon::Survives::WorkerCrash { checkpoint: CHECKPOINT },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for survives in SurvivesArg::value_variants() {
            let name = survives.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(name.as_deref(), Some(survives.name()));
        }
    }
}
