//! What is remembered of the files of one directory, in the bytes that are written to disk.
//!
//! Responsible for finding a name without reading anything else: records are read where they stand, so that a cache of
//! a million files is ready as soon as its bytes are in memory. Layout, all numbers with the least significant byte
//! first: length and bytes of the path, number of records, length of all names, the records in the order of their
//! names, the names without separators. A record ends its name by its offset.

use std::sync::Arc;

use crate::beneath::Seen;
use crate::content::ContentId;
use crate::walk::Names;

/// Bytes of a record: where its name ends, what was seen, and the content.
const RECORD: usize = 4 + Seen::BYTES + 32;

/// A file that was just read.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) name: Box<[u8]>,
    pub(crate) seen: Seen,
    pub(crate) content: ContentId,
}

/// The remembered files of a directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    bytes: Arc<Vec<u8>>,
    start: usize,
    records: usize,
    count: usize,
    end: usize,
}

/// Goes through the files of a directory once.
pub(crate) struct Lookup<'d> {
    /// Those whose names were not passed yet.
    records: &'d [[u8; RECORD]],
    names: &'d [u8],
    /// Where the name of the first of them starts.
    from: usize,
}

impl Lookup<'_> {
    /// What is known of `name`, which must not be before one that was asked for.
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<(Seen, ContentId)> {
        while let Some((record, rest)) = self.records.split_first() {
            let (end, record) = record.split_first_chunk()?;
            let end = usize::try_from(u32::from_le_bytes(*end)).ok()?;
            let known = self.names.get(self.from..end)?;
            let found = known == name;
            if !found && known > name {
                return None;
            }
            self.from = end;
            self.records = rest;
            if found {
                let (seen, content) = record.split_first_chunk()?;
                return Some((Seen::from_bytes(seen), ContentId(content.try_into().ok()?)));
            }
        }
        None
    }
}

impl Directory {
    /// Reads the directory that starts at `start`; none if the bytes end too early.
    pub(super) fn at(bytes: &Arc<Vec<u8>>, start: usize) -> Option<Self> {
        let mut at = start;
        let mut number = || {
            let value = u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
            at += 4;
            usize::try_from(value).ok()
        };
        let (path, count, names) = (number()?, number()?, number()?);
        let records = at.checked_add(path)?;
        let end = records.checked_add(count.checked_mul(RECORD)?)?.checked_add(names)?;
        (end <= bytes.len()).then(|| Self {
            bytes: bytes.clone(),
            start,
            records,
            count,
            end,
        })
    }

    /// The directory with what is newly known of it. `listed` are the names that exist, if that is known.
    pub(super) fn merged(
        old: Option<&Self>,
        path: &[u8],
        mut fresh: Vec<Fresh>,
        listed: Option<&Names>,
    ) -> Option<Self> {
        fresh.sort_by(|one, other| one.name.cmp(&other.name));
        let mut all: Vec<(&[u8], Seen, ContentId)> = Vec::with_capacity(fresh.len());
        let new = |name: &[u8]| fresh.binary_search_by(|one| (*one.name).cmp(name)).is_ok();
        let kept = old
            .into_iter()
            .flat_map(|old| (0..old.count).filter_map(|at| old.record(at)));
        all.extend(kept.filter(|(name, ..)| !new(name) && listed.is_none_or(|listed| listed.holds(name))));
        all.extend(fresh.iter().map(|one| (&*one.name, one.seen, one.content)));
        all.sort_by(|one, other| one.0.cmp(other.0));
        let names: usize = all.iter().map(|(name, ..)| name.len()).sum();
        let mut bytes = Vec::with_capacity(12 + path.len() + all.len() * RECORD + names);
        for length in [path.len(), all.len(), names] {
            bytes.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        }
        bytes.extend_from_slice(path);
        let mut name_end = 0_u32;
        for (name, seen, content) in &all {
            name_end += u32::try_from(name.len()).ok()?;
            bytes.extend_from_slice(&name_end.to_le_bytes());
            bytes.extend_from_slice(&seen.to_bytes());
            bytes.extend_from_slice(&content.0);
        }
        all.iter().for_each(|(name, ..)| bytes.extend_from_slice(name));
        Self::at(&Arc::new(bytes), 0)
    }

    /// Its path inside the context.
    pub(super) fn path(&self) -> &[u8] {
        &self.bytes[self.start + 12..self.records]
    }

    /// All its bytes.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The first record whose name is not before `name`.
    fn seek(&self, name: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.name(middle).is_some_and(|known| known < name) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Looks names up, in their order, from `first` on.
    pub(crate) fn lookup(&self, first: &[u8]) -> Lookup<'_> {
        let at = self.seek(first);
        let from = at.checked_sub(1).and_then(|before| self.name_end(before)).unwrap_or(0);
        let (records, names) = self.bytes[self.records..self.end].split_at(self.count * RECORD);
        Lookup {
            records: &records.as_chunks().0[at..],
            names,
            from,
        }
    }

    fn record(&self, at: usize) -> Option<(&[u8], Seen, ContentId)> {
        let record = self.raw(at)?;
        let (seen, content) = record[4..].split_first_chunk::<{ Seen::BYTES }>()?;
        Some((
            self.name(at)?,
            Seen::from_bytes(seen),
            ContentId(content.try_into().ok()?),
        ))
    }

    fn raw(&self, at: usize) -> Option<&[u8]> {
        let start = self.records + at * RECORD;
        (at < self.count).then(|| &self.bytes[start..start + RECORD])
    }

    fn name_end(&self, at: usize) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*self.raw(at)?.first_chunk()?)).ok()
    }

    fn name(&self, at: usize) -> Option<&[u8]> {
        let from = if at == 0 { 0 } else { self.name_end(at - 1)? };
        let names = &self.bytes[self.records + self.count * RECORD..self.end];
        names.get(from..self.name_end(at)?)
    }
}
