//! A directory as a value: made by chance, edited, written to disk.
//!
//! Responsible for putting exactly the described files, links and empty directories on disk, parents included.
//! Refuses to know what a build makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// What is at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory; also made for every path that has something below it.
    Directory,
    /// A file.
    File {
        /// Its bytes.
        content: Vec<u8>,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link with this text.
    Link(String),
}

impl Node {
    /// A file that is not executable.
    #[must_use]
    pub fn file(content: &str) -> Self {
        Self::File {
            content: content.into(),
            mode: 0o644,
        }
    }
}

/// Paths relative to the root, `/` between names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, Node>);

impl Tree {
    /// Adds or replaces an entry; what would be above it or below it and is no directory goes.
    pub fn put(&mut self, path: &str, node: Node) {
        let mut parent = path;
        while let Some((above, _)) = parent.rsplit_once('/') {
            if self.0.get(above).is_some_and(|node| *node != Node::Directory) {
                self.0.remove(above);
            }
            parent = above;
        }
        if node != Node::Directory {
            self.remove(path);
        }
        self.0.insert(path.to_owned(), node);
    }

    /// Removes an entry and everything below it.
    pub fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.0.retain(|one, _| one != path && !one.starts_with(&below));
    }

    /// Every path, implied directories included.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for path in self.0.keys() {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            all.extend(ends.map(|end| path[..end].to_owned()));
        }
        all.sort();
        all.dedup();
        all
    }

    /// Writes everything into `root`, which need not exist.
    pub fn write(&self, root: &Path) {
        fs::create_dir_all(root).expect("a folder");
        for (path, node) in &self.0 {
            write(&root.join(path), node);
        }
    }

    /// Makes what is in `root` this tree, given that it is `before`; what is equal is not touched.
    pub fn write_over(&self, before: &Self, root: &Path) {
        for (path, node) in before.0.iter().rev() {
            let place = root.join(path);
            match node {
                Node::Directory => drop(fs::remove_dir(place)),
                _ if self.0.get(path) == Some(node) => {}
                Node::File { .. } if matches!(self.0.get(path), Some(Node::File { .. })) => {}
                _ => fs::remove_file(place).expect("a file to replace"),
            }
        }
        remove_empty_folders(root);
        for (path, node) in &self.0 {
            if *node == Node::Directory || before.0.get(path) != Some(node) {
                write(&root.join(path), node);
            }
        }
    }
}

fn write(place: &Path, node: &Node) {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).expect("a parent");
    }
    match node {
        Node::Directory => fs::create_dir_all(place).expect("a folder"),
        Node::Link(text) => symlink(text, place).expect("a link"),
        Node::File { content, mode } => {
            fs::write(place, content).expect("a file");
            fs::set_permissions(place, fs::Permissions::from_mode(*mode)).expect("a mode");
            let file = fs::File::options().append(true).open(place).expect("a file");
            file.set_modified(a_time_of_its_own()).expect("a time");
        }
    }
}

/// The daemon takes a file of the same size and time for the same: no two files of a run share a time.
fn a_time_of_its_own() -> SystemTime {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let begun = *BEGUN.get_or_init(SystemTime::now);
    begun + Duration::from_micros(FILES.fetch_add(1, Ordering::Relaxed))
}

static BEGUN: OnceLock<SystemTime> = OnceLock::new();

fn remove_empty_folders(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_folders(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
}
