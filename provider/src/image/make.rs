//! Makes an image that the state does not have: adopt what the registry holds under the content tag, or build.

use std::time::{Instant, SystemTime};

use fastcontainer_dockerfile::is_predefined_arg;
use fastcontainer_registry::Manifest;

use super::apply::{Wanted, content_tag};
use super::content::Content;
use super::error::ImageError;
use super::operation::Operation;
use super::outputs::{Build, ImageOutputs};
use super::publish::{Place, publish, tagged};
use super::recheck::{checked_content, remember_files};
use crate::backend::Effort;
use crate::backend::build_log::BuildLog;
use crate::backend::select::Builder;
use crate::planning::content_tag::{ContentTag, ReuseScope};
use crate::planning::decision::{Decision, Facts, Presence, decide};
use crate::planning::fingerprint::Fingerprint;
use crate::planning::options::BuildOptions;
use crate::planning::plan::BuildPlan;
use crate::planning::reason::{Reason, sentence};

/// Adopts or builds the wanted image.
///
/// # Errors
/// See [`ImageError`].
pub async fn make(
    op: &Operation,
    wanted: &Wanted,
    in_state: Option<Presence>,
    reasons: Vec<Reason>,
) -> Result<ImageOutputs, ImageError> {
    let started = Started::now();
    let (content, fingerprint) = checked_content(op, wanted).await?;
    remember_files(op, &content, &fingerprint);
    let shared = content_tag(op, &wanted.inputs, &fingerprint);
    let may_adopt = shared.is_some();
    let tag = shared.map_or_else(|| own_tag(op, &fingerprint), Ok)?;
    let place = Place {
        repository: wanted.inputs.repository()?,
        tag,
    };
    // An address that cannot be used matters only when there is something to build.
    let builder = op.session.builder(&wanted.inputs);
    let address = builder.as_ref().map(Builder::address).unwrap_or_default();
    let alone = op
        .session
        .contents
        .lock(&format!("{} {address}", place.tag), &op.cancel)
        .await?;
    let found = if may_adopt { tagged(op, &place).await? } else { None };
    let content_tag = found
        .as_ref()
        .map_or(Presence::Missing, |found| Presence::Found(found.digest.to_string()));
    let making = Making {
        op,
        wanted,
        place,
        fingerprint,
        started,
    };
    match (decide(Facts { in_state, content_tag }, reasons), found) {
        (Decision::Build { reasons }, _) => {
            making
                .build(&builder?, (!alone.waited()).then_some(content), &reasons)
                .await
        }
        (Decision::Reuse { .. }, Some(found)) => Ok(making.adopt(&found)),
        (Decision::Reuse { .. }, None) => unreachable!("only a found image is reused"),
    }
}

fn own_tag(op: &Operation, fingerprint: &Fingerprint) -> Result<ContentTag, ImageError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| ImageError::NoRandomness)?;
    Ok(ContentTag::derive(
        op.session.reuse_key(),
        &fingerprint.total,
        &ReuseScope::Never(random),
    ))
}

struct Making<'a> {
    op: &'a Operation,
    wanted: &'a Wanted,
    place: Place,
    fingerprint: Fingerprint,
    started: Started,
}

impl Making<'_> {
    fn adopt(&self, found: &Manifest) -> ImageOutputs {
        let build = adoption(&self.started, &self.place);
        self.op
            .reporter
            .info(&format!("{}: {}", self.op.urn.name, build.reason));
        self.outputs(found, build)
    }

    /// Builds when a build slot is free. `content` is absent after a wait: then the disk is looked at again.
    async fn build(
        &self,
        builder: &Builder,
        content: Option<Content>,
        reasons: &[Reason],
    ) -> Result<ImageOutputs, ImageError> {
        let op = self.op;
        op.reporter.status("waiting for a free build slot");
        let slot = op.session.build_slot(&op.cancel).await?;
        let content = match content.filter(|_| !slot.waited()) {
            Some(content) => content,
            None => self.look_again().await?,
        };
        warn_about_unused_args(op, &content, self.wanted);
        let backend = builder.connect(&op.cancel).await?;
        let dockerfile = content.dockerfile.clone();
        let plan = self.plan(content);
        let log = BuildLog::open(&op.session.log_directory(), &op.urn.name, op.reporter.clone());
        let outcome = backend.build(&plan, &log, &op.cancel).await;
        log.close();
        let outcome =
            outcome.map_err(|source| ImageError::build(source, &dockerfile, &plan.dockerfile_name, log.path()))?;
        let manifest = publish(op, &self.place, backend.as_ref(), &outcome).await?;
        let said = summary(&self.started, backend.name(), outcome.effort, &sentence(reasons));
        op.reporter.info(&format!("{}: {said}", op.urn.name));
        Ok(self.outputs(
            &manifest,
            self.started
                .build(backend.name(), sentence(reasons), false, outcome.effort),
        ))
    }

    async fn look_again(&self) -> Result<Content, ImageError> {
        let wanted = Wanted {
            inputs: self.wanted.inputs.clone(),
            fingerprint: self.fingerprint.clone(),
            fingerprint_ignored: false,
            imported: false,
        };
        Ok(checked_content(self.op, &wanted).await?.0)
    }

    fn plan(&self, content: Content) -> BuildPlan {
        let mut options = self.wanted.inputs.build_options();
        // The frontend knows stages by name only; the one that may go without a name is the last, its default.
        if let Ok(resolved) = content.resolve(&self.wanted.inputs.build_options()) {
            options.target = options.target.and_then(|_| resolved.target().name.clone());
        }
        let base_images = base_images(&content, &options);
        BuildPlan {
            dockerfile_name: content.dockerfile_name,
            dockerfile: content.dockerfile_bytes,
            context: content.snapshot,
            base_images,
            no_cache: self.wanted.inputs.no_cache.unwrap_or(false),
            repository: self.place.repository.clone(),
            project: self.op.urn.project.clone(),
            resource: self.op.urn.name.clone(),
            options,
        }
    }

    fn outputs(&self, manifest: &Manifest, build: Build) -> ImageOutputs {
        outputs(self.wanted, &self.fingerprint, &self.place, manifest, build)
    }
}

/// The outputs that adopting `manifest` would give.
#[must_use]
pub fn described(wanted: &Wanted, place: &Place, manifest: &Manifest) -> ImageOutputs {
    outputs(
        wanted,
        &wanted.fingerprint,
        place,
        manifest,
        adoption(&Started::now(), place),
    )
}

fn adoption(started: &Started, place: &Place) -> Build {
    let reason = format!("adopted: this content is already in the registry as {}", place.tag);
    started.build("none", reason, true, Effort::default())
}

fn outputs(
    wanted: &Wanted,
    fingerprint: &Fingerprint,
    place: &Place,
    manifest: &Manifest,
    build: Build,
) -> ImageOutputs {
    let (Place { repository, tag }, digest) = (place, manifest.digest.to_string());
    ImageOutputs {
        image_uri: format!("{repository}@{digest}"),
        content_tag: tag.to_string(),
        content_tag_uri: format!("{repository}:{tag}"),
        fingerprint: fingerprint.clone().into(),
        platform_digests: [(wanted.inputs.build_options().platform, digest.clone())].into(),
        size_bytes: manifest.size_bytes as f64,
        digest,
        build,
    }
}

/// The images that a build reads, the frontend's included. Credentials go to their hosts only.
fn base_images(content: &Content, options: &BuildOptions) -> Vec<String> {
    let named = content
        .resolve(options)
        .map(|resolved| resolved.external_images())
        .unwrap_or_default();
    named
        .into_iter()
        .chain(content.dockerfile.syntax())
        .map(|image| image.reference)
        .collect()
}

/// A build argument that no `ARG` declares does nothing; Docker says so, and so do we, when a build runs.
fn warn_about_unused_args(op: &Operation, content: &Content, wanted: &Wanted) {
    let declared = content.dockerfile.declared_args();
    let given = wanted
        .inputs
        .build_args
        .iter()
        .flat_map(std::collections::BTreeMap::keys);
    for name in given.filter(|name| !declared.contains(*name) && !is_predefined_arg(name)) {
        op.reporter.warning(&format!(
            "{}: build arg `{name}` is not used: no `ARG {name}` in {}",
            op.urn.name, content.dockerfile_name
        ));
    }
}

/// Such as `built in 34 s on buildkit, 6/9 steps cached, 1.2 MB sent – 1 file changed: src/app.py modified`.
fn summary(started: &Started, backend: &str, effort: Effort, reasons: &str) -> String {
    format!(
        "built in {} on {backend}, {}/{} steps cached, {} sent – {reasons}",
        seconds(started.elapsed()),
        effort.cached_steps,
        effort.steps,
        bytes(effort.context_bytes_sent),
    )
}

fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.0} s")
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// When an operation began, by both clocks.
struct Started {
    clock: SystemTime,
    instant: Instant,
}

impl Started {
    fn now() -> Self {
        Self {
            clock: SystemTime::now(),
            instant: Instant::now(),
        }
    }

    fn elapsed(&self) -> f64 {
        self.instant.elapsed().as_secs_f64()
    }

    fn build(&self, backend: &str, reason: String, reused: bool, effort: Effort) -> Build {
        Build {
            backend: backend.to_owned(),
            reason,
            reused,
            started_at: humantime::format_rfc3339_seconds(self.clock).to_string(),
            duration_seconds: (self.elapsed() * 1000.0).round() / 1000.0,
            steps: effort.steps,
            cached_steps: effort.cached_steps,
            context_bytes_sent: effort.context_bytes_sent as f64,
        }
    }
}
