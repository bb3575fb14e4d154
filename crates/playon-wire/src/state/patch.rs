//! Deltas of large states in which little has changed: found by comparing, and written as the zstd frame that they are.
//!
//! zstd looks for what two states have in common wherever it lies, which takes about a nanosecond for each byte of both. From
//! one commit to the next nearly all of a large state lies where it lay, or all of it behind some place a few bytes further on.
//! To see that takes a comparison. What comes of it is written as any delta is, a frame with the state before as its prefix:
//! each block copies one run from there, behind the bytes in front of it that are new.

/// A frame begins with it.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// One segment, so that the window reaches back over all of it, and four bytes that say how long it is.
const FRAME_HEADER: u8 = 0b1010_0000;

/// Bytes that a block makes, at most.
const BLOCK_BYTES_MAX: usize = 128 << 10;

/// Where two states differ they are compared again every so many bytes, and what is in common must be as long to be taken.
const STEP: usize = 32;

/// New bytes may be so large a part of the state; where there are more, zstd finds more in common than lies where it lay.
const NEW_SHARE: usize = 256;

/// How far from where it should lie something is looked for that lies neither there nor as far from the end as before, in bytes.
const NEAR: usize = 2 << 10;

/// How often it is looked for: each time takes some microseconds.
const LOOKS_MAX: u32 = 64;

/// New bytes that there may be in any case.
const NEW_BYTES_MIN: usize = 4 << 10;

/// Lengths of literals from 16 on: the least that each code stands for, and its bits beside that. The first is code 16.
const LITERALS: [(u32, u32); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1_024, 10),
    (2_048, 11),
    (4_096, 12),
    (8_192, 13),
    (16_384, 14),
    (32_768, 15),
    (65_536, 16),
];

/// Lengths of matches from 35 on: likewise. The first is code 32.
const MATCHES: [(u32, u32); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1_027, 10),
    (2_051, 11),
    (4_099, 12),
    (8_195, 13),
    (16_387, 14),
    (32_771, 15),
    (65_539, 16),
];

/// New bytes, and what follows them in the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Where the new bytes begin in the new state, and how many there are.
    fresh: (usize, usize),
    /// Where the run begins in the state before, and how long it is; 0 at the end of the new state.
    copied: (usize, usize),
}

/// What makes `new` of `base`, if that is little and nearly all lies where it lay.
pub(super) fn patch(base: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(new.len()).ok()?;
    // Blocks name places in the one state as distances back from places in the other.
    u32::try_from(base.len().checked_add(new.len())?).ok().filter(|sum| *sum < 1 << 28)?;
    let runs = runs(base, new)?;
    let mut out = Vec::with_capacity(NEW_BYTES_MIN + new.len() / BLOCK_BYTES_MAX * 16);
    out.extend(MAGIC);
    out.push(FRAME_HEADER);
    out.extend(length.to_le_bytes());
    let mut last_header = None;
    for run in runs {
        blocks(base.len(), new, run, &mut out, &mut last_header)?;
    }
    // The last block says so.
    *out.get_mut(last_header?)? |= 1;
    Some(out)
}

/// The new state as bytes that are new and runs of the one before, in order.
fn runs(base: &[u8], new: &[u8]) -> Option<Vec<Run>> {
    let most = NEW_BYTES_MIN.max(new.len() / NEW_SHARE);
    // What lies behind the last place where something was put in or taken out lies as far from the end as before.
    let moved = new.len() as isize - base.len() as isize;
    let mut shift = 0;
    let mut found = Vec::new();
    let (mut at, mut fresh, mut all_fresh, mut looks) = (0, 0, 0, 0);
    while at < new.len() {
        let known = [shift, 0, moved].into_iter().find_map(|shift| {
            let from = usize::try_from(at as isize - shift).ok()?;
            let length = common(base.get(from..)?, new.get(at..)?);
            // At the end, all that is left will do.
            (length >= STEP || at + length == new.len()).then_some((shift, from, length))
        });
        let best = known.or_else(|| {
            looks += 1;
            let around =
                usize::try_from(at as isize - shift).ok().filter(|_| looks <= LOOKS_MAX)?;
            let from = near(base, around, new.get(at..at + STEP)?)?;
            let length = common(base.get(from..)?, new.get(at..)?);
            Some((at as isize - from as isize, from, length))
        });
        let Some((towards, from, length)) = best.filter(|(.., length)| *length > 0) else {
            let step = STEP.min(new.len() - at);
            (at, all_fresh) = (at + step, all_fresh + step);
            if all_fresh > most {
                return None;
            }
            continue;
        };
        shift = towards;
        found.push(Run { fresh: (fresh, at - fresh), copied: (from, length) });
        at += length;
        fresh = at;
    }
    if fresh < new.len() {
        found.push(Run { fresh: (fresh, new.len() - fresh), copied: (base.len(), 0) });
    }
    Some(found)
}

/// Where these bytes lie near that place.
fn near(base: &[u8], around: usize, wanted: &[u8]) -> Option<usize> {
    let first = around.saturating_sub(NEAR);
    let region = base.get(first..(around + NEAR).min(base.len()))?;
    region.windows(wanted.len()).position(|bytes| bytes == wanted).map(|at| first + at)
}

/// How many bytes both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    const PAGE: usize = 4 << 10;
    let pages = a.chunks_exact(PAGE).zip(b.chunks_exact(PAGE));
    let pages = pages.take_while(|(a, b)| a == b).count() * PAGE;
    let rest = a.iter().skip(pages).zip(b.iter().skip(pages));
    pages + rest.take_while(|(a, b)| a == b).count()
}

/// Writes a run as blocks, none of which makes more than it may.
fn blocks(
    base: usize,
    new: &[u8],
    run: Run,
    out: &mut Vec<u8>,
    last_header: &mut Option<usize>,
) -> Option<()> {
    let (mut fresh, mut left) = run.fresh;
    let (mut from, mut length) = run.copied;
    while left + length > 0 {
        let literals = left.min(BLOCK_BYTES_MAX);
        let (bytes, copied) =
            (new.get(fresh..fresh + literals)?, length.min(BLOCK_BYTES_MAX - literals));
        *last_header = Some(out.len());
        // A run of less than three bytes, the end of a longer one, can only be written out.
        if copied < 3 || left > literals {
            let copied = if left > literals { 0 } else { copied };
            raw_block(new.get(fresh..fresh + literals + copied)?, out)?;
            (from, length, fresh) = (from + copied, length - copied, fresh + literals + copied);
        } else {
            // What follows the state before is where the new one begins.
            let distance = base + fresh + literals - from;
            copying_block(bytes, distance, copied, out)?;
            (from, length, fresh) = (from + copied, length - copied, fresh + literals + copied);
        }
        left -= literals;
    }
    Some(())
}

fn header(kind: u32, size: usize, out: &mut Vec<u8>) -> Option<()> {
    let header = u32::try_from(size).ok()? << 3 | kind << 1;
    out.extend(header.to_le_bytes().into_iter().take(3));
    Some(())
}

fn raw_block(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    header(0, bytes.len(), out)?;
    out.extend(bytes);
    Some(())
}

/// One sequence: these literals, and then so many bytes from that far back.
fn copying_block(literals: &[u8], distance: usize, copied: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut block = Vec::with_capacity(literals.len() + 24);
    let count = u32::try_from(literals.len()).ok()?;
    // Literals as they are, behind their number.
    match count {
        0..32 => block.push((count << 3) as u8),
        32..4_096 => block.extend((count << 4 | 0b0100).to_le_bytes().into_iter().take(2)),
        _ => block.extend((count << 4 | 0b1100).to_le_bytes().into_iter().take(3)),
    }
    block.extend(literals);
    // One sequence, whose three codes need no table.
    block.extend([1, 0b0101_0100]);
    let literal = match count {
        0..16 => (count as u8, 0, 0),
        _ => code(&LITERALS, 16, count)?,
    };
    let copied = u32::try_from(copied).ok()?;
    let copied = match copied {
        3..35 => ((copied - 3) as u8, 0, 0),
        _ => code(&MATCHES, 32, copied)?,
    };
    // The first three distances mean those used last.
    let distance = u32::try_from(distance).ok()? + 3;
    let width = distance.ilog2();
    let distance = (width as u8, distance - (1 << width), width);
    block.extend([literal.0, distance.0, copied.0]);
    // Read from its end: the distance first, then how much is copied, then the literals. A bit that is set ends it.
    let mut bits = u128::from(literal.1);
    let mut used = literal.2;
    for (_, value, width) in [copied, distance] {
        bits |= u128::from(value) << used;
        used += width;
    }
    bits |= 1 << used;
    block.extend(bits.to_le_bytes().into_iter().take(used as usize / 8 + 1));
    header(2, block.len(), out)?;
    out.extend(block);
    Some(())
}

/// The code of a length, and the bits beside it with their number.
fn code(table: &[(u32, u32)], first: u8, length: u32) -> Option<(u8, u32, u32)> {
    let at = table.partition_point(|(least, _)| *least <= length).checked_sub(1)?;
    let (least, width) = *table.get(at)?;
    Some((first + at as u8, length - least, width))
}

#[cfg(test)]
mod tests {
    use playon_types::image::StateCodec;
    use playon_types::rng::Rng;

    use super::super::ZstdXxh3;
    use super::*;

    fn noise(seed: u64, bytes: usize) -> Vec<u8> {
        let mut rng = Rng::new(seed);
        (0..bytes).map(|_| rng.below(256) as u8).collect()
    }

    /// The size of the patch, if there is one; zstd has to make the new state of it.
    fn size(base: &[u8], new: &[u8]) -> Option<usize> {
        let patch = patch(base, new)?;
        let made = ZstdXxh3.apply(base, &patch, new.len());
        assert!(made.is_some_and(|made| made == new), "{} to {} bytes", base.len(), new.len());
        Some(patch.len())
    }

    #[test]
    fn what_changes_in_place_is_a_few_bytes() {
        let base = noise(1, 3 << 20);
        for at in [0, 1, 40, 131_071, 131_072, 131_073, (3 << 20) - 1] {
            let mut new = base.clone();
            new[at] ^= 1;
            let bytes = size(&base, &new).unwrap();
            assert!(bytes < 1_000, "{bytes} bytes for one at {at}");
        }
        let mut new = base.clone();
        (0..60).for_each(|n| new[n * 50_000] ^= 1);
        assert!(size(&base, &new).unwrap() < 6_000);
    }

    #[test]
    fn what_is_put_in_or_taken_out_moves_all_behind_it() {
        let base = noise(2, 2 << 20);
        for at in [0, 7, 100_000, (2 << 20) - 3] {
            for bytes in [1, 3, 31, 33, 700] {
                let longer = [&base[..at], &noise(3, bytes)[..], &base[at..]].concat();
                assert!(size(&base, &longer).unwrap() < 2_000);
                assert!(size(&longer, &base).unwrap() < 2_000);
            }
        }
        let both =
            [&noise(4, 9)[..], &base[..1 << 20], &noise(5, 13)[..], &base[1 << 20..]].concat();
        assert!(size(&base, &both).unwrap() < 2_000, "before it and in it");
        assert!(size(&both, &base).unwrap() < 2_000, "the other way round");
    }

    #[test]
    fn runs_of_every_length_are_told() {
        let base = noise(6, 300 << 10);
        for length in (32..300).chain([4_095, 4_096, 65_537, 131_070, 131_072, 131_074, 262_145]) {
            for fresh in [1, 15, 16, 31, 32, 63, 64, 4_000] {
                let new = [&noise(7, fresh)[..], &base[..length], &noise(8, 3)[..]].concat();
                size(&base[..length], &new);
            }
        }
    }

    #[test]
    fn states_that_have_little_in_common_are_left_to_zstd() {
        let base = noise(9, 1 << 20);
        assert_eq!(size(&base, &noise(10, 1 << 20)), None);
        let turned = [&base[1 << 19..], &base[..1 << 19]].concat();
        assert_eq!(size(&base, &turned), None);
    }

    #[test]
    fn it_is_what_it_should_be_whatever_changes() {
        let mut rng = Rng::new(11);
        let mut patched = 0;
        for round in 0..300 {
            let mut base = noise(round, 200 << 10);
            if round % 3 == 0 {
                // The same over and over.
                base.iter_mut().for_each(|byte| *byte &= 1);
            }
            let mut new = base.clone();
            for _ in 0..rng.below(12) {
                let at = rng.below(new.len() as u64) as usize;
                let width = rng.below(12);
                let length = 1 + rng.below(1 << width) as usize;
                let end = (at + length).min(new.len());
                match rng.below(3) {
                    0 => drop(new.splice(at..end, noise(round + 1, end - at))),
                    1 => drop(new.drain(at..end)),
                    _ => drop(new.splice(at..at, noise(round + 2, length))),
                }
            }
            patched += u32::from(size(&base, &new).is_some());
        }
        assert!(patched > 100, "only {patched} of 300");
    }
}
