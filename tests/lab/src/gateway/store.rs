//! Answers of registries on disk: one file each, a line of JSON and then the body.
//!
//! Archives never change and are kept for good. Lists of versions do change: they are *fresh* for a day, and serve beyond that only
//! when the registry cannot be reached. Shared by all labs of a user; a file gets its name when it is whole.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::error::{LabError, Result, cannot};

const FRESH: Duration = Duration::from_hours(24);

/// What is asked of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// One of the gateway's names.
    pub(super) host: String,
    /// Path and query.
    pub(super) path: String,
    /// Header `Accept`, which decides about the form of a list.
    pub(super) accept: String,
}

/// What precedes the body.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Head {
    /// HTTP status.
    pub(super) status: u16,
    /// Header `Content-Type`.
    pub(super) content_type: Option<String>,
    /// Where it is from, for people who look into the store.
    pub(super) source: String,
}

/// An answer that is there.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: Head,
    /// Positioned at the body.
    pub(super) file: File,
    /// Length of the body.
    pub(super) length: u64,
}

/// The folder of answers.
#[derive(Debug, Clone)]
pub(super) struct Store(pub(super) PathBuf);

impl Question {
    /// True for what a registry never replaces: everything with a version in its name.
    fn is_immutable(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        match self.host.as_str() {
            "files.pythonhosted.org" | "static.crates.io" => true,
            "registry.npmjs.org" => path.ends_with(".tgz"),
            "proxy.golang.org" => [".zip", ".mod", ".info"].iter().any(|end| path.ends_with(end)),
            "repo1.maven.org" | "repo.maven.apache.org" => {
                !path.contains("maven-metadata") && !path.contains("-SNAPSHOT")
            }
            _ => false,
        }
    }
}

impl Store {
    /// The stored answer, and whether it may be given without asking.
    pub(super) fn find(&self, question: &Question) -> Option<(Answer, bool)> {
        let file = File::open(self.path(question)).ok()?;
        let metadata = file.metadata().ok()?;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let head: Head = serde_json::from_str(&line).ok()?;
        let age = SystemTime::now()
            .duration_since(metadata.modified().ok()?)
            .unwrap_or_default();
        let fresh = (head.status == 200 && question.is_immutable()) || age < FRESH;
        let length = metadata.len() - line.len() as u64;
        (&file).seek(SeekFrom::Start(line.len() as u64)).ok()?;
        Some((Answer { head, file, length }, fresh))
    }

    /// Begins an answer; [`Self::keep`] gives it its name.
    pub(super) fn begin(&self, head: &Head) -> Result<NamedTempFile> {
        fs::create_dir_all(&self.0).map_err(cannot("create", &self.0))?;
        let mut file = NamedTempFile::new_in(&self.0).map_err(cannot("create", &self.0))?;
        let line = serde_json::to_string(head).map_err(|error| LabError::malformed("an answer", error))?;
        writeln!(file, "{line}").map_err(cannot("write", file.path()))?;
        Ok(file)
    }

    /// Ends an answer.
    pub(super) fn keep(&self, question: &Question, file: NamedTempFile) -> Result<()> {
        let path = self.path(question);
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(cannot("create", folder))?;
        file.persist(&path)
            .map(drop)
            .map_err(|error| cannot("write", &path)(error.error))
    }

    fn path(&self, question: &Question) -> PathBuf {
        let accept = if question.is_immutable() { "" } else { &question.accept };
        let key = Sha256::digest(format!("{}\n{accept}", question.path));
        self.0.join(&question.host).join(hex::encode(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn question(host: &str, path: &str, accept: &str) -> Question {
        Question {
            host: host.into(),
            path: path.into(),
            accept: accept.into(),
        }
    }

    fn keep(store: &Store, question: &Question, status: u16, body: &str) {
        let head = Head {
            status,
            content_type: None,
            source: question.path.clone(),
        };
        let mut file = store.begin(&head).unwrap();
        file.write_all(body.as_bytes()).unwrap();
        store.keep(question, file).unwrap();
    }

    fn make_old(store: &Store, question: &Question) {
        let file = File::options().write(true).open(store.path(question)).unwrap();
        file.set_modified(SystemTime::now() - FRESH - FRESH).unwrap();
    }

    #[test]
    fn kept_answer_is_found_with_its_body() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(folder.path().to_owned());
        let asked = question("pypi.org", "/simple/six/", "text/html");
        keep(&store, &asked, 200, "a\nb\n");
        let (mut answer, fresh) = store.find(&asked).unwrap();
        let mut body = String::new();
        answer.file.read_to_string(&mut body).unwrap();
        assert_eq!((body.as_str(), answer.length, fresh), ("a\nb\n", 4, true));
    }

    #[test]
    fn lists_age_and_archives_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(folder.path().to_owned());
        for (path, lasting) in [("/six/-/six-1.0.0.tgz", true), ("/six", false)] {
            let asked = question("registry.npmjs.org", path, "*/*");
            keep(&store, &asked, 200, "x");
            make_old(&store, &asked);
            assert_eq!(store.find(&asked).unwrap().1, lasting, "{path}");
        }
    }

    #[test]
    fn missing_archive_is_asked_for_again_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(folder.path().to_owned());
        let asked = question("static.crates.io", "/crates/x/x-1.0.0.crate", "*/*");
        keep(&store, &asked, 404, "no");
        make_old(&store, &asked);
        assert!(!store.find(&asked).unwrap().1);
    }

    #[test]
    fn forms_of_a_list_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(folder.path().to_owned());
        keep(&store, &question("pypi.org", "/simple/six/", "text/html"), 200, "html");
        let json = question("pypi.org", "/simple/six/", "application/vnd.pypi.simple.v1+json");
        assert!(store.find(&json).is_none());
    }
}
