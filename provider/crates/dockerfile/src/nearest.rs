//! Finds the known word that a mistyped one was probably meant to be.
//!
//! Insertions, deletions, replacements and swaps of neighbours count, letters compared without case; only words within
//! two edits are offered, the bound that BuildKit uses as well. Long inputs are refused at once: nobody mistypes a kilobyte.

/// Longest distance that still counts as a typing mistake.
const MAX_DISTANCE: usize = 2;
/// Longest word for which a suggestion is looked for, in bytes.
const MAX_WORD: usize = 64;

/// Returns the candidate nearest to `word`, or nothing when none is near or one is equal.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let word = word.to_lowercase();
    let rated = candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate));
    let (rating, best) = rated.min_by_key(|(rating, _)| *rating)?;
    (1..=MAX_DISTANCE).contains(&rating).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_word_within_two_edits_is_offered() {
        for (typed, expected) in [
            ("COPPY", "COPY"),
            ("form", "FROM"),
            ("ENTRYPONT", "ENTRYPOINT"),
            ("CPOY", "COPY"),
        ] {
            assert_eq!(
                nearest(typed, ["COPY", "FROM", "ENTRYPOINT"]),
                Some(expected),
                "{typed}"
            );
        }
    }

    #[test]
    fn an_equal_or_distant_word_is_not_offered() {
        assert_eq!(nearest("copy", ["COPY"]), None);
        assert_eq!(nearest("kubernetes", ["COPY", "FROM"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
