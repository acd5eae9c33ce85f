//! Finding what a source of `COPY` selects: on disk, in memory, and however odd its wildcards are.
//!
//! The input is the path of a source, a NUL byte, an exclude, a NUL byte, and the path of a second source. The tree is
//! always the same, with links in it. What must hold: a walk of the selection finds what it covers in a walk of
//! everything, the digests agree, an exclude adds nothing, and a second source removes nothing.

#![no_main]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fastcontainer_build_context::{Entry, IgnoreRules, Pattern, Selection, Snapshot, StatCache, walk};
use fuzz::{parts, scratch, text};
use libfuzzer_sys::fuzz_target;
use tokio_util::sync::CancellationToken;

fuzz_target!(|data: &[u8]| {
    static LAB: OnceLock<Lab> = OnceLock::new();
    let [path, exclude, other] = parts(data);
    if let (Some(path), Some(exclude), Some(other)) = (text(path), text(exclude), text(other)) {
        LAB.get_or_init(|| Lab::new().unwrap_or_else(|error| panic!("no tree to walk: {error}")))
            .check(path, exclude, other);
    }
});

const FILES: [&str; 10] = [
    "a",
    "b.md",
    "src/a",
    "src/b.md",
    "src/deep/a",
    "src/deep/er/b",
    "lib/a.rs",
    "lib/[x]",
    "lib/back\\slash",
    "c d/e",
];
const LINKS: [(&str, &str); 7] = [
    ("link", "src/deep"),
    ("up", "../../lib"),
    ("root", "/lib"),
    ("loop", "loop"),
    ("src/back", ".."),
    ("src/away", "nowhere"),
    ("lib/chain", "../link/er"),
];

struct Lab {
    context: PathBuf,
    cache: StatCache,
    whole: Snapshot,
}

impl Lab {
    fn new() -> std::io::Result<Self> {
        let context = scratch("selection")?;
        for name in FILES {
            let path = context.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&context))?;
            fs::write(path, name)?;
        }
        for (name, target) in LINKS {
            symlink(target, context.join(name))?;
        }
        fs::create_dir(context.join("empty"))?;
        let cache = StatCache::disabled();
        let whole = walked(&context, &Selection::whole(), &cache);
        Ok(Self { context, cache, whole })
    }

    fn check(&self, path: &str, exclude: &str, other: &str) {
        let excludes = [exclude]
            .into_iter()
            .filter(|exclude| !exclude.is_empty())
            .map(str::to_owned)
            .collect();
        let all = Pattern {
            path: path.to_owned(),
            excludes: Vec::new(),
        };
        let some = Pattern {
            path: path.to_owned(),
            excludes,
        };
        let other = Pattern {
            path: other.to_owned(),
            excludes: Vec::new(),
        };
        let (some_paths, all_paths) = (self.paths(vec![some.clone()]), self.paths(vec![all]));
        assert!(
            some_paths.is_subset(&all_paths),
            "an exclude adds: {some_paths:?}, {all_paths:?}"
        );
        let both = self.paths(vec![some, other.clone()]);
        assert!(
            both.is_superset(&some_paths),
            "a second source removes: {both:?}, {some_paths:?}"
        );
        assert!(
            both.is_superset(&self.paths(vec![other])),
            "the second source is not there: {both:?}"
        );
    }

    /// What the patterns select, the same on disk and in memory.
    fn paths(&self, patterns: Vec<Pattern>) -> BTreeSet<String> {
        let selection = Selection::of(patterns);
        let found = walked(&self.context, &selection, &self.cache);
        let covered: Vec<Entry> = self.whole.select(&selection).into_iter().cloned().collect();
        assert_eq!(found.entries(), covered);
        assert_eq!(found.digest(), self.whole.digest_of(&selection));
        covered.into_iter().map(|entry| entry.path).collect()
    }
}

fn walked(context: &Path, selection: &Selection, cache: &StatCache) -> Snapshot {
    let (rules, cancel) = (IgnoreRules::none(), CancellationToken::new());
    walk(context, &rules, selection, cache, &cancel).unwrap_or_else(|error| panic!("{error}"))
}
