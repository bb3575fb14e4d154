//! What the last frame of a socket says.

use playon_types::gate::Close;

/// Bytes of the text in a close frame, a limit of the WebSocket protocol (RFC 6455, 5.5).
const TEXT_BYTES_MAX: usize = 123;

/// The stable code of each reason, for texts that bring none of their own.
pub const fn code(why: Close) -> &'static str {
    match why {
        Close::Restarting => "PLY-0118",
        Close::Busy => "PLY-0101",
        Close::Silent => "PLY-0140",
        Close::TooFast => "PLY-0149",
        Close::UnknownSession => "PLY-0111",
        Close::UnknownRoom => "PLY-0121",
        Close::InputGap => "PLY-0113",
        Close::RoomFull => "PLY-0102",
        Close::Version => "PLY-0141",
        Close::Replaced => "PLY-0112",
        Close::Refused => "PLY-0106",
        Close::RoomEnded => "PLY-0103",
        Close::Left => "PLY-0109",
        Close::BadFrame => "PLY-0142",
        Close::TooLarge => "PLY-0115",
        Close::TooMany => "PLY-0116",
        Close::RoomHalted => "PLY-0119",
        Close::RoomFails => "PLY-0123",
    }
}

/// Why this side ends a socket: the close code, and a text that begins with a stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) why: Close,
    pub(super) text: String,
}

impl Reason {
    pub(super) fn new(why: Close, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut text = match detail.starts_with("PLY-") {
            true => detail,
            false => format!("{} {detail}", code(why)),
        };
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        Self { why, text: text.trim_end().to_owned() }
    }
}

/// A socket that is closed as soon as all is written for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) reason: Reason,
    /// The owner has closed it, or does not want to hear of it; otherwise it has to be told that the socket is gone.
    pub(super) owner_knows: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_code() {
        let codes: std::collections::BTreeSet<_> = Close::ALL.map(code).into();
        assert_eq!(codes.len(), Close::ALL.len());
    }

    #[test]
    fn texts_fit_and_begin_with_a_code() {
        let long = Reason::new(Close::Busy, "ü".repeat(200));
        assert!(long.text.starts_with("PLY-0101 ü") && long.text.len() <= TEXT_BYTES_MAX);
        assert_eq!(
            Reason::new(Close::Busy, "PLY-0105 too many rooms").text,
            "PLY-0105 too many rooms"
        );
        assert_eq!(Reason::new(Close::Left, "").text, "PLY-0109");
    }
}
