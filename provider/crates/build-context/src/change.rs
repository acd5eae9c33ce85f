//! One difference between two lists of files.
//!
//! Responsible for the words in which a change is told. Decides nothing: whether an image is built again is a matter of
//! digests alone.

/// One path that differs between two manifests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Path inside the context.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It holds other bytes, or is another kind of entry.
    Modified,
    /// It is gone.
    Deleted,
    /// It became executable, or is not executable any more.
    ModeChanged,
    /// A symbolic link points somewhere else.
    Retargeted,
}
