//! Deltas and hashes of room states: zstd with the state before as its prefix, and xxh3.
//!
//! Each thread keeps one context of either direction, since making one costs more than most deltas do.

mod patch;

use std::cell::RefCell;

use bytes::Bytes;
use playon_types::attach::Body;
use playon_types::image::StateCodec;
use xxhash_rust::xxh3::xxh3_64;
use zstd_safe::{CCtx, CParameter, DCtx};

/// The compression level. Higher ones find little more and cost several times as much.
const LEVEL: i32 = 1;

/// States with at least this many bytes, old and new together, are compared over their whole length by a
/// context made for it; the window that belongs to [`LEVEL`] would not reach across them.
const LONG_BYTES: usize = 256 << 10;

/// The widest window, as a power of two: it reaches across two states of 16 MiB.
const WINDOW_LOG_MAX: u32 = 25;

/// A prefix that begins with these bytes would be taken for a trained dictionary; it is not used as a base.
const DICTIONARY_MAGIC: [u8; 4] = 0xEC30_A437_u32.to_le_bytes();

thread_local! {
    static COMPRESS: RefCell<Option<CCtx<'static>>> = const { RefCell::new(None) };
    static DECOMPRESS: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// The codec of room states: zstd deltas, xxh3-64 hashes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ZstdXxh3;

impl StateCodec for ZstdXxh3 {
    fn apply(&self, base: &[u8], delta: &[u8], max: usize) -> Option<Bytes> {
        if base.starts_with(&DICTIONARY_MAGIC) {
            return None;
        }
        let size = zstd_safe::get_frame_content_size(delta).ok()??;
        let size = usize::try_from(size).ok().filter(|size| *size <= max)?;
        let mut state = Vec::with_capacity(size);
        DECOMPRESS.with_borrow_mut(|slot| {
            let context = slot.take().or_else(DCtx::try_create)?;
            let written = slot.insert(context).decompress_using_dict(&mut state, delta, base);
            written.ok().filter(|written| *written == size)
        })?;
        Some(state.into())
    }

    fn hash(&self, state: &[u8]) -> u64 {
        xxh3_64(state)
    }
}

/// What makes `new` of `base`: nothing when they are equal, else a delta, or the whole of `new` where a delta
/// would take more than half of it.
pub fn diff(base: &[u8], new: &[u8]) -> Body {
    if base == new {
        return Body::Same;
    }
    match delta(base, new) {
        Some(delta) if delta.len() <= new.len() / 2 => Body::Delta(delta.into()),
        _ => Body::Full(Bytes::copy_from_slice(new)),
    }
}

fn delta(base: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    if base.is_empty() || base.starts_with(&DICTIONARY_MAGIC) {
        return None;
    }
    let long = base.len() + new.len() >= LONG_BYTES;
    if let Some(patch) = long.then(|| patch::patch(base, new)).flatten() {
        return Some(patch);
    }
    // What does not fit into half is not wanted.
    let mut out = Vec::with_capacity(new.len() / 2 + 64);
    if long {
        return long_delta(base, new, &mut out).map(|()| out);
    }
    COMPRESS.with_borrow_mut(|slot| {
        let context = slot.take().or_else(CCtx::try_create)?;
        slot.insert(context).compress_using_dict(&mut out, new, base, LEVEL).ok()
    })?;
    Some(out)
}

fn long_delta(base: &[u8], new: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut context = CCtx::try_create()?;
    context.set_parameter(CParameter::CompressionLevel(LEVEL)).ok()?;
    // No wider than needed: the tables to be cleared grow with it.
    let window_log = (base.len() + new.len()).next_power_of_two().ilog2().min(WINDOW_LOG_MAX);
    context.set_parameter(CParameter::WindowLog(window_log)).ok()?;
    context.set_parameter(CParameter::EnableLongDistanceMatching(true)).ok()?;
    context.ref_prefix(base).ok()?;
    context.compress2(out, new).ok()?;
    Some(())
}
