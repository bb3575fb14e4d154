//! What must hold, said where it is relied on.
//!
//! A rule that does not hold is a bug of Playon's, and going on would make it worse: what is stored might be overwritten, or
//! a player told what is not so. From that moment nothing more is stored of the room concerned and no worker is asked for
//! anything, and at the end of the step it is halted with PLY-0128. The others go on, and what the store has of it is read again
//! by the next keeper. Models and the simulator fail on it.

/// Unless the condition holds, the function ends here, with the value behind `else` if it has one, and the room is halted.
macro_rules! ensure {
    ($env:expr, $room:expr, $condition:expr, else $value:expr, $($what:tt)+) => {
        if !$condition {
            $env.unsound($room, format!($($what)+));
            return $value;
        }
    };
    ($env:expr, $room:expr, $condition:expr, $($what:tt)+) => {
        if !$condition {
            return $env.unsound($room, format!($($what)+));
        }
    };
}

pub(crate) use ensure;
