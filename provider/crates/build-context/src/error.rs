//! What can be wrong with a build context, by what happened.
//!
//! Responsible for naming the path, the line or the pattern at fault, so that nobody has to look for it. Messages are
//! fragments for the level above; advice for the user belongs there too.
//!
//! Refuses to hide entries: everything that cannot be sent is listed, never skipped.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Problems that one message lists.
const LISTED: usize = 10;

/// Why a build context cannot be read or cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// There is nothing at the path of the context.
    #[error("context `{}` does not exist", path.display())]
    ContextMissing {
        /// The absolute path that was tried.
        path: PathBuf,
    },
    /// The context is something else than a directory.
    #[error("context `{}` is not a directory", path.display())]
    ContextNotADirectory {
        /// The absolute path that was tried.
        path: PathBuf,
    },
    /// The context itself cannot be opened.
    #[error("context `{}` cannot be opened", path.display())]
    ContextUnreadable {
        /// The absolute path that was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Entries of the context that cannot be sent, all of them.
    #[error("context `{}` holds what cannot be sent: {problems}", root.display())]
    Entries {
        /// The context.
        root: PathBuf,
        /// The entries, ordered by path.
        problems: EntryProblems,
    },
    /// A line of the ignore file that is not a pattern.
    #[error("`{file}:{line}`: the pattern `{pattern}` is invalid: {reason}")]
    IgnorePattern {
        /// Name of the ignore file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The pattern as it is matched.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no Dockerfile.
    #[error("Dockerfile `{}` does not exist", path.display())]
    DockerfileMissing {
        /// The absolute path that was tried.
        path: PathBuf,
    },
    /// A Dockerfile or an ignore file that is a directory or a device.
    #[error("`{}` is not a file", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// A Dockerfile or an ignore file that nobody wrote.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// Its path.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file that cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what was fingerprinted any more.
    #[error("`{path}` changed while it was being built")]
    ChangedDuringBuild {
        /// Path inside the context.
        path: String,
    },
    /// The archive of the context cannot be written.
    #[error("the archive of the context cannot be written")]
    ArchiveUnwritable {
        /// What the system said.
        source: io::Error,
    },
    /// The walk was cancelled.
    #[error("reading the context was cancelled")]
    Cancelled,
}

impl ContextError {
    /// Whether the context or the Dockerfile does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::ContextMissing { .. } | Self::DockerfileMissing { .. })
    }

    /// Whether permissions are the reason.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::ContextUnreadable { source, .. } | Self::Unreadable { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            Self::Entries { problems, .. } => problems
                .0
                .iter()
                .any(|one| matches!(one.kind, ProblemKind::PermissionDenied)),
            _ => false,
        }
    }

    /// Whether the walk was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// Whether the same call may succeed without a change by the user: files were being written.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::ChangedDuringBuild { .. } => true,
            Self::Entries { problems, .. } => problems
                .0
                .iter()
                .all(|one| matches!(one.kind, ProblemKind::KeepsChanging)),
            _ => false,
        }
    }
}

/// Entries that cannot be sent, ordered by path. The message lists ten and counts the rest.
#[derive(Debug)]
pub struct EntryProblems(pub Vec<EntryProblem>);

impl fmt::Display for EntryProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().take(LISTED).enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// An entry of the context that cannot be sent.
#[derive(Debug)]
pub struct EntryProblem {
    /// Path inside the context; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.escape_debug(), self.kind)
    }
}

/// What is wrong with an entry.
#[derive(Debug)]
pub enum ProblemKind {
    /// It is neither file, directory nor symbolic link; holds what it is, such as `socket`.
    Special(&'static str),
    /// It may not be read.
    PermissionDenied,
    /// Its name or link text is not UTF-8.
    NotUtf8,
    /// It was different each time it was read, or vanished.
    KeepsChanging,
    /// Reading it failed in another way.
    Io(io::Error),
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special(what) => write!(f, "is a {what}"),
            Self::PermissionDenied => f.write_str("may not be read: permission denied"),
            Self::NotUtf8 => f.write_str("has a name or link text that is not UTF-8"),
            Self::KeepsChanging => f.write_str("changes or vanishes while it is read"),
            Self::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}
