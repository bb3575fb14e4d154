//! Why something is so: a code, and the words for people.
//!
//! Who says it writes `reason!("PLY-0404 room {room} got no commit in time")` and passes a [`Reason`] on; who has to know which
//! code it is asks it ([`Reason::code`]). Nobody looks into the words, but for [`Reason::read`]: what comes from another process,
//! or was stored by one, is text, and is read once where it comes in.

use std::borrow::Cow;
use std::fmt;

use crate::code::{CODE_BYTES, Code};

/// Why something is so. Shown as `PLY-0101 try again`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    code: Option<Code>,
    words: Cow<'static, str>,
}

/// A code with its words, which may be formatted: `reason!("PLY-0106 {refusal}")`. The compiler refuses a code that is not in the
/// table. Where a constant is wanted there is [`Reason::fixed`].
#[macro_export]
macro_rules! reason {
    ($told:literal $(, $arg:expr)* $(,)?) => {
        $crate::reason::Reason::formatted(
            const { $crate::reason::code_of($told) },
            ::std::format_args!($told $(, $arg)*),
        )
    };
}

impl Reason {
    /// A code with its words.
    pub fn new(code: Code, words: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Some(code), words: words.into() }
    }

    /// A code with its words, as one text; for constants.
    ///
    /// # Panics
    ///
    /// If it does not begin with a code of the table and a space: the compiler says so of a constant.
    pub const fn fixed(told: &'static str) -> Self {
        let code = code_of(told);
        let (_, words) = told.split_at(CODE_BYTES + 1);
        Self { code: Some(code), words: Cow::Borrowed(words) }
    }

    /// The same with more to say.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        Self { words: format!("{}{more}", self.words).into(), ..self }
    }

    /// The same, and how it came to that, as far as anybody knows.
    #[must_use]
    pub fn because(self, how: &str) -> Self {
        if how.is_empty() { self } else { self.and(&format!(": {how}")) }
    }

    /// What another process said, or what was stored of it. The one place where a code is found out by looking into a text. It
    /// may have none, or one of another version; shown it is the same text again.
    pub fn read(text: impl Into<String>) -> Self {
        let text = text.into();
        let code = Code::leading(&text);
        match (code, text.get(CODE_BYTES..)) {
            (Some(code), Some("")) => Self::new(code, ""),
            (Some(code), Some(rest)) => match rest.strip_prefix(' ') {
                Some(words) if !words.is_empty() => Self::new(code, words.to_owned()),
                _ => Self { code: None, words: text.into() },
            },
            _ => Self { code: None, words: text.into() },
        }
    }

    /// An error that is shown with its code first.
    pub fn of(code: Code, error: &impl fmt::Display) -> Self {
        let told = error.to_string();
        let spelled = code.to_string();
        match told.strip_prefix(&spelled).and_then(|rest| rest.strip_prefix(' ')) {
            Some(words) => Self::new(code, words.to_owned()),
            None => Self::new(code, told),
        }
    }

    /// Used by [`reason!`](crate::reason).
    #[doc(hidden)]
    pub fn formatted(code: Code, told: fmt::Arguments<'_>) -> Self {
        const START: usize = CODE_BYTES + 1;
        match told.as_str() {
            Some(told) => Self::new(code, &told[START..]),
            None => Self::new(code, told.to_string().split_off(START)),
        }
    }

    /// The code. Nothing only if it came from another process that named none.
    pub const fn code(&self) -> Option<Code> {
        self.code
    }

    /// The same, with that code if it has none.
    #[must_use]
    pub fn or_code(self, code: Code) -> Self {
        Self { code: self.code.or(Some(code)), ..self }
    }

    /// What is said beside the code.
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) if self.words.is_empty() => code.fmt(f),
            Some(code) => write!(f, "{code} {}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl std::error::Error for Reason {}

/// Used by [`reason!`](crate::reason).
#[doc(hidden)]
pub const fn code_of(told: &str) -> Code {
    let bytes = told.as_bytes();
    assert!(bytes.len() > CODE_BYTES + 1 && bytes[CODE_BYTES] == b' ', "a code, a space, words");
    Code::known(told.split_at(CODE_BYTES).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ply;

    #[test]
    fn a_reason_has_its_code_and_its_words() {
        let (room, seq) = ("a", 7);
        let told = reason!("PLY-0404 room {room} got no commit {} in time", seq);
        assert_eq!(told.code(), Some(ply!("PLY-0404")));
        assert_eq!(told.words(), "room a got no commit 7 in time");
        assert_eq!(told.to_string(), "PLY-0404 room a got no commit 7 in time");
        const FULL: Reason = Reason::fixed("PLY-0102 every seat is taken");
        assert_eq!(FULL, reason!("PLY-0102 every seat is taken"));
        assert_eq!(FULL.and(", again"), reason!("PLY-0102 every seat is taken, again"));
        assert_eq!(FULL.because("so"), reason!("PLY-0102 every seat is taken: so"));
        assert_eq!(FULL.because(""), FULL);
        assert_eq!(Reason::new(ply!("PLY-0109"), "").to_string(), "PLY-0109");
    }

    #[test]
    fn what_others_said_is_shown_as_they_said_it() {
        let code = |text: &str| {
            let read = Reason::read(text);
            assert_eq!(read.to_string(), text);
            read.code()
        };
        assert_eq!(code("PLY-0428 the game panicked: no"), Some(ply!("PLY-0428")));
        assert_eq!(code("PLY-0109"), Some(ply!("PLY-0109")));
        assert_eq!(code("PLY-9999 of a later version").map(Code::number), Some(9_999));
        let without = [
            "",
            "boom",
            "PLY-",
            "PLY-042",
            "PLY-0428: no",
            "PLY-0428 ",
            "see PLY-0428",
            "PLY-04ü8 x",
        ];
        for text in without {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_says_its_code_once() {
        let code = ply!("PLY-0202");
        for error in ["PLY-0202 the store failed", "the store failed"] {
            assert_eq!(Reason::of(code, &error), reason!("PLY-0202 the store failed"));
        }
    }

    #[test]
    fn what_is_told_to_a_player_is_read_back_the_same() {
        let told = reason!("PLY-0106 {}", "PLY-0429 not today");
        assert_eq!(Reason::read(told.to_string()), told);
    }
}
