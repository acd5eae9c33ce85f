//! One digest for each directory at the top of a context: where files changed, when too many did to name them.
//!
//! At most 32 directories with names of at most 512 bytes in all are kept one by one; all others share one digest, so
//! that the size does not depend on the context. A digest here is the XOR of its entries' hashes: good enough for words,
//! and never used for more.

use std::collections::BTreeMap;

use super::element::elements;
use crate::entry::Entry;

const KEPT: usize = 32;
const NAMES: usize = 512;
const SALT: u64 = 10;
const VERSION: u8 = 1;
const DIGEST: usize = 8;

/// Digests of the directories at the top of a context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directories {
    /// By name; the empty name stands for everything that lies at the top itself.
    kept: BTreeMap<String, u64>,
    /// All others together, when there are others.
    others: Option<u64>,
}

/// Where a context differs from an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedDirectories {
    /// Names of directories at the top of the context, those that are gone included.
    pub names: Vec<String>,
    /// Whether anything changed that lies at the top itself.
    pub top: bool,
    /// Whether anything changed in directories that were too many to be kept one by one.
    pub others: bool,
}

impl Directories {
    /// The digests of a context.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut all = digests(entries);
        let mut length = 0;
        let fits = |(at, name): (usize, &String)| {
            length += name.len();
            at < KEPT && length <= NAMES
        };
        let kept = all.keys().enumerate().map(fits).take_while(|fits| *fits).count();
        let rest = all.keys().nth(kept).cloned().map(|first| all.split_off(&first));
        Self {
            kept: all,
            others: rest.map(|rest| together(rest.values())),
        }
    }

    /// Where `today` differs.
    #[must_use]
    pub fn difference<'a>(&self, today: impl IntoIterator<Item = &'a Entry>) -> ChangedDirectories {
        let mut today = digests(today);
        let mut changed = ChangedDirectories::default();
        let gone_or_changed = |(name, old): &(&String, &u64)| today.remove(*name) != Some(**old);
        let names: Vec<_> = self.kept.iter().filter(gone_or_changed).map(|(name, _)| name).collect();
        changed.names.extend(names.into_iter().cloned());
        match self.others {
            Some(others) => changed.others = others != together(today.values()),
            None => changed.names.extend(today.into_keys()),
        }
        changed.names.sort();
        changed.top = changed.names.first().is_some_and(String::is_empty);
        changed.names.retain(|name| !name.is_empty());
        changed
    }

    /// The serialised form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::from(self.others.is_some())];
        bytes.extend(self.others.iter().flat_map(|digest| digest.to_le_bytes()));
        for (name, digest) in &self.kept {
            bytes.extend(digest.to_le_bytes());
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend(name.as_bytes());
        }
        bytes
    }

    /// Reads the serialised form; `None` for anything that [`Self::to_bytes`] cannot have written.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[version, has_others], mut body) = bytes.split_first_chunk::<2>()?;
        if version != VERSION || has_others > 1 {
            return None;
        }
        let mut read = Self::default();
        if has_others == 1 {
            read.others = Some(take_digest(&mut body)?);
        }
        while !body.is_empty() {
            let digest = take_digest(&mut body)?;
            let (length, rest) = body.split_first_chunk::<2>()?;
            let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            read.kept.insert(String::from_utf8(name.to_vec()).ok()?, digest);
            body = rest;
        }
        (read.to_bytes() == bytes).then_some(read)
    }
}

fn take_digest(body: &mut &[u8]) -> Option<u64> {
    let (digest, rest) = body.split_first_chunk::<DIGEST>()?;
    *body = rest;
    Some(u64::from_le_bytes(*digest))
}

fn digests<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<String, u64> {
    let mut digests: BTreeMap<String, u64> = BTreeMap::new();
    for (element, entry) in elements(entries) {
        let name = match entry.path.split_once('/') {
            Some((top, _)) => top,
            None if entry.is_directory() => &entry.path,
            None => "",
        };
        match digests.get_mut(name) {
            Some(digest) => *digest ^= element.hash(SALT),
            None => {
                digests.insert(name.to_owned(), element.hash(SALT));
            }
        }
    }
    digests
}

fn together<'a>(digests: impl Iterator<Item = &'a u64>) -> u64 {
    digests.fold(0, |all, digest| all ^ digest)
}
