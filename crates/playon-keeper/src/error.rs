//! Why a keeper does not start, and what it refuses to do.
//!
//! Every error that reaches an operator carries a stable code; `docs/errors` has one page for each.

use playon_types::code::Code;
use playon_types::ply;
use playon_types::reason::Reason;
use std::fmt;

use playon_store::StoreError;

/// An error with its stable code, one line for people, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// Its code.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Coded {
    /// An error.
    pub fn new(code: Code, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { code, message: message.into(), remedy }
    }

    /// An error of another part, which is shown with its code first.
    pub(crate) fn of(code: Code, error: &impl fmt::Display, remedy: &'static str) -> Self {
        Self::new(code, Reason::of(code, error).words(), remedy)
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl std::error::Error for Coded {}

/// The data directory cannot be used.
pub(crate) fn data_dir(message: impl Into<String>) -> Coded {
    Coded::new(
        ply!("PLY-0501"),
        message,
        "check that the data directory exists, is writable and belongs to this user",
    )
}

/// An address cannot be listened on.
pub(crate) fn listen(what: &str, address: impl fmt::Display, error: &std::io::Error) -> Coded {
    let message = format!("cannot listen for {what} on {address}: {error}");
    Coded::new(
        ply!("PLY-0502"),
        message,
        "choose another address or stop the process that holds this one",
    )
}

/// The operating system refused something the keeper cannot do without.
pub(crate) fn system(what: &str, error: impl fmt::Display) -> Coded {
    Coded::new(
        ply!("PLY-0503"),
        format!("{what}: {error}"),
        "look at the limits of this user and the state of the machine",
    )
}

const REMEDY_DISPLACED: &str = "find out who moved, deleted or replaced it; start the keeper where the directory is now, or put a backup back";

/// What is told when nothing can be made safe any more.
pub(crate) fn store_failed(error: &StoreError) -> Coded {
    let why = match error {
        StoreError::Displaced(_) => return store_error(error),
        StoreError::Stopped(why) => why.clone(),
        _ => error.to_string(),
    };
    let remedy = "look at the disk, then start the keeper again";
    Coded::new(ply!("PLY-0201"), format!("the store has stopped: {why}"), remedy)
}

/// What the store said, with its code.
pub(crate) fn store_error(error: &StoreError) -> Coded {
    let remedy = match error {
        StoreError::Displaced(_) => REMEDY_DISPLACED,
        _ => "look at the keeper's log; `playon store verify` checks the data directory",
    };
    Coded::of(error.code(), error, remedy)
}
