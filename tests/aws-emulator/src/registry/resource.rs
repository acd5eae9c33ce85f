//! What a path of the registry API names.
//!
//! Only reads paths: whether the repository or the content exists is for others to say. Names that break the
//! grammar are no resource at all.

use http::Method;

use crate::store::is_repository_name;

/// A resource of the registry API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `/v2/`
    Ping,
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest { name: String, reference: String },
    /// `/v2/NAME/blobs/DIGEST`
    Blob { name: String, digest: String },
    /// `/v2/NAME/blobs/uploads/`
    Uploads { name: String },
    /// `/v2/NAME/blobs/uploads/ID`
    Upload { name: String, id: String },
    /// `/v2/NAME/tags/list`
    Tags { name: String },
    /// Anything else.
    Unknown,
}

impl Resource {
    /// Reads a path that begins with `/v2`.
    pub(crate) fn parse(path: &str) -> Self {
        let Some(rest) = path
            .strip_prefix("/v2")
            .map(|rest| rest.strip_prefix('/').unwrap_or(rest))
        else {
            return Self::Unknown;
        };
        if rest.is_empty() {
            return Self::Ping;
        }
        let segments: Vec<&str> = rest.split('/').collect();
        let name = |tail: usize| segments[..segments.len() - tail].join("/");
        let (resource, name_length) = match segments[..] {
            [.., _, "blobs", "uploads", ""] => (Self::Uploads { name: name(3) }, 3),
            [.., _, "blobs", "uploads"] => (Self::Uploads { name: name(2) }, 2),
            [.., _, "blobs", "uploads", id] => (
                Self::Upload {
                    name: name(3),
                    id: id.to_owned(),
                },
                3,
            ),
            [.., _, "blobs", digest] => (
                Self::Blob {
                    name: name(2),
                    digest: digest.to_owned(),
                },
                2,
            ),
            [.., _, "manifests", reference] => (
                Self::Manifest {
                    name: name(2),
                    reference: reference.to_owned(),
                },
                2,
            ),
            [.., _, "tags", "list"] => (Self::Tags { name: name(2) }, 2),
            _ => return Self::Unknown,
        };
        if is_repository_name(&name(name_length)) {
            resource
        } else {
            Self::Unknown
        }
    }

    /// Names the repository, if the resource belongs to one.
    pub(crate) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Tags { name } => Some(name),
            Self::Ping | Self::Unknown => None,
        }
    }

    /// Names the kind of resource in counters and faults.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Manifest { .. } => "manifest",
            Self::Blob { .. } => "blob",
            Self::Uploads { .. } | Self::Upload { .. } => "upload",
            Self::Tags { .. } => "tags",
            Self::Unknown => "unknown",
        }
    }

    /// Tells whether the request needs the right to push.
    pub(crate) fn is_push(&self, method: &Method) -> bool {
        matches!(self, Self::Uploads { .. } | Self::Upload { .. }) || !matches!(*method, Method::GET | Method::HEAD)
    }

    /// Names the IAM actions that ECR demands for the request. A request that ends an upload may bring its last part.
    pub(crate) fn iam_actions(&self, method: &Method, has_body: bool) -> &'static [&'static str] {
        match self {
            Self::Manifest { .. } if method == Method::PUT => &["ecr:PutImage"],
            Self::Manifest { .. } if method == Method::DELETE => &["ecr:BatchDeleteImage"],
            Self::Manifest { .. } => &["ecr:BatchGetImage"],
            Self::Blob { .. } if method == Method::HEAD => &["ecr:BatchCheckLayerAvailability"],
            Self::Blob { .. } => &["ecr:GetDownloadUrlForLayer"],
            Self::Uploads { .. } => &["ecr:InitiateLayerUpload"],
            Self::Upload { .. } if method == Method::PUT && has_body => {
                &["ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]
            }
            Self::Upload { .. } if method == Method::PUT => &["ecr:CompleteLayerUpload"],
            Self::Upload { .. } => &["ecr:UploadLayerPart"],
            Self::Tags { .. } => &["ecr:ListImages"],
            Self::Ping | Self::Unknown => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_may_be_named_like_resources() {
        let name = || "team/blobs/uploads".to_owned();
        assert_eq!(
            Resource::parse("/v2/team/blobs/uploads/manifests/v1"),
            Resource::Manifest {
                name: name(),
                reference: "v1".into()
            }
        );
        assert_eq!(
            Resource::parse("/v2/team/blobs/uploads/blobs/uploads/"),
            Resource::Uploads { name: name() }
        );
    }

    #[test]
    fn paths_outside_the_grammar_name_nothing() {
        for path in [
            "/v2/manifests/v1",
            "/v2/App/manifests/v1",
            "/v2/a//b/tags/list",
            "/v2/_catalog",
            "/v3/",
        ] {
            assert_eq!(Resource::parse(path), Resource::Unknown, "{path}");
        }
    }
}
