//! What arrived in an image: its file system as a list.
//!
//! Reads the tar archive that the daemon exports. Keeps what counts for an image's user: kinds, bytes, who may execute
//! a file, link texts. Drops times and owners: they are not content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// One entry of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A directory.
    Directory,
    /// A file: length, digest of its bytes, whether its owner may execute it.
    File(u64, String, bool),
    /// A symbolic link with its text.
    Link(String),
}

/// An image's file system by path, without leading or trailing `/`.
pub type Listing = BTreeMap<String, Item>;

/// Reads an exported archive; `without` are top-level names that the base image brings along.
pub(crate) fn read(archive: &Path, without: &[&str]) -> Listing {
    let mut archive = tar::Archive::new(File::open(archive).expect("an exported archive"));
    let mut listing = Listing::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let top = path.split('/').next().unwrap_or_default();
        if path.is_empty() || without.contains(&top) {
            continue;
        }
        let item = item(&mut entry, &listing);
        listing.insert(path, item);
    }
    listing
}

fn item(entry: &mut tar::Entry<'_, File>, before: &Listing) -> Item {
    let target = entry
        .link_name_bytes()
        .map(|name| String::from_utf8_lossy(&name).into_owned())
        .unwrap_or_default();
    let kind = entry.header().entry_type();
    if kind.is_dir() {
        return Item::Directory;
    }
    if kind.is_symlink() {
        return Item::Link(target);
    }
    if kind.is_hard_link() {
        let first = before.get(target.trim_start_matches('/')).cloned();
        return first.expect("a hard link to an entry before it");
    }
    let executable = entry.header().mode().expect("a mode") & 0o100 != 0;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).expect("the bytes of an entry");
    Item::File(bytes.len() as u64, hex::encode(Sha256::digest(&bytes)), executable)
}
