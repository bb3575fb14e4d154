//! The clocks of a session: one enum, one table.

use playon_types::time::Time;

/// Everything a session can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The socket being opened, or opened and not welcomed, has been silent for too long.
    Open,
    /// The one that was opened before that has been silent for too long.
    Earlier,
    /// The socket in use has been silent for too long.
    Silence,
    /// Events have waited long enough to be acknowledged.
    Ack,
    /// The next input may leave.
    Pace,
    /// Time to open a socket.
    Retry,
    /// Time to open the socket that a MOVE asked for.
    Move,
    /// That socket is not wanted any more.
    MoveOver,
    /// The keeper does not answer the goodbye.
    Leave,
    /// No keeper was found for too long.
    GiveUp,
    /// The network has changed, and nothing may come over the sockets there are any more.
    Probe,
}

const ALL: [Timer; 11] = [
    Timer::Open,
    Timer::Earlier,
    Timer::Silence,
    Timer::Ack,
    Timer::Pace,
    Timer::Retry,
    Timer::Move,
    Timer::MoveOver,
    Timer::Leave,
    Timer::GiveUp,
    Timer::Probe,
];

/// When each of them is due.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<Time>; ALL.len()]);

impl Timers {
    pub(super) const fn set(&mut self, timer: Timer, at: Time) {
        self.0[timer as usize] = Some(at);
    }

    /// Arms the timer unless it already is.
    pub(super) fn set_once(&mut self, timer: Timer, at: Time) {
        self.0[timer as usize].get_or_insert(at);
    }

    pub(super) const fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// Disarms the timer and tells when it was due.
    pub(super) const fn take(&mut self, timer: Timer) -> Option<Time> {
        self.0[timer as usize].take()
    }

    pub(super) fn clear_all(&mut self) {
        self.0 = Default::default();
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.iter().flatten().copied().min()
    }

    /// Disarms and names one that is due.
    pub(super) fn expire(&mut self, now: Time) -> Option<Timer> {
        let due = |timer: &Timer| self.0[*timer as usize].is_some_and(|at| at <= now);
        let timer = ALL.into_iter().find(due)?;
        self.clear(timer);
        Some(timer)
    }
}
