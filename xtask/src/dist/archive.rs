//! Archives as the Pulumi CLI downloads them: the same files give the same bytes, whoever packs them and when.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

/// 2020-01-01, on every file. Some programs take the beginning of time for a mistake.
const TIME: u64 = 1_577_836_800;

/// A file of an archive; all stand at its root.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) from: PathBuf,
    pub(super) executable: bool,
}

/// Packs `entries`, sorted by name, into the archive `to`.
pub(super) fn pack(mut entries: Vec<Entry>, to: &Path) -> io::Result<()> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let compressed = GzBuilder::new().write(File::create(to)?, Compression::default());
    let mut archive = tar::Builder::new(compressed);
    for entry in &entries {
        let mut file = File::open(&entry.from)?;
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(file.metadata()?.len());
        header.set_mode(if entry.executable { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(TIME);
        archive.append_data(&mut header, &entry.name, &mut file)?;
    }
    archive.into_inner()?.finish()?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<Entry> {
        let entry = |name: &str, executable| Entry {
            name: name.to_owned(),
            from: folder.join(name),
            executable,
        };
        vec![entry("program", true), entry("LICENSE", false)]
    }

    #[test]
    fn time_order_and_mode_on_disk_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let pack_all = |entries, to: &str| {
            for name in ["program", "LICENSE"] {
                std::fs::write(folder.path().join(name), name.repeat(1000)).unwrap();
            }
            pack(entries, &folder.path().join(to)).unwrap();
            std::fs::read(folder.path().join(to)).unwrap()
        };
        let first = pack_all(entries(folder.path()), "one.tar.gz");
        let program = File::open(folder.path().join("program")).unwrap();
        program.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let mut turned = entries(folder.path());
        turned.reverse();
        assert!(first == pack_all(turned, "other.tar.gz"));
    }

    #[test]
    fn programs_can_be_executed_and_belong_to_nobody_of_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["program", "LICENSE"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let path = folder.path().join("archive.tar.gz");
        pack(entries(folder.path()), &path).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(path).unwrap()));
        let found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let header = entry.unwrap().header().clone();
                let name = header.path().unwrap().display().to_string();
                (
                    name,
                    header.mode().unwrap(),
                    header.uid().unwrap(),
                    header.mtime().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("LICENSE".to_owned(), 0o644, 0, TIME),
                ("program".to_owned(), 0o755, 0, TIME)
            ]
        );
    }
}
