//! Makes an image that the state does not have: adopt what the registry holds under the content tag, or build.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use fastcontainer_build_context::{Selection, Snapshot};
use fastcontainer_buildkit::{ContextView, NamedContextSource};
use fastcontainer_dockerfile::{NamedContext, is_predefined_arg};

use super::apply::{Prior, Wanted, content_tag};
use super::base_images::digests_to_use;
use super::builds::suits;
use super::content::Content;
use super::error::ImageError;
use super::inputs::IMAGE_SCHEME;
use super::operation::Operation;
use super::outputs::{Build, ImageOutputs};
use super::publish::{Place, tagged};
use super::published::Published;
use super::reasons::{BaseDigests, record, why};
use super::recheck::{checked_content, remember_files};
use crate::backend::Effort;
use crate::backend::build_log::BuildLog;
use crate::backend::select::Builder;
use crate::planning::cache::CachePlan;
use crate::planning::content_tag::{ContentTag, ReuseScope};
use crate::planning::decision::{Decision, Facts, Presence, decide};
use crate::planning::fingerprint::Fingerprint;
use crate::planning::needs::PlatformNeeds;
use crate::planning::plan::BuildPlan;
use crate::planning::reason::{Reason, sentence};
use crate::planning::record::shortened;

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
    let place = Place::of(&wanted.inputs, tag)?;
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
        .map_or(Presence::Missing, |found| Presence::Found(found.digest.clone()));
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
        (Decision::Reuse { .. }, Some(found)) => Ok(making.adopt(&content, found)),
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

/// An image in the making.
pub(super) struct Making<'a> {
    pub(super) op: &'a Operation,
    pub(super) wanted: &'a Wanted,
    pub(super) prior: Option<&'a Prior>,
    pub(super) place: Place,
    fingerprint: Fingerprint,
    started: Started,
}

impl Making<'_> {
    /// Whoever built the image knows from which base images.
    fn adopt(&self, content: &Content, found: Published) -> ImageOutputs {
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
        let content = content.filter(|_| builder.has_free_slot());
        let slot = op.session.build_slot(builder, &op.cancel).await?;
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
        suits(op, backend.as_ref(), &content, &self.wanted.inputs.build_options()).await?;
        reasons.splice(
            0..0,
            why(op, self.wanted, self.prior, Some((&content, &shortened(&pins)))).reasons,
        );
        let log = BuildLog::open(&op.session.log_directory(), &op.urn.name, op.reporter.clone());
        let outcomes = self
            .run((builder, backend.as_ref()), (&content, &pins), &log, slot)
            .await;
        log.close();
        let outcomes = outcomes?;
        let remote: Vec<_> = outcomes
            .iter()
            .filter_map(|(_, outcome)| outcome.remote.clone())
            .collect();
        let (published, effort, base_images) = self.publish(backend.as_ref(), outcomes).await?;
        let reasons = sentence(&reasons);
        let said = summary(&self.started, backend.name(), effort, &reasons);
        op.reporter.info(&format!("{}: {said}", op.urn.name));
        // Endpoints that cannot be told which images to use do not always say which they used.
        let mut known = base_images.clone();
        known.extend(pins);
        let built = Built {
            build: Build {
                build_id: joined(remote.iter().map(|build| Some(build.id.as_str()))),
                log_url: joined(remote.iter().map(|build| build.log_url.as_deref())),
                ..self.started.build(backend.name(), reasons, false, effort)
            },
            record: self.record(&content, &known),
            base_images,
        };
        Ok(self.outputs(published, built))
    }

    fn record(&self, content: &Content, digests: &BaseDigests) -> String {
        record(content, &shortened(digests), &self.wanted.inputs.build_options())
    }

    pub(super) async fn look_again(&self) -> Result<Content, ImageError> {
        let wanted = Wanted {
            inputs: self.wanted.inputs.clone(),
            fingerprint: self.fingerprint.clone(),
            fingerprint_ignored: false,
            imported: false,
        };
        Ok(checked_content(self.op, &wanted).await?.0)
    }

    /// The build for one of the platforms.
    pub(super) fn plan(&self, content: &Content, needs: &PlatformNeeds, pins: &BaseDigests) -> BuildPlan {
        let options = self.wanted.inputs.build_options();
        let resource = match options.is_for_several_platforms() {
            // Builds that run side by side each need a send record.
            true => format!("{} {}", self.op.urn.name, needs.platform),
            false => self.op.urn.name.clone(),
        };
        let mut options = options.for_platform(&needs.platform);
        options.target.clone_from(&needs.target);
        let several = content.needs.builds.len() > 1;
        let view = |name: Option<&str>, snapshot: &Arc<Snapshot>| ContextView {
            // What another platform reads is of no use to this one.
            snapshot: match needs.patterns(name).filter(|_| several) {
                Some(patterns) => Arc::new(snapshot.narrowed(&Selection::of(patterns))),
                None => snapshot.clone(),
            },
            follow: needs.follow_paths(name),
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
            base_images: base_images(content, needs),
            pins: pins.clone(),
            no_cache: self.wanted.inputs.no_cache.unwrap_or(false),
            repository: self.place.repository.clone(),
            tag: self.place.tag_of(&needs.platform),
            fingerprint: self.fingerprint.total.clone(),
            secrets: BTreeMap::new(),
            cache: CachePlan::default(),
            project: self.op.urn.project.clone(),
            resource,
            options,
        }
    }

    fn outputs(&self, published: Published, built: Built) -> ImageOutputs {
        outputs(&self.fingerprint, &self.place, published, built)
    }
}

/// What is known of an image beside its manifest.
struct Built {
    build: Build,
    base_images: BaseDigests,
    record: String,
}

/// The outputs that adopting `published` would give.
#[must_use]
pub fn described(wanted: &Wanted, place: &Place, published: Published) -> ImageOutputs {
    let built = Built {
        build: adoption(&Started::now(), place),
        base_images: BaseDigests::new(),
        record: String::new(),
    };
    outputs(&wanted.fingerprint, place, published, built)
}

fn adoption(started: &Started, place: &Place) -> Build {
    let reason = format!("adopted: this content is already in the registry as {}", place.tag);
    started.build("none", reason, true, Effort::default())
}

fn outputs(fingerprint: &Fingerprint, place: &Place, published: Published, built: Built) -> ImageOutputs {
    let Place { repository, tag, .. } = place;
    let Published {
        digest,
        platform_digests,
        size_bytes,
    } = published;
    ImageOutputs {
        image_uri: format!("{repository}@{digest}"),
        content_tag: tag.to_string(),
        content_tag_uri: format!("{repository}:{tag}"),
        fingerprint: fingerprint.clone().into(),
        platform_digests,
        base_image_digests: built.base_images,
        size_bytes: size_bytes as f64,
        digest,
        build: built.build,
        record: Some(built.record).filter(|record| !record.is_empty()),
    }
}

/// The images that a build reads, the frontend's included. Credentials go to their hosts only.
fn base_images(content: &Content, needs: &PlatformNeeds) -> Vec<String> {
    let images = needs.images.iter().cloned();
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
            build_id: None,
            log_url: None,
        }
    }
}

/// One text of those that there are: an image for several platforms has several builds.
fn joined<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let texts: Vec<_> = texts.flatten().collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}
