//! Why an image is built: reasons as data, and the one sentence that a person reads.

use std::fmt;

use fastcontainer_build_context::{Change, ChangeKind};

use super::fingerprint::Fingerprint;
use super::options::BuildOptions;
use crate::untrusted::neutralise;

/// How many file names one sentence lists.
const NAMES_SHOWN: usize = 10;

/// One cause of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no earlier image.
    NewImage,
    /// The earlier image was imported: nobody knows what it was built from.
    Imported,
    /// The image is to live in another repository.
    OtherRepository,
    /// The image that the state names is not in the registry any more.
    ImageGone,
    /// `reuse: never` asks for a build of its own.
    ReuseNever,
    /// These files of the context changed.
    Files(Vec<Change>),
    /// The context changed, and this machine does not know the earlier files.
    ContextChanged,
    /// The Dockerfile's instructions changed.
    Dockerfile,
    /// A build argument was added, removed or has another value; values are never shown.
    BuildArg(String),
    /// Another input that counts in the fingerprint, by its property name.
    Input(&'static str),
    /// The provider fingerprints in a new way.
    FingerprintVersion,
}

/// What is compared: one side's fingerprint and options.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The content fingerprint.
    pub fingerprint: &'a Fingerprint,
    /// The options that went into it.
    pub options: &'a BuildOptions,
}

/// Names every difference between two builds; `changes` are the changed files when both file lists are known.
#[must_use]
pub fn explain(old: Side<'_>, new: Side<'_>, changes: Option<Vec<Change>>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if old.fingerprint.context != new.fingerprint.context {
        reasons.push(match changes {
            Some(changes) if !changes.is_empty() => Reason::Files(changes),
            _ => Reason::ContextChanged,
        });
    }
    if old.fingerprint.dockerfile != new.fingerprint.dockerfile {
        reasons.push(Reason::Dockerfile);
    }
    reasons.extend(option_reasons(old.options, new.options));
    if reasons.is_empty() && old.fingerprint.total != new.fingerprint.total {
        reasons.push(Reason::FingerprintVersion);
    }
    reasons
}

fn option_reasons(old: &BuildOptions, new: &BuildOptions) -> Vec<Reason> {
    let BuildOptions {
        target,
        platform,
        build_args,
        labels,
        network,
        add_hosts,
        triggers,
    } = new;
    let names: std::collections::BTreeSet<_> = old.build_args.keys().chain(build_args.keys()).collect();
    let args = names
        .into_iter()
        .filter(|name| old.build_args.get(*name) != build_args.get(*name));
    let mut reasons: Vec<_> = args.map(|name| Reason::BuildArg(name.clone())).collect();
    let inputs = [
        (old.target != *target, "target"),
        (old.platform != *platform, "platforms"),
        (old.labels != *labels, "labels"),
        (old.network != *network, "network"),
        (old.add_hosts != *add_hosts, "addHosts"),
        (old.triggers != *triggers, "triggers"),
    ];
    reasons.extend(
        inputs
            .into_iter()
            .filter(|(changed, _)| *changed)
            .map(|(_, name)| Reason::Input(name)),
    );
    reasons
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewImage => f.write_str("new image"),
            Self::Imported => f.write_str("the imported image has no fingerprint yet"),
            Self::OtherRepository => f.write_str("another repository"),
            Self::ImageGone => f.write_str("the image in the state is gone from the registry"),
            Self::ReuseNever => f.write_str("`reuse: never`"),
            Self::Files(changes) => write_files(f, changes),
            Self::ContextChanged => {
                f.write_str("files of the context changed (no list of the earlier files on this machine)")
            }
            Self::Dockerfile => f.write_str("Dockerfile changed"),
            Self::BuildArg(name) => write!(f, "build arg {name} changed"),
            Self::Input(name) => write!(f, "{name} changed"),
            Self::FingerprintVersion => f.write_str("the provider fingerprints in a new way"),
        }
    }
}

fn write_files(f: &mut fmt::Formatter<'_>, changes: &[Change]) -> fmt::Result {
    let noun = if changes.len() == 1 { "file" } else { "files" };
    write!(f, "{} {noun} changed: ", changes.len())?;
    for (at, change) in changes.iter().take(NAMES_SHOWN).enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        write!(f, "{separator}{} {}", printable(&change.path), verb(change.kind))?;
    }
    match changes.len().saturating_sub(NAMES_SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

fn verb(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Deleted => "deleted",
        ChangeKind::ModeChanged => "mode changed",
        ChangeKind::Retargeted => "link retargeted",
    }
}

/// A file name on one line.
fn printable(path: &str) -> String {
    neutralise(path).replace(['\n', '\t'], "\u{fffd}")
}

/// Joins reasons to the part of the sentence after the dash.
#[must_use]
pub fn sentence(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
