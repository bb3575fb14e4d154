//! How a state becomes bytes: MessagePack with named fields, written and read so that serde's own types survive.
//!
//! Three things are not as usual, because a state has to come back as it was:
//!
//! - `Some` around something that is written as nil is told apart from `None` (an extension value).
//! - Both sides call the format human readable. Serde buffers what is inside of tagged, untagged and flattened types, and
//!   replays it as if the format were; types with two forms, like IP addresses, would be written in one and read in the other.
//! - While it writes, the [`StateWriter`] takes notes: the sequence of serde's calls as a number ([`Encoded::calls`]), which
//!   tells apart what looks the same in bytes, and the [`Shapes`] that it has not seen before.

mod compound;
mod error;
mod read;
mod shapes;
mod write;

pub(crate) use error::{ReadError, WriteError};
pub(crate) use read::StateReader;
pub(crate) use shapes::Shapes;
pub(crate) use write::{Encoded, StateWriter};

/// Depth of a state: structs, variants, lists, maps and `Some`s inside of each other. One more is refused when it is
/// written (`PLY-0445`), as reading it again would take more stack than there may be.
pub(crate) const DEPTH_MAX: usize = 1_024;

/// The extension type of `Some` around nil. Its one byte says how many `Some`s there are.
const EXT_SOME: u8 = 1;

/// How many `Some`s around nil there may be.
const SOMES_MAX: u8 = u8::MAX;

const NIL: u8 = 0xc0;
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;
const BIN8: u8 = 0xc4;
const BIN16: u8 = 0xc5;
const BIN32: u8 = 0xc6;
const F32: u8 = 0xca;
const F64: u8 = 0xcb;
const U8: u8 = 0xcc;
const U16: u8 = 0xcd;
const U32: u8 = 0xce;
const U64: u8 = 0xcf;
const I8: u8 = 0xd0;
const I16: u8 = 0xd1;
const I32: u8 = 0xd2;
const I64: u8 = 0xd3;
const FIXEXT1: u8 = 0xd4;
const STR8: u8 = 0xd9;
const STR16: u8 = 0xda;
const STR32: u8 = 0xdb;
const ARRAY16: u8 = 0xdc;
const ARRAY32: u8 = 0xdd;
const MAP16: u8 = 0xde;
const MAP32: u8 = 0xdf;

#[cfg(test)]
mod tests;
