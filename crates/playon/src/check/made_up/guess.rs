//! Guesses at what a type wants that asks for anything: tagged, untagged and flattened types buffer whatever comes and look
//! into it later. Offer, read the error, offer something better.
//!
//! All numbers and texts that are offered are different, so an error that shows one says where it stands. Fields are
//! offered by number, which derived types take for the name: so those that may be missing are found, too.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Maker;
use super::clues::{Clue, Got, Refused};

/// The first number that is offered. No `u8` takes it, so that numbers can be told apart first.
const NUMBER_MIN: u64 = 10_000;
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
/// Items of a list whose length nobody has said.
const ITEMS: usize = 2;
/// Depth from which lists stay empty.
const DEPTH_FULL: usize = 4;
/// Fields that are offered by number.
const FIELDS_MAX: usize = 24;
/// Depth at which a value is given up.
const DEPTH_MAX: usize = 24;

/// What is offered in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Form {
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
    forms: BTreeMap<String, Form>,
    fields: BTreeMap<String, Vec<&'static str>>,
    styles: BTreeMap<String, usize>,
    /// Maps whose fields have to be called by name.
    by_name: BTreeSet<String>,
    /// The places that were offered last, by the number that tells them.
    places: Vec<String>,
    /// How often a value was made of it, so that variants take turns.
    turn: usize,
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
    fn with_variant(&self, place: &str) -> String {
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

    fn fields_of(&self, place: &str) -> Vec<&'static str> {
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

    /// Offers a value; it is the turn of this variant at least.
    pub(super) fn offer<'de, V: Visitor<'de>>(
        &mut self,
        visitor: V,
        maker: Maker<'_>,
        turn: usize,
    ) -> Result<V::Value, Refused> {
        self.places.clear();
        self.turn = self.turn.max(turn) + 1;
        Offer { guess: self, place: String::new(), depth: 0, maker }.visit(visitor)
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

struct Offer<'g> {
    guess: &'g mut Guess,
    place: String,
    depth: usize,
    /// Makes what is asked for by its type.
    maker: Maker<'g>,
}

impl Offer<'_> {
    fn inner(&mut self, step: &str) -> Offer<'_> {
        let place = format!("{}/{step}", self.place);
        Offer { guess: self.guess, place, depth: self.depth + 1, maker: self.maker }
    }

    fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        if self.depth > DEPTH_MAX {
            return Err(serde::de::Error::custom("too deep to be made up"));
        }
        let number = self.guess.places.len();
        self.guess.places.push(self.place.clone());
        let form = self.guess.forms.get(&self.place).cloned().unwrap_or_default();
        let small = (number % 127) as u64;
        match form {
            Form::Number => visitor.visit_u64(NUMBER_MIN + number as u64),
            Form::Small => visitor.visit_u64(small + 1),
            Form::Float => visitor.visit_f64(small as f64 + 0.5),
            Form::Flag => visitor.visit_bool(number.is_multiple_of(2)),
            Form::Letter => visitor.visit_char('k'),
            Form::Nil => visitor.visit_unit(),
            Form::Text => {
                let style = self.guess.styles.get(&self.place).copied().unwrap_or(0);
                visitor.visit_string(styled(style, number).unwrap_or_default())
            }
            Form::List(len) => {
                let left = if self.depth < DEPTH_FULL { len } else { 0 };
                visitor.visit_seq(Items { offer: self, left })
            }
            Form::Map | Form::Fields => visitor.visit_map(self.entries(form == Form::Map)),
            Form::Names(names, holding) => {
                let name = names[(self.guess.turn - 1) % names.len()];
                if holding.contains(name) {
                    self.place = format!("{}#{name}", self.place);
                    let base = self.place.clone();
                    let keys = vec![Key::Name(name.to_owned())];
                    visitor.visit_map(Entries { offer: self, base, tags: Vec::new(), keys, at: 0 })
                } else {
                    visitor.visit_str(name)
                }
            }
        }
    }
}

impl<'g> Offer<'g> {
    fn entries(mut self, free: bool) -> Entries<'g> {
        let named = self.guess.fields_of(&self.place).into_iter();
        let mut keys: Vec<Key> = named.map(|name| Key::Name(name.to_owned())).collect();
        if self.depth < DEPTH_FULL {
            let numbered = !free && !self.guess.by_name.contains(&self.place);
            keys.extend((0..ITEMS).filter(|_| free).map(|n| Key::Name(format!("e{n}"))));
            keys.extend((0..FIELDS_MAX).filter(|_| numbered).map(Key::Number));
        }
        let place = self.guess.with_variant(&self.place);
        let tags = self.guess.fields.get(&self.place).cloned().unwrap_or_default();
        let base = std::mem::replace(&mut self.place, place);
        Entries { offer: self, base, tags, keys, at: 0 }
    }
}

macro_rules! by_type {
    ($($deserialize:ident($($name:ident: $t:ty),*))*) => { $(
        fn $deserialize<V: Visitor<'de>>(self, $($name: $t,)* visitor: V) -> Result<V::Value, Refused> {
            self.maker.$deserialize($($name,)* visitor)
        }
    )* };
}

/// Who says a type is not buffering, and is made what it asks for.
impl<'de> Deserializer<'de> for Offer<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.visit(visitor)
    }

    /// The name of a variant, which is found out like any other value.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.visit(visitor)
    }

    by_type! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64()
        deserialize_u128() deserialize_f32() deserialize_f64() deserialize_char() deserialize_str()
        deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_seq() deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_ignored_any()
    }
}

/// A key of a map.
enum Key {
    Name(String),
    Number(usize),
}

struct Items<'g> {
    offer: Offer<'g>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        // All items are of one type, except those of a tuple.
        let step = self.left.to_string();
        seed.deserialize(self.offer.inner(&step)).map(Some)
    }
}

struct Entries<'g> {
    offer: Offer<'g>,
    /// The place without the variant that is named in one of the tags.
    base: String,
    tags: Vec<&'static str>,
    keys: Vec<Key>,
    at: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let Some(key) = self.keys.get(self.at) else { return Ok(None) };
        let key = match key {
            Key::Name(name) => seed.deserialize(StrDeserializer::new(name)),
            Key::Number(number) => seed.deserialize(U64Deserializer::new(*number as u64)),
        };
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let key = match &self.keys[self.at] {
            Key::Name(name) => name.clone(),
            Key::Number(number) => number.to_string(),
        };
        self.at += 1;
        if self.tags.contains(&key.as_str()) {
            let Offer { guess, depth, maker, .. } = &mut self.offer;
            let (place, depth) = (format!("{}/{key}", self.base), *depth + 1);
            return seed.deserialize(Offer { guess, place, depth, maker: *maker });
        }
        seed.deserialize(self.offer.inner(&key))
    }
}
