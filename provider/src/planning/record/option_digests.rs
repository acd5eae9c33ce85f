//! One short digest per option, so that the options that changed can be named without keeping their values.
//!
//! An option that is absent or at its default has no digest: a later release that knows more options can still read what
//! an earlier one wrote.

use std::collections::{BTreeMap, BTreeSet};

use fastcontainer_dockerfile::NamedContext;

use super::{ShortDigest, short};
use crate::planning::fingerprint::{Framed, network_name};
use crate::planning::options::{BuildOptions, DEFAULT_PLATFORM};

/// Digests of the options of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionDigests {
    /// Build arguments by name.
    pub(in crate::planning) build_args: BTreeMap<String, ShortDigest>,
    /// All other options by their property names.
    pub(in crate::planning) inputs: BTreeMap<String, ShortDigest>,
}

impl OptionDigests {
    /// The digests of `options`.
    #[must_use]
    pub fn of(options: &BuildOptions) -> Self {
        let BuildOptions {
            target,
            platform,
            further_platforms,
            named_contexts,
            build_args,
            labels,
            network,
            add_hosts,
            secret_ids,
            triggers,
        } = options;
        let counts = platform != DEFAULT_PLATFORM || !further_platforms.is_empty();
        let platforms = counts.then_some(platform).into_iter().chain(further_platforms);
        let named_contexts = named_contexts.iter().flat_map(|(name, context)| match context {
            NamedContext::Directory => [name.as_str(), ""],
            NamedContext::Image(reference) => [name.as_str(), reference.as_str()],
        });
        let inputs = [
            ("target", digest(target)),
            ("namedContexts", digest(named_contexts)),
            ("platforms", digest(platforms)),
            ("labels", digest(labels.iter().flat_map(|(name, value)| [name, value]))),
            ("network", digest(network_name(*network))),
            ("addHosts", digest(add_hosts)),
            ("secrets", digest(secret_ids)),
            ("triggers", digest(triggers)),
        ];
        let present = inputs
            .into_iter()
            .filter_map(|(name, digest)| Some((name.to_owned(), digest?)));
        let build_args = build_args
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), digest([value])?)));
        Self {
            build_args: build_args.collect(),
            inputs: present.collect(),
        }
    }
}

/// The names whose values differ, or that only one side has.
pub(in crate::planning) fn differing<'a, T: PartialEq>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> Vec<&'a str> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differing = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    differing.map(String::as_str).collect()
}

/// `None` when there is no value.
fn digest(values: impl IntoIterator<Item = impl AsRef<str>>) -> Option<ShortDigest> {
    let mut values = values.into_iter().peekable();
    values.peek()?;
    let framed = Framed::new("fastcontainer.record.option");
    let framed = values.fold(framed, |framed, value| framed.field("value", value.as_ref().as_bytes()));
    Some(short(&framed.finish()))
}
