//! Properties that hold for every Dockerfile: what the canonical form, the reads and the steps ignore, and what not.

#![expect(clippy::unwrap_used, reason = "a test states what it expects with it")]

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{Dockerfile, Extent, ParseError, ResolveRequest, Resolved, platform_args, step_keys};
use proptest::prelude::*;

/// Resolves the last stage, without arguments and named contexts.
fn resolve(dockerfile: &Dockerfile) -> Result<Resolved<'_>, ParseError> {
    dockerfile.resolve(&ResolveRequest {
        target: None,
        build_args: &BTreeMap::new(),
        platform: &platform_args("linux/amd64", "linux/amd64"),
        named_contexts: &BTreeMap::new(),
    })
}

/// Canonical texts for the last stage.
fn canonical(text: &str) -> Vec<String> {
    let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
    resolve(&dockerfile)
        .unwrap()
        .canonical_instructions()
        .into_iter()
        .map(|entry| entry.text)
        .collect()
}

/// What the last stage reads, and the keys of its steps; neither holds line or stage numbers.
fn analysed(text: &str) -> (Vec<String>, Vec<[u8; 8]>) {
    let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
    let resolved = resolve(&dockerfile).unwrap();
    let reads = match resolved.reads().context {
        Extent::Whole(reasons) => reasons.iter().map(|reason| reason.why.to_string()).collect(),
        Extent::Paths(sources) => sources
            .iter()
            .map(|one| format!("{} {:?}", one.path, one.excludes))
            .collect(),
    };
    (reads, step_keys(&resolved.steps(), &|_, _| [0; 32], &|_| None))
}

/// One instruction, as the pieces between which a line may be continued.
fn instruction() -> impl Strategy<Value = Vec<String>> {
    let word = "[a-z]{1,6}";
    prop_oneof![
        prop::collection::vec(word, 1..4).prop_map(|words| [vec!["RUN".to_owned()], words].concat()),
        (word, word).prop_map(|(from, to)| vec!["COPY".to_owned(), from, format!("/{to}")]),
        (word, word).prop_map(|(name, path)| vec![
            "ADD".to_owned(),
            format!("--exclude={path}"),
            format!("${name}/{path}"),
            ".".to_owned()
        ]),
        (word, word).prop_map(|(name, value)| vec!["ARG".to_owned(), format!("{name}={value}")]),
        word.prop_map(|path| vec![
            "RUN".to_owned(),
            format!("--mount=source=${{{path}:-x}},target=/m"),
            path
        ]),
        (word, word).prop_map(|(name, value)| vec!["ENV".to_owned(), format!("{name}=\"{value}  {value}\"")]),
        (word, "[a-z# \t]{0,9}")
            .prop_map(|(end, body)| { vec!["RUN".to_owned(), format!("<<X{end}\n{body}\n\n# {body}\nX{end}")] }),
        word.prop_map(|path| vec!["WORKDIR".to_owned(), format!("/{path}")]),
        word.prop_map(|path| vec!["COPY".to_owned(), "--from=0".to_owned(), path.clone(), path]),
    ]
}

/// Noise that may stand between instructions, and between the pieces of one.
fn noise() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof!["# [a-z\\\\ ]{0,12}", " {0,3}", " {1,3}#.{0,6}"], 0..3)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
}

/// Instructions with, for each piece, a choice of noise; index 0 of a piece list goes before the instruction.
fn file() -> impl Strategy<Value = Vec<(Vec<String>, Vec<String>)>> {
    prop::collection::vec(instruction(), 1..6).prop_flat_map(|instructions| {
        let noisy = instructions.into_iter().map(|pieces| {
            let count = pieces.len();
            (Just(pieces), prop::collection::vec(noise(), count))
        });
        noisy.collect::<Vec<_>>()
    })
}

/// The file without noise, each instruction on one line as far as heredocs allow.
fn plain(file: &[(Vec<String>, Vec<String>)]) -> String {
    let lines = file.iter().map(|(pieces, _)| format!("{}\n", pieces.join(" ")));
    std::iter::once("FROM base\nFROM alpine\n".to_owned())
        .chain(lines)
        .collect()
}

/// The same file with comments and blank lines everywhere, continued lines, unreached stages and other line numbers.
fn noisy(file: &[(Vec<String>, Vec<String>)], spare: &[String]) -> String {
    let spare = |at: usize| {
        spare
            .get(at)
            .map(|word| format!("FROM unreached AS s{at}\nRUN {word}\n"))
            .unwrap_or_default()
    };
    let mut text = format!("# leading comment\n\nFROM base\n{}FROM alpine\n", spare(0) + &spare(1));
    for (pieces, noise) in file {
        text.push_str(&noise[0]);
        text.push_str(" \\\n\t ");
        for (index, piece) in pieces.iter().enumerate() {
            if index > 0 {
                text.push_str(" \\\n");
                text.push_str(&noise[index]);
            }
            text.push_str(piece);
        }
        text.push('\n');
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn comments_blank_lines_continuations_and_unreached_stages_do_not_count(
        file in file(),
        spare in prop::collection::vec("[a-z]{1,8}", 0..3),
    ) {
        prop_assert_eq!(canonical(&plain(&file)), canonical(&noisy(&file, &spare)));
        prop_assert_eq!(analysed(&plain(&file)), analysed(&noisy(&file, &spare)));
    }

    #[test]
    fn any_other_changed_character_counts(file in file(), at in any::<prop::sample::Index>(), which in any::<prop::sample::Index>()) {
        let mut changed = file.clone();
        let pieces = &mut changed[which.index(file.len())].0;
        let last = pieces.last_mut().unwrap();
        let letters: Vec<usize> = last.char_indices().filter(|(_, c)| c.is_ascii_lowercase()).map(|(at, _)| at).collect();
        prop_assume!(!letters.is_empty());
        let letter = letters[at.index(letters.len())];
        // A change in the name of a heredoc would end it elsewhere; its body is what is changed then.
        prop_assume!(!last.starts_with("<<") || last.find('\n').is_some_and(|end| letter > end && letter < last.rfind('\n').unwrap()));
        last.replace_range(letter..=letter, "Q");
        prop_assert_ne!(canonical(&plain(&file)), canonical(&plain(&changed)));
    }

    #[test]
    fn dropping_or_swapping_instructions_counts(file in file()) {
        let whole = canonical(&plain(&file));
        prop_assert_ne!(&whole, &canonical(&plain(&file[1..])));
        let mut swapped = file.clone();
        swapped.reverse();
        let same = file.iter().map(|(pieces, _)| pieces).eq(swapped.iter().map(|(pieces, _)| pieces));
        prop_assert_eq!(same, whole == canonical(&plain(&swapped)));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        exercise(&bytes);
    }

    #[test]
    fn arbitrary_text_of_the_language_never_panics(text in "(FROM |RUN |COPY |ADD --exclude=|RUN --mount=source=|WORKDIR |COPY --parents |COPY --from=|ONBUILD |ARG A=|ENV |<<-?E?|E\n|\\$\\{A|[:?#%/+*-]|\\}|\\\\\n|`|\"|'|# escape=`\n|\\[|\\]|[a-c0-2 \n\u{e9}\u{85}]){0,60}") {
        exercise(text.as_bytes());
    }
}

/// Runs everything that can be asked about a file.
fn exercise(bytes: &[u8]) {
    let Ok(dockerfile) = Dockerfile::parse("Dockerfile", bytes) else {
        return;
    };
    let _ = (dockerfile.declared_args(), dockerfile.snippet(0, usize::MAX));
    if let Ok(resolved) = resolve(&dockerfile) {
        assert!(!resolved.canonical_instructions().is_empty());
        let _ = resolved.external_images();
        let (reads, steps) = (resolved.reads(), resolved.steps());
        let _ = reads.follow_paths(None);
        assert_eq!(step_keys(&steps, &|_, _| [0; 32], &|_| None).len(), steps.len());
    }
}

#[test]
fn a_number_that_leads_to_another_stage_counts() {
    let stages = "FROM b AS x\nFROM c AS y\nFROM d\nCOPY --from=1 . .\nCOPY --from=x . .\nCOPY --from=y . .\n";
    assert_ne!(canonical(stages), canonical(&format!("FROM a\n{stages}")));
}
