//! What has parts: lists, maps, structs.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::error::WriteError;
use super::write::{Around, Call, SequenceHead, StateWriter, identity, mix};

/// Bytes of a text that may be taken for the name of a variant.
const NAME_BYTES_MAX: usize = 32;

/// Parts of a tuple whose shapes are told apart.
const TUPLE_PARTS_MAX: usize = 16;

/// A list, a map or a struct that is being written.
pub(crate) struct Compound<'w, 's> {
    writer: &'w mut StateWriter<'s>,
    around: Around,
    own: u64,
    head: &'static SequenceHead,
    len: Option<usize>,
    count: usize,
    /// Where its length stands.
    at: usize,
}

impl<'w, 's> Compound<'w, 's> {
    pub(super) fn new(
        writer: &'w mut StateWriter<'s>,
        head: &'static SequenceHead,
        len: Option<usize>,
        around: Around,
        at: usize,
    ) -> Self {
        let own = writer.place;
        Self { writer, around, own, head, len, count: 0, at }
    }

    #[inline]
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.count += 1;
        self.writer.text(name)?;
        self.writer.calls = mix(self.writer.calls, Call::Key as u64);
        self.writer.place = mix(self.own, identity(name));
        let at = self.writer.out.len();
        value.serialize(&mut *self.writer)?;
        if self.count == 1 {
            self.tag(at);
        }
        Ok(())
    }

    /// The variant of an internally tagged enum is a text in its first field.
    fn tag(&mut self, at: usize) {
        let Some(shapes) = &mut self.writer.shapes else { return };
        let Some([marker @ 0xa1..0xc0, text @ ..]) = self.writer.out.get(at..) else { return };
        let len = usize::from(marker & 0x1f);
        if let Some(Ok(text)) =
            (text.len() == len && len <= NAME_BYTES_MAX).then(|| std::str::from_utf8(text))
        {
            let place = self.writer.place;
            shapes.see_name(place, mix(mix(place, digest(text)), Call::Name as u64));
        }
    }

    fn end(self) -> Result<(), WriteError> {
        let Self { writer, around, head, len, count, at, .. } = self;
        match len {
            Some(len) if len != count => {
                let what = format!("its `Serialize` announces {len} parts and writes {count}");
                return Err(WriteError::Other(what));
            }
            Some(_) => {}
            None => {
                let items = writer.out.split_off(at + 1);
                writer.out.truncate(at);
                writer.head(head, count)?;
                writer.out.extend_from_slice(&items);
            }
        }
        writer.leave(around);
        Ok(())
    }
}

impl SerializeSeq for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        self.item(value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

impl SerializeTuple for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        // Parts of a tuple have types of their own; those of an array, which is long, have not.
        self.writer.place = mix(self.own, self.count.min(TUPLE_PARTS_MAX) as u64);
        self.item(value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

impl SerializeTupleStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        SerializeTuple::serialize_element(self, value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

impl SerializeTupleVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        SerializeTuple::serialize_element(self, value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), WriteError> {
        self.writer.place = mix(self.own, Call::Key as u64);
        self.item(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        self.writer.place = self.own;
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

impl SerializeStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

impl SerializeStructVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.end()
    }
}

fn digest(text: &str) -> u64 {
    text.bytes().fold(text.len() as u64, |digest, byte| mix(digest, u64::from(byte)))
}
