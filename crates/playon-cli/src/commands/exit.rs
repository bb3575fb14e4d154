//! How a command ends when it does not work.

use std::fmt;
use std::process::ExitCode;

use playon_keeper::Coded;

use super::talk;

/// Why a command does not work.
#[derive(Debug)]
pub enum Exit {
    /// It failed, or a promise was broken: 1.
    Failed(Trouble),
    /// The command makes no sense: 2.
    Usage(Trouble),
    /// The keeper cannot be reached: 3.
    Unreachable(Trouble),
    /// The keeper refused: 4.
    Refused(Trouble),
    /// A signal has ended it: 128 and the signal's number. What it had begun goes on.
    Signalled(u8, Trouble),
    /// As `Failed`, and everything has been said already.
    Told,
}

/// An error as people see it.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// `PLY-nnnn`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Trouble {
    /// An error with all its parts.
    pub fn new(code: &str, message: impl Into<String>, remedy: &str) -> Self {
        Self { code: code.to_owned(), message: message.into(), remedy: remedy.to_owned() }
    }
}

impl From<Coded> for Trouble {
    fn from(error: Coded) -> Self {
        Self::new(error.code, error.message, error.remedy)
    }
}

impl From<Coded> for Exit {
    fn from(error: Coded) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(trouble)
            | Self::Usage(trouble)
            | Self::Unreachable(trouble)
            | Self::Refused(trouble)
            | Self::Signalled(_, trouble) => trouble.fmt(f),
            Self::Told => f.write_str("it did not work"),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

/// Something of the operating system did not work.
pub(super) fn io(what: &str, error: impl fmt::Display) -> Exit {
    let remedy = "look at the limits of this user and the state of the machine";
    Exit::Failed(Trouble::new("PLY-0503", format!("{what}: {error}"), remedy))
}

impl Exit {
    /// Says what is the matter and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (code, trouble) = match self {
            Self::Failed(trouble) => (1, trouble),
            Self::Usage(trouble) => (2, trouble),
            Self::Unreachable(trouble) => (3, trouble),
            Self::Refused(trouble) => (4, trouble),
            Self::Signalled(signal, trouble) => (signal.saturating_add(128), trouble),
            Self::Told => return ExitCode::from(1),
        };
        talk::error(&trouble.to_string());
        talk::line(&format!("  what to do: {}", trouble.remedy));
        talk::line(&format!("  more: playon explain {}", trouble.code));
        ExitCode::from(code)
    }
}
