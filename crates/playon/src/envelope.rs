//! How a room's state is written: a MessagePack map with named fields around the game's own.
//!
//! `{kind, version, codec, hidden, state}`. All but `state` can be read by any release; `codec` says how
//! the rest was written, so that a denser encoding may come later.

use rmp_serde::Serializer;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hidden::Hidden;

/// MessagePack with named fields.
const CODEC_MESSAGEPACK: u8 = 1;

/// A decoded room.
pub(crate) struct Opened<T> {
    pub(crate) hidden: Hidden,
    pub(crate) state: T,
}

/// Why bytes cannot be opened or a state cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Trouble {
    /// Opening would drop what a newer release wrote.
    #[error("PLY-0423 the state has version {found}, this release reads up to {newest}")]
    Newer { found: u32, newest: u32 },
    /// The way from there is gone.
    #[error("PLY-0424 the state has version {found}, this release reads from {oldest}")]
    Older { found: u32, oldest: u32 },
    /// Damaged, of another kind, or a field that does not fit.
    #[error("PLY-0425 the state cannot be read: {0}")]
    Unreadable(String),
    /// Encoding it twice gives different bytes.
    #[error(
        "PLY-0426 kind `{kind}`: field `{field}` does not encode to the same bytes twice; use BTreeMap or BTreeSet instead of HashMap or HashSet"
    )]
    Unordered { kind: String, field: String },
    /// There is no such kind in this release.
    #[error("PLY-0427 this release has no kind `{0}`")]
    UnknownKind(String),
    /// The game panicked.
    #[error("PLY-0428 the game panicked: {0}")]
    Panicked(String),
    /// The game said no.
    #[error("PLY-0429 {0}")]
    Refused(String),
    /// No chain of downgrades leads there.
    #[error(
        "PLY-0430 the state cannot be turned back into version {wanted}, only down to {oldest}"
    )]
    NoWayBack { wanted: u32, oldest: u32 },
    /// The deltas of a handoff do not lead to the bytes the owner has.
    #[error("PLY-0432 the tail does not lead to the owner's bytes")]
    Tail,
    /// The state cannot be encoded at all.
    #[error("PLY-0433 the state cannot be encoded: {0}")]
    Unwritable(String),
    /// There is a bound on what a keeper keeps.
    #[error("PLY-0439 the state has {bytes} bytes, {max} are allowed")]
    TooLarge { bytes: usize, max: usize },
    /// There is a bound on what one batch may show.
    #[error("PLY-0440 the views of one batch have {bytes} bytes, {max} are allowed")]
    ViewsTooLarge { bytes: usize, max: usize },
    /// A message about a room that was retired, never opened, or thrown away after a fault.
    #[error("PLY-0441 the room is not held here under this attempt")]
    NotHeld,
}

#[derive(Serialize)]
struct Written<'a, T> {
    kind: &'a str,
    version: u32,
    codec: u8,
    hidden: &'a Hidden,
    state: &'a T,
}

#[derive(Deserialize)]
struct Read<H, T> {
    kind: String,
    version: u32,
    codec: u8,
    hidden: H,
    state: T,
}

/// Encodes a room.
pub(crate) fn encode<T: Serialize>(
    kind: &str,
    version: u32,
    hidden: &Hidden,
    state: &T,
) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::with_capacity(1024);
    let written = Written { kind, version, codec: CODEC_MESSAGEPACK, hidden, state };
    written
        .serialize(&mut Serializer::new(&mut bytes).with_struct_map())
        .map_err(|why| Trouble::Unwritable(why.to_string()))?;
    Ok(bytes)
}

/// Decodes a room whose state has the shape of `T`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Opened<T>, Trouble> {
    let read: Read<Hidden, T> = read(bytes)?;
    Ok(Opened { hidden: read.hidden, state: read.state })
}

/// The version of a room's state, whatever its shape; checks the kind and the codec.
pub(crate) fn header(kind: &str, bytes: &[u8]) -> Result<u32, Trouble> {
    let head: Read<IgnoredAny, IgnoredAny> = read(bytes)?;
    let Read { hidden: _, state: _, .. } = head;
    if head.kind != kind {
        return Err(Trouble::Unreadable(format!("it is of kind `{}`, not `{kind}`", head.kind)));
    }
    if head.codec != CODEC_MESSAGEPACK {
        return Err(Trouble::Unreadable(format!("codec {} is not known", head.codec)));
    }
    Ok(head.version)
}

fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Trouble> {
    let mut from = rmp_serde::Deserializer::from_read_ref(bytes);
    let value = T::deserialize(&mut from).map_err(|why| Trouble::Unreadable(why.to_string()))?;
    Ok(value)
}
