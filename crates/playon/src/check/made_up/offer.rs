//! Offers of a guess: what a type that asks for anything is shown, place by place.

use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Maker;
use super::clues::Refused;
use super::guess::{Form, Guess, ITEMS, NUMBER_MIN, styled};

/// Depth from which lists stay empty.
const DEPTH_FULL: usize = 4;
/// Fields that are offered by number.
const FIELDS_MAX: usize = 24;
/// Depth at which a value is given up.
const DEPTH_MAX: usize = 24;

impl Guess {
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
