//! The known name that is nearest to a misspelt one.
//!
//! Counts insertions, deletions, replacements and swaps of neighbours, letters compared without case. Refuses to guess
//! when even the nearest name is far away: a wrong suggestion is worse than none.

/// The name in `known` that `text` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = text.chars().count() / 3 + 1;
    let distances = known.into_iter().map(|name| (distance(text, name), name));
    distances
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    let (one, other) = (letters(one), letters(other));
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, theirs) in other.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != theirs);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == other[column - 1] && one[row - 1] == *theirs {
                best = best.min(before_at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[other.len()]
}

fn before_at(row: &[usize], column: usize) -> usize {
    row.get(column).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_find_their_name() {
        let names = ["buildArgs", "context", "platforms", "repository", "tags", "target"];
        let cases = [
            ("buildargs", "buildArgs"),
            ("platform", "platforms"),
            ("conetxt", "context"),
            ("reposiotry", "repository"),
        ];
        for (text, name) in cases {
            assert_eq!(nearest(text, names), Some(name), "{text}");
        }
        assert_eq!(nearest("quux", names), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_step() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
