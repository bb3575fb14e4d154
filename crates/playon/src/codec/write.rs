//! Writes a value, and takes notes of serde's calls while it does.

use serde::ser::{Serialize, Serializer};

use super::compound::Compound;
use super::error::WriteError;
use super::shapes::Shapes;
use super::{
    ARRAY16, ARRAY32, BIN8, BIN16, BIN32, DEPTH_MAX, EXT_SOME, F32, F64, FALSE, FIXEXT1, I8, I16,
    I32, I64, MAP16, MAP32, NIL, SOMES_MAX, STR8, STR16, STR32, TRUE, U8, U16, U32, U64,
};

/// The calls that a value makes. Their numbers are kept nowhere.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum Call {
    Bool = 1,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    None,
    Some,
    Unit,
    UnitStruct,
    Newtype,
    Variant,
    Seq,
    Tuple,
    Map,
    Struct,
    Key,
    Wide,
    Endless,
    Empty,
    Name,
}

/// What was written.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// The sequence of calls as a number. Two values with the same bytes and the same calls are the same to serde.
    pub(crate) calls: u64,
    /// How deep the value is.
    pub(crate) depth: usize,
}

/// Writes one value.
pub(crate) struct StateWriter<'s> {
    pub(super) out: Vec<u8>,
    pub(super) calls: u64,
    pub(super) shapes: Option<&'s mut Shapes>,
    depth: usize,
    deepest: usize,
    /// The innermost named type, the field of it, and what lies between that and the value.
    pub(super) place: u64,
    /// The place of the innermost named type.
    above: u64,
}

impl<'s> StateWriter<'s> {
    /// Writes behind what is in `out`; shapes are noted if there is somewhere to note them.
    pub(crate) const fn new(out: Vec<u8>, shapes: Option<&'s mut Shapes>) -> Self {
        Self { out, calls: 0, shapes, depth: 0, deepest: 0, place: 0, above: 0 }
    }

    /// All that was written.
    pub(crate) fn finish(self) -> Encoded {
        Encoded { bytes: self.out, calls: self.calls, depth: self.deepest }
    }

    #[inline]
    fn call(&mut self, call: Call, detail: u64) {
        let number = call as u64 | detail << 8;
        self.calls = mix(self.calls, number);
        self.shape(number);
    }

    #[inline]
    fn shape(&mut self, number: u64) {
        let key = self.key(number);
        if let Some(shapes) = &mut self.shapes {
            shapes.see(key);
        }
    }

    #[inline]
    const fn key(&self, number: u64) -> u64 {
        mix(self.place ^ self.above.rotate_left(32), number)
    }

    fn enter(&mut self) -> Result<(), WriteError> {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth > DEPTH_MAX { Err(WriteError::TooDeep) } else { Ok(()) }
    }

    /// Enters something that has a name of its own: from there on its surroundings count only by the name around it, so that
    /// a type that contains itself has a finite number of shapes.
    fn enter_named(
        &mut self,
        call: Call,
        name: &'static str,
        detail: u64,
    ) -> Result<Around, WriteError> {
        self.enter()?;
        self.call(call, detail);
        let around = Around { place: self.place, above: self.above };
        self.above = self.place;
        self.place = mix(identity(name), detail);
        Ok(around)
    }

    fn enter_nameless(&mut self, call: Call, empty: bool) -> Result<Around, WriteError> {
        self.enter()?;
        self.call(call, u64::from(empty));
        let around = Around { place: self.place, above: self.above };
        self.place = mix(self.place, call as u64);
        Ok(around)
    }

    pub(super) fn leave(&mut self, around: Around) {
        self.depth -= 1;
        self.place = around.place;
        self.above = around.above;
    }

    pub(super) fn head(&mut self, head: &SequenceHead, len: usize) -> Result<(), WriteError> {
        let len = u32::try_from(len).map_err(|_| other("more than 2^32 items"))?;
        match len {
            0..16 => self.out.push(head.fix | len as u8),
            16..0x1_0000 => self.put(head.mid, &(len as u16).to_be_bytes()),
            _ => self.put(head.long, &len.to_be_bytes()),
        }
        Ok(())
    }

    #[inline]
    fn put(&mut self, marker: u8, bytes: &[u8]) {
        self.out.push(marker);
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn unsigned(&mut self, number: u64) {
        match number {
            0..0x80 => self.out.push(number as u8),
            0x80..0x100 => self.put(U8, &[number as u8]),
            0x100..0x1_0000 => self.put(U16, &(number as u16).to_be_bytes()),
            0x1_0000..0x1_0000_0000 => self.put(U32, &(number as u32).to_be_bytes()),
            _ => self.put(U64, &number.to_be_bytes()),
        }
    }

    #[inline]
    fn signed(&mut self, number: i64) {
        match number {
            0.. => self.unsigned(number as u64),
            -32..0 => self.out.push(number as u8),
            -0x80..-32 => self.put(I8, &[number as u8]),
            -0x8000..-0x80 => self.put(I16, &(number as i16).to_be_bytes()),
            -0x8000_0000..-0x8000 => self.put(I32, &(number as i32).to_be_bytes()),
            _ => self.put(I64, &number.to_be_bytes()),
        }
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), WriteError> {
        let len = u32::try_from(text.len()).map_err(|_| other("a text of more than 4 GiB"))?;
        match len {
            0..32 => self.out.push(0xa0 | len as u8),
            32..0x100 => self.put(STR8, &[len as u8]),
            0x100..0x1_0000 => self.put(STR16, &(len as u16).to_be_bytes()),
            _ => self.put(STR32, &len.to_be_bytes()),
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn blob(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let len = u32::try_from(bytes.len()).map_err(|_| other("bytes of more than 4 GiB"))?;
        match len {
            0..0x100 => self.put(BIN8, &[len as u8]),
            0x100..0x1_0000 => self.put(BIN16, &(len as u16).to_be_bytes()),
            _ => self.put(BIN32, &len.to_be_bytes()),
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// A variant that holds something: a map of one entry.
    fn variant(
        &mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Around, WriteError> {
        let around = self.enter_named(Call::Variant, name, u64::from(index))?;
        self.out.push(MAP.fix | 1);
        self.text(variant)?;
        Ok(around)
    }

    /// What is written in a place of its own, with what was around.
    fn inner<T: ?Sized + Serialize>(
        &mut self,
        value: &T,
        around: Around,
    ) -> Result<(), WriteError> {
        value.serialize(&mut *self)?;
        self.leave(around);
        Ok(())
    }

    fn compound(
        &mut self,
        head: &'static SequenceHead,
        len: Option<usize>,
        around: Around,
    ) -> Result<Compound<'_, 's>, WriteError> {
        let at = self.out.len();
        // An unknown length is put in its place at the end, which is seldom far away.
        self.head(head, len.unwrap_or(0))?;
        Ok(Compound::new(self, head, len, around, at))
    }
}

/// The place of what is around, to go back to.
#[derive(Clone, Copy)]
pub(super) struct Around {
    place: u64,
    above: u64,
}

/// The markers of lists or maps by their length.
pub(super) struct SequenceHead {
    fix: u8,
    mid: u8,
    long: u8,
}

const LIST: SequenceHead = SequenceHead { fix: 0x90, mid: ARRAY16, long: ARRAY32 };
const MAP: SequenceHead = SequenceHead { fix: 0x80, mid: MAP16, long: MAP32 };

#[inline]
pub(super) const fn mix(a: u64, b: u64) -> u64 {
    (a.rotate_left(23) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Names are constants of the program: where one stands and how long it is tells it apart.
#[inline]
pub(super) fn identity(name: &'static str) -> u64 {
    name.as_ptr() as u64 ^ (name.len() as u64) << 56
}

fn other(what: &str) -> WriteError {
    WriteError::Other(what.to_owned())
}

macro_rules! numbers {
    ($($serialize:ident $t:ty, $call:ident, $put:ident as $wide:ty;)*) => { $(
        #[inline]
        fn $serialize(self, number: $t) -> Result<(), WriteError> {
            self.call(Call::$call, 0);
            self.$put(number as $wide);
            Ok(())
        }
    )* };
}

impl<'w, 's> Serializer for &'w mut StateWriter<'s> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Compound<'w, 's>;
    type SerializeTuple = Compound<'w, 's>;
    type SerializeTupleStruct = Compound<'w, 's>;
    type SerializeTupleVariant = Compound<'w, 's>;
    type SerializeMap = Compound<'w, 's>;
    type SerializeStruct = Compound<'w, 's>;
    type SerializeStructVariant = Compound<'w, 's>;

    numbers! {
        serialize_i8 i8, I8, signed as i64;
        serialize_i16 i16, I16, signed as i64;
        serialize_i32 i32, I32, signed as i64;
        serialize_i64 i64, I64, signed as i64;
        serialize_u8 u8, U8, unsigned as u64;
        serialize_u16 u16, U16, unsigned as u64;
        serialize_u32 u32, U32, unsigned as u64;
    }

    fn serialize_bool(self, flag: bool) -> Result<(), WriteError> {
        self.call(Call::Bool, 0);
        self.out.push(if flag { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_u64(self, number: u64) -> Result<(), WriteError> {
        self.call(Call::U64, 0);
        if number > i64::MAX as u64 {
            self.shape(Call::Wide as u64);
        }
        self.unsigned(number);
        Ok(())
    }

    /// What fits into 64 bits is written like any number.
    fn serialize_i128(self, number: i128) -> Result<(), WriteError> {
        self.call(Call::I128, 0);
        if let Ok(number) = u64::try_from(number) {
            self.unsigned(number);
        } else if let Ok(number) = i64::try_from(number) {
            self.signed(number);
        } else {
            self.shape(Call::Wide as u64);
            self.blob(&number.to_be_bytes())?;
        }
        Ok(())
    }

    fn serialize_u128(self, number: u128) -> Result<(), WriteError> {
        self.call(Call::U128, 0);
        if let Ok(number) = u64::try_from(number) {
            self.unsigned(number);
        } else {
            self.shape(Call::Wide as u64);
            self.blob(&number.to_be_bytes())?;
        }
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), WriteError> {
        self.call(Call::F32, 0);
        if !number.is_finite() {
            self.shape(Call::Endless as u64);
        }
        self.put(F32, &number.to_bits().to_be_bytes());
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Result<(), WriteError> {
        self.call(Call::F64, 0);
        if !number.is_finite() {
            self.shape(Call::Endless as u64);
        }
        self.put(F64, &number.to_bits().to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, letter: char) -> Result<(), WriteError> {
        self.call(Call::Char, 0);
        self.text(letter.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), WriteError> {
        self.call(Call::Str, 0);
        if text.is_empty() {
            self.shape(Call::Empty as u64);
        }
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), WriteError> {
        self.call(Call::Bytes, u64::from(bytes.is_empty()));
        self.blob(bytes)
    }

    fn serialize_none(self) -> Result<(), WriteError> {
        self.call(Call::None, 0);
        self.out.push(NIL);
        Ok(())
    }

    /// Written as what is inside, unless that is nil, or `Some`s around nil.
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), WriteError> {
        let around = self.enter_nameless(Call::Some, false)?;
        let at = self.out.len();
        self.inner(value, around)?;
        match &mut self.out[at..] {
            [NIL] => {
                self.out.pop();
                self.put(FIXEXT1, &[EXT_SOME, 1]);
            }
            [FIXEXT1, EXT_SOME, somes] => {
                if *somes == SOMES_MAX {
                    return Err(WriteError::TooDeep);
                }
                *somes += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), WriteError> {
        self.call(Call::Unit, 0);
        self.out.push(NIL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        self.call(Call::UnitStruct, 0);
        self.out.push(NIL);
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), WriteError> {
        self.call(Call::Variant, u64::from(index));
        self.text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let around = self.enter_named(Call::Newtype, name, 0)?;
        self.inner(value, around)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let around = self.variant(name, index, variant)?;
        self.inner(value, around)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.enter_nameless(Call::Seq, len == Some(0))?;
        self.compound(&LIST, len, around)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.enter_nameless(Call::Tuple, len == 0)?;
        self.compound(&LIST, Some(len), around)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.enter_named(Call::Struct, name, len as u64)?;
        self.compound(&LIST, Some(len), around)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.variant(name, index, variant)?;
        self.compound(&LIST, Some(len), around)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.enter_nameless(Call::Map, len == Some(0))?;
        self.compound(&MAP, len, around)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.enter_named(Call::Struct, name, len as u64)?;
        self.compound(&MAP, Some(len), around)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'w, 's>, WriteError> {
        let around = self.variant(name, index, variant)?;
        self.shape(Call::Struct as u64 | (len as u64) << 8);
        self.compound(&MAP, Some(len), around)
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}
