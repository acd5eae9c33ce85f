//! What our crates say about a Dockerfile without looking at its contexts.

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{Dockerfile, NamedContext, Reads, ResolveRequest, Step, platform_args};

use super::{Case, NAMED};

/// The platform of every build here.
const PLATFORM: &str = "linux/amd64";

/// Our reading of a case's Dockerfile.
#[derive(Debug)]
pub struct Analysis {
    /// What it reads.
    pub reads: Reads,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Its instructions as they count.
    pub canonical: Vec<String>,
}

impl Analysis {
    /// Reads the case's Dockerfile.
    ///
    /// # Errors
    /// With the message that a user would see.
    pub fn of(case: &Case) -> Result<Self, String> {
        let platform = platform_args(PLATFORM, PLATFORM);
        let named_contexts = BTreeMap::from([(NAMED.to_owned(), NamedContext::Directory)]);
        let request = ResolveRequest {
            target: case.target.as_deref(),
            build_args: &case.build_args,
            platform: &platform,
            named_contexts: &named_contexts,
        };
        let dockerfile =
            Dockerfile::parse("Dockerfile", case.dockerfile().as_bytes()).map_err(|error| error.to_string())?;
        let resolved = dockerfile.resolve(&request).map_err(|error| error.to_string())?;
        Ok(Self {
            reads: resolved.reads(),
            steps: resolved.steps(),
            canonical: resolved
                .canonical_instructions()
                .into_iter()
                .map(|one| one.text)
                .collect(),
        })
    }
}
