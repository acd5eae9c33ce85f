//! CreateRepository, DescribeRepositories and DeleteRepository.
//!
//! Scanning, encryption and resource tags are stored and echoed, with no effect.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::account_of;
use super::paging::Paging;
use super::{Call, EcrError};
use crate::store::{Mutability, Repository, RepositoryKey};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRepository {
    registry_id: Option<String>,
    repository_name: String,
    #[serde(default)]
    image_tag_mutability: Mutability,
    #[serde(default)]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    image_scanning_configuration: Option<Value>,
    encryption_configuration: Option<Value>,
    tags: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExclusionFilter {
    filter_type: String,
    filter: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRepositories {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeleteRepository {
    registry_id: Option<String>,
    repository_name: String,
    #[serde(default)]
    force: bool,
}

impl Call<'_> {
    pub(super) fn create_repository(&self, request: CreateRepository) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        let exclusions = check_filters(
            request.image_tag_mutability,
            request.image_tag_mutability_exclusion_filters,
        )?;
        let settings = [
            (
                "imageScanningConfiguration",
                request
                    .image_scanning_configuration
                    .or(Some(json!({"scanOnPush": false}))),
            ),
            (
                "encryptionConfiguration",
                request
                    .encryption_configuration
                    .or(Some(json!({"encryptionType": "AES256"}))),
            ),
            ("tags", request.tags),
        ];
        let fresh = Repository {
            mutability: request.image_tag_mutability,
            exclusions,
            settings: settings
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            ..Repository::new()
        };
        let description = self.emulator.catalog.reshape(|repositories| {
            if repositories.contains_key(&key) {
                return Err(EcrError::RepositoryExists {
                    account: account_of(&key).to_owned(),
                    name: key.name.clone(),
                });
            }
            let description = self.describe(&key, &fresh);
            repositories.insert(key, fresh);
            Ok(description)
        })?;
        Ok(json!({ "repository": description }))
    }

    pub(super) fn describe_repositories(&self, request: DescribeRepositories) -> Result<Value, EcrError> {
        let Some(names) = &request.repository_names else {
            let account = request.registry_id.as_deref().unwrap_or(&self.identity.account);
            self.permit(&format!("arn:aws:ecr:{}:{account}:repository/*", self.region))?;
            let all = self.emulator.catalog.survey(|repositories| {
                let mine = repositories
                    .iter()
                    .filter(|(key, _)| key.registry == self.registry_host());
                mine.map(|(key, repository)| self.describe(key, repository)).collect()
            });
            let (page, next_token) = request.paging.page("repositories", all)?;
            return Ok(with_next_token(json!({ "repositories": page }), next_token));
        };
        if names.is_empty() || names.len() > 100 || request.paging.is_set() {
            return Err(EcrError::parameter(
                "repositoryNames",
                "must have 1 to 100 members, and no paging parameters",
            ));
        }
        let found: Result<Vec<Value>, EcrError> = names
            .iter()
            .map(|name| {
                let key = self.repository(request.registry_id.as_deref(), name)?;
                Ok(self
                    .emulator
                    .catalog
                    .look(&key, |repository| self.describe(&key, repository))?)
            })
            .collect();
        Ok(json!({ "repositories": found? }))
    }

    pub(super) fn delete_repository(&self, request: DeleteRepository) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        let account = account_of(&key).to_owned();
        let name = key.name.clone();
        let removed = self
            .emulator
            .catalog
            .reshape(|repositories| match repositories.get(&key) {
                None => Err(EcrError::RepositoryNotFound { name, account }),
                Some(found) if !found.images.is_empty() && !request.force => {
                    Err(EcrError::RepositoryNotEmpty { name, account })
                }
                Some(found) => {
                    let description = self.describe(&key, found);
                    repositories.remove(&key);
                    Ok(description)
                }
            })?;
        Ok(json!({ "repository": removed }))
    }

    fn describe(&self, key: &RepositoryKey, repository: &Repository) -> Value {
        let account = account_of(key);
        let mut description = json!({
            "repositoryArn": format!("arn:aws:ecr:{}:{account}:repository/{}", self.region, key.name),
            "registryId": account,
            "repositoryName": key.name,
            "repositoryUri": key.to_string(),
            "createdAt": repository.created_at,
            "imageTagMutability": repository.mutability,
        });
        let echoed = |(name, _): &(&String, &Value)| *name != "tags";
        let settings: BTreeMap<_, _> = repository.settings.iter().filter(echoed).collect();
        for (name, value) in settings {
            description[name] = value.clone();
        }
        if !repository.exclusions.is_empty() {
            let filters = repository
                .exclusions
                .iter()
                .map(|filter| json!({"filterType": "WILDCARD", "filter": filter}));
            description["imageTagMutabilityExclusionFilters"] = filters.collect();
        }
        description
    }
}

fn check_filters(mutability: Mutability, filters: Vec<ExclusionFilter>) -> Result<Vec<String>, EcrError> {
    let takes_filters = matches!(
        mutability,
        Mutability::ImmutableWithExclusion | Mutability::MutableWithExclusion
    );
    let well_formed = |filter: &ExclusionFilter| {
        filter.filter_type == "WILDCARD"
            && (1..=128).contains(&filter.filter.len())
            && filter
                .filter
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._*-".contains(&b))
            && filter.filter.matches('*').count() <= 2
    };
    if takes_filters == filters.is_empty() || filters.len() > 5 || !filters.iter().all(well_formed) {
        return Err(EcrError::parameter(
            "imageTagMutabilityExclusionFilters",
            "1 to 5 WILDCARD filters of at most two wildcards, for mutability WITH_EXCLUSION only",
        ));
    }
    Ok(filters.into_iter().map(|filter| filter.filter).collect())
}

/// Adds the token of the next page to an answer, if there is one.
pub(super) fn with_next_token(mut answer: Value, next_token: Option<String>) -> Value {
    if let Some(token) = next_token {
        answer["nextToken"] = Value::String(token);
    }
    answer
}
