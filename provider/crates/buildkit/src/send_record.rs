//! Send records on disk: what each endpoint was sent for each image, and when.
//!
//! Responsible for reading, locking and replacing one record per endpoint, project and image. The record is written
//! before the first byte of a build is sent, because even a failed or killed build may have run compilers on those
//! bytes; the daemon's clock follows in a small file of its own after each status. [`crate::send_times`] decides.
//!
//! Losing a record costs a full transfer and nothing else, so nothing here fails a build: a record that is absent,
//! unreadable or from another version counts as none. A build that finds the record locked by another one takes a
//! fresh key, and leaves a mark so that the next build does not trust times that this one outran.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::request::RecordKey;
use crate::send_times::{Candidate, History, Sent, decide};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct RecordFile {
    version: u32,
    shared_key: String,
    top: i64,
    sent: BTreeMap<String, Sent>,
}

/// What the files of a record say.
struct Known {
    shared_key: String,
    history: History,
}

impl Known {
    /// Forgets the transfers, not the clocks.
    fn without_sent(self) -> Self {
        Self {
            shared_key: fresh_key(),
            history: History {
                sent: BTreeMap::new(),
                ..self.history
            },
        }
    }
}

/// The times and the key of one build. Keeps the record locked while it lives.
#[derive(Debug)]
pub(crate) struct SendRecord {
    /// Name of the received tree in the daemon; nobody else knows it.
    pub(crate) shared_key: String,
    /// Time of each candidate in nanoseconds since 1970, in their order.
    pub(crate) times: Vec<i64>,
    clock: Option<DaemonClock>,
    _lock: Option<File>,
}

impl SendRecord {
    /// Decides the times of a build at the endpoint `identity` and writes the record. Blocks on the file system.
    pub(crate) fn begin(key: &RecordKey, identity: &str, candidates: &[Candidate], now: SystemTime) -> Self {
        let files = Files::of(key, identity);
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        match files.lock() {
            Ok(lock) => Self::begin_locked(files, lock, candidates, now),
            Err(reason) => {
                tracing::debug!(record = %files.record.display(), %reason, "send record not used");
                let times = decide(candidates, &files.read().without_sent().history, now);
                files.mark_outrun(times.top);
                Self {
                    shared_key: fresh_key(),
                    times: times.nanoseconds,
                    clock: None,
                    _lock: None,
                }
            }
        }
    }

    fn begin_locked(files: Files, lock: File, candidates: &[Candidate], now: i64) -> Self {
        let known = files.settle_outrun(files.read());
        let times = decide(candidates, &known.history, now);
        let sent = candidates.iter().zip(&times.nanoseconds);
        let sent = sent
            .map(|(c, time)| (c.path.clone(), Sent(c.mark.clone(), *time)))
            .collect();
        if let Err(error) = files.write(&known.shared_key, times.top, sent) {
            tracing::warn!(record = %files.record.display(), %error, "send record cannot be written; the whole context is sent");
            let _ = std::fs::remove_file(&files.record);
            let times = decide(candidates, &known.without_sent().history, now).nanoseconds;
            return Self {
                shared_key: fresh_key(),
                times,
                clock: None,
                _lock: Some(lock),
            };
        }
        let clock = DaemonClock {
            file: files.end,
            end: known.history.end,
        };
        Self {
            shared_key: known.shared_key,
            times: times.nanoseconds,
            clock: Some(clock),
            _lock: Some(lock),
        }
    }

    /// Takes the keeper of the daemon's clock, once.
    pub(crate) fn take_clock(&mut self) -> Option<DaemonClock> {
        self.clock.take()
    }
}

/// Keeps the latest second of the daemon's clock on disk.
#[derive(Debug)]
pub(crate) struct DaemonClock {
    file: PathBuf,
    end: i64,
}

impl DaemonClock {
    /// Whether [`DaemonClock::note`] would write.
    pub(crate) fn is_news(&self, second: i64) -> bool {
        second > self.end
    }

    /// Notes a second of the daemon's clock; writes it if it is later than what is on disk. Blocks on the file system.
    pub(crate) fn note(&mut self, second: i64) {
        if !self.is_news(second) {
            return;
        }
        self.end = second;
        if let Err(error) = replace(&self.file, second.to_string().as_bytes()) {
            tracing::warn!(file = %self.file.display(), %error, "the end of the build cannot be recorded");
        }
    }
}

/// The files of one record.
struct Files {
    record: PathBuf,
    end: PathBuf,
    lock: PathBuf,
    outrun: PathBuf,
}

impl Files {
    fn of(key: &RecordKey, identity: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [identity, &key.project, &key.resource] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let name = hex::encode(&hash.finalize()[..16]);
        let file = |extension: &str| key.directory.join(format!("{name}.{extension}"));
        Self {
            record: file("json"),
            end: file("end"),
            lock: file("lock"),
            outrun: file("outrun"),
        }
    }

    fn lock(&self) -> io::Result<File> {
        if let Some(directory) = self.lock.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = File::options().create(true).append(true).open(&self.lock)?;
        file.try_lock().map_err(io::Error::from)?;
        Ok(file)
    }

    /// What is known; a fresh key and nothing sent if either file is not as we write it.
    fn read(&self) -> Known {
        let record = std::fs::read(&self.record)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<RecordFile>(&bytes).ok());
        let record = record.filter(|record| record.version == VERSION && !record.shared_key.is_empty());
        let end = match std::fs::read_to_string(&self.end) {
            Ok(text) => text.trim().parse().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(0),
            Err(_) => None,
        };
        let (end, usable) = (end.unwrap_or(0), end.is_some());
        match record {
            Some(RecordFile {
                shared_key, top, sent, ..
            }) => {
                let known = Known {
                    shared_key,
                    history: History { sent, top, end },
                };
                if usable { known } else { known.without_sent() }
            }
            None => Known {
                shared_key: fresh_key(),
                history: History {
                    end,
                    ..History::default()
                },
            },
        }
    }

    fn write(&self, shared_key: &str, top: i64, sent: BTreeMap<String, Sent>) -> io::Result<()> {
        let record = RecordFile {
            version: VERSION,
            shared_key: shared_key.to_owned(),
            top,
            sent,
        };
        replace(&self.record, &serde_json::to_vec(&record)?)
    }

    /// Notes that a build without the record sent times up to `top`: one line for each such build.
    fn mark_outrun(&self, top: i64) {
        let file = File::options().create(true).append(true).open(&self.outrun);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{top}")) {
            tracing::warn!(file = %self.outrun.display(), %error, "a build beside another one cannot be recorded");
        }
    }

    /// Forgets what was sent if other builds outran the record, on disk first and then the mark, so that a crash in
    /// between forgets twice and never too little.
    fn settle_outrun(&self, known: Known) -> Known {
        let Ok(text) = std::fs::read_to_string(&self.outrun) else {
            return known;
        };
        let outran = text.lines().filter_map(|line| line.parse().ok()).max().unwrap_or(0);
        let mut known = known.without_sent();
        known.history.top = known.history.top.max(outran);
        if self
            .write(&known.shared_key, known.history.top, BTreeMap::new())
            .is_ok()
        {
            let _ = std::fs::remove_file(&self.outrun);
        }
        known
    }
}

/// Replaces a file as a whole: readers see the old or the new content.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// 128 random bits. Without a source of randomness the clock must do: the key separates, it does not protect.
pub(crate) fn fresh_key() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        bytes = since.as_nanos().to_le_bytes();
    }
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;
