//! How a room's state is written: a MessagePack map with named fields around the game's own.
//!
//! `{kind, version, codec, hidden, state}`. All but `state` can be read by any release; `codec` says how
//! the rest was written, see [`crate::codec`].

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec::{DEPTH_MAX, Encoded, ReadError, Shapes, StateReader, StateWriter, WriteError};
use crate::hidden::Hidden;

/// MessagePack with named fields, as earlier builds wrote it: types with two forms in the compact one. Read, not written.
const CODEC_MESSAGEPACK: u8 = 1;
/// Bytes that are reserved at least for what is written.
const BYTES_MIN: usize = 1_024;
/// The same as [`crate::codec`] writes it.
const CODEC_EXACT: u8 = 2;

/// A decoded room.
pub(crate) struct OpenedEnvelope<T> {
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
    /// The same entries come back in another order.
    #[error(
        "PLY-0426 kind `{kind}`: field `{field}` comes back in another order; use BTreeMap or BTreeSet instead of HashMap or HashSet"
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
    /// A value comes back as another one.
    #[error(
        "PLY-0434 kind `{kind}`: {place} does not come back as it was written: {written} comes back as {read}"
    )]
    Changed { kind: String, place: String, written: String, read: String },
    /// The state was written, and cannot be read.
    #[error("PLY-0444 kind `{kind}`: what was written cannot be read again: {why}")]
    NotReadable { kind: String, why: String },
    /// It was not noticed in time.
    #[error("PLY-0446 what is safe of this room already cannot be relied on: {0}")]
    TooLate(String),
    /// There is a bound on how much there may be inside of each other.
    #[error("PLY-0445 the state is more than {max} values deep")]
    TooDeep { max: usize },
    /// The state cannot be encoded at all.
    #[error("PLY-0433 the state cannot be encoded: {0}")]
    Unwritable(String),
    /// There is a bound on what a keeper keeps.
    #[error("PLY-0439 the state has {bytes} bytes, {max} are allowed")]
    TooLarge { bytes: usize, max: usize },
    /// There is a bound on what a player is sent at once.
    #[error("PLY-0440 a view has {bytes} bytes, {max} are allowed")]
    ViewTooLarge { bytes: usize, max: usize },
    /// The same of an event, which cannot be left out.
    #[error("PLY-0136 an event has {bytes} bytes, {max} are allowed")]
    EventTooLarge { bytes: usize, max: usize },
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

/// What can be read of a room whatever its release.
struct Head {
    kind: String,
    version: u32,
    codec: u8,
}

/// Encodes a room, to about so many bytes. Shapes are noted if there is somewhere to note them.
pub(crate) fn encode<T: Serialize>(
    kind: &str,
    version: u32,
    hidden: &Hidden,
    state: &T,
    bytes: usize,
    shapes: Option<&mut Shapes>,
) -> Result<Encoded, Trouble> {
    let written = Written { kind, version, codec: CODEC_EXACT, hidden, state };
    let mut writer = StateWriter::new(Vec::with_capacity(bytes.max(BYTES_MIN)), shapes);
    written.serialize(&mut writer).map_err(|why| match why {
        WriteError::TooDeep => Trouble::TooDeep { max: DEPTH_MAX },
        WriteError::Other(what) => Trouble::Unwritable(what),
    })?;
    Ok(writer.finish())
}

/// Decodes a room whose state has the shape of `T`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<OpenedEnvelope<T>, Trouble> {
    let reader = match head(bytes)?.codec {
        CODEC_MESSAGEPACK => StateReader::new(bytes).compact(),
        _ => StateReader::new(bytes),
    };
    let read: Read<Hidden, T> = reader.read_all().map_err(unreadable)?;
    Ok(OpenedEnvelope { hidden: read.hidden, state: read.state })
}

/// The version of a room's state, whatever its shape; checks the kind and the codec.
pub(crate) fn header(kind: &str, bytes: &[u8]) -> Result<u32, Trouble> {
    let head = head(bytes)?;
    if head.kind != kind {
        return Err(Trouble::Unreadable(format!("it is of kind `{}`, not `{kind}`", head.kind)));
    }
    if ![CODEC_MESSAGEPACK, CODEC_EXACT].contains(&head.codec) {
        return Err(Trouble::Unreadable(format!("codec {} is not known", head.codec)));
    }
    Ok(head.version)
}

/// Every build writes these entries first; otherwise all must be looked at.
fn head(bytes: &[u8]) -> Result<Head, Trouble> {
    if let Some(head) = first_entries(bytes) {
        return Ok(head);
    }
    let read: Read<IgnoredAny, IgnoredAny> =
        StateReader::new(bytes).read_all().map_err(unreadable)?;
    let Read { kind, version, codec, hidden: _, state: _ } = read;
    Ok(Head { kind, version, codec })
}

fn first_entries(bytes: &[u8]) -> Option<Head> {
    let mut reader = StateReader::new(bytes);
    let entries = reader.read_map().ok()?;
    if entries < 3 {
        return None;
    }
    expect(&mut reader, "kind")?;
    let kind = reader.read().ok()?;
    expect(&mut reader, "version")?;
    let version = reader.read().ok()?;
    expect(&mut reader, "codec")?;
    Some(Head { kind, version, codec: reader.read().ok()? })
}

fn expect(reader: &mut StateReader<'_>, name: &str) -> Option<()> {
    reader.read::<&str>().ok().filter(|found| *found == name).map(drop)
}

fn unreadable(why: ReadError) -> Trouble {
    Trouble::Unreadable(why.to_string())
}
