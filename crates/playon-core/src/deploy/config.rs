//! The director's bounds.

use playon_types::time::Span;

/// The director's bounds.
#[derive(Clone, Debug)]
pub struct DirectorConfig {
    /// Workers of each release in use.
    pub workers_per_release: u32,
    /// How long a new release may take to attach.
    pub attach_timeout: Span,
    /// How long the checks may take.
    pub check_timeout: Span,
    /// How long workers of a release without rooms are kept after it was current.
    pub linger: Span,
    /// Times a room's handoff is tried when a process went away.
    pub tries_max: u32,
    /// Rooms that are told to move per second; the others wait for their turn.
    pub moves_per_second: u32,
    /// How long a release is watched for hard faults after all rooms have moved to it, and its predecessor kept warm. 0: not.
    pub probation: Span,
    /// For how long keepers of this data directory had run when this one's time began.
    pub age: Span,
    /// Executables that are kept, unless more are needed.
    pub executables_max: usize,
}

impl Default for DirectorConfig {
    fn default() -> Self {
        Self {
            workers_per_release: 1,
            attach_timeout: Span::secs(30),
            check_timeout: Span::secs(15),
            linger: Span::secs(10),
            tries_max: 5,
            moves_per_second: 100,
            probation: Span::secs(60),
            age: Span::ZERO,
            executables_max: 20,
        }
    }
}
