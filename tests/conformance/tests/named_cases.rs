//! Ignore files whose effect surprises, each with a name, what arrives, and the daemon as the witness.

use conformance::ignore::{Pair, Verdict, arriving, compare};

struct Named {
    name: &'static str,
    lines: &'static str,
    tree: &'static [&'static str],
    arrives: &'static [&'static str],
}

const CASES: &[Named] = &[
    Named {
        name: "a bar is alternation once the pattern has a wildcard",
        lines: "foo|bar*",
        tree: &["foo1", "bar1", "xbar2", "xfoo", "foo"],
        arrives: &["xfoo"],
    },
    Named {
        name: "a bare circumflex in a wildcard pattern never matches",
        lines: "a^*",
        tree: &["a", "a^", "a^b"],
        arrives: &["a", "a^", "a^b"],
    },
    Named {
        name: "a negation is not tried for a directory that nothing excluded before",
        lines: "a/b\n!a",
        tree: &["a/b", "a/c"],
        arrives: &["a/", "a/c"],
    },
    Named {
        name: "a later pattern does not exclude what its directory re-included",
        lines: "a\n!a/b/c\na/b",
        tree: &["a/b/c", "a/b/d", "a/x"],
        arrives: &["a/", "a/b/", "a/b/c"],
    },
    Named {
        name: "a wildcard re-includes under an excluded directory",
        lines: "d\n!d/*/a",
        tree: &["d/a", "d/x/a", "d/x/b"],
        arrives: &["d/", "d/x/", "d/x/a"],
    },
    Named {
        name: "a directory before two stars stays",
        lines: "dir/**",
        tree: &["dir/a", "dir/b/c"],
        arrives: &["dir/"],
    },
    Named {
        name: "two stars before a name are a suffix",
        lines: "**foo",
        tree: &["foo", "xfoo", "a/xfoo", "foox"],
        arrives: &["a/", "foox"],
    },
    Named {
        name: "a comment begins in the first column",
        lines: "#a\n  # x",
        tree: &["#a", "# x"],
        arrives: &["#a"],
    },
    Named {
        name: "empty directories arrive, and excluded ones do not",
        lines: "b",
        tree: &["a/", "b/", "c/b/"],
        arrives: &["a/", "c/", "c/b/"],
    },
    Named {
        name: "what is excluded already is not excluded again, and so is re-included for good",
        lines: "/a|b/[[:alpha:]]\n!**/c/\na",
        tree: &["a/c/b", "a/d"],
        arrives: &["a/", "a/c/", "a/c/b"],
    },
    Named {
        name: "paths above the context match nothing",
        lines: "../a\n..\n/",
        tree: &["a", "b"],
        arrives: &["a", "b"],
    },
];

#[test]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
fn named_cases_are_what_the_daemon_does_and_what_we_do() {
    for Named {
        name,
        lines,
        tree,
        arrives,
    } in CASES
    {
        let pair = Pair::of(lines, tree);
        let expected: Vec<_> = arrives.iter().map(|&path| path.to_owned()).collect();
        assert_eq!(arriving(&pair), Some(expected), "the daemon: {name}");
        let verdict = compare(&pair);
        assert!(
            !matches!(verdict, Verdict::Different(_) | Verdict::BothRefuse),
            "ours: {name}: {verdict:?}"
        );
    }
}
