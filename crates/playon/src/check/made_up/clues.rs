//! What a type says when it is offered something that it is not made of.

use std::cell::RefCell;
use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};

/// Clues kept of one offer. An untagged enum gives some for each variant.
const CLUES_MAX: usize = 64;

/// Something learned from an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clue {
    /// Something else was wanted in the place of what was offered.
    Wanted { got: Got, wanted: String },
    /// A map lacks this.
    Missing(&'static str),
    /// Names are wanted in the place of this text.
    Names(String, &'static [&'static str]),
    /// The type's own words.
    Words(String),
}

/// What was offered, as far as it can be told from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Number(u64),
    Text(String),
    /// A bare name where something was to be inside of it.
    Name,
    Other,
}

thread_local! {
    /// Errors are made by functions without a self, and those of untagged enums are thrown away.
    static CLUES: RefCell<Vec<Clue>> = const { RefCell::new(Vec::new()) };
}

/// The clues since the last time this was asked.
pub(super) fn take() -> Vec<Clue> {
    CLUES.take()
}

fn leave(clue: Clue) -> Refused {
    let said = format!("{clue:?}");
    CLUES.with_borrow_mut(|clues| {
        if clues.len() < CLUES_MAX && !clues.contains(&clue) {
            clues.push(clue);
        }
    });
    Refused(said)
}

/// The error of a type that does not take what it was offered.
#[derive(Debug)]
pub(super) struct Refused(String);

impl std::error::Error for Refused {}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {
    fn custom<T: Display>(words: T) -> Self {
        leave(Clue::Words(words.to_string()))
    }

    fn invalid_type(got: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let got = match got {
            Unexpected::Unsigned(number) => Got::Number(number),
            Unexpected::Str(text) => Got::Text(text.to_owned()),
            Unexpected::UnitVariant => Got::Name,
            _ => Got::Other,
        };
        leave(Clue::Wanted { got, wanted: wanted.to_string() })
    }

    fn invalid_value(got: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(got, wanted)
    }

    fn invalid_length(_: usize, wanted: &dyn Expected) -> Self {
        leave(Clue::Wanted { got: Got::Other, wanted: wanted.to_string() })
    }

    fn unknown_variant(variant: &str, names: &'static [&'static str]) -> Self {
        leave(Clue::Names(variant.to_owned(), names))
    }

    fn missing_field(field: &'static str) -> Self {
        leave(Clue::Missing(field))
    }
}
