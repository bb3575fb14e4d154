//! What the last frame of a socket says.

use playon_types::code::Code;
use playon_types::gate::Close;
use playon_types::ply;
use playon_types::reason::Reason;

/// Bytes of the text in a close frame, a limit of the WebSocket protocol (RFC 6455, 5.5).
const TEXT_BYTES_MAX: usize = 123;

/// The stable code of each reason, for texts that bring none of their own.
pub(super) const fn code(why: Close) -> Code {
    match why {
        Close::Restarting => ply!("PLY-0118"),
        Close::Busy => ply!("PLY-0101"),
        Close::Silent => ply!("PLY-0140"),
        Close::TooFast => ply!("PLY-0149"),
        Close::UnknownSession => ply!("PLY-0111"),
        Close::UnknownRoom => ply!("PLY-0121"),
        Close::InputGap => ply!("PLY-0113"),
        Close::RoomFull => ply!("PLY-0102"),
        Close::Version => ply!("PLY-0141"),
        Close::Replaced => ply!("PLY-0112"),
        Close::Refused => ply!("PLY-0106"),
        Close::RoomEnded => ply!("PLY-0103"),
        Close::Left => ply!("PLY-0109"),
        Close::BadFrame => ply!("PLY-0142"),
        Close::TooLarge => ply!("PLY-0115"),
        Close::TooMany => ply!("PLY-0116"),
        Close::RoomHalted => ply!("PLY-0119"),
        Close::RoomFails => ply!("PLY-0123"),
    }
}

/// The last word to a socket: the close code, and a text that begins with a stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Farewell {
    pub(super) why: Close,
    /// The code that the text begins with, if it is one of this version.
    pub(super) code: Option<Code>,
    pub(super) text: String,
}

impl Farewell {
    pub(super) fn new(why: Close, reason: Reason) -> Self {
        let reason = reason.or_code(code(why));
        let code = reason.code();
        let mut text = reason.to_string();
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        Self { why, code, text: text.trim_end().to_owned() }
    }
}

/// A socket that is closed as soon as all is written for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) farewell: Farewell,
    /// The owner has closed it, or does not want to hear of it; otherwise it has to be told that the socket is gone.
    pub(super) owner_knows: bool,
}

#[cfg(test)]
mod tests {
    use playon_types::reason;

    use super::*;

    #[test]
    fn every_reason_has_its_own_code() {
        let codes: std::collections::BTreeSet<_> = Close::ALL.map(code).into();
        assert_eq!(codes.len(), Close::ALL.len());
    }

    #[test]
    fn texts_fit_and_begin_with_a_code() {
        let long = Farewell::new(Close::Busy, Reason::read("ü".repeat(200)));
        assert!(long.text.starts_with("PLY-0101 ü") && long.text.len() <= TEXT_BYTES_MAX);
        let full = Farewell::new(Close::Busy, reason!("PLY-0105 too many rooms"));
        assert_eq!(full.text, "PLY-0105 too many rooms");
        assert_eq!(Farewell::new(Close::Left, Reason::read("")).text, "PLY-0109");
    }
}
