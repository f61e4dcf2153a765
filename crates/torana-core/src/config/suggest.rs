//! "Did you mean …": the nearest of a few known words.

/// The longest word compared; longer ones are no typos of a key, and the comparison is quadratic.
const WORD_LEN_MAX: usize = 64;

/// The known word nearest to `word`, if it is near enough to be a slip of the fingers.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let length = folded.chars().count();
    if length > WORD_LEN_MAX {
        return None;
    }
    // One slip per three letters: `prot` is near `port`, `host` is not.
    let distance_max = (length / 3).max(1);
    known
        .filter(|candidate| candidate.len() <= WORD_LEN_MAX)
        .filter_map(|candidate| {
            let distance = distance(&folded, &fold(candidate));
            (distance <= distance_max).then_some((distance, candidate))
        })
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// Spelling differences that are none: case, dashes and underscores (`bot_token`, `BotToken`).
fn fold(word: &str) -> String {
    word.chars()
        .filter(|character| !matches!(character, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Edits between two words, a swap of neighbours counting as one.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_previous = vec![0; right.len() + 1];
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, left_character) in left.iter().enumerate() {
        let mut current = vec![row + 1; right.len() + 1];
        for (column, right_character) in right.iter().enumerate() {
            let substitution = previous[column] + usize::from(left_character != right_character);
            let mut best = substitution
                .min(previous[column + 1] + 1)
                .min(current[column] + 1);
            let swapped = row > 0
                && column > 0
                && *left_character == right[column - 1]
                && left[row - 1] == *right_character;
            if swapped {
                best = best.min(before_previous[column - 1] + 1);
            }
            current[column + 1] = best;
        }
        before_previous = previous;
        previous = current;
    }
    previous[right.len()]
}
