//! Which part of a context a selection covers, on disk and from memory.

use std::time::{Duration, Instant};

use crate::tree::{Tree, paths};
use fastcontainer_build_context::{ContextError, IgnoreRules, Pattern, Selection, Snapshot, StatCache, walk};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

fn pattern(path: &str, excludes: &[&str]) -> Pattern {
    Pattern {
        path: path.into(),
        excludes: excludes.iter().map(|exclude| (*exclude).to_owned()).collect(),
    }
}

fn selection(sources: &[&str]) -> Selection {
    Selection::of(sources.iter().map(|path| pattern(path, &[])).collect())
}

fn walk_selected(tree: &Tree, ignore: &str, selection: &Selection) -> Result<Snapshot, ContextError> {
    let rules = IgnoreRules::parse(".dockerignore", ignore.as_bytes())?;
    walk(
        tree.root(),
        &rules,
        selection,
        &StatCache::disabled(),
        &CancellationToken::new(),
    )
}

/// The paths that a selection covers; the walk and the choice from a whole snapshot must agree.
fn covered_by(tree: &Tree, ignore: &str, selection: &Selection) -> Vec<String> {
    let narrow = walk_selected(tree, ignore, selection).unwrap();
    let whole = walk_selected(tree, ignore, &Selection::whole()).unwrap();
    let chosen: Vec<&str> = whole
        .select(selection)
        .iter()
        .map(|entry| entry.path.as_str())
        .collect();
    assert_eq!(paths(&narrow), chosen);
    assert_eq!(narrow.digest(), whole.digest_of(selection));
    assert_eq!(whole.narrowed(selection).digest(), narrow.digest());
    chosen.into_iter().map(str::to_owned).collect()
}

fn covered(tree: &Tree, sources: &[&str]) -> Vec<String> {
    covered_by(tree, "", &selection(sources))
}

fn sample() -> Tree {
    Tree::of(&["a/b/x", "a/b/y", "a/c/x", "a-b", "d/e/f/x", "d/e/g", "x", "empty/"])
}

#[test]
fn a_path_selects_itself_all_below_it_and_bare_directories_above() {
    let tree = sample();
    assert_eq!(covered(&tree, &["a/b"]), ["a", "a/b", "a/b/x", "a/b/y"]);
    assert_eq!(covered(&tree, &["x"]), ["x"]);
    assert_eq!(covered(&tree, &["empty"]), ["empty"]);
    assert_eq!(
        covered(&tree, &["a/c/", "./x", "d/e/../e/g"]),
        ["a", "a/c", "a/c/x", "d", "d/e", "d/e/g", "x"]
    );
    assert_eq!(covered(&tree, &["../../x"]), ["x"]);
}

#[test]
fn what_is_not_there_selects_nothing() {
    let tree = sample();
    assert_eq!(covered(&tree, &["a/none", "x/below", "none/x"]), [""; 0]);
    assert_eq!(covered(&tree, &[]), [""; 0]);
}

#[test]
fn an_empty_path_selects_everything() {
    for path in ["", ".", "/", "a/..", "**", "**/**"] {
        assert!(selection(&["x", path]).is_whole(), "{path}");
    }
    assert_eq!(covered(&sample(), &["."]).len(), 14);
}

#[test]
fn wildcards_match_one_name_each() {
    let tree = sample();
    assert_eq!(
        covered(&tree, &["a*"]),
        ["a", "a/b", "a/b/x", "a/b/y", "a/c", "a/c/x", "a-b"]
    );
    assert_eq!(covered(&tree, &["a/*/x"]), ["a", "a/b", "a/b/x", "a/c", "a/c/x"]);
    assert_eq!(
        covered(&tree, &["a/[b-z]/?"]),
        ["a", "a/b", "a/b/x", "a/b/y", "a/c", "a/c/x"]
    );
    assert_eq!(covered(&tree, &["?/x"]), [""; 0]);
    assert_eq!(covered(&tree, &["d/*/*/x"]), ["d", "d/e", "d/e/f", "d/e/f/x"]);
}

#[test]
fn two_stars_stand_for_any_depth() {
    let tree = sample();
    let all = ["a", "a/b", "a/b/x", "a/c", "a/c/x", "d", "d/e", "d/e/f", "d/e/f/x", "x"];
    assert_eq!(covered(&tree, &["**/x"]), all);
    assert_eq!(covered(&tree, &["**/**/**/x"]), all);
    assert_eq!(covered(&tree, &["d/**/g"]), ["d", "d/e", "d/e/g"]);
    assert_eq!(covered(&tree, &["d/e/**"]), ["d", "d/e", "d/e/f", "d/e/f/x", "d/e/g"]);
}

#[test]
fn wildcards_that_matchers_read_differently_select_everything() {
    for path in [
        "a**",
        "x**y/z",
        "[^a]",
        "[!-~]x",
        "a|b*",
        "a{1}*",
        "[[:alpha:]]",
        "\\d*",
        "[a",
        "[]a]",
        "[z-a]",
        "a\\b",
    ] {
        assert!(selection(&[path]).is_whole(), "{path}");
    }
    for path in ["a|b", "a{1}", "a^*", "\\*?", "[a.b_c]*", "a b*"] {
        assert!(!selection(&[path]).is_whole(), "{path}");
    }
}

#[test]
fn escapes_and_names_that_look_like_wildcards() {
    let tree = Tree::of(&["*", "ab", "a?", "[a]"]);
    assert_eq!(covered(&tree, &["\\*"]), ["*"]);
    assert_eq!(covered(&tree, &["a\\?"]), ["a?"]);
    assert_eq!(covered(&tree, &["[a]"]), ["[a]"]);
}

#[test]
fn links_on_the_way_count_with_what_they_point_to() {
    let tree = Tree::of(&["real/sub/x", "real/y", "other/z"]);
    tree.link("link", "real");
    tree.link("again", "link/sub");
    tree.link("absolute", "/real/sub");
    tree.link("real/up", "../../../../other");
    tree.link("dangling", "no/where");
    assert_eq!(covered(&tree, &["link/y"]), ["link", "real", "real/y"]);
    assert_eq!(
        covered(&tree, &["again"]),
        ["again", "link", "real", "real/sub", "real/sub/x"]
    );
    assert_eq!(
        covered(&tree, &["absolute/x"]),
        ["absolute", "real", "real/sub", "real/sub/x"]
    );
    assert_eq!(
        covered(&tree, &["link/up/z"]),
        ["link", "other", "other/z", "real", "real/up"]
    );
    assert_eq!(covered(&tree, &["dangling"]), ["dangling"]);
    assert_eq!(covered(&tree, &["li*/y"]), ["link", "real", "real/y"]);
}

#[test]
fn links_inside_a_selected_directory_are_not_followed() {
    let tree = Tree::of(&["dir/", "outside/x"]);
    tree.link("dir/link", "../outside");
    assert_eq!(covered(&tree, &["dir"]), ["dir", "dir/link"]);
    assert_eq!(covered(&tree, &["dir/*"]), ["dir", "dir/link", "outside", "outside/x"]);
}

#[test]
fn both_ways_to_read_a_parent_behind_a_link_are_selected() {
    let tree = Tree::of(&["one/two/", "one/x", "x"]);
    tree.link("link", "one/two");
    tree.link("ambiguous", "/link/../x");
    assert_eq!(
        covered(&tree, &["ambiguous"]),
        ["ambiguous", "link", "one", "one/x", "x"]
    );
}

#[test]
fn loops_of_links_end() {
    let tree = Tree::of(&["x"]);
    for (link, target) in [
        ("self", "self"),
        ("one", "two"),
        ("two", "one"),
        ("grow", "grow/grow"),
        ("here", "."),
    ] {
        tree.link(link, target);
    }
    assert_eq!(covered(&tree, &["self", "one/x"]), ["one", "self", "two"]);
    assert_eq!(
        covered(&tree, &["grow/x"]).len(),
        6,
        "a link that grows for ever selects everything"
    );
    assert_eq!(covered(&tree, &["here/here/here/x"]), ["here", "x"]);
    let started = Instant::now();
    let deep = vec!["*"; 40].join("/");
    covered(&tree, &[&deep, &format!("**/{deep}"), "**/here/**/here/**/x"]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn patterns_that_invite_backtracking_are_fast() {
    let name = "a".repeat(200);
    let tree = Tree::of(&[&name, &format!("{name}/{name}/{name}")].map(|_| name.as_str())[..1]);
    let started = Instant::now();
    let stars = format!("{}b", "a*".repeat(100));
    assert_eq!(covered(&tree, &[&stars]), [""; 0]);
    assert_eq!(covered(&tree, &[&"**/".repeat(1000)]).len(), 1);
    assert_eq!(covered(&tree, &[&format!("{}b", "**/a*/".repeat(200))]), [""; 0]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn what_is_ignored_is_neither_selected_nor_followed() {
    let tree = Tree::of(&["a/keep", "a/drop", "target/x"]);
    tree.link("link", "target");
    let covered = |ignore, sources: &[&str]| covered_by(&tree, ignore, &selection(sources));
    assert_eq!(covered("a/drop", &["a"]), ["a", "a/keep"]);
    assert_eq!(covered("link", &["link/x"]), [""; 0]);
    assert_eq!(covered("a\n!a/keep", &["a/*"]), ["a", "a/keep"]);
    assert_eq!(covered("target", &["link/x"]), ["link"]);
}

/// As Docker does: a negation is not tried on a directory that nothing has excluded yet.
#[test]
fn verdicts_are_those_of_a_whole_walk() {
    let tree = Tree::of(&["a/b", "a/c"]);
    assert_eq!(covered_by(&tree, "a/b\n!a", &selection(&["a/b", "a/c"])), ["a", "a/c"]);
}

#[test]
fn excludes_are_relative_to_what_the_path_matches() {
    let tree = Tree::of(&["src/a.md", "src/sub/b.md", "src/sub/c", "other/a.md", "x.md"]);
    let covered = |path, excludes: &[&str]| covered_by(&tree, "", &Selection::of(vec![pattern(path, excludes)]));
    assert_eq!(
        covered("src", &["*.md"]),
        ["src", "src/sub", "src/sub/b.md", "src/sub/c"]
    );
    assert_eq!(covered("src", &["**/*.md"]), ["src", "src/sub", "src/sub/c"]);
    assert_eq!(covered("src", &["sub"]), ["src", "src/a.md"]);
    assert_eq!(
        covered("src", &["sub", "!sub/c"]),
        ["src", "src/a.md", "src/sub", "src/sub/c"]
    );
    assert_eq!(
        covered("s*", &["a.md"]),
        ["src", "src/sub", "src/sub/b.md", "src/sub/c"]
    );
    assert_eq!(covered("", &["src", "other"]), ["x.md"]);
    assert_eq!(covered("x.md", &["x.md"]), ["x.md"], "a file that is named is copied");
}

#[test]
fn excludes_that_mean_nothing_to_the_matcher_leave_nothing_out() {
    let tree = Tree::of(&["src/a", "src/b"]);
    for exclude in ["/a", "!", "[", "src/a", " ", "[z-a]"] {
        let selection = Selection::of(vec![pattern("src", &[exclude])]);
        assert_eq!(covered_by(&tree, "", &selection).len(), 3, "{exclude}");
    }
    let behind_stars = Selection::of(vec![pattern("**/src", &["a"])]);
    assert_eq!(covered_by(&tree, "", &behind_stars).len(), 3);
}

#[test]
fn excludes_of_one_source_do_not_narrow_another() {
    let tree = Tree::of(&["src/a", "src/b", "src/sub/a"]);
    let both = |one: Pattern, other: Pattern| covered_by(&tree, "", &Selection::of(vec![one, other]));
    assert_eq!(
        both(pattern("src", &["**/a"]), pattern("src/a", &[])),
        ["src", "src/a", "src/b", "src/sub"]
    );
    assert_eq!(both(pattern("src", &["a"]), pattern("src", &["b"])).len(), 5);
    assert_eq!(both(pattern("src", &["sub"]), pattern("src/sub", &[])).len(), 5);
}

#[test]
fn problems_outside_the_selection_do_no_harm() {
    let tree = Tree::of(&["good/x"]);
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("socket")).unwrap();
    assert_eq!(
        paths(&walk_selected(&tree, "", &selection(&["good"])).unwrap()),
        ["good", "good/x"]
    );
    assert!(walk_selected(&tree, "", &selection(&["good", "sock*"])).is_err());
}

#[test]
fn directories_beside_the_selected_one_are_not_opened() {
    let tree = Tree::of(&["services/api/x", "services/other/x"]);
    let read = |path: &str| std::fs::metadata(tree.path(path)).unwrap();
    tree.chmod("services", 0o311);
    tree.chmod("services/other", 0);
    let before = read("services").ctime_nsec_of();
    let walked = walk_selected(&tree, "", &selection(&["services/api"]));
    let after = read("services").ctime_nsec_of();
    tree.chmod("services", 0o755);
    tree.chmod("services/other", 0o755);
    assert_eq!(paths(&walked.unwrap()), ["services", "services/api", "services/api/x"]);
    assert_eq!(before, after);
}

trait ChangeTime {
    fn ctime_nsec_of(&self) -> i64;
}

impl ChangeTime for std::fs::Metadata {
    fn ctime_nsec_of(&self) -> i64 {
        std::os::unix::fs::MetadataExt::ctime_nsec(self)
    }
}

#[test]
fn per_step_digests_change_with_their_files_only() {
    let tree = sample();
    let digests = |tree: &Tree| {
        let snapshot = tree.walk().unwrap();
        ["a/b", "d", "x"].map(|path| snapshot.digest_of(&selection(&[path])))
    };
    let before = digests(&tree);
    tree.write("d/e/g", "other");
    let after = digests(&tree);
    assert_eq!([before[0], before[2]], [after[0], after[2]]);
    assert_ne!(before[1], after[1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_pattern_makes_the_selection_panic(path in "[a*?\\[\\]^!./|{}\\\\-]{0,20}", exclude in "[a*?\\[\\]^!./\\\\-]{0,8}") {
        let tree = Tree::of(&["a/a", "aa"]);
        let _ = walk_selected(&tree, "", &Selection::of(vec![pattern(&path, &[&exclude])]));
    }

    #[test]
    fn memory_and_disk_agree(sources in proptest::collection::vec("(a|b|\\*|\\*\\*|l|\\.\\.)(/(a|b|\\*|\\*\\*|l)){0,3}", 0..4), target in "(/|\\.\\./)?(a|b|l)(/(a|b|\\.\\.))?") {
        let tree = Tree::of(&["a/a/a", "a/b", "b/a/b", "b/b/a"]);
        tree.link("a/l", &target);
        tree.link("l", &target);
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        covered(&tree, &sources);
    }
}
