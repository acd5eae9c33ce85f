//! A record as text: version, parts, checksum, all in base64.
//!
//! Every part is preceded by its length or count as a LEB128 number. A text that is damaged, truncated, followed by more
//! or from another version reads as none. Reading never reserves more memory than the text is long.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use fastcontainer_build_context::{Directories, Sketch};
use sha2::{Digest, Sha256};

use super::{ContentRecord, OptionDigests, ShortDigest};

const VERSION: u8 = 1;
const CHECKSUM: usize = 8;

pub(super) fn encode(record: &ContentRecord) -> String {
    let ContentRecord {
        options,
        base_images,
        named_contexts,
        ignore_file,
        dockerfile,
        instructions,
        steps,
        files,
        directories,
    } = record;
    let mut writer = Writer(vec![VERSION]);
    for map in [&options.build_args, &options.inputs, base_images, named_contexts] {
        writer.map(map);
    }
    writer.0.extend([*ignore_file, *dockerfile].as_flattened());
    writer.count(instructions.len());
    writer.0.extend(instructions.as_flattened());
    writer.count(steps.len());
    writer.0.extend(steps.as_flattened());
    writer.bytes(&files.to_bytes());
    writer.bytes(&directories.to_bytes());
    let mut bytes = writer.0;
    bytes.extend(checksum(&bytes));
    STANDARD_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<ContentRecord> {
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let (body, found) = bytes.split_last_chunk::<CHECKSUM>()?;
    if checksum(body) != *found {
        return None;
    }
    let mut reader = Reader(body);
    if reader.fixed::<1>()? != [VERSION] {
        return None;
    }
    let options = OptionDigests {
        build_args: reader.map()?,
        inputs: reader.map()?,
    };
    let record = ContentRecord {
        options,
        base_images: reader.map()?,
        named_contexts: reader.map()?,
        ignore_file: reader.fixed()?,
        dockerfile: reader.fixed()?,
        instructions: reader.list()?,
        steps: reader.list()?,
        files: Sketch::from_bytes(reader.bytes()?)?,
        directories: Directories::from_bytes(reader.bytes()?)?,
    };
    reader.0.is_empty().then_some(record)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    super::short(&Sha256::digest(bytes).into())
}

struct Writer(Vec<u8>);

impl Writer {
    fn count(&mut self, mut count: usize) {
        while count >= 0x80 {
            self.0.push(count as u8 | 0x80);
            count >>= 7;
        }
        self.0.push(count as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend(bytes);
    }

    fn map(&mut self, map: &BTreeMap<String, ShortDigest>) {
        self.count(map.len());
        for (name, digest) in map {
            self.bytes(name.as_bytes());
            self.0.extend(digest);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A number of things that take at least one byte each.
    fn count(&mut self) -> Option<usize> {
        let mut count = 0_usize;
        for shift in (0..usize::BITS - 7).step_by(7) {
            let [byte] = self.fixed()?;
            count |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (count <= self.0.len()).then_some(count);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn list<const N: usize>(&mut self) -> Option<Vec<[u8; N]>> {
        (0..self.count()?).map(|_| self.fixed()).collect()
    }

    fn map(&mut self) -> Option<BTreeMap<String, ShortDigest>> {
        let entry = |reader: &mut Self| {
            let name = std::str::from_utf8(reader.bytes()?).ok()?.to_owned();
            Some((name, reader.fixed()?))
        };
        (0..self.count()?).map(|_| entry(self)).collect()
    }
}
