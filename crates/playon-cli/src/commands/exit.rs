//! How a command ends when it does not work.

use std::fmt;
use std::process::ExitCode;

use playon_keeper::Coded;
use playon_types::code::Code;
use playon_types::ply;
use serde::Serialize;

use super::talk;

/// Why a command does not work.
#[derive(Debug)]
pub enum Exit {
    /// It failed, or a promise was broken: 1.
    Failed(CliError),
    /// The command makes no sense: 2.
    Usage(CliError),
    /// The keeper cannot be reached: 3.
    Unreachable(CliError),
    /// The keeper refused: 4.
    Refused(CliError),
    /// A signal has ended it: 128 and the signal's number. What it had begun goes on.
    Signalled(u8, CliError),
    /// As `Failed`, and the answer on stdout says everything.
    Told,
}

/// An error as people see it.
#[derive(Clone, Debug)]
pub struct CliError {
    /// Its code.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// What else is wrong, where it was looked for all of it. These have no more of their own.
    pub also: Vec<Self>,
}

/// The field `error` of what a command prints under `--json`: the same wherever it stands.
#[derive(Debug, Serialize)]
pub(super) struct ErrorJson {
    #[serde(flatten)]
    first: Fact,
    /// What else is wrong; mostly empty.
    also: Vec<Fact>,
}

#[derive(Debug, Serialize)]
struct Fact {
    code: String,
    message: String,
    remedy: String,
    /// What to run to read more.
    more: String,
}

/// All that is printed on stdout under `--json` when there is no answer.
#[derive(Debug, Serialize)]
struct FailureJson {
    error: ErrorJson,
}

impl CliError {
    /// An error with all its parts.
    pub fn new(code: Code, message: impl Into<String>, remedy: &str) -> Self {
        Self { code, message: message.into(), remedy: remedy.to_owned(), also: Vec::new() }
    }

    fn fact(&self) -> Fact {
        let Self { code, message, remedy, also: _ } = self.clone();
        let more = self.more();
        Fact { code: code.to_string(), message, remedy, more }
    }

    fn more(&self) -> String {
        format!("playon explain {}", self.code)
    }
}

impl From<&CliError> for ErrorJson {
    fn from(trouble: &CliError) -> Self {
        Self { first: trouble.fact(), also: trouble.also.iter().map(CliError::fact).collect() }
    }
}

impl From<Coded> for CliError {
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
        match self.trouble() {
            Some(trouble) => trouble.fmt(f),
            None => f.write_str("it did not work"),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

/// Something of the operating system did not work.
pub(super) fn io(what: &str, error: impl fmt::Display) -> Exit {
    let remedy = "look at the limits of this user and the state of the machine";
    Exit::Failed(CliError::new(ply!("PLY-0503"), format!("{what}: {error}"), remedy))
}

impl Exit {
    /// What is the matter, if it has not been said.
    pub(super) const fn trouble(&self) -> Option<&CliError> {
        match self {
            Self::Failed(trouble)
            | Self::Usage(trouble)
            | Self::Unreachable(trouble)
            | Self::Refused(trouble)
            | Self::Signalled(_, trouble) => Some(trouble),
            Self::Told => None,
        }
    }

    /// The same end, told with more or other words.
    pub(super) fn told_as(mut self, tell: impl FnOnce(&mut CliError)) -> Self {
        match &mut self {
            Self::Failed(trouble)
            | Self::Usage(trouble)
            | Self::Unreachable(trouble)
            | Self::Refused(trouble)
            | Self::Signalled(_, trouble) => tell(trouble),
            Self::Told => {}
        }
        self
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Told => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Refused(_) => 4,
            Self::Signalled(signal, _) => signal.saturating_add(128),
        }
    }

    /// Says what is the matter and gives the exit code. Every command ends here: people read it on stderr; who asked for
    /// JSON finds it on stdout too, unless there is an answer already, for there is never more than one document.
    pub(super) fn report(&self, json: bool) -> ExitCode {
        if let Some(trouble) = self.trouble() {
            trouble.say();
            if json && !talk::answered() {
                trouble.print();
            }
        }
        ExitCode::from(self.code())
    }
}

impl CliError {
    /// To people.
    fn say(&self) {
        let mut explained = Vec::new();
        for trouble in std::iter::once(self).chain(&self.also) {
            talk::error(&trouble.to_string());
            talk::line(&format!("  what to do: {}", trouble.remedy));
            if !explained.contains(&&trouble.code) {
                talk::line(&format!("  more: {}", trouble.more()));
                explained.push(&trouble.code);
            }
        }
    }

    /// To programs, on one line: some of them read line by line. False if nobody reads it: it is said on stderr as well,
    /// and a stdout that takes nothing cannot be told so.
    pub(super) fn print(&self) -> bool {
        let failure = FailureJson { error: self.into() };
        let text = serde_json::to_string(&failure);
        text.is_ok_and(|text| talk::offer(&text).unwrap_or(false))
    }
}
