//! Rows that terminals measure in their own ways are written as a whole.
//!
//! Only changed cells are sent to the terminal. That needs both sides to agree how wide a character is, and about joined
//! emoji, flags, skin tones and variation selectors they do not: a family is two cells to one terminal and eight to
//! another. So a row that has or had such a character is sent cell by cell, and nothing of it can be left behind.

use ratatui_core::buffer::{Buffer, CellDiffOption};

/// Marks the rows of a picture that have to be sent whole. Their marks differ from those of the next picture, so they are
/// sent whole once more when the character is gone.
pub(crate) fn mark(picture: &mut Buffer) {
    let area = picture.area;
    for y in area.y..area.bottom() {
        if (area.x..area.right()).any(|x| is_disputed(picture[(x, y)].symbol())) {
            for x in area.x..area.right() {
                picture[(x, y)].set_diff_option(CellDiffOption::AlwaysUpdate);
            }
        }
    }
}

/// What is made of several characters has as many widths as there are terminals.
fn is_disputed(symbol: &str) -> bool {
    symbol.len() > 1 && symbol.chars().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use ratatui_core::buffer::Buffer;

    use super::*;

    /// Columns of the second row that are sent when one picture follows another.
    fn sent(before: &Buffer, after: &Buffer) -> Vec<u16> {
        let changes = before.diff(after).into_iter();
        changes
            .filter(|(_, y, _)| *y == 1)
            .map(|(x, ..)| x)
            .collect()
    }

    #[test]
    fn a_row_with_a_family_is_sent_whole_until_it_is_gone() {
        let mut plain = Buffer::with_lines(["abcdef", "same  "]);
        mark(&mut plain);
        let mut family = Buffer::with_lines(["abcdef", "👨\u{200d}👩\u{200d}👧    "]);
        mark(&mut family);
        assert_eq!(sent(&plain, &family), [0, 2, 3, 4, 5]);
        let mut without = Buffer::with_lines(["abcdef", "      "]);
        mark(&mut without);
        assert_eq!(sent(&family, &without), [0, 1, 2, 3, 4, 5]);
        let mut later = Buffer::with_lines(["abcdef", "      "]);
        mark(&mut later);
        assert_eq!(sent(&without, &later), [0_u16; 0]);
    }
}
