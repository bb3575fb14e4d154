//! Reads a value. What is read may be anything: it is bounded in depth, and nothing is reserved that is not there.

use serde::de::value::SeqDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::error::{PathStep, ReadError};
use super::{
    ARRAY16, ARRAY32, BIN8, BIN16, BIN32, DEPTH_MAX, EXT_SOME, F32, F64, FALSE, FIXEXT1, I8, I16,
    I32, I64, MAP16, MAP32, NIL, STR8, STR16, STR32, TRUE, U8, U16, U32, U64,
};

/// What stands next.
#[derive(Clone, Copy)]
enum StateToken<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
    Text(&'de str),
    Blob(&'de [u8]),
    List(usize),
    Map(usize),
    /// So many `Some`s around nil.
    Somes(u8),
}

/// Reads one value after the other.
#[derive(Clone)]
pub(crate) struct StateReader<'de> {
    rest: &'de [u8],
    /// Inside of `Some`s around nil: how many are still to come.
    somes: Option<u8>,
    depth: usize,
    human: bool,
}

impl<'de> StateReader<'de> {
    pub(crate) const fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, somes: None, depth: 0, human: true }
    }

    /// Reads what an earlier build has written, which did not call itself human readable.
    pub(crate) const fn compact(self) -> Self {
        Self { human: false, ..self }
    }

    /// Reads a value, and nothing may follow.
    pub(crate) fn read_all<T: Deserialize<'de>>(mut self) -> Result<T, ReadError> {
        let value = T::deserialize(&mut self)?;
        if self.rest.is_empty() {
            Ok(value)
        } else {
            Err(ReadError::new(format!("{} bytes follow it", self.rest.len())))
        }
    }

    /// Reads how many entries a map has; they follow.
    pub(crate) fn read_map(&mut self) -> Result<usize, ReadError> {
        match self.token()? {
            StateToken::Map(len) => Ok(len),
            _ => Err(ReadError::new("it is not a map")),
        }
    }

    /// Reads one value of several.
    pub(crate) fn read<T: Deserialize<'de>>(&mut self) -> Result<T, ReadError> {
        T::deserialize(self)
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8], ReadError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(ended)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn len8(&mut self) -> Result<usize, ReadError> {
        self.array().map(|[byte]: [u8; 1]| usize::from(byte))
    }

    fn len16(&mut self) -> Result<usize, ReadError> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    fn len32(&mut self) -> Result<usize, ReadError> {
        self.array().map(|bytes| u32::from_be_bytes(bytes) as usize)
    }

    fn text(&mut self, len: usize) -> Result<StateToken<'de>, ReadError> {
        let text = std::str::from_utf8(self.take(len)?);
        text.map(StateToken::Text).map_err(|_| ReadError::new("a text is not UTF-8"))
    }

    fn blob(&mut self, len: usize) -> Result<StateToken<'de>, ReadError> {
        self.take(len).map(StateToken::Blob)
    }

    #[inline]
    fn token(&mut self) -> Result<StateToken<'de>, ReadError> {
        if let Some(somes) = self.somes.take() {
            return Ok(if somes == 0 { StateToken::Nil } else { StateToken::Somes(somes) });
        }
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..0x80 => StateToken::Unsigned(u64::from(marker)),
            0xe0.. => StateToken::Signed(i64::from(marker as i8)),
            0x80..0x90 => StateToken::Map(usize::from(marker & 0xf)),
            0x90..0xa0 => StateToken::List(usize::from(marker & 0xf)),
            0xa0..0xc0 => self.text(usize::from(marker & 0x1f))?,
            _ => return self.long_token(marker),
        })
    }

    fn long_token(&mut self, marker: u8) -> Result<StateToken<'de>, ReadError> {
        Ok(match marker {
            NIL => StateToken::Nil,
            FALSE => StateToken::Bool(false),
            TRUE => StateToken::Bool(true),
            U8 => StateToken::Unsigned(u64::from(u8::from_be_bytes(self.array()?))),
            U16 => StateToken::Unsigned(u64::from(u16::from_be_bytes(self.array()?))),
            U32 => StateToken::Unsigned(u64::from(u32::from_be_bytes(self.array()?))),
            U64 => StateToken::Unsigned(u64::from_be_bytes(self.array()?)),
            I8 => StateToken::Signed(i64::from(i8::from_be_bytes(self.array()?))),
            I16 => StateToken::Signed(i64::from(i16::from_be_bytes(self.array()?))),
            I32 => StateToken::Signed(i64::from(i32::from_be_bytes(self.array()?))),
            I64 => StateToken::Signed(i64::from_be_bytes(self.array()?)),
            F32 => StateToken::F32(f32::from_bits(u32::from_be_bytes(self.array()?))),
            F64 => StateToken::F64(f64::from_bits(u64::from_be_bytes(self.array()?))),
            STR8 => self.len8().and_then(|len| self.text(len))?,
            STR16 => self.len16().and_then(|len| self.text(len))?,
            STR32 => self.len32().and_then(|len| self.text(len))?,
            BIN8 => self.len8().and_then(|len| self.blob(len))?,
            BIN16 => self.len16().and_then(|len| self.blob(len))?,
            BIN32 => self.len32().and_then(|len| self.blob(len))?,
            ARRAY16 => StateToken::List(self.len16()?),
            ARRAY32 => StateToken::List(self.len32()?),
            MAP16 => StateToken::Map(self.len16()?),
            MAP32 => StateToken::Map(self.len32()?),
            FIXEXT1 => match self.array()? {
                [EXT_SOME, somes] if somes > 0 => StateToken::Somes(somes),
                _ => return Err(ReadError::new("an extension value of no known type")),
            },
            _ => return Err(ReadError::new(format!("{marker:#04x} is no marker known here"))),
        })
    }

    fn deeper(&mut self) -> Result<&mut Self, ReadError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ReadError::new(format!("it is deeper than {DEPTH_MAX}")));
        }
        Ok(self)
    }

    /// A visitor is given what a token begins.
    fn visit<V: Visitor<'de>>(
        &mut self,
        token: StateToken<'de>,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match token {
            StateToken::Nil => visitor.visit_unit(),
            StateToken::Bool(flag) => visitor.visit_bool(flag),
            StateToken::Unsigned(number) => visitor.visit_u64(number),
            StateToken::Signed(number) => visitor.visit_i64(number),
            StateToken::F32(number) => visitor.visit_f32(number),
            StateToken::F64(number) => visitor.visit_f64(number),
            StateToken::Text(text) => visitor.visit_borrowed_str(text),
            StateToken::Blob(bytes) => visitor.visit_borrowed_bytes(bytes),
            StateToken::List(len) => self.list(len, visitor),
            StateToken::Map(len) => self.map(len, visitor),
            StateToken::Somes(somes) => {
                self.somes = Some(somes - 1);
                self.some(visitor)
            }
        }
    }

    fn some<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ReadError> {
        let value = visitor.visit_some(self.deeper()?)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list<V: Visitor<'de>>(&mut self, len: usize, visitor: V) -> Result<V::Value, ReadError> {
        let mut parts = Parts { reader: self.deeper()?, at: 0, len, key: None };
        let value = visitor.visit_seq(&mut parts)?;
        parts.end()?;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, len: usize, visitor: V) -> Result<V::Value, ReadError> {
        let mut parts = Parts { reader: self.deeper()?, at: 0, len, key: None };
        let value = visitor.visit_map(&mut parts)?;
        parts.end()?;
        Ok(value)
    }

    /// Passes over one value without a look at what it is.
    fn skip(&mut self) -> Result<(), ReadError> {
        // How many values are still to come.
        let mut left = 1usize;
        while left > 0 {
            left -= 1;
            left = match self.token()? {
                StateToken::List(len) => left.saturating_add(len),
                StateToken::Map(len) => left.saturating_add(len.saturating_mul(2)),
                _ => left,
            };
        }
        Ok(())
    }

    fn wide(&mut self) -> Result<StateToken<'de>, ReadError> {
        let token = self.token()?;
        match token {
            StateToken::Blob(bytes) if bytes.len() != 16 => {
                Err(ReadError::invalid_length(bytes.len(), &"16 bytes of a number"))
            }
            _ => Ok(token),
        }
    }
}

fn ended() -> ReadError {
    ReadError::new("the bytes end too early")
}

macro_rules! as_any {
    ($($deserialize:ident)*) => { $(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.deserialize_any(visitor)
        }
    )* };
}

impl<'de> Deserializer<'de> for &mut StateReader<'de> {
    type Error = ReadError;

    as_any! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_map
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let token = self.token()?;
        self.visit(token, visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.wide()? {
            StateToken::Blob(bytes) => visitor.visit_i128(number(bytes)),
            token => self.visit(token, visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.wide()? {
            StateToken::Blob(bytes) => visitor.visit_u128(number(bytes) as u128),
            token => self.visit(token, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let token = match (self.somes, self.rest.first()) {
            (None, Some(marker)) if ![NIL, FIXEXT1].contains(marker) => return self.some(visitor),
            _ => self.token()?,
        };
        match token {
            StateToken::Nil => visitor.visit_none(),
            token => self.visit(token, visitor),
        }
    }

    /// Earlier builds have written it as an empty list.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.token()? {
            StateToken::List(0) => visitor.visit_unit(),
            token => self.visit(token, visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let value = visitor.visit_newtype_struct(self.deeper()?)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Bytes will do for a list of small numbers.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.token()? {
            StateToken::Blob(bytes) => {
                visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied()))
            }
            token => self.visit(token, visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.token()? {
            StateToken::Text(name) => visitor.visit_enum(name.into_deserializer()),
            StateToken::Map(1) => {
                let value = visitor.visit_enum(Variant(self.deeper()?))?;
                self.depth -= 1;
                Ok(value)
            }
            StateToken::Map(_) => Err(ReadError::invalid_type(Unexpected::Map, &"a variant")),
            token => self.visit(token, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        self.human
    }
}

/// Of 16 bytes.
fn number(bytes: &[u8]) -> i128 {
    bytes.iter().fold(0, |number, byte| number << 8 | i128::from(*byte))
}

/// The items of a list, or the entries of a map.
struct Parts<'r, 'de> {
    reader: &'r mut StateReader<'de>,
    at: usize,
    len: usize,
    /// Where the last key began.
    key: Option<StateReader<'de>>,
}

impl<'de> Parts<'_, 'de> {
    fn end(self) -> Result<(), ReadError> {
        self.reader.depth -= 1;
        if self.at < self.len {
            let what = format!("{} parts where {} were expected", self.len, self.at);
            return Err(ReadError::new(what));
        }
        Ok(())
    }

    /// No more than there may be in the bytes that are left.
    fn left(&self) -> usize {
        (self.len - self.at).min(self.reader.rest.len())
    }

    fn step(&self) -> PathStep {
        match self.key.clone().and_then(|mut key| key.token().ok()) {
            Some(StateToken::Text(name)) => PathStep::Field(name.to_owned()),
            Some(StateToken::Unsigned(number)) => PathStep::Key(number.to_string()),
            Some(StateToken::Signed(number)) => PathStep::Key(number.to_string()),
            _ => PathStep::Key(format!("entry {}", self.at - 1)),
        }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = ReadError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        if self.at == self.len {
            return Ok(None);
        }
        self.at += 1;
        let item = seed.deserialize(&mut *self.reader);
        item.map(Some).map_err(|error| error.within(PathStep::Item(self.at - 1)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de> {
    type Error = ReadError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        if self.at == self.len {
            return Ok(None);
        }
        self.at += 1;
        self.key = Some(self.reader.clone());
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        seed.deserialize(&mut *self.reader).map_err(|error| error.within(self.step()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }
}

/// A variant that holds something.
struct Variant<'r, 'de>(&'r mut StateReader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        Ok((seed.deserialize(&mut *self.0)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        self.0.read()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
