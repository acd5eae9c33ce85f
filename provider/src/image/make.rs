//! Makes an image that the state does not have: adopt what the registry holds under the content tag, or build.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use fastcontainer_build_context::Snapshot;
use fastcontainer_buildkit::{ContextView, NamedContextSource};
use fastcontainer_dockerfile::{NamedContext, is_predefined_arg};
use fastcontainer_registry::Manifest;

use super::apply::{Prior, Wanted, content_tag};
use super::base_images::digests_to_use;
use super::content::Content;
use super::error::ImageError;
use super::inputs::IMAGE_SCHEME;
use super::operation::Operation;
use super::outputs::{Build, ImageOutputs};
use super::publish::{Place, publish, tagged};
use super::reasons::{BaseDigests, record, why};
use super::recheck::{checked_content, remember_files};
use crate::backend::Effort;
use crate::backend::build_log::BuildLog;
use crate::backend::select::Builder;
use crate::planning::content_tag::{ContentTag, ReuseScope};
use crate::planning::decision::{Decision, Facts, Presence, decide};
use crate::planning::fingerprint::Fingerprint;
use crate::planning::plan::BuildPlan;
use crate::planning::reason::{Reason, sentence};

/// Adopts or builds the wanted image.
///
/// # Errors
/// See [`ImageError`].
pub async fn make(
    op: &Operation,
    wanted: &Wanted,
    prior: Option<&Prior>,
    in_state: Option<Presence>,
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
        prior,
        place,
        fingerprint,
        started,
    };
    match (decide(Facts { in_state, content_tag }, Vec::new()), found) {
        (Decision::Build { reasons }, _) => {
            making
                .build(&builder?, (!alone.waited()).then_some(content), reasons)
                .await
        }
        (Decision::Reuse { .. }, Some(found)) => Ok(making.adopt(&content, &found)),
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
    prior: Option<&'a Prior>,
    place: Place,
    fingerprint: Fingerprint,
    started: Started,
}

impl Making<'_> {
    /// Whoever built the image knows from which base images.
    fn adopt(&self, content: &Content, found: &Manifest) -> ImageOutputs {
        let build = adoption(&self.started, &self.place);
        self.op
            .reporter
            .info(&format!("{}: {}", self.op.urn.name, build.reason));
        let base_images = BaseDigests::new();
        let record = self.record(content, &base_images);
        self.outputs(
            found,
            Built {
                build,
                base_images,
                record,
            },
        )
    }

    /// Builds when a build slot is free. `content` is absent after a wait: then the disk is looked at again.
    async fn build(
        &self,
        builder: &Builder,
        content: Option<Content>,
        mut reasons: Vec<Reason>,
    ) -> Result<ImageOutputs, ImageError> {
        let op = self.op;
        op.reporter.status("waiting for a free build slot");
        // After a wait the disk is read again, so nothing big is kept in memory for it.
        let content = content.filter(|_| op.session.has_free_build_slot());
        let slot = op.session.build_slot(&op.cancel).await?;
        let content = match content.filter(|_| !slot.waited()) {
            Some(content) => content,
            None => self.look_again().await?,
        };
        warn_about_unused_args(op, &content, self.wanted);
        let (backend, pins) = tokio::join!(
            builder.connect(&op.cancel),
            digests_to_use(op, self.wanted, &content.needs)
        );
        let (backend, pins) = (backend?, pins?);
        reasons.splice(0..0, why(op, self.wanted, self.prior, Some((&content, &pins))).reasons);
        let plan = self.plan(&content, pins.clone());
        let log = BuildLog::open(&op.session.log_directory(), &op.urn.name, op.reporter.clone());
        let outcome = backend.build(&plan, &log, &op.cancel).await;
        log.close();
        let outcome = outcome.map_err(|source| {
            ImageError::build(source, &content.dockerfile.parsed, &content.dockerfile.name, log.path())
        })?;
        let manifest = publish(op, &self.place, backend.as_ref(), &outcome).await?;
        let reasons = sentence(&reasons);
        let said = summary(&self.started, backend.name(), outcome.effort, &reasons);
        op.reporter.info(&format!("{}: {said}", op.urn.name));
        // Endpoints that cannot be told which images to use do not always say which they used.
        let mut known = outcome.base_images.clone();
        known.extend(pins);
        let built = Built {
            build: self.started.build(backend.name(), reasons, false, outcome.effort),
            record: self.record(&content, &known),
            base_images: outcome.base_images,
        };
        Ok(self.outputs(&manifest, built))
    }

    fn record(&self, content: &Content, base_images: &BaseDigests) -> String {
        record(content, base_images, &self.wanted.inputs.build_options())
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

    fn plan(&self, content: &Content, pins: BaseDigests) -> BuildPlan {
        let mut options = self.wanted.inputs.build_options();
        options.target.clone_from(&content.needs.target);
        let view = |name: Option<&str>, snapshot: &Arc<Snapshot>| ContextView {
            snapshot: snapshot.clone(),
            follow: content.needs.follow_paths(name),
        };
        let named_contexts = options.named_contexts.iter().filter_map(|(name, context)| {
            let source = match context {
                NamedContext::Image(reference) => NamedContextSource::Image(format!("{IMAGE_SCHEME}{reference}")),
                NamedContext::Directory => NamedContextSource::Directory(view(Some(name), content.named.get(name)?)),
            };
            Some((name.clone(), source))
        });
        BuildPlan {
            dockerfile_name: content.dockerfile.name.clone(),
            dockerfile: content.dockerfile.bytes.clone(),
            context: view(None, &content.context),
            named_contexts: named_contexts.collect(),
            base_images: base_images(content),
            pins,
            no_cache: self.wanted.inputs.no_cache.unwrap_or(false),
            repository: self.place.repository.clone(),
            project: self.op.urn.project.clone(),
            resource: self.op.urn.name.clone(),
            options,
        }
    }

    fn outputs(&self, manifest: &Manifest, built: Built) -> ImageOutputs {
        outputs(self.wanted, &self.fingerprint, &self.place, manifest, built)
    }
}

/// What is known of an image beside its manifest.
struct Built {
    build: Build,
    base_images: BaseDigests,
    record: String,
}

/// The outputs that adopting `manifest` would give.
#[must_use]
pub fn described(wanted: &Wanted, place: &Place, manifest: &Manifest) -> ImageOutputs {
    let built = Built {
        build: adoption(&Started::now(), place),
        base_images: BaseDigests::new(),
        record: String::new(),
    };
    outputs(wanted, &wanted.fingerprint, place, manifest, built)
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
    built: Built,
) -> ImageOutputs {
    let (Place { repository, tag }, digest) = (place, manifest.digest.to_string());
    ImageOutputs {
        image_uri: format!("{repository}@{digest}"),
        content_tag: tag.to_string(),
        content_tag_uri: format!("{repository}:{tag}"),
        fingerprint: fingerprint.clone().into(),
        platform_digests: [(wanted.inputs.build_options().platform, digest.clone())].into(),
        base_image_digests: built.base_images,
        size_bytes: manifest.size_bytes as f64,
        digest,
        build: built.build,
        record: Some(built.record).filter(|record| !record.is_empty()),
    }
}

/// The images that a build reads, the frontend's included. Credentials go to their hosts only.
fn base_images(content: &Content) -> Vec<String> {
    let images = content.needs.images.iter().cloned();
    let images = images.chain(content.dockerfile.parsed.syntax());
    images.map(|image| image.reference).collect()
}

/// A build argument that no `ARG` declares does nothing; Docker says so, and so do we, when a build runs.
fn warn_about_unused_args(op: &Operation, content: &Content, wanted: &Wanted) {
    let declared = content.dockerfile.parsed.declared_args();
    let given = wanted.inputs.build_args.iter().flat_map(BTreeMap::keys);
    for name in given.filter(|name| !declared.contains(*name) && !is_predefined_arg(name)) {
        op.reporter.warning(&format!(
            "{}: build arg `{name}` is not used: no `ARG {name}` in {}",
            op.urn.name, content.dockerfile.name
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
