//! Runs the builds behind an image: one for each platform, side by side, and joins what they made.
//!
//! Each build takes a build slot of its own and holds none while it waits for one. The first failure ends the others.
//! What the builder cannot do is refused before anything runs: steps with programs of a platform that it cannot run.

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{ResolveRequest, RunUse, platform_args};
use futures_util::future::join_all;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::caches::caches_for_build;
use super::content::Content;
use super::error::ImageError;
use super::make::Making;
use super::operation::Operation;
use super::publish::{publish, publish_index};
use super::published::Published;
use super::reasons::BaseDigests;
use super::secrets::secrets_for_build;
use crate::backend::build_log::BuildLog;
use crate::backend::select::Builder;
use crate::backend::{BuildBackend, BuildOutcome, BuiltImage, Effort, Execution};
use crate::planning::options::BuildOptions;
use crate::planning::secrets::SecretSource;
use crate::sharing::Held;

/// What one build needs to run.
struct Running<'a> {
    builder: &'a Builder,
    backend: &'a dyn BuildBackend,
    content: &'a Content,
    pins: &'a BaseDigests,
    secrets: BTreeMap<String, SecretSource>,
    log: &'a BuildLog,
    stop: CancellationToken,
}

/// A build slot in use.
pub(super) type Slot = Held<OwnedSemaphorePermit>;

impl Making<'_> {
    /// Runs the build of each platform, in the order of the platforms; the first one has its slot already.
    pub(super) async fn run(
        &self,
        (builder, backend): (&Builder, &dyn BuildBackend),
        (content, pins): (&Content, &BaseDigests),
        log: &BuildLog,
        slot: Slot,
    ) -> Result<Vec<(String, BuildOutcome)>, ImageError> {
        let running = Running {
            builder,
            backend,
            content,
            pins,
            secrets: secrets_for_build(self.op, &self.wanted.inputs, content).await?,
            log,
            stop: self.op.cancel.child_token(),
        };
        let mut slot = Some(slot);
        let builds = (0..content.needs.builds.len()).map(|at| self.run_one(&running, at, slot.take()));
        let ended = join_all(builds).await;
        // The others were told to end by the one that failed.
        let (done, failed): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        let mut failed: Vec<_> = failed.into_iter().filter_map(Result::err).collect();
        let cause = failed.iter().position(|error| !error.is_cancelled()).unwrap_or(0);
        if failed.is_empty() {
            Ok(done.into_iter().filter_map(Result::ok).collect())
        } else {
            Err(failed.swap_remove(cause))
        }
    }

    async fn run_one(
        &self,
        running: &Running<'_>,
        at: usize,
        slot: Option<Slot>,
    ) -> Result<(String, BuildOutcome), ImageError> {
        let outcome = self.build_one(running, at, slot).await;
        if outcome.is_err() {
            running.stop.cancel();
        }
        outcome
    }

    async fn build_one(
        &self,
        running: &Running<'_>,
        at: usize,
        slot: Option<Slot>,
    ) -> Result<(String, BuildOutcome), ImageError> {
        let Running {
            builder,
            backend,
            content,
            pins,
            secrets,
            log,
            stop,
        } = running;
        let waited = slot.is_none() && !builder.has_free_slot();
        let _slot = match slot {
            Some(slot) => slot,
            None => self.op.session.build_slot(builder, stop).await?,
        };
        if waited {
            // The disk may hold something else by now.
            self.look_again().await?;
        }
        let needs = &content.needs.builds[at];
        let several = content.needs.builds.len() > 1;
        let own_log = several.then(|| log.for_platform(&needs.platform));
        let mut plan = self.plan(content, needs, pins);
        plan.secrets.clone_from(secrets);
        plan.cache = caches_for_build(self.op, (self.wanted, self.prior), &plan.options, backend.cache_habit()).await?;
        let outcome = backend.build(&plan, own_log.as_ref().unwrap_or(log), stop).await;
        let outcome = outcome.map_err(|source| {
            let dockerfile = &content.dockerfile;
            let error = ImageError::build(log.shown(source), &dockerfile.parsed, &dockerfile.name, log.path());
            if several { error.on(&needs.platform) } else { error }
        })?;
        Ok((needs.platform.clone(), outcome))
    }

    /// Publishes what the builds made; says what they took, and which base images they used.
    pub(super) async fn publish(
        &self,
        backend: &dyn BuildBackend,
        outcomes: Vec<(String, BuildOutcome)>,
    ) -> Result<(Published, Effort, BaseDigests), ImageError> {
        let published = match outcomes.as_slice() {
            [(_, outcome)] => publish(self.op, &self.place, backend, outcome).await?,
            several => {
                let images = several.iter().filter_map(|(platform, outcome)| match &outcome.image {
                    BuiltImage::InRepository(digest) => Some((platform.clone(), digest.clone())),
                    BuiltImage::OnBuilder(_) => None,
                });
                publish_index(self.op, &self.place, &images.collect::<BTreeMap<_, _>>()).await?
            }
        };
        let (mut effort, mut base_images) = (Effort::default(), BaseDigests::new());
        for (_, outcome) in outcomes {
            effort += outcome.effort;
            base_images.extend(outcome.base_images);
        }
        Ok((published, effort, base_images))
    }
}

/// Refuses a build that the builder cannot run, and says when it will run under emulation.
///
/// # Errors
/// When the builder cannot join platforms, or cannot run programs that a step starts.
pub(super) async fn suits(
    op: &Operation,
    backend: &dyn BuildBackend,
    content: &Content,
    options: &BuildOptions,
) -> Result<(), ImageError> {
    if options.is_for_several_platforms() {
        backend.joins_platforms()?;
    }
    let mut asked = BTreeMap::new();
    for platform in options.platforms() {
        for run in runs(
            content,
            &options.for_platform(platform),
            &backend.build_platform(platform),
        ) {
            let program = run.platform.unwrap_or_else(|| platform.to_owned());
            asked.entry(program).or_insert(run.line);
        }
    }
    for (platform, line) in asked {
        match backend.execution(&platform, &op.cancel).await? {
            Execution::Native => {}
            Execution::Emulated => op.reporter.info(&format!(
                "{}: {platform} is emulated here (QEMU): slow; a builder of that platform is faster, and so is \
                 cross-compiling in a stage `FROM --platform=$BUILDPLATFORM`",
                op.urn.name
            )),
            Execution::Missing { builder, offered } => {
                return Err(ImageError::CannotRun {
                    platform,
                    dockerfile: content.dockerfile.name.clone(),
                    line,
                    builder,
                    offered: offered.join(", "),
                });
            }
        }
    }
    Ok(())
}

/// Whose programs the steps of one build start when it runs on `own`. Now the builder's platform is known, on which
/// stages may depend; a Dockerfile that cannot be read with it will fail in the build.
fn runs(content: &Content, options: &BuildOptions, own: &str) -> Vec<RunUse> {
    let request = ResolveRequest {
        target: options.target.as_deref(),
        build_args: &options.build_args,
        platform: &platform_args(own, &options.platform),
        named_contexts: &options.named_contexts,
    };
    let resolved = content.dockerfile.parsed.resolve(&request);
    resolved.map(|resolved| resolved.run_platforms()).unwrap_or_default()
}
