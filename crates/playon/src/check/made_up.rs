//! Makes up values of any type that can be deserialized: every collection full, every variant in turn.
//!
//! A type says what it wants to be made of, so a made-up input can be offered to it. That finds a
//! `HashMap` in a state before any room has put anything into it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Values made up at most, to see that many variants of an enum.
const PASSES_MAX: usize = 16;
/// Entries of each map and list.
const ENTRIES: usize = 6;
/// Depth from which collections stay empty, so that recursive types end.
const DEPTH_FULL: usize = 10;
/// Depth at which a value is given up.
const DEPTH_MAX: usize = 64;
/// Parts of one value; from there on collections stay empty.
const PARTS_MAX: usize = 20_000;

/// Made-up values that between them have every variant, as far as the bounds go. Fewer or
/// none for types that accept only particular contents.
pub(crate) fn make_up<T: DeserializeOwned>() -> Vec<T> {
    let mut values = Vec::new();
    let mut variants_max = 1;
    let mut pass = 0;
    while pass < variants_max.min(PASSES_MAX) {
        let source =
            Source { pass, parts: Cell::new(0), enums: Cell::new(0), variants_max: Cell::new(1) };
        let maker = Maker { source: &source, depth: 0 };
        // A type may be so sure of its contents that it panics over others.
        values.extend(
            catch_unwind(AssertUnwindSafe(|| T::deserialize(maker))).ok().and_then(Result::ok),
        );
        variants_max = variants_max.max(source.variants_max.get());
        pass += 1;
    }
    values
}

struct Source {
    pass: usize,
    parts: Cell<usize>,
    enums: Cell<usize>,
    variants_max: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Maker<'a> {
    source: &'a Source,
    depth: usize,
}

impl Maker<'_> {
    /// A number that has not been used for this value.
    fn next(self) -> usize {
        let parts = self.source.parts.get() + 1;
        self.source.parts.set(parts);
        parts
    }

    fn deeper(self) -> Result<Self, Error> {
        if self.depth >= DEPTH_MAX {
            return Err(Error::custom("too deep to be made up"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn full(self) -> bool {
        self.depth < DEPTH_FULL && self.source.parts.get() < PARTS_MAX
    }

    fn entries(self) -> usize {
        if self.full() { ENTRIES } else { 0 }
    }

    /// Neighbours get different variants; far down it depends on the depth alone, so that recursion ends.
    fn variant(self, names: &[&'static str]) -> Result<&'static str, Error> {
        let seen = self.source.variants_max.get();
        self.source.variants_max.set(seen.max(names.len()));
        let turn = self.source.enums.get();
        self.source.enums.set(turn + 1);
        let turn = if self.full() { turn } else { self.depth };
        let count = names.len().max(1);
        let name = names.get((self.source.pass + turn) % count);
        name.copied().ok_or_else(|| Error::custom("an enum without variants"))
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $t:ty)*) => { $(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit((self.next() % 127) as $t)
        }
    )* };
}

impl<'de> Deserializer<'de> for Maker<'_> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
        deserialize_f32 visit_f32 f32
        deserialize_f64 visit_f64 f64
        deserialize_any visit_u64 u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.next().is_multiple_of(2))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_char(char::from(b'a' + (self.next() % 26) as u8))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(format!("k{}", self.next()))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_byte_buf(self.next().to_be_bytes().to_vec())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.full() { visitor.visit_some(self.deeper()?) } else { visitor.visit_none() }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Parts { maker: self.deeper()?, left: self.entries() })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Parts { maker: self.deeper()?, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Parts { maker: self.deeper()?, left: self.entries() })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { maker: self.deeper()?, names: fields.iter() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = self.variant(variants)?;
        visitor.visit_enum(Variant { maker: self.deeper()?, name })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Items of a list, or entries of a map.
struct Parts<'a> {
    maker: Maker<'a>,
    left: usize,
}

impl Parts<'_> {
    fn take(&mut self) -> bool {
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.take().then(|| seed.deserialize(self.maker)).transpose()
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.take().then(|| seed.deserialize(self.maker)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.maker)
    }
}

/// Fields of a struct.
struct Fields<'a> {
    maker: Maker<'a>,
    names: std::slice::Iter<'static, &'static str>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.names.next().map(|name| seed.deserialize(text(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.maker)
    }
}

fn text(name: &'static str) -> StrDeserializer<'static, Error> {
    name.into_deserializer()
}

/// One variant of an enum.
struct Variant<'a> {
    maker: Maker<'a>,
    name: &'static str,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(text(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.maker)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.maker.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.maker.deserialize_struct("", fields, visitor)
    }
}
