//! A view told by what differs from the one before it: new bytes, and copies out of that.
//!
//! The length of the view comes first, then steps until that many bytes are made. A step begins with an int: its lowest bit says
//! whether the copy is elsewhere than expected, the next two how many new bytes there are, 3 being 3 and as many more as the int
//! behind it says, and the rest how many bytes are copied. Then come the new bytes, and if the bit is set the distance of the copy
//! from where it is expected: behind the last copy, and as much further as there are new bytes, as if these took the place of as
//! many old ones. `docs/player-protocol.md` has an example.

use bytes::{BufMut, Bytes, BytesMut};
use playon_types::code::Code;
use playon_types::ply;
use thiserror::Error;

use crate::varint;

/// Bytes of a view that is told as a delta, and of the one that it is told by. Larger ones are told whole.
pub const DELTA_VIEW_BYTES_MAX: usize = 64 << 10;

/// Bytes that are compared at once when a copy is looked for.
const BLOCK: usize = 4;

/// The shortest copy from where it is expected: its step takes one byte.
const IN_PLACE: usize = 2;

/// How far from there it is looked for byte by byte: a number got or lost so many digits.
const NEAR: usize = 3;

/// In which order, counted from the first of these places.
const NEAR_FIRST: [u32; 2 * NEAR] = [2, 4, 1, 5, 0, 6];

/// Bytes that a copy from anywhere else must save. With less, it would lead away from where the next ones are expected.
const FAR_GAIN: usize = 10;

/// A copy of so many bytes is taken without looking for a longer one.
const LONG: usize = 16;

/// Places of blocks that are remembered, as a power of two.
const PLACES_LOG: u32 = 12;

/// New bytes in a row, as a power of two, after which the search leaves one more out each time.
const HURRY_LOG: usize = 6;

/// The most new bytes that the first int of a step holds; with as many another int follows.
const NEW_IN_HEAD: usize = 3;

/// Why a delta cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeltaError {
    /// There is no view that it could be told by.
    #[error("PLY-0188 a view is told as a delta of none")]
    Baseless,
    /// It says that it makes more than may be.
    #[error("PLY-0188 a view told as a delta has {bytes} bytes, {max} are allowed")]
    TooLarge {
        /// How many.
        bytes: u64,
        /// The bound.
        max: usize,
    },
    /// It ends within a field, or a number is not in its shortest form.
    #[error("PLY-0188 a delta is cut off or malformed")]
    Malformed,
    /// It copies what is not there.
    #[error("PLY-0188 a delta copies {bytes} bytes from {from} of {base}")]
    Copy {
        /// How many.
        bytes: u64,
        /// From where.
        from: i64,
        /// Bytes that there are.
        base: usize,
    },
    /// It makes more than it says.
    #[error("PLY-0188 a delta makes more than the {bytes} bytes that it says")]
    Over {
        /// How many it says.
        bytes: usize,
    },
    /// It goes on after the view is made.
    #[error("PLY-0188 a delta has {bytes} bytes too many")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

impl DeltaError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        ply!("PLY-0188")
    }
}

/// The view that a delta makes of the one before it.
///
/// # Errors
/// When it is not a delta of that one. Whatever it is, it takes time and memory in proportion to `max` and its length.
pub fn apply_delta(base: &[u8], mut delta: Bytes, max: usize) -> Result<Bytes, DeltaError> {
    let bytes = int(&mut delta)?;
    let length = usize::try_from(bytes).ok().filter(|length| *length <= max);
    let Some(length) = length else { return Err(DeltaError::TooLarge { bytes, max }) };
    let mut view = Vec::with_capacity(length);
    let mut end = 0;
    while view.len() < length {
        let head = int(&mut delta)?;
        let (moved, copied) = (head & 1 == 1, head >> 3);
        let mut new = head >> 1 & 3;
        if new == NEW_IN_HEAD as u64 {
            new = new.saturating_add(int(&mut delta)?);
        }
        if new.saturating_add(copied) > (length - view.len()) as u64 {
            return Err(DeltaError::Over { bytes: length });
        }
        if new > delta.len() as u64 || new + copied == 0 {
            return Err(DeltaError::Malformed);
        }
        view.extend_from_slice(&delta.split_to(new as usize));
        let distance = if moved { signed(int(&mut delta)?) } else { 0 };
        if copied > 0 {
            let from = (end + new as i64).saturating_add(distance);
            let Some(copy) = copy_of(base, from, copied) else {
                return Err(DeltaError::Copy { bytes: copied, from, base: base.len() });
            };
            view.extend_from_slice(copy);
            end = from + copied as i64;
        }
    }
    match delta.len() {
        0 => Ok(view.into()),
        bytes => Err(DeltaError::Trailing { bytes }),
    }
}

fn copy_of(base: &[u8], from: i64, bytes: u64) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    base.get(from..from.checked_add(usize::try_from(bytes).ok()?)?)
}

fn int(delta: &mut Bytes) -> Result<u64, DeltaError> {
    varint::take(delta).ok_or(DeltaError::Malformed)
}

/// The lowest bit is the sign, so that both directions are short: 0, -1, 1, -2, 2 ...
const fn signed(int: u64) -> i64 {
    (int >> 1) as i64 ^ -((int & 1) as i64)
}

const fn unsigned(distance: isize) -> u64 {
    (distance << 1 ^ distance >> (isize::BITS - 1)) as u64
}

/// Appends the delta that makes `view` of `base`, if it is shorter than the view itself, and says whether it is. The time is in
/// proportion to the bytes of both.
pub fn put_delta(base: &[u8], view: &[u8], out: &mut BytesMut) -> bool {
    if base.len().max(view.len()) > DELTA_VIEW_BYTES_MAX {
        return false;
    }
    let begin = out.len();
    let shorter = Maker::new(base, view).put(out, begin + view.len());
    if !shorter {
        out.truncate(begin);
    }
    shorter
}

/// A stretch of the view that is there in the base.
#[derive(Clone, Copy)]
struct Copy {
    /// Where it begins in the view, and in the base.
    at: usize,
    from: usize,
    bytes: usize,
}

struct Maker<'a> {
    base: &'a [u8],
    view: &'a [u8],
    /// How much of the view is told, and where the last copy ended in the base.
    told: usize,
    end: usize,
    /// Where blocks of the base are, by what is in them: one more than the block's number. Made when it is first needed.
    places: Option<[u16; 1 << PLACES_LOG]>,
}

impl<'a> Maker<'a> {
    const fn new(base: &'a [u8], view: &'a [u8]) -> Self {
        Self { base, view, told: 0, end: 0, places: None }
    }

    /// Whether it was written before there were `limit` bytes.
    fn put(&mut self, out: &mut BytesMut, limit: usize) -> bool {
        varint::put(self.view.len() as u64, out);
        while let Some(copy) = self.next_copy() {
            let distance = copy.from as isize - self.expected(copy.at) as isize;
            if !self.put_step(copy.at, copy.bytes, distance, out, limit) {
                return false;
            }
            (self.told, self.end) = (copy.at + copy.bytes, copy.from + copy.bytes);
        }
        let rest = self.view.len();
        (self.told == rest || self.put_step(rest, 0, 0, out, limit)) && out.len() < limit
    }

    /// New bytes up to `at`, and a copy. Not if there would be `limit` bytes then.
    fn put_step(
        &self,
        at: usize,
        copied: usize,
        distance: isize,
        out: &mut BytesMut,
        limit: usize,
    ) -> bool {
        let new = &self.view[self.told..at];
        if out.len() + new.len() >= limit {
            return false;
        }
        let in_head = new.len().min(NEW_IN_HEAD);
        varint::put((copied << 3 | in_head << 1 | usize::from(distance != 0)) as u64, out);
        if in_head == NEW_IN_HEAD {
            varint::put((new.len() - in_head) as u64, out);
        }
        out.put_slice(new);
        if distance != 0 {
            varint::put(unsigned(distance), out);
        }
        true
    }

    /// Where in the base a copy for this place of the view is expected.
    const fn expected(&self, at: usize) -> usize {
        self.end + (at - self.told)
    }

    /// The next copy for what is not told yet.
    fn next_copy(&mut self) -> Option<Copy> {
        let mut at = self.told;
        while at < self.view.len() {
            let near = self.in_place(at).or_else(|| self.near(at));
            if near.is_some_and(|copy| copy.bytes >= LONG) {
                return near;
            }
            let enough = near.map_or(0, |near| near.bytes) + FAR_GAIN;
            if let Some(copy) = self.far(at).filter(|far| far.bytes >= enough).or(near) {
                return Some(copy);
            }
            at += 1 + ((at - self.told) >> HURRY_LOG);
        }
        None
    }

    /// As if nothing had been put in or taken out since the last copy.
    fn in_place(&self, at: usize) -> Option<Copy> {
        let from = self.expected(at);
        let (new, old) = (self.view.get(at..)?, self.base.get(from..)?);
        if new.first_chunk::<IN_PLACE>()? != old.first_chunk()? {
            return None;
        }
        Some(Copy { at, from, bytes: common(new, old) })
    }

    /// As if little had been, within one stretch of the base that is read at once. Not at its ends, where it would have to be less.
    fn near(&self, at: usize) -> Option<Copy> {
        const WIDTH: u32 = u8::BITS;
        let (wanted, first) = (block(self.view, at)?, self.expected(at).checked_sub(NEAR)?);
        let stretch = u128::from_le_bytes(*self.base.get(first..)?.first_chunk()?);
        let by = NEAR_FIRST.into_iter().find(|by| (stretch >> (WIDTH * by)) as u32 == wanted)?;
        Some(self.forward(at, first + by as usize))
    }

    /// Anywhere.
    fn far(&mut self, at: usize) -> Option<Copy> {
        let wanted = block(self.view, at)?;
        let base = self.base;
        let places = self.places.get_or_insert_with(|| places(base));
        let from = usize::from(places[hash(wanted)]).checked_sub(1)? * BLOCK;
        if block(base, from) != Some(wanted) {
            return None;
        }
        let before = self.view[self.told..at].iter().rev().zip(base[..from].iter().rev());
        let same = before.take_while(|(new, old)| new == old).count();
        Some(self.forward(at - same, from - same))
    }

    fn forward(&self, at: usize, from: usize) -> Copy {
        Copy { at, from, bytes: common(&self.view[at..], &self.base[from..]) }
    }
}

fn places(base: &[u8]) -> [u16; 1 << PLACES_LOG] {
    let mut places = [0; 1 << PLACES_LOG];
    for (number, block) in (1..).zip(base.as_chunks::<BLOCK>().0) {
        places[hash(u32::from_le_bytes(*block))] = number;
    }
    places
}

const fn hash(block: u32) -> usize {
    (block.wrapping_mul(0x9e37_79b1) >> (u32::BITS - PLACES_LOG)) as usize
}

fn block(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|block| u32::from_le_bytes(*block))
}

/// How many bytes both begin with.
fn common(one: &[u8], other: &[u8]) -> usize {
    const WORD: usize = size_of::<u64>();
    let words = one.as_chunks::<WORD>().0.iter().zip(other.as_chunks::<WORD>().0);
    let same = words.take_while(|(one, other)| one == other).count() * WORD;
    let rest = one[same..].iter().zip(&other[same..]);
    same + rest.take_while(|(one, other)| one == other).count()
}
