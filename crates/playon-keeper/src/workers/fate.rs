//! How a process ends: found out once, by the thread that waits for it, and in the same words for everybody who has to say
//! why something came to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::WaitIdStatus;
use tokio::sync::watch;
use tokio::time::timeout;

use super::output::LastLines;

/// Names of the signals that end a process, by their numbers on Linux.
const SIGNALS: [(i32, &str); 23] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (SIGKILL, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (16, "SIGSTKFLT"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
    (31, "SIGSYS"),
];

const SIGKILL: i32 = 9;

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessEnd {
    /// By itself, with that code.
    Code(i32),
    /// Of a signal.
    Signal(i32),
    /// The system does not say.
    Unknown,
}

impl From<&WaitIdStatus> for ProcessEnd {
    fn from(status: &WaitIdStatus) -> Self {
        let code = || status.exit_status().map(Self::Code);
        status.terminating_signal().map(Self::Signal).or_else(code).unwrap_or(Self::Unknown)
    }
}

impl ProcessEnd {
    /// In words. `by_keeper` says that the keeper has killed it, unless it was dead already.
    fn words(self, by_keeper: bool) -> String {
        match self {
            Self::Code(code) => format!("exit code {code}"),
            Self::Signal(SIGKILL) if by_keeper => "killed by the keeper".to_owned(),
            Self::Signal(SIGKILL) => {
                "killed by SIGKILL, which the keeper did not send: perhaps there was no memory left"
                    .to_owned()
            }
            Self::Signal(signal) => match SIGNALS.iter().find(|(number, _)| *number == signal) {
                Some((_, name)) => format!("killed by {name}"),
                None => format!("killed by signal {signal}"),
            },
            Self::Unknown => "nobody knows how".to_owned(),
        }
    }
}

#[derive(Debug)]
struct Known {
    last: LastLines,
    by_keeper: AtomicBool,
    end: watch::Sender<Option<ProcessEnd>>,
}

/// What becomes of one process, as those know it who have to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Fate(Arc<Known>);

impl PartialEq for Fate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Fate {}

impl Fate {
    /// Of a process that is about to be started.
    pub(crate) fn new() -> Self {
        let (last, by_keeper) = (LastLines::default(), AtomicBool::new(false));
        Self(Arc::new(Known { last, by_keeper, end: watch::Sender::new(None) }))
    }

    /// Where its last lines are remembered.
    pub(super) fn last(&self) -> &LastLines {
        &self.0.last
    }

    /// The keeper kills it.
    pub(super) fn note_kill(&self) {
        self.0.by_keeper.store(true, Ordering::Relaxed);
    }

    /// It has ended, and what it said last has been read.
    pub(super) fn note_end(&self, end: ProcessEnd) {
        self.0.end.send_replace(Some(end));
    }

    /// How it ended and what it said last; nothing while it runs.
    pub(crate) fn how(&self) -> Option<String> {
        let end = (*self.0.end.borrow())?;
        let by_keeper = self.0.by_keeper.load(Ordering::Relaxed);
        Some(self.with_last_line(end.words(by_keeper)))
    }

    /// The same, once it has ended; nothing if that takes longer than `most`.
    pub(crate) async fn ended(&self, most: Duration) -> Option<String> {
        let mut end = self.0.end.subscribe();
        // The other side is held by this very value.
        let known = timeout(most, end.wait_for(Option::is_some)).await.is_ok();
        self.how().filter(|_| known)
    }

    /// What is said of it, with the last line that it has printed on standard error so far.
    pub(crate) fn with_last_line(&self, told: String) -> String {
        match self.0.last.reason() {
            Some(line) => format!("{told}; its last line: {line}"),
            None => told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_its_name_and_who_sent_it_is_told_apart() {
        let words = |end: ProcessEnd| end.words(false);
        assert_eq!(words(ProcessEnd::Code(3)), "exit code 3");
        assert_eq!(words(ProcessEnd::Signal(11)), "killed by SIGSEGV");
        assert_eq!(words(ProcessEnd::Signal(6)), "killed by SIGABRT");
        assert_eq!(words(ProcessEnd::Signal(40)), "killed by signal 40");
        assert!(words(ProcessEnd::Signal(9)).starts_with("killed by SIGKILL, which"));
        assert_eq!(ProcessEnd::Signal(9).words(true), "killed by the keeper");
        assert_eq!(ProcessEnd::Signal(11).words(true), "killed by SIGSEGV", "it was dead already");
    }
}
