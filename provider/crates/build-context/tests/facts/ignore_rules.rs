//! What BuildKit makes of ignore files, as facts. Every row was observed with BuildKit's own matcher.

use std::time::{Duration, Instant};

use fastcontainer_build_context::{ContextError, IgnoreRules};
use proptest::prelude::*;

fn rules(patterns: &str) -> IgnoreRules {
    IgnoreRules::parse("app/.dockerignore", patterns.as_bytes()).unwrap()
}

fn assert_table(patterns: &str, excluded: &[&str], kept: &[&str]) {
    let rules = rules(patterns);
    let is = |path: &&str| rules.excludes(path).unwrap();
    assert_eq!(
        excluded.iter().filter(|path| !is(path)).count(),
        0,
        "{patterns:?} must exclude all of {excluded:?}"
    );
    assert_eq!(
        kept.iter().filter(|path| is(path)).count(),
        0,
        "{patterns:?} must keep all of {kept:?}"
    );
}

fn error(patterns: &str) -> String {
    match IgnoreRules::parse("app/.dockerignore", patterns.as_bytes()) {
        Err(error @ ContextError::IgnorePattern { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_pattern_is_anchored_at_the_root() {
    assert_table("a\n*.log", &["a", "a/b/c", "x.log"], &["b/a", "b/x.log"]);
    assert_table("/a\n./b//c/\nd/../e", &["a", "b/c", "e"], &["b", "d", "x/a"]);
}

#[test]
fn a_number_sign_is_a_comment_in_column_zero_only() {
    assert_table("#a\n  # x", &["# x"], &["#a", "a", "x"]);
}

#[test]
fn a_byte_order_mark_is_dropped_from_the_first_line_only() {
    assert_table("\u{feff}a\n\u{feff}b", &["a", "\u{feff}b"], &["b", "\u{feff}a"]);
    assert_table("\u{feff}#a", &[], &["#a", "a"]);
}

#[test]
fn white_space_and_carriage_returns_around_patterns_do_not_count() {
    assert_table("  a \t\r\n\r\n\u{3000}b\u{a0}\r\n! a\r\n", &["b"], &["a"]);
}

#[test]
fn a_line_of_64_kib_is_an_error_and_a_shorter_one_is_not() {
    let longest = "a".repeat(65_535);
    assert!(IgnoreRules::parse("x", longest.as_bytes()).is_ok());
    assert!(error(&format!("b\n{longest}a\nc")).starts_with("`app/.dockerignore:2`: the pattern `aaaa"));
}

#[test]
fn paths_that_leave_the_context_never_match() {
    assert_table("../a\n..\n/\n.\n../../b", &[], &["a", "b", "..a"]);
}

#[test]
fn matching_is_case_sensitive() {
    assert_table("README\n*.MD", &["README", "x.MD"], &["readme", "x.md"]);
}

#[test]
fn a_star_and_a_question_mark_stop_at_a_slash() {
    assert_table("*/x", &["a/x", "b/x"], &["x", "a/b/x"]);
    assert_table("a?c", &["abc", "aéc"], &["a/c", "ac", "abbc"]);
    assert_table("*.pyc\n*/*.pyc", &["a.pyc", "b/a.pyc", ".pyc"], &["c/b/a.pyc", "a.py"]);
}

#[test]
fn classes_match_one_character() {
    assert_table("[a-c]x[^/]", &["axy", "cxy"], &["dxy", "ax", "ax/"]);
    assert_table("[^a-c]\n\\*", &["d", "*"], &["a", "dd", "c/d"]);
}

#[test]
fn an_exclamation_mark_does_not_negate_a_class() {
    assert_table("[!a]", &["!", "a"], &["b"]);
}

#[test]
fn braces_without_wildcards_are_literal() {
    assert_table("{a,b}", &["{a,b}"], &["a", "b"]);
    assert_table("{a,b}*", &["{a,b}c"], &["a", "b"]);
}

#[test]
fn two_stars_match_any_number_of_directories() {
    assert_table("**/x", &["x", "a/x", "a/b/x"], &["ax", "a/xb"]);
    assert_table("a/**/x", &["a/x", "a/b/x", "a/b/c/x"], &["x", "b/x", "a/bx"]);
    assert_table("**/*.tmp", &["x.tmp", "a/b/x.tmp"], &["x.tmpl"]);
    assert_table("**", &["a", "a/b"], &[]);
}

#[test]
fn two_stars_before_literals_are_a_suffix() {
    assert_table("**foo", &["foo", "xfoo", "a/xfoo"], &["foox"]);
    assert_table("**foo*", &["foox", "a/foo"], &["xfoo", "a/xfoo"]);
}

#[test]
fn a_directory_followed_by_two_stars_is_not_matched_itself() {
    let snapshot = crate::tree::Tree::of(&["dir/", "dir2/x"])
        .walk_ignoring("dir/**\ndir2/**")
        .unwrap();
    assert_eq!(crate::tree::paths(&snapshot), ["dir", "dir2"]);
    assert_table("dir/**", &["dir/a", "dir/a/b"], &["dir", "dirx"]);
}

#[test]
fn a_bar_is_alternation_once_the_pattern_has_a_wildcard() {
    assert_table("foo|bar*", &["foo1", "bar1", "xbar2", "foo"], &["xfoo", "ba"]);
    assert_table("foo|bar", &["foo|bar"], &["foo", "bar"]);
}

#[test]
fn a_bare_circumflex_in_a_wildcard_pattern_never_matches() {
    assert_table("a^*", &[], &["a^", "a^b", "a"]);
    assert_table("a^b", &["a^b"], &[]);
    assert_table("*^a", &["a"], &["^a", "xa"]);
}

#[test]
fn wildcards_inside_brackets_add_their_spelling_to_the_class() {
    assert_table("[?]", &["[]", "^]"], &["?", "x]"]);
    assert_table("[*]", &["]", "[]", "[^]"], &["*"]);
}

#[test]
fn a_negation_is_not_tried_for_a_directory_that_nothing_excluded_before() {
    assert_table("a/b\n!a", &["a/b"], &["a", "a/c"]);
}

#[test]
fn a_later_pattern_does_not_exclude_what_is_re_included_through_its_directory() {
    assert_table("a\n!a/b/c\na/b", &["a/b/d", "a/x"], &["a/b/c"]);
}

#[test]
fn a_wildcard_re_includes_under_an_excluded_directory() {
    assert_table("d\n!d/*/a", &["d/a", "d/x/b"], &["d/x/a", "d/y/a/z"]);
}

#[test]
fn negated_pattern_under_an_excluded_directory_is_kept() {
    assert_table(
        "node_modules\n!node_modules/keep",
        &["node_modules/x"],
        &["node_modules/keep", "node_modules/keep/y"],
    );
    assert_table("*\n!src/**\n!go.*", &["README", "lib/x"], &["src/a/b", "go.mod"]);
}

#[test]
fn the_last_matching_pattern_decides() {
    assert_table("*.md\n!README.md\nREADME*", &["README.md", "x.md"], &[]);
    assert_table("*.md\nREADME*\n!README.md", &["x.md"], &["README.md"]);
}

#[test]
fn a_second_cleaning_decides_what_is_a_negation() {
    assert_table("x\n/!x", &[], &["x"]);
    assert_table("!../../x", &["x"], &[]);
    assert_table("a\n!!a", &["a"], &[]);
}

#[test]
fn a_lone_exclamation_mark_is_an_error_with_its_line() {
    let expected = "`app/.dockerignore:2`: the pattern `!` is invalid: `!` needs a pattern after it";
    assert_eq!(error("a\n!\nb"), expected);
    assert_eq!(error("# c\n!  "), expected);
    assert_eq!(error("# c\n!/"), expected);
}

#[test]
fn syntax_errors_that_are_seen_at_once_are_errors_of_the_file() {
    for pattern in ["[a-]", "[", "a[b", "a\\", "[]", "[^]", "[-a]", "x/[a", "*[a-]"] {
        assert!(
            error(&format!("ok\n{pattern}")).starts_with("`app/.dockerignore:2`: the pattern `"),
            "{pattern}"
        );
    }
}

#[test]
fn syntax_errors_behind_a_part_that_does_not_fit_are_not_seen_at_once() {
    assert_table("bar/**[a-]", &["bar/a", "bar/x/-"], &["bar", "foo"]);
    assert!(IgnoreRules::parse("x", b"*a*[b").is_ok());
}

#[test]
fn an_invalid_pattern_counts_only_where_it_is_tried() {
    for pattern in ["[z-a]", "\\o", "*a*[b"] {
        let file = format!("skipped\n{pattern}");
        let refused = rules(&file).excludes("x").unwrap_err().to_string();
        assert!(refused.starts_with("`app/.dockerignore:2`: the pattern `"), "{refused}");
        assert!(rules(&file).excludes("skipped").unwrap());
    }
}

#[test]
fn a_pattern_that_is_not_understood_excludes_nothing_or_re_includes_everything() {
    for pattern in ["\\d*", "a*{2}", "[[:alpha:]]"] {
        let rules = rules(&format!("{pattern}\nb"));
        assert_eq!(
            ["1", "a", "b"].map(|path| rules.excludes(path).unwrap()),
            [false, false, true],
            "{pattern}"
        );
        assert_table(&format!("b\n!{pattern}"), &[], &["1", "a", "b", "b/c"]);
    }
    let snapshot = crate::tree::Tree::of(&["b/c"]).walk_ignoring("b\n\\d*\n!\\d").unwrap();
    assert_eq!(crate::tree::paths(&snapshot), ["b", "b/c"]);
    let warnings: Vec<_> = snapshot.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2);
    assert!(
        warnings[0].starts_with("`.dockerignore:2`: the pattern `\\\\d*` is not understood"),
        "{warnings:?}"
    );
}

#[test]
fn bytes_that_are_not_utf8_make_a_pattern_that_is_not_understood() {
    let rules = IgnoreRules::parse("x", b"a\xff*\nb").unwrap();
    assert_eq!(
        ["a\u{fffd}x", "b"].map(|path| rules.excludes(path).unwrap()),
        [false, true]
    );
}

#[test]
fn patterns_that_invite_backtracking_stay_fast() {
    let path = format!("{}/{}", "a".repeat(250), "a/".repeat(900)) + "a";
    let started = Instant::now();
    for pattern in [
        "**/a".repeat(30) + "/b",
        "a*".repeat(40) + "b*c",
        "**/*a**/".repeat(20) + "x?y",
    ] {
        assert!(!rules(&pattern).excludes(&path).unwrap());
    }
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "took {:?}",
        started.elapsed()
    );
}

proptest! {
    #[test]
    fn no_ignore_file_makes_the_matcher_panic(file in proptest::collection::vec(any::<u8>(), 0..200), path in "[^/]{1,5}(/[^/]{1,5}){0,3}") {
        if let Ok(rules) = IgnoreRules::parse("x", &file) {
            let _ = rules.excludes(&path);
        }
    }

    #[test]
    fn no_pattern_makes_the_matcher_panic(file in r"([!/*?\[\]a-c^\\.|{}$+()\n -]|\*\*/){0,30}", path in r"[a-c/*.|\[\]-]{0,12}") {
        if let Ok(rules) = IgnoreRules::parse("x", file.as_bytes()) {
            let _ = rules.excludes(&path);
        }
    }

    #[test]
    fn a_name_without_special_characters_excludes_itself_and_what_it_holds(name in "[a-z0-9_.]{1,8}x", below in "[a-z]{1,4}") {
        let rules = IgnoreRules::parse("x", name.as_bytes()).unwrap();
        prop_assert!(rules.excludes(&name).unwrap());
        let inside = format!("{name}/{below}");
        prop_assert!(rules.excludes(&inside).unwrap());
        let elsewhere = format!("{below}/{name}");
        prop_assert!(!rules.excludes(&elsewhere).unwrap());
    }
}
