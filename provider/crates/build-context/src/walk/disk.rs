//! The tree on disk as a selection is resolved in it: without what the ignore rules exclude.
//!
//! A link that is excluded cannot be seen by the builder, so it is not followed. Directories are opened one name at a
//! time from the root; the one that was opened last stays open, because questions about one directory come together.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, readlinkat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::hash::problem_of;
use super::is_out_of_reach;
use super::names::{file_type_of, list};
use crate::beneath::{is_replaced, join, open_folder_at};
use crate::error::{ContextError, EntryProblem, EntryProblems};
use crate::ignore::{IgnoreRules, Verdict};
use crate::selection::{Kind, View};

/// A context on disk.
pub(super) struct Disk<'d> {
    root: &'d Path,
    rules: &'d IgnoreRules,
    cancel: &'d CancellationToken,
    /// What the rules say about the directories that were met.
    verdicts: HashMap<Vec<u8>, Verdict>,
    open: Option<(Vec<u8>, OwnedFd)>,
}

impl<'d> Disk<'d> {
    pub(super) fn new(root: &'d Path, rules: &'d IgnoreRules, cancel: &'d CancellationToken) -> Self {
        Self {
            root,
            rules,
            cancel,
            verdicts: HashMap::new(),
            open: None,
        }
    }

    /// Asks `question` about a directory; none if that is not there, or may not be read but is excluded.
    fn ask<T>(
        &mut self,
        folder: &[u8],
        question: impl FnOnce(BorrowedFd<'_>, &CancellationToken) -> Result<T, Errno>,
    ) -> Result<Option<T>, ContextError> {
        if self.cancel.is_cancelled() {
            return Err(ContextError::Cancelled);
        }
        if self.open.as_ref().is_none_or(|(path, _)| path != folder) {
            self.open = None;
            match open_folder_at(self.root, folder) {
                Ok(descriptor) => self.open = Some((folder.to_vec(), descriptor)),
                Err(errno) => return self.trouble(folder, errno),
            }
        }
        let Some((_, descriptor)) = &self.open else {
            return Ok(None);
        };
        match question(descriptor.as_fd(), self.cancel) {
            Ok(answer) => Ok(Some(answer)),
            Err(errno) => self.trouble(folder, errno),
        }
    }

    fn trouble<T>(&self, folder: &[u8], errno: Errno) -> Result<Option<T>, ContextError> {
        let excluded = self.verdicts.get(folder).is_some_and(|verdict| verdict.excluded);
        if is_replaced(errno) || (excluded && is_out_of_reach(errno)) {
            return Ok(None);
        }
        Err(ContextError::Entries {
            root: self.root.to_owned(),
            problems: EntryProblems(vec![EntryProblem {
                path: String::from_utf8_lossy(folder).into_owned(),
                kind: problem_of(errno),
            }]),
        })
    }

    /// What a name is to the builder; none if it does not see it.
    fn kind(&mut self, folder: &[u8], name: &[u8], file_type: FileType) -> Result<Option<Kind>, ContextError> {
        let path = join(folder, name);
        let verdict = self.rules.judge(&path, self.verdicts.get(folder))?;
        let is_directory = file_type == FileType::Directory;
        if verdict.excluded && !(is_directory && self.rules.may_include_below(&path)) {
            return Ok(None);
        }
        Ok(match file_type {
            FileType::Directory => {
                self.verdicts.insert(path, verdict);
                Some(Kind::Directory)
            }
            FileType::Symlink => {
                let text = self.ask(folder, |folder, _| match readlinkat(folder, name, Vec::new()) {
                    Ok(text) => Ok(Some(Kind::Link(text.into_bytes()))),
                    Err(Errno::INVAL | Errno::NOENT) => Ok(None),
                    Err(errno) => Err(errno),
                })?;
                text.flatten()
            }
            _ => Some(Kind::File),
        })
    }
}

impl View for Disk<'_> {
    type Error = ContextError;

    fn look_up(&mut self, folder: &[u8], name: &[u8]) -> Result<Option<Kind>, ContextError> {
        match self.ask(folder, |folder, _| file_type_of(folder, name))?.flatten() {
            Some(file_type) => self.kind(folder, name, file_type),
            None => Ok(None),
        }
    }

    fn list(&mut self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Kind)>, ContextError> {
        // A descriptor that was listed once stands at its end.
        self.open = None;
        let listed = self.ask(folder, list)?;
        self.open = None;
        let Some(names) = listed else {
            return Ok(Vec::new());
        };
        let mut kinds = Vec::with_capacity(names.len());
        for (name, file_type) in names.iter() {
            if let Some(kind) = self.kind(folder, name, file_type)? {
                kinds.push((name.to_vec(), kind));
            }
        }
        Ok(kinds)
    }
}
