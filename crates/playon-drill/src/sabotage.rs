//! Promises broken on purpose: a drill that cannot fail proves nothing.

use clap::ValueEnum;

/// The environment variable that tells the drill game what to do wrong.
pub(super) const SABOTAGE: &str = "PLAYON_DRILL_SABOTAGE";

/// What is done wrong, once. The keeper has no part in it: the drill's own game, its players or its relay do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// An input is not applied.
    DropInput,
    /// An input is applied twice.
    DoubleInput,
    /// An input is applied after the next one.
    SwapInputs,
    /// An event is not sent.
    LoseEvent,
    /// A state is changed by nobody.
    CorruptState,
    /// A byte of what a player is shown is another.
    CorruptView,
    /// A tick takes 1.5 s.
    LongPause,
    /// Sockets are cut.
    CloseSocket,
}

impl Sabotage {
    /// As it is written on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::DropInput => "drop-input",
            Self::DoubleInput => "double-input",
            Self::SwapInputs => "swap-inputs",
            Self::LoseEvent => "lose-event",
            Self::CorruptState => "corrupt-state",
            Self::CorruptView => "corrupt-view",
            Self::LongPause => "long-pause",
            Self::CloseSocket => "close-socket",
        }
    }

    /// What the environment of this process asks for.
    pub(super) fn asked() -> Option<Self> {
        let name = std::env::var(SABOTAGE).ok()?;
        Self::value_variants().iter().copied().find(|sabotage| sabotage.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for sabotage in Sabotage::value_variants() {
            let name = sabotage.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(name.as_deref(), Some(sabotage.name()));
        }
    }
}
