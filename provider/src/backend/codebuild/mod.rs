//! Builds on AWS CodeBuild: many at once, each on a machine of its own.
//!
//! | file | part |
//! |---|---|
//! | `placement` | which machine a build runs on; pure |
//! | `remote_plan`, `buildspec`, `build.sh` | what the build is told, and what it does; pure |
//! | `files` | the archive of the build's files, and its way into the bucket |
//! | `sealed` | secrets, where only the build reads them |
//! | `run` | one build: begun, followed, stopped |
//! | `remote_log`, `failure` | what its log and its end mean; pure |

mod buildspec;
mod error;
mod failure;
mod files;
mod placement;
mod remote_log;
mod remote_plan;
mod run;
mod sealed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use fastcontainer_aws::{Aws, EcrHost, Project};
use fastcontainer_buildkit::LocalImage;
use fastcontainer_registry::{Repository, Tag, registry_host};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::build_log::BuildLog;
use super::{BackendError, BuildBackend, BuildOutcome, BuiltImage, Effort};
use crate::backend::settings::CodeBuildBuilder;
use crate::planning::cache::CacheMode;
use crate::planning::plan::BuildPlan;
use crate::planning::secrets::SecretSource;
use crate::registries::Registries;
pub use error::CodeBuildError;
pub use failure::{EndReason, Ended};
use files::Files;
pub use placement::Unsuitable;
use placement::place;
use remote_plan::{LONGEST_COMMAND, RemoteLogin, RemotePlan};
use run::Run;
pub use sealed::NotForBuild;
use sealed::{Sealed, Travelling};

/// One project of CodeBuild.
pub struct CodeBuild {
    aws: Aws,
    region: String,
    settings: CodeBuildBuilder,
    project: Project,
    files: Files,
    registries: Arc<Registries>,
}

impl CodeBuild {
    /// Looks at the project. Archives are made in `spool`.
    ///
    /// # Errors
    /// When there is no such project, or AWS cannot be asked.
    pub async fn connect(
        aws: &Aws,
        (region, settings): (&str, &CodeBuildBuilder),
        registries: Arc<Registries>,
        spool: PathBuf,
    ) -> Result<Self, CodeBuildError> {
        let codebuild = aws.code_build(region);
        let project = codebuild.project(&settings.project).await?;
        let project = project.ok_or_else(|| codebuild.project_missing(&settings.project))?;
        Ok(Self {
            files: Files::new(aws.bucket(&settings.source_bucket, region), settings, spool),
            aws: aws.clone(),
            region: region.to_owned(),
            settings: settings.clone(),
            project,
            registries,
        })
    }

    async fn build_sealed(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
        sealed: &mut Sealed,
        cancel: &CancellationToken,
    ) -> Result<BuildOutcome, CodeBuildError> {
        let placement = place(&self.settings, &self.project, &plan.options.platform).map_err(|source| {
            CodeBuildError::Unsuitable {
                project: self.project.name.clone(),
                source,
            }
        })?;
        fits(plan)?;
        let secrets = Travelling::of(&plan.secrets, &self.project)?;
        let archive = self.files.put_archive(plan, log, cancel).await?;
        log.waiting("handing the plan to CodeBuild");
        let secrets = until(cancel, sealed.put_all(secrets)).await?;
        let logins = until(cancel, self.logins(plan, sealed)).await?;
        let remote = RemotePlan::of(plan, (logins, &secrets), self.settings.buildkit_image.clone());
        let plan_object = self.files.put_plan(&remote, cancel).await?;
        let run = Run {
            codebuild: self.aws.code_build(&self.region),
            logs: self.aws.build_logs(&self.region),
            settings: &self.settings,
            placement,
            log,
        };
        let ended = run
            .build(&archive, &plan_object, sealed.variables(), (&plan.repository, cancel))
            .await?;
        Ok(BuildOutcome {
            image: BuiltImage::InRepository(ended.digest),
            effort: Effort {
                steps: ended.steps,
                cached_steps: ended.cached_steps,
                context_bytes_sent: archive.bytes_sent,
            },
            base_images: plan.pins.clone(),
            remote: Some(ended.build),
        })
    }

    /// Logins for the hosts that this build names, and for no other. The build makes those of ECR itself, with its own
    /// role; the passwords of others travel as secrets.
    async fn logins(&self, plan: &BuildPlan, sealed: &mut Sealed) -> Result<Vec<RemoteLogin>, CodeBuildError> {
        let read = plan.base_images.iter().filter_map(|reference| registry_host(reference));
        let caches = plan.cache.references().map(|cache| cache.repository.host().to_owned());
        let own = plan.repository.host().to_owned();
        let buildkit = self.settings.buildkit_image.as_deref().and_then(registry_host);
        let hosts: BTreeSet<String> = read.chain(caches).chain([own]).chain(buildkit).collect();
        let mut logins = Vec::new();
        for host in hosts {
            if let Some(ecr) = EcrHost::parse(&host) {
                logins.push(RemoteLogin::of_ecr(&host, &ecr.region));
            } else if let Some(found) = self.registries.credential(&host).await? {
                let variable = sealed.put(&found.password).await?;
                logins.push(RemoteLogin::with_password(&host, &found.username, variable));
            }
        }
        Ok(logins)
    }
}

/// Whether the options of `plan` can be handed to a program.
fn fits(plan: &BuildPlan) -> Result<(), CodeBuildError> {
    let size = RemotePlan::of(plan, (Vec::new(), &BTreeMap::new()), None).longest_command();
    if size <= LONGEST_COMMAND {
        return Ok(());
    }
    Err(CodeBuildError::OptionsTooLong {
        size,
        limit: LONGEST_COMMAND,
    })
}

/// What `work` comes to, unless the operation is cancelled first.
async fn until<T, E: Into<CodeBuildError>>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, CodeBuildError> {
    tokio::select! {
        done = work => done.map_err(Into::into),
        () = cancel.cancelled() => Err(CodeBuildError::Cancelled),
    }
}

#[async_trait]
impl BuildBackend for CodeBuild {
    fn name(&self) -> &'static str {
        "codebuild"
    }

    /// The machine and its cache are gone after the build.
    fn cache_habit(&self) -> CacheMode {
        CacheMode::Min
    }

    async fn build(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
        cancel: &CancellationToken,
    ) -> Result<BuildOutcome, BackendError> {
        log.conceal(plan.secrets.values().filter_map(|source| match source {
            SecretSource::Value(value) => Some(value.expose_secret()),
            SecretSource::Aws(_) => None,
        }));
        let mut sealed = Sealed::new(self.aws.parameters(&self.region))?;
        let building = self.build_sealed(plan, log, &mut sealed, cancel);
        // What has begun ends by itself soon after a cancellation: a build is stopped, an upload thrown away.
        let outcome = building.await;
        sealed.remove(cancel.is_cancelled()).await;
        Ok(outcome?)
    }

    async fn push(
        &self,
        _image: &LocalImage,
        _repository: &Repository,
        _tag: &Tag,
        _cancel: &CancellationToken,
    ) -> Result<String, BackendError> {
        unreachable!("builds on CodeBuild push by themselves")
    }
}
