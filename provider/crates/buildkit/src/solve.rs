//! The solve request of a build. Pure.
//!
//! Responsible for the attributes of the frontend `dockerfile.v0`, for the pins and for the export recipe, which is always set in
//! full because the defaults differ between builders: pushed by digest, OCI media types, gzip, no attestations. The
//! export is written both ways: as the list that BuildKit reads since 0.13, and as the single exporter before that.
//!
//! Refuses nothing: what an endpoint cannot do was refused before (see [`crate::Endpoint`]).

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, Exporter, SolveRequest};

use crate::cache;
use crate::contexts::directory_name;
use crate::endpoint::EndpointKind;
use crate::pins;
use crate::reference::context_key;
use crate::request::{BuildRequest, FrontendOptions, NamedContextSource, Network};

/// Entitlement that RUN steps on the host's network need.
const NETWORK_HOST: &str = "network.host";
/// Makes a frontend that knows no named contexts fail; without it, it would take the names for images.
const NEEDS_NAMED_CONTEXTS: &str = "moby.buildkit.frontend.contexts+forward";

/// The names of one build.
pub(crate) struct SolveIds<'a> {
    /// Id of the build; Status asks with it.
    pub(crate) reference: &'a str,
    /// Id of the session.
    pub(crate) session: &'a str,
}

/// Writes the request that builds the image and exports it.
pub(crate) fn solve_request(request: &BuildRequest, kind: EndpointKind, ids: &SolveIds<'_>) -> SolveRequest {
    let (exporter, attrs) = export(&request.repository, request.insecure_registry, kind);
    SolveRequest {
        exporter_deprecated: exporter.to_owned(),
        exporter_attrs_deprecated: attrs.clone(),
        exporters: vec![Exporter {
            r#type: exporter.to_owned(),
            attrs,
        }],
        cache: Some(CacheOptions {
            exports: cache::with_the_image(&request.cache.exports),
            ..CacheOptions::default()
        }),
        ..solve(request, &request.options, ids)
    }
}

/// Writes the request that exports the cache of a build that has just been made, and no image. Every step is cached
/// then, also those that were to run anew.
pub(crate) fn cache_request(request: &BuildRequest, ids: &SolveIds<'_>) -> SolveRequest {
    let options = FrontendOptions {
        no_cache: false,
        ..request.options.clone()
    };
    SolveRequest {
        cache: Some(CacheOptions {
            exports: cache::apart(&request.cache.exports),
            ..CacheOptions::default()
        }),
        ..solve(request, &options, ids)
    }
}

fn solve(request: &BuildRequest, options: &FrontendOptions, ids: &SolveIds<'_>) -> SolveRequest {
    let host_network = options.network == Some(Network::Host);
    let mut frontend_attrs = frontend_attrs(options, &request.dockerfile.name);
    frontend_attrs.extend(named_context_attrs(&request.named_contexts));
    frontend_attrs.extend(cache::import_attr(&request.cache.imports));
    SolveRequest {
        r#ref: ids.reference.to_owned(),
        session: ids.session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs,
        source_policy: pins::source_policy(&request.pins),
        entitlements: host_network.then(|| NETWORK_HOST.to_owned()).into_iter().collect(),
        ..SolveRequest::default()
    }
}

fn frontend_attrs(options: &FrontendOptions, dockerfile: &str) -> HashMap<String, String> {
    let mut attrs = HashMap::from([
        ("filename".to_owned(), dockerfile.to_owned()),
        ("platform".to_owned(), options.platform.clone()),
    ]);
    let mut set = |key: &str, value: String| attrs.insert(key.to_owned(), value);
    if let Some(target) = &options.target {
        set("target", target.clone());
    }
    for (name, value) in &options.build_args {
        set(&format!("build-arg:{name}"), value.clone());
    }
    for (name, value) in &options.labels {
        set(&format!("label:{name}"), value.clone());
    }
    match options.network {
        Some(Network::None) => set("force-network-mode", "none".to_owned()),
        Some(Network::Host) => set("force-network-mode", "host".to_owned()),
        Some(Network::Default) | None => None,
    };
    if !options.add_hosts.is_empty() {
        let hosts = options.add_hosts.iter().map(|host| host.replacen(':', "=", 1));
        set("add-hosts", hosts.collect::<Vec<_>>().join(","));
    }
    if options.no_cache {
        // Any other value than the empty one is a list of stages.
        set("no-cache", String::new());
    }
    attrs
}

fn named_context_attrs(contexts: &BTreeMap<String, NamedContextSource>) -> Vec<(String, String)> {
    let attr = |(name, source): (&String, &NamedContextSource)| {
        let value = match source {
            NamedContextSource::Directory(_) => format!("local:{}", directory_name(name)),
            NamedContextSource::Image(reference) if reference.contains("://") => reference.clone(),
            NamedContextSource::Image(reference) => format!("docker-image://{reference}"),
        };
        (format!("context:{}", context_key(name)), value)
    };
    let mut attrs: Vec<_> = contexts.iter().map(attr).collect();
    if !attrs.is_empty() {
        attrs.push(("frontend.caps".to_owned(), NEEDS_NAMED_CONTEXTS.to_owned()));
    }
    attrs
}

fn export(repository: &str, insecure: bool, kind: EndpointKind) -> (&'static str, HashMap<String, String>) {
    if kind == EndpointKind::DockerClassic {
        return ("moby", HashMap::new());
    }
    let mut attrs = vec![
        ("name", repository),
        ("push", "true"),
        ("push-by-digest", "true"),
        ("oci-mediatypes", "true"),
        ("compression", "gzip"),
    ];
    if kind == EndpointKind::DockerContainerd {
        attrs.push(("store", "false"));
    }
    if insecure {
        attrs.push(("registry.insecure", "true"));
    }
    (
        "image",
        attrs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> FrontendOptions {
        FrontendOptions {
            platform: "linux/arm64".into(),
            ..FrontendOptions::default()
        }
    }

    fn attrs(options: &FrontendOptions) -> BTreeMap<String, String> {
        frontend_attrs(options, "Dockerfile").into_iter().collect()
    }

    fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_plain_build_says_file_and_platform_only() {
        assert_eq!(
            attrs(&options()),
            expected(&[("filename", "Dockerfile"), ("platform", "linux/arm64")])
        );
    }

    #[test]
    fn every_option_has_its_attribute() {
        let pair = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let all = FrontendOptions {
            target: Some("build".into()),
            build_args: pair("VERSION", "1=2"),
            labels: pair("a.b", "c"),
            network: Some(Network::None),
            add_hosts: vec!["db:10.0.0.1".into(), "six:fe80::1".into()],
            no_cache: true,
            ..options()
        };
        let wanted = [
            ("filename", "Dockerfile"),
            ("platform", "linux/arm64"),
            ("target", "build"),
            ("build-arg:VERSION", "1=2"),
            ("label:a.b", "c"),
            ("force-network-mode", "none"),
            ("add-hosts", "db=10.0.0.1,six=fe80::1"),
            ("no-cache", ""),
        ];
        assert_eq!(attrs(&all), expected(&wanted));
    }

    #[test]
    fn the_default_network_is_left_to_the_builder() {
        assert_eq!(
            attrs(&FrontendOptions {
                network: Some(Network::Default),
                ..options()
            }),
            attrs(&options())
        );
    }

    #[test]
    fn named_images_are_given_with_their_scheme_under_their_short_name() {
        let image = |reference: &str| NamedContextSource::Image(reference.to_owned());
        let contexts = BTreeMap::from([
            ("docker.io/library/base:latest".to_owned(), image("alpine:3")),
            ("tools".to_owned(), image("docker-image://a.example/t@sha256:1")),
        ]);
        let wanted = [
            ("context:base", "docker-image://alpine:3"),
            ("context:tools", "docker-image://a.example/t@sha256:1"),
            ("frontend.caps", NEEDS_NAMED_CONTEXTS),
        ];
        let attrs: BTreeMap<_, _> = named_context_attrs(&contexts).into_iter().collect();
        assert_eq!(attrs, expected(&wanted));
        assert!(named_context_attrs(&BTreeMap::new()).is_empty());
    }

    #[test]
    fn an_image_is_pushed_by_digest_with_a_fixed_recipe() {
        let (exporter, attrs) = export("localhost:5000/app", false, EndpointKind::Buildkitd);
        let wanted = [
            ("name", "localhost:5000/app"),
            ("push", "true"),
            ("push-by-digest", "true"),
            ("oci-mediatypes", "true"),
            ("compression", "gzip"),
        ];
        assert_eq!(
            (exporter, attrs.into_iter().collect::<BTreeMap<_, _>>()),
            ("image", expected(&wanted))
        );
    }

    #[test]
    fn dockerd_keeps_no_copy_and_plain_http_is_said() {
        let (_, attrs) = export("localhost:5000/app", true, EndpointKind::DockerContainerd);
        assert_eq!(
            (attrs["store"].as_str(), attrs["registry.insecure"].as_str()),
            ("false", "true")
        );
    }

    #[test]
    fn the_classic_store_gets_nothing_that_it_would_ignore() {
        assert_eq!(
            export("localhost:5000/app", true, EndpointKind::DockerClassic),
            ("moby", HashMap::new())
        );
    }
}
