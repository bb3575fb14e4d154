//! The page on which a worker notes what it has begun, so that the keeper knows it even if the worker dies of it.
//!
//! A message would have to be written, and read, before each batch; a note costs one write into memory that both
//! share. A note is [`TURN_BYTES`] long, all numbers highest byte first: a count that each note of
//! this thread raises, the room, the attempt, the sequence, zeros, and the count once more. A note whose counts differ
//! is being written. A thread that has nothing to do notes [`AT_REST`].

use playon_types::attach::Turn;
use playon_types::ids::{Attempt, RoomId, Seq};

/// Bytes of one note. That of thread `n` begins at `n` times as many.
pub const TURN_BYTES: usize = 64;

/// Threads of a worker that can note their turns. Others do not.
pub const TURNS_MAX: usize = 64;

/// Bytes of the page.
pub const TURNS_PAGE_BYTES: usize = TURN_BYTES * TURNS_MAX;

/// What a thread notes before it waits for something to do. No attempt is 0.
pub const AT_REST: Turn = Turn { room: RoomId([0; 16]), attempt: Attempt(0), seq: Seq(0) };

/// Where the second count lies.
const AGAIN_AT: usize = TURN_BYTES - 8;

/// One note; `count` is one more than that of the thread's last note, and the first is 1.
pub fn encode_turn(count: u64, turn: &Turn) -> [u8; TURN_BYTES] {
    let mut note = [0; TURN_BYTES];
    note[..8].copy_from_slice(&count.to_be_bytes());
    note[8..24].copy_from_slice(&turn.room.0);
    note[24..32].copy_from_slice(&turn.attempt.0.to_be_bytes());
    note[32..40].copy_from_slice(&turn.seq.0.to_be_bytes());
    note[AGAIN_AT..].copy_from_slice(&count.to_be_bytes());
    note
}

/// The notes of a page, each with the number of its thread and its count. Threads that have noted nothing, or are just
/// noting something, are left out.
pub fn decode_turns(page: &[u8]) -> impl Iterator<Item = (usize, u64, Turn)> + '_ {
    page.chunks_exact(TURN_BYTES).take(TURNS_MAX).enumerate().filter_map(|(thread, note)| {
        let number = |at: usize| Some(u64::from_be_bytes(*note.get(at..)?.first_chunk()?));
        let count = number(0).filter(|count| *count > 0 && number(AGAIN_AT) == Some(*count))?;
        let room = RoomId(*note.get(8..)?.first_chunk()?);
        Some((thread, count, Turn { room, attempt: Attempt(number(24)?), seq: Seq(number(32)?) }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(room: u8) -> Turn {
        Turn { room: RoomId([room; 16]), attempt: Attempt(7), seq: Seq(9) }
    }

    #[test]
    fn notes_are_read_back_and_torn_ones_are_not() {
        let mut page = vec![0; TURNS_PAGE_BYTES];
        page[TURN_BYTES..2 * TURN_BYTES].copy_from_slice(&encode_turn(3, &turn(1)));
        page[2 * TURN_BYTES..3 * TURN_BYTES].copy_from_slice(&encode_turn(5, &turn(2)));
        page[2 * TURN_BYTES + 7] = 6;
        assert_eq!(decode_turns(&page).collect::<Vec<_>>(), [(1, 3, turn(1))]);
        assert_eq!(decode_turns(&page[..70]).count(), 0, "a page cut short");
    }
}
