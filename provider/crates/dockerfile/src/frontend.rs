//! Who reads the Dockerfile: the official frontend, whose rules this crate follows, or somebody else.
//!
//! Every tag and digest of the official images is trusted, the `labs` ones too: they share one code base, and whatever a
//! newer one adds shows as a flag or field that this crate does not know. Build arguments may choose the frontend and
//! may make it read a context as a whole; both are looked at here.

use std::collections::BTreeMap;

use crate::dockerfile::Dockerfile;
use crate::reads::{Undecided, Why};
use crate::reference::context_key;
use crate::scope::{Scope, shortened};

/// Whether a reference names an image of the official frontend.
pub(crate) fn is_official(reference: &str) -> bool {
    let key = context_key(reference);
    let repository = key.split(['@', ':']).next().unwrap_or_default();
    matches!(repository, "docker/dockerfile" | "docker/dockerfile-upstream")
}

impl Dockerfile {
    /// The frontend image, when it is not the official one: with the line that names it, 0 for a build argument.
    pub(crate) fn custom_frontend(&self, build_args: &BTreeMap<String, String>) -> Option<(usize, String)> {
        let (line, reference) = match build_args.get("BUILDKIT_SYNTAX") {
            Some(given) => (0, given.split_whitespace().next().unwrap_or_default()),
            None => self.syntax.as_ref().map(|one| (one.line, one.value.as_str()))?,
        };
        (!is_official(reference)).then(|| (line, reference.to_owned()))
    }

    /// What makes it impossible to say anything about any context.
    pub(crate) fn undecidable(&self, build_args: &BTreeMap<String, String>, globals: &Scope) -> Vec<Undecided> {
        let mut found = Vec::new();
        if let Some((line, reference)) = self.custom_frontend(build_args) {
            let why = Why::CustomSyntax(shortened(&reference));
            found.push(Undecided { line, why });
        }
        let scan = "BUILDKIT_SBOM_SCAN_CONTEXT";
        if build_args.contains_key(scan) || globals.get(scan).is_some() {
            let why = Why::SbomScan;
            found.push(Undecided { line: 0, why });
        }
        let epoch = globals.get("SOURCE_DATE_EPOCH").map(|value| value.text.to_string());
        let epoch = build_args.get("SOURCE_DATE_EPOCH").cloned().or(epoch);
        if let Some(epoch) = epoch.filter(|epoch| !epoch.is_empty() && epoch.parse::<i64>().is_err()) {
            let why = Why::SourceDateEpoch(shortened(&epoch));
            found.push(Undecided { line: 0, why });
        }
        if let Some(stage) = self.names.get("scratch") {
            let line = self.stages[*stage].from.first_line;
            let why = Why::ScratchStage;
            found.push(Undecided { line, why });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::is_official;

    #[test]
    fn every_tag_of_the_official_images_is_official_and_nothing_else() {
        for reference in [
            "docker/dockerfile",
            "docker/dockerfile:1",
            "docker.io/docker/dockerfile:1.7-labs",
            "docker/dockerfile-upstream:master@sha256:00",
        ] {
            assert!(is_official(reference), "{reference}");
        }
        for reference in ["dockerfile:1", "ghcr.io/docker/dockerfile:1", "docker/dockerfile2", ""] {
            assert!(!is_official(reference), "{reference}");
        }
    }
}
