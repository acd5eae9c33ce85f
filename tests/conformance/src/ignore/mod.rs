//! `.dockerignore`: pairs of an ignore file and a tree, and whether our rules keep what arrives in the image.
//!
//! `COPY . /` into an empty image shows what the client's own matcher let through. Ours may keep more only where it
//! says that it does not understand a pattern.

mod compare;
mod generate;
mod patterns;

pub use compare::{Verdict, arriving, compare};
pub use generate::generate;
pub(crate) use patterns::ordinary_line;

use crate::tree::Tree;

/// Where the Dockerfile lies, and with it which ignore file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Elsewhere; `.dockerignore` in the context counts.
    Elsewhere,
    /// In the context, without an ignore file beside it.
    InContext,
    /// In the context; the lines are in `Dockerfile.dockerignore` beside it.
    BesideInContext,
    /// Elsewhere; the lines are in `Dockerfile.dockerignore` beside it.
    BesideElsewhere,
}

/// An ignore file and a tree.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The lines, without their line ends.
    pub lines: Vec<Vec<u8>>,
    /// What ends a line.
    pub line_end: &'static str,
    /// Where the Dockerfile is.
    pub place: Place,
    /// The context without Dockerfile and ignore file.
    pub tree: Tree,
}

impl Pair {
    /// An ordinary pair of these lines and these paths; a path that ends in `/` is an empty directory.
    #[must_use]
    pub fn of(lines: &str, paths: &[&str]) -> Self {
        let mut tree = Tree::default();
        for path in paths {
            match path.strip_suffix('/') {
                Some(path) => tree.put(path, crate::Node::Directory),
                None => tree.put(path, crate::Node::file("x")),
            }
        }
        Self {
            lines: lines.split('\n').map(|line| line.as_bytes().to_vec()).collect(),
            line_end: "\n",
            place: Place::Elsewhere,
            tree,
        }
    }

    /// The ignore file's bytes.
    #[must_use]
    pub fn ignore_file(&self) -> Vec<u8> {
        self.lines.join(self.line_end.as_bytes())
    }

    /// Smaller pairs: one line less, or one entry less.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let fewer_lines = (0..self.lines.len()).map(|at| {
            let mut smaller = self.clone();
            smaller.lines.remove(at);
            smaller
        });
        let fewer_paths = self.tree.0.keys().map(|path| {
            let mut smaller = self.clone();
            smaller.tree.0.remove(path);
            smaller
        });
        fewer_lines.chain(fewer_paths).collect()
    }
}
