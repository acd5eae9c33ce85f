//! Opening a stat cache that somebody else wrote, or that was damaged.
//!
//! The input is what a cache file says about directories; what comes before it is that of a real cache for a small
//! context, so that the checksum and the context are right. A second file is the input as it is. What must hold: a walk
//! with either cache finds every entry, and the content of a file that the cache says nothing true about.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fastcontainer_build_context::{ContentId, Entry, IgnoreRules, Selection, StatCache, walk};
use fuzz::scratch;
use libfuzzer_sys::fuzz_target;
use tokio_util::sync::CancellationToken;

fuzz_target!(|data: &[u8]| {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::new().unwrap_or_else(|error| panic!("no context to walk: {error}")))
        .check(data);
});

/// A context, and the file that keeps its stat cache.
struct Lab {
    context: PathBuf,
    caches: PathBuf,
    file: PathBuf,
    /// The version line.
    header: Vec<u8>,
    /// Time of the walk and identity of the context.
    start: Vec<u8>,
    entries: Vec<Entry>,
}

const DIGEST: usize = 32;

impl Lab {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let place = scratch("stat_cache")?;
        let (context, caches) = (place.join("context"), place.join("caches"));
        fs::create_dir_all(context.join("src"))?;
        for name in ["a", "b", "src/a", "src/main.rs"] {
            fs::write(context.join(name), name)?;
        }
        let entries = entries(&context, &StatCache::new(&caches));
        let file = fs::read_dir(&caches)?
            .next()
            .ok_or("no cache was written: is this a network file system?")??
            .path();
        let bytes = fs::read(&file)?;
        let line = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or("the cache has no version line")?
            + 1;
        let key = 8 + 3 * 8 + context.as_os_str().len();
        let start = bytes[line + DIGEST..][..key].to_vec();
        let lab = Self {
            header: bytes[..line].to_vec(),
            start,
            file,
            context,
            caches,
            entries,
        };
        // Sealing what was written gives what was written, or this target knows another format than the one in use.
        assert_eq!(lab.sealed(&bytes[line + DIGEST + key..]), bytes);
        Ok(lab)
    }

    fn check(&self, data: &[u8]) {
        for bytes in [self.sealed(data), data.to_vec()] {
            fs::write(&self.file, bytes).unwrap_or_else(|error| panic!("{error}"));
            let cache = StatCache::new(&self.caches);
            assert_eq!(entries(&self.context, &cache), self.entries);
        }
    }

    fn sealed(&self, directories: &[u8]) -> Vec<u8> {
        let body = [&self.start, directories].concat();
        [&self.header[..], ContentId::of(&body).as_bytes(), &body].concat()
    }
}

fn entries(context: &Path, cache: &StatCache) -> Vec<Entry> {
    let (rules, cancel) = (IgnoreRules::none(), CancellationToken::new());
    let snapshot = walk(context, &rules, &Selection::whole(), cache, &cancel);
    snapshot.unwrap_or_else(|error| panic!("{error}")).entries().to_vec()
}
