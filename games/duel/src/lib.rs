//! Duel: two players drop discs into seven columns, four in a row win the round.
//!
//! Each turn has a clock; who lets it run out loses the round. After a short break the loser of the
//! last round begins the next. A deploy waits for such a break, up to a minute: in a game that is played in turns
//! nobody should see the board change hands in the middle of a thought.

pub mod board;
pub mod message;
pub mod room;
pub mod side;

pub use board::Board;
pub use message::{Event, Move, Params, Seat, View};
pub use room::Duel;
pub use side::{Pair, Side};
