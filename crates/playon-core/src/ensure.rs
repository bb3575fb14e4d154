//! What must hold, said where it is relied on.
//!
//! A rule that does not hold is a bug of Playon's, and going on would make it worse: what is stored might be overwritten, or
//! a player told what is not so. The room concerned is halted with PLY-0128 before anything else happens to it; the others
//! go on, and what the store has of it is read again by the next keeper. Models and the simulator fail on it.

/// Unless the condition holds, the room is halted once this step is done.
macro_rules! ensure {
    ($env:expr, $room:expr, $condition:expr, $($what:tt)+) => {
        if !$condition {
            $env.unsound($room, format!($($what)+));
        }
    };
}

pub(crate) use ensure;
