//! Finds state that does not encode to the same bytes twice, and names the field.
//!
//! Hashes, deltas and the comparison of releases all rest on `encode(decode(x)) == x`. A `HashMap` breaks
//! that: each copy of it has an order of its own.

mod difference;
mod made_up;

pub(crate) use made_up::make_up;

use crate::envelope::Trouble;
use crate::kind::Kind;

/// Copies compared with the original. Two entries of a map keep their order in half of all copies,
/// six in one of 720.
const COPIES: usize = 3;

/// Checks a room's bytes, written by this very release.
pub(crate) fn verify(kind: &dyn Kind, bytes: &[u8]) -> Result<(), Trouble> {
    for _ in 0..COPIES {
        let again = kind.open(bytes)?.encode()?;
        if again != bytes {
            let field = difference::first(bytes, &again).unwrap_or_else(|| "?".to_owned());
            return Err(Trouble::Unordered { kind: kind.info().name, field });
        }
    }
    Ok(())
}

/// What is wrong with a kind before any room of it exists: its state type is tried with made-up contents.
pub(crate) fn defect(kind: &dyn Kind) -> Option<Trouble> {
    kind.made_up().iter().find_map(|bytes| match verify(kind, bytes) {
        // Contents that make no sense may well be refused by the type; only order is judged here.
        Err(unordered @ Trouble::Unordered { .. }) => Some(unordered),
        Ok(()) | Err(_) => None,
    })
}

#[cfg(test)]
mod tests;
