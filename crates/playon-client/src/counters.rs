//! What a client counts about itself.

/// Counts since the room was joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sockets that reached the keeper and were welcomed.
    pub sockets_opened: u64,
    /// Welcomed sockets that ended although this side did not want that: closed, cut or fallen silent.
    pub sockets_closed: u64,
    /// Sockets given up for another one because the keeper asked for it; nothing is noticed of that.
    pub sockets_moved: u64,
    /// Attempts to open a socket that came to nothing.
    pub opens_failed: u64,
    /// Welcomes after the first one that followed a closed socket.
    pub reconnects: u64,
    /// Inputs numbered and handed to a socket or kept for one.
    pub inputs_sent: u64,
    /// Inputs sent once more on a later socket.
    pub inputs_resent: u64,
    /// Events that came a second time and were dropped.
    pub events_repeated: u64,
    /// Those of them that came a second time on one socket: no cut socket explains that, it is a fault of the keeper.
    pub events_twice: u64,
    /// Events that will never come, as far as they can be counted.
    pub events_missed: u64,
    /// Views told as deltas.
    pub views_delta: u64,
    /// Messages read.
    pub messages: u64,
    /// Bytes of the messages read.
    pub bytes: u64,
}
