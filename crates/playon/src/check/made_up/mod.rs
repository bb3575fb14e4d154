//! Makes up values of any type that can be deserialized: every collection full, every variant in turn; then all empty, or all
//! inside of others; then every option inside of another one empty.
//!
//! A type says what it wants to be made of, so a made-up input can be offered to it. That finds a `HashMap` in a state before any
//! room has put anything into it. A type that asks for anything is made offers until it takes one, see [`guess`].

mod clues;
mod guess;
mod offer;
mod plan;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use clues::Refused as Error;
use plan::{Offered, Owner, Plan, What};

/// Values made up at most, to see that many variants of an enum.
const PASSES_MAX: usize = 16;
/// Offers made at most to a type that takes none.
const OFFERS_MAX: usize = 400;
/// Parts of all offers; a worker should start fast.
const OFFERED_PARTS_MAX: usize = 400_000;
/// Entries of each map and list.
const ENTRIES: usize = 6;
/// Levels of collections and options of which the inner ones are left empty while those around them are full.
const EMPTY_LEVELS: usize = 4;
/// Depth from which collections stay empty, so that recursive types end.
const DEPTH_FULL: usize = 10;
/// Depth at which a value is given up.
const DEPTH_MAX: usize = 64;
/// Parts of one value; from there on collections stay empty.
const PARTS_MAX: usize = 20_000;

/// What could be made up of a type.
pub(crate) struct MadeUp<T> {
    /// Values that between them have every variant, as far as the bounds go.
    pub(crate) values: Vec<T>,
    /// What they do not cover, in words.
    pub(crate) untried: Option<String>,
}

/// How a value is made up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Everything is full; it is the turn of this variant.
    Full(usize),
    /// What is inside of so many other things that may be empty is empty.
    Empty(usize),
    /// An option inside of another one is empty.
    Inner,
}

/// Makes up what can be made up of a type.
pub(crate) fn make_up<T: DeserializeOwned>() -> MadeUp<T> {
    let plan = RefCell::new(Plan::default());
    let mut offers = Offers { made: 0, parts: 0, failed: None };
    let mut values = Vec::new();
    let mut variants_max = 1;
    let mut pass = 0;
    while pass < variants_max.min(PASSES_MAX) {
        let (value, variants) = offers.until_taken(Pass::Full(pass), &plan);
        values.extend(value);
        variants_max = variants_max.max(variants);
        pass += 1;
    }
    let rest = (0..EMPTY_LEVELS).map(Pass::Empty).chain([Pass::Inner]);
    for pass in rest {
        values.extend(offers.until_taken(pass, &plan).0);
    }
    let untried = plan.into_inner().untried(offers.failed.filter(|_| values.is_empty()));
    MadeUp { values, untried }
}

/// Offers made to one type.
struct Offers {
    made: usize,
    parts: usize,
    /// Why the last one that came to nothing did.
    failed: Option<String>,
}

impl Offers {
    /// The value, and how many variants there are to be seen.
    fn until_taken<T: DeserializeOwned>(
        &mut self,
        pass: Pass,
        plan: &RefCell<Plan>,
    ) -> (Option<T>, usize) {
        let skip = if let Pass::Full(turn) = pass { turn } else { 0 };
        let mut variants = 1;
        while self.made < OFFERS_MAX && self.parts < OFFERED_PARTS_MAX {
            self.made += 1;
            plan.borrow_mut().begin();
            let source = Source {
                pass,
                plan,
                parts: Cell::new(0),
                enums: Cell::new(0),
                variants_max: Cell::new(1),
            };
            let maker = Maker {
                source: &source,
                depth: 0,
                owner: ("", ""),
                container: None,
                level: 0,
                some: false,
            };
            // A type may be so sure of its contents that it panics over others.
            let made = catch_unwind(AssertUnwindSafe(|| T::deserialize(maker)));
            self.parts += source.parts.get();
            variants = source.variants_max.get().max(plan.borrow().names_max());
            match made {
                Ok(Ok(value)) => return (Some(value), variants),
                Ok(Err(why)) => {
                    self.failed = Some(why.to_string());
                    if !plan.borrow_mut().learn(skip) {
                        break;
                    }
                }
                Err(_) => {
                    self.failed = Some("it panics".to_owned());
                    break;
                }
            }
        }
        (None, variants)
    }
}

struct Source<'p> {
    pass: Pass,
    plan: &'p RefCell<Plan>,
    parts: Cell<usize>,
    enums: Cell<usize>,
    variants_max: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Maker<'a> {
    source: &'a Source<'a>,
    depth: usize,
    /// The innermost struct and its field.
    owner: Owner,
    /// The innermost owner of something that may stay empty.
    container: Option<Owner>,
    /// How many things around this may be empty.
    level: usize,
    /// Whether this is what an option holds.
    some: bool,
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
        Ok(Self { depth: self.depth + 1, some: false, ..self })
    }

    fn full(self) -> bool {
        self.depth < DEPTH_FULL && self.source.parts.get() < PARTS_MAX
    }

    /// Whether something that may be empty is to hold something.
    fn holds(self) -> bool {
        let empty = matches!(self.source.pass, Pass::Empty(level) if self.level >= level);
        !empty && self.full() && !self.source.plan.borrow().is_hopeless(self.owner)
    }

    /// The inside of something that may be empty.
    fn inside(self) -> Result<Self, Error> {
        Ok(Self { container: Some(self.owner), level: self.level + 1, ..self.deeper()? })
    }

    fn entries(self) -> usize {
        if self.holds() { ENTRIES } else { 0 }
    }

    /// Makes an offer to one who says too little about what is wanted.
    fn offer<'de, V: Visitor<'de>>(self, visitor: V, named: bool) -> Result<V::Value, Error> {
        let wanted = Wanted(&visitor).to_string();
        self.next();
        let plan = self.source.plan;
        let mut guess = plan.borrow().guess(self.owner, &wanted);
        if named {
            guess.is_named_map();
        }
        let turn = if let Pass::Full(turn) = self.source.pass { turn } else { 0 };
        let maker = self.deeper()?;
        let made = guess.offer(visitor, maker, turn);
        let (owner, container) = (self.owner, self.container);
        let offered = Offered { what: What::Any(wanted), owner, container };
        plan.borrow_mut().keep(offered, guess, made.is_ok());
        made
    }

    /// Neighbours get different variants; far down it depends on the depth alone, so that recursion ends.
    fn variant(self, names: &[&'static str]) -> Result<&'static str, Error> {
        let seen = self.source.variants_max.get();
        self.source.variants_max.set(seen.max(names.len()));
        let turn = self.source.enums.get();
        self.source.enums.set(turn + 1);
        let turn = if self.full() { turn } else { self.depth };
        let count = names.len().max(1);
        let pass = if let Pass::Full(pass) = self.source.pass { pass } else { 0 };
        let name = names.get((pass + turn) % count);
        name.copied().ok_or_else(|| Error::custom("an enum without variants"))
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $t:ty)*) => { $(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.source.plan.borrow_mut().number(self.owner, self.container);
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
    }

    /// Whatever it is, it is buffered and looked into later.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.offer(visitor, false)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.next().is_multiple_of(2))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_char(char::from(b'a' + (self.next() % 26) as u8))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (number, plan) = (self.next(), self.source.plan);
        visitor.visit_string(plan.borrow_mut().text(self.owner, self.container, number))
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
        if !self.holds() || (self.some && self.source.pass == Pass::Inner) {
            return visitor.visit_none();
        }
        visitor.visit_some(Self { some: true, ..self.inside()? })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Parts { maker: self.inside()?, left: self.entries() })
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
        // A struct with flattened parts does not say which fields it has.
        if Wanted(&visitor).to_string().starts_with("struct ") {
            return self.offer(visitor, true);
        }
        visitor.visit_map(Parts { maker: self.inside()?, left: self.entries() })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let maker = Self { owner: (name, ""), ..self.deeper()? };
        visitor.visit_map(Fields { maker, names: fields.iter(), name: "" })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        enumeration: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = self.variant(variants)?;
        let maker = Self { owner: (enumeration, name), ..self.deeper()? };
        visitor.visit_enum(Variant { maker, name })
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

    /// As a state is read.
    fn is_human_readable(&self) -> bool {
        true
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
    /// The field whose value is next.
    name: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.names.next() else { return Ok(None) };
        self.name = name;
        seed.deserialize(text(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let owner = (self.maker.owner.0, self.name);
        seed.deserialize(Maker { owner, ..self.maker })
    }
}

fn text(name: &'static str) -> StrDeserializer<'static, Error> {
    StrDeserializer::new(name)
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
        self.maker.deserialize_struct(self.name, fields, visitor)
    }
}

/// What a visitor says that it wants.
struct Wanted<'v, V>(&'v V);

impl<'de, V: Visitor<'de>> std::fmt::Display for Wanted<'_, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }
}
