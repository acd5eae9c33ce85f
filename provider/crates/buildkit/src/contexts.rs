//! The directories of a build: the build context and the named contexts that are directories.
//!
//! Responsible for the names under which the session serves them, and for one list of candidates for the send record,
//! so that one record and one ordering of times serve all of them.
//!
//! Refuses to give two directories one name, in the session or in the record.

use sha2::{Digest, Sha256};

use crate::request::{BuildRequest, ContextView, NamedContextSource};
use crate::send_times::Candidate;
use crate::session::{ServedContext, Tree};

/// The session's name of the build context.
const MAIN: &str = "context";

/// A directory that is served to the builder.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    /// Its name in the session.
    pub(crate) name: String,
    /// How errors speak of it.
    label: String,
    view: ContextView,
}

/// The session's name of a named context. Names may be of any text, directories in metadata may not; and a name must
/// not depend on the other contexts, because the builder keeps what it received under it.
pub(crate) fn directory_name(context: &str) -> String {
    format!("named-{}", hex::encode(&Sha256::digest(context.as_bytes())[..16]))
}

/// All directories, the build context first.
pub(crate) fn directories(request: &BuildRequest) -> Vec<Directory> {
    let main = Directory {
        name: MAIN.to_owned(),
        label: "the build context".to_owned(),
        view: request.context.clone(),
    };
    let named = request.named_contexts.iter().filter_map(|(name, source)| match source {
        NamedContextSource::Directory(view) => Some(Directory {
            name: directory_name(name),
            label: format!("the named context `{name}`"),
            view: view.clone(),
        }),
        NamedContextSource::Image(_) => None,
    });
    std::iter::once(main).chain(named).collect()
}

/// What the times of all directories are decided by, in the order of their entries. Paths of a context never begin
/// with a slash; those of named contexts do here.
pub(crate) fn candidates(directories: &[Directory]) -> Vec<Candidate> {
    let of = |directory: &Directory| {
        let mut candidates = Tree::candidates(&directory.view.snapshot);
        if directory.name != MAIN {
            for candidate in &mut candidates {
                candidate.path = format!("/{}/{}", directory.name, candidate.path);
            }
        }
        candidates
    };
    directories.iter().flat_map(of).collect()
}

/// The directories with the times of [`candidates`], ready to be served.
pub(crate) fn served(directories: Vec<Directory>, mut times: &[i64]) -> Vec<ServedContext> {
    let serve = |Directory { name, label, view }| {
        let ContextView { snapshot, follow } = view;
        let (own, rest) = times.split_at(snapshot.entries().len().min(times.len()));
        times = rest;
        ServedContext::new(name, label, Tree::of_context(snapshot, own), follow)
    };
    directories.into_iter().map(serve).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use crate::cache::CacheOptions;
    use crate::request::{DockerfileSource, FrontendOptions, RecordKey};
    use fastcontainer_build_context::{IgnoreRules, Selection, StatCache, walk};
    use tokio_util::sync::CancellationToken;

    fn view(root: &Path, directory: &str, files: &[&str]) -> ContextView {
        let directory = root.join(directory);
        for file in files {
            std::fs::create_dir_all(directory.join(file).parent().unwrap()).unwrap();
            std::fs::write(directory.join(file), file).unwrap();
        }
        ContextView::whole(Arc::new(
            walk(
                &directory,
                &IgnoreRules::none(),
                &Selection::whole(),
                &StatCache::disabled(),
                &CancellationToken::new(),
            )
            .unwrap(),
        ))
    }

    fn request(root: &Path) -> BuildRequest {
        let directory = |name: &str, files| NamedContextSource::Directory(view(root, name, files));
        let contexts = [
            ("a", directory("one", &["b/c"])),
            ("a/b", directory("two", &["c", "d"])),
            ("image", NamedContextSource::Image("alpine".into())),
        ];
        BuildRequest {
            dockerfile: DockerfileSource {
                name: "Dockerfile".into(),
                bytes: Vec::new(),
            },
            context: view(root, "main", &["a/b/c", "d"]),
            named_contexts: contexts.map(|(name, source)| (name.to_owned(), source)).into(),
            pins: BTreeMap::new(),
            options: FrontendOptions::default(),
            repository: "localhost:5000/app".into(),
            insecure_registry: true,
            credentials: BTreeMap::new(),
            secrets: BTreeMap::new(),
            cache: CacheOptions::default(),
            record: RecordKey {
                directory: root.to_owned(),
                project: "shop".into(),
                resource: "api".into(),
            },
        }
    }

    #[test]
    fn no_two_entries_share_a_place_in_the_record() {
        let root = tempfile::tempdir().unwrap();
        let candidates = candidates(&directories(&request(root.path())));
        let mut paths: Vec<_> = candidates.iter().map(|candidate| candidate.path.as_str()).collect();
        assert_eq!((paths.len(), &paths[..4]), (8, &["a", "a/b", "a/b/c", "d"][..]));
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), 8);
    }

    #[test]
    fn every_directory_is_served_with_its_own_times() {
        let root = tempfile::tempdir().unwrap();
        let directories = directories(&request(root.path()));
        let names: Vec<_> = directories.iter().map(|directory| directory.name.clone()).collect();
        assert_eq!(names, [MAIN.to_owned(), directory_name("a"), directory_name("a/b")]);
        let times: Vec<i64> = (0..8).collect();
        let served = served(directories, &times);
        let sent: Vec<Vec<i64>> = served.iter().map(ServedContext::times).collect();
        assert_eq!(sent, [vec![0, 1, 2, 3], vec![4, 5], vec![6, 7]]);
    }
}
