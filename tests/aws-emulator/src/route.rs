//! Which service a request is for, judged by host, path and target header.
//!
//! Real AWS names select their service; loopback names select the plain registry, the admin plane and, as an endpoint
//! override does, the control planes and S3; every other host is a public registry.

use http::Method;
use http::request::Parts;

use crate::registry::{DOCKER_HUB, Kind, Registry, Resource};
use crate::s3::S3Request;
use crate::{codebuild, ecr, kms, logs, secrets_manager, ssm};

/// How a listener is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// Returns the scheme of URLs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The service that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// What a test reads and arranges.
    Admin,
    /// ECR's control plane.
    Ecr { operation: String },
    /// CodeBuild.
    CodeBuild { operation: String },
    /// Credentials of a build's role.
    BuildCredentials,
    /// CloudWatch Logs.
    Logs { operation: String },
    /// SSM Parameter Store.
    Ssm { operation: String },
    /// Secrets Manager.
    SecretsManager { operation: String },
    /// KMS.
    Kms { operation: String },
    /// S3.
    S3(Box<S3Request>),
    /// STS.
    Sts,
    /// The registry API.
    Registry { registry: Registry, resource: Resource },
    /// The token server of a public registry.
    Token { registry: String },
    /// The bucket that ECR's blobs come from.
    Layer,
    /// No service.
    Nothing,
}

impl Route {
    /// Classifies a request to `host`, which may have a port.
    pub(crate) fn of(parts: &Parts, host: &str, scheme: Scheme) -> Self {
        let path = parts.uri.path();
        let name = without_port(host);
        let is_loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        if let Some(target) = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
            return Self::of_target(target);
        }
        if scheme == Scheme::Http
            && path.starts_with(codebuild::CREDENTIALS)
            && (is_loopback || name == "169.254.170.2")
        {
            return Self::BuildCredentials;
        }
        if name.ends_with(".amazonaws.com") {
            return Self::of_aws(parts, name);
        }
        match path {
            _ if is_loopback && scheme == Scheme::Http && path.starts_with("/_admin/") => Self::Admin,
            "/" if is_loopback && parts.method == Method::POST => Self::Sts,
            "/token" if !is_loopback => Self::Token {
                registry: public_name(name).to_owned(),
            },
            _ if path == "/v2" || path.starts_with("/v2/") => {
                let (name, kind) = if is_loopback {
                    ("localhost", Kind::Plain)
                } else {
                    (public_name(name), Kind::Public)
                };
                let registry = Registry {
                    name: name.to_owned(),
                    kind,
                };
                Self::Registry {
                    registry,
                    resource: Resource::parse(path),
                }
            }
            _ if is_loopback => Self::S3(Box::new(S3Request::of(parts, None, None))),
            _ => match name.strip_suffix(".localhost") {
                Some(bucket) => Self::S3(Box::new(S3Request::of(parts, Some(bucket), None))),
                None => Self::Nothing,
            },
        }
    }

    /// Classifies a request of the JSON protocol.
    fn of_target(target: &str) -> Self {
        let after = |prefix: &str| target.strip_prefix(prefix).map(str::to_owned);
        if let Some(operation) = after(codebuild::SERVICE.target_prefix) {
            Self::CodeBuild { operation }
        } else if let Some(operation) = after(logs::SERVICE.target_prefix) {
            Self::Logs { operation }
        } else if let Some(operation) = after(ssm::SERVICE.target_prefix) {
            Self::Ssm { operation }
        } else if let Some(operation) = after(secrets_manager::SERVICE.target_prefix) {
            Self::SecretsManager { operation }
        } else if let Some(operation) = after(kms::SERVICE.target_prefix) {
            Self::Kms { operation }
        } else {
            Self::Ecr {
                operation: after(ecr::TARGET_PREFIX).unwrap_or_else(|| "unknown".to_owned()),
            }
        }
    }

    fn of_aws(parts: &Parts, name: &str) -> Self {
        let path = parts.uri.path();
        let labels: Vec<&str> = name.split('.').collect();
        match labels[..] {
            [account, "dkr", "ecr", region, "amazonaws", "com"] if path.starts_with("/v2") => {
                let kind = Kind::Ecr {
                    account: account.to_owned(),
                    region: region.to_owned(),
                };
                let registry = Registry {
                    name: name.to_owned(),
                    kind,
                };
                Self::Registry {
                    registry,
                    resource: Resource::parse(path),
                }
            }
            ["sts", _, "amazonaws", "com"] | ["sts", "amazonaws", "com"] => Self::Sts,
            ["ecr", _, "amazonaws", "com"] | [_, "ecr", _, "amazonaws", "com"] => Self::Ecr {
                operation: "unknown".to_owned(),
            },
            [bucket, "s3", _, "amazonaws", "com"] if bucket.ends_with("-starport-layer-bucket") => Self::Layer,
            _ => Self::of_s3(parts, name),
        }
    }

    /// Classifies a request to the name of S3, which may have the bucket before it and the region in it.
    fn of_s3(parts: &Parts, name: &str) -> Self {
        let name = name.trim_end_matches(".amazonaws.com");
        let (bucket, service) = match name.rfind(".s3.").or_else(|| name.strip_suffix(".s3").map(str::len)) {
            Some(at) => (Some(&name[..at]), &name[at + 1..]),
            None => (None, name),
        };
        match (service.split_once('.'), bucket) {
            (Some(("s3", region)), _) if !region.contains('.') => {
                Self::S3(Box::new(S3Request::of(parts, bucket, Some(region))))
            }
            (None, Some(_)) => Self::S3(Box::new(S3Request::of(parts, bucket, None))),
            (None, None) if service == "s3" => Self::S3(Box::new(S3Request::of(parts, None, Some("us-east-1")))),
            _ => Self::Nothing,
        }
    }

    /// Names what is asked for, in counters and faults: `ecr:BatchGetImage`, `sts`, `PUT manifest`.
    pub(crate) fn operation(&self, method: &Method) -> String {
        match self {
            Self::Ecr { operation } => format!("ecr:{operation}"),
            Self::CodeBuild { operation } => format!("codebuild:{operation}"),
            Self::BuildCredentials => format!("{method} credentials"),
            Self::Logs { operation } => format!("logs:{operation}"),
            Self::Ssm { operation } => format!("ssm:{operation}"),
            Self::SecretsManager { operation } => format!("secretsmanager:{operation}"),
            Self::Kms { operation } => format!("kms:{operation}"),
            Self::S3(request) => request.operation.name(),
            Self::Sts => "sts".to_owned(),
            Self::Registry { resource, .. } => format!("{method} {}", resource.kind()),
            Self::Token { .. } => format!("{method} token"),
            Self::Layer => format!("{method} layer"),
            Self::Admin | Self::Nothing => format!("{method} nothing"),
        }
    }
}

/// Returns the name that a public registry's repositories are filed under.
pub(crate) fn public_name(host: &str) -> &str {
    match host {
        "registry-1.docker.io" | "index.docker.io" | "auth.docker.io" => DOCKER_HUB,
        other => other,
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}
