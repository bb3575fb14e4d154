//! Guesses at what a type wants that asks for anything: tagged, untagged and flattened types buffer whatever comes and look
//! into it later. Offer, read the error, offer something better.
//!
//! All numbers and texts that are offered are different, so an error that shows one says where it stands. Fields are
//! offered by number, which derived types take for the name: so those that may be missing are found, too.

use std::collections::{BTreeMap, BTreeSet};

use super::clues::{Clue, Got};

/// The first number that is offered. No `u8` takes it, so that numbers can be told apart first.
pub(super) const NUMBER_MIN: u64 = 10_000;
/// Items of a list whose length nobody has said.
pub(super) const ITEMS: usize = 2;
/// Texts that types of the standard library and of common crates read, tried in turn.
const STYLES: [&str; 9] = [
    "k#",
    "127.0.0.#",
    "::#",
    "127.0.0.1:#",
    "#",
    "00000000-0000-4000-8000-0000000000#",
    "2026-01-01T00:00:#Z",
    "2026-01-#",
    "#s",
];

/// What is offered in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// A number that tells the place.
    #[default]
    Number,
    /// A number that fits everywhere.
    Small,
    Float,
    Flag,
    Letter,
    Nil,
    Text,
    List(usize),
    /// Entries of any name.
    Map,
    /// Fields, which are those of the place.
    Fields,
    /// One of the names in turn; those in the second part hold something.
    Names(&'static [&'static str], BTreeSet<&'static str>),
}

/// Everything that has been found out about one place of a type that asks for anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Guess {
    pub(super) forms: BTreeMap<String, Form>,
    pub(super) fields: BTreeMap<String, Vec<&'static str>>,
    pub(super) styles: BTreeMap<String, usize>,
    /// Maps whose fields have to be called by name.
    pub(super) by_name: BTreeSet<String>,
    /// The places that were offered last, by the number that tells them.
    pub(super) places: Vec<String>,
    /// How often a value was made of it, so that variants take turns.
    pub(super) turn: usize,
}

impl Guess {
    /// Makes use of what the type said; false if there is nothing more to try. `skip` changes which of several clues is
    /// followed, so that untagged enums show more than their first variant.
    pub(super) fn learn(&mut self, clues: &[Clue], skip: usize) -> bool {
        let count = clues.len();
        (0..count).any(|at| self.follow(&clues[(at + skip) % count]))
    }

    fn follow(&mut self, clue: &Clue) -> bool {
        match clue {
            Clue::Wanted { got: Got::Number(number), .. } if *number < NUMBER_MIN => {
                self.name_fields()
            }
            Clue::Wanted { got, wanted } => {
                let place = self.place_of(got);
                place.is_some_and(|place| self.want(&place, got, wanted))
            }
            Clue::Missing(field) => self.add(field),
            Clue::Names(text, names) => {
                let place = self.place_of(&Got::Text(text.clone()));
                let form = Form::Names(names, BTreeSet::new());
                place.is_some_and(|place| !names.is_empty() && self.set(place, form))
            }
            Clue::Words(_) => self.next_style(),
        }
    }

    /// Where something stands; that of which nothing is known is looked for among what was offered last.
    fn place_of(&self, got: &Got) -> Option<String> {
        let number = match got {
            Got::Number(number) => number.checked_sub(NUMBER_MIN),
            Got::Text(text) => text.strip_prefix('k').and_then(|number| number.parse().ok()),
            Got::Name => {
                let is_name =
                    |place: &&String| matches!(self.forms.get(*place), Some(Form::Names(..)));
                return self.places.iter().rev().find(is_name).cloned();
            }
            Got::Other => {
                let is_many = |place: &&String| {
                    matches!(
                        self.forms.get(*place),
                        Some(
                            Form::List(_)
                                | Form::Map
                                | Form::Fields
                                | Form::Float
                                | Form::Flag
                                | Form::Nil
                        )
                    )
                };
                return self.places.iter().rev().find(is_many).cloned();
            }
        };
        self.places.get(usize::try_from(number?).ok()?).cloned()
    }

    fn want(&mut self, place: &str, got: &Got, wanted: &str) -> bool {
        if *got == Got::Name {
            return self.hold(place);
        }
        let digits =
            wanted.rsplit(|letter: char| !letter.is_ascii_digit()).find(|run| !run.is_empty());
        let len = digits.and_then(|run| run.parse().ok()).unwrap_or(ITEMS);
        let form = match wanted {
            _ if wanted.contains("internally tagged") || wanted.contains("adjacently tagged") => {
                Form::Fields
            }
            "a boolean" => Form::Flag,
            "a character" => Form::Letter,
            "a map" => Form::Map,
            "a sequence" => Form::List(ITEMS),
            "f32" | "f64" => Form::Float,
            _ if wanted.starts_with("unit") => Form::Nil,
            "i8" | "i16" | "i32" | "i64" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128"
            | "usize" | "isize" => Form::Small,
            _ if wanted.contains("tuple") || wanted.contains("array") => Form::List(len),
            _ if wanted.contains("struct") => Form::Fields,
            _ if wanted.contains("nonzero") => Form::Small,
            _ => Form::Text,
        };
        self.set(place.to_owned(), form)
    }

    /// The innermost map whose fields were called by number gets names.
    fn name_fields(&mut self) -> bool {
        let numbered = |place: &&String| {
            self.forms.get(*place) == Some(&Form::Fields) && !self.by_name.contains(*place)
        };
        let place = self.places.iter().rev().find(numbered).cloned();
        place.is_some_and(|place| self.by_name.insert(place))
    }

    /// The name that was offered last has to hold something.
    fn hold(&mut self, place: &str) -> bool {
        let turn = self.turn - 1;
        match self.forms.get_mut(place) {
            Some(Form::Names(names, holding)) => holding.insert(names[turn % names.len()]),
            _ => false,
        }
    }

    fn set(&mut self, place: String, form: Form) -> bool {
        let news = self.forms.get(&place) != Some(&form);
        self.forms.insert(place, form);
        news
    }

    /// Adds a field to the innermost map that has none of this name.
    fn add(&mut self, field: &'static str) -> bool {
        let lacks = |place: &&String| {
            let is_map = matches!(self.forms.get(*place), Some(Form::Fields | Form::Map));
            is_map && !self.fields_of(place).contains(&field)
        };
        let Some(place) = self.places.iter().rev().find(lacks).cloned() else { return false };
        let place = self.with_variant(&place);
        self.fields.entry(place).or_default().push(field);
        true
    }

    /// Another text for the last place that holds one.
    fn next_style(&mut self) -> bool {
        let is_text = |place: &&String| {
            let more = self.styles.get(*place).is_none_or(|style| style + 1 < STYLES.len());
            self.forms.get(*place) == Some(&Form::Text) && more
        };
        let Some(place) = self.places.iter().rev().find(is_text).cloned() else { return false };
        *self.styles.entry(place).or_default() += 1;
        true
    }

    /// A map whose tag names a variant has other fields with each.
    pub(super) fn with_variant(&self, place: &str) -> String {
        let tag = self.fields.get(place).into_iter().flatten().find_map(|field| {
            match self.forms.get(&format!("{place}/{field}")) {
                Some(Form::Names(names, _)) => {
                    Some(names[self.turn.saturating_sub(1) % names.len()])
                }
                _ => None,
            }
        });
        tag.map_or_else(|| place.to_owned(), |tag| format!("{place}#{tag}"))
    }

    pub(super) fn fields_of(&self, place: &str) -> Vec<&'static str> {
        let mut fields = self.fields.get(place).cloned().unwrap_or_default();
        let variant = self.with_variant(place);
        if variant != place {
            fields.extend(self.fields.get(&variant).into_iter().flatten());
        }
        fields
    }

    /// How many names there are to choose from, at most.
    pub(super) fn names_max(&self) -> usize {
        let names = self.forms.values().map(|form| match form {
            Form::Names(names, _) => names.len(),
            _ => 1,
        });
        names.max().unwrap_or(1)
    }

    /// What is offered is a map of fields that are called by name.
    pub(super) fn is_named_map(&mut self) {
        self.forms.insert(String::new(), Form::Fields);
        self.by_name.insert(String::new());
    }
}

/// A text in one of the styles.
pub(super) fn styled(style: usize, number: usize) -> Option<String> {
    let style = STYLES.get(style)?;
    let two = format!("{:02}", 10 + number % 18);
    Some(if *style == "k#" { format!("k{number}") } else { style.replace('#', &two) })
}
