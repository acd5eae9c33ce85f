//! An archive has the bytes that its content decides, and unpacks to what the snapshot holds.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::tree::{Tree, entry};
use fastcontainer_build_context::{ArchiveContents, ArchiveFacts, ArchiveView, ContextError, Snapshot, archive};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

fn whole(snapshot: &Snapshot) -> ArchiveView<'_> {
    ArchiveView {
        snapshot,
        selection: None,
    }
}

fn pack(context: &Snapshot, named: &[&Snapshot]) -> Result<(Vec<u8>, ArchiveFacts), ContextError> {
    let contents = ArchiveContents {
        dockerfile: b"FROM scratch\n",
        context: whole(context),
        named: named.iter().map(|snapshot| whole(snapshot)).collect(),
    };
    let mut bytes = Vec::new();
    let facts = archive(&contents, &mut bytes, &CancellationToken::new())?;
    Ok((bytes, facts))
}

/// Everything that matters about a tree: names, kinds, modes, links and bytes.
fn describe(root: &Path, path: &str, into: &mut Vec<String>) {
    let mut names: Vec<_> = fs::read_dir(root.join(path))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let path = if path.is_empty() {
            name
        } else {
            format!("{path}/{name}")
        };
        let full = root.join(&path);
        let meta = fs::symlink_metadata(&full).unwrap();
        if meta.is_symlink() {
            into.push(format!("{path} -> {}", fs::read_link(&full).unwrap().display()));
        } else if meta.is_dir() {
            into.push(format!("{path}/"));
            describe(root, &path, into);
        } else {
            let mode = meta.permissions().mode() & 0o777;
            into.push(format!(
                "{path} {mode:o} {:x?}",
                Sha256::digest(fs::read(&full).unwrap())
            ));
        }
    }
}

fn description(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    describe(root, "", &mut lines);
    lines
}

fn rich_tree() -> Tree {
    let tree = Tree::of(&["a", "dir/b", "empty/", "deep/er/and/deeper/c"]);
    tree.chmod("a", 0o644);
    tree.write("run", "#!/bin/sh\n");
    tree.chmod("run", 0o755);
    tree.write("nothing", "");
    tree.write("block", [7; 512]);
    tree.write(
        "large",
        (0..3_000_000_u32).map(|at| (at ^ (at >> 5)) as u8).collect::<Vec<_>>(),
    );
    tree.write("name with spaces and ünïcödé 😀", "x");
    for length in [99, 100, 101] {
        tree.write(&"n".repeat(length - "context/".len()), "boundary");
    }
    let long = format!("{}/{}/{}", "l".repeat(120), "m".repeat(200), "n".repeat(250));
    tree.write(&long, "long name");
    tree.link("link", "dir/b");
    tree.link("dangling", "nowhere");
    tree.link("long link", &"t".repeat(300));
    fs::hard_link(tree.path("a"), tree.path("hard")).unwrap();
    for plain in ["dir/b", "nothing", "block", "large", "hard", &long] {
        tree.chmod(plain, 0o644);
    }
    tree
}

/// Programs that unpack; the first one has to be there.
fn tars() -> Vec<Vec<String>> {
    let mut tars = vec![vec!["tar".to_owned()]];
    let busybox = std::env::var("BUSYBOX").unwrap_or_else(|_| "busybox".to_owned());
    if Command::new(&busybox)
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        tars.push(vec![busybox, "tar".to_owned()]);
    }
    tars
}

#[test]
fn tar_unpacks_what_the_snapshots_hold() {
    let (tree, other) = (rich_tree(), Tree::of(&["x/y"]));
    other.chmod("x/y", 0o644);
    let (context, named) = (tree.walk().unwrap(), other.walk().unwrap());
    let (bytes, _) = pack(&context, &[&named, &named]).unwrap();
    let packed = tempfile::NamedTempFile::new().unwrap();
    fs::write(packed.path(), &bytes).unwrap();
    for tar in tars() {
        let target = tempfile::tempdir().unwrap();
        let began = std::time::SystemTime::now() - Duration::from_secs(5);
        let mut command = Command::new(&tar[0]);
        command
            .args(&tar[1..])
            .arg("-xmzf")
            .arg(packed.path())
            .arg("-C")
            .arg(target.path());
        let done = command.output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{tar:?}: {done:?}");
        assert_eq!(
            description(&target.path().join("context")),
            description(tree.root()),
            "{tar:?}"
        );
        for number in ["0", "1"] {
            let named = target.path().join("contexts").join(number);
            assert_eq!(description(&named), description(other.root()), "{tar:?}");
        }
        let dockerfile = target.path().join("Dockerfile");
        assert_eq!(fs::read(&dockerfile).unwrap(), b"FROM scratch\n");
        assert!(
            fs::metadata(&dockerfile).unwrap().modified().unwrap() > began,
            "{tar:?}"
        );
    }
}

#[test]
fn bytes_of_a_known_content_are_known() {
    let tree = Tree::of(&["a", "dir/b", "empty/"]);
    tree.write(
        "large",
        (0..300_000_u32).map(|at| (at / 7 % 251) as u8).collect::<Vec<_>>(),
    );
    tree.write("run", "#!/bin/sh\n");
    tree.chmod("run", 0o700);
    tree.link("link", "dir/b");
    tree.write(&"long".repeat(40), "x");
    let (bytes, facts) = pack(&tree.walk().unwrap(), &[]).unwrap();
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    assert_eq!((facts.sha256, facts.size_bytes), (sha256, bytes.len() as u64));
    assert_eq!(
        hex(&sha256),
        "3ea76a31166e47cdfd12db319663d01d0c0aca984fe725ccf29016dcda42c379",
        "archives of older versions are not found any more; change this only on purpose"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn times_owners_umask_and_hard_links_do_not_count() {
    let first = Tree::of(&["a", "b", "dir/c"]);
    first.chmod("a", 0o600);
    first.chmod("dir/c", 0o700);
    let second = Tree::of(&["dir/c", "b"]);
    second.write("a", "a");
    second.chmod("a", 0o666);
    second.chmod("dir/c", 0o755);
    second.chmod("dir", 0o700);
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::options()
        .write(true)
        .open(second.path("b"))
        .unwrap()
        .set_modified(past)
        .unwrap();
    fs::remove_file(second.path("a")).unwrap();
    let elsewhere = Tree::of(&["a"]);
    elsewhere.chmod("a", 0o666);
    fs::hard_link(elsewhere.path("a"), second.path("a")).unwrap();
    let [first, second] = [first, second].map(|tree| pack(&tree.walk().unwrap(), &[]).unwrap());
    assert_eq!(first, second);
}

#[test]
fn file_that_changed_makes_no_archive() {
    let changes: [fn(&Tree); 4] = [
        |tree| tree.write("dir/b", "DIR/B"),
        |tree| tree.write("dir/b", "longer than before"),
        |tree| fs::remove_file(tree.path("dir/b")).unwrap(),
        |tree| tree.chmod("dir/b", 0o755),
    ];
    for change in changes {
        let tree = Tree::of(&["a", "dir/b"]);
        let snapshot = tree.walk().unwrap();
        assert!(matches!(
            entry(&snapshot, "dir/b").kind,
            fastcontainer_build_context::EntryKind::File { .. }
        ));
        change(&tree);
        let error = pack(&snapshot, &[]).unwrap_err();
        assert!(
            matches!(&error, ContextError::ChangedDuringBuild { path } if path == "dir/b"),
            "{error}"
        );
    }
}

#[test]
fn archive_that_cannot_be_written_is_an_error_of_the_archive() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let tree = Tree::of(&["a"]);
    let snapshot = tree.walk().unwrap();
    let contents = ArchiveContents {
        dockerfile: b"",
        context: whole(&snapshot),
        named: Vec::new(),
    };
    let error = archive(&contents, Full, &CancellationToken::new()).unwrap_err();
    assert!(matches!(error, ContextError::ArchiveUnwritable { .. }), "{error}");
}

/// Cancels when it was given so many bytes, and counts what comes afterwards.
struct Canceller {
    left: usize,
    afterwards: usize,
    cancel: CancellationToken,
}

impl Write for Canceller {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            self.afterwards += bytes.len();
        }
        self.left = self.left.saturating_sub(bytes.len());
        if self.left == 0 {
            self.cancel.cancel();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that compression does not make fewer.
fn noise(length: usize) -> Vec<u8> {
    let blocks = (0..length.div_ceil(32)).map(|number| Sha256::digest(number.to_le_bytes()));
    blocks.flatten().take(length).collect()
}

#[test]
fn packing_ends_soon_when_cancelled() {
    let tree = Tree::new();
    tree.write("file", noise(4 << 20));
    let snapshot = tree.walk().unwrap();
    let contents = ArchiveContents {
        dockerfile: b"",
        context: whole(&snapshot),
        named: Vec::new(),
    };
    let cancel = CancellationToken::new();
    let mut writer = Canceller {
        left: 1 << 20,
        afterwards: 0,
        cancel: cancel.clone(),
    };
    let error = archive(&contents, &mut writer, &cancel).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert!(writer.afterwards < 256 << 10, "{} bytes more", writer.afterwards);
}
