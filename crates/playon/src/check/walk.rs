//! Looks at a value through the calls that its `Serialize` makes: as a tree, or as a number.

use std::fmt::{self, Display, Write};

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::codec::WriteError;

/// A value as serde sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// What it says, and which call it was.
    Leaf(String, &'static str),
    Some(Box<Node>),
    Variant(&'static str, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Fields(Vec<(&'static str, Node)>),
}

/// The call of something that holds nothing.
pub(super) const UNIT: &str = "unit";
/// The call of a text.
pub(super) const TEXT: &str = "text";

/// The value as a tree.
pub(super) fn tree<T: Serialize>(value: &T) -> Option<Node> {
    value.serialize(Walk(Tree)).ok()
}

/// The value as a number that does not depend on the order of entries.
pub(super) fn digest<T: Serialize>(value: &T) -> Option<u64> {
    value.serialize(Walk(Digest)).ok()
}

/// What becomes of the parts of a value.
trait Fold: Copy {
    type Out;
    type Many: Default;
    fn leaf(self, call: &'static str, what: &dyn Display) -> Self::Out;
    fn some(self, inner: Self::Out) -> Self::Out;
    fn variant(self, name: &'static str, inner: Self::Out) -> Self::Out;
    fn item(self, many: &mut Self::Many, item: Self::Out);
    fn entry(self, many: &mut Self::Many, key: Self::Out, value: Self::Out);
    fn field(self, many: &mut Self::Many, name: &'static str, value: Self::Out);
    fn many(self, many: Self::Many) -> Self::Out;
}

#[derive(Clone, Copy)]
struct Tree;

impl Fold for Tree {
    type Out = Node;
    type Many = Option<Node>;

    fn leaf(self, call: &'static str, what: &dyn Display) -> Node {
        Node::Leaf(what.to_string(), call)
    }

    fn some(self, inner: Node) -> Node {
        Node::Some(Box::new(inner))
    }

    fn variant(self, name: &'static str, inner: Node) -> Node {
        Node::Variant(name, Box::new(inner))
    }

    fn item(self, many: &mut Option<Node>, item: Node) {
        if let Node::List(items) = many.get_or_insert_with(|| Node::List(Vec::new())) {
            items.push(item);
        }
    }

    fn entry(self, many: &mut Option<Node>, key: Node, value: Node) {
        if let Node::Map(entries) = many.get_or_insert_with(|| Node::Map(Vec::new())) {
            entries.push((key, value));
        }
    }

    fn field(self, many: &mut Option<Node>, name: &'static str, value: Node) {
        if let Node::Fields(fields) = many.get_or_insert_with(|| Node::Fields(Vec::new())) {
            fields.push((name, value));
        }
    }

    fn many(self, many: Option<Node>) -> Node {
        many.unwrap_or(Node::List(Vec::new()))
    }
}

#[derive(Clone, Copy)]
struct Digest;

impl Digest {
    fn of(parts: &[u64]) -> u64 {
        parts.iter().fold(0, |digest: u64, part| {
            let mixed = (digest.rotate_left(23) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^ mixed >> 29
        })
    }

    fn text(text: &str) -> u64 {
        let mut hasher = Hasher(0);
        // A hasher takes everything.
        let _ = hasher.write_str(text);
        hasher.0
    }
}

impl Fold for Digest {
    type Out = u64;
    type Many = u64;

    fn leaf(self, call: &'static str, what: &dyn Display) -> u64 {
        let mut hasher = Hasher(Self::text(call));
        let _ = write!(hasher, "{what}");
        hasher.0
    }

    fn some(self, inner: u64) -> u64 {
        Self::of(&[1, inner])
    }

    fn variant(self, name: &'static str, inner: u64) -> u64 {
        Self::of(&[2, Self::text(name), inner])
    }

    fn item(self, many: &mut u64, item: u64) {
        *many = many.wrapping_add(Self::of(&[3, item]));
    }

    fn entry(self, many: &mut u64, key: u64, value: u64) {
        *many = many.wrapping_add(Self::of(&[4, key, value]));
    }

    fn field(self, many: &mut u64, name: &'static str, value: u64) {
        *many = many.wrapping_add(Self::of(&[5, Self::text(name), value]));
    }

    fn many(self, many: u64) -> u64 {
        Self::of(&[6, many])
    }
}

struct Hasher(u64);

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, |digest, byte| Digest::of(&[digest, u64::from(byte)]));
        Ok(())
    }
}

struct Walk<F>(F);

macro_rules! leaves {
    ($($serialize:ident $t:ty, $call:literal;)*) => { $(
        fn $serialize(self, leaf: $t) -> Result<F::Out, WriteError> {
            Ok(self.0.leaf($call, &leaf))
        }
    )* };
}

impl<F: Fold> Serializer for Walk<F> {
    type Ok = F::Out;
    type Error = WriteError;
    type SerializeSeq = Many<F>;
    type SerializeTuple = Many<F>;
    type SerializeTupleStruct = Many<F>;
    type SerializeTupleVariant = Many<F>;
    type SerializeMap = Many<F>;
    type SerializeStruct = Many<F>;
    type SerializeStructVariant = Many<F>;

    leaves! {
        serialize_bool bool, "bool";
        serialize_i8 i8, "i8";
        serialize_i16 i16, "i16";
        serialize_i32 i32, "i32";
        serialize_i64 i64, "i64";
        serialize_i128 i128, "i128";
        serialize_u8 u8, "u8";
        serialize_u16 u16, "u16";
        serialize_u32 u32, "u32";
        serialize_u64 u64, "u64";
        serialize_u128 u128, "u128";
    }

    fn serialize_f32(self, number: f32) -> Result<F::Out, WriteError> {
        Ok(if number.is_nan() {
            self.0.leaf("f32", &format_args!("NaN({:#x})", number.to_bits()))
        } else {
            self.0.leaf("f32", &format_args!("{number:?}"))
        })
    }

    fn serialize_f64(self, number: f64) -> Result<F::Out, WriteError> {
        Ok(if number.is_nan() {
            self.0.leaf("f64", &format_args!("NaN({:#x})", number.to_bits()))
        } else {
            self.0.leaf("f64", &format_args!("{number:?}"))
        })
    }

    fn serialize_char(self, letter: char) -> Result<F::Out, WriteError> {
        Ok(self.0.leaf("char", &format_args!("{letter:?}")))
    }

    fn serialize_str(self, text: &str) -> Result<F::Out, WriteError> {
        Ok(self.0.leaf(TEXT, &format_args!("{text:?}")))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<F::Out, WriteError> {
        Ok(self.0.leaf("bytes", &format_args!("{bytes:?}")))
    }

    fn serialize_none(self) -> Result<F::Out, WriteError> {
        Ok(self.0.leaf("option", &"None"))
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<F::Out, WriteError> {
        let inner = value.serialize(Walk(self.0))?;
        Ok(self.0.some(inner))
    }

    fn serialize_unit(self) -> Result<F::Out, WriteError> {
        Ok(self.0.leaf(UNIT, &"()"))
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<F::Out, WriteError> {
        Ok(self.0.leaf("unit struct", &name))
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<F::Out, WriteError> {
        let unit = self.0.leaf(UNIT, &"()");
        Ok(self.0.variant(variant, unit))
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<F::Out, WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<F::Out, WriteError> {
        let inner = value.serialize(Walk(self.0))?;
        Ok(self.0.variant(variant, inner))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, None))
    }

    fn serialize_tuple(self, _: usize) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, None))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Many<F>, WriteError> {
        Ok(Many::new(self.0, Some(variant)))
    }

    /// As a state is written.
    fn is_human_readable(&self) -> bool {
        true
    }
}

/// A list, a map or a struct.
struct Many<F: Fold> {
    fold: F,
    variant: Option<&'static str>,
    many: F::Many,
    key: Option<F::Out>,
}

impl<F: Fold> Many<F> {
    fn new(fold: F, variant: Option<&'static str>) -> Self {
        Self { fold, variant, many: F::Many::default(), key: None }
    }

    fn add<T: ?Sized + Serialize>(&mut self, item: &T) -> Result<(), WriteError> {
        let item = item.serialize(Walk(self.fold))?;
        self.fold.item(&mut self.many, item);
        Ok(())
    }

    fn set<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let value = value.serialize(Walk(self.fold))?;
        self.fold.field(&mut self.many, name, value);
        Ok(())
    }

    fn done(self) -> F::Out {
        let many = self.fold.many(self.many);
        match self.variant {
            Some(name) => self.fold.variant(name, many),
            None => many,
        }
    }
}

macro_rules! parts {
    ($($of:ident $part:ident;)*) => { $(
        impl<F: Fold> $of for Many<F> {
            type Ok = F::Out;
            type Error = WriteError;

            fn $part<T: ?Sized + Serialize>(&mut self, item: &T) -> Result<(), WriteError> {
                self.add(item)
            }

            fn end(self) -> Result<F::Out, WriteError> {
                Ok(self.done())
            }
        }
    )* };
}

parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($of:ident)*) => { $(
        impl<F: Fold> $of for Many<F> {
            type Ok = F::Out;
            type Error = WriteError;

            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), WriteError> {
                self.set(name, value)
            }

            fn end(self) -> Result<F::Out, WriteError> {
                Ok(self.done())
            }
        }
    )* };
}

fields! { SerializeStruct SerializeStructVariant }

impl<F: Fold> SerializeMap for Many<F> {
    type Ok = F::Out;
    type Error = WriteError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), WriteError> {
        self.key = Some(key.serialize(Walk(self.fold))?);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        let value = value.serialize(Walk(self.fold))?;
        let key = self.key.take().ok_or_else(|| WriteError::Other("no key".to_owned()))?;
        self.fold.entry(&mut self.many, key, value);
        Ok(())
    }

    fn end(self) -> Result<F::Out, WriteError> {
        Ok(self.done())
    }
}
