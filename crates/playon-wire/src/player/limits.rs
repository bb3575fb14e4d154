//! Bounds of the player protocol.

/// Frames in one message of a client. One more makes the message unreadable.
pub const CLIENT_FRAMES_MAX: usize = 64;

/// Frames in one message of the keeper, which splits what is longer.
pub const SERVER_FRAMES_MAX: usize = 4_096;

/// What a client may send. Whatever exceeds a bound is refused before it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerLimits {
    /// Bytes of one message.
    pub message_bytes_max: usize,
    /// Frames of one message.
    pub frames_max: usize,
    /// Bytes of one input.
    pub input_bytes_max: usize,
    /// Bytes of what a player says about itself.
    pub profile_bytes_max: usize,
    /// Bytes of the parameters of a new room.
    pub params_bytes_max: usize,
    /// Bytes of the name of a kind.
    pub kind_bytes_max: usize,
    /// Bytes of the name of a room.
    pub name_bytes_max: usize,
}

impl Default for PlayerLimits {
    fn default() -> Self {
        Self {
            message_bytes_max: 64 << 10,
            frames_max: CLIENT_FRAMES_MAX,
            input_bytes_max: 16 << 10,
            profile_bytes_max: 1 << 10,
            params_bytes_max: 4 << 10,
            kind_bytes_max: 64,
            name_bytes_max: 64,
        }
    }
}
