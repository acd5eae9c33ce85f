//! What our crates say about a case on disk: the fingerprint, the keys of the steps, what a builder would be shown.

use fastcontainer_build_context::{Pattern, Selection, Snapshot, StatCache, find_ignore_file, walk};
use fastcontainer_dockerfile::{Extent, Source, step_keys};
use tokio_util::sync::CancellationToken;

use super::{Analysis, NAMED, Site};

/// Our view of a case.
#[derive(Debug)]
pub struct Ours {
    /// Changes when anything changes that counts.
    pub fingerprint: String,
    /// What counts of the main context.
    pub context: Snapshot,
    /// What counts of the named context.
    pub named: Snapshot,
    /// The steps with their keys.
    pub steps: Vec<(String, [u8; 8])>,
}

/// Analyses what is on disk.
///
/// # Errors
/// With the message that a user would see.
pub fn fingerprint(site: &Site) -> Result<Ours, String> {
    let analysis = Analysis::of(site.case())?;
    let nothing = Extent::Paths(Vec::new());
    let selected = selection(&analysis.reads.context);
    let selected_named = selection(analysis.reads.named.get(NAMED).unwrap_or(&nothing));
    let context = read(site, &selected, None)?;
    let named = read(site, &selected_named, Some(NAMED))?;
    let digest_of = |source: &Source, name: Option<&str>| {
        let snapshot = if name.is_some() { &named } else { &context };
        *snapshot.digest_of(&Selection::of(vec![pattern(source)])).as_bytes()
    };
    let keys = step_keys(&analysis.steps, &digest_of, &|_| None);
    let labels = analysis.steps.iter().map(|step| step.label.clone());
    Ok(Ours {
        fingerprint: format!("{} {} {:?}", context.digest(), named.digest(), analysis.canonical),
        steps: labels.zip(keys).collect(),
        context,
        named,
    })
}

/// Walks one context twice: from scratch, and with the stat cache that the site keeps.
fn read(site: &Site, selection: &Selection, name: Option<&str>) -> Result<Snapshot, String> {
    let cancel = CancellationToken::new();
    let dockerfile = site.dockerfile();
    let (root, dockerfile) = match name {
        Some(_) => (site.named(), None),
        None => (site.context(), Some(dockerfile.as_path())),
    };
    let rules = find_ignore_file(&root, dockerfile).map_err(|error| error.to_string())?;
    let read = |cache: &StatCache| walk(&root, &rules, selection, cache, &cancel).map_err(|error| error.to_string());
    let (fresh, cached) = (read(&StatCache::disabled())?, read(site.stat_cache())?);
    assert_eq!(fresh.entries(), cached.entries(), "the stat cache is stale");
    Ok(fresh)
}

fn selection(extent: &Extent) -> Selection {
    match extent {
        Extent::Whole(_) => Selection::whole(),
        Extent::Paths(sources) => Selection::of(sources.iter().map(pattern).collect()),
    }
}

/// What `--exclude` is relative to with `--parents`, only the builder's matcher knows: nothing is left out there.
fn pattern(source: &Source) -> Pattern {
    let excludes = if source.parents.is_some() {
        Vec::new()
    } else {
        source.excludes.clone()
    };
    Pattern {
        path: source.path.clone(),
        excludes,
    }
}
