//! Which entries the ignore rules exclude, and which rule does.
//!
//! Responsible for the answer to "why does this file not count?". Lists names and reads nothing. An excluded directory
//! is one answer; what is in it is listed only where a rule may include some of it again.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::FileType;
use tokio_util::sync::CancellationToken;

use super::hash::problem_of;
use super::names::list;
use super::{is_out_of_reach, resolve_root};
use crate::beneath::{join, open_folder_at};
use crate::error::{ContextError, EntryProblem, EntryProblems};
use crate::ignore::{IgnoreRules, Verdict};

/// An entry that is not part of the context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// Path inside the context; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// The pattern that decided, as it is matched.
    pub rule: String,
    /// Its line in the ignore file, counted from 1.
    pub line: usize,
    /// Whether the entry is a directory; everything in it that is not listed otherwise is ignored with it.
    pub is_directory: bool,
}

/// All entries that `rules` exclude, sorted by path. Does not look into excluded directories in which nothing can be
/// included again. Blocks; ends soon after `cancel` is cancelled.
///
/// # Errors
/// As [`walk`](crate::walk); only directories that cannot be listed are problems.
pub fn explain_ignored(
    root: &Path,
    rules: &IgnoreRules,
    cancel: &CancellationToken,
) -> Result<Vec<Ignored>, ContextError> {
    let (root, _) = resolve_root(root)?;
    let mut ignored = Vec::new();
    let mut open: Vec<(Vec<u8>, Option<Verdict>)> = vec![(Vec::new(), None)];
    while let Some((folder, verdict)) = open.pop() {
        let listed = open_folder_at(&root, &folder).and_then(|folder| list(folder.as_fd(), cancel));
        if cancel.is_cancelled() {
            return Err(ContextError::Cancelled);
        }
        let names = match listed {
            Ok(names) => names,
            Err(errno) if verdict.as_ref().is_some_and(|verdict| verdict.excluded) && is_out_of_reach(errno) => {
                continue;
            }
            Err(errno) => {
                let path = String::from_utf8_lossy(&folder).into_owned();
                let kind = problem_of(errno);
                let problems = EntryProblems(vec![EntryProblem { path, kind }]);
                return Err(ContextError::Entries { root, problems });
            }
        };
        for (name, file_type) in names.iter() {
            let path = join(&folder, name);
            let judged = rules.judge(&path, verdict.as_ref())?;
            let is_directory = file_type == FileType::Directory;
            if let Some((rule, line)) = rules.decisive(&judged).filter(|_| judged.excluded) {
                let path = String::from_utf8_lossy(&path).into_owned();
                ignored.push(Ignored {
                    path,
                    rule,
                    line,
                    is_directory,
                });
            }
            if is_directory && (!judged.excluded || rules.may_include_below(&path)) {
                open.push((path, Some(judged)));
            }
        }
    }
    ignored.sort_unstable();
    Ok(ignored)
}
