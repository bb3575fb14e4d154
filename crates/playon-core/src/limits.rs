//! Every bound of the core, with its unit and what happens at it.

use playon_types::image::{ApplyBounds, STATE_BYTES_FORMAT_MAX};
use playon_types::time::Span;

/// Bounds that hold for every room of a keeper. Kinds may ask for less, never for more.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Rooms held by one shard. At the bound a new room is refused with `PLY-0105`.
    pub rooms_per_shard_max: usize,
    /// Bytes of one room's encoded state. A larger commit is refused and the room reopened from its last one. A room that is stored with more plays on, and may grow by a sixteenth.
    pub state_bytes_max: usize,
    /// Bytes of one input. A larger one closes the socket with `4906`.
    pub input_bytes_max: usize,
    /// Inputs one session may have unapplied. One more closes the socket with `4907`.
    pub inputs_pending_max: usize,
    /// Events kept for one session until it acknowledges them. One more drops them all and owes a view.
    pub outbox_events_max: usize,
    /// Bytes of events kept for one session; as `outbox_events_max`.
    pub outbox_bytes_max: usize,
    /// Items delivered in one batch; the rest waits for the next one.
    pub batch_items_max: usize,
    /// Bytes of payload delivered in one batch; the rest waits for the next one.
    pub batch_bytes_max: usize,
    /// Commits of one room received but not yet safe. At the bound the room is not delivered to.
    pub unsafe_commits_max: usize,
    /// Spectators of one room. One more is refused with `4902`.
    pub watchers_max: usize,
    /// Sockets waiting for a room that is being created or loaded. One more is told to retry (`4003`).
    pub waiting_max: usize,
    /// How long a worker may take to open a room, from when it begins with it.
    pub open_timeout: Span,
    /// How long a worker may answer nothing at all while something waits there for its turn.
    pub turn_timeout: Span,
    /// How long the copy of a room may take to be opened, migrated and encoded by the next release; of a live room at most `freeze_max`.
    pub prewarm_timeout: Span,
    /// How long a room whose pause is predicted to exceed its budget waits for a safe point; then it moves.
    pub over_budget_wait: Span,
    /// How long a room may stay frozen before it is thawed on the release it had.
    pub freeze_timeout: Span,
    /// The same where bringing the state over was measured to take long, at most. A state that takes a quarter of it is not
    /// moved at all (`PLY-0312`).
    pub freeze_max: Span,
    /// Rooms of one shard that are being handed over at the same time; the others wait for their turn.
    pub handoffs_max: usize,
    /// A room whose state takes so long to bring over, or the kind of which took it before, is handed over while no other room of its shard is.
    pub handoff_alone_from: Span,
    /// The same of a room with so many bytes of state, but that another such room may have its copy opened while it waits
    /// for the end of a batch.
    pub handoff_alone_bytes: usize,
    /// Rooms of one shard that are being opened at the same time; the others wait for their turn. Fewer after a worker died of it.
    pub opens_max: usize,
    /// Bytes of state of the rooms of one shard that are being opened; at the bound the others wait for their turn.
    pub opens_bytes_max: usize,
    /// Deltas sent after a prewarmed copy; a longer tail, or one with more bytes than the state, is sent as the whole state.
    pub tail_deltas_max: usize,
    /// Commits after which a room's snapshot is stored; of a room larger than `snapshot_every_bytes` up to 4 times as many,
    /// by its size. Recovery applies at most so many records, and those of one snapshot under way (8).
    pub snapshot_every_commits: u64,
    /// Bytes of records and events after which a room's snapshot is stored; of a larger room as many as its last snapshot
    /// had, so that snapshots at most double what is written.
    pub snapshot_every_bytes: usize,
    /// Groups in which the items of a batch that failed are tried; a group that fails is halved until one item is left.
    pub trial_groups_max: usize,
    /// Faults of a room by itself in a row after which nobody runs it until another release comes (`PLY-0123`).
    pub own_faults_max: u32,
    /// How long a room that has taken a process down runs apart from the others.
    pub quarantine: Span,
    /// Rooms of one shard that are tried at the same time, each in a process of its own; the others wait for their turn.
    pub trials_max: u16,
    /// How long a room waits for a worker of its own; then it is opened among the others, so that a keeper that cannot
    /// start workers goes on.
    pub trial_wait: Span,
    /// How long a room waits while others of its shard are tried before it, or while the worker of those that are a danger to
    /// others is not to be had; then as `trial_wait`.
    pub trial_queue_wait: Span,
    /// Longest wait between two attempts to reopen a room that keeps failing.
    pub reopen_backoff_max: Span,
    /// Ticks are laid on this grid of keeper time, so that rooms due together travel together.
    pub tick_grid: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms_per_shard_max: 100_000,
            state_bytes_max: 16 << 20,
            input_bytes_max: 16 << 10,
            inputs_pending_max: 256,
            outbox_events_max: 1_024,
            outbox_bytes_max: 64 << 10,
            batch_items_max: 256,
            batch_bytes_max: 256 << 10,
            unsafe_commits_max: 8,
            watchers_max: 1_000,
            waiting_max: 1_024,
            open_timeout: Span::secs(5),
            turn_timeout: Span::secs(30),
            prewarm_timeout: Span::secs(10),
            over_budget_wait: Span::secs(60),
            freeze_timeout: Span::millis(500),
            freeze_max: Span::secs(4),
            handoffs_max: 4,
            handoff_alone_from: Span::millis(5),
            handoff_alone_bytes: 256 << 10,
            opens_max: 64,
            opens_bytes_max: 32 << 20,
            tail_deltas_max: 64,
            snapshot_every_commits: 64,
            snapshot_every_bytes: 64 << 10,
            trial_groups_max: 16,
            own_faults_max: 6,
            quarantine: Span::secs(300),
            trials_max: 4,
            trial_wait: Span::secs(5),
            trial_queue_wait: Span::secs(60),
            reopen_backoff_max: Span::secs(10),
            tick_grid: Span::millis(5),
        }
    }
}

impl Limits {
    /// For reading a room back: what was acknowledged once is not refused because a bound is lower now.
    pub fn recovering(&self) -> ApplyBounds {
        let state_bytes_max = self.state_bytes_max.max(STATE_BYTES_FORMAT_MAX);
        ApplyBounds { state_bytes_max, ..ApplyBounds::from(self) }
    }
}

impl From<&Limits> for ApplyBounds {
    fn from(limits: &Limits) -> Self {
        Self {
            state_bytes_max: limits.state_bytes_max,
            outbox_events_max: limits.outbox_events_max,
            outbox_bytes_max: limits.outbox_bytes_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_once_is_read_back_however_low_the_bound_is_now() {
        let outboxes = (10, 20);
        let with = |state_bytes_max| Limits {
            state_bytes_max,
            outbox_events_max: outboxes.0,
            outbox_bytes_max: outboxes.1,
            ..Limits::default()
        };
        for (now, then) in [(100, STATE_BYTES_FORMAT_MAX), (usize::MAX, usize::MAX)] {
            let (bounds, before) = (ApplyBounds::from(&with(now)), with(now).recovering());
            assert_eq!((bounds.state_bytes_max, before.state_bytes_max), (now, then));
            for bounds in [bounds, before] {
                assert_eq!((bounds.outbox_events_max, bounds.outbox_bytes_max), outboxes);
            }
        }
    }

    /// As docs/limits.md has them.
    #[test]
    fn bytes_are_bounded_as_it_is_written() {
        let limits = Limits::default();
        let (kib, mib) = (1_024, 1_024 * 1_024);
        assert_eq!((limits.state_bytes_max, limits.opens_bytes_max), (16 * mib, 32 * mib));
        assert_eq!((limits.input_bytes_max, limits.batch_bytes_max), (16 * kib, 256 * kib));
        assert_eq!((limits.outbox_bytes_max, limits.snapshot_every_bytes), (64 * kib, 64 * kib));
        assert_eq!(limits.handoff_alone_bytes, 256 * kib);
    }
}
