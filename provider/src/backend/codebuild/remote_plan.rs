//! What a remote build is told, as JSON: the arguments of `docker`, the logins, the pins. Pure.
//!
//! The script in the build passes each argument on as it is, so no value of a user is ever read by a shell. Paths are
//! relative to the script's working directory: `files` holds the unpacked archive.
//! Secrets are not in here: the arguments name the variables that CodeBuild fills from its own references.

use std::collections::BTreeMap;

use fastcontainer_buildkit::{CacheMode, NamedContextSource, source_policy_json};
use serde::Serialize;
use serde_json::Value;

use crate::planning::cache::CacheReference;
use crate::planning::options::{BuildOptions, Network};
use crate::planning::plan::BuildPlan;

/// What `xargs` passes on in one go, less room for what is added to a plan later.
pub(super) const LONGEST_COMMAND: usize = 120 * 1024;

/// A registry that the build logs in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RemoteLogin {
    /// The registry's host.
    pub host: String,
    /// User name.
    pub username: String,
    /// AWS region of an ECR registry; its password is made in the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Variable of the build with the password of any other registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

impl RemoteLogin {
    /// A registry of ECR, with the role of the build.
    #[must_use]
    pub(super) fn of_ecr(host: &str, region: &str) -> Self {
        Self {
            host: host.to_owned(),
            username: "AWS".to_owned(),
            region: Some(region.to_owned()),
            variable: None,
        }
    }

    /// Any other registry; the password is in `variable`.
    #[must_use]
    pub(super) fn with_password(host: &str, username: &str, variable: String) -> Self {
        Self {
            host: host.to_owned(),
            username: username.to_owned(),
            region: None,
            variable: Some(variable),
        }
    }
}

/// One remote build for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemotePlan {
    version: u32,
    /// Image with the BuildKit that builds, instead of the one in Docker.
    #[serde(skip_serializing_if = "Option::is_none")]
    buildkit_image: Option<String>,
    logins: Vec<RemoteLogin>,
    /// The image by its tag.
    image: String,
    build: Vec<String>,
    push: Vec<String>,
    export: Vec<String>,
    policy: Option<Value>,
}

impl RemotePlan {
    /// The remote form of `plan`. `secrets` are the variables of the build that hold them, by id.
    #[must_use]
    pub(super) fn of(
        plan: &BuildPlan,
        (logins, secrets): (Vec<RemoteLogin>, &BTreeMap<String, String>),
        buildkit_image: Option<String>,
    ) -> Self {
        let image = format!("{}:{}", plan.repository, plan.tag);
        let to = |flags: &[String]| {
            let mut arguments = common(plan, secrets);
            arguments.extend_from_slice(flags);
            arguments.push("files/context".to_owned());
            arguments
        };
        let no_output = "--output=type=cacheonly".to_owned();
        let mut build = vec![no_output.clone()];
        build.extend(plan.no_cache.then(|| "--no-cache".to_owned()));
        build.extend(
            plan.cache
                .imports
                .iter()
                .map(|from| format!("--cache-from={}", cache_from(from))),
        );
        let mut push = vec![
            "--metadata-file=metadata.json".to_owned(),
            format!("--output={}", output(&image)),
        ];
        push.extend(plan.cache.inline.then(|| "--cache-to=type=inline".to_owned()));
        let exports = plan.cache.exports.iter();
        // Without an output that is none, Docker's builder unpacks the image once more.
        let exports: Vec<_> = exports
            .map(|(to, mode)| format!("--cache-to={}", cache_to(to, *mode)))
            .collect();
        Self {
            version: 1,
            buildkit_image,
            logins,
            build: to(&build),
            push: to(&push),
            export: match exports.is_empty() {
                true => exports,
                false => to(&[vec![no_output], exports].concat()),
            },
            image,
            policy: source_policy_json(&plan.pins),
        }
    }

    /// Bytes of the longest command line in it.
    #[must_use]
    pub(super) fn longest_command(&self) -> usize {
        let length = |arguments: &Vec<String>| arguments.iter().map(|argument| argument.len() + 1).sum();
        [&self.build, &self.push, &self.export]
            .into_iter()
            .map(length)
            .max()
            .unwrap_or(0)
    }

    /// The plan as it is stored. Equal plans are equal bytes.
    #[must_use]
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("a plan has no keys but text"))
    }
}

/// Everything but where the result goes.
fn common(plan: &BuildPlan, secrets: &BTreeMap<String, String>) -> Vec<String> {
    let options = &plan.options;
    let mut arguments: Vec<String> = [
        "buildx",
        "build",
        "--progress=plain",
        "--provenance=false",
        "--sbom=false",
    ]
    .map(str::to_owned)
    .into();
    let mut add = |flag: &str, value: &str| arguments.push(format!("--{flag}={value}"));
    add("file", "files/Dockerfile");
    add("platform", &options.platform);
    if let Some(target) = &options.target {
        add("target", target);
    }
    for (name, value) in &options.build_args {
        add("build-arg", &format!("{name}={value}"));
    }
    for (name, value) in &options.labels {
        add("label", &format!("{name}={value}"));
    }
    for line in &options.add_hosts {
        add("add-host", line);
    }
    for (name, value) in named_contexts(&plan.named_contexts) {
        add("build-context", &format!("{name}={value}"));
    }
    for (id, variable) in secrets {
        add("secret", &csv(&[format!("id={id}"), format!("env={variable}")]));
    }
    arguments.extend(network(options));
    arguments
}

fn network(options: &BuildOptions) -> Vec<String> {
    let arguments: &[&str] = match options.network {
        Network::Default => &[],
        Network::None => &["--network=none"],
        Network::Host => &["--network=host", "--allow=network.host"],
    };
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

/// Directories by their number among all directories, in the order of names: so the archive has them.
fn named_contexts(named: &BTreeMap<String, NamedContextSource>) -> impl Iterator<Item = (&String, String)> {
    let mut number = 0..;
    named.iter().filter_map(move |(name, source)| match source {
        NamedContextSource::Directory(_) => Some((name, format!("files/contexts/{}", number.next()?))),
        NamedContextSource::Image(reference) => Some((name, reference.clone())),
    })
}

/// The same export recipe as on every builder. Docker's own builder cannot push without a tag.
fn output(image: &str) -> String {
    let fields = [
        "type=image".to_owned(),
        format!("name={image}"),
        "push=true".to_owned(),
        "store=false".to_owned(),
        "oci-mediatypes=true".to_owned(),
        "compression=gzip".to_owned(),
    ];
    csv(&fields)
}

fn cache_from(from: &CacheReference) -> String {
    csv(&["type=registry".to_owned(), format!("ref={from}")])
}

/// In the form that every registry takes, ECR too. An export that fails is the script's to bear: ignored by BuildKit, it
/// could not be told of.
fn cache_to(to: &CacheReference, mode: CacheMode) -> String {
    let mode = match mode {
        CacheMode::Min => "mode=min",
        CacheMode::Max => "mode=max",
    };
    let form = [mode, "image-manifest=true", "oci-mediatypes=true"].map(str::to_owned);
    let place = ["type=registry".to_owned(), format!("ref={to}")];
    csv(&[place.as_slice(), form.as_slice()].concat())
}

/// Comma-separated values as RFC 4180 has them, which is what buildx reads.
fn csv(fields: &[String]) -> String {
    let field = |field: &String| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::planning::cache::CachePlan;
    use fastcontainer_build_context::{Selection, StatCache, find_ignore_file, walk};
    use fastcontainer_buildkit::ContextView;
    use tokio_util::sync::CancellationToken;

    const HOSTILE: &str = "$(touch /pwned) `id` \"'; rm -rf / #\n\\u0000,${x}%";

    fn nothing() -> ContextView {
        let directory = tempfile::tempdir().unwrap();
        let rules = find_ignore_file(directory.path(), None).unwrap();
        let (selection, stats, cancel) = (Selection::whole(), StatCache::disabled(), CancellationToken::new());
        ContextView::whole(Arc::new(
            walk(directory.path(), &rules, &selection, &stats, &cancel).unwrap(),
        ))
    }

    fn plan() -> BuildPlan {
        BuildPlan {
            dockerfile_name: "Dockerfile".to_owned(),
            dockerfile: b"FROM scratch\n".as_slice().into(),
            context: nothing(),
            named_contexts: BTreeMap::new(),
            options: BuildOptions::default(),
            no_cache: false,
            repository: fastcontainer_registry::Repository::parse("r.example/app").unwrap(),
            tag: "fc-0123".to_owned(),
            fingerprint: "ab".repeat(32),
            base_images: Vec::new(),
            pins: BTreeMap::new(),
            secrets: BTreeMap::new(),
            cache: CachePlan::default(),
            project: "p".to_owned(),
            resource: "r".to_owned(),
        }
    }

    fn remote(plan: &BuildPlan) -> RemotePlan {
        RemotePlan::of(plan, (Vec::new(), &BTreeMap::new()), None)
    }

    #[test]
    fn values_are_whole_arguments_whatever_they_say() {
        let mut plan = plan();
        let hostile = BTreeMap::from([("A".to_owned(), HOSTILE.to_owned())]);
        plan.options.build_args = hostile.clone();
        plan.options.labels = hostile;
        plan.options.target = Some(HOSTILE.to_owned());
        let remote = remote(&plan);
        for flag in ["--build-arg=A=", "--label=A=", "--target="] {
            assert!(remote.build.contains(&format!("{flag}{HOSTILE}")), "{flag}");
        }
        let read: Value = serde_json::from_slice(&remote.to_json()).unwrap();
        let target = read["build"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one.as_str().unwrap().starts_with("--target="));
        assert_eq!(target.unwrap().as_str().unwrap(), format!("--target={HOSTILE}"));
    }

    #[test]
    fn a_push_repeats_the_build_and_runs_nothing_again() {
        let mut plan = plan();
        plan.no_cache = true;
        let remote = remote(&plan);
        assert!(remote.build.contains(&"--no-cache".to_owned()));
        assert!(!remote.push.contains(&"--no-cache".to_owned()));
        let output = remote.push.iter().find(|one| one.starts_with("--output=")).unwrap();
        assert!(output.contains("name=r.example/app:fc-0123,push=true"), "{output}");
        assert_eq!(remote.push.last(), remote.build.last());
    }

    #[test]
    fn equal_plans_are_equal_bytes() {
        assert_eq!(remote(&plan()).to_json(), remote(&plan()).to_json());
        let mut other = plan();
        other.options.platform = "linux/arm64".to_owned();
        assert_ne!(remote(&plan()).to_json(), remote(&other).to_json());
    }

    #[test]
    fn pins_are_a_policy_of_buildx() {
        let mut plan = plan();
        plan.pins = BTreeMap::from([("alpine:3".to_owned(), "sha256:01".to_owned())]);
        let policy = remote(&plan).policy.unwrap();
        let rule = &policy["rules"][0];
        assert_eq!(rule["action"], "CONVERT");
        assert_eq!(rule["selector"]["match_type"], "WILDCARD");
        assert_eq!(
            rule["updates"]["identifier"],
            "docker-image://docker.io/library/alpine:3@sha256:01"
        );
    }

    #[test]
    fn fields_with_commas_and_quotes_stay_one_field() {
        assert_eq!(
            csv(&["a=b".to_owned(), "c=\"d\",e".to_owned()]),
            "a=b,\"c=\"\"d\"\",e\""
        );
    }
}
