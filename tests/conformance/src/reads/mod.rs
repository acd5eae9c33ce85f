//! The Dockerfile analysis: does everything that an image can change with count in the fingerprint?
//!
//! Two experiments on a generated Dockerfile and tree. *Narrowed*: a build that is shown only what the analysis selects
//! must give the same image as a build that sees everything. *Changed*: when one edit of the context changes the image,
//! the fingerprint must change; the other way round is only counted.

mod analysis;
mod change;
mod compare;
mod generate;
mod ours;
mod rewrite;
mod sources;
mod steps;
mod tally;

pub use analysis::Analysis;
pub use change::{READABLE, change};
pub use compare::{Answer, Outcome, changed, narrowed, shrunk_change, shrunk_narrowing};
pub use generate::generate;
pub use ours::{Ours, fingerprint};
pub use rewrite::rewrite;
pub use tally::Tally;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use fastcontainer_build_context::StatCache;

use crate::builder::{Built, Order};
use crate::report::Report;
use crate::tree::{Node, Tree};

/// What busybox brings along, and no instruction of a case writes to.
const OF_THE_BASE: [&str; 15] = [
    "bin", "dev", "etc", "home", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var", "mnt",
];

/// The name of the one named context.
pub(crate) const NAMED: &str = "assets";

/// A Dockerfile and what it can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Instructions; one may have several lines.
    pub instructions: Vec<String>,
    /// The main context, ignore file included.
    pub context: Tree,
    /// The named context `assets`.
    pub named: Tree,
    /// Whether the Dockerfile is a file of the main context.
    pub dockerfile_in_context: bool,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
}

impl Case {
    /// The Dockerfile's text.
    #[must_use]
    pub fn dockerfile(&self) -> String {
        self.instructions.join("\n") + "\n"
    }

    /// Everything that a case can do without.
    pub(crate) fn removals(&self) -> Vec<Removal> {
        let instructions = (0..self.instructions.len()).map(Removal::Instruction);
        let context = self.context.0.keys().cloned().map(Removal::InContext);
        let named = self.named.0.keys().cloned().map(Removal::InNamed);
        instructions.chain(context).chain(named).collect()
    }

    pub(crate) fn without(&self, removal: &Removal) -> Self {
        let mut smaller = self.clone();
        match removal {
            Removal::Instruction(at) => drop(smaller.instructions.remove(*at)),
            Removal::InContext(path) => drop(smaller.context.0.remove(path)),
            Removal::InNamed(path) => drop(smaller.named.0.remove(path)),
        }
        smaller
    }
}

/// One part of a case.
#[derive(Debug, Clone)]
pub(crate) enum Removal {
    Instruction(usize),
    InContext(String),
    InNamed(String),
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "target {:?}, build arguments {:?}", self.target, self.build_args)?;
        for (name, tree) in [("context", &self.context), (NAMED, &self.named)] {
            for (path, node) in &tree.0 {
                match node {
                    Node::Directory => writeln!(f, "  {name}: {path}/")?,
                    Node::Link(text) => writeln!(f, "  {name}: {path} -> {text}")?,
                    Node::File { content, mode } => {
                        let text = String::from_utf8_lossy(content);
                        let text: String = text.chars().take(60).collect();
                        writeln!(f, "  {name}: {path} {mode:o} {text:?}")?;
                    }
                }
            }
        }
        f.write_str(&self.dockerfile())
    }
}

/// A case on disk.
#[derive(Debug)]
pub struct Site {
    folder: tempfile::TempDir,
    case: Case,
    stat_cache: StatCache,
}

impl Site {
    /// Writes the case.
    ///
    /// # Panics
    /// If the disk refuses.
    #[must_use]
    pub fn of(case: &Case) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        case.context.write(&folder.path().join("context"));
        case.named.write(&folder.path().join(NAMED));
        let site = Self {
            stat_cache: StatCache::new(folder.path().join("cache")),
            folder,
            case: case.clone(),
        };
        site.write_dockerfile();
        site
    }

    /// Makes it the site of another case by touching only what differs.
    pub fn become_case(&mut self, case: &Case) {
        let dockerfile = self.dockerfile();
        case.context.write_over(&self.case.context, &self.context());
        case.named.write_over(&self.case.named, &self.named());
        if self.case.dockerfile() != case.dockerfile() || !dockerfile.is_file() {
            self.case = case.clone();
            self.write_dockerfile();
        }
        self.case = case.clone();
    }

    /// What is on disk.
    #[must_use]
    pub fn case(&self) -> &Case {
        &self.case
    }

    pub(crate) fn stat_cache(&self) -> &StatCache {
        &self.stat_cache
    }

    fn write_dockerfile(&self) {
        let path = self.dockerfile();
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, self.case.dockerfile()).expect("a Dockerfile");
    }

    /// The main context.
    #[must_use]
    pub fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }

    /// The named context.
    #[must_use]
    pub fn named(&self) -> PathBuf {
        self.folder.path().join(NAMED)
    }

    /// The Dockerfile.
    #[must_use]
    pub fn dockerfile(&self) -> PathBuf {
        let folder = if self.case.dockerfile_in_context {
            "context"
        } else {
            "beside"
        };
        self.folder.path().join(folder).join("Dockerfile")
    }

    /// Builds what is on disk.
    #[must_use]
    pub fn build(&self) -> Built {
        self.build_from(&self.context(), &self.named())
    }

    /// Builds with other contexts. The ignore files there count.
    #[must_use]
    pub fn build_from(&self, context: &Path, named: &Path) -> Built {
        self.ordering(context, named, |order, archive| order.build(archive, &OF_THE_BASE))
    }

    /// Builds what is on disk with the daemon's cache, and tells what the daemon did. `None` when the build fails.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        self.ordering(&self.context(), &self.named(), |order, archive| order.report(archive))
    }

    fn ordering<T>(&self, context: &Path, named: &Path, then: impl FnOnce(Order<'_>, &Path) -> T) -> T {
        let mut options: Vec<_> = self
            .case
            .build_args
            .iter()
            .map(|(name, value)| (format!("build-arg:{name}"), value.clone()))
            .collect();
        options.extend(self.case.target.iter().map(|name| ("target".to_owned(), name.clone())));
        let order = Order {
            context,
            dockerfile: &self.dockerfile(),
            named: &BTreeMap::from([(NAMED.to_owned(), named.to_owned())]),
            options: &options,
        };
        then(order, &self.folder.path().join("image.tar"))
    }
}
