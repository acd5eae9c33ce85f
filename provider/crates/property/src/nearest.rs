//! The known name that is nearest to a misspelt one.
//!
//! Counts insertions, deletions, replacements and swaps of neighbours, letters compared without case. Refuses to guess
//! when even the nearest name is far away: a wrong suggestion is worse than none.

/// The name in `known` that `text` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = text.chars().count() / 3 + 1;
    let text = text.to_lowercase();
    let distances = known
        .into_iter()
        .map(|name| (strsim::osa_distance(&text, &name.to_lowercase()), name));
    distances
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

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
}
