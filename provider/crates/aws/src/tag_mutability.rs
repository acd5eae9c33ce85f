//! Whether a tag of a repository may be moved.
//!
//! Follows the four settings of ECR: all tags may move or none, each with exceptions by pattern, in which only `*` is
//! special. A setting that is not known here counts as immutable, because a tag that cannot move fails late.

use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesError;
use aws_sdk_ecr::types::{ImageTagMutability, Repository};

use crate::ecr::Ecr;
use crate::error::{ApiCall, AwsError};
use crate::host::EcrHost;

impl Ecr {
    /// Whether an image may take `tag` from another in this repository.
    ///
    /// # Errors
    /// [`AwsError::RepositoryMissing`], and what every call may meet.
    pub async fn may_move_tag(&self, host: &EcrHost, repository: &str, tag: &str) -> Result<bool, AwsError> {
        let client = self.client(host).await?;
        let call = client
            .describe_repositories()
            .registry_id(&host.account)
            .repository_names(repository);
        let answer = call.send().await.map_err(|error| match error.as_service_error() {
            Some(DescribeRepositoriesError::RepositoryNotFoundException(_)) => AwsError::RepositoryMissing {
                account: host.account.clone(),
                region: host.region.clone(),
                repository: repository.to_owned(),
            },
            _ => AwsError::of(ApiCall::DescribeRepositories, error),
        })?;
        let found = answer
            .repositories()
            .iter()
            .find(|found| found.repository_name() == Some(repository));
        found.map(|found| moves(found, tag)).ok_or_else(|| AwsError::Malformed {
            call: ApiCall::DescribeRepositories,
            problem: "it says nothing about the repository".to_owned(),
        })
    }
}

fn moves(repository: &Repository, tag: &str) -> bool {
    let excepted = repository
        .image_tag_mutability_exclusion_filters()
        .iter()
        .any(|filter| matches(filter.filter(), tag));
    match repository.image_tag_mutability() {
        Some(ImageTagMutability::Mutable) => true,
        Some(ImageTagMutability::MutableWithExclusion) => !excepted,
        Some(ImageTagMutability::ImmutableWithExclusion) => excepted,
        _ => false,
    }
}

/// Whether a pattern, in which `*` stands for any characters, covers the whole tag.
fn matches(pattern: &str, tag: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == tag;
    };
    let Some(mut left) = tag.strip_prefix(head) else {
        return false;
    };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return left.ends_with(piece);
        }
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn star_stands_for_any_characters() {
        let rows = [
            ("buildcache*", "buildcache-arm64", true),
            ("buildcache*", "buildcache", true),
            ("buildcache", "buildcache-arm64", false),
            ("*cache*", "buildcache-arm64", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("", "a", false),
        ];
        for (pattern, tag, expected) in rows {
            assert_eq!(matches(pattern, tag), expected, "{pattern} {tag}");
        }
    }
}
