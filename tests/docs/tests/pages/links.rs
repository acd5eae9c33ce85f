//! Links: files and headings of this checkout exist, addresses elsewhere are whole. Nothing is asked over the network.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use docs::{Page, anchors, links, pages};
use fastcontainer_lab::workspace_root;

/// What is wrong with a link.
fn trouble(page: &Page, target: &str) -> Option<String> {
    if let Some(address) = target.strip_prefix("https://") {
        let whole = address.contains('.') && !address.contains([' ', '…']);
        return (!whole).then(|| "is no whole address".to_owned());
    }
    if target.contains("://") {
        return Some("is no address that begins with https".to_owned());
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = match path {
        "" => page.path.clone(),
        path => clean(&page.path.parent().unwrap_or(Path::new("")).join(path)),
    };
    // The registry shows pages as folders.
    let as_folder = path.strip_suffix('/').map(|name| format!("{name}.md"));
    let linked = match as_folder.map(|name| page.path.with_file_name(name)) {
        Some(shown) if workspace_root().join(&shown).exists() => shown,
        _ => linked,
    };
    let there = workspace_root().join(&linked);
    if !there.exists() {
        return Some(format!("leads to {}, which does not exist", linked.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&there).unwrap_or_default();
    let known = anchors(&text);
    (!known.iter().any(|one| one == anchor)).then(|| format!("{} has no heading `{anchor}`", linked.display()))
}

fn clean(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut kept, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(kept.pop()),
            other => kept.push(other),
        }
        kept
    })
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for page in pages() {
        for link in links(&page.text) {
            seen += 1;
            if let Some(trouble) = trouble(&page, &link.target) {
                broken.push(format!("{}: {} {trouble}", page.place(link.line), link.target));
            }
        }
    }
    assert!(broken.is_empty() && seen > 10, "{seen} links: {broken:#?}");
}

#[test]
fn a_link_to_nowhere_is_noticed() {
    let page = Page {
        path: "docs/a.md".into(),
        text: "# Here\n".into(),
    };
    let told = ["b.md", "../README.md#no-such", "#there", "http://e.org", "https://e"];
    assert!(told.iter().all(|target| trouble(&page, target).is_some()));
}

/// Newcomers find every page from the README, by links alone.
#[test]
fn every_page_of_docs_can_be_reached_from_the_readme() {
    let pages = pages();
    let (mut seen, mut next) = (BTreeSet::new(), vec![PathBuf::from("README.md")]);
    while let Some(path) = next.pop() {
        let Some(page) = pages
            .iter()
            .find(|page| page.path == path)
            .filter(|_| seen.insert(path.clone()))
        else {
            continue;
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let targets = links(&page.text).into_iter().map(|link| link.target);
        next.extend(targets.map(|target| clean(&folder.join(target.split('#').next().unwrap_or_default()))));
    }
    // The registry shows its two pages by itself.
    let alone = |page: &&Page| {
        let name = page.path.file_name().unwrap_or_default();
        page.path.starts_with("docs") && name != "_index.md" && name != "installation-configuration.md"
    };
    let lost: Vec<_> = pages
        .iter()
        .filter(alone)
        .filter(|page| !seen.contains(&page.path))
        .collect();
    assert!(
        lost.is_empty(),
        "{:?}",
        lost.iter().map(|page| &page.path).collect::<Vec<_>>()
    );
}
