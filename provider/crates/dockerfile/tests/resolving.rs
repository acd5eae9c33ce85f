//! What a target needs: stages, images, build arguments, and the words of `FROM`.

#![expect(clippy::unwrap_used, reason = "a test states what it expects with it")]

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{
    Dockerfile, ExpandError, Extent, NamedContext, ParseError, Reason, ResolveRequest, Resolved, expand, platform_args,
    syntax_of,
};

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap()
}

fn args(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Resolves for arm64 on amd64, without named contexts.
fn resolve<'a>(
    dockerfile: &'a Dockerfile,
    target: Option<&str>,
    build_args: &[(&str, &str)],
) -> Result<Resolved<'a>, ParseError> {
    dockerfile.resolve(&ResolveRequest {
        target,
        build_args: &args(build_args),
        platform: &platform_args("linux/amd64", "linux/arm64"),
        named_contexts: &BTreeMap::new(),
    })
}

fn reached(text: &str, target: Option<&str>, build_args: &[(&str, &str)]) -> Result<Vec<String>, ParseError> {
    let dockerfile = parse(text);
    let resolved = resolve(&dockerfile, target, build_args)?;
    Ok(resolved.reachable().map(|stage| stage.label()).collect())
}

fn images(text: &str, build_args: &[(&str, &str)]) -> Result<Vec<String>, ParseError> {
    let dockerfile = parse(text);
    let resolved = resolve(&dockerfile, None, build_args)?;
    Ok(resolved
        .external_images()
        .into_iter()
        .map(|image| image.reference)
        .collect())
}

const CHAIN: &str = "FROM a AS One\nFROM b AS two\nFROM one AS three\nCOPY --from=TWO x y\nFROM c\nFROM d AS five\n";

#[test]
fn only_the_stages_that_the_target_needs_are_reached() {
    let table: [(Option<&str>, &[&str]); 6] = [
        (None, &["five"]),
        (Some(""), &["five"]),
        (Some("three"), &["one", "two", "three"]),
        (Some("THREE"), &["one", "two", "three"]),
        (Some("2"), &["one", "two", "three"]),
        (Some("one"), &["one"]),
    ];
    for (target, expected) in table {
        assert_eq!(reached(CHAIN, target, &[]).unwrap(), expected, "{target:?}");
    }
}

#[test]
fn an_unknown_target_lists_the_stages_and_offers_the_nearest() {
    let error = reached(CHAIN, Some("thre"), &[]).unwrap_err();
    assert_eq!(
        error.reason.to_string(),
        "no stage `thre`, the stages are `one`, `two`, `three`, `3`, `five`"
    );
    assert_eq!(error.hint.as_deref(), Some("did you mean `three`?"));
    assert!(error.is_unknown_target());
}

#[test]
fn a_stage_without_a_name_is_a_target_only_when_it_is_the_last() {
    let error = reached(CHAIN, Some("3"), &[]).unwrap_err();
    assert_eq!((error.line, error.is_unknown_target()), (5, true));
    assert_eq!(error.reason.to_string(), "stage 3 has no name");
    assert_eq!(
        error.hint.as_deref(),
        Some("only a named stage can be a target: add `AS <name>` to its `FROM`")
    );
    assert_eq!(reached("FROM a\n", Some("0"), &[]).unwrap(), ["0"]);
}

#[test]
fn a_reached_stage_reads_from_earlier_stages_only() {
    let table = [
        ("FROM a AS x\nCOPY --from=y . .\nFROM b AS y\nFROM x\n", 2, "y"),
        (
            "FROM a AS x\nFROM x\n\nRUN --mount=from=Z true\nFROM b AS z\nFROM 1\nFROM x\nCOPY --from=1 . .\n",
            4,
            "Z",
        ),
        ("FROM a\nCOPY --from=0 . .\n", 2, "0"),
        (
            "FROM a AS x\nONBUILD COPY --from=z . .\nFROM x AS y\nFROM b AS z\nFROM y\n",
            3,
            "z",
        ),
    ];
    for (text, line, stage) in table {
        let error = reached(text, None, &[]).unwrap_err();
        assert_eq!(
            (error.line, error.reason),
            (line, Reason::LaterStage(stage.to_owned())),
            "{text}"
        );
    }
    assert_eq!(reached(&format!("{}FROM c\n", table[0].0), None, &[]).unwrap(), ["3"]);
}

#[test]
fn a_base_that_only_a_later_stage_is_named_after_is_an_image() {
    assert_eq!(images("FROM later\nFROM later AS later\n", &[]).unwrap(), ["later"]);
}

#[test]
fn numbers_name_stages_for_copy_but_images_for_mounts_and_bases() {
    assert_eq!(
        images("FROM a\nFROM 0\nCOPY --from=0 . .\nRUN --mount=from=0 x\n", &[]).unwrap(),
        ["a", "0", "0"]
    );
}

#[test]
fn scratch_and_stages_are_no_images() {
    let text = "FROM scratch AS s\nFROM s\nCOPY --from=s . .\nCOPY --from=scratch . .\nRUN --mount=target=/x y\n";
    assert_eq!(images(text, &[]).unwrap(), Vec::<String>::new());
}

#[test]
fn a_base_that_differs_from_a_stage_in_case_is_refused() {
    let error = images("FROM a AS Build\nFROM Build\n", &[]).unwrap_err();
    assert!(matches!(error.reason, Reason::BaseDiffersInCase { .. }));
    assert_eq!(error.line, 2);
}

#[test]
fn triggers_of_a_base_stage_are_needed_by_the_stages_on_it_and_not_further() {
    let text = "FROM a AS tools\nFROM b AS base\nONBUILD COPY --from=tools x y\nONBUILD COPY --from=img x y\n\
                FROM base AS child\nFROM child AS grandchild\n";
    assert_eq!(reached(text, Some("base"), &[]).unwrap(), ["base"]);
    assert_eq!(reached(text, Some("child"), &[]).unwrap(), ["tools", "base", "child"]);
    assert_eq!(images(text, &[]).unwrap(), ["a", "b", "img"]);
}

#[test]
fn a_faulty_trigger_is_reported_at_the_stage_that_runs_it() {
    let text = "FROM a AS base\nONBUILD COPPY x y\nFROM base\n";
    assert_eq!(reached(text, Some("base"), &[]).unwrap(), ["base"]);
    let error = reached(text, None, &[]).unwrap_err();
    assert_eq!((error.line, error.hint.as_deref()), (3, Some("did you mean `COPY`?")));
}

#[test]
fn bases_follow_global_arguments_and_overrides() {
    let text = "ARG V=3.20\nARG IMG=alpine:$V\nARG UNSET\nFROM --platform=$TARGETPLATFORM ${IMG} AS a\n\
                ARG V=9\nFROM ${UNSET:-$IMG}-slim\nCOPY --from=a . .\n";
    assert_eq!(images(text, &[]).unwrap(), ["alpine:3.20", "alpine:3.20-slim"]);
    assert_eq!(images(text, &[("V", "1")]).unwrap(), ["alpine:1", "alpine:1-slim"]);
    assert_eq!(images(text, &[("UNSET", "x")]).unwrap(), ["alpine:3.20", "x-slim"]);
}

#[test]
fn an_argument_may_choose_the_base_stage() {
    let text = "ARG KIND=prod\nFROM a AS base-prod\nFROM b AS base-dev\nFROM base-$KIND\n";
    assert_eq!(reached(text, None, &[]).unwrap(), ["base-prod", "2"]);
    assert_eq!(reached(text, None, &[("KIND", "dev")]).unwrap(), ["base-dev", "2"]);
    assert_eq!(reached(text, None, &[("KIND", "x")]).unwrap(), ["2"]);
}

#[test]
fn platform_arguments_are_known_without_declaration_and_can_be_overridden() {
    let text = "FROM --platform=$BUILDPLATFORM img-$TARGETARCH-$TARGETSTAGE\n";
    let dockerfile = parse(text);
    let resolved = resolve(&dockerfile, None, &[("TARGETARCH", "mine")]).unwrap();
    let image = &resolved.external_images()[0];
    assert_eq!(
        (image.reference.as_str(), image.platform.as_deref()),
        ("img-mine-default", Some("linux/amd64"))
    );
}

#[test]
fn a_base_or_platform_that_expands_to_nothing_is_refused() {
    for text in ["FROM $NONE\n", "ARG NONE\nFROM --platform=$NONE a\n"] {
        assert!(
            matches!(images(text, &[]).unwrap_err().reason, Reason::BlankAfterExpansion(_)),
            "{text}"
        );
    }
    let error = images("FROM ${A:?unset}\n", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Dockerfile:1`: `${A:?unset}` cannot be expanded: `A` unset"
    );
}

#[test]
fn words_expand_by_the_rules_of_the_frontend() {
    let variables = args(&[
        ("A", "abcabc"),
        ("E", ""),
        ("P", "/usr/local/bin"),
        ("V", "1.2.3"),
        ("N", "x*y"),
    ]);
    let table = [
        ("$A-${A}", "abcabc-abcabc"),
        ("${U}|$U", "|"),
        ("${U-d}${E-d}${A-d}", "dabcabc"),
        ("${U:-d}${E:-d}", "dd"),
        ("${U:-${E:-$V}}", "1.2.3"),
        ("${A+y}${E+y}${E:+n}${U+n}", "yy"),
        ("${A?no}", "abcabc"),
        ("${P#*/}|${P##*/}", "usr/local/bin|bin"),
        ("${P%/*}|${P%%/*}", "/usr/local|"),
        ("${V%.*}|${V%%.*}|${V#?.}", "1.2|1|2.3"),
        ("${A/b/X}|${A//b/X}|${A//b?/-}", "aXcabc|aXcaXc|a-a-"),
        ("${N//\\*/+}|${P//\\//.}", "x+y|.usr.local.bin"),
        ("'$A'\"$A\"", "$Aabcabc"),
        ("\\$A \\x \"\\$A \\x\"", "$A x $A \\x"),
        ("a$", "a$"),
    ];
    for (word, expected) in table {
        assert_eq!(
            expand(word, '\\', &|name| variables.get(name).cloned()).as_deref(),
            Ok(expected),
            "{word}"
        );
    }
    assert_eq!(expand("`$A\\", '`', &|_| None).as_deref(), Ok("$A\\"));
}

#[test]
fn words_that_cannot_be_expanded_say_why() {
    let required = |message: &str| ExpandError::Required {
        name: "E".to_owned(),
        message: message.to_owned(),
    };
    let table = [
        ("${A", ExpandError::MissingBrace),
        ("${", ExpandError::MissingBrace),
        ("${}", ExpandError::NoName),
        ("${A/b}", ExpandError::MissingSlash),
        ("'a", ExpandError::OpenQuote('\'')),
        ("\"a", ExpandError::OpenQuote('"')),
        ("${A^^}", ExpandError::UnsupportedModifier("^".to_owned())),
        ("${A:#x}", ExpandError::UnsupportedModifier(":#".to_owned())),
        ("${E:?}", required("is not allowed to be empty")),
        ("${E:?why not}", required("why not")),
        ("${A#\\x}", ExpandError::InvalidPattern("\\x".to_owned())),
    ];
    let lookup = |name: &str| {
        if name == "E" {
            Some(String::new())
        } else {
            Some("a".to_owned())
        }
    };
    for (word, expected) in table {
        assert_eq!(expand(word, '\\', &lookup), Err(expected), "{word}");
    }
    let doubling = (0..64).map(|_| "ARG A=$A$A\n").collect::<String>();
    let error = images(&format!("ARG A=aa\n{doubling}FROM $A\n"), &[]).unwrap_err();
    assert!(matches!(error.reason, Reason::Expansion { error, .. } if *error == ExpandError::TooLong));
    assert_eq!(
        expand(&"${A+".repeat(100_000), '\\', &lookup),
        Err(ExpandError::TooDeep)
    );
}

#[test]
fn declared_arguments_are_those_of_all_stages_and_triggers() {
    let dockerfile = parse("ARG A=1 B\nFROM a\nARG C\nFROM b\nARG D=x\nENV E=1\nONBUILD ARG F\n");
    assert_eq!(
        dockerfile.declared_args().into_iter().collect::<Vec<_>>(),
        ["A", "B", "C", "D", "F"]
    );
}

#[test]
fn the_syntax_directive_is_found_in_all_its_forms() {
    let table = [
        ("# syntax=a/b:1\nFROM x", Some(("a/b:1", 1))),
        ("#SYNTAX = a/b:1 --flag\nFROM x", Some(("a/b:1", 1))),
        ("\u{feff}# escape=`\r\n# syntax=a\r\nFROM x", Some(("a", 2))),
        ("#!/bin/df\n# syntax=a\nFROM x", Some(("a", 2))),
        ("// syntax=a\n{}", Some(("a", 1))),
        ("{\"syntax\": \"a\"}", Some(("a", 1))),
        ("# comment\n# syntax=a\nFROM x", None),
        ("\n# syntax=a\nFROM x", None),
        ("FROM x\n# syntax=a\n", None),
    ];
    for (text, expected) in table {
        let found = syntax_of(text.as_bytes());
        assert_eq!(
            found.as_ref().map(|found| (found.value.as_str(), found.line)),
            expected,
            "{text}"
        );
    }
    assert_eq!(
        parse("# syntax=a/b:1\nFROM x")
            .syntax()
            .map(|image| image.reference)
            .as_deref(),
        Some("a/b:1")
    );
}

#[test]
fn a_snippet_shows_numbered_lines_and_never_leaves_the_file() {
    let text = (1..=10).map(|n| format!("RUN {n}\r\n\n")).collect::<String>();
    let dockerfile = parse(&format!("FROM a\n{text}"));
    assert_eq!(dockerfile.snippet(9, 11), " 9 |\n10 | RUN 5\n11 |\n");
    assert_eq!(dockerfile.snippet(0, 1), "1 | FROM a\n");
    assert_eq!(dockerfile.snippet(21, 99), "21 |\n");
    assert_eq!(dockerfile.snippet(50, 60), "");
}

/// Resolves with directories as named contexts.
fn with_directories<'a>(dockerfile: &'a Dockerfile, names: &[&str]) -> Resolved<'a> {
    let directory = |name: &&str| ((*name).to_owned(), NamedContext::Directory);
    let request = ResolveRequest {
        target: None,
        build_args: &BTreeMap::new(),
        platform: &platform_args("linux/amd64", "linux/amd64"),
        named_contexts: &names.iter().map(directory).collect(),
    };
    dockerfile.resolve(&request).unwrap()
}

fn canonical(resolved: &Resolved<'_>) -> Vec<String> {
    let entries = resolved.canonical_instructions().into_iter();
    entries.map(|entry| entry.text).collect()
}

#[test]
fn images_that_a_named_context_replaces_are_not_looked_up() {
    let dockerfile =
        parse("FROM alpine AS a\nCOPY --from=tools x y\nRUN --mount=from=tools,target=/t x\nFROM b AS c\nFROM a\n");
    let images = |names: &[&str]| -> Vec<String> {
        let images = with_directories(&dockerfile, names).external_images().into_iter();
        images.map(|image| image.reference).collect()
    };
    assert_eq!(images(&[]), ["alpine", "tools", "tools"]);
    assert_eq!(images(&["tools"]), ["alpine"]);
    assert_eq!(images(&["alpine", "unused"]), ["tools", "tools"]);
    // The builder still looks at what a replaced stage names, but not at its base.
    assert_eq!(images(&["a"]), ["tools", "tools"]);
}

#[test]
fn a_replaced_stage_counts_by_the_context_alone() {
    let text = |line: &str| format!("FROM deep AS d\nRUN d\nFROM alpine AS a\nCOPY --from=d {line} y\nFROM a\nRUN x\n");
    let (one, other) = (parse(&text("1")), parse(&text("2")));
    let replaced = canonical(&with_directories(&one, &["a"]));
    assert_eq!(
        replaced,
        ["FROM alpine AS a\n[context a]", "FROM a\n[stages 0]", "RUN x"]
    );
    assert_eq!(replaced, canonical(&with_directories(&other, &["a"])));
    assert_ne!(
        canonical(&with_directories(&one, &[])),
        canonical(&with_directories(&other, &[]))
    );
}

#[test]
fn a_file_for_another_frontend_counts_byte_for_byte() {
    let text = |syntax: &str, comment: &str| parse(&format!("# syntax={syntax}\n# {comment}\nFROM a\n"));
    for (syntax, same) in [("docker/dockerfile:1", true), ("acme/df", false)] {
        let (one, other) = (text(syntax, "one"), text(syntax, "other"));
        let equal = canonical(&with_directories(&one, &[])) == canonical(&with_directories(&other, &[]));
        assert_eq!(equal, same, "{syntax}");
    }
}

#[test]
fn where_the_builder_chooses_the_base_every_stage_counts() {
    let text = |line: &str| {
        parse(&format!(
            "FROM a AS x-arm64\nRUN {line}\nFROM b AS x-amd64\nFROM x-$BUILDARCH\n"
        ))
    };
    let (one, other) = (text("1"), text("2"));
    assert_ne!(
        canonical(&with_directories(&one, &[])),
        canonical(&with_directories(&other, &[]))
    );
}

/// Line and platform of each kind of program that is run.
fn runs(text: &str) -> Vec<(usize, Option<String>)> {
    let dockerfile = parse(text);
    let resolved = resolve(&dockerfile, None, &[]).unwrap();
    let runs = resolved.run_platforms().into_iter();
    runs.map(|run| (run.line, run.platform)).collect()
}

#[test]
fn a_run_step_has_the_platform_of_the_image_below_its_stage() {
    let own = |line| (line, None);
    let on = |line, platform: &str| (line, Some(platform.to_owned()));
    assert_eq!(runs("FROM a\nRUN x\nRUN y\n"), [own(2)]);
    assert_eq!(runs("FROM scratch\nCOPY x y\n"), []);
    let cross = "FROM --platform=$BUILDPLATFORM a AS b\nRUN x\nFROM scratch\nCOPY --from=b x y\n";
    assert_eq!(runs(cross), [on(2, "linux/amd64")]);
    let both = "FROM --platform=linux/amd64 a AS b\nRUN x\nFROM --platform=linux/s390x b AS c\nRUN y\nFROM d\n\
                COPY --from=c x y\nRUN z\n";
    assert_eq!(runs(both), [on(2, "linux/amd64"), own(7)]);
    assert_eq!(
        runs("FROM a AS b\nRUN x\nFROM scratch\n"),
        [],
        "a stage that is not reached"
    );
    assert_eq!(runs("FROM a AS b\nONBUILD RUN x\nFROM b\n"), [own(3)]);
    assert_eq!(runs("FROM --platform=linux/amd64 scratch\nRUN x\n"), [own(2)]);
}

#[test]
fn a_file_for_another_frontend_may_be_in_any_language() {
    let text = "# syntax=ghcr.io/example/include:1\nINCLUDE base.Dockerfile\n";
    let dockerfile = parse(text);
    let resolved = resolve(&dockerfile, Some("app"), &[]).unwrap();
    assert_eq!(resolved.frontend_target(), Some("app"));
    assert!(matches!(resolved.reads().context, Extent::Whole(_)));
    let changed = parse(&text.replace("base", "other"));
    let texts = |resolved: Resolved<'_>| {
        resolved
            .canonical_instructions()
            .into_iter()
            .map(|one| one.text)
            .collect::<Vec<_>>()
    };
    assert_ne!(texts(resolved), texts(resolve(&changed, None, &[]).unwrap()));
}

#[test]
fn a_file_for_the_official_frontend_is_in_its_language() {
    for first in ["", "# syntax=docker/dockerfile:1\n"] {
        let text = format!("{first}FROM a\nINCLUDE b\n");
        assert!(Dockerfile::parse("Dockerfile", text.as_bytes()).is_err(), "{text}");
    }
}
