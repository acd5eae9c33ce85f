//! Why an image is built: reasons as data, and the one sentence that a person reads.
//!
//! Names only: no value of a build argument or label is ever shown. File names and everything else from elsewhere are
//! made safe for a terminal.

use std::fmt;

use fastcontainer_build_context::ChangedDirectories;

use super::file_changes::{FileChanges, places};
use super::forecast::Forecast;
use super::record::ShortDigest;
use crate::untrusted::neutralise;

/// How many names one reason lists.
pub(super) const NAMES_SHOWN: usize = 10;

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
    /// These files of the contexts changed.
    Files(FileChanges),
    /// More files changed than can be named; these directories hold them.
    ManyFiles(ChangedDirectories),
    /// The context changed, and nothing is known of the earlier files.
    ContextChanged,
    /// The ignore file changed, and with it the files that count.
    IgnoreFile,
    /// The files of a named context changed, and they cannot be named.
    NamedContext(String),
    /// The Dockerfile changed.
    Dockerfile(Option<Place>),
    /// Another part of the Dockerfile counts than before.
    OtherStages,
    /// These build arguments were added, removed or have other values.
    BuildArgs(Vec<String>),
    /// Another input that counts in the fingerprint, by its property name.
    Input(String),
    /// The tag of a base image leads to another image.
    BaseImage {
        /// Its reference.
        reference: String,
        /// The start of the digest that the last build used.
        old: ShortDigest,
        /// The start of today's digest.
        new: ShortDigest,
    },
    /// The tag of a base image leads to another image, and nothing is known of the earlier one.
    SomeBaseImage,
    /// The provider fingerprints in a new way.
    FingerprintVersion,
}

/// Where a Dockerfile begins to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the instruction on this line.
    At(usize),
    /// Behind the instruction on this line, which is the last one that counts.
    After(usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewImage => f.write_str("new image"),
            Self::Imported => f.write_str("the imported image has no fingerprint yet"),
            Self::OtherRepository => f.write_str("another repository"),
            Self::ImageGone => f.write_str("the image in the state is gone from the registry"),
            Self::Files(changes) => changes.fmt(f),
            // A difference that cannot be told is larger than that, see the rates in the sketch's tests.
            Self::ManyFiles(changed) => match places(changed) {
                places if places.is_empty() => f.write_str("more than 60 files changed"),
                places => write!(f, "more than 60 files changed, {places}"),
            },
            Self::ContextChanged => f.write_str("files of the context changed (nothing is known of the earlier files)"),
            Self::IgnoreFile => f.write_str("the ignore file changed"),
            Self::NamedContext(name) => write!(f, "named context {} changed", on_one_line(name)),
            Self::Dockerfile(None) => f.write_str("Dockerfile changed"),
            Self::Dockerfile(Some(Place::At(line))) => write!(f, "Dockerfile changed at line {line}"),
            Self::Dockerfile(Some(Place::After(line))) => write!(f, "Dockerfile changed after line {line}"),
            Self::OtherStages => f.write_str("other instructions of the Dockerfile count"),
            Self::BuildArgs(names) => write_build_args(f, names),
            Self::Input(name) => write!(f, "{name} changed"),
            Self::BaseImage { reference, old, new } => {
                let reference = on_one_line(reference);
                let (old, new) = (hex::encode(&old[..4]), hex::encode(&new[..4]));
                write!(f, "base image {reference} moved sha256:{old}… → {new}…")
            }
            Self::SomeBaseImage => f.write_str("a base image changed"),
            Self::FingerprintVersion => f.write_str("the provider fingerprints in a new way"),
        }
    }
}

fn write_build_args(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    let mut shown: Vec<_> = names.iter().take(NAMES_SHOWN).map(|name| on_one_line(name)).collect();
    if names.len() > NAMES_SHOWN {
        shown.push(format!("{} more", names.len() - NAMES_SHOWN));
    }
    let noun = if names.len() == 1 { "build arg" } else { "build args" };
    write!(f, "{noun} {} changed", and(&shown))
}

/// Joins reasons to the part of the sentence after the dash.
#[must_use]
pub fn sentence(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The sentence of a build that has not run yet: its reasons, and the first step that it will run.
#[must_use]
pub fn announcement(reasons: &[Reason], forecast: Option<&Forecast>) -> String {
    let texts = reasons.iter().map(ToString::to_string);
    let texts = texts.chain(forecast.map(ToString::to_string));
    texts.collect::<Vec<_>>().join("; ")
}

/// Foreign text on one line.
pub(super) fn on_one_line(text: &str) -> String {
    neutralise(text).replace(['\n', '\t'], "\u{fffd}")
}

/// `a, b and c`.
pub(super) fn and(items: &[String]) -> String {
    match items {
        [init @ .., last] if !init.is_empty() => format!("{} and {last}", init.join(", ")),
        _ => items.concat(),
    }
}
