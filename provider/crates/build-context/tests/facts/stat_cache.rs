//! What the stat cache remembers, and that no damage to it makes a walk wrong.

use std::fs::{self, File, FileTimes};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::tree::{Tree, entry};
use fastcontainer_build_context::{ContentId, EntryKind, IgnoreRules, Pattern, Selection, Snapshot, StatCache, walk};
use tokio_util::sync::CancellationToken;

fn walk_part(tree: &Tree, cache: &StatCache, selection: &Selection) -> Snapshot {
    let cancel = CancellationToken::new();
    walk(tree.root(), &IgnoreRules::none(), selection, cache, &cancel).unwrap()
}

fn walk_with(tree: &Tree, cache: &StatCache) -> Snapshot {
    walk_part(tree, cache, &Selection::whole())
}

fn content_of(snapshot: &Snapshot, path: &str) -> ContentId {
    match entry(snapshot, path).kind {
        EntryKind::File { content, .. } => content,
        ref other => panic!("{other:?}"),
    }
}

/// The only file of a cache.
fn cache_file(folder: &Tree) -> PathBuf {
    let mut files = fs::read_dir(folder.root()).unwrap().map(|file| file.unwrap().path());
    let file = files.next().unwrap();
    assert_eq!(files.next(), None);
    file
}

fn set_modified(tree: &Tree, path: &str, time: SystemTime) {
    let file = File::options().append(true).open(tree.path(path)).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// Puts a wrong content for `x` into the cache that is kept in `folder`, so that a walk shows whether it asked the cache.
fn poison(tree: &Tree, folder: &Tree) {
    let cache = StatCache::new(folder.root());
    let right = content_of(&walk_with(tree, &cache), "x");
    drop(cache);
    rewrite(folder, |bytes| {
        let at = bytes.windows(32).position(|window| window == right.0).unwrap();
        bytes[at] ^= 1;
    });
}

/// Changes the body of the kept cache and makes its checksum right again.
fn rewrite(folder: &Tree, change: impl FnOnce(&mut Vec<u8>)) {
    let path = cache_file(folder);
    let bytes = fs::read(&path).unwrap();
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut body = bytes[header + 32..].to_vec();
    change(&mut body);
    let checksum = ContentId::of(&body);
    fs::write(path, [&bytes[..header], &checksum.0, &body].concat()).unwrap();
}

fn sample() -> Tree {
    let tree = Tree::of(&["a/b/y", "a/z"]);
    tree.write("x", "content");
    tree
}

fn right() -> ContentId {
    ContentId::of(b"content")
}

fn asks_the_cache(tree: &Tree, folder: &Tree) -> bool {
    content_of(&walk_with(tree, &StatCache::new(folder.root())), "x") != right()
}

#[test]
fn a_file_that_nobody_touched_is_not_read_again_not_even_by_another_process() {
    let (tree, folder) = (sample(), Tree::new());
    poison(&tree, &folder);
    assert!(asks_the_cache(&tree, &folder));
    assert_eq!(content_of(&walk_with(&tree, &StatCache::disabled()), "x"), right());
}

#[test]
fn walks_with_a_cache_and_without_agree() {
    let (tree, folder) = (sample(), Tree::new());
    let large: Vec<u8> = (0..3 << 20).map(|at| (at % 251) as u8).collect();
    tree.write("large", &large);
    let expected = walk_with(&tree, &StatCache::disabled());
    for _ in 0..2 {
        let cache = StatCache::new(folder.root());
        for _ in 0..2 {
            let walked = walk_with(&tree, &cache);
            assert_eq!(walked.entries(), expected.entries());
            assert_eq!(walked.digest(), expected.digest());
        }
    }
}

#[test]
fn edits_with_the_same_size_and_restored_times_are_seen() {
    let (tree, folder) = (sample(), Tree::new());
    let cache = StatCache::new(folder.root());
    for round in 0..20_u8 {
        let content = [round; 7];
        let time = fs::metadata(tree.path("x")).unwrap().modified().unwrap();
        tree.write("x", content);
        set_modified(&tree, "x", time);
        assert_eq!(content_of(&walk_with(&tree, &cache), "x"), ContentId::of(&content));
    }
}

#[test]
fn a_forged_time_is_seen() {
    let (tree, folder) = (sample(), Tree::new());
    tree.write("reference", "");
    set_modified(
        &tree,
        "reference",
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000),
    );
    let touch = || {
        let done = Command::new("touch")
            .arg("-r")
            .args([tree.path("reference"), tree.path("x")])
            .status();
        assert!(done.unwrap().success());
    };
    touch();
    let cache = StatCache::new(folder.root());
    walk_with(&tree, &cache);
    tree.write("x", "CONTENT");
    touch();
    assert_eq!(content_of(&walk_with(&tree, &cache), "x"), ContentId::of(b"CONTENT"));
}

#[test]
fn a_file_that_was_swapped_with_another_is_seen() {
    let (tree, folder) = (sample(), Tree::new());
    tree.write("y", "CONTENT");
    let cache = StatCache::new(folder.root());
    walk_with(&tree, &cache);
    for (from, to) in [("x", "swap"), ("y", "x"), ("swap", "y")] {
        fs::rename(tree.path(from), tree.path(to)).unwrap();
    }
    let walked = walk_with(&tree, &cache);
    assert_eq!(content_of(&walked, "x"), ContentId::of(b"CONTENT"));
    assert_eq!(content_of(&walked, "y"), right());
}

#[test]
fn the_executable_bit_is_always_that_of_the_file() {
    let (tree, folder) = (sample(), Tree::new());
    let cache = StatCache::new(folder.root());
    walk_with(&tree, &cache);
    tree.chmod("x", 0o755);
    let walked = walk_with(&tree, &cache);
    assert!(matches!(
        entry(&walked, "x").kind,
        EntryKind::File { executable: true, .. }
    ));
}

#[test]
fn a_file_with_times_in_the_future_is_always_read() {
    let (tree, folder) = (sample(), Tree::new());
    set_modified(&tree, "x", SystemTime::now() + Duration::from_secs(3600));
    let cache = StatCache::new(folder.root());
    walk_with(&tree, &cache);
    drop(cache);
    let bytes = fs::read(cache_file(&folder)).unwrap();
    assert!(!bytes.windows(32).any(|window| window == right().0));
}

#[test]
fn a_cache_is_forgotten_when_the_clock_was_set_back() {
    let (tree, folder) = (sample(), Tree::new());
    poison(&tree, &folder);
    let later = SystemTime::now() + Duration::from_secs(60);
    let nanoseconds = later.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    rewrite(&folder, |body| {
        body[..8].copy_from_slice(&u64::try_from(nanoseconds).unwrap().to_le_bytes())
    });
    assert!(!asks_the_cache(&tree, &folder));
}

#[test]
fn a_cache_that_is_cut_off_or_damaged_reads_as_none() {
    let (tree, folder) = (sample(), Tree::new());
    poison(&tree, &folder);
    let file = cache_file(&folder);
    let whole = fs::read(&file).unwrap();
    for length in [0, 10, 40, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(!asks_the_cache(&tree, &folder), "{length}");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, damaged).unwrap();
        assert!(!asks_the_cache(&tree, &folder), "{at}");
    }
    fs::write(&file, whole).unwrap();
    assert!(asks_the_cache(&tree, &folder));
}

#[test]
fn any_numbers_in_a_cache_with_a_right_checksum_do_no_harm() {
    let (tree, folder) = (sample(), Tree::new());
    walk_with(&tree, &StatCache::new(folder.root()));
    let whole = fs::read(cache_file(&folder)).unwrap();
    let body = whole.len() - 27 - 32;
    for at in 0..body - 4 {
        fs::write(cache_file(&folder), &whole).unwrap();
        rewrite(&folder, |body| body[at..at + 4].fill(0xFF));
        walk_with(&tree, &StatCache::new(folder.root()));
    }
}

#[test]
fn a_newer_version_reads_as_none_and_stays() {
    let (tree, folder) = (sample(), Tree::new());
    poison(&tree, &folder);
    let file = cache_file(&folder);
    let newer = file.with_extension("stat-2");
    fs::rename(&file, &newer).unwrap();
    let bytes = fs::read(&newer).unwrap();
    assert!(!asks_the_cache(&tree, &folder));
    assert_eq!(fs::read(&newer).unwrap(), bytes);
    let mut disguised = bytes.clone();
    disguised[25] = b'2';
    fs::write(&file, disguised).unwrap();
    assert!(!asks_the_cache(&tree, &folder));
}

#[test]
fn the_cache_of_another_context_is_not_used() {
    let (tree, other, folder) = (sample(), sample(), Tree::new());
    poison(&tree, &folder);
    let foreign = fs::read(cache_file(&folder)).unwrap();
    fs::remove_file(cache_file(&folder)).unwrap();
    walk_with(&other, &StatCache::new(folder.root()));
    fs::write(cache_file(&folder), foreign).unwrap();
    assert!(!asks_the_cache(&other, &folder));
}

#[test]
fn a_cache_that_cannot_be_written_works_for_the_process() {
    let (tree, folder) = (sample(), Tree::of(&["file"]));
    for place in ["file", "file/below"] {
        let cache = StatCache::new(folder.path(place));
        let first = walk_with(&tree, &cache);
        cache.persist();
        assert_eq!(walk_with(&tree, &cache).digest(), first.digest());
    }
    let nowhere = StatCache::new("/proc/no/such/place");
    walk_with(&tree, &nowhere);
    nowhere.persist();
}

/// Needs the right to mount; says so and proves nothing without it.
#[test]
fn a_full_disk_leaves_no_half_written_cache() {
    let (tree, folder) = (Tree::new(), Tree::of(&["mount/"]));
    (0..400).for_each(|number| tree.write(&format!("{number}"), "x"));
    let place = folder.path("mount");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16k", "none"])
        .arg(&place)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no right to mount");
        return;
    }
    let cache = StatCache::new(&place);
    walk_with(&tree, &cache);
    cache.persist();
    let left = fs::read_dir(&place).unwrap().count();
    assert!(Command::new("umount").arg(&place).status().unwrap().success());
    assert_eq!(left, 0);
}

#[test]
fn nothing_new_is_not_written() {
    let (tree, folder) = (sample(), Tree::new());
    let cache = StatCache::new(folder.root());
    walk_with(&tree, &cache);
    cache.persist();
    let written = || {
        fs::metadata(cache_file(&folder))
            .map(|file| std::os::unix::fs::MetadataExt::ino(&file))
            .unwrap()
    };
    let before = written();
    walk_with(&tree, &cache);
    cache.persist();
    drop(cache);
    assert_eq!(written(), before);
}

#[test]
fn processes_that_write_one_after_the_other_keep_what_both_know() {
    let (tree, folder) = (sample(), Tree::new());
    let part = |path: &str| {
        let pattern = Pattern {
            path: path.into(),
            ..Pattern::default()
        };
        Selection::of(vec![pattern])
    };
    let (one, other) = (StatCache::new(folder.root()), StatCache::new(folder.root()));
    walk_part(&tree, &one, &part("a/b"));
    walk_part(&tree, &other, &part("x"));
    one.persist();
    other.persist();
    let bytes = fs::read(cache_file(&folder)).unwrap();
    for content in [right(), ContentId::of(b"a/b/y")] {
        assert!(bytes.windows(32).any(|window| window == content.0));
    }
}

#[test]
fn names_that_are_gone_are_forgotten() {
    let (tree, folder) = (sample(), Tree::new());
    let cache = StatCache::new(folder.root());
    walk_with(&tree, &cache);
    fs::remove_file(tree.path("x")).unwrap();
    tree.write("new", "new");
    walk_with(&tree, &cache);
    drop(cache);
    let bytes = fs::read(cache_file(&folder)).unwrap();
    assert!(!bytes.windows(32).any(|window| window == right().0));
}

#[test]
fn walks_that_share_a_cache_at_the_same_time_agree() {
    let (tree, folder) = (sample(), Tree::new());
    (0..300).for_each(|number| tree.write(&format!("many/{number}"), format!("{number}")));
    let expected = walk_with(&tree, &StatCache::disabled()).digest();
    let cache = StatCache::new(folder.root());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(walk_with(&tree, &cache).digest(), expected));
        }
    });
}
