//! The board: columns into which discs fall.

use serde::{Deserialize, Serialize};

use crate::Side;

/// Columns of the board.
pub const COLUMNS: usize = 7;
/// Discs that fit into a column.
pub const ROWS: usize = 6;
/// Discs in a row that win.
const IN_A_ROW: usize = 4;

/// Discs by column, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    columns: [Vec<Side>; COLUMNS],
}

/// Why a disc cannot be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There is no such column.
    Outside,
    /// The column holds [`ROWS`] discs.
    Full,
}

impl Board {
    /// Drops a disc and says whether it makes a row of four.
    ///
    /// # Errors
    /// When there is no place for it; the board is unchanged.
    pub fn drop_disc(&mut self, side: Side, column: usize) -> Result<bool, NoPlace> {
        let discs = self.columns.get_mut(column).ok_or(NoPlace::Outside)?;
        if discs.len() >= ROWS {
            return Err(NoPlace::Full);
        }
        discs.push(side);
        let row = discs.len() - 1;
        Ok(self.wins_at(column, row, side))
    }

    /// The disc at a place, counted from the lower left.
    pub fn at(&self, column: usize, row: usize) -> Option<Side> {
        self.columns.get(column)?.get(row).copied()
    }

    /// Whether no more disc fits.
    pub fn is_full(&self) -> bool {
        self.columns.iter().all(|discs| discs.len() >= ROWS)
    }

    /// Lines of text, top first: `r`, `y` and `.` for an empty place.
    pub fn lines(&self) -> Vec<String> {
        let letter = |disc| match disc {
            Some(Side::Red) => 'r',
            Some(Side::Yellow) => 'y',
            None => '.',
        };
        let line = |row| (0..COLUMNS).map(|column| letter(self.at(column, row))).collect();
        (0..ROWS).rev().map(line).collect()
    }

    fn wins_at(&self, column: usize, row: usize, side: Side) -> bool {
        // Sideways, upwards and both diagonals; each is counted both ways from the new disc.
        [(1, 0), (0, 1), (1, 1), (1, -1)].into_iter().any(|(right, up)| {
            let there = self.run(column, row, side, (right, up));
            let back = self.run(column, row, side, (-right, -up));
            1 + there + back >= IN_A_ROW
        })
    }

    /// Discs of the side next to a place in one direction.
    fn run(&self, column: usize, row: usize, side: Side, (right, up): (isize, isize)) -> usize {
        (1..IN_A_ROW as isize)
            .take_while(|step| {
                let column = column.checked_add_signed(right * step);
                let row = row.checked_add_signed(up * step);
                column.zip(row).is_some_and(|(column, row)| self.at(column, row) == Some(side))
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red and yellow take turns; gives whether the last disc won.
    fn check(columns: &[usize], wins: bool) {
        let mut board = Board::default();
        let mut won = false;
        for (turn, column) in columns.iter().enumerate() {
            assert!(!won, "won before column {column}");
            won = board.drop_disc(Side::BOTH[turn % 2], *column).unwrap();
        }
        assert_eq!(won, wins, "{:#?}", board.lines());
    }

    #[test]
    fn four_in_a_row_win_in_every_direction() {
        check(&[0, 0, 1, 1, 2, 2, 3], true);
        check(&[0, 0, 1, 1, 3, 3, 2], true);
        check(&[6, 5, 6, 5, 6, 5, 6], true);
        check(&[0, 1, 1, 2, 2, 3, 2, 3, 3, 6, 3], true);
        check(&[3, 2, 2, 1, 1, 0, 1, 0, 0, 6, 0], true);
        check(&[0, 0, 1, 1, 2, 2, 4], false);
        check(&[0, 0, 0, 0], false);
    }

    #[test]
    fn discs_need_a_place() {
        let mut board = Board::default();
        assert_eq!(board.drop_disc(Side::Red, COLUMNS), Err(NoPlace::Outside));
        for turn in 0..ROWS {
            board.drop_disc(Side::BOTH[turn % 2], 2).unwrap();
        }
        assert_eq!(board.drop_disc(Side::Red, 2), Err(NoPlace::Full));
        assert_eq!(board.lines()[0], "..y....");
        assert_eq!(board.lines()[5], "..r....");
        assert!(!board.is_full());
    }
}
