//! Why a message of the player protocol cannot be read.

use playon_types::code::Code;
use playon_types::gate::Close;
use playon_types::ply;
use thiserror::Error;

/// Why a message cannot be read. None of its frames is to be acted upon.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The message is longer than the limit.
    #[error("PLY-0180 the message has {bytes} bytes, {max} are allowed")]
    Message {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The message has more frames than the limit.
    #[error("PLY-0181 the message has more than {max} frames")]
    Frames {
        /// The limit.
        max: usize,
    },
    /// A field is longer than the limit.
    #[error("PLY-0182 {field} has {bytes} bytes, {max} are allowed")]
    Field {
        /// Which one.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The message or frame ends before the field does, or an integer is not in its shortest form.
    #[error("PLY-0183 {field} is cut off or malformed")]
    Malformed {
        /// Which one.
        field: &'static str,
    },
    /// The frame has bytes left after its last field.
    #[error("PLY-0184 a frame of type {kind:#04x} has {bytes} bytes too many")]
    Trailing {
        /// The type byte.
        kind: u8,
        /// How many are left.
        bytes: usize,
    },
    /// No frame has that type.
    #[error("PLY-0185 there is no frame of type {kind:#04x}")]
    Unknown {
        /// The type byte.
        kind: u8,
    },
    /// A field holds a value that has no meaning, or not together with the others.
    #[error("PLY-0186 {field} has no meaning here")]
    Value {
        /// Which one.
        field: &'static str,
    },
    /// The message has no frame.
    #[error("PLY-0187 the message is empty")]
    Empty,
}

impl DecodeError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Message { .. } => ply!("PLY-0180"),
            Self::Frames { .. } => ply!("PLY-0181"),
            Self::Field { .. } => ply!("PLY-0182"),
            Self::Malformed { .. } => ply!("PLY-0183"),
            Self::Trailing { .. } => ply!("PLY-0184"),
            Self::Unknown { .. } => ply!("PLY-0185"),
            Self::Value { .. } => ply!("PLY-0186"),
            Self::Empty => ply!("PLY-0187"),
        }
    }

    /// What the socket is closed with.
    pub const fn close(&self) -> Close {
        match self {
            Self::Message { .. } | Self::Field { .. } => Close::TooLarge,
            Self::Frames { .. } => Close::TooMany,
            _ => Close::BadFrame,
        }
    }
}

#[cfg(test)]
mod tests {
    use playon_types::reason::Reason;

    use super::*;

    #[test]
    fn what_is_said_begins_with_the_code() {
        let errors = [
            DecodeError::Message { bytes: 1, max: 2 },
            DecodeError::Frames { max: 1 },
            DecodeError::Field { field: "kind", bytes: 1, max: 2 },
            DecodeError::Malformed { field: "kind" },
            DecodeError::Trailing { kind: 1, bytes: 2 },
            DecodeError::Unknown { kind: 1 },
            DecodeError::Value { field: "kind" },
            DecodeError::Empty,
        ];
        for error in errors {
            assert_eq!(Reason::read(error.to_string()).code(), Some(error.code()));
        }
    }
}
