//! A sum over every byte of a view, made where the view is made: books compare what they know of, and this the rest.

use playon_types::rng::mix;

use super::View;

/// What stands before the sum, which ends a view.
const KEY: &[u8] = b"\"sum\":";

/// The view with its sum.
pub(super) fn with_sum(view: View) -> View {
    let mut view = View { sum: 0, ..view };
    // As the room is about to write it; one that cannot be written is not shown anyway.
    let json = serde_json::to_vec(&view).unwrap_or_default();
    view.sum = parts(&json).map_or(0, |(before, _)| sum(before));
    view
}

/// Whether a view that was shown has the sum that it says.
pub(crate) fn is_summed(json: &[u8]) -> bool {
    parts(json).is_some_and(|(before, behind)| behind == format!("{}}}", sum(before)).as_bytes())
}

/// What stands before the sum, and the rest behind its key.
fn parts(json: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = json.windows(KEY.len()).rposition(|part| part == KEY)?;
    Some((&json[..at], &json[at + KEY.len()..]))
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(size_of::<u64>()).fold(bytes.len() as u64, |sum, part| {
        let mut word = [0; size_of::<u64>()];
        word[..part.len()].copy_from_slice(part);
        mix(sum ^ u64::from_le_bytes(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::Account;

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let view = View {
            tick: 300,
            release: 2,
            own: Account::default(),
            events: 7,
            counts: vec![3, 40],
            total: 99,
            mismatches: 0,
            stamp: 123_456_789,
            sum: 0,
        };
        let json = serde_json::to_vec(&with_sum(view)).unwrap();
        assert!(is_summed(&json));
        for at in 0..json.len() {
            for bit in 0..8 {
                let mut wrong = json.clone();
                wrong[at] ^= 1 << bit;
                assert!(!is_summed(&wrong), "byte {at}, bit {bit}");
            }
        }
        assert!(!is_summed(b"{}") && !is_summed(b""));
    }
}
