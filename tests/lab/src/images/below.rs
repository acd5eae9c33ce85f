//! What the lower layers of an image hold, so that the layer above them has what differs and nothing else.
//!
//! Two entries are the same if their headers and their content are. What a lower layer has and the new system has not is hidden by
//! a whiteout (OCI Image Specification, "Image Layer Filesystem Changeset").

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

use super::layer::{EPOCH, LayerWriter, header};
use crate::error::{Result, cannot};

/// A file, folder or link of an archive, with its content in memory.
pub(super) struct Item {
    pub(super) path: PathBuf,
    pub(super) header: tar::Header,
    pub(super) link: Option<PathBuf>,
    pub(super) content: Vec<u8>,
}

/// All that has to be equal in two entries of one path.
#[derive(PartialEq, Eq)]
struct Nature {
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    time: u64,
    link: Option<PathBuf>,
    content: [u8; 32],
}

/// The entries of lower layers by path.
#[derive(Default)]
pub(super) struct Below(BTreeMap<PathBuf, Nature>);

impl Item {
    /// Reads an entry; `None` for the root itself.
    pub(super) fn read(entry: &mut Entry<'_, impl Read>) -> io::Result<Option<Self>> {
        let path: PathBuf = entry.path()?.components().skip_while(is_dot).collect();
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let link = entry.link_name()?.map(|link| match entry.header().entry_type() {
            EntryType::Link => link.components().skip_while(is_dot).collect(),
            _ => link.into_owned(),
        });
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        Ok(Some(Self {
            path,
            header: plain_header(entry.header(), content.len()),
            link,
            content,
        }))
    }

    fn nature(&self) -> Nature {
        let number = |field: io::Result<u64>| field.unwrap_or_default();
        Nature {
            kind: self.header.entry_type().as_byte(),
            mode: self.header.mode().unwrap_or_default(),
            owner: (number(self.header.uid()), number(self.header.gid())),
            time: number(self.header.mtime()),
            link: self.link.clone(),
            content: Sha256::digest(&self.content).into(),
        }
    }
}

impl Below {
    /// Takes in one more layer, an archive that is not compressed.
    pub(super) fn add(&mut self, archive: &Path) -> Result<()> {
        let mut source = Archive::new(File::open(archive).map_err(cannot("open", archive))?);
        for entry in source.entries().map_err(cannot("read", archive))? {
            let item = entry.and_then(|mut entry| Item::read(&mut entry));
            if let Some(item) = item.map_err(cannot("read", archive))? {
                self.0.insert(item.path.clone(), item.nature());
            }
        }
        Ok(())
    }

    /// Tells whether lower layers have exactly this; what was asked for is not gone.
    pub(super) fn holds(&mut self, item: &Item) -> bool {
        self.0.remove(&item.path).is_some_and(|nature| nature == item.nature())
    }

    /// Hides everything that nobody asked for.
    pub(super) fn hide_the_rest(self, layer: &mut LayerWriter) -> Result<()> {
        let mut hidden: Option<PathBuf> = None;
        for path in self.0.into_keys() {
            if hidden.as_ref().is_some_and(|folder| path.starts_with(folder)) {
                continue;
            }
            let mut name = OsString::from(".wh.");
            name.push(path.file_name().unwrap_or_default());
            layer.add(
                &mut header(EntryType::Regular, 0o644, 0),
                &path.with_file_name(name),
                None,
                io::empty(),
            )?;
            hidden = Some(path);
        }
        Ok(())
    }
}

fn is_dot(part: &Component<'_>) -> bool {
    matches!(part, Component::CurDir)
}

/// A header with the numbers of `old` and none of its names.
fn plain_header(old: &tar::Header, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(old.entry_type());
    header.set_mode(old.mode().unwrap_or(0o644));
    header.set_uid(old.uid().unwrap_or(0));
    header.set_gid(old.gid().unwrap_or(0));
    header.set_mtime(old.mtime().map_or(EPOCH, |time| time.min(EPOCH)));
    header.set_size(size as u64);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::layer::decompress;

    fn layer(folder: &Path, name: &str, write: impl FnOnce(&mut LayerWriter)) -> PathBuf {
        let mut writer = LayerWriter::create(&folder.join(format!("{name}.gz"))).unwrap();
        write(&mut writer);
        let archive = folder.join(name);
        decompress(&writer.finish().unwrap().path, &archive).unwrap();
        archive
    }

    fn items(archive: &Path) -> Vec<Item> {
        let mut archive = Archive::new(File::open(archive).unwrap());
        let entries = archive.entries().unwrap();
        entries
            .filter_map(|entry| Item::read(&mut entry.unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn only_what_differs_is_new_and_what_is_gone_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let lower = layer(folder.path(), "lower", |layer| {
            layer.directory("etc", 0o755).unwrap();
            layer.file("etc/same", 0o644, b"1").unwrap();
            layer.file("etc/text", 0o644, b"1").unwrap();
            layer.file("etc/mode", 0o644, b"1").unwrap();
            layer.symlink("etc/link", "same").unwrap();
            layer.directory("old", 0o755).unwrap();
            layer.file("old/file", 0o644, b"1").unwrap();
        });
        let upper = layer(folder.path(), "upper", |layer| {
            layer.directory("etc", 0o755).unwrap();
            layer.file("etc/same", 0o644, b"1").unwrap();
            layer.file("etc/text", 0o644, b"2").unwrap();
            layer.file("etc/mode", 0o600, b"1").unwrap();
            layer.symlink("etc/link", "text").unwrap();
        });
        let mut below = Below::default();
        below.add(&lower).unwrap();
        let new: Vec<_> = items(&upper).into_iter().filter(|item| !below.holds(item)).collect();
        let names: Vec<_> = new.iter().map(|item| item.path.to_str().unwrap()).collect();
        assert_eq!(names, ["etc/text", "etc/mode", "etc/link"]);
        let hidden = layer(folder.path(), "hidden", |layer| below.hide_the_rest(layer).unwrap());
        let names: Vec<_> = items(&hidden).into_iter().map(|item| item.path).collect();
        assert_eq!(names, [PathBuf::from(".wh.old")]);
    }
}
